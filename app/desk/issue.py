"""A coupon as compensation: something went wrong, and a manager makes up for it."""

from uuid import UUID

import msgspec

from app.desk import ATTEMPTS, Desk, Once, Repeated
from app.desk.counting import issued as counted
from app.desk.read import card_facts
from app.desk.views import CouponView
from app.store import Caller, Duplicate
from passes import codes, coupons
from passes.businesses import MANAGERS
from passes.cards import Event
from passes.problems import Busy, NotAllowed, NotFound, ReasonNeeded
from passes.words import N_


class IssuedView(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that was put on a card, and why."""

    coupon: CouponView
    card_id: UUID
    customer: str
    reason: str


async def issue(desk: Desk, caller: Caller, card_id: UUID, offer_id: UUID, *, reason: str, once: Once) -> IssuedView:
    """Put a coupon of an offer on a card. Raises NotAllowed below a manager, ReasonNeeded, and NotFound for a card or an offer."""
    business = caller.business
    if caller.person.role not in MANAGERS or caller.person.kiosk:
        raise NotAllowed
    why = reason.strip()
    if not why:
        raise ReasonNeeded
    facts = await card_facts(desk, business.id, str(card_id))
    offer = (await desk.store.offers(business.id, [offer_id])).get(offer_id)
    if offer is None:
        raise NotFound(what=N_("offer"))
    card = facts.card
    if card.left_at is not None:
        raise NotFound(what=N_("card"))
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        coupon = coupons.issue(
            offer,
            coupon_id=desk.world.new_id(),
            code=codes.mint(desk.world.pick),
            now=now,
            zone=business.tz,
            card_id=card.id,
            customer_id=card.customer_id,
        )
        event = Event(
            id=desk.world.new_id(),
            business_id=business.id,
            card_id=card.id,
            customer_id=card.customer_id,
            coupon_id=coupon.id,
            kind="issued",
            at=now,
            reason=why,
        )
        view = IssuedView(
            coupon=desk.look(business, once.language, now).coupon(coupon, offer), card_id=card.id, customer=facts.customer.name, reason=why
        )
        try:
            await desk.commit(
                now, counts=counted((coupon,), business.tz), rows=(coupon, event, *once.done(view, caller, now)), touches=(card.id,)
            )
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # a code that exists: draw again
        return view
    raise Busy(retry_after=1)
