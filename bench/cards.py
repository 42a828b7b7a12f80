"""What the benches fill their shops with: a customer with a card, and the card's iPhone."""

from datetime import datetime

from app.world import World
from passes import codes
from passes.cards import Card, Customer
from passes.programs import Program
from passes.wallets.base import Installation

PASS_TYPE = "pass.dev.counterpass"


def member(here: World, program: Program, now: datetime) -> tuple[Customer, Card]:
    """Somebody who has just joined, and their card."""
    customer = Customer(id=here.new_id(), business_id=program.business_id, name="Ann", joined_at=now)
    card = Card(
        id=here.new_id(),
        business_id=program.business_id,
        program_id=program.id,
        customer_id=customer.id,
        number=codes.mint_number(here.pick),
        serial=here.token(),
        token=here.token(),
        key=here.token(),
        joined_at=now,
        changed_at=now,
    )
    return customer, card


def phone(here: World, card: Card, now: datetime) -> Installation:
    """An iPhone that keeps a card in its wallet."""
    return Installation(
        id=here.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        wallet="apple",
        address=here.token(),
        credential=PASS_TYPE,
        push_token=(here.token().encode().hex() + "0" * 64)[:64],
        registered_at=now,
    )
