"""A code is redeemed, exactly once; or an expired one is honoured, with a reason. Every refusal is recorded."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting
from app.desk.present import Found, find, one_code
from app.desk.views import Receipt
from app.store import Caller, Change, Count, Duplicate, Lost, Row, Tally
from passes import coupons
from passes.cards import Event
from passes.coupons import Channel, Coupon, Presented, Redemption, Refusal, Used
from passes.offers import Offer
from passes.problems import Busy, CardPresented, Problem, SeveralCodes, UnreadablePhoto

LONGEST_PRESENTED: Final = 64

Decide = Callable[[Found, datetime, UUID], Redemption]


async def redeem(desk: Desk, caller: Caller, typed: str, *, channel: Channel, once: Once) -> Receipt:
    """Use a coupon up. Raises the first Problem of the order, after recording the refusal; Busy if the house is overrun."""

    def decide(found: Found, now: datetime, redemption_id: UUID) -> Redemption:
        return coupons.redeem(
            found.presented,
            prefix=found.prefix,
            business=caller.business,
            person=caller.person,
            channel=channel,
            now=now,
            redemption_id=redemption_id,
        )

    return await _use(desk, caller, typed, decide, channel=channel, once=once)


async def redeem_photo(desk: Desk, caller: Caller, reading: Awaitable[tuple[str, ...]], *, once: Once) -> Receipt:
    """Use up the coupon whose code a photo shows. Raises UnreadablePhoto or SeveralCodes too, after recording the refusal."""
    try:
        typed = one_code(await reading, caller)
    except (UnreadablePhoto, SeveralCodes) as problem:
        await refuse(desk, caller, "", problem, coupon=None, channel="photo", once=once, now=desk.world.now())
        raise
    return await redeem(desk, caller, typed, channel="photo", once=once)


async def honour(desk: Desk, caller: Caller, typed: str, *, reason: str, channel: Channel, once: Once) -> Receipt:
    """Goodwill: use an expired coupon up, if this person may. Raises the Problem that forbids it, after recording it."""

    def decide(found: Found, now: datetime, redemption_id: UUID) -> Redemption:
        return coupons.honour(
            found.presented,
            prefix=found.prefix,
            business=caller.business,
            person=caller.person,
            channel=channel,
            now=now,
            redemption_id=redemption_id,
            reason=reason,
        )

    return await _use(desk, caller, typed, decide, channel=channel, once=once)


async def _use(desk: Desk, caller: Caller, typed: str, decide: Decide, *, channel: Channel, once: Once) -> Receipt:
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        coupon: Coupon | None = None
        try:
            found = await find(desk, caller, typed, now)
            presented, coupon = found.presented, found.presented.coupon
            redemption = decide(found, now, desk.world.new_id())
        except Problem as problem:
            await refuse(desk, caller, typed, problem, coupon=coupon, channel=channel, once=once, now=now)
            raise
        receipt = _receipt(desk, caller, presented, redemption, language=once.language)
        event = Event(
            id=desk.world.new_id(),
            business_id=coupon.business_id,
            card_id=coupon.card_id,
            customer_id=coupon.customer_id,
            coupon_id=coupon.id,
            kind="redeemed" if redemption.kind == "redemption" else "goodwill",
            at=now,
        )
        rows: tuple[Row, ...] = (redemption, event, *once.done(receipt, caller, now))
        turn = Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "redeemed", "redemption_id": redemption.id})
        try:
            await desk.commit(
                now,
                changes=(turn,),
                tallies=counted(presented.offer, coupon, by=1),
                counts=counting.redeemed(redemption, coupon, caller.business.tz),
                rows=rows,
                touches=(coupon.card_id,) if coupon.card_id else (),
            )
        except Lost:
            continue  # somebody was first: read again, and the rule says who and when
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return receipt
    raise Busy(retry_after=1)


async def refuse(
    desk: Desk,
    caller: Caller,
    typed: str,
    problem: Problem,
    *,
    coupon: Coupon | None,
    channel: Channel,
    once: Once,
    now: datetime,
) -> None:
    """Record that a code was presented and not redeemed, together with the answer. A card's own number is no refusal."""
    kept: tuple[Row, ...] = once.refused(problem, caller, now)
    counts: tuple[Count, ...] = ()
    if not isinstance(problem, CardPresented):
        person = caller.person
        refusal = Refusal(
            id=desk.world.new_id(),
            business_id=caller.business.id,
            presented="".join(char for char in typed if char.isprintable())[:LONGEST_PRESENTED],
            coupon_id=coupon.id if coupon else None,
            word=problem.word,
            at=now,
            location_id=person.location_id,
            staff_id=person.staff_id,
            counter_id=person.counter_id,
            channel=channel,
            offer_id=coupon.offer_id if coupon else None,
            customer_id=coupon.customer_id if coupon else None,
        )
        kept = (refusal, *kept)
        counts = counting.refused(refusal, caller.business.tz)
    try:
        await desk.commit(now, counts=counts, rows=kept)
    except Duplicate as duplicate:
        raise Repeated from duplicate


def counted(offer: Offer, coupon: Coupon, *, by: Literal[1, -1]) -> tuple[Tally, ...]:
    """The counts that an offer's limits need; an offer without limits costs nothing here."""
    tallies = []
    if offer.most is not None:
        tallies.append(Tally(business_id=offer.business_id, key=f"offer:{offer.id}", by=by, most=offer.most if by > 0 else None))
    if offer.most_each is not None and coupon.customer_id is not None:
        key = f"offer:{offer.id}:{coupon.customer_id}"
        tallies.append(Tally(business_id=offer.business_id, key=key, by=by, most=offer.most_each if by > 0 else None))
    return tuple(tallies)


def _receipt(desk: Desk, caller: Caller, presented: Presented, redemption: Redemption, *, language: str) -> Receipt:
    look = desk.look(caller.business, language, redemption.at)
    used = Used(redemption=redemption, location=caller.person.location, staff=caller.person.staff)
    after = look.coupon(coupons.redeemed(presented.coupon, redemption), presented.offer, used)
    return Receipt(redemption=after.redemption or look.redemption(used), coupon=after, customer=presented.customer)
