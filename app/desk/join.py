"""A customer joins a program: one person, one card, ready for both wallets."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving
from app.desk.signing_in import count, key, network
from app.desk.views import Joined
from app.post import Letter
from app.store import Caller, CardFacts, Change, Contact, Count, Duplicate, Kept, Lost, Row, Sent, Tally
from passes import codes, contacts
from passes.businesses import Business
from passes.cards import Card, Customer, Event
from passes.guesses import Patience
from passes.problems import Busy, NotFound, Paused
from passes.programs import Program
from passes.words import N_

SLOT: Final = timedelta(minutes=10)
FROM_ONE_PLACE: Final = Patience(free=60, first=timedelta(seconds=30), longest=SLOT, fresh=SLOT)
"""A full café joins over its one Wi-Fi; who joins once in ten seconds for ten minutes is no café."""
IN_ALL: Final = 600
"""In ten minutes into one program: more than any opening day. Past it nobody is refused, but no letters are written."""


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person tells on joining. ``birthday`` is ``MM-DD``; ``consent``: they want to be sent offers."""

    name: str
    email: str = ""
    phone: str = ""
    birthday: str = ""
    language: str = ""
    consent: bool = False


JOINED: Final = "joined"
"""The occasion of a letter to who has joined: it stands among what was sent under the program, and counts for no weekly limit."""
IN_FRONT: Final = timedelta(days=1)
"""Whoever waits at a counter for their link is due before a campaign's readers."""
A_DAY: Final = 2000
"""Letters of one program to addresses of which nobody knows whose they are."""
MOST_LETTERS: Final = 3
"""To one address in a day: nobody's mailbox is filled by typing their address again and again."""


Owners = Mapping[str, UUID | None]
"""Customers by the addresses and numbers (passes.contacts.value_of) that are theirs; None for those that are nobody's yet."""


_NO_ROWS: Final[tuple[Row, ...]] = ()


class _Coming(msgspec.Struct, frozen=True, kw_only=True):
    """What must become true for somebody to have a card."""

    facts: CardFacts
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    tallies: tuple[Tally, ...]
    counts: tuple[Count, ...]


# --- By somebody whom we trust: a till, staff at a counter ---


async def join(desk: Desk, caller: Caller, program_id: UUID, newcomer: Newcomer, *, once: Once) -> Joined:
    """A card for a customer. Whoever is known by the address or number gets the card that they have, or their first of this program.

    Raises NotFound for a program that is not this business's, and Paused for a new card of one that gives nothing new.
    """
    business = caller.business
    program = await desk.store.program(business.id, program_id)
    if program is None:
        raise NotFound(what=N_("program"))
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        owners = await _owners(desk, business, newcomer)
        known = await _known(desk, business, owners)
        cards = await _cards(desk, known)
        if cards is None:
            continue
        facts = await _card(desk, cards, program)
        coming = None
        if facts is None:
            here = caller.person.location_id
            customer, rows = known, _NO_ROWS
            if customer is None:
                customer, rows = _customer(desk, business, newcomer, owners, now=now, location_id=here, proven=True)
            coming = await _come(desk, business, program, customer, rows, now=now, cards=cards, location_id=here)
            facts = coming.facts
        view = Joined(customer_id=facts.customer.id, card=desk.look(business, once.language, now).card(facts))
        kept = once.done(view, caller, now, new=coming is not None)
        try:
            await _commit(desk, now, coming, kept)
        except Lost:
            continue  # another one made the same customer's card
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # somebody with this address or number was first; or a number that exists: draw again
        if known:
            await _learn(desk, business, known, newcomer, now, proven=True)
        return view
    raise Busy(retry_after=1)


# --- By themselves, on the program's page ---


async def program_of(desk: Desk, program_id: UUID) -> tuple[Program, Business]:
    """A program that anybody may look at, with its business. Raises NotFound."""
    found = await desk.store.program_with_business(program_id)
    if found is None or found[1].test_of is not None:
        raise NotFound(what=N_("program"))
    return found


async def own_card(desk: Desk, program: Program, keys: Sequence[str]) -> CardFacts | None:
    """The card of this program among those whose keys a browser has; None if none is in use."""
    for held in keys:
        facts = await desk.store.card_facts(key=held)
        if facts is not None and facts.card.program_id == program.id and facts.card.left_at is None and _is_there(facts.customer):
            return facts
    return None


async def come(
    desk: Desk,
    program: Program,
    business: Business,
    newcomer: Newcomer,
    *,
    nonce: str,
    address: str,
    keys: Sequence[str] = (),
    location_id: UUID | None = None,
) -> tuple[CardFacts, bool]:
    """A card for whoever fills in the page, and whether it is new.

    ``keys`` are those of the cards that this browser has, ``nonce`` is the form's own. A stranger who names somebody's address or
    number gets a fresh card like anybody else: neither the answer nor the time that it takes tells that the person is known.
    Raises Paused, and TooManyGuesses when too many come from ``address``.
    """
    slot = int(desk.world.now().timestamp() // SLOT.total_seconds()) % 6
    await count(desk, key("join from", f"{network(address)}:{slot}"), FROM_ONE_PLACE)
    now = desk.world.now()
    flooded = (await desk.store.strike(key("join", f"{program.id}:{slot}"), at=now, fresh=now - SLOT)).n > IN_ALL
    if flooded:
        await desk.aside()
    own = await own_card(desk, program, keys)
    if own is not None:
        return own, False
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        customer = await _holder(desk, business, keys)
        again = await desk.store.kept(program.id, nonce)
        if again is not None:
            return await _again(desk, again), False
        cards = await _cards(desk, customer)
        if cards is None:
            continue
        facts = await _card(desk, cards, program)
        if facts is not None:
            return facts, False
        person, rows = customer, _NO_ROWS
        if person is None:
            owners = await _owners(desk, business, newcomer)
            person, rows = _customer(desk, business, newcomer, owners, now=now, location_id=location_id, proven=False)
        coming = await _come(desk, business, program, person, rows, now=now, cards=cards, location_id=location_id)
        kept = Kept(
            caller_id=program.id,
            key=nonce,
            business_id=business.id,
            digest=hashlib.sha256(nonce.encode()).digest(),
            status=0,
            body=coming.facts.card.id.bytes,
            at=now,
        )
        try:
            await _commit(desk, now, coming, (kept, *(() if flooded else _due(desk, coming.facts, now))))
        except (Lost, Duplicate):
            continue
        if customer:
            await _learn(desk, business, customer, newcomer, now, proven=False)
        return coming.facts, True
    raise Busy(retry_after=1)


async def _holder(desk: Desk, business: Business, keys: Sequence[str]) -> Customer | None:
    """Whose the cards are that a browser has the keys of."""
    for one in keys:
        facts = await desk.store.card_facts(key=one)
        if facts is not None and facts.business.id == business.id and _is_there(facts.customer):
            return facts.customer
    return None


async def _again(desk: Desk, kept: Kept) -> CardFacts:
    facts = await desk.store.card_facts(business_id=kept.business_id, card_id=UUID(bytes=kept.body))
    if facts is None:
        raise NotFound(what=N_("card"))
    return facts


# --- What both come to ---


def _is_there(customer: Customer) -> bool:
    return customer.erased_at is None and customer.merged_into is None


async def _owners(desk: Desk, business: Business, newcomer: Newcomer) -> Owners:
    """Whose the address and the number are. They are read once a turn: who decides by them twice may decide differently."""
    values = contacts.values(business, email=newcomer.email, phone=newcomer.phone)
    known = {value: await desk.store.contact(business.id, value) for value in values}
    return {value: one.customer_id if one is not None else None for value, one in known.items()}


async def _known(desk: Desk, business: Business, owners: Owners) -> Customer | None:
    """Whose the first of these addresses and numbers is that is anybody's."""
    found = [await desk.store.customer(business.id, one) for one in owners.values() if one is not None]
    return next((one for one in found if one is not None and _is_there(one)), None)


async def _cards(desk: Desk, customer: Customer | None) -> Sequence[Card] | None:
    """A customer's cards; None if they were merged into another one, or forgotten, before these were read."""
    if customer is None:
        return ()
    cards = await desk.store.cards_of(customer.business_id, customer.id)
    same = await desk.store.customer(customer.business_id, customer.id)
    return cards if same is not None and _is_there(same) else None


async def _card(desk: Desk, cards: Sequence[Card], program: Program) -> CardFacts | None:
    """The card of a program among a customer's, if it was not left."""
    card = next((one for one in cards if one.program_id == program.id and one.left_at is None), None)
    return await desk.store.card_facts(business_id=card.business_id, card_id=card.id) if card else None


async def _come(
    desk: Desk,
    business: Business,
    program: Program,
    customer: Customer,
    rows: tuple[Row, ...],
    *,
    now: datetime,
    cards: Sequence[Card],
    location_id: UUID | None,
) -> _Coming:
    """A new card with its welcome reward, of a customer who is new with these ``rows``, or had these ``cards``. Raises Paused."""
    if program.state != "running":
        raise Paused(name=program.name)
    new = desk.world
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
    left = sum(one.program_id == program.id for one in cards)
    # Two who come at once as the same known customer: the second would pass this count, is lost, and finds the first one's card.
    tally = Tally(business_id=business.id, key=f"card:{customer.id}:{program.id}:{left}", by=1, most=1)
    offers = dict(await desk.store.offers(business.id, _offers(program)))
    welcome = offers.get(program.welcome) if program.welcome and not left else None
    gifts = [welcome] if welcome and welcome.state == "running" else []
    given = await giving.give(desk, business, gifts, now=now, card=card, or_mint=True)
    joined = Event(id=new.new_id(), business_id=business.id, card_id=card.id, customer_id=customer.id, kind="joined", at=now)
    events = (joined, *(replace(joined, id=new.new_id(), kind="issued", coupon_id=one.id) for one in given.coupons))
    return _Coming(
        facts=CardFacts(
            card=card, customer=customer, program=program, business=business, offers=offers, coupons=given.coupons, events=events[::-1]
        ),
        rows=(*rows, card, *events, *given.rows),
        changes=(*_same(cards), *given.changes),
        tallies=() if rows else (tally,),
        counts=(*counting.joined(card, business.tz, location_id=location_id), *counting.issued(given.coupons, business.tz)),
    )


def _same(cards: Sequence[Card]) -> tuple[Change, ...]:
    """Whoever has these cards is still who they were: all cards of somebody who is merged into another change with it."""
    return tuple(Change(of=Card, id=one.id, seen={"changed_at": one.changed_at}, to={"left_at": one.left_at}) for one in cards[:1])


def _offers(program: Program) -> list[UUID]:
    return [*(goal.offer_id for goal in program.goals), *(one for one in (program.welcome,) if one)]


def _customer(
    desk: Desk, business: Business, newcomer: Newcomer, owners: Owners, *, now: datetime, location_id: UUID | None, proven: bool
) -> tuple[Customer, tuple[Row, ...]]:
    """A new customer, to whom those addresses and numbers belong that are nobody's yet; and their rows."""
    customer = Customer(
        id=desk.world.new_id(),
        business_id=business.id,
        name=newcomer.name,
        email=newcomer.email,
        phone=newcomer.phone,
        language=newcomer.language or business.languages[0],
        joined_at=now,
        birthday=newcomer.birthday,
        consent_at=now if newcomer.consent else None,
        location_id=location_id,
        maybe_id=next((owner for owner in owners.values() if owner is not None), None),
    )
    return customer, (customer, *(_contact(desk, customer, value, proven=proven) for value, owner in owners.items() if owner is None))


def _contact(desk: Desk, customer: Customer, value: str, *, proven: bool) -> Contact:
    return Contact(id=desk.world.new_id(), business_id=customer.business_id, value=value, customer_id=customer.id, proven=proven)


async def _commit(desk: Desk, now: datetime, coming: _Coming | None, kept: Sequence[Row]) -> None:
    if coming is None:
        await desk.commit(now, rows=kept)
        return
    await desk.commit(
        now,
        changes=coming.changes,
        tallies=coming.tallies,
        counts=coming.counts,
        rows=(*coming.rows, *kept),
        touches=(coming.facts.card.id,),
    )


async def _learn(desk: Desk, business: Business, known: Customer, newcomer: Newcomer, now: datetime, *, proven: bool) -> None:
    """What somebody who is known tells for the first time. It is no harm if somebody else is first with it."""
    told = replace(
        known,
        email=known.email or newcomer.email,
        phone=known.phone or newcomer.phone,
        birthday=known.birthday or newcomer.birthday,
        consent_at=known.consent_at or (now if newcomer.consent else None),
    )
    if told == known:
        return
    values = contacts.values(business, email=told.email, phone=told.phone)
    new = [value for value in values if await desk.store.contact(business.id, value) is None]
    try:
        await desk.store.revise([(known, told)], rows=[_contact(desk, known, value, proven=proven) for value in new])
    except Duplicate:
        return


# --- Letters ---


def _due(desk: Desk, facts: CardFacts, now: datetime) -> tuple[Sent, ...]:
    """That a letter is to be written (app.desk.letters), kept with the card: who joins waits for no mail server."""
    card = facts.card
    if desk.post is None or facts.business.test_of or not facts.customer.email:
        return ()
    letter = Sent(
        id=desk.world.new_id(),
        business_id=card.business_id,
        campaign_id=card.program_id,
        card_id=card.id,
        customer_id=card.customer_id,
        occasion=JOINED,
        at=now,
        mail="due",
        mail_at=now - IN_FRONT,
    )
    return (letter,)


async def letters(desk: Desk, facts: CardFacts, *, again: bool = False) -> tuple[Letter, ...]:
    """What is written to whoever has just joined by themselves, at the address that they typed: the link of their card.

    If the address is proven to be somebody's (perhaps this one's), they are told the link of the card that they have instead. Who
    typed an address learns nothing by it. Made after the answer was sent, so that it takes everybody equally long. None where too many
    were written; ``again``: this one was counted.
    """
    customer, business = facts.customer, facts.business
    contact = await desk.store.contact(business.id, contacts.value_of(email=customer.email)) if customer.email else None
    if contact is None:
        return ()
    person, card, sentence, letter = customer, facts, NEW, f"?letter={contact.id.hex}"
    owner = await desk.store.customer(business.id, contact.customer_id) if contact.proven else None
    if owner is not None and owner.id != customer.id:
        theirs = await _card(desk, await desk.store.cards_of(business.id, owner.id), facts.program)
        if theirs is not None:
            person, card, sentence, letter = owner, theirs, AGAIN, ""
    now = desk.world.now()
    written = _letter(desk, customer.email, person.language, card, sentence=sentence, letter=letter)
    if again:
        return (written,)
    fresh = now - timedelta(days=1)
    if not contact.proven and (await desk.store.strike(key("letters", f"{facts.program.id}:{now.date()}"), at=now, fresh=fresh)).n > A_DAY:
        return ()
    struck = await desk.store.strike(key("letter", f"{business.id}:{contact.value}"), at=now, fresh=fresh)
    return (written,) if struck.n <= MOST_LETTERS else ()


NEW: Final = N_("Hello, this is your card “{program}”:")
AGAIN: Final = N_("Hello, somebody has just joined “{program}” with your address. If it was you: this is the card that you have.")
"""Nobody is called by name: a stranger who types an address would have us write what they typed as a name."""
UNASKED: Final = N_("If you have not joined, somebody typed your address: then leave this link alone.")
KEEP: Final = N_("Keep this link to yourself: it opens your card, on any phone.")


def _letter(desk: Desk, to: str, language: str, facts: CardFacts, *, sentence: str, letter: str) -> Letter:
    business = facts.business
    lines = (
        desk.words.said(language, sentence, program=facts.program.name.said(language)),
        f"{desk.public_url}/c/{facts.card.key}{letter}",
        desk.words.said(language, KEEP),
        *((desk.words.said(language, UNASKED),) if letter else ()),
        "\n".join(one for one in (business.name, business.contact) if one),
    )
    subject = desk.words.said(language, N_("Your card at {business}"), business=business.name)
    return Letter(to=to, subject=subject, text="\n\n".join(lines) + "\n")
