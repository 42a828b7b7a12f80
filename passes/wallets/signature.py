"""The signature of a pass: a detached CMS over its manifest, made with a certificate that is read once."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

_SHA256: Final = hashes.SHA256()
_PADDING: Final = PKCS1v15()
# Binary: without it every line feed is signed as CR LF, and the signature fits no manifest that has one.
_OPTIONS: Final = (PKCS7Options.DetachedSignature, PKCS7Options.Binary, PKCS7Options.NoCapabilities)
_UTC_TIME: Final = "%y%m%d%H%M%SZ"
# DER of the attributes (RFC 5652, 11): the set itself, the head of each attribute, and the length of its value.
_SET: Final = bytes.fromhex("a069 3018 0609 2a864886f70d010903")
_SIGNING_TIME: Final = bytes.fromhex("301c 0609 2a864886f70d010905 310f 170d")
_DIGEST: Final = bytes.fromhex("302f 0609 2a864886f70d010904 3122 0420")
_SET_LENGTH, _TIME_LENGTH, _DIGEST_LENGTH = 0x69 + 2, 13, 32


class _Template(NamedTuple):
    """A CMS signature taken apart: what stays the same, around signing time, digest and signature."""

    head: bytes
    until_time: bytes
    until_digest: bytes
    until_end: bytes
    tail: bytes


class Certificate:
    """A Pass Type ID certificate with its key and Apple's intermediate, parsed once: 46 ms that no pass pays again.

    ``pass_type`` and ``team`` are what passes signed with it must say. ``certificate`` and ``key`` are the PEM bytes, for
    APNs asks for the same pair as TLS client certificate.
    """

    __slots__ = ("_key", "_leaf", "_template", "_wwdr", "certificate", "key", "not_after", "not_before", "pass_type", "team")

    def __init__(self, leaf: x509.Certificate, key: RSAPrivateKey, wwdr: x509.Certificate, *, pem: bytes, key_pem: bytes) -> None:
        """See ``from_pem``."""
        self._leaf, self._key, self._wwdr = leaf, key, wwdr
        self.certificate, self.key = pem, key_pem
        self.not_before, self.not_after = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        self.pass_type = _one(leaf, NameOID.USER_ID)
        self.team = _one(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME)
        self._template = self._take_apart()

    def __repr__(self) -> str:
        """Without the key."""
        return f"Certificate({self.pass_type!r}, team={self.team!r}, not_after={self.not_after:%Y-%m-%d})"

    @classmethod
    @lru_cache  # OpenSSL proves an RSA key for 30 ms each time it is read
    def from_pem(cls, certificate: bytes, key: bytes, wwdr: bytes) -> "Certificate":
        """From three PEM files. Raises ValueError, saying which is wrong; whether it is valid today is not asked here."""
        leaf, intermediate = x509.load_pem_x509_certificate(certificate), x509.load_pem_x509_certificate(wwdr)
        secret = load_pem_private_key(key, password=None)
        if not isinstance(secret, RSAPrivateKey) or secret.public_key() != leaf.public_key():
            raise ValueError("the key is not the RSA key of the certificate")
        try:
            leaf.verify_directly_issued_by(intermediate)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise ValueError("the intermediate did not issue the certificate") from error
        return cls(leaf, secret, intermediate, pem=certificate, key_pem=key)

    def sign(self, manifest: bytes, now: datetime) -> bytes:
        """The detached CMS signature (DER, SHA-256, both certificates, signing time ``now``) over exactly these bytes."""
        return self._build(manifest) if self._template is None else self._fill_in(self._template, manifest, now)

    def _fill_in(self, template: _Template, manifest: bytes, now: datetime) -> bytes:
        head, until_time, until_digest, until_end, tail = template
        year, month, day, hour, minute, second, *_ = now.utctimetuple()
        time = b"%02d%02d%02d%02d%02d%02dZ" % (year % 100, month, day, hour, minute, second)  # a third of strftime's time
        attributes = b"".join((until_time, time, until_digest, sha256(manifest).digest(), until_end))
        # What is signed is the same set under its own tag (RFC 5652, 5.4), not under the [0] by which it is embedded.
        return b"".join((head, attributes, tail, self._key.sign(b"\x31" + attributes[1:], _PADDING, _SHA256)))

    def _build(self, manifest: bytes) -> bytes:
        """The same by cryptography's builder: right by definition, twice as slow, and its signing time is the machine's."""
        builder = PKCS7SignatureBuilder().set_data(manifest).add_signer(self._leaf, self._key, _SHA256)
        builder = builder.add_certificate(self._wwdr)  # last: add_signer (cryptography 50) forgets certificates added before
        return builder.sign(Encoding.DER, list(_OPTIONS))

    def _take_apart(self) -> _Template | None:
        """The builder's own output as a template; None unless filling it in again gives that output, byte for byte.

        PKCS #1 v1.5 is deterministic, so equality is the whole proof.
        """
        probe = b'{"probe":\n1}'
        built = self._build(probe)
        at = built.find(_SET)
        attributes, rest = built[at : at + _SET_LENGTH], built[at + _SET_LENGTH :]
        time, digest = attributes.find(_SIGNING_TIME) + len(_SIGNING_TIME), attributes.find(_DIGEST) + len(_DIGEST)
        template = _Template(
            head=built[:at],
            until_time=attributes[:time],
            until_digest=attributes[time + _TIME_LENGTH : digest],
            until_end=attributes[digest + _DIGEST_LENGTH :],
            tail=rest[: -self._key.key_size // 8],
        )
        try:
            then = datetime.strptime(attributes[time : time + _TIME_LENGTH].decode(), _UTC_TIME).replace(tzinfo=UTC)
        except ValueError:  # not where this version of cryptography puts it
            return None
        return template if self._fill_in(template, probe, then) == built else None


def _one(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = [str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)]
    if len(found) != 1:
        raise ValueError(f"the certificate's subject should have one {oid._name}: is it a Pass Type ID certificate?")  # noqa: SLF001
    return found[0]
