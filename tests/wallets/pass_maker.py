"""Passes made by hand, good ones and ones with exactly one thing wrong."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from chains import NOW, TEAM, chain
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from PIL import Image

PASS_TYPE = "pass.example.cafe"
SERIAL = "4f0a9c1d2e3b4a5f6071"
TOKEN = "a-token-of-more-than-16-characters"
LONG = timedelta(days=300)


def png(width: int, height: int, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "#2b1d14").save(out, kind)
    return out.getvalue()


def strings(words: Mapping[str, str], encoding: str = "utf-16-be", mark: bytes = b"\xfe\xff") -> bytes:
    return mark + "".join(f'"{key}" = "{value}";\n' for key, value in words.items()).encode(encoding)


EN = {"lbl.stamps": "Stamps", "lbl.latest": "Latest", "msg": "News: %@", "ready": "READY"}
VI = {"lbl.stamps": "Tem", "lbl.latest": "Mới nhất", "msg": "Tin mới: %@", "ready": "SẴN SÀNG"}


def body(**changed: Any) -> dict[str, Any]:
    """pass.json of a good store card; a key of ``changed`` replaces one at the top, None takes it away."""
    good = {
        "formatVersion": 1,
        "passTypeIdentifier": PASS_TYPE,
        "teamIdentifier": TEAM,
        "serialNumber": SERIAL,
        "organizationName": "Cà Phê Sáng",
        "description": "Loyalty card",
        "logoText": "Cà Phê Sáng",
        "webServiceURL": "https://cards.example/apple",
        "authenticationToken": TOKEN,
        "backgroundColor": "rgb(43, 29, 20)",
        "foregroundColor": "rgb(255, 255, 255)",
        "labelColor": "rgb(232, 211, 176)",
        "barcodes": [
            {"format": "PKBarcodeFormatQR", "message": "K7QM4XRT3", "messageEncoding": "iso-8859-1", "altText": "K7Q-M4X-RT3"},
        ],
        "storeCard": {
            "headerFields": [{"key": "progress", "label": "lbl.stamps", "value": "7/10"}],
            "secondaryFields": [{"key": "next", "label": "Next", "value": "Coffee"}],
            "auxiliaryFields": [
                {
                    "key": "until",
                    "label": "Until",
                    "value": "2026-12-31T23:59:59+07:00",
                    "dateStyle": "PKDateStyleMedium",
                    "ignoresTimeZone": True,
                }
            ],
            "backFields": [
                {"key": "latest", "label": "lbl.latest", "value": "Welcome", "changeMessage": "msg"},
                {"key": "points", "value": 1234.5, "numberStyle": "PKNumberStyleDecimal"},
                {"key": "credit", "value": 30000, "currencyCode": "VND"},
            ],
        },
    }
    return {key: value for key, value in (good | changed).items() if value is not None}


def with_field(place: str, field: Mapping[str, Any]) -> dict[str, Any]:
    """The good card with one more field."""
    card = body()["storeCard"]
    return body(storeCard=card | {f"{place}Fields": [*card.get(f"{place}Fields", []), dict(field)]})


def files(card: Mapping[str, Any] | bytes | None = None, **more: bytes | None) -> dict[str, bytes]:
    """Everything but manifest and signature. ``more`` adds, replaces or (None) takes away."""
    good: dict[str, bytes | None] = {
        "pass.json": card if isinstance(card, bytes) else json.dumps(card or body(), ensure_ascii=False).encode(),
        "icon.png": png(29, 29),
        "icon@2x.png": png(58, 58),
        "strip.png": png(375, 144),
        "en.lproj/pass.strings": strings(EN),
        "vi.lproj/pass.strings": strings(VI),
    }
    good |= more
    return {name: content for name, content in good.items() if content is not None}


def manifest_of(content: Mapping[str, bytes], digest: str = "sha1") -> bytes:
    return json.dumps({name: hashlib.new(digest, data).hexdigest() for name, data in content.items()}, indent=1).encode()


def pkpass(
    content: Mapping[str, bytes] | None = None,
    *,
    manifest: bytes | None = None,
    signature: Callable[[bytes], bytes] | None = None,
    **more: bytes,
) -> bytes:
    """A signed package; ``more`` is put in after the manifest was made."""
    content = files() if content is None else content
    manifest = manifest_of(content) if manifest is None else manifest
    return archive({**content, "manifest.json": manifest, "signature": (signature or cms)(manifest), **more})


def archive(content: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as package:
        for name, data in content.items():
            package.writestr(name, data)
    return out.getvalue()


# --- Certificates ---


@cache
def key() -> RSAPrivateKey:
    return rsa("key.pem")


@cache
def rsa(name: str) -> RSAPrivateKey:
    found = load_pem_private_key((chain(PASS_TYPE) / name).read_bytes(), None)
    assert isinstance(found, RSAPrivateKey)
    return found


@cache
def certificate(name: str = "certificate.pem") -> x509.Certificate:
    return x509.load_pem_x509_certificate((chain(PASS_TYPE) / name).read_bytes())


def leaf(
    *,
    uid: str = PASS_TYPE,
    team: str = TEAM,
    marked: str | None = PASS_TYPE,
    signs_passes: bool = True,
    start: datetime = NOW - LONG,
    end: datetime = NOW + LONG,
    issuer: x509.Certificate | None = None,
    issuer_key: RSAPrivateKey | None = None,
) -> x509.Certificate:
    """A Pass Type ID certificate for the chain's key."""
    names = [x509.NameAttribute(NameOID.USER_ID, uid), x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team)]
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ObjectIdentifier("1.2.840.113635.100.4.14")] * signs_passes
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name((issuer or certificate("wwdr.pem")).subject)
        .public_key(key().public_key())
        .serial_number(4711)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=True)
    )
    if marked is not None:
        mark = der(0x0C, marked.encode())
        builder = builder.add_extension(x509.UnrecognizedExtension(ObjectIdentifier("1.2.840.113635.100.6.1.16"), mark), critical=False)
    return builder.sign(issuer_key or rsa("wwdr-key.pem"), SHA256())


def authority(*, end: datetime = NOW + LONG, ca: bool = True, issuer_key: RSAPrivateKey | None = None) -> x509.Certificate:
    """Another certificate of the intermediate's key and name."""
    return (
        x509.CertificateBuilder()
        .subject_name(certificate("wwdr.pem").subject)
        .issuer_name(certificate("root.pem").subject)
        .public_key(rsa("wwdr-key.pem").public_key())
        .serial_number(4712)
        .not_valid_before(NOW - 2 * LONG)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key or rsa("root-key.pem"), SHA256())
    )


# --- Cryptographic Message Syntax, written out by hand so that each part can be wrong ---


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + content


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = bytes((first * 40 + second,))
    for part in rest:
        groups = [part & 0x7F]
        while part := part >> 7:
            groups.append(0x80 | part & 0x7F)
        content += bytes(reversed(groups))
    return der(0x06, content)


def cms(
    manifest: bytes,
    *,
    signer: x509.Certificate | None = None,
    certificates: tuple[x509.Certificate, ...] | None = None,
    signed_at: datetime | None = NOW,
    attached: bool = False,
    sha1: bool = False,
    over: bytes | None = None,
    with_key: RSAPrivateKey | None = None,
    attributes: bool = True,
) -> bytes:
    """SignedData over ``manifest`` (or claiming the digest of ``over``), by the chain's certificate unless another is given."""
    signer = signer or certificate()
    certificates = (signer, certificate("wwdr.pem")) if certificates is None else certificates
    digest, algorithm = (
        (SHA1(), der(0x30, oid("1.3.14.3.2.26"))) if sha1 else (SHA256(), der(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\x05\x00"))
    )
    data = oid("1.2.840.113549.1.7.1")
    signed = [
        der(0x30, oid("1.2.840.113549.1.9.3"), der(0x31, data)),
        der(0x30, oid("1.2.840.113549.1.9.4"), der(0x31, der(0x04, hashlib.new(digest.name, manifest if over is None else over).digest()))),
    ]
    if signed_at is not None:
        signed.append(der(0x30, oid("1.2.840.113549.1.9.5"), der(0x31, der(0x17, signed_at.strftime("%y%m%d%H%M%SZ").encode()))))
    body = b"".join(sorted(signed))
    who = der(0x30, signer.issuer.public_bytes(), der(0x02, signer.serial_number.to_bytes(signer.serial_number.bit_length() // 8 + 1)))
    signature = (with_key or key()).sign(der(0x31, body) if attributes else manifest, PKCS1v15(), digest)
    signer_info = der(
        0x30,
        b"\x02\x01\x01",
        who,
        algorithm,
        der(0xA0, body) if attributes else b"",
        der(0x30, oid("1.2.840.113549.1.1.1"), b"\x05\x00"),
        der(0x04, signature),
    )
    content = der(0x30, data, der(0xA0, der(0x04, manifest))) if attached else der(0x30, data)
    bundle = der(0xA0, *(each.public_bytes(Encoding.DER) for each in certificates))
    return der(
        0x30,
        oid("1.2.840.113549.1.7.2"),
        der(0xA0, der(0x30, b"\x02\x01\x01", der(0x31, algorithm), content, bundle, der(0x31, signer_info))),
    )
