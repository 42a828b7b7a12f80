"""What an owner may learn from the cards: how far they come, who comes back and why, who works how, and what is out of the ordinary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk
from app.history import DAY, Period, begins, percent
from app.store import Activity, Count, CountBy, CountKind, Deed, Funnel, Returned
from passes.businesses import Business
from passes.programs import Program, Unit

BACK_WITHIN: Final = 30
"""Days in which somebody must be there again to have been brought back."""
NEWEST: Final = 5000
"""Redemptions of a period that are asked whether they brought somebody back: more would say the same."""
WEEKS: Final = 8
"""Weeks that are shown at least, however short the period."""
BINS: Final = 10
"""Bars of a histogram of points; stamps have a bar each, where they are not more than MANY."""
MANY: Final = 20
ACTIVE: Final = 10
OFTEN: Final = 10
FAR_OFTENER: Final = 4
"""A card that was there OFTEN and FAR_OFTENER than the others on average is out of the ordinary."""
SOME: Final = 5
FAR_MORE: Final = 3
"""A person who did SOME of something, and FAR_MORE than their colleagues on average, likewise."""
DEEDS: Final[tuple[CountKind, ...]] = ("visit", "redeemed", "corrected", "goodwill", "compensated")
"""What is counted of a location and of a person."""
WATCHED: Final[tuple[Literal["corrected", "goodwill", "compensated"], ...]] = ("corrected", "goodwill", "compensated")
"""What a person may do too much of."""


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """How far the cards of a program are from their next reward: (from, to) stamps or points to go, and how many cards."""

    program: Program
    bars: tuple[tuple[int, int, int], ...]

    @property
    def unit(self) -> Unit:
        """What is to go."""
        return self.program.unit

    @property
    def nearest(self) -> int:
        """How many cards are in the first bar."""
        return self.bars[0][2]


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """First visits and returning ones of a week that begins on a Monday."""

    monday: date
    new: int
    returning: int


class Brings(msgspec.Struct, frozen=True, kw_only=True):
    """An offer: after how many of its redemptions the card was there again, in the period and before."""

    offer_id: UUID
    name: str
    redeemed: int
    returned: int
    redeemed_before: int
    returned_before: int

    @property
    def rate(self) -> float | None:
        """Percent."""
        return percent(self.returned, self.redeemed)

    @property
    def rate_before(self) -> float | None:
        """Percent."""
        return percent(self.returned_before, self.redeemed_before)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What was done at a location, or by a person, by DEEDS; and in the period before."""

    id: UUID
    name: str
    done: Mapping[CountKind, int]
    before: Mapping[CountKind, int]


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """Something far from the ordinary: a card that was there far oftener, a person who did far more of something."""

    kind: Literal["card", "corrected", "goodwill", "compensated"]
    id: UUID
    name: str
    n: int
    usual: float


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the page shows."""

    during: Period
    funnel: Funnel
    funnel_before: Funnel
    close: tuple[Close, ...]
    activity: Activity
    weeks: tuple[Week, ...]
    new: int
    new_before: int
    returning: int
    returning_before: int
    offers: tuple[Brings, ...]
    locations: tuple[Work, ...]
    staff: tuple[Work, ...]
    unusual: tuple[Unusual, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing at all to learn from yet."""
        return not (self.close or any(week.new or week.returning for week in self.weeks) or self.staff or self.funnel_before.joined)


async def insight(desk: Desk, business: Business, during: Period, *, language: str) -> Insight:
    """What happened in a period, each thing with the same of the period before."""
    store, before = desk.store, during.before
    now, then = _moments(business, during), _moments(business, before)
    first_week = _monday(min(during.first, during.last - timedelta(weeks=WEEKS - 1)))
    names: tuple[CountBy, ...] = ("all", "location", "staff")
    counts = await store.counted(business.id, since=min(first_week, before.first), until=during.last, by=names)
    activity = await store.activity(business.id, since=now[0], until=now[1], limit=ACTIVE)
    returned, returned_before = [
        await store.returned(business.id, since=first, until=end, days=BACK_WITHIN, newest=NEWEST) for first, end in (now, then)
    ]
    offers = {one.id: one.title.said(language) for one in await store.all_offers(business.id)}
    places = {one.id: one.name for one in await store.locations(business.id)}
    people = {one.id: one.name for one in await store.staff(business.id)}
    staff = _work(counts, "staff", people, during)
    return Insight(
        during=during,
        funnel=await store.funnel(business.id, since=now[0], until=now[1]),
        funnel_before=await store.funnel(business.id, since=then[0], until=then[1]),
        close=await _close(desk, business),
        activity=activity,
        weeks=_weeks(counts, first_week, during.last),
        new=_total(counts, "first_visit", during),
        new_before=_total(counts, "first_visit", before),
        returning=_total(counts, "visit", during) - _total(counts, "first_visit", during),
        returning_before=_total(counts, "visit", before) - _total(counts, "first_visit", before),
        offers=_brings(returned, returned_before, offers),
        locations=_work(counts, "location", places, during),
        staff=staff,
        unusual=(*_unusual_cards(activity), *_unusual_people(staff)),
    )


LINES: Final = 200
"""Lines that are shown of what one person did: more than that nobody reads one by one."""


async def deeds(desk: Desk, business: Business, during: Period, staff_id: UUID) -> Sequence[Deed]:
    """What one person corrected or gave as compensation in a period, newest first: what those numbers are made of."""
    since, until = _moments(business, during)
    return await desk.store.deeds(business.id, staff_id, since=since, until=until, limit=LINES)


def _moments(business: Business, during: Period) -> tuple[datetime, datetime]:
    return begins(during.first, business.tz), begins(during.last + DAY, business.tz)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _total(counts: Iterable[Count], kind: CountKind, during: Period) -> int:
    return sum(one.n for one in counts if one.by == "all" and one.kind == kind and during.first <= one.day <= during.last)


def _weeks(counts: Iterable[Count], monday: date, last: date) -> tuple[Week, ...]:
    came: Counter[tuple[CountKind, date]] = Counter()
    for one in counts:
        if one.by == "all":
            came[one.kind, _monday(one.day)] += one.n
    mondays = [monday + timedelta(weeks=number) for number in range((last - monday).days // 7 + 1)]
    return tuple(Week(monday=day, new=(new := came["first_visit", day]), returning=max(0, came["visit", day] - new)) for day in mondays)


async def _close(desk: Desk, business: Business) -> tuple[Close, ...]:
    """A histogram for each program that has cards."""
    found = []
    for program in await desk.store.programs(business.id):
        if program.state == "archived":
            continue
        cards: Counter[int] = Counter()
        for balance, n in (await desk.store.balances(business.id, program.id)).items():
            cards[max(1, program.next_goal(balance).at - balance)] += n
        if cards:
            found.append(Close(program=program, bars=_bars(cards)))
    return tuple(found)


def _bars(cards: Mapping[int, int]) -> tuple[tuple[int, int, int], ...]:
    """By one, or in bars of equal and round width."""
    furthest = max(cards)
    width = 1 if furthest <= MANY else _round(-(-furthest // BINS))
    return tuple(
        (first, first + width - 1, sum(n for to_go, n in cards.items() if first <= to_go < first + width))
        for first in range(1, furthest + 1, width)
    )


def _round(width: int) -> int:
    """1, 2 or 5 times a power of ten, not below."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= width:
                return step * power
        power *= 10


def _brings(now: Sequence[Returned], then: Sequence[Returned], names: Mapping[UUID, str]) -> tuple[Brings, ...]:
    """Those that brought the greatest share back first; of the same, those that were redeemed more."""
    earlier = {one.offer_id: one for one in then}
    found = []
    for one in now:
        old = earlier.get(one.offer_id, Returned(one.offer_id, 0, 0))
        brings = Brings(
            offer_id=one.offer_id,
            name=names.get(one.offer_id, ""),
            redeemed=one.redeemed,
            returned=one.returned,
            redeemed_before=old.redeemed,
            returned_before=old.returned,
        )
        found.append(brings)
    return tuple(sorted(found, key=lambda one: (-(one.rate or 0), -one.redeemed, one.name)))


def _work(counts: Iterable[Count], by: CountBy, names: Mapping[UUID, str], during: Period) -> tuple[Work, ...]:
    """Everybody of whom anything was counted, those with the most stamps and redemptions first."""
    before = during.before
    done: dict[tuple[str, bool], Counter[CountKind]] = {}
    for one in counts:
        if one.by == by and one.kind in DEEDS and before.first <= one.day <= during.last:
            done.setdefault((one.which, one.day >= during.first), Counter())[one.kind] += one.n
    found = [
        Work(id=one, name=name, done=done.get((str(one), True), Counter()), before=done.get((str(one), False), Counter()))
        for one, name in names.items()
        if (str(one), True) in done or (str(one), False) in done
    ]
    return tuple(sorted(found, key=lambda one: (-one.done.get("visit", 0) - one.done.get("redeemed", 0), one.name)))


def _unusual_cards(activity: Activity) -> Iterable[Unusual]:
    for one in activity.most:
        others = activity.cards - 1
        usual = (activity.visits - one.visits) / others if others else float(one.visits)
        if one.visits >= OFTEN and one.visits >= FAR_OFTENER * usual:
            yield Unusual(kind="card", id=one.customer_id, name=one.name, n=one.visits, usual=usual)


def _unusual_people(staff: Sequence[Work]) -> Iterable[Unusual]:
    """Against the average of the colleagues who did anything at all in the period."""
    working = [one for one in staff if any(one.done.values())]
    for one in working:
        colleagues = [other for other in working if other is not one]
        for kind in WATCHED if colleagues else ():
            n, usual = one.done.get(kind, 0), sum(other.done.get(kind, 0) for other in colleagues) / len(colleagues)
            if n >= SOME and n >= FAR_MORE * usual:
                yield Unusual(kind=kind, id=one.id, name=one.name, n=n, usual=usual)
