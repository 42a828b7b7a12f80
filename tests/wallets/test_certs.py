"""Certificates: shaped like Apple's, requested, taken in, and everything that can be wrong with them named."""

import shutil
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from chains import NOW, TEAM, chain
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from app import certs
from passes.wallets.signature import Certificate

PASS_TYPE = "pass.example.cafe"
OTHER = "pass.example.other"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A healthy folder to spoil."""
    return Path(shutil.copytree(chain(PASS_TYPE), tmp_path / "apple"))


def words(folder: Path, *, days: float = 0, **known: str) -> list[str]:
    """What check finds, without the note that these are development certificates."""
    found = certs.check(folder, now=NOW + timedelta(days=days), **known)
    assert all(finding.problem and finding.cure for finding in found)
    return [finding.word for finding in found if finding.level != "note"]


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


# --- The development chain ---


def test_the_leaf_has_every_field_of_apples(folder: Path) -> None:
    certificate = leaf(folder)
    names = {part.oid: part.value for part in certificate.subject}
    assert names[NameOID.USER_ID] == PASS_TYPE
    assert names[NameOID.COMMON_NAME] == f"Pass Type ID: {PASS_TYPE}"
    assert names[NameOID.ORGANIZATIONAL_UNIT_NAME] == TEAM
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.CLIENT_AUTH, ObjectIdentifier("1.2.840.113635.100.4.14")}
    pass_type = certificate.extensions.get_extension_for_oid(ObjectIdentifier("1.2.840.113635.100.6.1.16")).value
    assert isinstance(pass_type, x509.UnrecognizedExtension)
    assert pass_type.value == b"\x0c\x11" + PASS_TYPE.encode()
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)
    Certificate.from_pem(*((folder / name).read_bytes() for name in ("certificate.pem", "key.pem", "wwdr.pem")))


def test_openssl_accepts_the_chain_for_tls_clients_and_servers(folder: Path) -> None:
    server, _ = certs.make_server_certificate(folder, host="apns.sandbox", now=NOW)
    trusted = ("openssl", "verify", "-CAfile", str(folder / "root.pem"), "-untrusted", str(folder / "wwdr.pem"))
    for purpose, certificate in (("sslclient", folder / "certificate.pem"), ("sslserver", server)):
        subprocess.run([*trusted, "-purpose", purpose, str(certificate)], check=True, capture_output=True)
    names = x509.load_pem_x509_certificate(server.read_bytes()).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"apns.sandbox", "localhost"}
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_no_key_can_be_read_by_others(folder: Path) -> None:
    certs.make_server_certificate(folder, host="127.0.0.1", now=NOW)
    keys = list(folder.glob("*key.pem"))
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_a_demo_never_overwrites_a_certificate(folder: Path) -> None:
    before = (folder / "key.pem").read_bytes()
    with pytest.raises(FileExistsError):
        certs.make_development_chain(folder, pass_type=PASS_TYPE, team=TEAM, organization="Café", now=NOW)
    assert (folder / "key.pem").read_bytes() == before


# --- Request and take in ---


def signed(csr: Path, authority: Path, *, pass_type: str = PASS_TYPE) -> bytes:
    """What Apple's portal makes of a request: a .cer in DER."""
    request = x509.load_pem_x509_csr(csr.read_bytes())
    assert request.is_signature_valid
    wwdr = x509.load_pem_x509_certificate((authority / "wwdr.pem").read_bytes())
    key = load_pem_private_key((authority / "wwdr-key.pem").read_bytes(), None)
    subject = [(NameOID.USER_ID, pass_type), (NameOID.COMMON_NAME, f"Pass Type ID: {pass_type}"), (NameOID.ORGANIZATIONAL_UNIT_NAME, TEAM)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*part) for part in subject]))
        .issuer_name(wwdr.subject)
        .public_key(request.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=365))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


def test_a_requested_certificate_comes_into_use_with_its_key(tmp_path: Path) -> None:
    authority, folder = chain(PASS_TYPE), tmp_path / "apple"
    csr = certs.request(folder, email="owner@cafe.example", name="Café Sol")
    subject = x509.load_pem_x509_csr(csr.read_bytes()).subject
    assert subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)[0].value == "owner@cafe.example"
    (tmp_path / "pass.cer").write_bytes(signed(csr, authority))
    certs.take_in(folder, certificate=tmp_path / "pass.cer", wwdr=authority / "wwdr.pem")
    assert words(folder) == []
    assert not (folder / "request-key.pem").exists()


def test_a_renewal_leaves_the_old_certificate_in_use_until_the_new_one_is_there(folder: Path, tmp_path: Path) -> None:
    csr = certs.request(folder, email="owner@cafe.example", name="Café Sol")
    assert words(folder) == []
    (tmp_path / "pass.cer").write_bytes(signed(csr, folder))
    certs.take_in(folder, certificate=tmp_path / "pass.cer")
    assert words(folder) == []
    assert leaf(folder).serial_number == 7


def test_what_does_not_belong_together_is_refused_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = chain(OTHER)
    for given, said in (
        ({"certificate": other / "certificate.pem"}, "did not issue"),
        ({"certificate": other / "certificate.pem", "wwdr": other / "wwdr.pem"}, "is not the key"),
        ({"certificate": folder / "key.pem"}, "not a certificate"),
        ({"certificate": folder / "certificate.pem", "key": folder / "wwdr.pem"}, "PEM"),
    ):
        with pytest.raises(ValueError, match=said):
            certs.take_in(folder, **given)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# --- Check ---


def test_a_healthy_folder_has_only_the_note_that_it_is_for_development(folder: Path) -> None:
    assert [(finding.level, finding.word) for finding in certs.check(folder, now=NOW, pass_type=PASS_TYPE, team=TEAM)] == [
        ("note", "development")
    ]


@pytest.mark.parametrize(
    ("days", "word"),
    [
        (-1, "certificate_not_yet_valid"),
        (274, None),
        (276, "certificate_expires_within_90_days"),
        (336, "certificate_expires_within_30_days"),
        (359, "certificate_expires_within_7_days"),
        (366, "certificate_expired"),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(folder: Path, days: int, word: str | None) -> None:
    assert [found for found in words(folder, days=days) if found.startswith("certificate")] == ([word] if word else [])


def test_missing_and_broken_files_are_named(folder: Path, tmp_path: Path) -> None:
    assert words(tmp_path / "nothing") == ["certificate_missing", "wwdr_missing"]
    (folder / "key.pem").unlink()
    (folder / "wwdr.pem").write_text("not a certificate")
    assert set(words(folder)) == {"key_missing", "wwdr_unreadable"}


def test_a_key_of_another_certificate_is_found(folder: Path) -> None:
    shutil.copy(chain(OTHER) / "key.pem", folder / "key.pem")
    assert words(folder) == ["key_of_another"]


def test_a_key_that_cannot_be_used_is_found(folder: Path) -> None:
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    curve = ec.generate_private_key(ec.SECP256R1())
    for body in (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"no key at all",
    ):
        (folder / "key.pem").write_bytes(body)
        assert words(folder) == ["key_unreadable"]


def test_a_key_that_others_can_read_is_a_warning(folder: Path) -> None:
    (folder / "key.pem").chmod(0o640)
    assert words(folder) == ["key_readable"]


def test_an_intermediate_of_another_chain_is_found(folder: Path) -> None:
    shutil.copy(chain(OTHER) / "wwdr.pem", folder / "wwdr.pem")
    assert words(folder) == ["wrong_chain"]


def test_a_certificate_for_other_cards_or_another_team_is_found(folder: Path) -> None:
    assert words(folder, pass_type=OTHER, team="ANOTHERTEA") == ["pass_type_differs", "team_differs"]


def test_a_certificate_of_another_kind_is_found(folder: Path) -> None:
    csr = certs.request(folder, email="owner@cafe.example", name="Café Sol")
    certificate = x509.load_der_x509_certificate(signed(csr, folder, pass_type="web.example.cafe"))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    shutil.move(folder / "request-key.pem", folder / "key.pem")
    assert words(folder) == ["not_a_pass_certificate"]
