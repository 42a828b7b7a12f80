"""Programs that speak for somebody: their tokens and the answers kept for them."""

from piccolo.columns import UUID, BigInt, BigSerial, Bytea, Text, Timestamptz
from piccolo.table import Table


class Token(Table, tablename="token"):
    """A bearer token; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    staff_id = UUID(default=None)
    location_id = UUID(default=None)
    name = Text(default=None)
    secret_hash = Bytea(default=None)
    created_at = Timestamptz(default=None)
    revoked_at = Timestamptz(default=None, null=True)


class Kept(Table, tablename="kept"):
    """The finished answer under an idempotency key."""

    id = BigSerial(primary_key=True)
    caller_id = UUID(default=None)
    key = Text(default=None)
    business_id = UUID(default=None)
    digest = Bytea(default=None)
    status = BigInt(default=None)
    body = Bytea(default=None)
    at = Timestamptz(default=None)
