"""A pass file as a phone sees it: everything that must be true before it is accepted, and what it then shows.

Rules: https://developer.apple.com/documentation/walletpasses/building-a-pass and .../walletpasses/pass, with the archived
https://developer.apple.com/library/archive/documentation/UserExperience/Conceptual/PassKit_PG/Creating.html for the signature.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent, format_scientific
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509.oid import NameOID, ObjectIdentifier
from PIL import Image, UnidentifiedImageError

STYLES: Final = ("storeCard", "coupon", "generic", "eventTicket", "boardingPass")
PLACES: Final = ("header", "primary", "secondary", "auxiliary", "back")
SYMBOLOGIES: Final = frozenset({"PKBarcodeFormatQR", "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec", "PKBarcodeFormatCode128"})
ALIGNMENTS: Final = frozenset(f"PKTextAlignment{side}" for side in ("Left", "Center", "Right", "Natural"))
MOMENTS: Final = {f"PKDateStyle{name}": name.lower() for name in ("None", "Short", "Medium", "Long", "Full")}
NUMBERS: Final[Mapping[str, Callable[..., str]]] = {
    "PKNumberStyleDecimal": format_decimal,
    "PKNumberStylePercent": format_percent,
    "PKNumberStyleScientific": format_scientific,
    "PKNumberStyleSpellOut": format_decimal,
}
DETECTORS: Final = frozenset(f"PKDataDetectorType{kind}" for kind in ("PhoneNumber", "Link", "Address", "CalendarEvent"))
MOST_HEADER, MOST_PRIMARY, MOST_ROW, MOST_PLACES, SHORTEST_TOKEN = 3, 1, 4, 10, 16
LARGEST: Final = 20_000_000  # bytes, unpacked
SLACK: Final = timedelta(minutes=5)  # between the signer's clock and the phone's

PASS_TYPE: Final = ObjectIdentifier("1.2.840.113635.100.6.1.16")
PASS_SIGNING: Final = ObjectIdentifier("1.2.840.113635.100.4.14")
SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
CONTENT_TYPE: Final = bytes.fromhex("06092a864886f70d010903")
MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
SIGNING_TIME: Final = bytes.fromhex("06092a864886f70d010905")
DIGESTS: Final[Mapping[bytes, HashAlgorithm]] = {
    bytes.fromhex("06052b0e03021a"): SHA1(),  # still accepted by Wallet, and still made by other libraries
    bytes.fromhex("0609608648016503040201"): SHA256(),
    bytes.fromhex("0609608648016503040202"): SHA384(),
    bytes.fromhex("0609608648016503040203"): SHA512(),
}
UNREADABLE: Final = (
    *(ValueError, IndexError, StopIteration, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
_COLOUR: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_IMAGE: Final = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]+)?\.lproj/)?([a-z]+)(?:@([23])x)?\.png")
_STRINGS: Final = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]{2,4})?)\.lproj/pass\.strings")
_ENTRY: Final = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)"\s*;\s*|\s*/\*.*?\*/\s*', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(U[0-9a-fA-F]{4}|.)", re.DOTALL)
_TAGS: Final = re.compile(r"<(?!/?a[ >])[^>]*>")


class Rejected(Exception):
    """A phone would not take this pass; the text is the reason that its log would give, or should."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field as it is read on the phone: ``value`` as displayed, ``message`` its change message with ``%@`` still in it."""

    key: str
    label: str
    value: str
    message: str
    raw: str | int | float


class Barcode(msgspec.Struct, frozen=True, kw_only=True):
    """What the phone draws: ``format`` without Apple's prefix (QR, PDF417, Aztec, Code128)."""

    format: str
    message: str
    encoding: str
    text: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is seen on a phone in its language. Colours are (red, green, blue); images the sharpest of their name."""

    pass_type: str
    team: str
    serial: str
    style: str
    organization: str
    description: str
    logo_text: str
    header: tuple[Field, ...]
    primary: tuple[Field, ...]
    secondary: tuple[Field, ...]
    auxiliary: tuple[Field, ...]
    back: tuple[Field, ...]
    barcode: Barcode | None
    background: tuple[int, int, int]
    foreground: tuple[int, int, int]
    label: tuple[int, int, int]
    images: Mapping[str, bytes]
    expires_at: datetime | None
    voided: bool

    @property
    def fields(self) -> dict[str, Field]:
        """All fields by their key."""
        return {field.key: field for place in PLACES for field in getattr(self, place)}


class PassFile(msgspec.Struct, frozen=True, kw_only=True):
    """A pass that was found good."""

    pass_type: str
    serial: str
    web_service: str
    token: str
    signed_at: datetime
    body: Mapping[str, Any]
    strings: Mapping[str, Mapping[str, str]]
    files: Mapping[str, bytes]

    def shown(self, language: str, zone: ZoneInfo | None = None) -> Shown:
        """The card in ``language``; times are written for ``zone``, or for the zone that the pass gives with them."""
        words = self.strings.get(language) or self.strings.get(language.partition("-")[0]) or {}

        def said(text: str) -> str:
            return words.get(text, text)

        body, style = self.body, _style(self.body)
        codes = body.get("barcodes") or ([body["barcode"]] if "barcode" in body else [])
        code = codes[0] if codes else None
        expires = body.get("expirationDate")
        return Shown(
            pass_type=self.pass_type,
            team=body["teamIdentifier"],
            serial=self.serial,
            style=style,
            organization=said(body["organizationName"]),
            description=said(body["description"]),
            logo_text=said(body.get("logoText", "")),
            barcode=Barcode(
                format=code["format"].removeprefix("PKBarcodeFormat"),
                message=code["message"],
                encoding=code["messageEncoding"],
                text=said(code.get("altText", "")),
            )
            if code
            else None,
            background=_colour(body.get("backgroundColor", "rgb(255, 255, 255)")),
            foreground=_colour(body.get("foregroundColor", "rgb(0, 0, 0)")),
            label=_colour(body.get("labelColor", body.get("foregroundColor", "rgb(0, 0, 0)"))),
            images=_sharpest(self.files, language),
            expires_at=datetime.fromisoformat(expires) if expires else None,
            voided=body.get("voided", False),
            **{place: tuple(_field(raw, said, language, zone) for raw in body[style].get(f"{place}Fields", ())) for place in PLACES},
        )


def open_pass(data: bytes, *, root: x509.Certificate, now: datetime, developer: bool = False) -> PassFile:
    """Read a .pkpass as a phone that trusts ``root`` does at ``now``. Raises Rejected.

    ``developer`` is the switch that allows a web service without TLS.
    """
    files = _unzip(data)
    for needed in ("pass.json", "manifest.json", "signature", "icon.png"):
        if needed not in files:
            raise Rejected(f"there is no {needed}")
    _check_manifest(files)
    leaf, signed_at = _check_signature(files["signature"], files["manifest.json"], root=root, now=now)
    body = _json(files["pass.json"], "pass.json")
    strings = _read_strings(files)
    _check_body(body, leaf, developer=developer)
    _check_fields(body, strings)
    _check_images(files)
    return PassFile(
        pass_type=body["passTypeIdentifier"],
        serial=body["serialNumber"],
        web_service=body.get("webServiceURL", ""),
        token=body.get("authenticationToken", ""),
        signed_at=signed_at,
        body=body,
        strings=strings,
        files=files,
    )


def _need(true: object, why: str) -> None:
    if not true:
        raise Rejected(why)


# --- The package ---


def _unzip(data: bytes) -> dict[str, bytes]:
    """The files of an archive whose directory and local headers say the same."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _need(sum(entry.file_size for entry in entries) <= LARGEST, "the archive unpacks to too much")
            files = {}
            for entry in entries:
                name = entry.filename
                _need(name not in files, f"{name} is in the archive twice")
                _need(
                    not name.startswith(("/", "__MACOSX")) and ".." not in name and ".DS_Store" not in name,
                    f"{name} does not belong in a pass",
                )
                _need(entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), f"{name} is packed in an unknown way")
                _check_local_header(data, entry)
                if not entry.is_dir():
                    files[name] = archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, struct.error, UnicodeDecodeError) as error:
        raise Rejected(f"not a ZIP archive that can be read: {error}") from None
    return files


def _check_local_header(data: bytes, entry: zipfile.ZipInfo) -> None:
    """A phone that unpacks while it downloads reads these, not the directory at the end."""
    at = entry.header_offset
    _, flags, method, _, _, crc, packed, size, name_length, _ = struct.unpack("<4xHHHHHIIIHH", data[at : at + 30])
    name = data[at + 30 : at + 30 + name_length].decode("utf-8" if flags & 0x800 else "cp437")
    same = (name, method) == (entry.filename, entry.compress_type)
    if not flags & 0x08:  # sizes follow the data otherwise
        same = same and (crc, packed, size) == (entry.CRC, entry.compress_size, entry.file_size)
    _need(same, f"{entry.filename}: local header and directory differ")


def _check_manifest(files: Mapping[str, bytes]) -> None:
    manifest = _json(files["manifest.json"], "manifest.json")
    covered = {name for name in files if name not in ("manifest.json", "signature")}
    _need(set(manifest) == covered, f"manifest.json and the files differ: {', '.join(sorted(set(manifest) ^ covered))}")
    for name in covered:
        _need(manifest[name] == hashlib.sha1(files[name]).hexdigest(), f"{name} is not what manifest.json says")


def _json(data: bytes, name: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _need(len(dict(pairs)) == len(pairs), f"{name} has a key twice")
        return dict(pairs)

    def constant(word: str) -> None:
        raise Rejected(f"{name} has {word}, which is not JSON")

    _need(not data.startswith(b"\xef\xbb\xbf"), f"{name} starts with a byte order mark")
    try:
        body = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=constant)
    except ValueError as error:
        raise Rejected(f"{name} is not JSON in UTF-8: {error}") from None
    if not isinstance(body, dict):
        raise Rejected(f"{name} is not an object")
    return body


# --- The signature: CMS SignedData (RFC 5652), read with its own eyes, since it is what is being judged ---


class _Der(NamedTuple):
    tag: int
    body: bytes
    raw: bytes


def _der(data: bytes) -> Iterator[_Der]:
    """The elements that stand side by side in ``data``."""
    at = 0
    while at < len(data):
        start, first = at, data[at + 1]
        at += 2
        _need(first != 0x80 and data[start] & 0x1F != 0x1F, "the signature is not DER")  # noqa: PLR2004 (indefinite length, long tag)
        size = first & 0x7F if first & 0x80 else 0
        length = int.from_bytes(data[at : at + size], "big") if size else first
        at += size + length
        _need(at <= len(data), "the signature is cut short")
        yield _Der(data[start], data[at - length : at], data[start:at])


class _Signature(NamedTuple):
    """The parts of a SignedData with one signer."""

    certificates: list[x509.Certificate]
    issuer: bytes
    serial: int
    digest: HashAlgorithm
    attributes: bytes
    values: dict[bytes, _Der]
    signature: bytes


def _parse_signature(data: bytes) -> _Signature:
    try:
        ((_, wrapped, _),) = _der(data)
        kind, ((_, inner, _)) = _der(wrapped)
        _need(kind.raw == SIGNED_DATA, "the signature is not CMS SignedData")
        ((_, signed, _),) = _der(inner)
        _, _, content, *rest = _der(signed)
        _need(len(list(_der(content.body))) == 1, "the signature is not detached: it carries the manifest")
        certificates = [x509.load_der_x509_certificate(der.raw) for part in rest if part.tag == 0xA0 for der in _der(part.body)]  # noqa: PLR2004
        for certificate in certificates:
            _read_through(certificate)
        signers = list(_der(rest[-1].body))
        _need(len(signers) == 1, f"the signature has {len(signers)} signers")
        _, who, digest, attributes, *more = _der(signers[0].body)
        _need(attributes.tag == 0xA0, "the signature has no signed attributes")  # noqa: PLR2004
        signature = more[1]
        issuer, serial = _der(who.body)
        pairs = [tuple(_der(attribute.body)) for attribute in _der(attributes.body)]
        raws = [attribute.raw for attribute in _der(attributes.body)]
        _need(raws == sorted(raws), "the signed attributes are not in DER order")
        values = {name.raw: next(_der(value.body)) for name, value in pairs}
        algorithm = DIGESTS.get(next(_der(digest.body)).raw)
    except UNREADABLE as error:
        raise Rejected(f"the signature cannot be read: {error}") from None
    if algorithm is None:
        raise Rejected("the signature uses an unknown digest")
    # Signed is the SET itself, not its context tag: RFC 5652, 5.4.
    return _Signature(
        certificates, issuer.raw, int.from_bytes(serial.body, "big"), algorithm, b"\x31" + attributes.raw[1:], values, signature.body
    )


def _read_through(certificate: x509.Certificate) -> tuple[object, ...]:
    """Its parts are parsed when they are first asked for; whatever is broken in them should show now."""
    return certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()


def _check_signature(data: bytes, manifest: bytes, *, root: x509.Certificate, now: datetime) -> tuple[x509.Certificate, datetime]:
    """The certificate that signed and when. Raises Rejected for whatever a phone would not believe."""
    parsed = _parse_signature(data)
    leaf = next(
        (each for each in parsed.certificates if each.serial_number == parsed.serial and each.issuer.public_bytes() == parsed.issuer), None
    )
    if leaf is None:
        raise Rejected("the signature does not carry the signer's certificate")
    _need(CONTENT_TYPE in parsed.values and MESSAGE_DIGEST in parsed.values, "the signature lacks a required attribute")
    _need(SIGNING_TIME in parsed.values, "Signature must contain a signing date")
    digest = hashlib.new(parsed.digest.name, manifest).digest()
    _need(parsed.values[MESSAGE_DIGEST].body == digest, "the signature is not over these bytes of manifest.json")
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey):
        raise Rejected("the signer's key is not RSA")
    try:
        key.verify(parsed.signature, parsed.attributes, PKCS1v15(), parsed.digest)
    except InvalidSignature:
        raise Rejected("the signature was not made with the certificate's key") from None
    _check_chain(leaf, parsed.certificates, root=root, now=now)
    signed_at = _time(parsed.values[SIGNING_TIME])
    _need(leaf.not_valid_before_utc <= signed_at <= leaf.not_valid_after_utc, "it was signed outside the certificate's validity")
    _need(signed_at <= now + SLACK, f"it was signed in the future ({signed_at:%Y-%m-%d %H:%M} UTC)")
    return leaf, signed_at


def _check_chain(leaf: x509.Certificate, certificates: list[x509.Certificate], *, root: x509.Certificate, now: datetime) -> None:
    intermediate = next((each for each in certificates if each.subject == leaf.issuer and each != leaf), None)
    if intermediate is None:
        raise Rejected("the signature does not carry the WWDR intermediate certificate")
    for certificate, issuer in ((leaf, intermediate), (intermediate, root)):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise Rejected("the certificate trust chain could not be verified") from None
        _need(certificate.not_valid_before_utc <= now, f"a certificate is not valid yet: {certificate.subject.rfc4514_string()}")
        _need(now <= certificate.not_valid_after_utc, f"a certificate has expired: {certificate.subject.rfc4514_string()}")
    constraints = intermediate.extensions.get_extension_for_class(x509.BasicConstraints).value
    _need(constraints.ca, "the intermediate is not an authority")


def _time(der: _Der) -> datetime:
    """UTCTime or GeneralizedTime; UTCTime's years are 1950 to 2049 (RFC 5280)."""
    try:
        return datetime.strptime(der.body.decode("ascii"), "%y%m%d%H%M%SZ" if der.tag == 0x17 else "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)  # noqa: PLR2004
    except ValueError:
        raise Rejected("the signing date cannot be read") from None


# --- pass.json ---


def _style(body: Mapping[str, Any]) -> str:
    styles = [style for style in STYLES if style in body]
    _need(len(styles) == 1, f"a pass has one style, and this has {len(styles)}")
    _need(isinstance(body[styles[0]], dict), f"{styles[0]} is not an object")
    return styles[0]


def _check_body(body: Mapping[str, Any], leaf: x509.Certificate, *, developer: bool) -> None:
    _check_nothing_null(body, "pass.json")
    _need(type(body.get("formatVersion")) is int and body["formatVersion"] == 1, "formatVersion is not 1")
    for key in ("passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName", "description"):
        _need(isinstance(body.get(key), str) and body[key], f"{key} is missing or empty")
    _style(body)
    _check_identity(body, leaf)
    _check_web_service(body, developer=developer)
    for key in ("logoText", "groupingIdentifier", "appLaunchURL"):
        _need(isinstance(body.get(key, ""), str), f"{key} is not a string")
    for key in ("voided", "sharingProhibited", "suppressStripShine"):
        _need(isinstance(body.get(key, False), bool), f"{key} is not a Boolean")
    for key in ("backgroundColor", "foregroundColor", "labelColor"):
        _colour(body.get(key, "rgb(0,0,0)"))
    for key in ("expirationDate", "relevantDate"):
        _need(key not in body or _is_date(body[key]), f"{key} is not a date with hours, minutes and zone")
    _need("groupingIdentifier" not in body or "eventTicket" in body or "boardingPass" in body, "groupingIdentifier is not for this style")
    _check_barcodes(body)
    _check_locations(body.get("locations", []))


def _check_nothing_null(value: object, where: str) -> None:
    _need(value is not None, f"{where} is null")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key != "userInfo":
            _check_nothing_null(inner, f"{where}: {key}")


def _check_identity(body: Mapping[str, Any], leaf: x509.Certificate) -> None:
    """Apple's words: the passTypeIdentifier or teamIdentifier provided may not match your certificate."""

    def named(oid: ObjectIdentifier) -> str:
        return next((str(part.value) for part in leaf.subject.get_attributes_for_oid(oid)), "")

    uses = next((extension.value for extension in leaf.extensions if isinstance(extension.value, x509.ExtendedKeyUsage)), ())
    marked = next(
        (
            extension.value.value
            for extension in leaf.extensions
            if extension.oid == PASS_TYPE and isinstance(extension.value, x509.UnrecognizedExtension)
        ),
        b"",
    )
    kind = str(body["passTypeIdentifier"])
    _need(kind.startswith("pass."), "passTypeIdentifier does not begin with “pass.”")
    _need(named(NameOID.USER_ID) == kind, "the passTypeIdentifier does not match the certificate (UID)")
    _need(named(NameOID.ORGANIZATIONAL_UNIT_NAME) == body["teamIdentifier"], "the teamIdentifier does not match the certificate (OU)")
    _need(marked[2:] == kind.encode() and marked[:1] == b"\x0c", "the certificate is not marked for this pass type")
    _need(PASS_SIGNING in uses, "the certificate is not one for signing passes")


def _check_web_service(body: Mapping[str, Any], *, developer: bool) -> None:
    url, token = body.get("webServiceURL"), body.get("authenticationToken")
    _need((url is None) == (token is None), "webServiceURL and authenticationToken go together")
    if url is None:
        return
    _need(isinstance(url, str) and isinstance(token, str), "webServiceURL and authenticationToken are strings")
    _need(url.startswith(("https://", "http://") if developer else "https://"), "webServiceURL is not https")
    _need(not url.rstrip("/").endswith("/v1"), "webServiceURL ends with /v1, which the phone adds itself")
    _need(len(token or "") >= SHORTEST_TOKEN, "authenticationToken is shorter than 16 characters")


def _check_barcodes(body: Mapping[str, Any]) -> None:
    codes = body.get("barcodes", [])
    _need(isinstance(codes, list) and all(isinstance(code, dict) for code in codes), "barcodes is not an array of objects")
    for code in [*codes, *([body["barcode"]] if "barcode" in body else [])]:
        _need(code.get("format") in SYMBOLOGIES, f"unknown barcode format: {code.get('format')}")
        _need(isinstance(code.get("message"), str) and code["message"], "a barcode's message is not a string")
        _need(isinstance(code.get("messageEncoding"), str), "a barcode has no messageEncoding")
        _need(isinstance(code.get("altText", ""), str), "a barcode's altText is not a string")
        try:
            code["message"].encode(code["messageEncoding"])
        except (LookupError, UnicodeEncodeError) as error:
            raise Rejected(f"a barcode's message does not fit its encoding: {error}") from None


def _check_locations(locations: object) -> None:
    _need(isinstance(locations, list) and len(locations) <= MOST_PLACES, "locations is not an array of at most ten")
    for place in locations if isinstance(locations, list) else ():
        for key, most in (("latitude", 90), ("longitude", 180)):
            number = place.get(key) if isinstance(place, dict) else None
            _need(isinstance(number, int | float) and abs(number) <= most, f"a location has no {key} on Earth")


def _check_fields(body: Mapping[str, Any], strings: Mapping[str, Mapping[str, str]]) -> None:
    style = body[_style(body)]
    seen: set[str] = set()
    for place in PLACES:
        fields = style.get(f"{place}Fields", [])
        _need(isinstance(fields, list) and all(isinstance(field, dict) for field in fields), f"{place}Fields is not an array of objects")
        for field in fields:
            key = field.get("key")
            _need(isinstance(key, str) and key, f"a field of {place} has no key")
            _need(key not in seen, f"two fields have the key {key}")
            seen.add(key)
            _check_field(field, place, strings)
    count = {place: len(style.get(f"{place}Fields", [])) for place in PLACES}
    _need(count["header"] <= MOST_HEADER, "more than three header fields")
    if "storeCard" in body or "coupon" in body:
        _need(count["primary"] <= MOST_PRIMARY, "more than one primary field")
        _need(count["secondary"] + count["auxiliary"] <= MOST_ROW, "more than four secondary and auxiliary fields")


def _check_field(field: Mapping[str, Any], place: str, strings: Mapping[str, Mapping[str, str]]) -> None:
    key, value = field["key"], field.get("value")
    number = type(value) in (int, float)
    _need(number or isinstance(value, str), f"{key}: the value is neither text nor number")
    _need(isinstance(field.get("label", ""), str), f"{key}: the label is not a string")
    if "changeMessage" in field:
        message = field["changeMessage"]
        _need(isinstance(message, str), f"{key}: the changeMessage is not a string")
        for words in [*strings.values()] or [{}]:
            _need("%@" in words.get(message, message), f"{key}: the changeMessage has no %@")
    if "textAlignment" in field:
        _need(field["textAlignment"] in ALIGNMENTS, f"{key}: unknown textAlignment")
        _need(place not in ("primary", "back"), f"{key}: no textAlignment on a {place} field")
    moments = [field[name] for name in ("dateStyle", "timeStyle") if name in field]
    _need(all(style in MOMENTS for style in moments), f"{key}: unknown dateStyle or timeStyle")
    _need(not moments or _is_date(value), f"{key}: a dateStyle or timeStyle needs a date with hours, minutes and zone")
    _need(not {"numberStyle", "currencyCode"} & set(field) or number, f"{key}: numberStyle and currencyCode need a number")
    _need(field.get("numberStyle", "PKNumberStyleDecimal") in NUMBERS, f"{key}: unknown numberStyle")
    _need("dataDetectorTypes" not in field or place == "back", f"{key}: dataDetectorTypes are for the back")
    _need(set(field.get("dataDetectorTypes", ())) <= DETECTORS, f"{key}: unknown dataDetectorTypes")
    _need(not _TAGS.search(field.get("attributedValue", "")), f"{key}: attributedValue may hold links only")


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _colour(value: object) -> tuple[int, int, int]:
    found = _COLOUR.fullmatch(value) if isinstance(value, str) else None
    parts = [int(part) for part in found.groups()] if found else []
    if not parts or max(parts) > 255:  # noqa: PLR2004
        raise Rejected(f"not a colour: {value}")
    return parts[0], parts[1], parts[2]


# --- Words and pictures ---


def _read_strings(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """The pass.strings of every language; they must have the same keys."""
    strings: dict[str, dict[str, str]] = {}
    for name, data in files.items():
        folder, slash, _ = name.partition("/")
        _need(not slash or folder.endswith(".lproj"), f"{name} is in no language's folder")
        if name.endswith(".strings"):
            found = _STRINGS.fullmatch(name)
            if found is None:
                raise Rejected(f"{name} is not where strings belong")
            strings[found[1]] = _parse_strings(data, name)
    if len({frozenset(words) for words in strings.values()}) > 1:
        raise Rejected("the languages' strings have different keys")
    return strings


def _parse_strings(data: bytes, name: str) -> dict[str, str]:
    """UTF-16 (big-endian, with its mark) or UTF-8 (without): what every reader of passes understands."""
    try:
        text = data[2:].decode("utf-16-be") if data.startswith(b"\xfe\xff") else data.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected(f"{name} is neither UTF-16BE with a mark nor UTF-8") from None
    _need(not text.startswith("\ufeff") and "\0" not in text, f"{name} is neither UTF-16BE with a mark nor UTF-8")
    words: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        entry = _ENTRY.match(text, at)
        if entry is None:
            raise Rejected(f"{name} cannot be read at character {at}")
        at = entry.end()
        if entry[1] is not None:
            key = _unescape(entry[1])
            _need(key not in words, f"{name} says “{key}” twice")
            words[key] = _unescape(entry[2])
    return words


def _unescape(text: str) -> str:
    return _ESCAPE.sub(
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) > 1 else {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), text
    )


def _check_images(files: Mapping[str, bytes]) -> None:
    """Sizes of https://developer.apple.com/library/archive/documentation/UserExperience/Conceptual/PassKit_PG/Creating.html."""
    sizes: dict[tuple[str, int], tuple[int, int]] = {}
    for name, data in files.items():
        if not name.endswith(".png"):
            continue
        found = _IMAGE.fullmatch(name)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                kind, size = image.format, image.size
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise Rejected(f"{name} is not a picture: {error}") from None
        _need(found is not None and kind == "PNG", f"{name} is not a PNG of a known name")
        if found is not None:
            sizes[found[1], int(found[2] or 1)] = size
    base = sizes["icon", 1]
    for (name, scale), (width, height) in sizes.items():
        if name == "icon":
            fits = width == height == base[0] * scale and 29 <= base[0] <= 76  # noqa: PLR2004 (29 was asked for, 38 is today)
        elif name == "logo":
            fits = width <= 160 * scale and height <= 50 * scale
        elif name == "strip":
            fits = width == 375 * scale and height in (144 * scale, 123 * scale, 98 * scale)
        else:
            fits = True
        _need(fits, f"{name}@{scale}x is {width}×{height}")


def _sharpest(files: Mapping[str, bytes], language: str) -> dict[str, bytes]:
    best: dict[str, tuple[int, bytes]] = {}
    top = {found[1] for name in files if "/" not in name and (found := _IMAGE.fullmatch(name))}
    for name, data in files.items():
        found = _IMAGE.fullmatch(name)
        if found is None or ("/" in name and (found[1] in top or not name.startswith(f"{language.partition('-')[0]}.lproj/"))):
            continue
        scale = int(found[2] or 1)
        if found[1] not in best or best[found[1]][0] < scale:
            best[found[1]] = scale, data
    return {name: data for name, (_, data) in best.items()}


def _field(field: Mapping[str, Any], said: Callable[[str], str], language: str, zone: ZoneInfo | None) -> Field:
    return Field(
        key=field["key"],
        label=said(field.get("label", "")),
        value=_display(field, said, language.replace("-", "_"), zone),
        message=said(field.get("changeMessage", "")),
        raw=field["value"],
    )


def _display(field: Mapping[str, Any], said: Callable[[str], str], locale: str, zone: ZoneInfo | None) -> str:
    value = field["value"]
    date, clock = (MOMENTS.get(field.get(name, "PKDateStyleNone"), "none") for name in ("dateStyle", "timeStyle"))
    if (date, clock) != ("none", "none"):
        at = datetime.fromisoformat(value)
        at = at if zone is None or field.get("ignoresTimeZone") else at.astimezone(zone)
        if clock == "none":
            return format_date(at.date(), date, locale)
        if date == "none":
            return format_time(at.timetz(), clock, locale=locale)
        return (
            format_datetime(at.replace(tzinfo=None), date, locale=locale)
            if date == clock
            else (f"{format_date(at.date(), date, locale)} {format_time(at.time(), clock, locale=locale)}")
        )
    if isinstance(value, str):
        return said(value)
    if "currencyCode" in field:
        return format_currency(value, field["currencyCode"], locale=locale)
    return NUMBERS[field.get("numberStyle", "PKNumberStyleDecimal")](value, locale=locale)
