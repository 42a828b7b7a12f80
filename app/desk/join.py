"""A customer joins a program: one person, one card, ready for both wallets."""

from uuid import UUID

import msgspec

from app.desk import ATTEMPTS, Desk, Once, Repeated
from app.desk.views import Joined
from app.store import Caller, CardFacts, Duplicate
from passes import codes
from passes.cards import Card, Customer, Event
from passes.problems import Busy, NotFound
from passes.words import N_


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person tells on joining."""

    name: str
    email: str = ""
    phone: str = ""
    language: str = ""


async def join(desk: Desk, caller: Caller, program_id: UUID, newcomer: Newcomer, *, once: Once) -> Joined:
    """Make a customer and a card. Raises NotFound for a program that is not this business's."""
    business = caller.business
    program = await desk.store.program(business.id, program_id)
    if program is None:
        raise NotFound(what=N_("program"))
    offers = await desk.store.offers(business.id, [goal.offer_id for goal in program.goals])
    for _ in range(ATTEMPTS):
        now, new = desk.world.now(), desk.world
        customer = Customer(
            id=new.new_id(),
            business_id=business.id,
            name=newcomer.name,
            email=newcomer.email,
            phone=newcomer.phone,
            language=newcomer.language or business.languages[0],
            joined_at=now,
        )
        card = Card(
            id=new.new_id(),
            business_id=business.id,
            program_id=program.id,
            customer_id=customer.id,
            number=codes.mint_number(new.pick),
            serial=new.token(),
            token=new.token(),
            key=new.token(),
            joined_at=now,
            changed_at=now,
        )
        event = Event(id=new.new_id(), business_id=business.id, card_id=card.id, customer_id=customer.id, kind="joined", at=now)
        facts = CardFacts(card=card, customer=customer, program=program, business=business, offers=offers, coupons=(), events=(event,))
        view = Joined(customer_id=customer.id, card=desk.look(business, once.language, now).card(facts))
        try:
            await desk.commit(now, rows=(customer, card, event, *once.done(view, caller, now)), touches=(card.id,))
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # a number that exists: draw again
        return view
    raise Busy(retry_after=1)
