"""One right to one offer: redeem it, look it up, take it back, honour it late. One rule, one order, for every channel."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from passes.businesses import MANAGERS, Business, Person
from passes.offers import LAST_YEAR, Offer, end_of_day, expiry, over
from passes.problems import (
    AlreadyRedeemed,
    Expired,
    HeldTooLong,
    LimitReached,
    MayNotHonour,
    NotAllowed,
    NotExpired,
    NotHeld,
    NothingToReverse,
    NotLater,
    NotYetValid,
    OutsideHours,
    ReasonNeeded,
    Reserved,
    StaffNeeded,
    TooLateToReverse,
    UnknownCode,
    Voided,
    WrongLocation,
)
from passes.words import N_

UNDO: Final = timedelta(minutes=15)
LONGEST_HOLD: Final = timedelta(minutes=15)
"""A coupon is held for baskets so long at the most, and then as long not again."""
SHORTEST_HOLD: Final = timedelta(minutes=1)
Ended = Literal["redeemed", "released", "ended"]
ENDED: Final[Mapping[Ended, str]] = {
    "redeemed": N_("its coupons were redeemed with it"),
    "released": N_("it was released"),
    "ended": N_("its time was over"),
}
"""In which ways a reservation ends."""
State = Literal["active", "redeemed", "voided", "pooled"]
"""``pooled``: an imported code that nobody has been given yet; presented, it is unknown."""
Channel = Literal["typed", "camera", "scanner", "photo", "api", "alone"]


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """One right to one offer. *Expired* is not a state: an active coupon whose time is over is expired."""

    id: UUID
    business_id: UUID
    offer_id: UUID
    card_id: UUID | None
    customer_id: UUID | None
    code: str
    state: State = "active"
    issued_at: datetime
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    redemption_id: UUID | None = None
    """The redemption that holds now; None unless redeemed."""
    voided_at: datetime | None = None
    batch_id: UUID | None = None
    """The campaign or the errand that it came from (a sheet to print, an import, a segment)."""
    held_by: UUID | None = None
    """The reservation that holds it for a basket until ``held_until``: till then nobody else redeems it."""
    held_until: datetime | None = None


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """The record that a coupon was used. Goodwill is kept apart: it never counts as a redemption."""

    id: UUID
    business_id: UUID
    coupon_id: UUID
    card_id: UUID | None
    kind: Literal["redemption", "goodwill"]
    at: datetime
    location_id: UUID
    staff_id: UUID
    counter_id: UUID
    channel: Channel
    reason: str = ""
    offer_id: UUID | None = None
    customer_id: UUID | None = None
    """Of the coupon, as it was then: by these the history is read."""
    basket_id: UUID | None = None
    """What several codes were redeemed together as."""


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """The record that takes a redemption back. Nothing is ever deleted."""

    id: UUID
    business_id: UUID
    redemption_id: UUID
    coupon_id: UUID
    at: datetime
    location_id: UUID
    staff_id: UUID
    counter_id: UUID
    reason: str = ""
    redeemed_at: datetime | None = None
    """When the redemption was: its place in the history."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The record that a code was presented and not redeemed: what, by whom, where and why."""

    id: UUID
    business_id: UUID
    presented: str
    coupon_id: UUID | None
    word: str
    at: datetime
    location_id: UUID
    staff_id: UUID
    counter_id: UUID
    channel: Channel
    offer_id: UUID | None = None
    customer_id: UUID | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """The redemption that holds for a coupon now, with names for people."""

    redemption: Redemption
    location: str
    staff: str


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons are held for a basket: whoever brings it redeems them as if it were still the moment ``at`` which they were held."""

    id: UUID
    at: datetime
    until: datetime


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon with everything that the rule asks about.

    ``places`` are the names of the offer's own locations, ``customer`` is the name of whose coupon it is ("" if anonymous).
    """

    coupon: Coupon
    offer: Offer
    customer: str = ""
    used: Used | None = None
    places: tuple[str, ...] = ()
    redeemed_in_all: int = 0
    redeemed_by_customer: int = 0
    """Of the offer, where it has limits: what is held counts as if it were redeemed, this coupon too if it is held."""
    redeemed_by_staff: int = 0
    """Today, by the person who asks (honoured, if that is what is asked for); only read where the business limits it."""


def issue(
    offer: Offer,
    *,
    coupon_id: UUID,
    code: str,
    now: datetime,
    zone: ZoneInfo,
    card_id: UUID | None = None,
    customer_id: UUID | None = None,
    batch_id: UUID | None = None,
    valid_from: datetime | None = None,
) -> Coupon:
    """A new active coupon of the offer, valid from now (or from then) for as long as the offer says."""
    return Coupon(
        id=coupon_id,
        business_id=offer.business_id,
        offer_id=offer.id,
        card_id=card_id,
        customer_id=customer_id,
        code=code,
        issued_at=now,
        valid_from=valid_from,
        expires_at=expiry(offer.validity, issued_at=valid_from or now, zone=zone),
        batch_id=batch_id,
    )


def drawn(pooled: Coupon, issued: Coupon) -> Coupon:
    """A code from the pool, given out as what would have been minted. An end that was imported with it holds if it is earlier."""
    ends = [end for end in (pooled.expires_at, issued.expires_at) if end is not None]
    return msgspec.structs.replace(
        issued, id=pooled.id, code=pooled.code, expires_at=min(ends, default=None), batch_id=issued.batch_id or pooled.batch_id
    )


def look_up(presented: Presented, *, prefix: str, business: Business, person: Person, now: datetime, hold: Hold | None = None) -> None:
    """The verdict that redeeming would give now: nothing if it would succeed, else the first Problem of the order.

    ``prefix`` is what was typed before the code; a prefix that is not the offer's makes it another, unknown code. With a ``hold``
    the coupon must be held by it; then time is judged by the moment of the hold, the offer's limits have counted it already, and
    everything else is judged as it is now.
    """
    coupon, offer = presented.coupon, presented.offer
    if coupon.business_id != business.id or coupon.state == "pooled" or (prefix and prefix != offer.prefix):
        raise UnknownCode
    if coupon.state == "voided":
        raise _voided(coupon)
    if coupon.state == "redeemed":
        raise _already(presented)
    if hold is not None and not held(coupon, now, by=hold.id):
        raise not_held("ended", min(hold.until, now))
    if hold is None and held(coupon, now):
        raise Reserved(until=coupon.held_until)
    at = now if hold is None else hold.at
    if coupon.valid_from is not None and at < coupon.valid_from:
        raise NotYetValid(valid_from=coupon.valid_from)
    if over(coupon.expires_at, at):
        raise Expired(expired_at=coupon.expires_at, may_honour=_may_honour(coupon, business=business, person=person, now=now))
    _place_time_and_limits(
        presented, business=business, person=person, now=at, most_a_day=business.limits.redemptions, counted=hold is not None
    )


def held(coupon: Coupon, now: datetime, *, by: UUID | None = None) -> bool:
    """Whether it is held for a basket now (of this reservation). It frees itself by time alone."""
    return coupon.held_until is not None and now < coupon.held_until and by in (None, coupon.held_by)


def not_held(state: Ended, until: datetime) -> NotHeld:
    """That a reservation has ended then, and in which way."""
    why = ENDED[state]
    return NotHeld(state=state, until=until, why=why)


def hold_until(wanted: timedelta, *, now: datetime, held: Iterable[tuple[datetime, datetime]]) -> datetime:
    """Until when a coupon may be held that was held from then to then: of any two LONGEST_HOLD in a row one at the most.

    So nobody holds one for ever by holding it anew, two tills in turns neither, and for a customer that comes back it may be held again.
    Raises HeldTooLong.
    """
    spans = sorted((max(since, now - 2 * LONGEST_HOLD), until) for since, until in held if until > now - 2 * LONGEST_HOLD)
    left = LONGEST_HOLD - sum([until - since for since, until in spans], timedelta())
    if left >= SHORTEST_HOLD:
        return now + min(wanted, left)
    lacking, again_at = SHORTEST_HOLD - left, now
    for since, until in spans:  # as they fall out of what is looked at
        if lacking > timedelta():
            again_at = min(since + lacking, until) + 2 * LONGEST_HOLD
            lacking -= until - since
    raise HeldTooLong(again_at=again_at)


def after(presented: Presented, before: Collection[Redemption]) -> Presented:
    """A coupon as the rule must see it after these redemptions of the same basket, which its limits count too."""
    same = [one for one in before if one.offer_id == presented.coupon.offer_id]
    customer_id = presented.coupon.customer_id
    return msgspec.structs.replace(
        presented,
        redeemed_in_all=presented.redeemed_in_all + len(same),
        redeemed_by_customer=presented.redeemed_by_customer
        + sum(customer_id is not None and one.customer_id == customer_id for one in same),
        redeemed_by_staff=presented.redeemed_by_staff + len(before),
    )


def _voided(coupon: Coupon) -> Voided:
    if coupon.voided_at is None:
        raise ValueError("a voided coupon was presented without the time at which it was voided")
    return Voided(at=coupon.voided_at)


def _already(presented: Presented) -> AlreadyRedeemed:
    used = presented.used
    if used is None:
        raise ValueError("a redeemed coupon was presented without its redemption")
    return AlreadyRedeemed(at=used.redemption.at, location=used.location, staff=used.staff, redemption_id=used.redemption.id)


def full(presented: Presented, *, along: int = 0) -> LimitReached | None:
    """Whether a limit of the offer is used up, or would be by so many others that come along."""
    offer = presented.offer
    if offer.most is not None and presented.redeemed_in_all + along >= offer.most:
        return LimitReached(of=N_("offer"), most=offer.most)
    if offer.most_each is not None and presented.redeemed_by_customer + along >= offer.most_each:
        return LimitReached(of=N_("customer"), most=offer.most_each)
    return None


def _place_time_and_limits(
    presented: Presented, *, business: Business, person: Person, now: datetime, most_a_day: int | None, counted: bool = False
) -> None:
    offer = presented.offer
    if offer.locations and person.location_id not in offer.locations:
        raise WrongLocation(locations=presented.places)
    if not offer.open_at(now, business.tz):
        raise OutsideHours(hours=offer.hours)
    if (person.kiosk and not offer.at_kiosk) or (person.alone and not offer.alone):
        raise StaffNeeded
    if not counted and (limit := full(presented)):
        raise limit
    if most_a_day is not None and not person.machine and presented.redeemed_by_staff >= most_a_day:
        raise LimitReached(of=N_("staff member"), most=most_a_day)


def redeem(
    presented: Presented,
    *,
    prefix: str,
    business: Business,
    person: Person,
    channel: Channel,
    now: datetime,
    redemption_id: UUID,
    hold: Hold | None = None,
) -> Redemption:
    """The redemption that must become true, or the first Problem of the order."""
    look_up(presented, prefix=prefix, business=business, person=person, now=now, hold=hold)
    return _redemption("redemption", presented.coupon, person=person, channel=channel, now=now, redemption_id=redemption_id)


def honour(
    presented: Presented,
    *,
    prefix: str,
    business: Business,
    person: Person,
    channel: Channel,
    now: datetime,
    redemption_id: UUID,
    reason: str,
) -> Redemption:
    """Goodwill for an expired coupon: the record that must become true, or the Problem that forbids it.

    Only expiry can be forgiven: a voided, used or not yet valid coupon, a wrong place or a limit stays refused.
    """
    try:
        look_up(presented, prefix=prefix, business=business, person=person, now=now)
    except Expired as expired:
        coupon = presented.coupon
        if not expired.facts["may_honour"]:
            raise MayNotHonour(who=business.honour, days=business.honour_days, expired_at=coupon.expires_at) from expired
    else:
        raise NotExpired
    _place_time_and_limits(presented, business=business, person=person, now=now, most_a_day=business.limits.goodwill)
    if not reason.strip():
        raise ReasonNeeded
    return _redemption("goodwill", coupon, person=person, channel=channel, now=now, redemption_id=redemption_id, reason=reason.strip())


def _may_honour(coupon: Coupon, *, business: Business, person: Person, now: datetime) -> bool:
    allowed = business.honour == "everyone" or (business.honour == "managers" and person.role in MANAGERS)
    if not allowed or coupon.expires_at is None:
        return False
    last_day = coupon.expires_at.astimezone(business.tz).date() + timedelta(days=business.honour_days)
    return not over(end_of_day(last_day, business.tz), now)


def _redemption(
    kind: Literal["redemption", "goodwill"],
    coupon: Coupon,
    *,
    person: Person,
    channel: Channel,
    now: datetime,
    redemption_id: UUID,
    reason: str = "",
) -> Redemption:
    return Redemption(
        id=redemption_id,
        business_id=coupon.business_id,
        coupon_id=coupon.id,
        card_id=coupon.card_id,
        kind=kind,
        at=now,
        location_id=person.location_id,
        staff_id=person.staff_id,
        counter_id=person.counter_id,
        channel=channel,
        reason=reason,
        offer_id=coupon.offer_id,
        customer_id=coupon.customer_id,
    )


def reverse(coupon: Coupon, redemption: Redemption, *, person: Person, now: datetime, reversal_id: UUID, reason: str = "") -> Reversal:
    """Take a redemption back: its own person on the same counter for 15 minutes, a manager later and with a reason."""
    if coupon.state != "redeemed" or coupon.redemption_id != redemption.id:
        raise NothingToReverse
    own = person.staff_id == redemption.staff_id and person.counter_id == redemption.counter_id
    until = redemption.at + UNDO
    if not (own and now <= until):
        if person.role not in MANAGERS:
            raise TooLateToReverse(until=until) if own else NotAllowed
        if not reason.strip():
            raise ReasonNeeded
    return Reversal(
        id=reversal_id,
        business_id=coupon.business_id,
        redemption_id=redemption.id,
        coupon_id=coupon.id,
        at=now,
        location_id=person.location_id,
        staff_id=person.staff_id,
        counter_id=person.counter_id,
        reason=reason.strip(),
        redeemed_at=redemption.at,
    )


def redeemed(coupon: Coupon, redemption: Redemption) -> Coupon:
    """The coupon as it stands after a redemption: nothing holds it any more."""
    return msgspec.structs.replace(coupon, state="redeemed", redemption_id=redemption.id, held_by=None, held_until=None)


def reversed_(coupon: Coupon, *, left_at: datetime | None = None) -> Coupon:
    """The coupon as it stands after a reversal: active again, with the expiry it had; void like all others if its card was left."""
    back = msgspec.structs.replace(coupon, state="active", redemption_id=None)
    return back if left_at is None else voided(back, at=left_at)


def void(presented: Presented, *, reason: str, now: datetime) -> Coupon:
    """The coupon as it stands once it is cancelled. Raises Voided, AlreadyRedeemed (take that back first) and ReasonNeeded."""
    _must_be_active(presented, reason)
    return voided(presented.coupon, at=now)


def extend(presented: Presented, until: date, *, reason: str, now: datetime, zone: ZoneInfo) -> Coupon:
    """The coupon, valid to the end of that day; an expired one is active again. Raises what void does, and NotLater."""
    _must_be_active(presented, reason)
    ends, new = presented.coupon.expires_at, end_of_day(until, zone) if until.year <= LAST_YEAR else None
    if ends is None or new is None or new <= ends or over(new, now):
        raise NotLater(until=ends)
    return msgspec.structs.replace(presented.coupon, expires_at=new)


def _must_be_active(presented: Presented, reason: str) -> None:
    if presented.coupon.state == "voided":
        raise _voided(presented.coupon)
    if presented.coupon.state == "redeemed":
        raise _already(presented)
    if presented.coupon.state != "active":
        raise UnknownCode
    if not reason.strip():
        raise ReasonNeeded


def voided(coupon: Coupon, *, at: datetime) -> Coupon:
    """The coupon as it stands after it was cancelled; a redemption that it had stays on record."""
    return msgspec.structs.replace(coupon, state="voided", voided_at=at)
