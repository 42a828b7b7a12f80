"""What lines that come back come to: each is one record, if it is not there already and everything that it names is.

Ids stay; one that another business of the installation has is replaced by one made from it (``Places``), the same wherever it is named.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from app.desk import Desk, counting
from app.desk.lines import CouponLine, CustomerLine, EventLine, RedemptionLine, What
from app.desk.redeem import counted
from app.desk.telling import EVENT_KINDS
from app.store import Change, Contact, Count, Record, Row, Tally
from passes import codes, contacts
from passes.businesses import Business, Location
from passes.cards import Card, Customer, Entry, Event
from passes.codes import Code, Number
from passes.coupons import Coupon, Redemption, Reversal
from passes.offers import LAST_YEAR, Offer
from passes.problems import Problem, UnknownCode
from passes.programs import Program
from passes.words import N_, Text

FOREVER: Final = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
"""Until when a redeemed coupon is held for its redemption, which comes with another file."""

Wrong = Literal[
    "columns", "cells", "unreadable", "program", "offer", "location", "card", "customer", "coupon", "number", "code", "redemption"
]
WRONG: Final[Mapping[Wrong, str]] = {
    "columns": N_("The first line does not name the columns of such a file."),
    "cells": N_("This line has more or fewer cells than the first one."),
    "unreadable": N_("What stands in this column cannot be read."),
    "program": N_("There is no program of this id or name."),
    "offer": N_("There is no offer of this id or title."),
    "location": N_("There is no location of this id or name."),
    "card": N_("There is no such card here: bring the customers first."),
    "customer": N_("There is no such customer here: bring the customers first."),
    "coupon": N_("There is no such coupon here: bring the coupons first."),
    "number": N_("No card's number, or another card's."),
    "code": N_("No redeem code, or another coupon's."),
    "redemption": N_("The coupon does not wait for this redemption."),
}
"""Why a line is not brought in."""

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")


class Bad(msgspec.Struct, frozen=True, array_like=True):
    """A line of the file (counted from 1, where the columns are named) that is not brought in, and why; never what stands there."""

    line: int
    word: Wrong
    column: str = ""


class _Refused(Exception):
    """This line is not brought in."""

    def __init__(self, word: Wrong, column: str = "") -> None:
        self.word, self.column = word, column
        super().__init__(word)


class Laid(msgspec.Struct, kw_only=True):
    """What some lines come to: what must become true, how many were there already, and which are bad."""

    rows: list[Row] = []
    changes: list[Change] = []
    tallies: list[Tally] = []
    counts: list[Count] = []
    touches: set[UUID] = set()
    done: int = 0
    skipped: int = 0
    bad: list[Bad] = []
    foreign_codes: bool = False
    """A code is among them that was not minted by this house."""


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who brings a file, where, and by which key: what the file does not say itself was done by them."""

    staff_id: UUID
    location_id: UUID
    counter_id: UUID


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What there is at this business for lines to name, by id, else by name."""

    business: Business
    by: By
    programs: Mapping[UUID, Program]
    offers: Mapping[UUID, Offer]
    locations: Mapping[UUID, Location]
    staff: Mapping[UUID, str]

    def program(self, id_: UUID | None, name: str) -> Program:
        """Raises _Refused."""
        return _named(self.programs, id_, name, lambda one: one.name) or _no("program")

    def offer(self, id_: UUID | None, title: str) -> Offer:
        """Raises _Refused."""
        return _named(self.offers, id_, title, lambda one: one.title) or _no("offer")

    def location_id(self, id_: UUID | None, name: str) -> UUID | None:
        """None if none is named. Raises _Refused for one that is not here."""
        if id_ is None and not name:
            return None
        found = _named(self.locations, id_, name, lambda one: one.name) or _no("location")
        return found.id

    def staff_id(self, id_: UUID | None, name: str) -> UUID:
        """Who did it; whoever is not known here is taken to be who brings the file."""
        if id_ in self.staff:
            return id_  # type: ignore[return-value]
        return next((one for one, called in self.staff.items() if name and called == name), self.by.staff_id)


def _named(known: Mapping[UUID, T], id_: UUID | None, name: str, called: Callable[[T], str | Text]) -> T | None:
    if id_ in known:
        return known[id_]  # type: ignore[index]

    def fits(one: T) -> bool:
        said = called(one)
        return name in ([words for _, words in said.by] if isinstance(said, Text) else [said])

    return next((one for one in known.values() if name and fits(one)), None)


def _no(word: Wrong) -> Any:
    raise _Refused(word, word)


async def here(desk: Desk, business: Business, by: By) -> Here:
    """What there is now."""
    store = desk.store
    return Here(
        business=business,
        by=by,
        programs={one.id: one for one in await store.programs(business.id)},
        offers={one.id: one for one in await store.all_offers(business.id)},
        locations={one.id: one for one in await store.locations(business.id)},
        staff={one.id: one.name for one in await store.staff(business.id)},
    )


class Places(msgspec.Struct, frozen=True):
    """Under which ids records of one kind stand here, and which of them are there."""

    business_id: UUID
    owners: Mapping[UUID, UUID]

    def placed(self, id_: UUID) -> UUID:
        """The id itself; or, if it is a record of another business, one that is made from it."""
        return id_ if self.owners.get(id_, self.business_id) == self.business_id else uuid5(self.business_id, str(id_))

    def has(self, id_: UUID | None) -> bool:
        """Whether the record is there."""
        return id_ is not None and self.owners.get(self.placed(id_)) == self.business_id

    def named(self, id_: UUID | None, word: Wrong, column: str) -> UUID | None:
        """The id under which a record stands here that must be there, if one is named. Raises _Refused."""
        if id_ is not None and not self.has(id_):
            raise _Refused(word, column)
        return self.placed(id_) if id_ else None

    def perhaps(self, id_: UUID | None) -> UUID | None:
        """The id under which a record stands here, or would."""
        return self.placed(id_) if id_ else None


async def _places(desk: Desk, business: Business, of: type[Record], ids: Sequence[UUID | None]) -> Places:
    wanted = {one for one in ids if one is not None}
    owners = dict(await desk.store.whose(of, list(wanted)))
    made = [uuid5(business.id, str(one)) for one in wanted if owners.get(one, business.id) != business.id]
    return Places(business.id, owners | (dict(await desk.store.whose(of, made)) if made else {}))


def _each(lines: Sequence[tuple[int, R]], laid: Laid, lay: Callable[[R], bool]) -> None:
    """Lay each line down; ``lay`` says whether it was new."""
    for number, line in lines:
        try:
            if lay(line):
                laid.done += 1
            else:
                laid.skipped += 1
        except _Refused as refused:
            laid.bad.append(Bad(number, refused.word, refused.column))


# --- Customers ---


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
        people=await _places(desk, business, Customer, [one for line in said for one in (line.customer_id, line.merged_into)]),
        cards=await _places(desk, business, Card, [line.card_id for line in said]),
        numbers=numbers,
        owners=owners,
    )


async def _customers(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, CustomerLine]]) -> None:
    business = here.business
    known = await _people(desk, business, [line for _, line in lines])

    def lay(line: CustomerLine) -> bool:
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

    _each(lines, laid, lay)


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
        raise _Refused("number", "number")
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


# --- Coupons ---


async def _coupons(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, CouponLine]]) -> None:
    business = here.business
    said = [line for _, line in lines]
    taken = set(await desk.store.known_codes(business.id, [line.code for line in said]))
    there = await _places(desk, business, Coupon, [line.coupon_id for line in said])
    people = await _places(desk, business, Customer, [line.customer_id for line in said])
    cards = await _places(desk, business, Card, [line.card_id for line in said])
    used = await _places(desk, business, Redemption, [line.redemption_id for line in said])
    laid_down: set[UUID] = set()

    def lay(line: CouponLine) -> bool:
        id_ = there.placed(line.coupon_id)
        if there.has(line.coupon_id) or id_ in laid_down:
            return False
        minted = _minted(line.code)
        if minted is None or line.code in taken:
            raise _Refused("code", "code")
        if line.state == "voided" and line.voided_at is None:
            raise _Refused("unreadable", "voided_at")
        if line.state == "redeemed" and line.redemption_id is None:
            raise _Refused("unreadable", "redemption_id")
        coupon = Coupon(
            id=id_,
            business_id=business.id,
            offer_id=here.offer(line.offer_id, line.offer).id,
            card_id=cards.named(line.card_id, "card", "card_id"),
            customer_id=people.named(line.customer_id, "customer", "customer_id"),
            code=line.code,
            state=line.state,
            issued_at=line.issued_at,
            valid_from=line.valid_from,
            expires_at=line.expires_at,
            redemption_id=used.perhaps(line.redemption_id),
            voided_at=line.voided_at,
            batch_id=line.batch_id,
        )
        if coupon.state == "redeemed" and not used.has(line.redemption_id):
            coupon = replace(coupon, state="active", redemption_id=None, held_by=coupon.redemption_id, held_until=FOREVER)
        laid_down.add(id_)
        taken.add(line.code)
        laid.foreign_codes = laid.foreign_codes or not minted
        laid.rows.append(coupon)
        if line.state != "pooled":
            laid.counts += counting.issued((coupon,), business.tz)
        if line.state == "voided" and line.voided_at and line.redemption_id is None:
            laid.counts += counting.voided((replace(coupon, state="active"),), line.voided_at, business.tz)
        if line.state == "active" and coupon.card_id:
            laid.touches.add(coupon.card_id)
        return True

    _each(lines, laid, lay)


def _minted(code: str) -> bool | None:
    """Whether a code was minted by this house or brought to it; None if it is none."""
    try:
        if codes.clean(code) != code:
            return None
        read = codes.read(code)
    except UnknownCode:
        return None if not code or len(code) > codes.LONGEST else False
    except Problem:
        return False
    return isinstance(read, Code) and read.value == code


# --- Redemptions ---


async def _redemptions(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, RedemptionLine]]) -> None:
    business = here.business
    said = [line for _, line in lines]
    coupons = await _places(desk, business, Coupon, [line.coupon_id for line in said])
    known = await desk.store.coupons_of(business.id, [coupons.placed(line.coupon_id) for line in said])
    there = await _places(desk, business, Redemption, [line.redemption_id for line in said])
    back = await _places(desk, business, Reversal, [line.reversal_id for line in said])
    people = await _places(desk, business, Customer, [line.customer_id for line in said])
    cards = await _places(desk, business, Card, [line.card_id for line in said])
    laid_down: set[UUID] = set()

    def lay(line: RedemptionLine) -> bool:
        id_ = there.placed(line.redemption_id)
        if there.has(line.redemption_id) or id_ in laid_down:
            return False
        coupon = known.get(coupons.placed(line.coupon_id))
        if coupon is None:
            raise _Refused("coupon", "coupon_id")
        redemption = Redemption(
            id=id_,
            business_id=business.id,
            coupon_id=coupon.id,
            card_id=cards.perhaps(line.card_id),
            kind=line.kind,
            at=line.at,
            location_id=here.location_id(line.location_id, line.location) or here.by.location_id,
            staff_id=here.staff_id(line.staff_id, line.staff),
            counter_id=here.by.counter_id,
            channel=line.channel,
            reason=line.reason,
            offer_id=coupon.offer_id,
            customer_id=people.perhaps(line.customer_id),
            basket_id=line.basket_id,
        )
        reversal = _reversal(here, back, laid_down, line, redemption)
        waits = coupon.state == "active" and coupon.held_by == id_
        if reversal is None and not waits and coupon.redemption_id != id_:
            raise _Refused("redemption", "coupon_id")  # it would have been used twice
        laid_down.add(id_)
        laid.rows.append(redemption)
        if reversal is not None:
            laid.rows.append(reversal)
            return True
        if waits:
            seen = {"state": "active", "held_by": id_}
            to = {"state": "redeemed", "redemption_id": id_, "held_by": None, "held_until": None}
            laid.changes.append(Change(of=Coupon, id=coupon.id, seen=seen, to=to))
        laid.counts += counting.redeemed(redemption, coupon, business.tz)
        laid.tallies += (replace(one, most=None) for one in counted(here.offers[coupon.offer_id], coupon, by=1))
        if coupon.card_id:
            laid.touches.add(coupon.card_id)
        return True

    _each(lines, laid, lay)


def _reversal(here: Here, back: Places, laid_down: set[UUID], line: RedemptionLine, redemption: Redemption) -> Reversal | None:
    """What took a redemption back, if something did. Raises _Refused for what has taken another one back."""
    if line.reversal_id is None or line.reversed_at is None:
        return None
    id_ = back.placed(line.reversal_id)
    if back.has(line.reversal_id) or id_ in laid_down:
        raise _Refused("redemption", "reversal_id")
    laid_down.add(id_)
    return Reversal(
        id=id_,
        business_id=redemption.business_id,
        redemption_id=redemption.id,
        coupon_id=redemption.coupon_id,
        at=line.reversed_at,
        location_id=here.location_id(line.reversal_location_id, line.reversal_location) or here.by.location_id,
        staff_id=here.staff_id(line.reversal_staff_id, line.reversal_staff),
        counter_id=here.by.counter_id,
        reason=line.reversal_reason,
        redeemed_at=redemption.at,
    )


# --- Events ---


async def _events(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, EventLine]]) -> None:
    business = here.business
    said = [line for _, line in lines]
    there = await _places(desk, business, Event, [line.event_id for line in said])
    people = await _places(desk, business, Customer, [line.customer_id for line in said])
    cards = await _places(desk, business, Card, [line.card_id for line in said])
    coupons = await _places(desk, business, Coupon, [line.coupon_id for line in said])
    visited = set(await desk.store.have_visited([cards.placed(line.card_id) for line in said if line.card_id]))
    laid_down: set[UUID] = set()

    def lay(line: EventLine) -> bool:
        id_ = there.placed(line.event_id)
        if there.has(line.event_id) or id_ in laid_down:
            return False
        event = Event(
            id=id_,
            business_id=business.id,
            card_id=cards.perhaps(line.card_id),
            customer_id=people.perhaps(line.customer_id),
            coupon_id=coupons.perhaps(line.coupon_id),
            kind=EVENT_KINDS[line.type],
            at=line.at,
            amount=line.amount,
            wallet=line.wallet,
            reason=line.reason,
            staff_id=here.staff_id(line.staff_id, line.staff) if line.staff_id or line.staff else None,
            campaign_id=line.campaign_id,
        )
        laid_down.add(id_)
        laid.rows.append(event)
        laid.counts += counting.logged(event, business.tz, first=event.card_id is not None and event.card_id not in visited)
        if event.kind == "stamped" and event.card_id:
            visited.add(event.card_id)
        return True

    _each(lines, laid, lay)


LAY: Final[Mapping[What, Callable[[Desk, Here, Laid, Any], Awaitable[None]]]] = {
    "customers": _customers,
    "coupons": _coupons,
    "redemptions": _redemptions,
    "events": _events,
}
"""The one list: what comes back, and how its lines are laid down."""
