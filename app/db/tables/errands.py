"""Long work."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table


class Errand(Table, tablename="errand"):
    """Long work."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    kind = Text(default=None)
    body = Text(default=None)
    made_by = UUID(default=None)
    made_at = Timestamptz(default=None)
    total = BigInt(default=None)
    due_at = Timestamptz(default=None)
    lease_until = Timestamptz(default=None, null=True)
    stopped_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)


class Portion(Table, tablename="portion"):
    """How far an errand has come."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    errand_id = UUID(default=None)
    number = BigInt(default=None)
    after = Text(default=None)
    done = BigInt(default=None)
    failed = BigInt(default=None)
    last = Boolean(default=None)
    at = Timestamptz(default=None)


class Sheet(Table, tablename="sheet"):
    """A piece of a file that an errand works through."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    errand_id = UUID(default=None)
    number = BigInt(default=None)
    content = Bytea(default=None)
