"""Apple Wallet: a face becomes a signed ``.pkpass``, and a device is told by APNs to come and fetch a newer one.

Sources: developer.apple.com/documentation/walletpasses (pass, passfieldcontent, building-a-pass,
adding-a-web-service-to-update-passes) and …/usernotifications (handling-notification-responses-from-apns).
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import quote

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from py_pkpass.models import BarcodeFormat, DateStyle, StoreCard

from passes import artwork
from passes.artwork import Art
from passes.businesses import Brand
from passes.face import Barcode, Face, Line, Place
from passes.problems import WalletNotConfigured
from passes.wallets.base import Answer, Ask, Delivered, Gone, Http, Installation, Later, Misconfigured, Outcome, Unreachable
from passes.wallets.bundle import Design, Layout, Part, combine, lay_out, read_designs, seal
from passes.wallets.signature import Certificate
from passes.words import Text

__all__ = ["MEDIA_TYPE", "Apple", "Certificate", "PushKey"]

MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
TITLE: Final = "Apple Wallet"
DEFAULT_DESIGN: Final = "classic"
STYLE: Final[str] = StoreCard().jsonname
FORMATS: Final[Mapping[str, str]] = {
    "qr": BarcodeFormat.QR,
    "code128": BarcodeFormat.CODE128,
    "pdf417": BarcodeFormat.PDF417,
    "aztec": BarcodeFormat.AZTEC,
}
FIELDS: Final[Mapping[Place, str]] = {
    "header": "headerFields",
    "primary": "primaryFields",
    "secondary": "secondaryFields",
    "auxiliary": "auxiliaryFields",
    "back": "backFields",
}
LIMITS: Final[Mapping[Place, int]] = {"header": 3, "primary": 1, "secondary": 4, "auxiliary": 4}
"""Fields that Wallet shows of each kind. More would vanish."""
ROW_SHARED: Final[Mapping[Place, Place]] = {"secondary": "auxiliary", "auxiliary": "secondary"}
"""On a store card both stand in one row of four."""
MOST_PLACES: Final = 10  # https://developer.apple.com/documentation/walletpasses/pass: more are not looked at
FRONT_LONGEST: Final = 60  # characters; a longer value makes Wallet leave whole fields out
PUSH_LIVES: Final = timedelta(days=1)  # a phone that is off for the night is told in the morning
TOKEN_RENEWED: Final = timedelta(minutes=40)  # APNs refuses tokens over 60 minutes old, and new ones within 20
NO_DEVICE: Final = "0" * 64
LAST_MOMENT: Final = 253_402_300_799_000  # milliseconds: the end of the year 9999
"""As long as a device token, and nobody's."""
KEPT: Final = 256  # brands, strips, and layouts with their texts: at 40 KB a strip (and half a megabyte with a photograph), 10 to 120 MB

GONE: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken"})
AGAIN: Final = frozenset({"IdleTimeout"})

_KEY: Final = "text."
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class PushKey:
    """A .p8 key: pushes for every pass type of its own team, instead of the certificate."""

    def __init__(self, pem: bytes, *, key_id: str) -> None:
        """``pem`` is the file from Apple. Raises ValueError if it holds anything but a P-256 key."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("an APNs key is a P-256 key: download the .p8 file from Apple's portal")  # noqa: TRY004 (the file is wrong)
        self._key, self._key_id = key, key_id
        self._made_at, self._token = datetime.min.replace(tzinfo=UTC), ""

    def token(self, team: str, now: datetime) -> str:
        """The provider token (JWT, ES256) of the key's team, the same for 40 minutes."""
        if not timedelta() <= now - self._made_at < TOKEN_RENEWED:
            claims = {"iss": team, "iat": int(now.timestamp())}
            body = b".".join(_base64(msgspec.json.encode(each)) for each in ({"alg": "ES256", "kid": self._key_id}, claims))
            r, s = decode_dss_signature(self._key.sign(body, ECDSA(hashes.SHA256())))
            self._token = b".".join((body, _base64(r.to_bytes(32) + s.to_bytes(32)))).decode()
            self._made_at = now
        return self._token


class Apple:
    """Apple Wallet, for every certificate of the installation.

    ``certificates`` are by the name that a business gives (``business.apple``); ``""`` is the installation's.
    ``designs`` is the folder templates/cards. Devices call ``public_url`` + ``/apple``.
    """

    name: ClassVar[Literal["apple", "google"]] = "apple"
    draws: ClassVar[bool] = False

    def __init__(
        self,
        *,
        certificates: Mapping[str, Certificate],
        designs: Path,
        public_url: str,
        apns_url: str = "https://api.push.apple.com",
        push_key: PushKey | None = None,
    ) -> None:
        """Raises ValueError for a public URL that ends with /v1 (devices append it) and for designs that Wallet would refuse."""
        base = public_url.rstrip("/")
        if base.endswith("/v1"):
            raise ValueError("the public URL must not end with /v1: devices append it themselves")
        self._web_service = base + "/apple"
        self._apns_url = apns_url.rstrip("/")
        self.certificates = dict(certificates)
        self._by_pass_type = {each.pass_type: each for each in sorted(certificates.values(), key=lambda each: each.not_after)}
        self._designs = read_designs(designs)
        if DEFAULT_DESIGN not in self._designs:
            raise ValueError(f"{designs} has no {DEFAULT_DESIGN}.pass")
        own = certificates.get("")
        # A key pushes for its own team only; that is taken to be the installation's, not that of a business with its own certificate.
        self._push_key, self._push_team = push_key, own.team if own else ""
        self._brand = lru_cache(maxsize=KEPT)(self._lay_out_brand)
        self._strip = lru_cache(maxsize=KEPT)(self._lay_out_strip)
        self._layouts: dict[tuple[Brand, Art, artwork.Progress, tuple[str, ...], tuple[str, ...]], Layout] = {}
        self._lock = Lock()

    # --- Draw ---

    def draw(self, face: Face, *, certificate: Certificate, now: datetime, art: Art = artwork.DRAWN) -> bytes:
        """The ``.pkpass`` of a face, signed at ``now``; CPU only, and most of it without the GIL: call it in a thread.

        ``art`` are the pictures that the face's brand names.

        Raises WalletNotConfigured when the certificate is not valid now: no phone would accept what it signs.
        """
        if not certificate.not_before <= now <= certificate.not_after:
            raise WalletNotConfigured(wallet=TITLE)
        texts: dict[str, Text] = {}
        content = msgspec.json.encode(self._content(face, certificate, texts))
        shown = artwork.progress(face.unit, face.goals, face.balance, ready=bool(face.ready))
        layout = self._layout(face.brand, art, shown, texts, face.languages)
        return seal(layout, content, lambda manifest: certificate.sign(manifest, now))

    def _content(self, face: Face, certificate: Certificate, texts: dict[str, Text]) -> dict[str, Any]:
        """pass.json. Every Text in it is a key of ``texts``, which is filled here."""
        design = self._design(face.brand)
        content = {
            **design.skeleton,
            "passTypeIdentifier": certificate.pass_type,
            "teamIdentifier": certificate.team,
            "serialNumber": face.serial,
            "authenticationToken": face.token,
            "webServiceURL": self._web_service,
            "organizationName": _raw(face.organization),
            "logoText": _raw(face.organization),
            "description": _say(_description(face.organization, face.program), texts),
            "barcodes": _barcodes(face.barcode),
            STYLE: {**design.skeleton[STYLE], **_fields(face.lines, texts)},
            **_colours(face.brand),
        }
        if face.voided:
            content["voided"] = True
        if face.places:
            content["locations"] = [{"latitude": latitude, "longitude": longitude} for latitude, longitude in face.places[:MOST_PLACES]]
        return content

    def _layout(self, brand: Brand, art: Art, shown: artwork.Progress, texts: Mapping[str, Text], languages: tuple[str, ...]) -> Layout:
        """Everything but the pass itself. Keys of texts name their content, so the keys are all that a layout is known by."""
        known = (brand, art, shown, tuple(texts), languages)
        layout = self._layouts.get(known)
        if layout is None:
            layout = combine(self._brand(brand, art), self._strip(brand, art, shown), lay_out(_strings(texts, languages)))
            with self._lock:
                while len(self._layouts) >= KEPT:
                    del self._layouts[next(iter(self._layouts))]
                self._layouts[known] = layout
        return layout

    def _lay_out_brand(self, brand: Brand, art: Art) -> Part:
        drawn = {_image("icon", scale): artwork.icon(brand, scale, art) for scale in artwork.SCALES}
        drawn |= {_image("logo", scale): artwork.logo(brand, scale, art) for scale in artwork.SCALES}
        return lay_out(drawn | self._design(brand).files)

    def _lay_out_strip(self, brand: Brand, art: Art, shown: artwork.Progress) -> Part:
        if not artwork.has_strip(brand):
            return lay_out({})
        drawn = {_image("strip", scale): artwork.strip(brand, shown, scale, art) for scale in artwork.SCALES}
        own = drawn.keys() & self._design(brand).files.keys()  # a design with a strip of its own has no stamps
        return lay_out({} if own else drawn)

    def _design(self, brand: Brand) -> Design:
        return self._designs.get(brand.design, self._designs[DEFAULT_DESIGN])

    # --- Tell ---

    async def tell(self, installation: Installation, face: Face | None, *, http: Http, now: datetime) -> Outcome:  # noqa: ARG002
        """Ask APNs to wake the device, which then fetches the latest pass by itself.

        APNs taking it does not mean that the phone did: Apple drops pushes silently when there are many.
        """
        certificate = self._by_pass_type.get(installation.credential)
        if certificate is None:
            return Misconfigured(f"no certificate for {installation.credential}")
        return await self._push(certificate, installation.push_token, installation.registered_at, http=http, now=now)

    async def probe(self, certificate: Certificate, *, http: Http, now: datetime) -> Outcome:
        """Push to a token that no device has: Gone (BadDeviceToken) means that APNs takes the credentials, and harms nobody."""
        return await self._push(certificate, NO_DEVICE, now, http=http, now=now)

    async def _push(self, certificate: Certificate, token: str, registered_at: datetime, *, http: Http, now: datetime) -> Outcome:
        """One empty push with the certificate's credentials, and what its answer means for a device that registered then."""
        ask = Ask(
            method="POST",
            url=f"{self._apns_url}/3/device/{quote(token, safe='')}",
            headers=(
                ("apns-topic", certificate.pass_type),
                ("apns-push-type", "background"),
                ("apns-priority", "5"),
                ("apns-expiration", str(int((now + PUSH_LIVES).timestamp()))),
            ),
            body=b"{}",
            http2=True,
        )
        if self._push_key is not None and self._push_team == certificate.team:
            bearer = ("authorization", f"bearer {self._push_key.token(certificate.team, now)}")
            ask = msgspec.structs.replace(ask, headers=(*ask.headers, bearer))
        else:
            ask = msgspec.structs.replace(ask, certificate=certificate.certificate, key=certificate.key)
        try:
            answer = await http(ask)
        except Unreachable as silence:
            return Later(f"APNs: {silence}")
        return outcome(answer, registered_at=registered_at)


class _Field(msgspec.Struct, omit_defaults=True, rename="camel"):
    """A field of a pass, as Apple calls its keys; what is not given is not written."""

    key: str
    value: str | int
    label: str | None = None
    change_message: str | None = None
    date_style: str | None = None
    time_style: str | None = None
    ignores_time_zone: bool = False


class _Refused(msgspec.Struct):
    """The body of a refusal; ``timestamp`` (milliseconds) is since when APNs has known that the token is no longer used."""

    reason: str = ""
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=LAST_MOMENT)] | None = None


def outcome(answer: Answer, *, registered_at: datetime) -> Outcome:
    """What an answer of APNs means for an installation that registered then."""
    try:
        refused = msgspec.json.decode(answer.body, type=_Refused)
    except msgspec.MsgspecError:  # a proxy's page, or nothing at all: the status says enough
        refused = _Refused()
    why = f"APNs {answer.status} {refused.reason}".strip()
    waited = answer.headers.get("retry-after", "")
    meaning: Outcome = Later(why, float(waited) if waited.isdecimal() else None)
    match answer.status:
        case 200:
            meaning = Delivered()
        case 410:
            since = None if refused.timestamp is None else datetime.fromtimestamp(refused.timestamp / 1000, UTC)
            # A phone that has registered since APNs gave its token up is alive: the answer is about an earlier life.
            meaning = Later(why) if since is not None and since < registered_at else Gone(since)
        case 400 if refused.reason in GONE:
            meaning = Gone()
        case 429 if refused.reason == "TooManyProviderTokenUpdates":
            meaning = Later(why, (TOKEN_RENEWED / 2).total_seconds())
        case status if status < 500 and status != 429 and refused.reason not in AGAIN:  # noqa: PLR2004
            meaning = Misconfigured(why)
    return meaning


def _image(name: str, scale: int) -> str:
    return f"{name}.png" if scale == 1 else f"{name}@{scale}x.png"


# --- Fields ---


def placed(lines: Sequence[Line]) -> dict[Place, list[Line]]:
    """Lines by place; what Wallet would leave out of a full front goes to the back, where there is always room."""
    back: list[Line] = []
    rows: dict[Place, list[Line]] = {"back": back}
    for line in lines:
        here = rows.setdefault(line.place, [])
        beside = rows.get(ROW_SHARED[line.place], ()) if line.place in ROW_SHARED else ()
        room = line.place == "back" or len(here) + len(beside) < LIMITS[line.place]
        (here if room else back).append(line)
    return rows


def _fields(lines: Sequence[Line], texts: dict[str, Text]) -> dict[str, list[_Field]]:
    return {FIELDS[place]: [_field(line, texts) for line in row] for place, row in placed(lines).items()}


def _field(line: Line, texts: dict[str, Text]) -> _Field:
    value: Any = line.value
    if isinstance(value, str):
        value = _raw(value if line.place == "back" else fit(value))
    elif isinstance(value, Text):
        value = _say(value, texts)
    said = None if line.label is None else _say(line.label, texts)
    change = None if line.announce is None else _say(line.announce, texts)
    return _moment(line, value, said, change) if isinstance(value, datetime) else _Field(line.key, value, said, change)


def _moment(line: Line, moment: datetime, label: str | None, change: str | None) -> _Field:
    """Written by the phone in its language, but in the shop's time zone: that is where it is true."""
    style = DateStyle.SHORT if line.clock else DateStyle.NONE
    return _Field(line.key, moment.isoformat(timespec="seconds"), label, change, DateStyle.MEDIUM, style, ignores_time_zone=True)


def fit(words: str) -> str:
    """Short enough for the front; the back has all of it."""
    return words if len(words) <= FRONT_LONGEST else words[: FRONT_LONGEST - 1].rstrip("\u200d\ufe0f ") + "…"


def _barcodes(barcode: Barcode) -> list[dict[str, str]]:
    """The code and, as Apple Watch shows no Code 128, a QR of it for the wrist."""
    encoding = "iso-8859-1" if _latin(barcode.message) else "utf-8"
    return [
        {"format": FORMATS[format_], "message": barcode.message, "messageEncoding": encoding, "altText": barcode.text}
        for format_ in (("code128", "qr") if barcode.format == "code128" else (barcode.format,))
    ]


def _latin(message: str) -> bool:
    try:
        message.encode("iso-8859-1")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=KEPT)
def _colours(brand: Brand) -> dict[str, str]:
    names = {"backgroundColor": brand.background, "foregroundColor": brand.foreground, "labelColor": brand.label}
    return {name: "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:7])) for name, colour in names.items()}


@lru_cache(maxsize=KEPT)
def _description(organization: str, program: Text) -> Text:
    """What VoiceOver calls the card."""
    return Text(tuple((language, f"{organization}: {words}") for language, words in program.by))


# --- Texts ---


def _say(text: Text, texts: dict[str, Text]) -> str:
    key = _key(text)
    texts[key] = text
    return key


def _raw(words: str) -> str:
    """A phone says the text of any value that is a key, and nobody's name is one."""
    return words + "\u200b" if words.startswith(_KEY) else words


@lru_cache(maxsize=16 * KEPT)
def _key(text: Text) -> str:
    """A key that names the content: when the words change, the value changes, and only then is there something to announce."""
    return _KEY + sha256(msgspec.json.encode(text)).hexdigest()[:16]


def _strings(texts: Mapping[str, Text], languages: tuple[str, ...]) -> dict[str, bytes]:
    """The same keys in every language, in UTF-16 with big-endian mark: the form that Apple asks for and every reader reads."""
    spoken = {language for text in texts.values() for language in text.languages}.union(languages)
    return {
        f"{language}.lproj/pass.strings": b"\xfe\xff"
        + "".join(f'"{key}" = "{_escaped(text.said(language))}";\n' for key, text in texts.items()).encode("utf-16-be")
        for language in sorted(spoken)
        if _LANGUAGE.fullmatch(language)  # it becomes a path in the package
    }


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")


def _base64(body: bytes) -> bytes:
    return urlsafe_b64encode(body).rstrip(b"=")
