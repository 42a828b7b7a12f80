"""What a till says of the sale in which something is earned or redeemed: its receipt, and what was paid."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.desk import Desk
from app.store import Caller, Sale
from passes.problems import WrongCurrency

Kept = tuple[Sale, ...]
"""One, or nothing."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt number, an amount in minor units and its currency, as far as the till says them.

    ``reference`` is the till's own name of the sale, where it speaks to the facade.
    """

    receipt: str = ""
    amount: int | None = None
    currency: str = ""
    reference: str = ""


def fits(caller: Caller, currency: str) -> None:
    """Amounts are in the business's currency; "" says nothing else. Raises WrongCurrency."""
    if currency not in ("", caller.business.currency):
        raise WrongCurrency(currency=caller.business.currency)


def row(
    desk: Desk,
    caller: Caller,
    told: Told,
    now: datetime,
    *,
    card_id: UUID | None = None,
    event_id: UUID | None = None,
    earned: int = 0,
    basket_id: UUID | None = None,
) -> Kept:
    """What is kept of it, nothing if nothing was said. Raises WrongCurrency for another currency than the business's."""
    business, person = caller.business, caller.person
    fits(caller, told.currency)
    if not (told.receipt or told.reference) and told.amount is None:
        return ()
    sale = Sale(
        id=desk.world.new_id(),
        business_id=business.id,
        at=now,
        location_id=person.location_id,
        staff_id=person.staff_id,
        key_id=person.counter_id,
        receipt=told.receipt,
        reference=told.reference,
        amount=told.amount,
        currency=business.currency if told.amount is not None else "",
        card_id=card_id,
        event_id=event_id,
        earned=earned,
        basket_id=basket_id,
    )
    return (sale,)
