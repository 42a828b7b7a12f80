"""A redemption is taken back: the coupon is active again, and the phone shows it again; void where its card was left meanwhile."""

from uuid import UUID

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, leaving
from app.desk.redeem import counted
from app.desk.views import ReversalView
from app.store import Caller, Change, Duplicate, Lost
from passes import coupons
from passes.cards import Event
from passes.coupons import Coupon
from passes.problems import Busy, NotFound
from passes.words import N_


async def reverse(desk: Desk, caller: Caller, redemption_id: UUID, *, reason: str, once: Once) -> ReversalView:
    """Take a redemption back. What was on a card that was left meanwhile is void: nobody could show it, and leaving gave it up.

    Raises NotFound, NothingToReverse, TooLateToReverse, NotAllowed or ReasonNeeded.
    """
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        found = await desk.store.redemption(caller.business.id, redemption_id)
        if found is None:
            raise NotFound(what=N_("redemption"))
        redemption, presented = found
        coupon = presented.coupon
        reversal = coupons.reverse(coupon, redemption, person=caller.person, now=now, reversal_id=desk.world.new_id(), reason=reason)
        facts = await desk.store.card_facts(business_id=coupon.business_id, card_id=coupon.card_id) if coupon.card_id else None
        left_at = facts.card.left_at if facts else None
        became = coupons.reversed_(coupon, left_at=left_at)
        after = desk.look(caller.business, once.language, now)
        view = ReversalView(
            id=reversal.id,
            redemption_id=redemption.id,
            at=after.at(now),
            reason=reversal.reason,
            coupon=after.coupon(became, presented.offer),
        )
        event = Event(
            id=desk.world.new_id(),
            business_id=coupon.business_id,
            card_id=coupon.card_id,
            customer_id=coupon.customer_id,
            coupon_id=coupon.id,
            kind="reversed",
            at=now,
            staff_id=caller.person.staff_id,
        )
        seen = {"state": "redeemed", "redemption_id": redemption.id, "customer_id": coupon.customer_id}
        to = {"state": became.state, "redemption_id": None, "voided_at": became.voided_at}
        turn = Change(of=Coupon, id=coupon.id, seen=seen, to=to)
        void = [replace(event, id=desk.world.new_id(), kind="voided", reason=leaving.why(desk, caller.business))] if left_at else []
        counts = counting.redeemed(redemption, coupon, caller.business.tz, n=-1)
        try:
            await desk.commit(
                now,
                changes=(turn, *(giving.there(facts.card) if facts and not left_at else ())),
                tallies=counted(presented.offer, coupon, by=-1),
                counts=(*counts, *counting.voided([replace(became, state="active")] if left_at else (), now, caller.business.tz)),
                rows=(reversal, event, *void, *once.done(view, caller, now)),
                touches=(coupon.card_id,) if coupon.card_id else (),
            )
        except Lost:
            continue
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return view
    raise Busy(retry_after=1)
