"""A customer whose phone is dead is found by name or phone number, by staff and never by a kiosk; a till finds by what it knows."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk, read
from app.desk.views import CardView, CustomerView
from app.store import Caller, CardFacts
from passes import codes, contacts
from passes.businesses import Business
from passes.codes import Number
from passes.problems import NotAllowed, UnknownCode

LEAST: Final = 3
"""Characters that a search needs: with fewer it would list everybody."""
TAIL: Final = 3
"""The last digits of a phone number tell two people of one name apart, and are no use to anybody who looks over a shoulder."""


MOST: Final = 50
"""Customers that a till is given of one name."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A card that was found: its customer's name, the end of their phone number ("" if there is none), and how far it is."""

    card_id: UUID
    customer: str
    phone: str
    program: str
    unit: Literal["stamps", "points"]
    balance: int
    goal: int


async def find(desk: Desk, caller: Caller, text: str, *, language: str) -> tuple[Hit, ...]:
    """Cards of customers whose name or phone contains the text, by name; () for less than 3 characters. Raises NotAllowed at a kiosk."""
    if caller.person.kiosk:
        raise NotAllowed
    sought = "".join(char for char in text if char.isprintable()).strip()
    if len(sought) < LEAST:
        return ()
    programs = {one.id: one for one in await desk.store.programs(caller.business.id)}
    return tuple(
        Hit(
            card_id=card.id,
            customer=customer.name,
            phone=customer.phone[-TAIL:],
            program=program.name.said(language),
            unit=program.unit,
            balance=card.balance,
            goal=program.next_goal(card.balance).at,
        )
        for card, customer in await desk.store.find_cards(caller.business.id, sought)
        for program in (programs[card.program_id],)
    )


# --- What a till finds ---


async def cards(desk: Desk, caller: Caller, *, printed: str = "", email: str = "", phone: str = "", language: str) -> tuple[CardView, ...]:
    """The card with this number or with a coupon of this code on it; or the cards, not left, of whose address or number it is.

    Raises MistypedCode where the check character of what is ``printed`` is wrong.
    """
    found: Sequence[CardFacts | None]
    if printed:
        found = (await _with(desk, caller.business, printed),)
    else:
        who = await _reached(desk, caller.business, email=email, phone=phone)
        held = [card.id for card in await desk.store.cards_of(caller.business.id, who) if card.left_at is None] if who else ()
        by = await desk.store.cards_facts(held) if held else {}
        found = [by.get(card_id) for card_id in held]
    look = desk.look(caller.business, language, desk.world.now())
    return tuple(look.card(facts) for facts in found if facts is not None)


async def customers(
    desk: Desk, caller: Caller, *, name: str = "", email: str = "", phone: str = "", language: str
) -> tuple[CustomerView, ...]:
    """Whose address or number it is; or those whose name contains this (at least 3 characters), the newest first."""
    business, ids = caller.business, list[UUID]()
    if name:
        sought = "".join(char for char in name if char.isprintable()).strip()
        ids = list(await desk.store.people_like(business.id, sought, limit=MOST)) if len(sought) >= LEAST else []
    elif who := await _reached(desk, business, email=email, phone=phone):
        ids = [who]
    look = desk.look(business, language, desk.world.now())
    people = await desk.store.people(business.id, ids=ids, limit=MOST) if ids else ()
    return tuple(look.customer(one.customer, one.cards) for one in people)


async def _reached(desk: Desk, business: Business, *, email: str, phone: str) -> UUID | None:
    value = contacts.value_of(email=email, phone=phone, country=contacts.country_of(business))
    contact = await desk.store.contact(business.id, value) if value else None
    return contact.customer_id if contact else None


async def _with(desk: Desk, business: Business, printed: str) -> CardFacts | None:
    """The card with this number, or with a coupon of this code on it."""
    try:
        meant = codes.read(printed, prefixes=business.prefixes, imported=business.imported)
    except UnknownCode:
        return None
    facts = await desk.store.card_facts(business_id=business.id, number=meant.value) if isinstance(meant, Number) else None
    for code in (meant.value, meant.also) if facts is None else ():
        presented = await desk.store.presented(business.id, code) if code else None
        if presented is not None and presented.coupon.card_id is not None:
            facts = await desk.store.card_facts(business_id=business.id, card_id=presented.coupon.card_id)
    return await read.followed(desk, facts) if facts else None
