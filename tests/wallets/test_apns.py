"""The stand-in of Apple's push service says what Apple's says."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from chains import NOW, TEAM, chain
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from servers import free_port

from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from passes.wallets.base import Answer, Ask

TOPIC = "pass.example.cafe"
TOKEN = "ab" * 32


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


class Provider:
    """Whoever pushes: asks with good headers unless told otherwise."""

    def __init__(self, apns: ApnsSandbox, out: Outbound) -> None:
        self.apns, self.out = apns, out

    async def push(
        self,
        token: str = TOKEN,
        *,
        method: str = "POST",
        path: str | None = None,
        body: bytes = b"{}",
        certified: bool = True,
        **headers: str,
    ) -> Answer:
        given = {"apns-topic": TOPIC} | {name.replace("_", "-"): value for name, value in headers.items()}
        folder = chain(TOPIC)
        return await self.out(
            Ask(
                method=method,
                url=self.apns.url + (path or f"/3/device/{token}"),
                headers=tuple((name, value) for name, value in given.items() if value),
                body=body,
                certificate=(folder / "certificate.pem").read_bytes() if certified else b"",
                key=(folder / "key.pem").read_bytes() if certified else b"",
                http2=True,
            )
        )

    async def reason(self, *args: str, **asked: object) -> tuple[int, str]:
        answer = await self.push(*args, **asked)
        return answer.status, json.loads(answer.body)["reason"] if answer.body else ""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def apns(clock: Clock) -> AsyncIterator[ApnsSandbox]:
    async with ApnsSandbox(chain(TOPIC), now=clock, port=free_port()) as apns:
        yield apns


@pytest.fixture
async def provider(apns: ApnsSandbox) -> AsyncIterator[Provider]:
    out = Outbound(trust=chain(TOPIC) / "root.pem")
    yield Provider(apns, out)
    await out.close()


async def test_a_good_push_gets_an_empty_200_with_an_id_and_reaches_its_phone(apns: ApnsSandbox, provider: Provider) -> None:
    told: list[str] = []
    apns.connect(TOKEN, told.append)
    answer = await provider.push(apns_push_type="background", apns_priority="5", apns_expiration="1795000000")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["apns-id"]
    assert told == [TOPIC]
    assert (apns.pushes[0].token, apns.pushes[0].body, apns.sent[TOKEN]) == (TOKEN, b"{}", 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"path": "/3/devices/x"}, (404, "BadPath")),
        ({"method": "GET"}, (405, "MethodNotAllowed")),
        ({"path": "/3/device/"}, (400, "MissingDeviceToken")),
        ({"path": "/3/device/not-hex"}, (400, "BadDeviceToken")),
        ({"apns_topic": ""}, (400, "MissingTopic")),
        ({"apns_topic": "pass.example.other"}, (400, "TopicDisallowed")),
        ({"apns_push_type": "wave"}, (400, "InvalidPushType")),
        ({"apns_priority": "7"}, (400, "BadPriority")),
        ({"apns_push_type": "background", "apns_priority": "10"}, (400, "BadPriority")),
        ({"apns_expiration": "tomorrow"}, (400, "BadExpirationDate")),
        ({"apns_collapse_id": "x" * 65}, (400, "BadCollapseId")),
        ({"apns_id": "1"}, (400, "BadMessageId")),
        ({"body": b""}, (400, "PayloadEmpty")),
        ({"body": b"[]"}, (400, "PayloadEmpty")),
        ({"body": b"{"}, (400, "PayloadEmpty")),
        ({"body": b'{"x":"' + b"x" * 4096 + b'"}'}, (413, "PayloadTooLarge")),
        ({"body": b'{"aps":{}}'}, (200, "")),
        ({"apns_priority": "10"}, (200, "")),
    ],
)
async def test_a_wrong_push_is_refused_with_apples_word(
    apns: ApnsSandbox, provider: Provider, asked: dict[str, object], said: tuple[int, str]
) -> None:
    told: list[str] = []
    apns.connect(TOKEN, told.append)
    assert await provider.reason(**asked) == said
    assert bool(told) == (said[0] == 200)


async def test_scripted_answers_come_as_often_as_asked_and_only_to_their_token(apns: ApnsSandbox, provider: Provider) -> None:
    told: list[str] = []
    apns.connect(TOKEN, told.append)
    apns.script(TOKEN, 429, "TooManyRequests", times=2, retry_after=7)
    apns.script(TOKEN, 410, "Unregistered", timestamp=1_795_000_000_000)
    assert await provider.reason("cd" * 32) == (200, "")
    for _ in range(2):
        answer = await provider.push()
        assert (answer.status, answer.headers["retry-after"], json.loads(answer.body)) == (429, "7", {"reason": "TooManyRequests"})
    answer = await provider.push()
    assert (answer.status, json.loads(answer.body)) == (410, {"reason": "Unregistered", "timestamp": 1_795_000_000_000})
    assert told == []
    assert await provider.reason() == (200, "")
    assert told == [TOPIC]


async def test_a_throttled_service_says_200_and_delivers_nothing(apns: ApnsSandbox, provider: Provider) -> None:
    told: list[str] = []
    apns.connect(TOKEN, told.append)
    apns.throttled = True
    assert await provider.reason() == (200, "")
    assert told == []


async def test_a_phone_that_is_off_gets_one_push_later_unless_it_has_expired(apns: ApnsSandbox, provider: Provider, clock: Clock) -> None:
    told: list[str] = []
    expiration = str(int(clock.time.timestamp()) + 3600)
    for wait, expected in ((timedelta(minutes=10), [TOPIC]), (timedelta(minutes=70), [])):
        told.clear()
        for _ in range(3):
            await provider.push(apns_expiration=expiration)
        clock.time = NOW + wait
        apns.connect(TOKEN, told.append)
        await provider.push("cd" * 32)
        assert told == expected
        apns.disconnect(TOKEN)
        clock.time = NOW
    await provider.push()
    apns.connect(TOKEN, told.append)
    await provider.push("cd" * 32)
    assert told == [], "a push without an expiration is not kept"


async def test_a_token_that_is_gone_gets_410_with_the_time_in_milliseconds(apns: ApnsSandbox, provider: Provider) -> None:
    apns.disconnect(TOKEN, gone=True)
    answer = await provider.push()
    assert (answer.status, json.loads(answer.body)) == (410, {"reason": "Unregistered", "timestamp": int(NOW.timestamp() * 1000)})


async def test_down_really_closes_the_port_and_up_opens_the_same(apns: ApnsSandbox, provider: Provider) -> None:
    port = apns.port
    await apns.down()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(apns.host, port)
    await apns.up()
    assert apns.port == port
    assert await provider.reason() == (200, "")


class TestProviderTokens:
    KEY = ec.generate_private_key(ec.SECP256R1())

    @pytest.fixture
    async def apns(self, clock: Clock) -> AsyncIterator[ApnsSandbox]:
        public = self.KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        async with ApnsSandbox(chain(TOPIC), now=clock, pass_types=[TOPIC], keys={"KEY1": (TEAM, public)}) as apns:
            yield apns

    def bearer(
        self, *, age: float = 0, kid: str = "KEY1", iss: str = TEAM, alg: str = "ES256", key: ec.EllipticCurvePrivateKey = KEY
    ) -> str:
        def part(value: bytes) -> bytes:
            return base64.urlsafe_b64encode(value).rstrip(b"=")

        claims = {"iss": iss, "iat": int(NOW.timestamp() - age)}
        signed = part(json.dumps({"alg": alg, "kid": kid}).encode()) + b"." + part(json.dumps(claims).encode())
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
        return "bearer " + (signed + b"." + part(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    async def test_a_token_of_the_team_pushes_without_a_certificate(self, provider: Provider) -> None:
        assert await provider.reason(certified=False, authorization=self.bearer()) == (200, "")

    async def test_neither_certificate_nor_token_is_refused(self, provider: Provider) -> None:
        assert await provider.reason(certified=False) == (403, "MissingProviderToken")

    async def test_a_token_does_not_reach_another_teams_pass_type(self, provider: Provider) -> None:
        asked = {"certified": False, "authorization": self.bearer(), "apns_topic": "pass.other"}
        assert await provider.reason(**asked) == (400, "TopicDisallowed")

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"age": 3601}, "ExpiredProviderToken"),
            ({"age": -60}, "InvalidProviderToken"),
            ({"kid": "KEY2"}, "InvalidProviderToken"),
            ({"iss": "OTHERTEAM1"}, "InvalidProviderToken"),
            ({"alg": "RS256"}, "InvalidProviderToken"),
            ({"key": ec.generate_private_key(ec.SECP256R1())}, "InvalidProviderToken"),
        ],
    )
    async def test_a_wrong_token_is_refused(self, provider: Provider, wrong: dict[str, object], reason: str) -> None:
        assert await provider.reason(certified=False, authorization=self.bearer(**wrong)) == (403, reason)

    @pytest.mark.parametrize("gibberish", ["bearer x", "bearer a.b.c", "bearer e30.e30.e30", "bearer W10.W10.W10"])
    async def test_gibberish_is_refused(self, provider: Provider, gibberish: str) -> None:
        assert await provider.reason(certified=False, authorization=gibberish) == (403, "InvalidProviderToken")

    async def test_a_token_may_not_be_renewed_within_twenty_minutes(self, provider: Provider) -> None:
        assert await provider.reason(certified=False, authorization=self.bearer(age=600)) == (200, "")
        assert await provider.reason(certified=False, authorization=self.bearer()) == (429, "TooManyProviderTokenUpdates")
        assert await provider.reason(certified=False, authorization=self.bearer(age=600)) == (200, "")
