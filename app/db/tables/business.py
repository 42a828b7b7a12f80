"""What a business sets up, and who changed it."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table


class Business(Table, tablename="business"):
    """One tenant. ``created`` is its place on the clock of changes."""

    id = UUID(primary_key=True, default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Location(Table, tablename="location"):
    """A branch or till position."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    name = Text(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Program(Table, tablename="program"):
    """How cards earn."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Offer(Table, tablename="offer"):
    """What somebody gets. ``limited`` says that its redemptions are counted in ``tally``."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    limited = Boolean(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Campaign(Table, tablename="campaign"):
    """A message and/or a coupon for many."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Segment(Table, tablename="segment"):
    """Rules under a name."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Picture(Table, tablename="picture"):
    """A picture that a business brought."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    digest = Text(default=None)
    kind = Text(default=None)
    content = Bytea(default=None)
    at = Timestamptz(default=None)


class Audit(Table, tablename="audit"):
    """Who changed what. A trigger refuses every change and deletion."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    at = Timestamptz(default=None)
    staff_id = UUID(default=None)
    what = Text(default=None)
    of_id = UUID(default=None)
    name = Text(default=None)
    was = Text(default=None)
    became = Text(default=None)
