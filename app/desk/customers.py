"""What a business knows of a customer is written down, put right, and handed over to whom it is about."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit
from app.store import Contact, Duplicate
from passes import contacts
from passes.businesses import Business
from passes.cards import Customer
from passes.problems import ChangedMeanwhile, ContactTaken, NotFound
from passes.words import N_


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of the staff says of a customer. ``birthday`` is ``MM-DD``; ``consent``: they want to be sent offers."""

    name: str
    email: str = ""
    phone: str = ""
    birthday: str = ""
    language: str
    consent: bool = False


async def customer(desk: Desk, business_id: UUID, customer_id: UUID) -> Customer:
    """A customer of this business who is still known. Raises NotFound."""
    found = await desk.store.customer(business_id, customer_id)
    if found is None or found.erased_at is not None or found.merged_into is not None:
        raise NotFound(what=N_("customer"))
    return found


async def change(desk: Desk, business: Business, staff_id: UUID, customer_id: UUID, told: Told) -> Customer:
    """Put right what is known of a customer; their cards show it. Raises NotFound, ContactTaken, ChangedMeanwhile."""
    was = await customer(desk, business.id, customer_id)
    consent = (was.consent_at or desk.world.now()) if told.consent else None
    became = replace(
        was,
        name=told.name.strip(),
        email=told.email.strip(),
        phone=told.phone.strip(),
        birthday=told.birthday,
        language=told.language,
        consent_at=consent,
    )
    await _write(desk, business, staff_id, was, became)
    return became


async def note(desk: Desk, business: Business, staff_id: UUID, customer_id: UUID, text: str) -> Customer:
    """What staff should know of a customer; nobody else sees it, but the customer whenever they ask for all that is known."""
    was = await customer(desk, business.id, customer_id)
    became = replace(was, note=text.strip())
    await _write(desk, business, staff_id, was, became)
    return became


async def _write(desk: Desk, business: Business, staff_id: UUID, was: Customer, became: Customer) -> None:
    if became == was:
        return
    line = audit.line(desk, staff_id, "customer.changed", was, became)
    known = [
        Contact(id=desk.world.new_id(), business_id=business.id, value=value, customer_id=was.id, proven=True)
        for value in await _values(desk, business, was, became)
    ]
    try:
        if not await desk.store.change_customer(was, became, known, (line,)):
            raise ChangedMeanwhile
    except Duplicate:
        raise ContactTaken from None
    if (was.name, was.language) != (became.name, became.language):
        cards = [card.id for card in await desk.store.cards_of(business.id, was.id)]
        if cards:
            await desk.commit(desk.world.now(), touches=cards)


async def _values(desk: Desk, business: Business, was: Customer, became: Customer) -> Sequence[str]:
    """By what they are known: what has not changed only if they were known by it (another one may have been first)."""
    wanted = contacts.values(business, email=became.email, phone=became.phone)
    before = contacts.values(business, email=was.email, phone=was.phone)
    return [one for one in wanted if one not in before or await _may_be_known_by(desk, was, one)]


async def _may_be_known_by(desk: Desk, one: Customer, value: str) -> bool:
    contact = await desk.store.contact(one.business_id, value)
    return contact is None or contact.customer_id == one.id
