"""What a business knows of a customer is written down, put right, and handed over to whom it is about."""

import contextlib
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, audit, forgetting, limits
from app.desk.views import CustomerView
from app.store import Caller, Contact, Duplicate, Row
from passes import contacts
from passes.businesses import Business
from passes.cards import Card, Customer
from passes.problems import Busy, ChangedMeanwhile, ContactTaken, NotFound
from passes.words import N_


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of the staff says of a customer. ``birthday`` is ``MM-DD``; ``consent``: they want to be sent offers."""

    name: str
    email: str = ""
    phone: str = ""
    birthday: str = ""
    language: str
    consent: bool = False


class Amended(msgspec.Struct, frozen=True, kw_only=True):
    """What a program says of a customer; what is None stays as it is."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthday: str | None = None
    language: str | None = None
    consent: bool | None = None


async def customer(desk: Desk, business_id: UUID, customer_id: UUID) -> Customer:
    """A customer of this business who is still known. Raises NotFound."""
    found = await desk.store.customer(business_id, customer_id)
    if found is None or found.erased_at is not None or found.merged_into is not None:
        raise NotFound(what=N_("customer"))
    return found


async def change(desk: Desk, business: Business, staff_id: UUID, customer_id: UUID, told: Told) -> Customer:
    """Put right what is known of a customer; their cards show it. Raises NotFound, ContactTaken, ChangedMeanwhile."""
    was = await customer(desk, business.id, customer_id)
    became = _as_told(desk, was, told)
    await _write(desk, business, staff_id, was, became)
    return became


def _as_told(desk: Desk, was: Customer, told: Told) -> Customer:
    return replace(
        was,
        name=told.name.strip(),
        email=told.email.strip(),
        phone=told.phone.strip(),
        birthday=told.birthday,
        language=told.language,
        consent_at=(was.consent_at or desk.world.now()) if told.consent else None,
    )


async def known(desk: Desk, business_id: UUID, customer_id: UUID) -> tuple[Customer, Sequence[Card]]:
    """A customer of this business, erased or not, with their cards; of one who was merged, whom they were merged into. Raises NotFound."""
    found = await desk.store.customer(business_id, customer_id)
    if found is not None and found.merged_into is not None:
        found = await desk.store.customer(business_id, found.merged_into)
    if found is None:
        raise NotFound(what=N_("customer"))
    return found, await desk.store.cards_of(business_id, found.id)


async def amend(
    desk: Desk, caller: Caller, customer_id: UUID, said: Amended, *, seen: Callable[[CustomerView], None], once: Once
) -> CustomerView:
    """Put some of what is known of a customer right. ``seen`` is shown how they are now, and may raise.

    Raises NotAllowed below a manager, NotFound (also for one who is erased), ContactTaken.
    """
    limits.managing(caller)
    business = caller.business
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        was, cards = await known(desk, business.id, customer_id)
        if was.erased_at is not None:
            raise NotFound(what=N_("customer"))
        look = desk.look(business, once.language, now)
        seen(look.customer(was, cards))
        as_is = Told(
            name=was.name,
            email=was.email,
            phone=was.phone,
            birthday=was.birthday,
            language=was.language,
            consent=was.consent_at is not None,
        )
        told = replace(as_is, **{name: value for name, value in msgspec.structs.asdict(said).items() if value is not None})
        became = _as_told(desk, was, told)
        view = look.customer(became, cards)
        try:
            await _write(desk, business, caller.person.staff_id, was, became, rows=once.done(view, caller, now))
        except ChangedMeanwhile:
            continue
        return view
    raise Busy(retry_after=1)


async def erase(desk: Desk, caller: Caller, customer_id: UUID, *, once: Once) -> CustomerView:
    """Forget a customer, once: who is forgotten stays so. Raises NotAllowed below a manager, and NotFound."""
    limits.managing(caller)
    business = caller.business
    was, _ = await known(desk, business.id, customer_id)
    if was.erased_at is None:
        with contextlib.suppress(NotFound):  # somebody was faster, and they are forgotten all the same
            await forgetting.forget(desk, business, was.id, by=caller.person.staff_id)
    now = desk.world.now()
    view = desk.look(business, once.language, now).customer(*await known(desk, business.id, was.id))
    try:
        await desk.commit(now, rows=once.done(view, caller, now))
    except Duplicate as duplicate:
        raise Repeated from duplicate
    return view


async def note(desk: Desk, business: Business, staff_id: UUID, customer_id: UUID, text: str) -> Customer:
    """What staff should know of a customer; nobody else sees it, but the customer whenever they ask for all that is known."""
    was = await customer(desk, business.id, customer_id)
    became = replace(was, note=text.strip())
    await _write(desk, business, staff_id, was, became)
    return became


async def _write(desk: Desk, business: Business, staff_id: UUID, was: Customer, became: Customer, *, rows: Sequence[Row] = ()) -> None:
    """Write a customer anew, and record ``rows`` with that. Raises ContactTaken, ChangedMeanwhile, and Repeated of a kept answer."""
    try:
        if became == was:
            if rows:
                await desk.commit(desk.world.now(), rows=rows)
            return
        line = audit.line(desk, staff_id, "customer.changed", was, became)
        values = [
            Contact(id=desk.world.new_id(), business_id=business.id, value=value, customer_id=was.id, proven=True)
            for value in await _values(desk, business, was, became)
        ]
        if not await desk.store.change_customer(was, became, values, (line, *rows)):
            raise ChangedMeanwhile
    except Duplicate as duplicate:
        if duplicate.of == "Kept":
            raise Repeated from duplicate
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
