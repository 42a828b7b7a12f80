"""A coupon that a manager puts on a card: as compensation when something went wrong, or just so."""

from uuid import UUID

import msgspec

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, limits
from app.desk.read import card_facts, running
from app.desk.views import CouponView
from app.store import Caller, Duplicate, Lost
from passes.cards import Event
from passes.problems import Busy, NotFound
from passes.words import N_


class IssuedView(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that was put on a card, and why."""

    coupon: CouponView
    card_id: UUID
    customer: str
    reason: str


async def issue(desk: Desk, caller: Caller, card_id: UUID, offer_id: UUID, *, reason: str, once: Once) -> IssuedView:
    """Put a coupon of an offer on a card, as compensation.

    Raises NotAllowed below a manager, ReasonNeeded, NotFound for a card or an offer, Paused, PoolEmpty, and LimitReached for who has
    compensated as often today as one may.
    """
    business, person = caller.business, caller.person
    why = limits.explained(caller, reason)
    offer = await running(desk, business.id, offer_id)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await card_facts(desk, business.id, str(card_id))
        if facts.card.left_at is not None:
            raise NotFound(what=N_("card"))
        tallies = await limits.within(desk, caller, "compensations", now)
        given = await giving.give(desk, business, (offer,), now=now, card=facts.card)
        (coupon,) = given.coupons
        view = IssuedView(
            coupon=desk.look(business, once.language, now).coupon(coupon, offer),
            card_id=facts.card.id,
            customer=facts.customer.name,
            reason=why,
        )
        event = Event(
            id=desk.world.new_id(),
            business_id=business.id,
            card_id=facts.card.id,
            customer_id=facts.card.customer_id,
            coupon_id=coupon.id,
            kind="issued",
            at=now,
            reason=why,
            staff_id=person.staff_id,
        )
        try:
            await desk.commit(
                now,
                changes=(*giving.there(facts.card), *given.changes),
                tallies=tallies,
                counts=(
                    *counting.issued((coupon,), business.tz),
                    *counting.compensated(coupon, person.staff_id, business.tz, location_id=person.location_id),
                ),
                rows=(*given.rows, event, *once.done(view, caller, now)),
                touches=(facts.card.id,),
            )
        except Lost:
            continue
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # a code that exists: draw again
        return view
    raise Busy(retry_after=1)
