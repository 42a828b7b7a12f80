"""Settings: one frozen Struct read from the environment once. A misspelt name refuses to start."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

PREFIX: Final = "COUNTERPASS_"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, with its default. The variable is ``COUNTERPASS_`` and the name in capitals; ``DATABASE_URL`` needs no prefix."""

    database_url: str = "sqlite:///counterpass.db"
    """``sqlite:///path`` or ``postgresql://user:password@host/name``."""
    public_url: str = "http://localhost:8000"
    """Where phones and browsers reach this installation; real phones need https."""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    certs: Path = Path("certs")
    """The folder of certificates: ``apple/certificate.pem``, ``key.pem``, ``wwdr.pem``; ``apple-NAME/`` for a business's own."""
    apns_url: str = "https://api.push.apple.com"
    apns_key: Path | None = None
    """A .p8 key, used for pushes instead of the certificate; needs ``apns_key_id``."""
    apns_key_id: str = ""
    google_account: Path | None = None
    """The service account's JSON file; without it cards have no Google side."""
    google_issuer: str = ""
    google_url: str = "https://walletobjects.googleapis.com"
    google_save_url: str = "https://pay.google.com/gp/v/save/"
    google_keys_url: str = "https://pay.google.com/gp/m/issuer/keys"
    smtp_url: str = ""
    """``smtp://``, ``smtps://`` or ``smtp+starttls://user:password@host:port``; without it nothing is sent by e-mail."""
    mail_from: str = ""
    """The address that e-mails come from; needed with ``smtp_url``."""
    trust: Path | None = None
    """A PEM file of roots to trust for outbound TLS instead of the system's: for the sandbox and for a proxy."""
    queue: Annotated[int, msgspec.Meta(ge=1)] = 2000
    """Units that may wait for the database's writer before the answer is 503."""
    lease: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 15.0
    """Seconds for which a phone that is being told is left to the process that tells it. A killed process delays its phones by this,
    and long work by twice as much."""
    webhooks_private: bool = False
    """Let webhooks be sent to addresses that are not public, and without TLS: to a till in the same house, and for tests."""
    sandbox: bool = False
    """Allow app.sandbox to be imported; never in production."""

    @property
    def stand_ins(self) -> bool:
        """Whether no wallet here is the vendor's own, so that cards of test mode may get into them."""
        own = Settings()
        return self.apns_url != own.apns_url and (self.google_account is None or self.google_url != own.google_url)


def read(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises ValueError naming the variable that is misspelt or has a wrong value."""
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    if "DATABASE_URL" in environment:
        given.setdefault("database_url", environment["DATABASE_URL"])
    for unknown in sorted(given.keys() - set(Settings.__struct_fields__)):
        near = get_close_matches(unknown, Settings.__struct_fields__, n=1)
        meant = f": did you mean {PREFIX}{near[0].upper()}?" if near else " (docs/settings.md lists them)"
        raise ValueError(f"{PREFIX}{unknown.upper()} is not a setting{meant}")
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        what, _, where = str(error).rpartition(" - at `$.")
        raise ValueError(f"{PREFIX}{where.rstrip('`').upper()}: {what}") from None


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
