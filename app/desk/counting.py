"""What is counted by the day, in the business's own zone: pure functions that say which counts a record comes to."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from app.store import Count, CountBy, CountKind
from passes.cards import Card, Event
from passes.coupons import Coupon, Redemption, Refusal
from passes.offers import over


def redeemed(redemption: Redemption, coupon: Coupon, zone: ZoneInfo, *, n: Literal[1, -1] = 1) -> tuple[Count, ...]:
    """The counts of a redemption or a goodwill; with ``n`` -1, what its reversal takes back from the days that it counted on.

    A redemption counts on its own day, and as used on the day on which its coupon was issued; a goodwill counts apart, by who and where.
    """
    local = redemption.at.astimezone(zone)
    if redemption.kind == "goodwill":
        return _counts(redemption.business_id, "goodwill", local.date(), _where_and_who(redemption.location_id, redemption.staff_id), n)
    which: tuple[tuple[CountBy, str], ...] = (
        ("all", ""),
        ("location", str(redemption.location_id)),
        ("offer", str(coupon.offer_id)),
        ("staff", str(redemption.staff_id)),
        ("hour", str(local.weekday() * 24 + local.hour)),
    )
    return (*_counts(redemption.business_id, "redeemed", local.date(), which, n), *_by_offer("used", coupon, zone, n))


def refused(refusal: Refusal, zone: ZoneInfo) -> tuple[Count, ...]:
    """The counts of a refusal."""
    which: tuple[tuple[CountBy, str], ...] = (("all", ""), ("staff", str(refusal.staff_id)))
    return _counts(refusal.business_id, "refused", _day(refusal.at, zone), which, 1)


def issued(coupons: Iterable[Coupon], zone: ZoneInfo) -> tuple[Count, ...]:
    """The counts of new coupons."""
    return tuple(count for coupon in coupons for count in _by_offer("issued", coupon, zone, 1))


def compensated(coupon: Coupon, staff_id: UUID, zone: ZoneInfo, *, location_id: UUID | None = None) -> tuple[Count, ...]:
    """The counts of a coupon that somebody gave as compensation."""
    return _counts(coupon.business_id, "compensated", _day(coupon.issued_at, zone), _where_and_who(location_id, staff_id), 1)


def voided(coupons: Iterable[Coupon], at: datetime, zone: ZoneInfo) -> tuple[Count, ...]:
    """The counts of coupons (as they were before) that were cancelled: of those that could still be redeemed, on the day of it."""
    which: tuple[tuple[CountBy, str], ...] = (("all", ""),)
    lost = [one for one in coupons if one.state == "active" and not over(one.expires_at, at)]
    return _counts(lost[0].business_id, "voided", _day(at, zone), which, len(lost)) if lost else ()


def joined(card: Card, zone: ZoneInfo, *, location_id: UUID | None = None) -> tuple[Count, ...]:
    """The counts of a new card, and of where it was joined, if that is known."""
    return _counts(card.business_id, "joined", _day(card.joined_at, zone), _where_and_who(location_id, None), 1)


def visit(card: Card, at: datetime, zone: ZoneInfo, *, location_id: UUID | None = None, staff_id: UUID | None = None) -> tuple[Count, ...]:
    """The counts of an action that adds stamps or points to a card, which is as it was before: its first visit, or one more."""
    which, day = _where_and_who(location_id, staff_id), _day(at, zone)
    first = _counts(card.business_id, "first_visit", day, _where_and_who(location_id, None), 1) if not card.visits else ()
    return (*_counts(card.business_id, "visit", day, which, 1), *first)


def corrected(
    business_id: UUID, at: datetime, zone: ZoneInfo, *, location_id: UUID | None = None, staff_id: UUID | None = None
) -> tuple[Count, ...]:
    """The counts of a correction of a card's ledger."""
    return _counts(business_id, "corrected", _day(at, zone), _where_and_who(location_id, staff_id), 1)


def logged(event: Event, zone: ZoneInfo, *, first: bool) -> tuple[Count, ...]:
    """The counts of an event that comes back from a file, as far as no other record counts it; ``first``: its card had no visit before."""
    day, who = _day(event.at, zone), _where_and_who(event.location_id, event.staff_id)
    match event.kind:
        case "stamped":
            begun = _counts(event.business_id, "first_visit", day, _where_and_who(event.location_id, None), 1) if first else ()
            return (*_counts(event.business_id, "visit", day, who, 1), *begun)
        case "corrected":
            return _counts(event.business_id, "corrected", day, who, 1)
        case "issued" if event.staff_id and event.reason:
            return _counts(event.business_id, "compensated", day, who, 1)
        case "refused":
            return _counts(event.business_id, "refused", day, who, 1)
        case _:
            return ()


def _where_and_who(location_id: UUID | None, staff_id: UUID | None) -> tuple[tuple[CountBy, str], ...]:
    """In all, and of a location and a person if they are known."""
    named: tuple[tuple[CountBy, UUID | None], ...] = (("location", location_id), ("staff", staff_id))
    return (("all", ""), *((by, str(one)) for by, one in named if one is not None))


def _by_offer(kind: CountKind, coupon: Coupon, zone: ZoneInfo, n: int) -> tuple[Count, ...]:
    return _counts(coupon.business_id, kind, _day(coupon.issued_at, zone), (("all", ""), ("offer", str(coupon.offer_id))), n)


def _counts(business_id: UUID, kind: CountKind, day: date, which: tuple[tuple[CountBy, str], ...], n: int) -> tuple[Count, ...]:
    return tuple([Count(business_id=business_id, kind=kind, by=by, which=value, day=day, n=n) for by, value in which])


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
