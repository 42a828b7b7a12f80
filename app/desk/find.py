"""A customer whose phone is dead is found by name or phone number, by staff and never by a kiosk."""

from typing import Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk
from app.store import Caller
from passes.problems import NotAllowed

LEAST: Final = 3
"""Characters that a search needs: with fewer it would list everybody."""
TAIL: Final = 3
"""The last digits of a phone number tell two people of one name apart, and are no use to anybody who looks over a shoulder."""


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
