"""What is written when stamps or points come and go: lines of the card's ledger, the rewards in its story, and the card itself."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk
from app.store import CardFacts, Change
from passes.cards import Card, Earned, Entry, Event
from passes.coupons import Coupon


def balanced(card: Card, earned: Earned, **more: object) -> Change:
    """The card with its new balance, if nothing was written into its ledger meanwhile, it was not left, and is the same customer's."""
    to = {"entries": card.entries + len(earned.lines), "balance": earned.balance, **more}
    return Change(of=Card, id=card.id, seen={"entries": card.entries, "left_at": None, "key": card.key}, to=to)


def corrected(desk: Desk, card: Card, amount: int, *, reason: str, at: datetime, by: UUID | None, location_id: UUID | None = None) -> Event:
    """That a card's stamps or points were put right, in its story."""
    return Event(
        id=desk.world.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        customer_id=card.customer_id,
        kind="corrected",
        at=at,
        amount=amount,
        reason=reason,
        staff_id=by,
        location_id=location_id,
    )


def lines(desk: Desk, because: Event, card: Card, earned: Earned, *, staff_id: UUID, location_id: UUID) -> tuple[Entry, ...]:
    """The next lines of a card's ledger, at the moment and for the reason of an event."""
    return tuple(
        Entry(
            id=desk.world.new_id(),
            business_id=card.business_id,
            card_id=card.id,
            number=card.entries + number,
            kind=kind,
            amount=amount,
            balance=balance,
            at=because.at,
            location_id=location_id,
            staff_id=staff_id,
            reason=because.reason,
        )
        for number, (kind, amount, balance) in enumerate(earned.lines, 1)
    )


def rewards(desk: Desk, because: Event, coupons: Sequence[Coupon], *, by: UUID | None = None) -> tuple[Event, ...]:
    """The coupons that something earned by the way, in the story of the card."""
    return tuple(
        replace(because, id=desk.world.new_id(), kind="earned", amount=0, reason="", coupon_id=coupon.id, staff_id=by) for coupon in coupons
    )


def after(facts: CardFacts, earned: Earned, issued: Sequence[Coupon], events: Sequence[Event]) -> CardFacts:
    """The card as it will be, to be shown before it is read again."""
    card = replace(facts.card, balance=earned.balance, entries=facts.card.entries + len(earned.lines))
    return replace(facts, card=card, coupons=(*issued, *facts.coupons), events=(*events[::-1], *facts.events))
