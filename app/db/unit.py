"""A unit made ready to be written: checked, and laid out as rows, before it may wait in the writer's queue."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from app.db.shapes import CARD, CHANGING, ROWS, SEEN, Shape, Values, checked
from app.store import Change, Count, Kept, Sheet, Unit
from passes.cards import Card
from passes.coupons import Coupon, Redemption, Reversal

VERSION: Final = CARD.columns.index("version")
USES: Final = frozenset({Redemption, Reversal})
"""The records that an offer's limits count, and they count what is held."""
OF_OFFER: Final = "offer:"
"""How the keys begin under which they are counted (app.desk.limits.of_offer)."""
_MAY_SEE: Final = {of: frozenset(names) for of, names in SEEN.items()}
_MAY_SET: Final = {of: frozenset(names) for of, names in CHANGING.items()}
_SECOND: Final = timedelta(seconds=1)


class Comparison(msgspec.Struct, frozen=True):
    """A Change with its values checked."""

    of: type
    id: UUID
    seen: Mapping[str, Any]
    to: Mapping[str, Any]
    unlimited: bool = False
    """It uses or holds a coupon, or takes that back, and counts nothing for the offer: so the offer must have no limits (any more)."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as the writers take it. ``ticks`` is how many places it takes on the clock.

    ``tallies`` are (business, key, by, most); ``counts`` are all of one business. Each event (and each thing configured) takes
    a place of its own, so that events keep their order within a unit too; the unit's place, which its cards get as their
    version, is the last of them.
    """

    at: datetime
    due_at: datetime
    comparisons: tuple[Comparison, ...]
    tallies: tuple[Values, ...]
    counts: tuple[Count, ...]
    rows: tuple[tuple[Shape[Any], Values], ...]
    touches: tuple[UUID, ...]
    ticks: int
    answers: tuple[tuple[UUID, str], ...]
    """The keys under which it keeps an answer: what was answered before is refused without spoiling its group."""
    large: bool
    """It brings a file in: megabytes, for which nobody stands and waits at a counter."""

    def placed(self, first: int) -> list[tuple[Shape[Any], Values]]:
        """The rows with their places on the clock, of which the unit's first one is ``first``. A new card has the unit's."""
        placed, at = [], first
        for shape, values in self.rows:
            if shape.ordered:
                placed.append((shape, (*values, at)))
                at += 1
            elif shape is CARD:
                placed.append((shape, (*values[:VERSION], first + self.ticks - 1, *values[VERSION + 1 :])))
            else:
                placed.append((shape, values))
        return placed


def ready(unit: Unit) -> Ready:
    """Raises ValueError for what cannot be stored, and for a comparison of what never changes."""
    rows = tuple([(shape, shape.row(row)) for row in unit.rows for shape in (ROWS[type(row)],)])
    touches = unit.touches
    if touches:
        new = {row.id for row in unit.rows if isinstance(row, Card)}
        touches = tuple(dict.fromkeys(card_id for card_id in touches if card_id not in new))
    kinds = {type(row) for row in unit.rows}
    uses = not kinds.isdisjoint(USES) or any("held_by" in change.to for change in unit.changes)
    uses = uses and not any(tally.key.startswith(OF_OFFER) for tally in unit.tallies)
    return Ready(
        at=checked(unit.at),
        due_at=checked(unit.due_at),
        comparisons=tuple([_comparison(change, uses=uses) for change in unit.changes]),
        tallies=tuple((tally.business_id, checked(tally.key), tally.by, tally.most) for tally in unit.tallies),
        counts=_counts(unit.counts),
        rows=rows,
        touches=touches,
        ticks=max(1, sum([shape.ordered for shape, _ in rows])),
        answers=tuple([(row.caller_id, row.key) for row in unit.rows if type(row) is Kept]),
        large=Sheet in kinds,
    )


def _counts(counts: tuple[Count, ...]) -> tuple[Count, ...]:
    for one in counts:
        checked(one.which)
        if one.business_id is not counts[0].business_id and one.business_id != counts[0].business_id:
            raise ValueError("a unit counts for one business")
    return counts


def summed(units: Iterable[Ready]) -> list[Values]:
    """What units count, each key once, as rows of day_count in the order in which everybody holds them."""
    totals: dict[UUID, dict[Values, int]] = {}
    for unit in units:
        if unit.counts:
            total = totals.setdefault(unit.counts[0].business_id, {})
            for one in unit.counts:
                key = (one.kind, one.by, one.which, one.day)
                total[key] = total.get(key, 0) + one.n
    return [(business_id, *key, n) for business_id, total in sorted(totals.items()) for key, n in sorted(total.items())]


def later(changed_at: datetime, at: datetime) -> datetime:
    """When a card that last changed at ``changed_at`` changes next, at ``at``: in a later second, whatever the clock says.

    Apple's devices ask with If-Modified-Since, which knows whole seconds: two faces within one would look the same.
    """
    return max(at, changed_at.replace(microsecond=0) + _SECOND)


def _comparison(change: Change, *, uses: bool) -> Comparison:
    seen, to = _values(change.of, change.seen, _MAY_SEE), _values(change.of, change.to, _MAY_SET)
    return Comparison(change.of, change.id, seen, to, unlimited=uses and change.of is Coupon)


def _values(of: type, given: Mapping[str, Any], may: Mapping[type, frozenset[str]]) -> Mapping[str, Any]:
    if strange := given.keys() - may[of]:
        raise ValueError(f"{of.__name__} never changes its {', '.join(sorted(strange))}")
    return {name: checked(value) for name, value in given.items()}
