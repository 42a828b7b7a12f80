"""What a phone takes and what it refuses."""

import contextlib
import struct
import subprocess
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZipFile

import apple_card
import pytest
import zxingcpp
from chains import NOW, chain
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from pass_maker import (
    EN,
    LONG,
    PASS_TYPE,
    VI,
    archive,
    authority,
    body,
    certificate,
    cms,
    files,
    key,
    leaf,
    manifest_of,
    pkpass,
    png,
    rsa,
    strings,
    with_field,
)
from PIL import Image

from app.sandbox import drawing
from app.sandbox.passfile import PassFile, Rejected, open_pass


def judged(data: bytes, **how: Any) -> PassFile:
    return open_pass(data, root=certificate("root.pem"), now=how.pop("now", NOW), **how)


def carded(**changed: Any) -> bytes:
    return pkpass(files(body(**changed)))


def fielded(place: str, **field: Any) -> bytes:
    return pkpass(files(with_field(place, {"key": "extra", "value": "x"} | field)))


def signed(**wrong: Any) -> bytes:
    return pkpass(signature=partial(cms, **wrong))


def signed_by(signer: x509.Certificate, **more: Any) -> bytes:
    return signed(signer=signer, **more)


def filed(**more: bytes | None) -> bytes:
    return pkpass(files(None, **more))


def test_a_good_pass_is_taken_as_it_is() -> None:
    good = judged(pkpass())
    assert (good.pass_type, good.serial, good.signed_at) == (PASS_TYPE, body()["serialNumber"], NOW)
    assert good.web_service == "https://cards.example/apple"


def test_our_own_signatures_made_by_hand_convince_openssl_too(tmp_path: Path) -> None:
    with ZipFile(BytesIO(pkpass())) as package:
        package.extractall(tmp_path)
    roots = chain(PASS_TYPE) / "root.pem"
    command = ["openssl", "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-in", "signature"]
    done = subprocess.run(
        [*command, "-content", "manifest.json", "-CAfile", str(roots), "-out", "/dev/null"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_pass_signed_by_another_library_is_taken() -> None:
    def signature(manifest: bytes) -> bytes:
        builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(certificate(), key(), SHA256())
        builder = builder.add_certificate(certificate("wwdr.pem"))
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])

    judged(pkpass(signature=signature), now=NOW + timedelta(minutes=20))


@pytest.mark.parametrize("story", [{}, {"ready": True}, {"name": "Ñandú 😀 علي"}])
def test_the_cards_we_draw_are_taken(story: dict[str, Any]) -> None:
    judged(apple_card.drawn(apple_card.shown(**story)))


def test_sha1_signatures_still_are() -> None:
    judged(signed(sha1=True))


def crlf_signed() -> bytes:
    def signature(manifest: bytes) -> bytes:
        builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(certificate(), key(), SHA256())
        return builder.add_certificate(certificate("wwdr.pem")).sign(Encoding.DER, [PKCS7Options.DetachedSignature])

    return pkpass(signature=signature)


def swapped_local_name() -> bytes:
    return pkpass().replace(b"icon.png", b"evil.png", 1)


def with_wrong_local_size() -> bytes:
    data = pkpass()
    with ZipFile(BytesIO(data)) as package:
        at = package.getinfo("pass.json").header_offset
    return data[: at + 22] + struct.pack("<I", 1) + data[at + 26 :]


def twice() -> bytes:
    out = BytesIO(pkpass())
    with pytest.warns(UserWarning, match="Duplicate"), ZipFile(out, "a") as package:
        package.writestr("pass.json", b"{}")
    return out.getvalue()


def otherwise_manifested(change: Callable[[bytes], bytes]) -> bytes:
    return pkpass(manifest=change(manifest_of(files())))


BAD_PACKAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "not a zip": (lambda: b"hello", "ZIP"),
    "cut in half": (lambda: pkpass()[:500], "ZIP"),
    "a folder around it": (lambda: archive({"card.pass/" + name: data for name, data in files().items()}), "no pass.json"),
    "no manifest": (lambda: archive(files()), r"no manifest\.json"),
    "no signature": (lambda: archive(files() | {"manifest.json": manifest_of(files())}), "no signature"),
    "no icon": (lambda: filed(**{"icon.png": None}), r"no icon\.png"),
    "an extra file": (lambda: pkpass(**{"extra.txt": b"x"}), r"differ: extra\.txt"),
    "a missing file": (lambda: otherwise_manifested(lambda manifest: manifest[:-2] + b', "gone.png": "00"}'), r"differ: gone\.png"),
    "a wrong hash": (lambda: pkpass(**{"pass.json": b"{}"}), r"pass\.json is not what"),
    "SHA-256 in the manifest": (lambda: pkpass(manifest=manifest_of(files(), "sha256")), "is not what"),
    "Finder's droppings": (lambda: filed(**{".DS_Store": b"x"}), "does not belong"),
    "resource forks": (lambda: filed(**{"__MACOSX/._icon.png": b"x"}), "does not belong"),
    "a path upwards": (lambda: filed(**{"../icon.png": b"x"}), "does not belong"),
    "two files of a name": (twice, "twice"),
    "another name in the local header": (swapped_local_name, "directory|differ"),
    "another size in the local header": (with_wrong_local_size, "differ"),
    "a folder that is no language": (lambda: filed(**{"images/logo.png": png(10, 10)}), "no language"),
}

BAD_SIGNATURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "gibberish": (lambda: pkpass(signature=lambda _: b"hello"), "cannot be read|DER|cut short"),
    "empty": (lambda: pkpass(signature=lambda _: b""), "cannot be read"),
    "attached": (lambda: signed(attached=True), "not detached"),
    "over CRLF lines": (crlf_signed, "not over these bytes"),
    "over another manifest": (lambda: signed(over=b"{}"), "not over these bytes"),
    "no WWDR certificate": (lambda: signed(certificates=(certificate(),)), "WWDR"),
    "no certificate at all": (lambda: signed(certificates=()), "signer's certificate"),
    "no signing time": (lambda: signed(signed_at=None), "must contain a signing date"),
    "no signed attributes": (lambda: signed(attributes=False), "attributes"),
    "signed in the future": (lambda: signed(signed_at=NOW + timedelta(hours=1)), "future"),
    "signed before the certificate": (lambda: signed(signed_at=NOW - timedelta(days=2)), "outside"),
    "another key": (lambda: signed(with_key=rsa("wwdr-key.pem")), "certificate's key"),
    "an expired certificate": (
        lambda: signed_by(leaf(end=NOW - timedelta(days=1)), signed_at=NOW - timedelta(days=2)),
        "has expired",
    ),
    "a certificate of tomorrow": (lambda: signed_by(leaf(start=NOW + timedelta(days=1))), "not valid yet"),
    "another pass type's certificate": (lambda: signed_by(leaf(uid="pass.example.other")), "UID"),
    "another team's certificate": (lambda: signed_by(leaf(team="OTHERTEAM1")), "OU"),
    "a certificate without its mark": (lambda: signed_by(leaf(marked=None)), "not marked"),
    "a certificate marked for another": (lambda: signed_by(leaf(marked="pass.example.other")), "not marked"),
    "a certificate for something else": (lambda: signed_by(leaf(signs_passes=False)), "signing passes"),
    "a certificate of another authority": (lambda: signed_by(leaf(issuer_key=rsa("root-key.pem"))), "trust chain"),
    "an authority of another root": (
        lambda: signed(certificates=(certificate(), authority(issuer_key=key()))),
        "trust chain",
    ),
    "an expired authority": (lambda: signed(certificates=(certificate(), authority(end=NOW - timedelta(days=1)))), "has expired"),
    "an authority that is none": (lambda: signed(certificates=(certificate(), authority(ca=False))), "not an authority"),
}

CODE = {"format": "PKBarcodeFormatQR", "message": "X", "messageEncoding": "iso-8859-1"}
TWO_STYLES = body() | {"coupon": {}}
BAD_BODIES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a trailing comma": (lambda: pkpass(files(b'{"formatVersion": 1,}')), "not JSON"),
    "a byte order mark": (lambda: pkpass(files(b"\xef\xbb\xbf{}")), "byte order mark"),
    "Latin-1": (lambda: pkpass(files('{"description": "Café"}'.encode("latin-1"))), "not JSON"),
    "a list": (lambda: pkpass(files(b"[]")), "not an object"),
    "a key twice": (lambda: pkpass(files(b'{"formatVersion": 1, "formatVersion": 1}')), "twice"),
    "not a number": (lambda: pkpass(files(b'{"formatVersion": NaN}')), "NaN"),
    "version 2": (lambda: carded(formatVersion=2), "formatVersion"),
    "version true": (lambda: carded(formatVersion=True), "formatVersion"),
    "no description": (lambda: carded(description=None), "description"),
    "a number for a serial": (lambda: carded(serialNumber=7), "serialNumber"),
    "no style": (lambda: carded(storeCard=None), "0"),
    "two styles": (lambda: pkpass(files(TWO_STYLES)), "2"),
    "a null": (lambda: carded(locations=[{"latitude": 1, "longitude": 2, "distance": None}]), "null"),
    "not its pass type": (lambda: carded(passTypeIdentifier="pass.other"), "UID"),
    "no pass type": (lambda: carded(passTypeIdentifier="example.cafe"), "begin"),
    "a URL without a token": (lambda: carded(authenticationToken=None), "together"),
    "a token without a URL": (lambda: carded(webServiceURL=None), "together"),
    "plain HTTP": (lambda: carded(webServiceURL="http://cards.example"), "https"),
    "v1 in the URL": (lambda: carded(webServiceURL="https://cards.example/v1/"), "/v1"),
    "a short token": (lambda: carded(authenticationToken="short"), "16"),
    "barcodes as an object": (lambda: carded(barcodes=CODE), "array"),
    "an unknown symbology": (lambda: carded(barcodes=[CODE | {"format": "PKBarcodeFormatEAN13"}]), "format"),
    "a barcode of a number": (lambda: carded(barcodes=[CODE | {"message": 7}]), "message"),
    "a barcode without encoding": (lambda: carded(barcodes=[{"format": "PKBarcodeFormatQR", "message": "X"}]), "messageEncoding"),
    "a barcode beyond its encoding": (lambda: carded(barcodes=[CODE | {"message": "Ờ"}]), "encoding"),
    "a hex colour": (lambda: carded(backgroundColor="#2b1d14"), "colour"),
    "a colour beyond white": (lambda: carded(labelColor="rgb(256, 0, 0)"), "colour"),
    "voided as a word": (lambda: carded(voided="true"), "Boolean"),
    "a naive expiration": (lambda: carded(expirationDate="2026-12-31T23:59:59"), "zone"),
    "a grouped store card": (lambda: carded(groupingIdentifier="x"), "groupingIdentifier"),
    "eleven places": (lambda: carded(locations=[{"latitude": 1, "longitude": 2}] * 11), "ten"),
    "a place off the Earth": (lambda: carded(locations=[{"latitude": 91, "longitude": 2}]), "Earth"),
}

BAD_FIELDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a duplicate key": (lambda: fielded("back", key="progress"), "two fields"),
    "no key": (lambda: fielded("back", key=""), "no key"),
    "a list for a value": (lambda: fielded("back", value=[1]), "neither"),
    "a Boolean for a value": (lambda: fielded("back", value=True), "neither"),
    "a number for a label": (lambda: fielded("back", label=1), "label"),
    "a changeMessage without %@": (lambda: fielded("back", changeMessage="Changed"), "%@"),
    "an empty changeMessage": (lambda: fielded("back", changeMessage=""), "%@"),
    "an alignment on the back": (lambda: fielded("back", textAlignment="PKTextAlignmentLeft"), "no textAlignment"),
    "an alignment on the primary": (lambda: fielded("primary", textAlignment="PKTextAlignmentLeft"), "no textAlignment"),
    "an unknown alignment": (lambda: fielded("secondary", textAlignment="PKTextAlignmentJustified"), "unknown textAlignment"),
    "a date style on words": (lambda: fielded("back", dateStyle="PKDateStyleShort"), "needs a date"),
    "an unknown date style": (lambda: fielded("back", dateStyle="short", value="2026-12-31T23:59Z"), "unknown dateStyle"),
    "a number style on words": (lambda: fielded("back", numberStyle="PKNumberStyleDecimal"), "need a number"),
    "a currency on words": (lambda: fielded("back", currencyCode="VND"), "need a number"),
    "detectors on the front": (lambda: fielded("secondary", dataDetectorTypes=[]), "back"),
    "a heading in attributed text": (lambda: fielded("back", attributedValue="<b>x</b>"), "links"),
    "four header fields": (
        lambda: carded(storeCard={"headerFields": [{"key": str(number), "value": "x"} for number in range(4)]}),
        "three header",
    ),
    "five in a row of four": (
        lambda: carded(
            storeCard={
                "secondaryFields": [{"key": str(number), "value": "x"} for number in range(4)],
                "auxiliaryFields": [{"key": "5", "value": 1}],
            }
        ),
        "four secondary",
    ),
    "two primary fields": (
        lambda: carded(storeCard={"primaryFields": [{"key": str(number), "value": "x"} for number in range(2)]}),
        "one primary",
    ),
}

BAD_PICTURES_AND_WORDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a JPEG for an icon": (lambda: filed(**{"icon.png": png(29, 29, "JPEG")}), "not a PNG"),
    "no picture": (lambda: filed(**{"icon.png": b"hello"}), "not a picture"),
    "a tiny icon": (lambda: filed(**{"icon.png": png(20, 20)}), "icon"),
    "an icon of the wrong scale": (lambda: filed(**{"icon@2x.png": png(57, 57)}), "icon@2x"),
    "an oblong icon": (lambda: filed(**{"icon.png": png(29, 30)}), "icon"),
    "a large logo": (lambda: filed(**{"logo.png": png(161, 50)}), "logo"),
    "a narrow strip": (lambda: filed(**{"strip.png": png(320, 144)}), "strip"),
    "little-endian strings": (lambda: filed(**{"vi.lproj/pass.strings": strings(VI, "utf-16-le", b"\xff\xfe")}), "neither"),
    "marked UTF-8 strings": (lambda: filed(**{"vi.lproj/pass.strings": strings(VI, "utf-8", b"\xef\xbb\xbf")}), "neither"),
    "broken strings": (lambda: filed(**{"vi.lproj/pass.strings": b'"a" = "b"'}), "cannot be read"),
    "strings said twice": (lambda: filed(**{"vi.lproj/pass.strings": b'"a" = "b";"a" = "c";'}), "twice"),
    "different keys": (lambda: filed(**{"vi.lproj/pass.strings": strings({**VI, "more": "x"})}), "different keys"),
    "a language that forgets %@": (lambda: filed(**{"vi.lproj/pass.strings": strings({**VI, "msg": "Tin"})}), "%@"),
    "strings at the top": (lambda: filed(**{"pass.strings": strings(EN)}), "not where"),
}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(*case, id=name)
        for bad in (BAD_PACKAGES, BAD_SIGNATURES, BAD_BODIES, BAD_FIELDS, BAD_PICTURES_AND_WORDS)
        for name, case in bad.items()
    ],
)
def test_a_phone_refuses(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(Rejected, match=why):
        judged(make())


@pytest.mark.parametrize("seed", range(10))
def test_however_a_signature_is_bent_the_answer_is_a_reason_or_yes(seed: int) -> None:
    dice = Random(seed)
    manifest = manifest_of(files())
    for _ in range(30):
        bent = bytearray(cms(manifest))
        bent[dice.randrange(len(bent))] = dice.randrange(256)
        with contextlib.suppress(Rejected):
            judged(pkpass(manifest=manifest, signature=lambda _, bent=bytes(bent): bent))


def test_a_hand_made_certificate_that_is_right_is_taken() -> None:
    judged(signed(certificates=(certificate(), authority())))
    judged(signed_by(leaf(), signed_at=NOW - LONG / 2))


def test_a_developers_phone_takes_plain_http() -> None:
    assert judged(carded(webServiceURL="http://127.0.0.1:8000/apple"), developer=True).web_service == "http://127.0.0.1:8000/apple"


def test_utf8_strings_are_read_with_escapes_and_comments() -> None:
    words = '/* a\ncomment */ "lbl.stamps" = "St\\"amps\\n\\U0041"; "msg" = "%@";'
    shown = judged(filed(**{"en.lproj/pass.strings": words.encode(), "vi.lproj/pass.strings": None})).shown("en")
    assert shown.fields["progress"].label == 'St"amps\nA'


def test_a_card_is_read_in_the_phones_language() -> None:
    card = judged(pkpass())
    vietnamese, english = card.shown("vi-VN"), card.shown("en")
    assert (vietnamese.fields["progress"].label, english.fields["progress"].label) == ("Tem", "Stamps")
    assert (vietnamese.fields["until"].value, english.fields["until"].value) == ("31 thg 12, 2026", "Dec 31, 2026")
    assert (vietnamese.fields["points"].value, english.fields["points"].value) == ("1.234,5", "1,234.5")
    assert vietnamese.fields["credit"].value.replace("\xa0", " ") == "30.000 ₫"
    assert vietnamese.fields["latest"].message == "Tin mới: %@"
    assert vietnamese.barcode is not None
    assert (vietnamese.barcode.format, vietnamese.barcode.message, vietnamese.barcode.text) == ("QR", "K7QM4XRT3", "K7Q-M4X-RT3")
    assert (english.background, set(english.images)) == ((43, 29, 20), {"icon", "strip"})


@pytest.mark.parametrize("symbology", ["QR", "Aztec", "PDF417", "Code128"])
def test_the_drawing_can_be_scanned(symbology: str) -> None:
    code = CODE | {"format": f"PKBarcodeFormat{symbology}", "message": "COFFEE-K7QM4XRT3", "altText": "COFFEE-K7Q-M4X-RT3"}
    drawn = drawing.card(judged(carded(barcodes=[code])).shown("vi"))
    with Image.open(BytesIO(drawn)) as picture:
        assert [found.text for found in zxingcpp.read_barcodes(picture)] == ["COFFEE-K7QM4XRT3"]
