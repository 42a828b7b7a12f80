"""The clock of changes, and what is counted in the commit that it counts."""

from typing import Final

from piccolo.columns import UUID, BigInt, BigSerial, Date, Integer, Text
from piccolo.table import Table

CLOCK: Final = 1
"""The id of the clock's only row."""


class Clock(Table, tablename="clock"):
    """The clock of changes: one row, whose lock orders the commits of all processes."""

    id = Integer(primary_key=True, default=None)
    tick = BigInt(default=None)


class Tally(Table, tablename="tally"):
    """A count with a limit, changed in the commit that it counts. ``most`` is the limit that was last asked about."""

    id = BigSerial(primary_key=True)
    business_id = UUID(default=None)
    key = Text(default=None)
    n = BigInt(default=None)
    most = BigInt(default=None, null=True)


class DayCount(Table, tablename="day_count"):
    """How many of a kind there were on a day, changed in the commit that it counts."""

    id = BigSerial(primary_key=True)
    business_id = UUID(default=None)
    kind = Text(default=None)
    by = Text(default=None)
    which = Text(default=None)
    day = Date(default=None)
    n = BigInt(default=None)
