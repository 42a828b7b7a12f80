"""A card is left: it is void in every wallet from now on, and so is every coupon that was on it."""

from uuid import UUID

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, counting
from app.store import Change, Lost
from passes.businesses import Business
from passes.cards import Card, Event
from passes.coupons import Coupon
from passes.problems import Busy
from passes.words import N_


async def leave(desk: Desk, business: Business, card_id: UUID, *, by: UUID | None = None) -> None:
    """Leave a card; ``by`` is the member of staff who does it, None its holder. Twice is once.

    Of a coupon that is redeemed at that moment either is first: it is redeemed, or it is refused as voided. One that is given to the
    card at that moment is voided too, or is not given.
    """
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await desk.store.card_facts(business_id=business.id, card_id=card_id)
        if facts is None or facts.card.left_at is not None:
            return
        card, lost = facts.card, [coupon for coupon in facts.coupons if coupon.state == "active"]
        left = Event(
            id=desk.world.new_id(),
            business_id=card.business_id,
            card_id=card.id,
            customer_id=card.customer_id,
            kind="left",
            at=now,
            staff_id=by,
        )
        voided = [replace(left, id=desk.world.new_id(), kind="voided", coupon_id=one.id, reason=why(desk, business)) for one in lost]
        turn = Change(of=Card, id=card.id, seen={"left_at": None, "changed_at": card.changed_at}, to={"left_at": now})
        try:
            await desk.commit(
                now,
                changes=(
                    turn,
                    *(Change(of=Coupon, id=one.id, seen={"state": "active"}, to={"state": "voided", "voided_at": now}) for one in lost),
                ),
                counts=counting.voided(lost, now, business.tz),
                rows=(*voided, left),
                touches=(card.id,),
            )
        except Lost:
            continue
        return
    raise Busy(retry_after=1)


def why(desk: Desk, business: Business) -> str:
    """Why a coupon of a card that was left is void."""
    return desk.words.said(business.languages[0], N_("The customer has left the program"))
