"""Google Wallet: a face as loyalty class and object, the REST calls that keep them right, the save link and the callbacks.

The vendor's pages: developers.google.com/wallet/reference/rest/v1 (loyaltyclass, loyaltyobject, Jwt),
developers.google.com/wallet/retail/loyalty-cards/use-cases/{trigger-push-notifications,use-callbacks-for-saves-and-deletions}.
"""

import asyncio
import re
import unicodedata
from base64 import b64decode
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b, sha256
from http import HTTPStatus
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from google.auth import jwt
from google.auth.crypt import Signer
from google.oauth2 import service_account

from passes import artwork, codes
from passes.face import Face, Line
from passes.wallets.base import Answer, Ask, Delivered, Http, Installation, Later, Misconfigured, Outcome, Unreachable
from passes.words import FALLBACK, Text

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
TOKEN_MARGIN: Final = timedelta(seconds=60)
"""A token is renewed this long before its end, so that none expires on its way."""

SHOWN: Final = 20
"""Characters of a name that Google promises to show; more may be cut by the phone, so we cut where it reads well."""
LABEL_SHOWN: Final = 15
POINTS_LABEL_SHOWN: Final = 9
POINTS_SHOWN: Final = 7
HEADER_SHOWN: Final = 35
BODY_SHOWN: Final = 500
MODULES_SHOWN: Final = 10

MOST_NOTIFICATIONS: Final = 3
NOTIFICATIONS_PER: Final = timedelta(hours=24)
NEWS: Final = frozenset({"earned", "issued", "redeemed", "reversed", "goodwill", "message"})
"""What is worth one of the three notifications: a reward came, went or came back, or the shop says something.
A stamp is seen without one."""

CALLS: Final = 20
CALLS_PER: Final = 1.25
"""Google allows 20 requests a second; the quarter of a second on top is for those that arrive closer together than they left."""
CALLS_ASIDE: Final = CALLS // 2
"""Of these, so many for links that are opened, which anybody may do at any rate: the rest is left to cards that changed."""
LONGEST_WAIT: Final = 5.0
"""Seconds that a call waits for its turn; a longer queue is answered with Later, or leases would end while waiting."""

KEYS_KEPT: Final = timedelta(days=1)
KEYS_ASKED: Final = timedelta(minutes=1)
"""The root keys are fetched at most so often, whatever arrives: bad signatures must not become requests to Google."""
LARGEST_CALLBACK: Final = 32_768
MOST_SIGNATURES: Final = 10
"""Verifying is arithmetic that anybody can ask for, so the size of a body and its signatures are bounded."""
PROTOCOL: Final = "ECv2SigningOnly"
SENDER: Final = "GooglePayPasses"
CLOCKS_APART: Final = timedelta(minutes=5)

_BARCODE: Final = {"qr": "QR_CODE", "code128": "CODE_128", "pdf417": "PDF_417", "aztec": "AZTEC"}
_DATE: Final = {"en": "%d %b %Y", "vi": "%d/%m/%Y"}
_PLACED: Final = frozenset({"progress", "status", "reward", "until", "holder", "member", "number"})
"""Lines of the face that have a place of their own on the card: points, barcode text, account."""
_COMMON: Final = frozenset({"terms", "contact"})
"""Lines that are the same on every card of the program: they belong to the class."""
_NEVER_FIRST: Final = frozenset("\u200d\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


# --- Words as Google wants them ---


def _cut(words: str, most: int) -> str:
    """At most so many characters, cut between words if that keeps a half, and never inside what is read as one character."""
    if len(words) <= most:
        return words
    end = most - 1
    while end > 1 and (words[end] in _NEVER_FIRST or unicodedata.combining(words[end]) or words[end - 1] == "\u200d"):
        end -= 1
    space = words.rfind(" ", 0, end + 1)
    return words[: space if space * 2 >= most - 1 else end].rstrip() + "…"


def _localized(said: Text, language: str, most: int) -> dict[str, Any]:
    """A LocalizedString: the default in ``language`` (or the nearest that the text has), and every other translation."""
    default = next((known for known in (language, language.partition("-")[0], FALLBACK) if known in said.languages), said.languages[0])
    return {
        "defaultValue": {"language": default, "value": _cut(said.said(default), most)},
        "translatedValues": [{"language": other, "value": _cut(words, most)} for other, words in said.by if other != default],
    }


def _both(name: str, said: Text, language: str, most: int) -> dict[str, Any]:
    """``name`` for whoever reads no translations, and ``localizedName`` for phones."""
    return {name: _cut(said.said(language), most), f"localized{name[0].upper()}{name[1:]}": _localized(said, language, most)}


def _value(line: Line, language: str) -> str:
    """A line's value as words; a moment is written by us, because Google shows what it is given."""
    match line.value:
        case Text() as said:
            return said.said(language)
        case datetime() as moment:
            written = moment.strftime(_DATE.get(language.partition("-")[0], "%Y-%m-%d"))
            return f"{written} {moment:%H:%M}" if line.clock else written
        case plain:
            return str(plain)


def _modules(lines: Sequence[Line], language: str) -> list[dict[str, Any]]:
    """Lines as text modules; a ``.until`` line is said below the one that it belongs to. What is past ten is not shown."""
    spoken = sorted({one for line in lines for said in (line.label, line.value) if isinstance(said, Text) for one in said.languages})
    modules: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for line in lines:
        header = {one: _label(line).said(one) for one in spoken}
        body = {one: _value(line, one) for one in spoken}
        owner = line.key.removesuffix(".until")
        if owner != line.key and owner in modules:
            above = modules[owner][1]
            above.update({one: f"{above[one]}\n{header[one]}: {body[one]}" for one in spoken})
        else:
            modules[line.key] = header, body
    return [
        {"id": re.sub("[^A-Za-z0-9_-]", "-", key)}
        | _both("header", Text(tuple(header.items())), language, HEADER_SHOWN)
        | _both("body", Text(tuple(body.items())), language, BODY_SHOWN)
        for key, (header, body) in list(modules.items())[:MODULES_SHOWN]
    ]


# --- The account ---


class _Failed(Exception):
    """A call came to nothing; ``outcome`` says what that means for the one who asked."""

    def __init__(self, outcome: Later | Misconfigured) -> None:
        self.outcome = outcome
        super().__init__(outcome.why)


class _Missing(_Failed):
    """Google has no such thing."""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class _Refused(msgspec.Struct):
    error: str = ""
    error_description: str = ""


@lru_cache
def _opened(data: bytes) -> tuple[str, str, Signer]:
    """Whose account it is, where it asks for tokens, and what signs; once, as OpenSSL proves an RSA key for 30 ms each time."""
    info = msgspec.json.decode(data, type=dict[str, Any])
    credentials = service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]
    return credentials.service_account_email, info["token_uri"], credentials.signer


class Account:
    """A service account: it signs as itself, and exchanges a signature for an access token. Its key stays inside."""

    def __init__(self, *, email: str, token_url: str, signer: Signer) -> None:
        self.email = email
        self.token_url = token_url
        self._signer = signer
        self._token = ""
        self._until = datetime.min.replace(tzinfo=UTC)
        self._one = asyncio.Lock()

    @classmethod
    def from_json(cls, data: bytes) -> "Account":
        """The account in a JSON key file of the Google Cloud console. Raises ValueError, which never quotes the file."""
        try:
            email, token_url, signer = _opened(data)
            return cls(email=email, token_url=token_url, signer=signer)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                "this is not the JSON key of a Google service account (Cloud console: Service accounts, Keys, Add key)"
            ) from error

    def sign(self, claims: Mapping[str, object]) -> str:
        """A JWT (RS256) with the account as its issuer and these claims."""
        signed: bytes = jwt.encode(self._signer, {"iss": self.email, **claims})  # type: ignore[no-untyped-call]
        return signed.decode()

    async def token(self, *, http: Http, now: datetime) -> str:
        """An access token with a minute left at least; all who need a new one wait for the same exchange (RFC 7523)."""
        async with self._one:
            if not self._token or now >= self._until - TOKEN_MARGIN:
                at = int(now.timestamp())
                assertion = self.sign({"scope": SCOPE, "aud": self.token_url, "iat": at, "exp": at + 3600})
                ask = Ask(
                    method="POST",
                    url=self.token_url,
                    headers=(("content-type", "application/x-www-form-urlencoded"),),
                    body=urlencode({"grant_type": GRANT, "assertion": assertion}).encode(),
                )
                answer = await _answer(http, ask)
                if answer.status != HTTPStatus.OK:
                    raise _Failed(_no_token(answer, now))
                try:
                    given = msgspec.json.decode(answer.body, type=_Token)
                except msgspec.MsgspecError as error:
                    raise _Failed(Later("Google's token endpoint answered with something else than a token")) from error
                self._token, self._until = given.access_token, now + timedelta(seconds=given.expires_in)
            return self._token

    def forget(self, token: str) -> None:
        """Google does not take this token any more, whatever it had promised."""
        if token == self._token:
            self._token = ""


async def _answer(http: Http, ask: Ask) -> Answer:
    try:
        return await http(ask)
    except Unreachable as error:
        raise _Failed(Later(f"Google does not answer: {error}")) from error


def _no_token(answer: Answer, now: datetime) -> Later | Misconfigured:
    """What a refusal of the token endpoint means, with its cure (RFC 6749, 5.2; the sentences are Google's)."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Later(f"Google's token endpoint answered {answer.status}", _retry_after(answer, now))
    try:
        refused = msgspec.json.decode(answer.body, type=_Refused)
    except msgspec.MsgspecError:
        refused = _Refused()
    said = f"Google gives the service account no token ({answer.status} {refused.error}: {refused.error_description[:200]})."
    if "iat" in refused.error_description:
        return Misconfigured(f"{said} Set this machine's clock: it must agree with Google's within minutes.")
    return Misconfigured(f"{said} Make a new JSON key for the account in the Cloud console and use that.")


def _retry_after(answer: Answer, now: datetime) -> float | None:
    """Seconds from Retry-After, given as seconds or as a date (RFC 9110, 10.2.3), or None."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


# --- What Google answers ---


class _Reason(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    errors: list[_Reason] = []


class _Refusal(msgspec.Struct):
    error: _Error


_QUOTA: Final = re.compile(r"quota|rate.?limit|RESOURCE_EXHAUSTED", re.IGNORECASE)
_SOON: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_DISABLED: Final = re.compile(r"SERVICE_DISABLED|accessNotConfigured|has not been used in project")


def _failure(answer: Answer, account: Account, now: datetime) -> _Failed:
    """What an error means. A quota may come as 403 too; any other 403 is an account that nobody invited."""
    try:
        error = msgspec.json.decode(answer.body, type=_Refusal).error
    except msgspec.MsgspecError:
        error = _Error(message="no reason given")
    words = " ".join((error.message, error.status, *(one.reason for one in error.errors)))
    said = f"Google answered {answer.status}: {error.message[:300]}"
    match answer.status:
        case status if status == HTTPStatus.NOT_FOUND or "classNotFound" in words:
            return _Missing(Misconfigured(said))
        case HTTPStatus.FORBIDDEN if _DISABLED.search(words):
            return _Failed(Misconfigured(f"{said} Enable the Google Wallet API in the Cloud console for the project of {account.email}."))
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if not _QUOTA.search(words):
            cure = f"Invite {account.email} as a Developer in the Google Pay & Wallet Console (Users), and check the issuer id."
            return _Failed(Misconfigured(f"{said} {cure}"))
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _SOON:
            return _Failed(Later(said, _retry_after(answer, now)))
        case status:
            return _Failed(Misconfigured(said, one_card=status == HTTPStatus.BAD_REQUEST))


class Ensured(msgspec.Struct, frozen=True):
    """Google has the class and the object. ``digest`` is which class it has: to be remembered for the program."""

    digest: bytes


# --- Callbacks ---


class Forged(Exception):
    """A callback that is not believed. The text says why."""


class Malformed(Forged):
    """It is not made as Google makes them."""


class BadSignature(Forged):
    """A signature is wrong, or was made for another issuer."""


class Stale(Forged):
    """The message, or the key that signed it, is past its end."""


class Foreign(Forged):
    """It is signed for us and speaks of somebody else's class or object."""


class KeysUnavailable(Exception):
    """Google's root keys cannot be had now, so nothing can be believed yet. Google sends its callbacks again."""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """Google says that a person saved a card to the phone, or deleted it. ``at`` is when we learnt it.

    Google may say the same twice, with the same ``nonce``.
    """

    class_id: str
    object_id: str
    event: Literal["save", "del"]
    nonce: str
    at: datetime

    @property
    def card_id(self) -> UUID | None:
        """The card behind the object, or None for an object that is not one of ours."""
        suffix = self.object_id.partition(".")[2]
        return UUID(suffix) if re.fullmatch("[0-9a-f]{32}", suffix) else None


class _SigningKey(msgspec.Struct, rename="camel"):
    signed_key: str
    signatures: list[str]


class _Envelope(msgspec.Struct, rename="camel"):
    signature: str
    intermediate_signing_key: _SigningKey
    protocol_version: str
    signed_message: str


class _Key(msgspec.Struct, rename="camel"):
    key_value: str
    key_expiration: int = 0
    protocol_version: str = ""


class _Keys(msgspec.Struct):
    keys: list[_Key]


class _Message(msgspec.Struct, rename="camel"):
    class_id: str
    object_id: str
    event_type: Literal["save", "del"]
    exp_time_millis: int
    nonce: str


def length_prefixed(*parts: str) -> bytes:
    """What ECv2 signs: each part as its length in UTF-8 bytes (four bytes, little-endian) and those bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "little") + part for part in encoded)


def _public_key(value: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(b64decode(value, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("not an elliptic curve key")
    return key


def _signed(key: ec.EllipticCurvePublicKey, signature: str, message: bytes) -> bool:
    try:
        key.verify(b64decode(signature, validate=True), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


# --- The wallet ---


class Drafts:
    """Faces as Google's classes and objects: what is sent, without anybody to send it."""

    def __init__(self, *, issuer: str, public_url: str) -> None:
        """``public_url`` is where Google finds our pictures."""
        self.issuer = issuer
        self._public_url = public_url.rstrip("/")

    def class_id(self, program_id: UUID) -> str:
        """Google's name for a program."""
        return f"{self.issuer}.{program_id.hex}"

    def object_id(self, card_id: UUID) -> str:
        """Google's name for a card: the address of its installation."""
        return f"{self.issuer}.{card_id.hex}"

    def class_body(self, face: Face) -> dict[str, Any]:
        """The LoyaltyClass of the face's program: the same whichever card's face it is drawn from."""
        language = face.languages[0]
        lines = {line.key: line for line in face.lines}
        return {
            "id": self.class_id(face.program_id),
            # Google approves at once, and refuses a change of an approved class that does not ask for review again.
            "reviewStatus": "UNDER_REVIEW",
            "issuerName": _cut(face.organization, SHOWN),
            **_both("programName", face.program, language, SHOWN),
            **_both("accountIdLabel", _label(lines["number"]), language, LABEL_SHOWN),
            **_both("accountNameLabel", _label(lines["member"]), language, LABEL_SHOWN),
            "programLogo": {
                "sourceUri": {"uri": self._picture(face, "logo", face.brand)},
                "contentDescription": _localized(face.program, language, BODY_SHOWN),
            },
            "hexBackgroundColor": face.brand.background,
            "callbackOptions": {"url": f"{self._public_url}/google/callback"},
            # A card carries a name and redeem codes: who gets hold of the link later must not see it. All phones of the
            # first one to save it may.
            "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
            "textModulesData": _modules([line for line in face.lines if line.key in _COMMON], language),
        }

    def class_digest(self, face: Face) -> bytes:
        """SHA-256 of the class that the face asks for: to be compared with the digest that was remembered."""
        return sha256(msgspec.json.encode(self.class_body(face))).digest()

    def object_body(self, face: Face) -> dict[str, Any]:
        """The LoyaltyObject of the face's card. It always has the same fields, because PATCH keeps what is left out."""
        language = face.language
        lines = {line.key: line for line in face.lines}
        points, second = lines["progress"], lines["status" if face.ready else "next"]
        progress, waiting = _value(points, language), _value(second, language)
        body: dict[str, Any] = {
            "id": self.object_id(face.card_id),
            "classId": self.class_id(face.program_id),
            "state": "INACTIVE" if face.voided else "ACTIVE",
            "accountId": codes.group(face.number),
            "accountName": face.customer,
            # A change of these two balances, and of nothing else, may become a notification.
            "loyaltyPoints": {
                **_both("label", _label(points), language, POINTS_LABEL_SHOWN),
                "balance": {"string": progress if len(progress) <= POINTS_SHOWN else str(face.balance)},
            },
            "secondaryLoyaltyPoints": {
                **_both("label", _label(second), language, POINTS_LABEL_SHOWN),
                "balance": {"string": _cut(f"{len(face.ready)} {waiting}" if len(face.ready) > 1 else waiting, SHOWN)},
            },
            "barcode": {
                "type": _BARCODE[face.barcode.format],
                "value": face.barcode.message,
                "alternateText": face.barcode.text,
            },
            "textModulesData": _modules([line for line in face.lines if line.key not in _PLACED | _COMMON], language),
        }
        hero = artwork.progress(face.unit, face.goals, face.balance)
        body["heroImage"] = {
            "sourceUri": {"uri": self._picture(face, artwork.hero_name(hero, face.balance), (face.brand, face.round, face.goals))},
            "contentDescription": _localized(
                Text(tuple((spoken, f"{words}: {progress}") for spoken, words in _label(points).by)), language, BODY_SHOWN
            ),
        }
        return body

    def _picture(self, face: Face, name: str, drawn_from: object) -> str:
        """Where Google fetches a picture: it keeps it as long as the address stays, so the address tells what it is drawn from."""
        version = blake2b(msgspec.json.encode(drawn_from), digest_size=4).hexdigest()
        return f"{self._public_url}/art/{face.program_id}/{name}.png?v={version}"


class Google(Drafts):
    """Google Wallet for one issuer. All calls of one object share Google's 20 requests a second; one object per process."""

    name: ClassVar[Literal["apple", "google"]] = "google"
    draws: ClassVar[bool] = True

    def __init__(
        self,
        *,
        account: Account,
        issuer: str,
        url: str,
        keys_url: str,
        public_url: str,
        save_url: str = "https://pay.google.com/gp/v/save/",
    ) -> None:
        """``url`` is the API's base, ``keys_url`` where the callbacks' root keys are, ``public_url`` where Google finds our pictures."""
        if not (issuer.isascii() and issuer.isdigit()):
            raise ValueError("the Google issuer id is a number, shown in the Google Pay & Wallet Console")
        super().__init__(issuer=issuer, public_url=public_url)
        self.account = account
        self._url = url.rstrip("/")
        self._keys_url = keys_url
        self._save_url = save_url
        self._turns: deque[float] = deque(maxlen=CALLS)
        self._aside: deque[float] = deque(maxlen=CALLS_ASIDE)
        self._roots: tuple[tuple[ec.EllipticCurvePublicKey, int], ...] = ()
        self._roots_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._fetching = asyncio.Lock()

    def save_link(self, face: Face, *, now: datetime) -> str:
        """The link behind "Add to Google Wallet", for a card that was ensured: under 1,800 characters, and it tells nothing but ids."""
        objects = [{"id": self.object_id(face.card_id), "classId": self.class_id(face.program_id)}]
        claims = {
            "aud": "google",
            "typ": "savetowallet",
            "iat": int(now.timestamp()),
            "origins": [],
            "payload": {"loyaltyObjects": objects},
        }
        return self._save_url + self.account.sign(claims)

    async def ensure_class(
        self, face: Face, *, known: bytes | None, aside: bool = False, http: Http, now: datetime
    ) -> Ensured | Later | Misconfigured:
        """Make sure that Google has the card's class; no call if ``known`` is the digest of what it should be. ``aside`` as in ensure."""
        digest = self.class_digest(face)
        try:
            if digest != known:
                await self._put("loyaltyClass", self.class_body(face), exists=known is not None, aside=aside, http=http, now=now)
        except _Failed as failed:
            return failed.outcome
        return Ensured(digest)

    async def ensure(
        self, face: Face, *, known: bytes | None, aside: bool = False, http: Http, now: datetime
    ) -> Ensured | Later | Misconfigured:
        """Make sure that Google has the card with this face, and its class first (see ensure_class).

        With ``aside``, the calls take no more than half of the turns.
        """
        ensured = await self.ensure_class(face, known=known, aside=aside, http=http, now=now)
        if not isinstance(ensured, Ensured):
            return ensured
        try:
            await self._put("loyaltyObject", self.object_body(face), exists=False, aside=aside, http=http, now=now)
        except _Missing as missing:
            # Google has no such class, whatever we remembered: then it is made like a new one.
            return missing.outcome if known is None else await self.ensure(face, known=None, aside=aside, http=http, now=now)
        except _Failed as failed:
            return failed.outcome
        return ensured

    async def tell(self, installation: Installation, face: Face | None, *, http: Http, now: datetime) -> Outcome:
        """PATCH the object with the face, aloud if that is worth one of the three notifications in 24 hours and one is left."""
        if face is None:
            raise ValueError("Google is told a card's face")
        aloud = _worth_a_notification(installation, face, now)
        body = self.object_body(face)
        if aloud:
            body["notifyPreference"] = "NOTIFY_ON_UPDATE"  # holds for this request only; Google does not store it
        try:
            answer = await self._send("PATCH", f"loyaltyObject/{body['id']}", body, http=http, now=now)
            if answer.status == HTTPStatus.NOT_FOUND:
                ensured = await self.ensure(face, known=None, http=http, now=now)
                return Delivered() if isinstance(ensured, Ensured) else ensured
            self._check(answer, now)
        except _Failed as failed:
            return failed.outcome
        return Delivered(notified=aloud)

    async def verify_callback(self, body: bytes, *, http: Http, now: datetime) -> Callback:
        r"""What a callback says, if Google sent it to us. Raises one of Forged, or KeysUnavailable. Nonces are the store's.

        The texts are verified as they came: written anew, a key's ``\u003d`` would be another text.
        """
        if len(body) > LARGEST_CALLBACK:
            raise Malformed(f"it has {len(body)} bytes")
        try:
            envelope = msgspec.json.decode(body, type=_Envelope)
            between = msgspec.json.decode(envelope.intermediate_signing_key.signed_key, type=_Key, strict=False)
            message = msgspec.json.decode(envelope.signed_message, type=_Message, strict=False)
            key = _public_key(between.key_value)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise Malformed(str(error)) from error
        if envelope.protocol_version != PROTOCOL:
            raise Malformed(f"its protocol is not {PROTOCOL}")
        if not await self._vouched_for(envelope.intermediate_signing_key, http=http, now=now):
            raise BadSignature("no root key of Google's signed the key that signed it")
        if between.key_expiration <= _milliseconds(now):
            raise Stale("the key that signed it is past its end")
        # Our own issuer id, not the message's: else a callback made for any other issuer would be believed here.
        if not _signed(key, envelope.signature, length_prefixed(SENDER, self.issuer, PROTOCOL, envelope.signed_message)):
            raise BadSignature("the message is not signed, or not for this issuer")
        if message.exp_time_millis <= _milliseconds(now):
            raise Stale("the message is past its end")
        if not all(one.startswith(f"{self.issuer}.") for one in (message.class_id, message.object_id)):
            raise Foreign("it speaks of another issuer's card")
        return Callback(class_id=message.class_id, object_id=message.object_id, event=message.event_type, nonce=message.nonce, at=now)

    async def check(self, *, http: Http, now: datetime) -> list[str]:
        """What is wrong with the way to Google, each with its cure; empty if a class could be made right now."""
        query = urlencode({"issuerId": self.issuer, "maxResults": 1})
        try:
            answer = await self._send("GET", f"loyaltyClass?{query}", None, http=http, now=now)
            self._check(answer, now)
        except _Failed as failed:
            return [failed.outcome.why]
        try:
            apart = abs(parsedate_to_datetime(answer.headers["date"]) - now)
        except (KeyError, ValueError, TypeError):
            return []
        return [f"This machine's clock and Google's are {apart.total_seconds():.0f} seconds apart: set it."] if apart > CLOCKS_APART else []

    async def _put(self, kind: str, body: Mapping[str, Any], *, exists: bool, aside: bool, http: Http, now: datetime) -> None:
        """INSERT or PATCH, by what we believe, and the other one if Google knows better."""
        calls: list[tuple[Literal["POST", "PATCH"], str, int]] = [
            ("POST", kind, HTTPStatus.CONFLICT),
            ("PATCH", f"{kind}/{body['id']}", HTTPStatus.NOT_FOUND),
        ]
        for method, path, wrong in reversed(calls) if exists else calls:
            answer = await self._send(method, path, body, aside=aside, http=http, now=now)
            if answer.status != wrong:
                break
        self._check(answer, now)

    async def _send(
        self,
        method: Literal["GET", "POST", "PATCH"],
        path: str,
        body: Mapping[str, Any] | None,
        *,
        aside: bool = False,
        http: Http,
        now: datetime,
    ) -> Answer:
        """One call, in its turn; with a new token if Google does not take the one we had."""
        for _ in range(2):
            token = await self.account.token(http=http, now=now)
            if aside:
                await self._turn(self._aside)
            await self._turn(self._turns)
            headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
            data = b"" if body is None else msgspec.json.encode(body)
            answer = await _answer(http, Ask(method=method, url=f"{self._url}/walletobjects/v1/{path}", headers=headers, body=data))
            if answer.status != HTTPStatus.UNAUTHORIZED:
                break
            self.account.forget(token)
        return answer

    async def _turn(self, turns: deque[float]) -> None:
        """Wait until as many calls ago as ``turns`` holds is more than a second ago. The loop's own clock paces; no rule depends on it."""
        now = asyncio.get_running_loop().time()
        at = max(now, turns[0] + CALLS_PER) if len(turns) == turns.maxlen else now
        if at - now > LONGEST_WAIT:
            raise _Failed(Later("more calls wait for Google than it takes in a few seconds", at - now))
        turns.append(at)
        if at > now:
            await asyncio.sleep(at - now)

    def _check(self, answer: Answer, now: datetime) -> None:
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise _failure(answer, self.account, now)

    async def _vouched_for(self, signing: _SigningKey, *, http: Http, now: datetime) -> bool:
        """Whether a root key of Google's, valid now, signed the key. A miss may mean new root keys, so they are fetched, not too often."""
        message = length_prefixed(SENDER, PROTOCOL, signing.signed_key)
        for anew in (False, True):
            roots = await self._root_keys(anew=anew, http=http, now=now)
            if any(
                end > _milliseconds(now) and _signed(root, one, message)
                for root, end in roots
                for one in signing.signatures[:MOST_SIGNATURES]
            ):
                return True
        return False

    async def _root_keys(self, *, anew: bool, http: Http, now: datetime) -> tuple[tuple[ec.EllipticCurvePublicKey, int], ...]:
        """Google's root keys with their ends (ms); old ones serve while new ones cannot be had."""
        async with self._fetching:
            old = self._roots_at is None or now - self._roots_at > KEYS_KEPT
            asked_lately = self._asked_at is not None and abs(now - self._asked_at) < KEYS_ASKED
            if (anew or old) and not asked_lately:
                self._asked_at = now
                try:
                    self._roots = _read_keys(await http(Ask(method="GET", url=self._keys_url)))
                    self._roots_at = now
                except (Unreachable, msgspec.MsgspecError, ValueError, TypeError) as error:
                    if not self._roots:
                        raise KeysUnavailable(f"Google's root keys cannot be fetched: {error}") from error
            if not self._roots:
                raise KeysUnavailable("Google's root keys could not be fetched a moment ago")
            return self._roots


def _read_keys(answer: Answer) -> tuple[tuple[ec.EllipticCurvePublicKey, int], ...]:
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"the answer was {answer.status}")
    keys = msgspec.json.decode(answer.body, type=_Keys, strict=False).keys
    return tuple((_public_key(key.key_value), key.key_expiration) for key in keys if key.protocol_version == PROTOCOL)


def _worth_a_notification(installation: Installation, face: Face, now: datetime) -> bool:
    """Whether something has happened that a person should hear of, since the last telling, and the day's three are not used up."""
    news = face.happened
    if news is None or news.kind not in NEWS or (installation.told_at is not None and news.at < installation.told_at):
        return False
    return sum(at > now - NOTIFICATIONS_PER for at in installation.notified_at) < MOST_NOTIFICATIONS


def _label(line: Line) -> Text:
    return line.label or Text(((FALLBACK, ""),))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
