"""Customers and their cards that come back."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.desk import Desk, counting
from app.desk.laying.here import Here, Places, places
from app.desk.laying.laid import Laid, Refused, each
from app.desk.lines import CustomerLine
from app.store import Contact
from passes import codes, contacts
from passes.businesses import Business
from passes.cards import Card, Customer, Entry
from passes.codes import Number
from passes.problems import Problem


class People(msgspec.Struct, kw_only=True):
    """Whom lines of customers name: who is there, and whose each address and each number is."""

    people: Places
    cards: Places
    numbers: set[str]
    owners: dict[str, UUID | None]
    laid_down: set[UUID] = set()


async def _people(desk: Desk, business: Business, said: Sequence[CustomerLine]) -> People:
    values = {value for line in said for value in _values(business, line)}
    owners = dict.fromkeys(values) | dict(await desk.store.contacts_of(business.id, list(values)))
    numbers = set(await desk.store.known_numbers(business.id, [line.number for line in said]))
    return People(  # who is there comes last: whatever somebody else brings in meanwhile is there then, and not in the way
        people=await places(desk, business, Customer, [one for line in said for one in (line.customer_id, line.merged_into)]),
        cards=await places(desk, business, Card, [line.card_id for line in said]),
        numbers=numbers,
        owners=owners,
    )


async def lay(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, CustomerLine]]) -> None:
    """Customers with their cards, each card with new keys: those that it had were never exported."""
    business = here.business
    known = await _people(desk, business, [line for _, line in lines])

    def new(line: CustomerLine) -> bool:
        card, customer = _card(desk, here, known, line), _customer(here, known, line)
        if customer is not None:
            known.laid_down.add(customer.id)
            laid.rows.append(customer)
            for value in _values(business, line):
                if known.owners[value] is None:
                    known.owners[value] = customer.id
                    laid.rows.append(Contact(id=desk.world.new_id(), business_id=business.id, value=value, customer_id=customer.id))
        if card is not None:
            known.laid_down.add(card.id)
            known.numbers.add(card.number)
            laid.rows += (card, *_ledger(desk, here, card))
            laid.counts += counting.joined(card, business.tz, location_id=here.location_id(line.location_id, line.location))
        return customer is not None or card is not None

    each(lines, laid, new)


def _customer(here: Here, known: People, line: CustomerLine) -> Customer | None:
    """Who a line tells of, if they are not there yet."""
    id_ = known.people.placed(line.customer_id)
    if known.people.has(line.customer_id) or id_ in known.laid_down:
        return None
    owners = [known.owners[value] for value in _values(here.business, line)]
    return Customer(
        id=id_,
        business_id=here.business.id,
        name=line.name,
        email=line.email,
        phone=line.phone,
        language=line.language,
        joined_at=line.joined_at,
        birthday=line.birthday,
        consent_at=line.consent_at,
        note=line.note,
        location_id=here.location_id(line.location_id, line.location),
        maybe_id=next((one for one in owners if one is not None), None),
        merged_into=known.people.perhaps(line.merged_into),
        erased_at=line.erased_at,
    )


def _card(desk: Desk, here: Here, known: People, line: CustomerLine) -> Card | None:
    """The card of a line, if it is not there yet; with new keys, for those that it had were never exported."""
    if line.card_id is None or known.cards.has(line.card_id) or (id_ := known.cards.placed(line.card_id)) in known.laid_down:
        return None
    if not _is_number(line.number) or line.number in known.numbers:
        raise Refused("number", "number")
    new = desk.world
    return Card(
        id=id_,
        business_id=here.business.id,
        program_id=here.program(line.program_id, line.program).id,
        customer_id=known.people.placed(line.customer_id),
        number=line.number,
        serial=new.token(),
        token=new.token(),
        key=new.token(),
        balance=line.balance,
        entries=1 if line.balance else 0,
        joined_at=line.card_joined_at or line.joined_at,
        changed_at=new.now(),
        left_at=line.left_at,
        visited_at=line.visited_at,
        visits=line.visits,
        location_id=here.location_id(line.visited_location_id, line.visited_location),
    )


def _ledger(desk: Desk, here: Here, card: Card) -> Sequence[Entry]:
    """One line says what the card had when it came: the lines that led there stayed where it came from."""
    if not card.balance:
        return ()
    line = Entry(
        id=desk.world.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        number=1,
        kind="corrected",
        amount=card.balance,
        balance=card.balance,
        at=desk.world.now(),
        location_id=here.by.location_id,
        staff_id=here.by.staff_id,
        reason="import",
    )
    return (line,)


def _values(business: Business, line: CustomerLine) -> tuple[str, ...]:
    """Under what somebody is known; of who was merged or forgotten nothing is."""
    if line.merged_into or line.erased_at:
        return ()
    return contacts.values(business, email=line.email, phone=line.phone)


def _is_number(said: str) -> bool:
    try:
        read = codes.read(said)
    except Problem:
        return False
    return isinstance(read, Number) and read.value == said
