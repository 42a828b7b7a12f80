"""What those who look after customers see: lists and a search, and of one customer everything that is known, in order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk, read, segments
from app.desk.views import CardView, CouponView, InstallationView, Look
from app.store import Known, Life, Mark, PeopleOrder
from passes import codes, contacts
from passes.businesses import Business
from passes.cards import Customer, Entry, Event, EventKind
from passes.codes import Number
from passes.coupons import Redemption, Reversal
from passes.problems import NotFound, Problem
from passes.programs import Program
from passes.words import N_

PAGE: Final = 50
AT_ONCE: Final = 500
"""Customers that an export has in memory."""
ALL: Final = 100_000
"""More than anybody does in a life: an export leaves nothing out."""
ALIKE: Final = 50


# --- Many ---


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which customers, in which order; those of a ``segment`` are in the order of their cards, those of a ``text`` newest first."""

    order: PeopleOrder = "newest"
    segment: UUID | None = None
    text: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some customers; ``after`` is where the next page begins, None if this was the last."""

    rows: Sequence[Known]
    after: Mark | None


async def page(desk: Desk, business: Business, wanted: Wanted, *, after: Mark | None = None, limit: int = PAGE) -> Page:
    """A page of the list. A search is one page: whoever is not on it is found by typing on. Raises NotFound for an unknown segment."""
    if wanted.text.strip():
        return Page(rows=await _sought(desk, business, wanted.text.strip(), limit), after=None)
    if wanted.segment is not None:
        return await _of_segment(desk, business, wanted.segment, after, limit)
    found = await desk.store.people(business.id, order=wanted.order, after=after, limit=limit + 1)
    rows = found[:limit]
    return Page(rows=rows, after=Mark(rows[-1].at, rows[-1].customer.id) if len(found) > limit else None)


async def rows(desk: Desk, business: Business, wanted: Wanted) -> AsyncIterator[Known]:
    """All customers of a list, each once, a few hundred in memory at a time."""
    after: Mark | None = None
    told: set[UUID] = set()
    while True:
        some = await page(desk, business, wanted, after=after, limit=AT_ONCE)
        for one in some.rows:
            if one.customer.id not in told:
                yield one
        told.update(one.customer.id for one in some.rows)
        if some.after is None:
            return
        after = some.after


async def _of_segment(desk: Desk, business: Business, segment_id: UUID, after: Mark | None, limit: int) -> Page:
    segment = await segments.segment(desk, business.id, segment_id)
    found = await desk.store.segment(
        business.id, segment.rules, now=desk.world.now(), zone=business.tz, after=after.id if after else None, limit=limit + 1
    )
    ids = list(dict.fromkeys(customer.id for _, customer in found[:limit]))
    known = {one.customer.id: one for one in await desk.store.people(business.id, ids=ids, limit=limit)}
    last = found[:limit][-1][0] if found else None
    return Page(rows=[known[one] for one in ids if one in known], after=Mark(0, last.id) if last and len(found) > limit else None)


async def _sought(desk: Desk, business: Business, text: str, limit: int) -> Sequence[Known]:
    """By name, phone or e-mail address; by a card's number or a code, which only the one has."""
    ids = list(await desk.store.people_like(business.id, text, limit=limit))
    try:
        read_ = codes.read(text, prefixes=business.prefixes, imported=business.imported)
    except Problem:
        read_ = None
    if isinstance(read_, Number):
        facts = await desk.store.card_facts(business_id=business.id, number=read_.value)
        ids += [(await read.followed(desk, facts)).customer.id] if facts else []
    elif read_ is not None:
        for code in (read_.value, read_.also):
            presented = await desk.store.presented(business.id, code) if code else None
            ids += [presented.coupon.customer_id] if presented and presented.coupon.customer_id else []
    return await desk.store.people(business.id, ids=list(dict.fromkeys(ids)), limit=limit) if ids else ()


async def alike(desk: Desk, business: Business) -> Sequence[tuple[Known, Known]]:
    """Pairs of customers that are perhaps one person, the older one first."""
    pairs = await desk.store.alike(business.id, limit=ALIKE)
    ids = list({one for pair in pairs for one in pair})
    known = {one.customer.id: one for one in await desk.store.people(business.id, ids=ids, limit=len(ids))} if ids else {}
    return [(known[one], known[another]) for one, another in pairs if one in known and another in known]


async def proven(desk: Desk, business: Business, those: Sequence[Known]) -> frozenset[UUID]:
    """Which of these customers are proven to be whose e-mail address or number they gave (app.store.Contact)."""
    found = set()
    for one in {known.customer.id: known.customer for known in those}.values():
        for value in contacts.values(business, email=one.email, phone=one.phone):
            contact = await desk.store.contact(business.id, value)
            if contact is not None and contact.proven and contact.customer_id == one.id:
                found.add(one.id)
    return frozenset(found)


# --- One ---


class Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a customer's story: what, when, how much, of which offer, why, by whom and where, as far as it is known."""

    kind: EventKind
    at: datetime
    amount: int = 0
    unit: Literal["", "stamps", "points"] = ""
    program: str = ""
    offer: str = ""
    coupon_id: UUID | None = None
    code: str = ""
    reason: str = ""
    word: str = ""
    """Why a code was refused."""
    presented: str = ""
    wallet: str = ""
    campaign: str = ""
    staff: str = ""
    location: str = ""


class CardSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is now, where its holder sees it, and what each phone was told, asked and fetched."""

    view: CardView
    key: str
    visits: int
    visited_at: datetime | None
    left_at: datetime | None
    merged: bool
    """It has become part of another card of the same customer's."""
    phones: tuple[InstallationView, ...]


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a customer. ``others`` are who was merged into them; the story is newest first."""

    customer: Customer
    others: tuple[Customer, ...]
    joined_in: str
    cards: tuple[CardSeen, ...]
    coupons: tuple[CouponView, ...]
    story: tuple[Happened, ...]


async def whole(desk: Desk, business: Business, customer_id: UUID, *, language: str, limit: int = AT_ONCE) -> Whole:
    """A customer; of one who was merged, whom they were merged into. Raises NotFound, also for one who was forgotten."""
    life = await desk.store.life(business.id, customer_id, limit=limit)
    if life is None or life.family[0].erased_at is not None:
        raise NotFound(what=N_("customer"))
    look = desk.look(business, language, desk.world.now())
    names = await _names(desk, business, life, language)
    facts = await desk.store.cards_facts([card.id for card in life.cards])
    cards = [
        CardSeen(
            view=look.card(facts[card.id]),
            key=card.key,
            visits=card.visits,
            visited_at=look.at(card.visited_at) if card.visited_at else None,
            left_at=look.at(card.left_at) if card.left_at else None,
            merged=card.left_at is not None and card.customer_id != life.family[0].id,
            phones=tuple(look.installation(one, card) for one in await desk.store.installations(card.id)),
        )
        for card in sorted(life.cards, key=lambda one: (one.left_at is not None, one.joined_at))
    ]
    offers = await desk.store.offers(business.id, list({one.offer_id for one in life.coupons}))
    coupons = [look.coupon(one, offers[one.offer_id]) for one in life.coupons if one.offer_id in offers]
    customer, *others = life.family
    return Whole(
        customer=customer,
        others=tuple(others),
        joined_in=names.of(customer.location_id),
        cards=tuple(cards),
        coupons=tuple(coupons),
        story=_story(life, look, names, {one.id: one for one in coupons}),
    )


class _Names(msgspec.Struct, frozen=True):
    """What the things are called that a story names."""

    by: Mapping[UUID, str]
    programs: Mapping[UUID, Program]

    def of(self, id_: UUID | None) -> str:
        return self.by.get(id_, "") if id_ else ""


async def _names(desk: Desk, business: Business, life: Life, language: str) -> _Names:
    store = desk.store
    programs = {one.id: one for one in await store.programs(business.id)}
    of_card = {card.id: programs[card.program_id] for card in life.cards}
    by: dict[UUID, str] = {one.id: one.name for one in await store.locations(business.id)}
    by |= {one.id: one.name for one in await store.staff(business.id)}
    by |= {one.id: one.name for one in await store.campaigns(business.id)}
    by |= {one.id: one.name.said(language) for one in programs.values()}
    return _Names(by, of_card)


def _story(life: Life, look: Look, names: _Names, coupons: Mapping[UUID, CouponView]) -> tuple[Happened, ...]:
    """Events, and what the ledger, the redemptions and the reversals of the same moment say beyond them; and the refusals."""
    entries = {(one.card_id, one.at): one for one in life.entries}
    used: dict[tuple[UUID, datetime], Redemption | Reversal] = {(one.coupon_id, one.at): one for one in life.redemptions}
    used |= {(one.coupon_id, one.at): one for one in life.reversals}
    lines = [
        Happened(
            kind="refused",
            at=look.at(one.at),
            word=one.word,
            presented=one.presented,
            staff=names.of(one.staff_id),
            location=names.of(one.location_id),
            **_of_coupon(one.coupon_id, coupons),
        )
        for one in life.refusals
    ]
    for event in life.events:
        done = used.get((event.coupon_id, event.at)) if event.kind in ("redeemed", "goodwill", "reversed") and event.coupon_id else None
        line = entries.get((event.card_id, event.at)) if event.kind in ("stamped", "corrected", "merged") and event.card_id else None
        where: Redemption | Reversal | Entry | None = done or (line if event.kind == "stamped" else None)
        lines.append(
            Happened(
                kind=event.kind,
                at=look.at(event.at),
                reason=event.reason or (done.reason if done else ""),
                wallet=event.wallet,
                campaign=names.of(event.campaign_id),
                staff=names.of(event.staff_id) or (names.of(where.staff_id) if where else ""),
                location=names.of(where.location_id) if where else "",
                **_counted(event, names),
                **_of_coupon(event.coupon_id, coupons),
            )
        )
    return tuple(sorted(lines, key=lambda one: one.at, reverse=True))


def _counted(event: Event, names: _Names) -> dict[str, Any]:
    program = names.programs.get(event.card_id) if event.card_id else None
    if program is None:
        return {}
    return {"amount": event.amount, "unit": program.unit if event.amount else "", "program": names.of(program.id)}


def _of_coupon(coupon_id: UUID | None, coupons: Mapping[UUID, CouponView]) -> dict[str, Any]:
    coupon = coupons.get(coupon_id) if coupon_id else None
    return {"coupon_id": coupon_id, "offer": coupon.offer.title, "code": coupon.shown} if coupon else {"coupon_id": coupon_id}
