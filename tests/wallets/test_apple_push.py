"""What we ask of APNs, and what its answers mean."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from apple_card import DESIGNS, PASS_TYPE, certificate, shown
from chains import NOW, TEAM
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from passes.wallets.apple import Apple, PushKey, outcome
from passes.wallets.base import Answer, Ask, Delivered, Gone, Installation, Later, Misconfigured, Outcome, Unreachable

REGISTERED = NOW - timedelta(days=3)
TAKEN = Answer(status=200, headers={}, body=b"")


class Apns:
    """Answers what the test says, and keeps what it was asked."""

    def __init__(self, answer: Answer | Unreachable = TAKEN) -> None:
        self.answer = answer
        self.asked: list[Ask] = []

    async def __call__(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer


def wallet(**more: Any) -> Apple:
    given = {
        "certificates": {"": certificate()},
        "designs": DESIGNS,
        "public_url": "https://cards.example",
        "apns_url": "https://push.example/",
    }
    return Apple(**(given | more))


async def tell(apple: Apple, apns: Apns, *, now: datetime = NOW, **more: Any) -> Outcome:
    given = {"credential": PASS_TYPE, "push_token": "c0ffee" * 10, "registered_at": REGISTERED}
    installation = Installation(
        id=UUID(int=1), business_id=UUID(int=2), card_id=UUID(int=3), wallet="apple", address="device", **(given | more)
    )
    return await apple.tell(installation, shown(), http=apns, now=now)


def p8() -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), key


async def test_a_device_is_told_by_an_empty_push_with_the_certificate_of_the_pass() -> None:
    apns = Apns()
    assert await tell(wallet(), apns) == Delivered()
    [ask] = apns.asked
    assert (ask.method, ask.url, ask.body, ask.http2) == ("POST", "https://push.example/3/device/" + "c0ffee" * 10, b"{}", True)
    assert dict(ask.headers) == {
        "apns-topic": PASS_TYPE,
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": str(int(NOW.timestamp()) + 86400),
    }
    assert (ask.certificate, ask.key) == (certificate().certificate, certificate().key)


async def test_a_strange_push_token_stays_one_part_of_the_address() -> None:
    apns = Apns()
    await tell(wallet(), apns, push_token="../1/?x#")
    assert apns.asked[0].url == "https://push.example/3/device/..%2F1%2F%3Fx%23"


async def test_a_pass_type_without_certificate_is_a_misconfiguration_and_asks_nobody() -> None:
    apns = Apns()
    assert isinstance(await tell(wallet(), apns, credential="pass.example.lost"), Misconfigured)
    assert not apns.asked


async def test_a_business_with_its_own_certificate_is_told_through_it() -> None:
    own, apns = certificate("pass.example.other"), Apns()
    await tell(wallet(certificates={"": certificate(), "other": own}), apns, credential=own.pass_type)
    assert apns.asked[0].certificate == own.certificate
    assert ("apns-topic", own.pass_type) in apns.asked[0].headers


async def test_no_answer_means_later() -> None:
    assert isinstance(await tell(wallet(), Apns(Unreachable("connection refused"))), Later)


# --- A .p8 key instead of the certificate ---


async def test_a_push_key_signs_a_token_that_is_the_same_for_forty_minutes() -> None:
    pem, key = p8()
    apple, apns = wallet(push_key=PushKey(pem, key_id="KEY1234567")), Apns()
    for minutes in (0, 39, 41):
        await tell(apple, apns, now=NOW + timedelta(minutes=minutes))
    first, second, third = (dict(ask.headers)["authorization"] for ask in apns.asked)
    assert first == second != third
    assert not any(ask.certificate or ask.key for ask in apns.asked)
    scheme, _, token = third.partition(" ")
    head, claims, signature = token.split(".")
    assert scheme == "bearer"
    assert decoded(head) == {"alg": "ES256", "kid": "KEY1234567"}
    assert decoded(claims) == {"iss": TEAM, "iat": int(NOW.timestamp()) + 41 * 60}
    raw = bits(signature)
    both = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.public_key().verify(both, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


async def test_a_push_key_without_a_certificate_of_its_team_is_not_used() -> None:
    apns = Apns()
    apple = wallet(certificates={"other": certificate()}, push_key=PushKey(p8()[0], key_id="KEY1234567"))
    await tell(apple, apns)
    assert apns.asked[0].certificate
    assert "authorization" not in dict(apns.asked[0].headers)


def test_a_push_key_of_another_kind_is_refused() -> None:
    wrong = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match=r"\.p8"):
        PushKey(wrong, key_id="KEY1234567")


def bits(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def decoded(part: str) -> Any:
    return json.loads(bits(part))


# --- Every answer ---


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (200, "", Delivered),
        *((400, reason, Gone) for reason in ("BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken")),
        (400, "IdleTimeout", Later),
        *(
            (400, reason, Misconfigured)
            for reason in (
                *("BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "BadTopic", "DuplicateHeaders"),
                *("InvalidPushType", "MissingTopic", "PayloadEmpty", "TopicDisallowed", "", "SomethingNew"),
            )
        ),
        *(
            (403, reason, Misconfigured)
            for reason in (
                *("BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "Forbidden", "InvalidProviderToken"),
                *("MissingProviderToken", "UnrelatedKeyIdInToken", "BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken"),
            )
        ),
        (404, "BadPath", Misconfigured),
        (405, "MethodNotAllowed", Misconfigured),
        (410, "Unregistered", Gone),
        (410, "ExpiredToken", Gone),
        (413, "PayloadTooLarge", Misconfigured),
        (429, "TooManyRequests", Later),
        (429, "TooManyProviderTokenUpdates", Later),
        (500, "InternalServerError", Later),
        (502, "", Later),
        (503, "ServiceUnavailable", Later),
        (503, "Shutdown", Later),
        (302, "", Misconfigured),
    ],
)
def test_every_answer_has_one_meaning(status: int, reason: str, kind: type[Outcome]) -> None:
    meant = answered(status, {"reason": reason} if reason else None)
    assert type(meant) is kind
    if isinstance(meant, Later | Misconfigured):
        assert str(status) in meant.why
        assert reason in meant.why


def test_a_token_given_up_after_the_phone_registered_is_gone_since_then() -> None:
    gone_at = REGISTERED + timedelta(days=1)
    assert answered(410, {"reason": "Unregistered", "timestamp": int(gone_at.timestamp() * 1000)}) == Gone(gone_at)
    assert answered(410, {"reason": "Unregistered"}) == Gone(None)


def test_a_phone_that_registered_again_since_is_not_gone() -> None:
    gone_at = REGISTERED - timedelta(seconds=1)
    assert isinstance(answered(410, {"reason": "Unregistered", "timestamp": int(gone_at.timestamp() * 1000)}), Later)


def test_a_time_to_wait_is_waited() -> None:
    assert answered(429, {"reason": "TooManyRequests"}, {"retry-after": "17"}).after == 17  # type: ignore[union-attr]
    assert answered(503, None, {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}).after is None  # type: ignore[union-attr]
    assert answered(429, {"reason": "TooManyProviderTokenUpdates"}).after == 1200  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [b"", b"<html>", b'"text"', b'{"reason": 5}', b'{"timestamp": "soon"}', b"\xff"])
def test_a_body_that_is_not_apples_does_no_harm(body: bytes) -> None:
    assert isinstance(outcome(Answer(status=503, headers={}, body=body), registered_at=REGISTERED), Later)
    assert isinstance(outcome(Answer(status=410, headers={}, body=body), registered_at=REGISTERED), Gone)


def answered(status: int, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> Outcome:
    raw = json.dumps(body).encode() if body else b""
    return outcome(Answer(status=status, headers=headers or {}, body=raw), registered_at=REGISTERED.astimezone(UTC))
