"""Development chains for tests, made once: RSA keys take their time."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from app import certs

NOW = datetime.now(UTC).replace(microsecond=0)
TEAM = "TEAM123456"


@cache
def chain(pass_type: str) -> Path:
    """A folder with root.pem, wwdr.pem, certificate.pem, key.pem and the authorities' keys."""
    folder = Path(mkdtemp(prefix="chain-"))
    certs.make_development_chain(folder, pass_type=pass_type, team=TEAM, organization="Café Linh", now=NOW)
    return folder
