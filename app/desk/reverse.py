"""Redemptions are taken back: the coupons are active again, and the phones show them again; void where a card was left meanwhile."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, leaving
from app.desk.limits import of_offer
from app.desk.views import BasketReversalView, ReversalView
from app.store import Caller, Change, Count, Duplicate, Lost, Row, Tally
from passes import coupons
from passes.cards import Card, Event
from passes.coupons import Coupon, Presented, Redemption
from passes.problems import Busy, NotFound, NothingToReverse
from passes.words import N_

Done = tuple[Redemption, Presented]


async def reverse(desk: Desk, caller: Caller, redemption_id: UUID, *, reason: str, once: Once) -> ReversalView:
    """Take a redemption back. What was on a card that was left meanwhile is void: nobody could show it, and leaving gave it up.

    Raises NotFound, NothingToReverse, TooLateToReverse, NotAllowed or ReasonNeeded.
    """
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        found = await desk.store.redemption(caller.business.id, redemption_id)
        if found is None:
            raise NotFound(what=N_("redemption"))
        back = await _back(desk, caller, [found], reason=reason, language=once.language, now=now)
        (view,) = back.views
        if await back.recorded(desk, once.done(view, caller, now)):
            return view
    raise Busy(retry_after=1)


async def reverse_basket(
    desk: Desk, caller: Caller, basket_id: UUID, redemption_ids: Sequence[UUID] | None, *, reason: str, once: Once
) -> BasketReversalView:
    """Take back what still holds of a basket, or these redemptions of it: all or nothing, by the rule of a single one.

    Raises NotFound for a basket, or a redemption that is not of it, and what ``reverse`` raises.
    """
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        basket = await desk.store.basket(caller.business.id, basket_id)
        if not basket:
            raise NotFound(what=N_("basket"))
        if redemption_ids is None:
            wanted = [one for one in basket if one[1].coupon.redemption_id == one[0].id]
        else:
            of = {redemption.id: (redemption, presented) for redemption, presented in basket}
            if set(redemption_ids) - of.keys():
                raise NotFound(what=N_("redemption"))
            wanted = [of[redemption_id] for redemption_id in dict.fromkeys(redemption_ids)]
        if not wanted:
            raise NothingToReverse
        back = await _back(desk, caller, wanted, reason=reason, language=once.language, now=now)
        view = BasketReversalView(basket_id=basket_id, reversals=tuple(back.views))
        if await back.recorded(desk, once.done(view, caller, now)):
            return view
    raise Busy(retry_after=1)


class _Back:
    """What taking redemptions back comes to, to become true in one unit."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.views: list[ReversalView] = []
        self.changes: list[Change] = []
        self.tallies: list[Tally] = []
        self.counts: list[Count] = []
        self.rows: list[Row] = []
        self.cards: dict[UUID, Card] = {}

    async def recorded(self, desk: Desk, answer: tuple[Row, ...]) -> bool:
        """Make it true; False if something happened to one of the coupons meanwhile. Raises Repeated."""
        there = giving.there(*(card for card in self.cards.values() if card.left_at is None))
        try:
            await desk.commit(
                self.now,
                changes=(*self.changes, *there),
                tallies=self.tallies,
                counts=self.counts,
                rows=(*self.rows, *answer),
                touches=tuple(self.cards),
            )
        except Lost:
            return False
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return True


async def _back(desk: Desk, caller: Caller, done: Sequence[Done], *, reason: str, language: str, now: datetime) -> _Back:
    back, zone = _Back(now), caller.business.tz
    look = desk.look(caller.business, language, now)
    # If one of the offers has limits, all are counted down: so the unit says of each that it knows what is counted.
    limited = any(presented.offer.limited for _, presented in done)
    for redemption, presented in done:
        coupon = presented.coupon
        reversal = coupons.reverse(coupon, redemption, person=caller.person, now=now, reversal_id=desk.world.new_id(), reason=reason)
        if coupon.card_id and coupon.card_id not in back.cards:
            facts = await desk.store.card_facts(business_id=coupon.business_id, card_id=coupon.card_id)
            if facts is not None:
                back.cards[coupon.card_id] = facts.card
        card = back.cards.get(coupon.card_id) if coupon.card_id else None
        left_at = card.left_at if card else None
        became = coupons.reversed_(coupon, left_at=left_at)
        back.views.append(
            ReversalView(
                id=reversal.id,
                redemption_id=redemption.id,
                at=look.at(now),
                reason=reversal.reason,
                coupon=look.coupon(became, presented.offer),
            )
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
        back.changes.append(Change(of=Coupon, id=coupon.id, seen=seen, to=to))
        back.tallies += of_offer(presented.offer, coupon, by=-1, always=limited)
        back.counts += counting.redeemed(redemption, coupon, zone, n=-1)
        back.rows += [reversal, event]
        if left_at:
            back.counts += counting.voided([replace(became, state="active")], now, zone)
            back.rows.append(replace(event, id=desk.world.new_id(), kind="voided", reason=leaving.why(desk, caller.business)))
    return back
