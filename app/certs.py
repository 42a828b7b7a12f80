"""Certificates: a development chain shaped like Apple's own, the request for a real one, taking it in, and what is wrong with it.

Files of one folder: ``certificate.pem`` and ``key.pem`` (the Pass Type ID), ``wwdr.pem`` (Apple's intermediate); beside
them, in development only, ``root.pem`` and the authorities' keys.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from passes.words import N_

PASS_TYPE_EXTENSION: Final = ObjectIdentifier("1.2.840.113635.100.6.1.16")
DEVELOPER_EXTENSION: Final = ObjectIdentifier("1.2.840.113635.100.6.3.2")
PASS_SIGNING: Final = ObjectIdentifier("1.2.840.113635.100.4.14")
AUTHORITIES: Final = "https://www.apple.com/certificateauthority/"
PORTAL: Final = "https://developer.apple.com/account/resources/certificates/add"
DEVELOPMENT: Final = "Counterpass Development"
LIFE: Final = timedelta(days=365)
SESSION_KEY: Final = "session.key"
WARNINGS: Final = (7, 30, 90)  # days before the end; a certificate is renewed by hand and its owner may be on holiday
_LONGEST_NAME: Final = 64  # characters, of X.520
_DER_NULL: Final = b"\x05\x00"
_SHORT_FORM: Final = 128  # DER writes a length below this in one byte


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a certificate that somebody should know. An ``error`` stops passes or pushes; a ``warning`` will.

    Both sentences are said with ``facts``: by a page in its language, by the command line as ``problem`` and ``cure``, in English.
    """

    level: Literal["error", "warning", "note"]
    word: str
    sentence: str
    advice: str
    facts: Mapping[str, object] = {}

    @property
    def problem(self) -> str:
        """What is so, in English."""
        return self.sentence.format(**self.facts)

    @property
    def cure(self) -> str:
        """What helps, in English."""
        return self.advice.format(**self.facts)


def worded(level: Literal["error", "warning", "note"], word: str, sentence: str, advice: str, **facts: object) -> Finding:
    """A finding, of two sentences of the catalogue and the facts of both."""
    return Finding(level=level, word=word, sentence=sentence, advice=advice, facts=facts)


# --- Development: what the sandbox trusts and no real phone does ---


def make_development_chain(folder: Path, *, pass_type: str, team: str, organization: str, now: datetime) -> None:
    """Write a root, an intermediate and a Pass Type ID certificate (valid 365 days) with the fields Apple's have.

    Raises FileExistsError when the folder has a certificate already: a real one must not be lost to a demo.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "certificate.pem").exists():
        raise FileExistsError(f"{folder} already holds a certificate")
    root_key, wwdr_key, key = (new_rsa_key(65537, 2048) for _ in range(3))
    root_name = _name((NameOID.COMMON_NAME, f"{DEVELOPMENT} Root CA"), (NameOID.ORGANIZATION_NAME, DEVELOPMENT))
    wwdr_name = _name(
        (NameOID.COMMON_NAME, f"Worldwide Developer Relations ({DEVELOPMENT})"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "G4"),
        (NameOID.ORGANIZATION_NAME, DEVELOPMENT),
        (NameOID.COUNTRY_NAME, "US"),
    )
    subject = _name(
        (NameOID.USER_ID, pass_type),
        (NameOID.COMMON_NAME, f"Pass Type ID: {pass_type}"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, team),
        (NameOID.ORGANIZATION_NAME, organization[:_LONGEST_NAME]),
        (NameOID.COUNTRY_NAME, "US"),
    )
    root = _authority(root_name, root_key, issuer=root_name, issuer_key=root_key, path_length=None, now=now)
    wwdr = _authority(wwdr_name, wwdr_key, issuer=root_name, issuer_key=root_key, path_length=0, now=now)
    leaf = (
        _builder(subject, key, issuer=wwdr_name, issuer_key=wwdr_key, now=now, life=LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, PASS_SIGNING]), critical=True)
        .add_extension(x509.UnrecognizedExtension(PASS_TYPE_EXTENSION, _der_utf8(pass_type)), critical=False)
        .add_extension(x509.UnrecognizedExtension(DEVELOPER_EXTENSION, _DER_NULL), critical=False)
        .sign(wwdr_key, hashes.SHA256())
    )
    for file, certificate in (("root.pem", root), ("wwdr.pem", wwdr), ("certificate.pem", leaf)):
        _write(folder / file, certificate.public_bytes(Encoding.PEM))
    for file, secret in (("root-key.pem", root_key), ("wwdr-key.pem", wwdr_key), ("key.pem", key)):
        _write(folder / file, _pem(secret))


def make_server_certificate(folder: Path, *, host: str, now: datetime) -> tuple[Path, Path]:
    """A TLS server certificate for a stand-in on this machine, signed by the folder's development root; (certificate, key)."""
    root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
    root_key = _rsa((folder / "root-key.pem").read_bytes())
    key = new_ec_key(SECP256R1())
    hosts = dict.fromkeys((host, "localhost", "127.0.0.1"))
    certificate = (
        _builder(_name((NameOID.COMMON_NAME, host)), key, issuer=root.subject, issuer_key=root_key, now=now, life=LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server-key.pem"
    _write(paths[0], certificate.public_bytes(Encoding.PEM))
    _write(paths[1], _pem(key))
    return paths


# --- The real one ---


def request(folder: Path, *, email: str, name: str) -> Path:
    """Write a new key and ``request.csr`` to upload at Apple's portal; a certificate in use stays as it is until ``take_in``."""
    folder.mkdir(parents=True, exist_ok=True)
    key = new_rsa_key(65537, 2048)
    csr = x509.CertificateSigningRequestBuilder().subject_name(_name((NameOID.EMAIL_ADDRESS, email), (NameOID.COMMON_NAME, name)))
    path = folder / "request.csr"
    _write(folder / "request-key.pem", _pem(key))
    _write(path, csr.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


def take_in(folder: Path, *, certificate: Path, wwdr: Path | None = None, key: Path | None = None) -> Path:
    """Put a certificate from Apple (.cer or PEM) into use, with its intermediate and its key.

    Unless given, the intermediate is the present one and the key is that of ``request``. Raises OSError or ValueError,
    changing nothing, when a file is not there or not what it should be, or when the three do not belong together.
    """
    leaf, intermediate = _read(certificate), _read(wwdr or folder / "wwdr.pem")
    for finding in _check_chain(leaf, intermediate):
        if finding.level == "error":
            raise ValueError(f"{finding.problem}: {finding.cure}")
    asked = folder / "request-key.pem"
    source = key or (asked if asked.exists() else folder / "key.pem")
    secret = _rsa(source.read_bytes())
    if not _matches(leaf, secret):
        raise ValueError(f"{source} is not the key of {certificate}: use the key whose request was uploaded for this certificate")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "key.pem", _pem(secret))
    _write(folder / "certificate.pem", leaf.public_bytes(Encoding.PEM))
    _write(folder / "wwdr.pem", intermediate.public_bytes(Encoding.PEM))
    if source == asked:
        asked.unlink()
    return folder / "certificate.pem"


def check(folder: Path, *, now: datetime, pass_type: str = "", team: str = "") -> list[Finding]:
    """Everything that is or will soon be wrong with the certificate of a folder, gravest first, each with its cure.

    ``pass_type`` and ``team`` are what cards already use, if anything does. An empty list means that all is well.
    """
    certificates: dict[str, x509.Certificate] = {}
    found: list[Finding] = []
    for file in ("certificate.pem", "wwdr.pem"):
        try:
            certificates[file] = _read(folder / file)
        except (OSError, ValueError) as error:
            found.append(_missing(folder / file, error))
    leaf, wwdr = certificates.get("certificate.pem"), certificates.get("wwdr.pem")
    if leaf is not None:
        found += _check_key(folder / "key.pem", leaf) + _check_names(leaf, pass_type, team) + _check_time("certificate", leaf, now)
    if wwdr is not None:
        found += _check_time("intermediate", wwdr, now)
    if leaf is not None and wwdr is not None:
        found += _check_chain(leaf, wwdr)
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.level))


def ends(folder: Path) -> datetime | None:
    """When the certificate of a folder ends, or None for one that cannot be read (check names why)."""
    try:
        return _read(folder / "certificate.pem").not_valid_after_utc
    except (OSError, ValueError):
        return None


def _missing(path: Path, error: Exception) -> Finding:
    word = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
    cure = (
        N_("download it (G4) from {authorities}, then `counterpass certs import`")
        if path.name == "wwdr.pem"
        else N_("make one with `counterpass certs csr` and {portal}, then `counterpass certs import`")
    )
    problem = N_("{path} is not there") if word == "missing" else N_("{path} cannot be read: {why}")
    return worded("error", f"{path.stem}_{word}", problem, cure, path=path, why=error, authorities=AUTHORITIES, portal=PORTAL)


def _check_key(path: Path, leaf: x509.Certificate) -> list[Finding]:
    try:
        key = _rsa(path.read_bytes())
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        problem = N_("{path} is not there") if missing else N_("{path} cannot be used: {why}")
        cure = N_("import the key whose request Apple signed, without a password")
        return [worded("error", "key_missing" if missing else "key_unreadable", problem, cure, path=path, why=error)]
    found = []
    if not _matches(leaf, key):
        cure = N_("import the certificate together with the key whose request was uploaded for it")
        found.append(worded("error", "key_of_another", N_("{path} does not belong to the certificate"), cure, path=path))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        problem = N_("{path} can be read by other users of this machine")
        found.append(worded("warning", "key_readable", problem, N_("chmod 600 {path}"), path=path))
    return found


def _check_names(leaf: x509.Certificate, pass_type: str, team: str) -> list[Finding]:
    uid, unit = _one(leaf.subject, NameOID.USER_ID), _one(leaf.subject, NameOID.ORGANIZATIONAL_UNIT_NAME)

    def wrong(word: str, problem: str, cure: str) -> Finding:
        return worded("error", word, problem, cure, uid=uid, unit=unit, pass_type=pass_type, team=team, portal=PORTAL)

    found = []
    anew = N_("make a new one at {portal}")
    if not uid.startswith("pass."):
        cure = N_("choose “Pass Type ID Certificate” at {portal}: passes can be signed with no other kind")
        found.append(wrong("not_a_pass_certificate", N_("the certificate's user id is “{uid}”, not a pass type identifier"), cure))
    elif _extension(leaf) not in (None, _der_utf8(uid)):
        found.append(wrong("pass_type_differs", N_("the certificate's extension names another pass type than “{uid}”"), anew))
    if pass_type and uid != pass_type:
        cure = N_("import the certificate of {pass_type}: phones know their cards by it")
        found.append(wrong("pass_type_differs", N_("the certificate is for “{uid}”, and the cards are “{pass_type}”"), cure))
    if not unit:
        found.append(wrong("team_missing", N_("the certificate names no team (OU)"), anew))
    elif team and unit != team:
        problem = N_("the certificate is of team “{unit}”, and the cards are of “{team}”")
        found.append(wrong("team_differs", problem, N_("import a certificate of team {team}")))
    return found


def _check_chain(leaf: x509.Certificate, wwdr: x509.Certificate) -> list[Finding]:
    try:
        leaf.verify_directly_issued_by(wwdr)
    except (ValueError, TypeError, InvalidSignature):
        unit, name = _one(leaf.issuer, NameOID.ORGANIZATIONAL_UNIT_NAME), wwdr.subject.rfc4514_string()
        problem, cure = N_("wwdr.pem ({name}) did not issue the certificate"), N_("download “{unit}” from {authorities} and import it")
        return [worded("error", "wrong_chain", problem, cure, name=name, unit=unit, authorities=AUTHORITIES)]
    if _one(leaf.issuer, NameOID.ORGANIZATION_NAME) == DEVELOPMENT:
        problem = N_("this is a development certificate: only the sandbox's phone accepts its cards")
        return [worded("note", "development", problem, N_("for real phones, make a real one at {portal}"), portal=PORTAL)]
    return []


def _check_time(what: Literal["certificate", "intermediate"], certificate: x509.Certificate, now: datetime) -> list[Finding]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    own = what == "certificate"
    facts = {"day": f"{end:%Y-%m-%d}", "left": (end - now).days, "authorities": AUTHORITIES}
    if now < start:
        problem = (
            N_("the certificate is valid from {start} UTC, and here it is {now}")
            if own
            else N_("the intermediate certificate is valid from {start} UTC, and here it is {now}")
        )
        times = {"start": f"{start:%Y-%m-%d %H:%M}", "now": f"{now:%Y-%m-%d %H:%M %Z}"}
        return [worded("error", f"{what}_not_yet_valid", problem, N_("set this machine's clock (NTP)"), **times)]
    renew = N_("renew it") if own else N_("download the newer one from {authorities} and import it")
    if now > end:
        problem = (
            N_("the certificate expired on {day}: no card can be signed or told of a change")
            if own
            else N_("the intermediate certificate expired on {day}: no card can be signed or told of a change")
        )
        return [worded("error", f"{what}_expired", problem, renew, **facts)]
    for days in WARNINGS:
        if end - now <= timedelta(days=days):
            problem = (
                N_("the certificate expires on {day} (days left: {left})")
                if own
                else N_("the intermediate certificate expires on {day} (days left: {left})")
            )
            before = N_("renew it before then") if own else N_("download the newer one from {authorities} and import it before then")
            return [worded("warning", f"{what}_expires_within_{days}_days", problem, before, **facts)]
    return []


# --- Small things of X.509 ---


def _builder(
    subject: x509.Name,
    key: RSAPrivateKey | EllipticCurvePrivateKey,
    *,
    issuer: x509.Name,
    issuer_key: RSAPrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a phone whose clock is a little behind accepts it too
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _authority(
    subject: x509.Name, key: RSAPrivateKey, *, issuer: x509.Name, issuer_key: RSAPrivateKey, path_length: int | None, now: datetime
) -> x509.Certificate:
    return (
        _builder(subject, key, issuer=issuer, issuer_key=issuer_key, now=now, life=10 * LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(*parts: tuple[ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _one(name: x509.Name, oid: ObjectIdentifier) -> str:
    return next((str(part.value) for part in name.get_attributes_for_oid(oid)), "")


def _host(host: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return x509.DNSName(host)
    return x509.IPAddress(address)


def _extension(leaf: x509.Certificate) -> bytes | None:
    try:
        extension = leaf.extensions.get_extension_for_oid(PASS_TYPE_EXTENSION).value
    except x509.ExtensionNotFound:
        return None
    return extension.value if isinstance(extension, x509.UnrecognizedExtension) else None


def _der_utf8(value: str) -> bytes:
    body = value.encode()
    if len(body) >= _SHORT_FORM:
        raise ValueError("a pass type identifier is at most 127 bytes")
    return bytes((0x0C, len(body))) + body


def _read(path: Path) -> x509.Certificate:
    body = path.read_bytes()
    try:
        return x509.load_pem_x509_certificate(body) if b"-----BEGIN" in body else x509.load_der_x509_certificate(body)
    except ValueError as error:
        raise ValueError(f"{path} is not a certificate ({error})") from error


@lru_cache  # OpenSSL proves an RSA key for 30 ms each time it is read, and the owner's pages look at it, too
def _rsa(body: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(body, password=None)
    except TypeError as error:  # cryptography's answer to a missing password
        raise ValueError("the key is protected by a password: remove it with `openssl pkey`") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("Apple's pass certificates have RSA keys, and this is another kind")  # noqa: TRY004 (the file is wrong, not the type)
    return key


def _matches(certificate: x509.Certificate, key: RSAPrivateKey) -> bool:
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*shape) == key.public_key().public_bytes(*shape)


def _pem(key: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all, and a key is never readable by others, not even for a moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if b"PRIVATE KEY" in body else 0o644), "wb") as file:
        file.write(body)
    fresh.replace(path)


def session_key(folder: Path, *, drawn: Callable[[], str]) -> bytes:
    """The 32 bytes with which sessions are encrypted: ``session.key`` in the folder, made at the first start.

    Where there is no such folder, a key of this process alone: its sessions end with it, and doctor says so.
    """
    path = folder / SESSION_KEY
    if not path.exists() and folder.is_dir():
        new = folder / f".session.{drawn()}"
        with contextlib.suppress(OSError):
            new.touch(mode=0o600)
            new.write_text(hashlib.sha256((drawn() + drawn()).encode()).hexdigest(), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(new, path)  # all or nothing, and never over the key of another process that was faster
            new.unlink()
    if path.exists():
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    return hashlib.sha256((drawn() + drawn()).encode()).digest()
