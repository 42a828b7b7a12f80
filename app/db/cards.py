"""Cards, coupons and customers: everything on a card, and what happened to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from piccolo.columns.combination import And, Where

from app.db import tables
from app.db.conversing import Conversing, Key, answers, just, numbered
from app.db.history import Query
from app.db.listed import standing
from app.db.shapes import (
    BUSINESS,
    CAMPAIGN,
    CARD,
    CONTACT,
    COUPON,
    CUSTOMER,
    ENTRY,
    EVENT,
    OFFER,
    PROGRAM,
    REDEMPTION,
    REFUSAL,
    REVERSAL,
    Shape,
    as_id,
    checked,
)
from app.db.statements import Ask, Talk
from app.store import CardFacts, Contact, GivenState, Place
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Presented, Redemption, Refusal, Reversal, Used
from passes.offers import SECOND, Offer
from passes.programs import Program
from passes.words import Text

T = TypeVar("T")
EVENTS: Final = 10
"""The newest events of a card that its face may need, and whose coupons it may have to name."""
_CARD: Final = slice(1, 1 + len(CARD.names))
_HOLDER: Final = slice(_CARD.stop, _CARD.stop + len(CUSTOMER.names))
_COUPON: Final = slice(1, 1 + len(COUPON.names))
_OFFER: Final = slice(_COUPON.stop, _COUPON.stop + 1)
_REDEMPTION: Final = _COUPON.start + COUPON.names.index("redemption_id")


class Cards(Conversing):
    """See app.store.Store."""

    def _presented_by(self, text: str, keys: Sequence[Key]) -> Talk[Sequence[Presented | None]]:
        found = yield Ask(text, rows=numbered(keys))
        offers = [OFFER.read(row[_OFFER]) for row in found]
        wanted = {place for offer in offers for place in offer.locations}
        names: dict[UUID, str] = {}
        if wanted:
            names = {as_id(row[0]): row[1] for row in (yield Ask(self._say.places, (list(wanted),)))}
        used: dict[Any, Used] = {}
        if redeemed := [row[_REDEMPTION] for row in found if row[_REDEMPTION] is not None]:  # what never changes any more
            used = {row[0]: _used(row) for row in (yield Ask(self._say.used, (redeemed,)))}
        # A redemption that is gone was test mode's, which forgets it a moment before its coupon.
        there = ((row, offer) for row, offer in zip(found, offers, strict=True) if row[_REDEMPTION] is None or row[_REDEMPTION] in used)
        return answers(keys, ((row[0], _presented(row, offer, used.get(row[_REDEMPTION]), names)) for row, offer in there))

    async def card_facts(
        self,
        *,
        business_id: UUID | None = None,
        card_id: UUID | None = None,
        number: str | None = None,
        serial: str | None = None,
        key: str | None = None,
        story: bool = True,
    ) -> CardFacts | None:
        """See app.store.Store."""
        facts: CardFacts | None
        kind = "story" if story else "card"
        if card_id is not None:
            facts = await self._asked(f"{kind} by id", (card_id,))
        elif number is not None:
            if business_id is None:
                raise ValueError("a number is a card's only within a business")
            facts = await self._asked(f"{kind} by number", (checked(number), business_id))
        elif serial is not None:
            facts = await self._asked(f"{kind} by serial", (checked(serial),))
        else:
            facts = await self._asked(f"{kind} by key", (checked(key),))
        return facts if facts is not None and business_id in (None, facts.card.business_id) else None

    async def cards_facts(self, card_ids: Sequence[UUID]) -> Mapping[UUID, CardFacts]:
        """See app.store.Store."""
        found = await self._read(self._these(card_ids), heavy=True)
        return {facts.card.id: facts for facts in found.values()}

    def _these(self, card_ids: Sequence[UUID]) -> Talk[Mapping[Any, CardFacts]]:
        return (yield from self._facts((yield Ask(self._say.cards, (list(card_ids),))), story=True))

    def _cards_by(self, text: str, keys: Sequence[Key], *, story: bool) -> Talk[Sequence[CardFacts | None]]:
        rows = yield Ask(text, rows=numbered(keys))
        return answers(keys, (yield from self._facts(rows, story=story)).items())

    def _facts(self, rows: Sequence[Sequence[Any]], *, story: bool) -> Talk[Mapping[Any, CardFacts]]:
        """The cards of these rows and all on them, by whatever stands first in each."""
        cards = [
            (row[0], CARD.read(row[_CARD]), CUSTOMER.read(row[_HOLDER]), PROGRAM.read(row[-2:-1]), BUSINESS.read(row[-1:])) for row in rows
        ]
        if not cards:
            return {}
        ids = list({card.id for _, card, *_ in cards})
        events: list[Event] = []
        messages: dict[UUID, Text] = {}
        if story:
            events = [EVENT.read(row) for row in (yield Ask(self._say.newest_events, (ids, EVENTS - 1)))]
            said = {event.campaign_id for event in events if event.kind == "message" and event.campaign_id is not None}
            if said:
                campaigns = {as_id(row[0]): CAMPAIGN.read(row[1:]) for row in (yield Ask(self._say.messages, (list(said),)))}
                messages = {campaign_id: one.message for campaign_id, one in campaigns.items() if one.message is not None}
        mentioned = list({event.coupon_id for event in events if event.coupon_id is not None})
        goals = [goal.offer_id for program in {id(program): program for _, _, _, program, _ in cards}.values() for goal in program.goals]
        on_cards = Ask(self._say.card_coupons, (ids, goals, mentioned)) if mentioned else Ask(self._say.active_on_cards, (ids, goals))
        rows = yield on_cards
        offers = {offer.id: offer for offer in (OFFER.read(row) for row in rows)}
        coupons = [COUPON.read(row[1:]) for row in rows if row[1] is not None]
        coupons.sort(key=lambda coupon: (coupon.issued_at, coupon.id), reverse=True)
        one = len(cards) == 1 and not mentioned  # all that was found is on it
        coupons_of, events_of = ({}, {}) if one else (_by_card(coupons), _by_card(events))
        facts = {}
        for named, card, customer, program, business in cards:
            has, happened = (coupons, events) if one else (coupons_of.get(card.id, ()), events_of.get(card.id, ()))
            facts[named] = CardFacts(
                card=card,
                customer=customer,
                program=program,
                business=business,
                offers=offers if one else _needed(offers, program, has),
                coupons=has,
                events=happened,
                messages=_said(messages, happened) if messages else {},
            )
        return facts

    async def card_by_serial(self, serial: str) -> Card | None:
        """See app.store.Store."""
        return await self._one(CARD, tables.Card.select().where(tables.Card.serial == checked(serial)))

    async def coupon(self, business_id: UUID, coupon_id: UUID) -> Presented | None:
        """See app.store.Store."""
        return (await self._read(self._presented_by(self._say.coupon, [(business_id, coupon_id)])))[0]

    async def coupons(
        self,
        business_id: UUID,
        *,
        customer_id: UUID | None = None,
        batch_id: UUID | None = None,
        offer_id: UUID | None = None,
        after: UUID | None = None,
        limit: int = 100,
        pooled: bool = False,
    ) -> Sequence[Coupon]:
        """See app.store.Store."""
        table = tables.Coupon
        wanted: list[And | Where] = [table.business_id == business_id]
        if not pooled:
            wanted.append(table.state != "pooled")
        asked = ((table.customer_id, customer_id), (table.batch_id, batch_id), (table.offer_id, offer_id))
        wanted += [column == value for column, value in asked if value is not None]
        if after is not None:
            wanted.append(table.id > after)
        return await self._all(COUPON, table.select().where(*wanted).order_by(table.id).limit(limit))

    async def given(
        self,
        business_id: UUID,
        *,
        now: datetime,
        offer_id: UUID | None = None,
        batch_id: UUID | None = None,
        state: GivenState | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[tuple[Coupon, str]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"c.business_id = {query.given(business_id)}", "c.state <> 'pooled'"]
        wanted += [f"c.{name} = {query.given(of)}" for name, of in (("offer_id", offer_id), ("batch_id", batch_id)) if of is not None]
        wanted += standing(query, "c", state, now)
        if after is not None:
            wanted.append(f"(c.issued_at, c.id) < ({query.given(checked(after.at))}, {query.given(after.id)})")
        text = f"""
            SELECT {COUPON.select("c")}, u.name FROM coupon AS c LEFT JOIN customer AS u ON u.id = c.customer_id
            WHERE {" AND ".join(wanted)} ORDER BY c.issued_at DESC, c.id DESC LIMIT {query.given(limit)}"""  # noqa: S608 (our own columns; every value is a parameter)
        return [(COUPON.read(row), row[-1] or "") for row in await self._read(just(query.ask(text)), heavy=True)]

    async def pooled(self, business_id: UUID, offer_id: UUID, *, limit: int, now: datetime | None = None) -> Sequence[Coupon]:
        """See app.store.Store."""
        table = tables.Coupon
        left = (table.business_id == business_id) & (table.offer_id == offer_id) & (table.state == "pooled")
        if now is not None:
            left = left & (table.expires_at.is_null() | (table.expires_at > checked(now - SECOND)))
        return await self._all(COUPON, table.select().where(left).order_by(table.id).limit(limit))

    async def pools(self, business_id: UUID) -> Mapping[UUID, int]:
        """See app.store.Store. Without those in which none is left."""
        found = await self._read(just(Ask(self._say.pools, (business_id,))), heavy=True)
        return {as_id(offer_id): left for offer_id, left in found if left}

    async def outstanding(self, business_id: UUID, *, now: datetime) -> Mapping[UUID, tuple[int, int]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        active = f"business_id = {query.given(business_id)} AND state = 'active'"
        fresh = f"(expires_at IS NULL OR expires_at > {query.given(checked(now) - SECOND)})"
        text = f"SELECT offer_id, count(*), count(DISTINCT card_id) FROM coupon WHERE {active} AND {fresh} GROUP BY offer_id"  # noqa: S608
        return {as_id(row[0]): (row[1], row[2]) for row in await self._read(just(query.ask(text)), heavy=True)}

    async def balances(self, business_id: UUID, program_id: UUID) -> Mapping[int, int]:
        """See app.store.Store."""
        query = Query(self._dialect)
        of_program = f"business_id = {query.given(business_id)} AND program_id = {query.given(program_id)} AND left_at IS NULL"
        text = f"SELECT balance, count(*) FROM card WHERE {of_program} GROUP BY balance"  # noqa: S608 (its values are parameters)
        return {int(row[0]): int(row[1]) for row in await self._read(just(query.ask(text)), heavy=True)}

    async def known_codes(self, business_id: UUID, codes: Sequence[str]) -> frozenset[str]:
        """See app.store.Store."""
        values = (business_id, [checked(code) for code in codes])
        return frozenset(row[0] for row in await self._read(just(Ask(self._say.known_codes, values)), heavy=True))

    # --- Customers ---

    async def customer(self, business_id: UUID, customer_id: UUID) -> Customer | None:
        """See app.store.Store."""
        table = tables.Customer
        return await self._one(CUSTOMER, table.select().where((table.id == customer_id) & (table.business_id == business_id)))

    async def contact(self, business_id: UUID, value: str) -> Contact | None:
        """See app.store.Store."""
        table = tables.Contact
        return await self._one(CONTACT, table.select().where((table.business_id == business_id) & (table.value == checked(value))))

    async def cards_of(self, business_id: UUID, customer_id: UUID) -> Sequence[Card]:
        """See app.store.Store."""
        table = tables.Card
        mine = (table.business_id == business_id) & (table.customer_id == customer_id)
        return await self._all(CARD, table.select().where(mine).order_by(table.joined_at, table.id))

    # --- What happened ---

    async def redemption(self, business_id: UUID, redemption_id: UUID) -> tuple[Redemption, Presented] | None:
        """See app.store.Store."""
        table = tables.Redemption
        found = await self._one(REDEMPTION, table.select().where((table.id == redemption_id) & (table.business_id == business_id)))
        presented = await self.coupon(business_id, found.coupon_id) if found is not None else None
        return (found, presented) if found is not None and presented is not None else None

    async def coupon_history(self, business_id: UUID, coupon_id: UUID) -> Sequence[Redemption | Reversal | Refusal]:
        """See app.store.Store."""
        happened: list[Redemption | Reversal | Refusal] = []
        shapes: tuple[Shape[Any], ...] = (REDEMPTION, REVERSAL, REFUSAL)
        for shape in shapes:
            table: Any = shape.table
            happened += await self._all(shape, table.select().where((table.business_id == business_id) & (table.coupon_id == coupon_id)))
        return sorted(happened, key=lambda one: (one.at, one.id))

    async def done_at_desk(self, business_id: UUID, coupon_id: UUID) -> Sequence[Event]:
        """See app.store.Store."""
        return [EVENT.read(row) for row in await self._read(just(Ask(self._say.at_desk, (coupon_id, business_id))))]

    async def card_history(self, business_id: UUID, card_id: UUID, *, limit: int = 100) -> Sequence[Event]:
        """See app.store.Store."""
        table = tables.Event
        mine = (table.business_id == business_id) & (table.card_id == card_id)
        return await self._all(EVENT, table.select().where(mine).order_by(table.seq, ascending=False).limit(limit))

    async def ledger(self, business_id: UUID, card_id: UUID) -> Sequence[Entry]:
        """See app.store.Store."""
        table = tables.Entry
        mine = (table.business_id == business_id) & (table.card_id == card_id)
        return await self._all(ENTRY, table.select().where(mine).order_by(table.number))

    async def tick(self) -> int:
        """See app.store.Store."""
        return int((await self._read(just(Ask(self._dialect.text("SELECT tick FROM clock"), ()))))[0][0])

    async def since(self, card_ids: Sequence[UUID], tick: int) -> Sequence[tuple[Event, UUID | None]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"""
            SELECT {EVENT.select("e")}, k.offer_id FROM event AS e LEFT JOIN coupon AS k ON k.id = e.coupon_id
            WHERE e.card_id {query.listed(card_ids)} AND e.seq > {query.given(tick)} ORDER BY e.seq"""  # noqa: S608 (columns of ours)
        found = await self._read(just(query.ask(text)), heavy=True)
        return [(EVENT.read(row), as_id(row[-1]) if row[-1] is not None else None) for row in found]


def _by_card(found: Sequence[T]) -> dict[UUID, list[T]]:
    by: dict[UUID, list[T]] = {}
    for one in found:
        by.setdefault(one.card_id, []).append(one)  # type: ignore[attr-defined]
    return by


def _needed(offers: Mapping[UUID, Offer], program: Program, coupons: Sequence[Coupon]) -> Mapping[UUID, Offer]:
    """The offers of a program's goals and of a card's coupons."""
    wanted = {goal.offer_id for goal in program.goals} | {coupon.offer_id for coupon in coupons}
    return {offer_id: offers[offer_id] for offer_id in wanted if offer_id in offers}


def _used(row: Sequence[Any]) -> Used:
    staff, location = row[len(REDEMPTION.names) :]
    return Used(redemption=REDEMPTION.read(row), location=location or "", staff=staff or "")


def _presented(row: Sequence[Any], offer: Offer, used: Used | None, names: Mapping[UUID, str]) -> Presented:
    customer, in_all, by_customer = row[_OFFER.stop :]
    return Presented(
        coupon=COUPON.read(row[_COUPON]),
        offer=offer,
        customer=customer or "",
        used=used,
        places=tuple(names[place] for place in offer.locations if place in names),
        redeemed_in_all=max(0, in_all or 0),
        redeemed_by_customer=max(0, by_customer or 0),
    )


def _said(messages: Mapping[UUID, Text], events: Sequence[Event]) -> Mapping[UUID, Text]:
    """What the campaigns say that a card's events name."""
    return {one: messages[one] for event in events if (one := event.campaign_id) is not None and one in messages}
