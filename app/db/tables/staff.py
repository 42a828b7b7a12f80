"""Who works for a business, and what they prove it with."""

from piccolo.columns import UUID, BigInt, Bytea, Text, Timestamptz
from piccolo.table import Table


class Staff(Table, tablename="staff"):
    """A person who works for a business."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    name = Text(default=None)
    suspended_at = Timestamptz(default=None, null=True)
    body = Text(default=None)
    created = BigInt(default=None)


class Login(Table, tablename="login"):
    """What a member of staff proves who they are with."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    email = Text(default=None)
    password = Text(default=None)
    pin = Text(default=None)
    version = BigInt(default=None)
    locked_at = Timestamptz(default=None, null=True)


class Passkey(Table, tablename="passkey"):
    """A passkey of a person."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    staff_id = UUID(default=None)
    credential = Bytea(default=None)
    public_key = Bytea(default=None)
    sign_count = BigInt(default=None)
    name = Text(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)


class Counter(Table, tablename="counter"):
    """A browser enrolled for a location; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    location_id = UUID(default=None)
    name = Text(default=None)
    kind = Text(default=None)
    machine_id = UUID(default=None, null=True)
    secret_hash = Bytea(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    revoked_at = Timestamptz(default=None, null=True)


class Ticket(Table, tablename="ticket"):
    """A link that works once; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    kind = Text(default=None)
    secret_hash = Bytea(default=None)
    made_by = UUID(default=None)
    made_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    staff_id = UUID(default=None, null=True)
    location_id = UUID(default=None, null=True)
    name = Text(default=None)
    counter = Text(default=None)


class Strike(Table, tablename="strike"):
    """How many wrong guesses were counted under a key."""

    key = Text(primary_key=True, default=None)
    n = BigInt(default=None)
    last = Timestamptz(default=None)
