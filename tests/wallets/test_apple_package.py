"""The package and its signature, judged by others: unzip, openssl, zipfile, cryptography's builder and py-pkpass."""

import hashlib
import json
import subprocess
from copy import copy
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from apple_card import PASS_TYPE, Package, apple, certificate, drawn, shown
from chains import NOW, chain
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7
from py_pkpass import models

from passes.wallets.apple import Certificate


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def verifies(manifest: bytes, signature: bytes, folder: Path) -> str:
    """What openssl says of a signature; it fails unless the chain ends at our root and the content is untouched."""
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "signature").write_bytes(signature)
    return run(
        *("openssl", "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-in", folder / "signature"),
        *("-content", folder / "manifest.json", "-CAfile", chain(PASS_TYPE) / "root.pem", "-out", folder / "out"),
    )


def test_openssl_verifies_the_signature_and_its_chain(tmp_path: Path) -> None:
    files = Package(drawn(shown())).files
    assert "successful" in verifies(files["manifest.json"], files["signature"], tmp_path)


def test_the_signature_holds_the_signing_time_both_certificates_and_no_content(tmp_path: Path) -> None:
    files = Package(drawn(shown())).files
    (tmp_path / "signature").write_bytes(files["signature"])
    said = run("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", tmp_path / "signature", "-noout")
    assert f"UTCTIME:{NOW:%b} {NOW.day:2} {NOW:%H:%M:%S %Y} GMT" in said
    assert "eContent: <ABSENT>" in " ".join(said.split())
    held = {each.subject for each in pkcs7.load_der_pkcs7_certificates(files["signature"])}
    chained = [x509.load_pem_x509_certificate((chain(PASS_TYPE) / name).read_bytes()) for name in ("certificate.pem", "wwdr.pem")]
    assert held == {each.subject for each in chained}


def test_one_changed_byte_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    files = Package(drawn(shown())).files
    with pytest.raises(AssertionError, match="content verify error"):
        verifies(files["manifest.json"].replace(b"a", b"b", 1), files["signature"], tmp_path)


def test_a_manifest_with_line_feeds_is_signed_as_it_is(tmp_path: Path) -> None:
    manifest = b'{\n  "pass.json": "0"\n}\n'
    assert "successful" in verifies(manifest, certificate().sign(manifest, NOW), tmp_path)


def test_line_feeds_would_be_signed_as_crlf_without_binary(tmp_path: Path) -> None:
    manifest = b'{\n  "pass.json": "0"\n}\n'
    leaf, key, wwdr = ((chain(PASS_TYPE) / name).read_bytes() for name in ("certificate.pem", "key.pem", "wwdr.pem"))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(x509.load_pem_x509_certificate(leaf), load_pem_private_key(key, None), hashes.SHA256())  # type: ignore[arg-type]
    builder = builder.add_certificate(x509.load_pem_x509_certificate(wwdr))
    signature = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature])
    assert "successful" in verifies(manifest.replace(b"\n", b"\r\n"), signature, tmp_path)
    with pytest.raises(AssertionError, match="content verify error"):
        verifies(manifest, signature, tmp_path)


def test_the_filled_in_template_is_in_use_and_the_builder_could_replace_it(tmp_path: Path) -> None:
    pems = [(chain(PASS_TYPE) / name).read_bytes() for name in ("certificate.pem", "key.pem", "wwdr.pem")]
    ours = copy(Certificate.from_pem(*pems))
    assert ours._template is not None
    ours._template = None
    assert "successful" in verifies(b"{}", ours.sign(b"{}", NOW), tmp_path)


def test_every_hash_of_the_manifest_is_that_of_its_file() -> None:
    files = Package(drawn(shown(ready=True))).files
    manifest = json.loads(files["manifest.json"])
    assert manifest == {
        name: hashlib.sha1(content).hexdigest() for name, content in files.items() if name not in ("manifest.json", "signature")
    }
    assert {
        "icon.png",
        "icon@2x.png",
        "icon@3x.png",
        "strip@3x.png",
        "logo@2x.png",
        "vi.lproj/pass.strings",
        "pass.json",
    } <= manifest.keys()


def test_unzip_and_zipfile_find_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "card.pkpass"
    path.write_bytes(drawn(shown()))
    assert "No errors detected" in run("unzip", "-t", path)
    with ZipFile(path) as package:
        assert package.testzip() is None
        assert all(not info.is_dir() and info.external_attr >> 16 == 0o100644 for info in package.infolist())


def test_py_pkpass_makes_the_same_manifest_of_the_same_files() -> None:
    files = Package(drawn(shown())).files
    peer = models.Pass(models.StoreCard())
    for name, content in files.items():
        if name not in ("pass.json", "manifest.json", "signature"):
            peer.addFile(name, BytesIO(content))
    assert json.loads(peer._createManifest(files["pass.json"].decode())) == json.loads(files["manifest.json"])


def test_py_pkpass_calls_everything_on_the_card_what_we_call_it() -> None:
    content = Package(drawn(shown(ready=True))).content
    peer = models.Pass(models.StoreCard(), passTypeIdentifier="p", teamIdentifier="t", organizationName="o")
    peer.barcode = models.Barcode("m", models.BarcodeFormat.QR, "a")
    peer.webServiceURL, peer.authenticationToken, peer.sharingProhibited = "w", "a", True
    peer.backgroundColor = peer.foregroundColor = peer.labelColor = peer.logoText = "c"
    known = peer.json_dict()
    assert content.keys() == known.keys() - {"barcode"}  # the singular form is deprecated
    assert [each.keys() for each in content["barcodes"]] == [each.keys() for each in known["barcodes"]]
    assert {name.removesuffix("Fields") for name in content["storeCard"]} <= {
        name.removesuffix("Fields") for name in vars(models.StoreCard()) if name.endswith("Fields")
    }


def test_the_same_card_at_the_same_moment_is_the_same_file() -> None:
    assert drawn(shown(ready=True)) == drawn(shown(ready=True))


def test_a_later_signature_differs_in_nothing_else() -> None:
    first, later = drawn(shown()), apple().draw(shown(), certificate=certificate(), now=NOW + timedelta(minutes=1))
    assert differing(first, later) == {"signature"}


def test_two_stamps_of_one_card_differ_where_they_must() -> None:
    words = {"en.lproj/pass.strings", "vi.lproj/pass.strings"}
    strips = {"strip.png", "strip@2x.png", "strip@3x.png"}
    assert differing(drawn(shown(balance=6)), drawn(shown(balance=7))) == {"pass.json", "manifest.json", "signature"} | words | strips


def test_two_customers_with_as_many_stamps_share_every_picture_and_word() -> None:
    other = drawn(shown(name="Trần Văn An", serial="another-serial-number"))
    assert differing(drawn(shown()), other) == {"pass.json", "manifest.json", "signature"}


def differing(first: bytes, second: bytes) -> set[str]:
    one, other = Package(first).files, Package(second).files
    assert list(one) == list(other)
    return {name for name in one if one[name] != other[name]}
