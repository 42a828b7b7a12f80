"""A coupon that a manager puts on a card, as compensation when something went wrong; and those that a program gives."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, limits
from app.desk.customers import known
from app.desk.read import card_facts, running
from app.desk.views import CouponView
from app.store import Caller, CardFacts, Duplicate, Lost
from passes.cards import Event
from passes.problems import Busy, NotFound
from passes.words import N_

V = TypeVar("V")


class IssuedView(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that was put on a card, and why."""

    coupon: CouponView
    card_id: UUID
    customer: str
    reason: str


class GivenView(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons that were given. Those that are nobody's have a batch of their own."""

    coupons: tuple[CouponView, ...]
    batch_id: UUID | None


async def issue(desk: Desk, caller: Caller, card_id: UUID, offer_id: UUID, *, reason: str, once: Once) -> IssuedView:
    """Put a coupon of an offer on a card, as compensation.

    Raises NotAllowed below a manager, ReasonNeeded, NotFound for a card or an offer, Paused, PoolEmpty, and LimitReached for who has
    compensated as often today as one may.
    """
    why = limits.explained(caller, reason)

    def shown(coupons: tuple[CouponView, ...], facts: CardFacts | None) -> IssuedView:
        (coupon,), held, customer = coupons, facts.card.id if facts else card_id, facts.customer.name if facts else ""
        return IssuedView(coupon=coupon, card_id=held, customer=customer, reason=why)

    return await _give(desk, caller, offer_id, which=str(card_id), reason=why, shown=shown, once=once)


async def give(
    desk: Desk,
    caller: Caller,
    offer_id: UUID,
    *,
    card: str = "",
    customer_id: UUID | None = None,
    count: int = 1,
    valid_from: datetime | None = None,
    reason: str = "",
    once: Once,
) -> GivenView:
    """Give a coupon of an offer to a card, to a customer (on the card that they used last), or so many to whoever has the codes.

    One with a reason is a compensation, as at a counter. Raises NotAllowed for a person below a manager, and what ``issue`` does.
    """
    if not caller.person.machine:
        limits.managing(caller)
    which = card or (str(await _last_used(desk, caller, customer_id)) if customer_id else "")

    def shown(coupons: tuple[CouponView, ...], _: CardFacts | None) -> GivenView:
        return GivenView(coupons=coupons, batch_id=None if which else coupons[0].batch_id)

    return await _give(
        desk, caller, offer_id, which=which, count=count, valid_from=valid_from, reason=reason.strip(), shown=shown, once=once
    )


async def _last_used(desk: Desk, caller: Caller, customer_id: UUID) -> UUID:
    _, cards = await known(desk, caller.business.id, customer_id)
    held = [card for card in cards if card.left_at is None]
    if not held:
        raise NotFound(what=N_("card"))
    return max(held, key=lambda card: (card.visited_at or card.joined_at, card.id)).id


async def _give(
    desk: Desk,
    caller: Caller,
    offer_id: UUID,
    *,
    which: str,
    count: int = 1,
    valid_from: datetime | None = None,
    reason: str,
    shown: Callable[[tuple[CouponView, ...], CardFacts | None], V],
    once: Once,
) -> V:
    business, person = caller.business, caller.person
    offer = await running(desk, business.id, offer_id)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await card_facts(desk, business.id, which) if which else None
        card = facts.card if facts else None
        if card is not None and card.left_at is not None:
            raise NotFound(what=N_("card"))
        compensates = card is not None and bool(reason)
        tallies = await limits.within(desk, caller, "compensations", now) if compensates else ()
        given = await giving.give(
            desk,
            business,
            (offer,) * count,
            now=now,
            card=card,
            batch_id=None if card else desk.world.new_id(),
            valid_from=valid_from if valid_from and valid_from > now else None,
        )
        look = desk.look(business, once.language, now)
        view = shown(tuple(look.coupon(one, offer) for one in given.coupons), facts)
        counts = counting.issued(given.coupons, business.tz)
        if compensates:
            counts += counting.compensated(given.coupons[0], person.staff_id, business.tz, location_id=person.location_id)
        events = [
            Event(
                id=desk.world.new_id(),
                business_id=business.id,
                card_id=coupon.card_id,
                customer_id=coupon.customer_id,
                coupon_id=coupon.id,
                kind="issued",
                at=now,
                reason=reason,
                staff_id=person.staff_id,
                location_id=person.location_id,
            )
            for coupon in given.coupons
        ]
        try:
            await desk.commit(
                now,
                changes=(*(giving.there(card) if card else ()), *given.changes),
                tallies=tallies,
                counts=counts,
                rows=(*given.rows, *events, *once.done(view, caller, now)),
                touches=(card.id,) if card else (),
            )
        except Lost:
            continue
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # a code that exists: draw again
        return view
    raise Busy(retry_after=1)
