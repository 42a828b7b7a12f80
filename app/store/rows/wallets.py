"""What is remembered of the wallets' vendors."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class GoogleClass(msgspec.Struct, frozen=True, kw_only=True):
    """Which draft of a program's class Google has: ``digest`` is the SHA-256 of the body last accepted."""

    program_id: UUID
    business_id: UUID
    digest: bytes
    at: datetime


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor that refuses our credentials or requests: followers stop for it until ``probe_at``, then try one card."""

    wallet: Literal["apple", "google"]
    credential: str
    """Whose credentials: the pass type identifier, or Google's issuer id."""
    why: str
    since: datetime
    probe_at: datetime
