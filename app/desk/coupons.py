"""Coupons after they were given, and many at once: cancelled, extended, issued to a segment, made to be printed."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, audit, counting, giving, limits, portions, read
from app.desk.views import CouponView
from app.store import Caller, Change, Duplicate, Errand, Lost, Member, Portion, Row
from passes import coupons
from passes.businesses import Business
from passes.campaigns import Rules
from passes.cards import Event
from passes.coupons import Coupon, Presented
from passes.offers import Offer
from passes.problems import Busy, NotFound, PoolEmpty, ReasonNeeded
from passes.words import N_

AT_ONCE: Final = 100
"""Cards or coupons of one portion: a crowd at a counter waits for one of them at most."""
MOST: Final = 10_000
"""Coupons that are made to be printed at once."""


# --- One coupon: cancelled, extended ---


Beside = Callable[[Presented, Coupon, datetime], Sequence[Row]]
"""What is recorded with a change: the coupon as it was presented, as it became, and when."""


def _nothing(_was: Presented, _became: Coupon, _now: datetime) -> Sequence[Row]:
    return ()


async def void(desk: Desk, business: Business, staff_id: UUID, coupon_id: UUID, *, reason: str, beside: Beside = _nothing) -> Coupon:
    """Cancel a coupon that was not used. Raises NotFound, and what passes.coupons.void does."""
    now = desk.world.now()

    def cancelled(one: Presented) -> Coupon:
        return coupons.void(one, reason=reason, now=now)

    return await _change(desk, business, coupon_id, cancelled, what="voided", staff_id=staff_id, reason=reason, now=now, beside=beside)


async def extend(
    desk: Desk, business: Business, staff_id: UUID, coupon_id: UUID, until: date, *, reason: str, beside: Beside = _nothing
) -> Coupon:
    """A coupon is good to the end of a later day. Raises NotFound, and what passes.coupons.extend does."""
    now = desk.world.now()

    def later(one: Presented) -> Coupon:
        return coupons.extend(one, until, reason=reason, now=now, zone=business.tz)

    return await _change(desk, business, coupon_id, later, what="extended", staff_id=staff_id, reason=reason, now=now, beside=beside)


async def change_once(desk: Desk, caller: Caller, coupon_id: UUID, *, until: date | None, reason: str, once: Once) -> CouponView:
    """The same by a program, once: void, or extend ``until`` a day. Raises NotAllowed below a manager, and what those do."""
    limits.managing(caller)
    business, staff_id = caller.business, caller.person.staff_id
    shown: list[CouponView] = []

    def beside(was: Presented, became: Coupon, now: datetime) -> Sequence[Row]:
        shown[:] = [desk.look(business, once.language, now).coupon(became, was.offer)]
        return once.done(shown[0], caller, now)

    try:
        if until is None:
            await void(desk, business, staff_id, coupon_id, reason=reason, beside=beside)
        else:
            await extend(desk, business, staff_id, coupon_id, until, reason=reason, beside=beside)
    except Duplicate as duplicate:
        raise Repeated from duplicate
    return shown[0]


async def _change(
    desk: Desk,
    business: Business,
    coupon_id: UUID,
    change: Callable[[Presented], Coupon],
    *,
    what: str,
    staff_id: UUID,
    reason: str,
    now: datetime,
    beside: Beside,
) -> Coupon:
    for _ in range(ATTEMPTS):
        presented = await desk.store.coupon(business.id, coupon_id)
        if presented is None or presented.coupon.state == "pooled":
            raise NotFound(what=N_("coupon"))
        was, became = presented.coupon, change(presented)
        line = audit.line(desk, staff_id, f"coupon.{what}", was, became)
        event = _event(desk, staff_id, was, what, reason=reason, now=now)
        try:
            await desk.commit(
                now,
                changes=(_changed(was, became),),
                counts=counting.voided((was,), now, business.tz) if what == "voided" else (),
                rows=(event, replace(line, name=presented.offer.title.by[0][1]), *beside(presented, became, now)),
                touches=(was.card_id,) if was.card_id else (),
            )
        except Lost:
            continue
        return became
    raise Busy(retry_after=1)


def _changed(was: Coupon, became: Coupon) -> Change:
    return Change(
        of=Coupon,
        id=was.id,
        seen={"state": was.state, "expires_at": was.expires_at},
        to={"state": became.state, "voided_at": became.voided_at, "expires_at": became.expires_at},
    )


def _event(desk: Desk, staff_id: UUID, coupon: Coupon, kind: str, *, reason: str = "", now: datetime) -> Event:
    return Event(
        id=desk.world.new_id(),
        business_id=coupon.business_id,
        card_id=coupon.card_id,
        customer_id=coupon.customer_id,
        coupon_id=coupon.id,
        kind=kind,  # type: ignore[arg-type]
        at=now,
        reason=reason.strip(),
        staff_id=staff_id,
    )


# --- Many: what an errand of the kind "issue" is about ---


class ToSegment(msgspec.Struct, frozen=True, kw_only=True, tag="segment"):
    """A coupon of the offer for each card that the rules mean."""

    offer_id: UUID
    rules: Rules


class ToPrint(msgspec.Struct, frozen=True, kw_only=True, tag="print"):
    """Coupons of the offer that are nobody's, to be printed or handed on."""

    offer_id: UUID


class ToVoid(msgspec.Struct, frozen=True, kw_only=True, tag="void"):
    """All coupons of a batch that can be cancelled are."""

    batch_id: UUID
    reason: str


About = ToSegment | ToPrint | ToVoid


def about(errand: Errand) -> About:
    """What an errand of the kind "issue" is about."""
    what: About = msgspec.json.decode(errand.body, type=About)
    return what


async def to_segment(desk: Desk, member: Member, errand_id: UUID, offer_id: UUID, rules: Rules) -> None:
    """Issue a coupon to each card that the rules mean, one portion after the other. Raises NotFound and Paused."""
    offer = await read.running(desk, member.business.id, offer_id)
    total = await desk.store.segment_size(member.business.id, rules, now=desk.world.now(), zone=member.business.tz)
    await _begin(
        desk, member, errand_id, ToSegment(offer_id=offer.id, rules=rules), word="coupons.issued", total=total, name=offer.title.by[0][1]
    )


async def to_print(desk: Desk, member: Member, errand_id: UUID, offer_id: UUID, count: int) -> None:
    """Make so many coupons that are nobody's. Raises NotFound, Paused, and PoolEmpty where not that many codes are left."""
    offer = await read.running(desk, member.business.id, offer_id)
    if offer.source == "pool" and len(await desk.store.pooled(member.business.id, offer.id, limit=count, now=desk.world.now())) < count:
        raise PoolEmpty(offer=offer.title)
    await _begin(desk, member, errand_id, ToPrint(offer_id=offer.id), word="coupons.printed", total=count, name=offer.title.by[0][1])


async def void_batch(desk: Desk, member: Member, errand_id: UUID, batch_id: UUID, *, reason: str) -> None:
    """Cancel what can be cancelled of a batch: of an errand, or a campaign. Raises NotFound and ReasonNeeded."""
    if not reason.strip():
        raise ReasonNeeded
    if not await desk.store.coupons(member.business.id, batch_id=batch_id, limit=1, pooled=True):
        raise NotFound(what=N_("batch"))
    made = await desk.store.errand(member.business.id, batch_id)
    total = made[1].done if made and made[1] else 0
    await _begin(desk, member, errand_id, ToVoid(batch_id=batch_id, reason=reason.strip()), word="coupons.voided", total=total)


async def _begin(desk: Desk, member: Member, errand_id: UUID, what: About, *, word: str, total: int, name: str = "") -> None:
    """Write an errand down, once: the page that asks for it has drawn its id, so that a form sent twice is one errand."""
    now = desk.world.now()
    errand = Errand(
        id=errand_id,
        business_id=member.business.id,
        kind="issue",
        body=msgspec.json.encode(what).decode(),
        made_by=member.staff.id,
        made_at=now,
        total=total,
        due_at=now,
    )
    said = audit.done(desk, member.staff.id, word, member.business, of_id=errand.id, name=name, total=total)
    try:
        await desk.commit(now, rows=(errand, said))
    except Duplicate:
        if await desk.store.errand(member.business.id, errand_id) is None:
            raise NotFound(what=N_("errand")) from None


async def portion(desk: Desk, errand: Errand, last: Portion | None) -> Portion:
    """The next portion of an errand of this kind, committed with what it does (app.errands)."""
    business = await read.business(desk, errand.business_id)
    match about(errand):
        case ToSegment() as what:
            return await _issue_some(desk, business, errand, last, what)
        case ToPrint() as what:
            return await _print_some(desk, business, errand, last, what)
        case ToVoid() as what:
            return await _void_some(desk, business, errand, last, what)


async def _issue_some(desk: Desk, business: Business, errand: Errand, last: Portion | None, what: ToSegment) -> Portion:
    now = desk.world.now()
    offer = (await desk.store.offers(business.id, [what.offer_id]))[what.offer_id]
    if offer.state != "running":
        return await _record(desk, _paused(desk, errand, last, now))
    after = UUID(last.after) if last and last.after else None
    meant = await desk.store.segment(business.id, what.rules, now=errand.made_at, zone=business.tz, after=after, limit=AT_ONCE)
    cards = [card for card, _ in meant][: await _left(desk, business, offer, len(meant), now)]
    given = await giving.give(desk, business, (offer,) * len(cards), now=now, cards=cards, batch_id=errand.id)
    came = portions.following(
        desk,
        errand,
        last,
        now,
        done=len(cards),
        failed=len(meant) - len(cards),
        after=str(meant[-1][0].id) if meant else "",
        more=len(meant) == AT_ONCE,
    )
    await desk.commit(
        now,
        changes=(*giving.there(*cards), *given.changes),
        counts=counting.issued(given.coupons, business.tz),
        rows=(*given.rows, *(_event(desk, errand.made_by, one, "issued", now=now) for one in given.coupons), came),
        touches=[card.id for card in cards],
    )
    return came


async def _print_some(desk: Desk, business: Business, errand: Errand, last: Portion | None, what: ToPrint) -> Portion:
    now = desk.world.now()
    offer = (await desk.store.offers(business.id, [what.offer_id]))[what.offer_id]
    if offer.state != "running":
        return await _record(desk, _paused(desk, errand, last, now))
    wanted = min(AT_ONCE, errand.total - (last.done + last.failed if last else 0))
    count = await _left(desk, business, offer, wanted, now)
    given = await giving.give(desk, business, (offer,) * count, now=now, batch_id=errand.id)
    came = portions.following(
        desk, errand, last, now, done=count, failed=wanted - count, more=(last.done + last.failed if last else 0) + wanted < errand.total
    )
    await desk.commit(now, changes=given.changes, counts=counting.issued(given.coupons, business.tz), rows=(*given.rows, came))
    return came


async def _void_some(desk: Desk, business: Business, errand: Errand, last: Portion | None, what: ToVoid) -> Portion:
    now = desk.world.now()
    after = UUID(last.after) if last and last.after else None
    batch = await desk.store.coupons(business.id, batch_id=what.batch_id, after=after, limit=AT_ONCE, pooled=True)
    open_ = [one for one in batch if one.state in ("active", "pooled")]
    came = portions.following(
        desk,
        errand,
        last,
        now,
        done=len(open_),
        failed=len(batch) - len(open_),
        after=str(batch[-1].id) if batch else "",
        more=len(batch) == AT_ONCE,
    )
    await desk.commit(
        now,
        changes=[_changed(one, coupons.voided(one, at=now)) for one in open_],
        counts=counting.voided(open_, now, business.tz),
        rows=(*(_event(desk, errand.made_by, one, "voided", reason=what.reason, now=now) for one in open_ if one.state == "active"), came),
        touches=[one.card_id for one in open_ if one.card_id],
    )
    return came


async def _left(desk: Desk, business: Business, offer: Offer, wanted: int, now: datetime) -> int:
    """How many of so many coupons can be given: a pool may have fewer codes."""
    return (
        wanted if offer.source == "minted" else len(await desk.store.pooled(business.id, offer.id, limit=wanted, now=now)) if wanted else 0
    )


def _paused(desk: Desk, errand: Errand, last: Portion | None, now: datetime) -> Portion:
    """The offer was paused meanwhile: whoever is left gets nothing."""
    return portions.following(desk, errand, last, now, done=0, failed=max(0, errand.total - (last.done + last.failed if last else 0)))


async def _record(desk: Desk, came: Portion) -> Portion:
    await desk.commit(came.at, rows=(came,))
    return came
