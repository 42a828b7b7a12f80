"""Programs that speak for a business: keys, what they said of sales and hold for baskets, whom they have told what, and kept answers."""

from piccolo.columns import UUID, BigInt, BigSerial, Bytea, Text, Timestamptz
from piccolo.table import Table


class ApiKey(Table, tablename="api_key"):
    """A key of a program."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    staff_id = UUID(default=None)
    location_id = UUID(default=None)
    name = Text(default=None)
    scopes = Text(default=None)
    per_minute = BigInt(default=None)
    made_by = UUID(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    revoked_at = Timestamptz(default=None, null=True)


class ApiSecret(Table, tablename="api_secret"):
    """A secret of a key; only its SHA-256."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    key_id = UUID(default=None)
    secret_hash = Bytea(default=None)
    hint = Text(default=None)
    made_at = Timestamptz(default=None)
    until = Timestamptz(default=None, null=True)


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


class Sale(Table, tablename="sale"):
    """What a till said of a sale."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    key_id = UUID(default=None)
    receipt = Text(default=None)
    reference = Text(default=None)
    amount = BigInt(default=None, null=True)
    currency = Text(default=None)
    card_id = UUID(default=None, null=True)
    event_id = UUID(default=None, null=True)
    earned = BigInt(default=None)
    basket_id = UUID(default=None, null=True)


class Return(Table, tablename="sale_return"):
    """Goods of a sale that came back."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    sale_id = UUID(default=None)
    number = BigInt(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    key_id = UUID(default=None)
    amount = BigInt(default=None, null=True)
    taken = BigInt(default=None)
    event_id = UUID(default=None, null=True)


class Reservation(Table, tablename="reservation"):
    """Coupons that are held for a basket."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    at = Timestamptz(default=None)
    body = Text(default=None)


class Endpoint(Table, tablename="endpoint"):
    """An address that is told what happens."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    url = Text(default=None)
    types = Text(default=None)
    description = Text(default=None)
    secret = Text(default=None)
    old_secret = Text(default=None)
    old_until = Timestamptz(default=None, null=True)
    made_by = UUID(default=None)
    made_at = Timestamptz(default=None)
    cursor = BigInt(default=None)
    due_at = Timestamptz(default=None)
    lease_until = Timestamptz(default=None, null=True)
    failures = BigInt(default=None)
    failed_at = Timestamptz(default=None, null=True)
    disabled_at = Timestamptz(default=None, null=True)
    disabled_why = Text(default=None)
    removed_at = Timestamptz(default=None, null=True)


class Delivery(Table, tablename="delivery"):
    """One event on its way to an endpoint."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    endpoint_id = UUID(default=None)
    event_id = UUID(default=None)
    seq = BigInt(default=None)
    lane = UUID(default=None)
    type = Text(default=None)
    body = Text(default=None)
    at = Timestamptz(default=None)
    state = Text(default=None)
    due_at = Timestamptz(default=None)
    tries = BigInt(default=None)
    tried_at = Timestamptz(default=None, null=True)
    status = BigInt(default=None, null=True)
    said = Text(default=None)
