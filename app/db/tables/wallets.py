"""Where cards live, and what stands between them and us."""

from piccolo.columns import UUID, BigInt, BigSerial, Bytea, Text, Timestamptz
from piccolo.table import Table


class Installation(Table, tablename="installation"):
    """A face living somewhere. ``notified_at`` is a JSON list: an array cannot travel inside an array of rows."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    card_id = UUID(default=None)
    wallet = Text(default=None)
    address = Text(default=None)
    credential = Text(default=None)
    push_token = Text(default=None)
    registered_at = Timestamptz(default=None)
    told = BigInt(default=None)
    told_at = Timestamptz(default=None, null=True)
    asked_at = Timestamptz(default=None, null=True)
    fetched = BigInt(default=None)
    fetched_at = Timestamptz(default=None, null=True)
    saved_at = Timestamptz(default=None, null=True)
    notified_at = Text(default=None)
    due_at = Timestamptz(default=None, null=True)
    tries = BigInt(default=None)
    lease_until = Timestamptz(default=None, null=True)
    gone_at = Timestamptz(default=None, null=True)


class GoogleClass(Table, tablename="google_class"):
    """Which draft of a program's class Google has."""

    program_id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    digest = Bytea(default=None)
    at = Timestamptz(default=None)


class Alarm(Table, tablename="alarm"):
    """A vendor that is stopped."""

    id = BigSerial(primary_key=True)
    wallet = Text(default=None)
    credential = Text(default=None)
    why = Text(default=None)
    since = Timestamptz(default=None)
    probe_at = Timestamptz(default=None)


class Nonce(Table, tablename="nonce"):
    """A callback that was heard already."""

    nonce = Text(primary_key=True, default=None)
    at = Timestamptz(default=None)
