"""What a group of units comes to on PostgreSQL: rows are held in order, each unit is compared, and one statement writes all.

Holding comes first, in a statement of its own: whatever this group waited for is then visible to the statement that
writes. That is how an installation that registers for a card at the same moment is either seen here, or sees the change.
Everybody holds in one order (coupons, their offers' limits, cards, counts, installations by card and id, what is new, what the
days count, and last the clock), so that processes wait for each other and never in a circle. Whoever has the clock waits for
nobody: its order is the order of commits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any, Final
from uuid import UUID

from app.db.shapes import CARD, COUPON, DAY_COUNT, KEPT, KINDS, ROWS, SEEN, Shape, Values
from app.db.statements import COUNTED, TALLIED, Ask, Talk
from app.db.tables import CLOCK
from app.db.unit import Ready, later, summed
from app.store import Duplicate, Lost
from passes.cards import Card
from passes.coupons import Coupon

# ruff: noqa: S608 (what is put into these texts are names of our own columns; every value is a parameter)

_SHAPES: Final = {shape.name: shape for shape in ROWS.values()}
_COUPON: Final = SEEN[Coupon]
_CARD: Final = SEEN[Card]
_HELD: Final = (*_COUPON, *_CARD)
_TALLY: Final = {"business_id": "uuid", "key": "text", "n": "bigint", "most": "bigint"}


class Crowded(Exception):
    """A count of the group would pass its limit, or an offer has got one meanwhile; whose it is, the group does not know."""


class Held:
    """A row that stays as it is until this group is done: its columns now, and what becomes of it."""

    __slots__ = ("changed", "due_at", "now", "place")

    def __init__(self, now: dict[str, Any]) -> None:
        self.now = now
        self.changed = False
        self.place: int | None = None
        self.due_at: datetime | None = None


class Group:
    """Units that are tried together, in their order. ``talk`` is the conversation, over one transaction unless ``plain``."""

    def __init__(self, units: Sequence[Ready]) -> None:
        self._units = units
        self._coupons = {change.id for unit in units for change in unit.comparisons if change.of is Coupon}
        self._cards = {change.id for unit in units for change in unit.comparisons if change.of is Card}
        self._cards.update(card_id for unit in units for card_id in unit.touches)
        self._held: dict[UUID, Held] = {}
        self._counts: dict[tuple[UUID, str], list[Any]] = {}
        self._rows: dict[str, list[Values]] = {}
        self._to: dict[type, set[str]] = {Coupon: set(), Card: set()}
        self._won: list[Ready] = []
        self._ticks = 0

    @property
    def plain(self) -> bool:
        """Whether its one statement is a transaction by itself: it compares nothing."""
        return not (self._coupons or self._cards or any(unit.tallies for unit in self._units))

    def talk(self) -> Talk[list[int | Exception]]:
        """The place on the clock of each unit, or Lost, or Duplicate of its answer. Raises Crowded, and the driver's own exceptions."""
        keys = [(place, *key) for place, unit in enumerate(self._units) for key in unit.answers]
        answered = {row[0] for row in (yield Ask(ANSWERED, rows=keys))} if keys else set()
        if self._coupons or self._cards:
            rows = yield Ask(HOLD, (list(self._coupons), list(self._cards)))
            self._held = {row[0]: Held(dict(zip(_HELD, row[1:], strict=True))) for row in rows}
        places = [Duplicate(KINDS[KEPT.name]) if place in answered else self._try(unit) for place, unit in enumerate(self._units)]
        if not self._ticks:
            return [place or Lost() for place in places]
        [(base, counted, limited)] = yield self._write()
        if counted != len(self._counts) or limited:
            raise Crowded
        return [base + place if isinstance(place, int) else place or Lost() for place in places]

    def _try(self, unit: Ready) -> int | None:
        """Its place within the group, if each of its comparisons holds after the units before it."""
        rows = [(self._held.get(change.id), change) for change in unit.comparisons]
        for row, change in rows:
            if row is None or any(row.now[name] != value for name, value in change.seen.items()):
                return None
        for row, change in rows:
            if row is not None:
                row.now.update(change.to)
                row.changed = row.changed or bool(change.to)
                self._to[change.of].update(change.to)
        for business_id, key, by, most in unit.tallies:
            total = self._counts.setdefault((business_id, key), [0, None])
            total[0] += by
            total[1] = most if total[1] is None else min(total[1], most or total[1])
        for shape, values in unit.placed(self._ticks + 1):
            self._rows.setdefault(shape.name, []).append(values)
        self._ticks += unit.ticks
        self._won.append(unit)
        for card_id in unit.touches:
            if (card := self._held.get(card_id)) is not None:
                card.now["changed_at"] = later(card.now["changed_at"], unit.at)
                card.changed, card.place = True, self._ticks
                self._to[Card].add("changed_at")
                card.due_at = min(unit.due_at, card.due_at or unit.due_at)
        return self._ticks

    def _write(self) -> Ask:
        of_coupons, of_cards = (tuple(sorted(self._to[of])) for of in (Coupon, Card))
        coupons, cards, due = [], [], []
        for row_id, row in self._held.items():
            if row.changed and row_id in self._coupons:
                coupons.append((row_id, *(row.now[name] for name in of_coupons)))
            elif row.changed:
                cards.append((row_id, *(row.now[name] for name in of_cards), row.place))
                if row.due_at is not None:
                    due.append((row_id, row.due_at))
        days = summed(self._won)
        counts = [(business_id, key, by, most) for (business_id, key), (by, most) in self._counts.items()]
        if any(most is not None and by > most for _, _, by, most in counts):
            raise Crowded
        names = tuple(sorted(self._rows))
        unlimited = [(change.id,) for unit in self._won for change in unit.comparisons if change.unlimited]
        parts = (coupons, counts, due, cards, *(self._rows[name] for name in names), days, unlimited)
        text = statement(of_coupons, of_cards, names, counts=bool(counts), due=bool(due), days=bool(days), unlimited=bool(unlimited))
        return Ask(text, (self._ticks, *(column for part in parts for column in zip(*part, strict=True))))


def _types(shape: Shape[Any], names: Sequence[str]) -> Mapping[str, str]:
    known = dict(zip(shape.columns, shape.types, strict=True))
    return {name: known[name] for name in names}


def _hold() -> str:
    coupon, card = _types(COUPON, _COUPON), _types(CARD, _CARD)
    no_coupon = ", ".join(f"NULL::{type_}" for type_ in coupon.values())
    no_card = ", ".join(f"NULL::{type_}" for type_ in card.values())
    return f"""
        WITH coupons AS MATERIALIZED (SELECT id, offer_id, {", ".join(coupon)} FROM coupon WHERE id = ANY($1) ORDER BY id FOR UPDATE),
             offers AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(hashtextextended(o.id::text, 0)) AS held
                 FROM (SELECT DISTINCT offer_id AS id FROM coupons) AS o),
             cards AS MATERIALIZED (SELECT id, {", ".join(card)} FROM card WHERE id = ANY($2) ORDER BY id FOR UPDATE)
        SELECT id, {", ".join(coupon)}, {no_card} FROM coupons WHERE (SELECT count(held) FROM offers) >= 0
        UNION ALL SELECT id, {no_coupon}, {", ".join(card)} FROM cards"""


ANSWERED: Final = """
    SELECT x.n FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS x(n, caller_id, key)
    JOIN kept AS k ON k.caller_id = x.caller_id AND k.key = x.key"""
"""Which units are requests that were answered before. Of two at the same moment, the second spoils its group, and is told so alone."""
HOLD: Final = _hold()
"""Who redeems (or takes back) says so of the offer, so that nobody counts its redemptions meanwhile to limit them (Configured.revise)."""
LIMITED: Final = "(SELECT count(*) FROM coupon AS c JOIN offer AS o ON o.id = c.offer_id WHERE c.id = ANY(${}::uuid[]) AND o.limited)"


@cache
def statement(
    coupons: tuple[str, ...], cards: tuple[str, ...], names: tuple[str, ...], *, counts: bool, due: bool, days: bool, unlimited: bool
) -> str:
    """The statement that writes a group: these columns of coupons and cards, rows for these tables, and more if there is any.

    A service knows some dozens of combinations.

    Its first parameter is how many places on the clock the group takes; then come the columns of each part, as arrays. It
    returns the clock before the group, how many counts were counted, and how many of the offers that should have no limits have one.
    """
    numbers = count(2)

    def given(types: Mapping[str, str]) -> str:
        arrays = ", ".join(f"${next(numbers)}::{type_}[]" for type_ in types.values())
        return f"unnest({arrays}) AS x({', '.join(types)})"

    first: dict[str, str] = {}
    after: dict[str, str] = {}
    if coupons:
        sets = ", ".join(f"{name} = x.{name}" for name in coupons)
        types = {"id": "uuid", **_types(COUPON, coupons)}
        first["coupons"] = f"UPDATE coupon AS t SET {sets} FROM {given(types)} WHERE t.id = x.id RETURNING 1"
    if counts:
        first["counts"] = f"INSERT INTO tally ({', '.join(_TALLY)}) SELECT * FROM {given(_TALLY)} ORDER BY business_id, key {TALLIED}"
    if due:
        first["held"] = f"""
            SELECT mine.id, x.due_at FROM {given({"card_id": "uuid", "due_at": "timestamptz"})} CROSS JOIN LATERAL (
                SELECT i.id FROM installation AS i WHERE i.card_id = x.card_id AND i.gone_at IS NULL ORDER BY i.id FOR UPDATE) AS mine"""
        after["due"] = "UPDATE installation AS t SET due_at = least(t.due_at, held.due_at) FROM held WHERE t.id = held.id"
    if cards:
        types = {"id": "uuid", **_types(CARD, cards), "place": "bigint"}
        sets = ", ".join(f"{name} = x.{name}" for name in cards)
        after["cards"] = f"""
            UPDATE card AS t SET {sets}, version = coalesce(clock_now.base + x.place, t.version)
            FROM clock_now, {given(types)} WHERE t.id = x.id"""
    for name in names:
        shape = _SHAPES[name]
        placed = shape.columns[-1] if shape.ordered else "version" if shape is CARD else None
        values = ", ".join(f"clock_now.base + x.{column}" if column == placed else f"x.{column}" for column in shape.columns)
        rows = f"INSERT INTO {name} ({', '.join(shape.columns)}) SELECT {values} FROM {given(_types(shape, shape.columns))}"
        if placed:
            after[f"new_{name}"] = f"{rows}, clock_now"
        else:
            first[f"new_{name}"] = f"{rows} RETURNING 1"
    if days:
        types = dict(zip(DAY_COUNT.columns, DAY_COUNT.types, strict=True))
        first["days"] = f"INSERT INTO day_count ({', '.join(types)}) SELECT * FROM {given(types)} {COUNTED} RETURNING 1"
    held = "".join(f" AND (SELECT count(*) FROM {name}) >= 0" for name in first)  # all of it is done before the clock is held
    clock = f"UPDATE clock SET tick = tick + $1 WHERE id = {CLOCK}{held} RETURNING tick - $1 AS base"
    parts = ", ".join(f"{name} AS ({text})" for name, text in {**first, "clock_now": clock, **after}.items())
    counted = "(SELECT count(*) FROM counts)" if counts else "0"
    limited = LIMITED.format(next(numbers)) if unlimited else "0"
    return f"WITH {parts} SELECT base, {counted}, {limited} FROM clock_now"
