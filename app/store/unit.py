"""A unit of truth: what becomes true together or not at all, and why it may not."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.store.rows import Row
from passes.cards import Card
from passes.coupons import Coupon


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A compare-and-set: the row of this type and id becomes ``to`` if each column of ``seen`` still has its value.

    A card's ``changed_at`` can be seen, too: then nothing that touches it has happened since.
    """

    of: type[Card] | type[Coupon]
    id: UUID
    seen: Mapping[str, object]
    to: Mapping[str, object]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Count one more (or one less) under ``key``; with ``most`` the unit is lost where that would pass it. 0: it is counted already."""

    business_id: UUID
    key: str
    by: Literal[1, 0, -1]
    most: int | None = None


CountKind = Literal[
    "redeemed", "goodwill", "refused", "issued", "used", "joined", "visit", "first_visit", "corrected", "compensated", "voided"
]
"""What is counted by the day (in the business's zone). ``used`` counts a redemption on the day on which its coupon was issued:
used over issued of the same days is the Redemption Rate. ``visit`` counts actions that added stamps or points, ``first_visit``
those that were a card's first."""

CountBy = Literal["all", "location", "offer", "staff", "hour"]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """So many more (or fewer) of a kind on a day, in all or of one location, offer, person or hour.

    ``which`` is the id's text; for ``hour`` the hour of the week ("0" is Monday 00:00 … "167"), for ``all`` it is "".
    """

    business_id: UUID
    kind: CountKind
    by: CountBy
    which: str = ""
    day: date
    n: int = 1


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes true together or not at all: comparisons, new rows, and the cards whose face changes by it.

    A touched card gets the unit's place on the clock of changes as its ``version`` and ``at`` as ``changed_at``, and its
    installations become due at ``due_at`` (or stay due earlier).
    """

    at: datetime
    due_at: datetime
    changes: tuple[Change, ...] = ()
    tallies: tuple[Tally, ...] = ()
    counts: tuple[Count, ...] = ()
    rows: tuple[Row, ...] = ()
    touches: tuple[UUID, ...] = ()


class Unstorable(ValueError):
    """A text that no database keeps (with NUL, or half a surrogate pair): so nothing is known under it, and nothing can be."""


class Lost(Exception):
    """A comparison failed: somebody else was first. Nothing of the unit was recorded. Read again and decide again."""


class Duplicate(Exception):
    """A row exists already (an idempotency key, a code). ``of`` is its type's name. Nothing of the unit was recorded."""

    def __init__(self, of: str) -> None:
        self.of = of
        super().__init__(of)


class Overloaded(Exception):
    """The writer's queue is full; nothing of the unit was recorded."""


class DatabaseProblem(Exception):
    """The database cannot be reached or cannot write now. Its sentence says what to look at, and if it is not known what was recorded."""
