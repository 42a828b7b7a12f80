"""Google's callbacks: what it signed for us is believed, and nothing else, and nobody makes us ask Google for keys all day."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from google_cafe import IDS, NOON, Answers, Phone, open_phone, wallet_for

from passes.wallets.base import Answer, Ask, Unreachable
from passes.wallets.google import BadSignature, Foreign, Forged, Google, KeysUnavailable, Malformed, Stale, length_prefixed


@pytest.fixture
async def phone(tmp_path: Path):
    async with open_phone(tmp_path) as phone:
        await phone.ensure()
        yield phone


async def heard(phone: Phone, body: bytes, *, at=NOON, wallet: Google | None = None):
    return await (wallet or phone.wallet).verify_callback(body, http=phone.http, now=at)


def keys_fetched(phone: Phone) -> int:
    return sum(one.path == "/gp/m/issuer/keys" for one in phone.google.requests)


def changed(body: bytes, **fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(body), **fields})


@pytest.mark.parametrize("event", ["save", "del"])
async def test_what_google_signed_for_us_is_believed(phone: Phone, event):
    callback = await heard(phone, phone.google.callback(phone.installation.address, event, nonce="n-1"))
    assert callback.event == event
    assert callback.nonce == "n-1"
    assert callback.object_id == phone.installation.address
    assert callback.class_id == phone.wallet.class_id(IDS["program"])
    assert callback.card_id == IDS["card"]
    assert callback.at == NOON


async def test_a_person_who_saves_and_deletes_is_heard_at_the_classes_address(phone: Phone):
    """The address is a real one here: a server that verifies what arrives."""
    arrived = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        arrived.append(await heard(phone, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        phone.wallet = wallet_for(phone.google, public_url=address)
        await phone.ensure()
        await phone.save()
        await phone.google.delete(phone.installation.address)
    assert [(one.event, one.card_id) for one in arrived] == [("save", IDS["card"]), ("del", IDS["card"])]
    assert arrived[0].nonce != arrived[1].nonce
    assert [one.status for one in phone.google.deliveries] == [200, 200]
    assert phone.card["hasUsers"] is False


async def test_a_callback_that_nobody_took_is_sent_again(phone: Phone):
    phone.wallet = wallet_for(phone.google, public_url="http://127.0.0.1:1")
    await phone.ensure()
    phone.known = None
    await phone.save()
    assert [one.status for one in phone.google.deliveries] == [None]
    await phone.google.retry_callbacks()
    assert len(phone.google.deliveries) == 1


async def test_the_stand_in_speaks_to_nobody_but_this_machine(phone: Phone):
    await phone.save()
    (delivery,) = phone.google.deliveries
    assert (delivery.url, delivery.status) == ("https://cards.example/google/callback", None)


async def test_a_card_of_another_system_under_our_issuer_is_believed_and_is_no_card_of_ours(phone: Phone):
    body = phone.google.callback(f"{phone.google.issuer}.loyalty-7", "save", class_id=f"{phone.google.issuer}.old")
    assert (await heard(phone, body)).card_id is None


async def test_lengths_are_counted_in_bytes(phone: Phone):
    body = phone.google.callback(f"{phone.google.issuer}.thẻ-☕", "save", class_id=f"{phone.google.issuer}.cà-phê")
    assert (await heard(phone, body)).class_id.endswith("cà-phê")
    assert length_prefixed("é", "") == b"\x02\x00\x00\x00\xc3\xa9\x00\x00\x00\x00"


async def test_a_callback_for_another_issuer_is_not_ours(phone: Phone):
    body = phone.google.callback("1234.card", "save", class_id="1234.class", issuer="1234")
    with pytest.raises(BadSignature, match="not for this issuer"):
        await heard(phone, body)


async def test_a_callback_signed_for_us_about_anothers_card_is_foreign(phone: Phone):
    for stranger in (f"{phone.google.issuer}9.card", "1234.card"):
        with pytest.raises(Foreign):
            await heard(phone, phone.google.callback(stranger, "save", class_id=f"{phone.google.issuer}.class"))
    with pytest.raises(Foreign):
        await heard(phone, phone.google.callback(phone.installation.address, "save", class_id="1234.class"))


async def test_a_callback_past_its_end_is_stale(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save", expires_in=timedelta(seconds=10))
    await heard(phone, body, at=NOON + timedelta(seconds=9))
    with pytest.raises(Stale, match="message"):
        await heard(phone, body, at=NOON + timedelta(seconds=10))


async def test_a_signing_key_past_its_end_is_stale(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save", key_expires_in=timedelta(0))
    with pytest.raises(Stale, match="key"):
        await heard(phone, body)


async def test_a_message_that_was_changed_is_not_signed(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save")
    message = msgspec.json.decode(body)["signedMessage"]
    for other in (message.replace('"save"', '"del"'), message + " ", message.replace('":', '": ')):
        with pytest.raises(BadSignature):
            await heard(phone, changed(body, signedMessage=other))


async def test_a_signing_key_that_google_did_not_sign_is_not_believed(phone: Phone, tmp_path: Path):
    (tmp_path / "other").mkdir()
    async with open_phone(tmp_path / "other") as forger:
        await forger.ensure()
        body = forger.google.callback(phone.installation.address, "save", class_id=phone.wallet.class_id(IDS["program"]))
    with pytest.raises(BadSignature, match="no root key"):
        await heard(phone, body)


async def test_the_signed_key_is_verified_as_it_came(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save")
    between = msgspec.json.decode(body)["intermediateSigningKey"]
    assert "\\u003d" in between["signedKey"]
    rewritten = {**between, "signedKey": between["signedKey"].replace("\\u003d", "=")}
    with pytest.raises(BadSignature):
        await heard(phone, changed(body, intermediateSigningKey=rewritten))


async def test_one_good_signature_among_several_is_enough(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save")
    between = msgspec.json.decode(body)["intermediateSigningKey"]
    several = {**between, "signatures": ["", "not base64!", b64encode(b"x").decode(), *between["signatures"]]}
    assert (await heard(phone, changed(body, intermediateSigningKey=several))).event == "save"


def malformed(body: bytes) -> list[bytes]:
    between = msgspec.json.decode(body)["intermediateSigningKey"]
    rsa = msgspec.json.encode({"keyValue": b64encode(b"\x30\x00").decode(), "keyExpiration": "1"}).decode()
    # The name of an algorithm that nobody knows (2.5.4.3), where a key's should be.
    unknown = b64encode(bytes.fromhex("300f300506035504030306000000000000")).decode()
    strange = msgspec.json.encode({"keyValue": unknown, "keyExpiration": "1"}).decode()
    return [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 5000,
        changed(body, signedMessage=7),
        changed(body, signedMessage="{}"),
        changed(body, signedMessage='{"classId":"1.a","objectId":"1.b","eventType":"steal","expTimeMillis":1,"nonce":"n"}'),
        changed(body, protocolVersion="ECv1"),
        changed(body, intermediateSigningKey={**between, "signedKey": "{}"}),
        changed(body, intermediateSigningKey={**between, "signedKey": rsa}),
        changed(body, intermediateSigningKey={**between, "signedKey": strange}),
        changed(body, padding="x" * 40_000),
        body.replace(b"eventType", b"\\ud800"),
    ]


@pytest.mark.parametrize("number", range(15))
async def test_what_is_not_made_like_a_callback_is_refused_and_asks_google_nothing(phone: Phone, number):
    with pytest.raises(Malformed):
        await heard(phone, malformed(phone.google.callback(phone.installation.address, "save"))[number])
    assert keys_fetched(phone) == 0


async def test_root_keys_are_fetched_once_for_all(phone: Phone):
    bodies = [phone.google.callback(phone.installation.address, "save") for _ in range(10)]
    await asyncio.gather(*(heard(phone, body) for body in bodies))
    await heard(phone, bodies[0], at=NOON + timedelta(minutes=50))
    assert keys_fetched(phone) == 1


async def test_a_hundred_forgeries_make_one_request_to_google(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save")
    between = msgspec.json.decode(body)["intermediateSigningKey"]
    forgery = changed(body, intermediateSigningKey={**between, "signatures": ["AAAA"]})
    for _ in range(100):
        with pytest.raises(Forged):
            await heard(phone, forgery)
    assert keys_fetched(phone) == 1


async def test_new_root_keys_are_found_a_minute_later(phone: Phone):
    await heard(phone, phone.google.callback(phone.installation.address, "save"))
    phone.google._root = generate_private_key(SECP256R1())
    body = phone.google.callback(phone.installation.address, "del")
    with pytest.raises(BadSignature):
        await heard(phone, body, at=NOON + timedelta(seconds=59))
    assert (await heard(phone, body, at=NOON + timedelta(seconds=61))).event == "del"
    assert keys_fetched(phone) == 2


async def test_without_root_keys_nothing_is_believed_yet(phone: Phone):
    body = phone.google.callback(phone.installation.address, "save")
    phone.google.script(status=503, on="keys")
    with pytest.raises(KeysUnavailable, match="503"):
        await heard(phone, body)
    with pytest.raises(KeysUnavailable, match="a moment ago"):
        await heard(phone, body, at=NOON + timedelta(seconds=1))
    assert (await heard(phone, body, at=NOON + timedelta(minutes=2))).event == "save"


async def test_known_root_keys_serve_while_new_ones_cannot_be_had(phone: Phone):
    await heard(phone, phone.google.callback(phone.installation.address, "save"))
    phone.clock.forward(days=2)
    body = phone.google.callback(phone.installation.address, "save")
    phone.google.script(status=503, on="keys", times=9)
    assert (await heard(phone, body, at=phone.clock())).event == "save"


@pytest.mark.parametrize("keys", [b"", b"{}", b'{"keys":[{"keyValue":"AAAA","protocolVersion":"ECv2SigningOnly"}]}', b'{"keys":[]}'])
async def test_root_keys_that_are_none_are_not_believed(phone: Phone, keys):
    body = phone.google.callback(phone.installation.address, "save")
    with pytest.raises(KeysUnavailable):
        await phone.wallet.verify_callback(body, http=Answers(Answer(status=200, headers={}, body=keys)), now=NOON)


async def test_root_keys_past_their_end_or_of_another_protocol_are_not_used(phone: Phone):
    (old, key) = phone.google._keys()["keys"]
    expired = {**key, "keyExpiration": str(int(NOON.timestamp() * 1000))}
    body = phone.google.callback(phone.installation.address, "save")
    for keys, refusal in (([old, expired], BadSignature), ([old], KeysUnavailable)):
        answer = Answer(status=200, headers={}, body=msgspec.json.encode({"keys": keys}))
        with pytest.raises(refusal):
            await wallet_for(phone.google).verify_callback(body, http=Answers(answer), now=NOON)


async def test_google_out_of_reach_is_no_verdict(phone: Phone):
    async def nobody(ask: Ask) -> Answer:
        raise Unreachable("refused")

    with pytest.raises(KeysUnavailable, match="refused"):
        await phone.wallet.verify_callback(phone.google.callback(phone.installation.address, "save"), http=nobody, now=NOON)
