"""What a business brought, and who changed what in it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that a business brought, checked and made fit. ``digest`` is the SHA-256 (hex) of its bytes, by which it is named."""

    id: UUID
    business_id: UUID
    digest: str
    kind: Literal["image/png", "image/jpeg"]
    content: bytes
    at: datetime


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when, from what to what. Written with the change, and never changed itself.

    ``what`` is a word such as ``offer.changed``, ``of_id`` the thing's id and ``name`` its name (never a customer's, nor that of what
    may be called after one, a segment or a campaign). ``was`` and ``became`` are JSON objects of the fields that differ; of people
    only the names of the fields are kept.
    """

    id: UUID
    business_id: UUID
    at: datetime
    staff_id: UUID
    what: str
    of_id: UUID
    name: str = ""
    was: str = "{}"
    became: str = "{}"
