"""Passkeys: made by somebody who is signed in, then enough to sign in; a software authenticator that signs with a real P-256 key."""

import base64
import hashlib
import json
import os
import struct

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from databases import BOTH
from shop import Shop
from webauthn.helpers import encode_cbor

SITE, ORIGIN = "cards.example", "https://cards.example"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Authenticator:
    """A phone's authenticator: one key, one counter, and what it says about site, origin and fingerprint."""

    def __init__(self, *, site: str = SITE, origin: str = ORIGIN, verified: bool = True) -> None:
        self.site, self.origin, self.flags = site, origin, PRESENT | (VERIFIED if verified else 0)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(32)
        self.count = 0

    def _said(self, kind: str, options: dict) -> bytes:
        return json.dumps({"type": f"webauthn.{kind}", "challenge": options["challenge"], "origin": self.origin}).encode()

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def create(self, options: dict) -> dict:
        numbers = self.key.public_key().public_numbers()
        cose = encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        data = self._data(self.flags | ATTESTED) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + cose
        response = {
            "clientDataJSON": b64(self._said("create", options)),
            "attestationObject": b64(encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}

    def get(self, options: dict) -> dict:
        self.count += 1
        said, data = self._said("get", options), self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": b64(said), "authenticatorData": b64(data), "signature": b64(signature)}
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}


SCRIPT = {"X-Fragment": "1"}


async def asked(browser: httpx.AsyncClient, path: str) -> dict:
    answer = await browser.post(path, headers=SCRIPT)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def added(browser: httpx.AsyncClient, phone: Authenticator, name: str = "my phone") -> httpx.Response:
    options = await asked(browser, "/account/passkeys/options")
    return await browser.post("/account/passkeys", json={"name": name, "credential": phone.create(options)}, headers=SCRIPT)


async def used(browser: httpx.AsyncClient, phone: Authenticator, to: str = "") -> httpx.Response:
    options = await asked(browser, "/sign-in/passkey/options")
    return await browser.post("/sign-in/passkey", json={"credential": phone.get(options), "to": to}, headers=SCRIPT)


@pytest.fixture
async def owner(shop: Shop) -> httpx.AsyncClient:
    return await shop.sign_in("Lan")


@pytest.fixture
async def door(shop: Shop) -> httpx.AsyncClient:
    browser = shop.browser()
    await browser.get("/sign-in")
    return browser


@BOTH
async def test_a_passkey_is_added_and_then_signs_in_without_an_address(
    shop: Shop, owner: httpx.AsyncClient, door: httpx.AsyncClient
) -> None:
    phone = Authenticator()
    options = await asked(owner, "/account/passkeys/options")
    assert options["rp"] == {"name": "Cà Phê Sáng", "id": SITE}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert (await added(owner, phone)).json() == {"to": "/account?done=passkey"}
    assert "my phone" in (await owner.get("/account")).text
    question = await asked(door, "/sign-in/passkey/options")
    assert not question.get("allowCredentials")
    assert (await used(door, phone, "/staff")).json() == {"to": "/staff"}
    assert "Lan" in (await door.get("/account")).text
    (kept,) = await shop.desk.store.passkeys(staff_id=shop.staff["Lan"].id)
    assert (kept.sign_count, kept.used_at) == (1, shop.clock())


async def refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["x-problem"]) == (401, "passkey_refused")
    assert "This passkey was not accepted." in answer.text


@BOTH
async def test_what_a_passkey_answered_once_is_no_answer_again(owner: httpx.AsyncClient, door: httpx.AsyncClient) -> None:
    phone = Authenticator()
    await added(owner, phone)
    options = await asked(door, "/sign-in/passkey/options")
    answer = {"credential": phone.get(options), "to": ""}
    assert (await door.post("/sign-in/passkey", json=answer, headers=SCRIPT)).status_code == 200
    await refused(await door.post("/sign-in/passkey", json=answer, headers=SCRIPT))
    await asked(door, "/sign-in/passkey/options")
    await refused(await door.post("/sign-in/passkey", json=answer, headers=SCRIPT))


async def test_a_question_to_a_passkey_is_answered_within_minutes(shop: Shop, owner: httpx.AsyncClient, door: httpx.AsyncClient) -> None:
    phone = Authenticator()
    await added(owner, phone)
    answer = {"credential": phone.get(await asked(door, "/sign-in/passkey/options")), "to": ""}
    shop.clock.forward(minutes=6)
    await refused(await door.post("/sign-in/passkey", json=answer, headers=SCRIPT))


@BOTH
async def test_a_copied_passkey_whose_counter_went_back_is_refused(owner: httpx.AsyncClient, door: httpx.AsyncClient) -> None:
    phone = Authenticator()
    await added(owner, phone)
    assert (await used(door, phone)).status_code == 200
    phone.count = 0
    await refused(await used(door, phone))


@pytest.mark.parametrize(
    "wrong", [{"site": "evil.example"}, {"origin": "https://evil.example"}, {"verified": False}], ids=["site", "origin", "no fingerprint"]
)
async def test_a_passkey_for_another_site_or_without_a_fingerprint_is_refused(
    owner: httpx.AsyncClient, door: httpx.AsyncClient, wrong: dict
) -> None:
    await refused(await added(owner, Authenticator(**wrong)))
    phone = Authenticator()
    await added(owner, phone)
    other = Authenticator(**wrong)
    other.id, other.key = phone.id, phone.key
    await refused(await used(door, other))


async def test_an_unknown_key_and_a_strangers_signature_are_refused(owner: httpx.AsyncClient, door: httpx.AsyncClient) -> None:
    await refused(await used(door, Authenticator()))
    phone, thief = Authenticator(), Authenticator()
    await added(owner, phone)
    thief.id = phone.id
    await refused(await used(door, thief))


async def test_one_device_is_not_added_twice(owner: httpx.AsyncClient) -> None:
    phone = Authenticator()
    assert (await added(owner, phone)).status_code == 200
    await refused(await added(owner, phone))


async def test_a_removed_passkey_and_one_of_a_suspended_person_open_nothing(
    shop: Shop, owner: httpx.AsyncClient, door: httpx.AsyncClient
) -> None:
    phone, other = Authenticator(), Authenticator()
    await added(owner, phone)
    minh = await shop.sign_in("Minh")
    await added(minh, other)
    (kept,) = await shop.desk.store.passkeys(staff_id=shop.staff["Lan"].id)
    assert (await minh.post(f"/account/passkeys/{kept.id}/remove")).status_code == 404
    assert (await owner.post(f"/account/passkeys/{kept.id}/remove")).status_code == 303
    await refused(await used(door, phone))
    assert (await used(door, other)).status_code == 200
    await owner.post(f"/staff/{shop.staff['Minh'].id}/suspend")
    await refused(await used(door, other))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"credential": 5}',
        b'{"credential": {"id": "!", "rawId": "!", "type": "public-key", "response": {}}}',
        b'{"credential": {"id": "AA", "rawId": "AA", "type": "x", "response": null}}',
        (
            b'{"name": "x", "credential": {"id": "AA", "rawId": "AA", "type": "public-key", '
            b'"response": {"clientDataJSON": "AA", "attestationObject": "AA", "authenticatorData": "AA", "signature": "AA"}}}'
        ),
    ],
)
async def test_an_answer_that_is_none_is_refused_and_nothing_breaks(owner: httpx.AsyncClient, door: httpx.AsyncClient, body: bytes) -> None:
    for browser, options, path in (
        (door, "/sign-in/passkey/options", "/sign-in/passkey"),
        (owner, "/account/passkeys/options", "/account/passkeys"),
    ):
        await asked(browser, options)
        await refused(await browser.post(path, content=body, headers=SCRIPT))
        await refused(await browser.post(path, content=body, headers=SCRIPT))
