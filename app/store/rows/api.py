"""Programs that speak for a member of staff: their tokens, and the answers that are kept for whoever asks twice."""

from datetime import datetime
from uuid import UUID

import msgspec

from passes.businesses import Business, Person


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token that stands for a staff member at a location; only the SHA-256 of its secret is stored."""

    id: UUID
    business_id: UUID
    staff_id: UUID
    location_id: UUID
    name: str
    secret_hash: bytes
    created_at: datetime
    revoked_at: datetime | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token stands for, with the business that it works for."""

    person: Person
    business: Business


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The finished answer to a request with an Idempotency-Key, committed together with what the request changed."""

    caller_id: UUID
    key: str
    business_id: UUID
    digest: bytes
    """SHA-256 over method, path and body: the same key with another digest is a mistake of the caller."""
    status: int
    body: bytes
    at: datetime
