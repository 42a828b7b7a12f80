"""What an owner looks at: the three numbers, the trends, the history of presentations, and the story of one coupon."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from app.desk import Desk, read
from app.desk.views import CouponView, Happened, InstallationView
from app.store import Caller, Count, Filter, Past, Place
from passes.businesses import Business
from passes.offers import SECOND, end_of_day

PeriodName = Literal["today", "week", "month", "custom"]
DAYS: Final = {"today": 1, "week": 7, "month": 30}
DAY: Final = timedelta(days=1)
LONGEST: Final = 366
"""Days that a custom period has at most: a year with its leap day."""
EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(9000, 1, 1)
"""Dates that somebody may ask for: the calendar ends soon after, and sums with it."""
PAGE: Final = 50
EXPORTED_AT_ONCE: Final = 1000
REMEMBERED: Final = 500
"""Events of a card among which a coupon's beginning is looked for."""
WEAK: Final = 10
WORKS: Final = 30
"""Below WEAK percent an offer is weak or reaches the wrong people; above WORKS percent it works."""
HOURS: Final = 24
TOLD: Final = frozenset({"redeemed", "refused", "issued", "used"})
"""What the trends tell of an offer, a location or a person."""
LEFT: Final = ("redeemed", "voided")
"""How a coupon that is not over stops being active."""


# --- Periods ---


def begins(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day in a zone, in UTC: right after the last second of the day before, as coupons expire."""
    return end_of_day(day - DAY, zone) + SECOND


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days of a business, from ``first`` to ``last`` (both included)."""

    name: PeriodName
    first: date
    last: date

    @property
    def length(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> tuple[date, ...]:
        """All of its days."""
        return tuple(self.first + timedelta(days=number) for number in range(self.length))

    @property
    def before(self) -> "Period":
        """The days of the same number right before it: what it is compared with. Before today is all of yesterday."""
        return Period(name="custom", first=self.first - timedelta(days=self.length), last=self.first - DAY)


def period(name: PeriodName, *, today: date, first: date | None = None, last: date | None = None) -> Period:
    """The period of this name that ends today; or ``custom``, between two dates in either order, at most a year and not after today."""
    if name != "custom":
        return Period(name=name, first=today - timedelta(days=DAYS[name] - 1), last=today)
    ends = sorted(min(max(one, EARLIEST), today) for one in (first or last or today, last or today))
    return Period(name=name, first=max(ends[0], ends[1] - timedelta(days=LONGEST - 1)), last=ends[1])


# --- The three numbers ---


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What the cards of the page say, with the same for the period before.

    ``active`` is now, whatever the period, and ``active_before`` was when the period began. ``used`` of ``issued`` are the
    coupons issued in the period.
    """

    redeemed: int
    redeemed_before: int
    active: int
    active_before: int
    issued: int
    used: int
    issued_before: int
    used_before: int
    goodwill: int
    refused: int

    @property
    def rate(self) -> float | None:
        """Redemption Rate in percent; None while nothing was issued."""
        return percent(self.used, self.issued)

    @property
    def rate_before(self) -> float | None:
        """The same for the period before."""
        return percent(self.used_before, self.issued_before)

    @property
    def hint(self) -> Literal["", "weak", "works"]:
        """What the rate says about the offers; nothing between the two marks."""
        if self.rate is None or WEAK <= self.rate <= WORKS:
            return ""
        return "weak" if self.rate < WEAK else "works"


def percent(part: int, whole: int) -> float | None:
    """How many percent; None of nothing."""
    return 100 * part / whole if whole else None


async def numbers(desk: Desk, business: Business, during: Period) -> Numbers:
    """The three numbers of a period, from the counts by the day and one partial index: never by counting coupons.

    How many coupons were active when the period began is reckoned back from now: active now, and those that expired unused since,
    and those redeemed or voided since, less those issued since. (A goodwill had expired already. A coupon that was over, or redeemed,
    before the period and was extended or taken back in it is one too many: a handful, in a number that is only compared.)
    """
    now = desk.world.now()
    today = now.astimezone(business.tz).date()
    before = during.before
    active, over = await desk.store.active_coupons(business.id, now=now, expired_since=begins(during.first, business.tz))
    counts = await desk.store.counted(business.id, since=before.first, until=today, by=("all",))

    def total(kind: str, first: date, last: date) -> int:
        return sum(one.n for one in counts if one.kind == kind and first <= one.day <= last)

    return Numbers(
        redeemed=total("redeemed", during.first, during.last),
        redeemed_before=total("redeemed", before.first, before.last),
        active=active,
        active_before=max(0, active + over + sum(total(kind, during.first, today) for kind in LEFT) - total("issued", during.first, today)),
        issued=total("issued", during.first, during.last),
        used=total("used", during.first, during.last),
        issued_before=total("issued", before.first, before.last),
        used_before=total("used", before.first, before.last),
        goodwill=total("goodwill", during.first, during.last),
        refused=total("refused", during.first, during.last),
    )


# --- Trends ---


class OnDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a period."""

    day: date
    redeemed: int
    refused: int
    goodwill: int


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """One offer, location or person in the period. ``refused`` is known of people, ``issued`` and ``used`` of offers."""

    id: str
    name: str
    redeemed: int = 0
    refused: int = 0
    issued: int = 0
    used: int = 0

    @property
    def rate(self) -> float | None:
        """Redemption Rate in percent; None while nothing was issued."""
        return percent(self.used, self.issued)


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """A period seen from five sides. ``hours`` are redemptions by weekday (0 is Monday) and hour."""

    days: tuple[OnDay, ...]
    hours: tuple[tuple[int, ...], ...]
    offers: tuple[Of, ...]
    locations: tuple[Of, ...]
    staff: tuple[Of, ...]


async def trends(desk: Desk, business: Business, during: Period, *, language: str) -> Trends:
    """The trends of a period; offers, locations and people in order of their redemptions, those without anything left out."""
    counts = await desk.store.counted(business.id, since=during.first, until=during.last)
    by_day: Counter[tuple[str, date]] = Counter()
    by_hour: Counter[int] = Counter()
    for one in counts:
        if one.by == "all":
            by_day[one.kind, one.day] += one.n
        elif one.by == "hour" and one.kind == "redeemed":
            by_hour[int(one.which)] += one.n
    offers = {str(one.id): one.title.said(language) for one in await desk.store.all_offers(business.id)}
    locations = {str(one.id): one.name for one in await desk.store.locations(business.id)}
    staff = {str(one.id): one.name for one in await desk.store.staff(business.id)}
    return Trends(
        days=tuple(OnDay(day=day, **{kind: by_day[kind, day] for kind in ("redeemed", "refused", "goodwill")}) for day in during.days),
        hours=tuple(tuple(by_hour[HOURS * day + hour] for hour in range(HOURS)) for day in range(7)),
        offers=_each((one for one in counts if one.by == "offer"), offers),
        locations=_each((one for one in counts if one.by == "location"), locations),
        staff=_each((one for one in counts if one.by == "staff"), staff),
    )


def _each(counts: Iterable[Count], names: dict[str, str]) -> tuple[Of, ...]:
    found: dict[str, Counter[str]] = {}
    for one in counts:
        if one.kind in TOLD:
            found.setdefault(one.which, Counter())[one.kind] += one.n
    each = [Of(id=which, name=names[which], **by_kind) for which, by_kind in found.items() if any(by_kind.values())]
    return tuple(sorted(each, key=lambda one: (-one.redeemed, -one.refused, one.name)))


# --- The history ---


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some presentations, the newest first; ``after`` is where the next page begins, None if this was the last."""

    rows: Sequence[Past]
    after: Place | None


async def page(desk: Desk, business: Business, wanted: Filter, *, after: Place | None = None, limit: int = PAGE) -> Page:
    """A page of the history."""
    found = await desk.store.past(business.id, wanted, after=after, limit=limit + 1)
    rows = found[:limit]
    return Page(rows=rows, after=Place(rows[-1].at, rows[-1].id) if len(found) > limit else None)


async def rows(desk: Desk, business: Business, wanted: Filter) -> AsyncIterator[Past]:
    """All presentations of a filter, the newest first, a thousand in memory at a time. What comes in meanwhile is not among them."""
    until = min(wanted.until or desk.world.now() + SECOND, desk.world.now() + SECOND)
    wanted, after = replace(wanted, until=until), None
    while True:
        some = await page(desk, business, wanted, after=after, limit=EXPORTED_AT_ONCE)
        for one in some.rows:
            yield one
        if some.after is None:
            return
        after = some.after


async def worth_dropping(desk: Desk, business: Business, wanted: Filter) -> tuple[str, ...]:
    """Which single conditions of a filter that finds nothing are to blame: without any one of these, it finds something."""
    blamed = []
    for field in msgspec.structs.fields(Filter):
        if getattr(wanted, field.name) != field.default:
            wider = replace(wanted, **{field.name: field.default})
            if await desk.store.past(business.id, wider, limit=1):
                blamed.append(field.name)
    return tuple(blamed)


# --- The story of one coupon ---


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the life of a coupon. ``happened`` is a thing at a counter; ``who`` and ``reason`` are of one at a desk."""

    kind: Literal["issued", "redemption", "goodwill", "reversal", "refusal", "voided", "extended", "expired"]
    at: datetime
    happened: Happened | None = None
    who: str = ""
    reason: str = ""


class CouponLife(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon, whose it is, everything that happened to it (oldest first), and where its card lives.

    Why it was issued: it was earned on the program ``earned_on``, or given as ``compensation`` for this reason. Neither is known of
    a coupon without a card, or one that many things on its card came after.
    """

    coupon: CouponView
    customer: str
    steps: tuple[Step, ...]
    phones: tuple[InstallationView, ...]
    earned_on: str = ""
    compensation: str = ""


async def story(desk: Desk, caller: Caller, coupon_id: UUID, *, language: str) -> CouponLife:
    """The life of a coupon: issued, presented, refused, redeemed, reversed; and per phone told, asked, fetched. Raises NotFound."""
    found = await read.coupon(desk, caller, coupon_id, language=language)
    coupon = found.coupon
    steps = [Step(kind="issued", at=coupon.issued_at)]
    steps += [Step(kind=one.kind, at=one.at, happened=one) for one in found.history]
    presented = await desk.store.coupon(caller.business.id, coupon_id)
    if coupon.state == "expired" and coupon.expires_at is not None:
        steps.append(Step(kind="expired", at=coupon.expires_at))
    card = await read.story(desk, caller, str(coupon.card_id), language=language) if coupon.card_id else None
    events = await desk.store.card_history(caller.business.id, coupon.card_id, limit=REMEMBERED) if coupon.card_id else ()
    why = next((one for one in events if one.coupon_id == coupon_id and one.kind in ("earned", "issued")), None)
    steps += await _at_a_desk(desk, caller, coupon_id)
    if presented is not None and presented.coupon.voided_at is not None and all(one.kind != "voided" for one in steps):
        steps.append(Step(kind="voided", at=presented.coupon.voided_at.astimezone(caller.business.tz)))
    return CouponLife(
        coupon=coupon,
        customer=presented.customer if presented else "",
        steps=tuple(sorted(steps, key=lambda one: one.at)),
        phones=card.installations if card else (),
        earned_on=card.card.program if card and why and why.kind == "earned" else "",
        compensation=why.reason if why else "",
    )


async def _at_a_desk(desk: Desk, caller: Caller, coupon_id: UUID) -> list[Step]:
    """Who cancelled or extended a coupon, and why."""
    people = {one.id: one.name for one in await desk.store.staff(caller.business.id)}
    return [
        Step(
            kind=cast("Literal['voided', 'extended']", one.kind),
            at=one.at.astimezone(caller.business.tz),
            who=people.get(one.staff_id, "") if one.staff_id else "",
            reason=one.reason,
        )
        for one in await desk.store.done_at_desk(caller.business.id, coupon_id)
    ]
