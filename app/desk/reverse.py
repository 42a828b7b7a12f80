"""A redemption is taken back: the coupon is active again, and the phone shows it again."""

from uuid import UUID

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting
from app.desk.redeem import counted
from app.desk.views import ReversalView
from app.store import Caller, Change, Duplicate, Lost
from passes import coupons
from passes.cards import Event
from passes.coupons import Coupon
from passes.problems import Busy, NotFound
from passes.words import N_


async def reverse(desk: Desk, caller: Caller, redemption_id: UUID, *, reason: str, once: Once) -> ReversalView:
    """Take a redemption back. Raises NotFound, NothingToReverse, TooLateToReverse, NotAllowed or ReasonNeeded."""
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        found = await desk.store.redemption(caller.business.id, redemption_id)
        if found is None:
            raise NotFound(what=N_("redemption"))
        redemption, presented = found
        coupon = presented.coupon
        reversal = coupons.reverse(coupon, redemption, person=caller.person, now=now, reversal_id=desk.world.new_id(), reason=reason)
        after = desk.look(caller.business, once.language, now)
        view = ReversalView(
            id=reversal.id,
            redemption_id=redemption.id,
            at=after.at(now),
            reason=reversal.reason,
            coupon=after.coupon(coupons.reversed_(coupon), presented.offer),
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
        turn = Change(of=Coupon, id=coupon.id, seen=seen, to={"state": "active", "redemption_id": None})
        try:
            await desk.commit(
                now,
                changes=(turn,),
                tallies=counted(presented.offer, coupon, by=-1),
                counts=counting.redeemed(redemption, coupon, caller.business.tz, n=-1),
                rows=(reversal, event, *once.done(view, caller, now)),
                touches=(coupon.card_id,) if coupon.card_id else (),
            )
        except Lost:
            continue
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return view
    raise Busy(retry_after=1)
