"""All that a business has recorded, walked from the oldest on along an index; and what is there when it comes back."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from app.db.conversing import Conversing, just
from app.db.history import Query
from app.db.shapes import CARD, COUPON, CUSTOMER, EVENT, REDEMPTION, REVERSAL, ROWS, Shape, as_id, checked
from app.db.statements import Ask, Talk
from app.db.tills import sold
from app.store import Place, Record, Sale
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Redemption, Reversal

S = TypeVar("S", bound=msgspec.Struct)


class Exported(Conversing):
    """See app.store.Store."""

    async def customers_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[tuple[Customer, Sequence[Card]]]:
        """See app.store.Store."""
        ask = self._oldest(CUSTOMER, "joined_at", business_id, since=since, after=after, limit=limit)
        return await self._read(self._with_cards(ask, business_id), heavy=True)

    def _with_cards(self, ask: Ask, business_id: UUID) -> Talk[Sequence[tuple[Customer, Sequence[Card]]]]:
        customers = [CUSTOMER.read(row) for row in (yield ask)]
        query = Query(self._dialect)
        mine = f"c.business_id = {query.given(business_id)} AND c.customer_id {query.listed([one.id for one in customers])}"
        of: defaultdict[UUID, list[Card]] = defaultdict(list)
        for row in (yield query.ask(f"SELECT {CARD.select('c')} FROM card AS c WHERE {mine} ORDER BY c.joined_at, c.id")):
            card = CARD.read(row)
            of[card.customer_id].append(card)
        return [(one, of[one.id]) for one in customers]

    async def coupons_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[Coupon]:
        """See app.store.Store."""
        ask = self._oldest(COUPON, "issued_at", business_id, since=since, after=after, limit=limit, but="t.state <> 'pooled'")
        return [COUPON.read(row) for row in await self._read(just(ask), heavy=True)]

    async def pool_on(self, business_id: UUID, offer_id: UUID, *, after: UUID | None = None, limit: int) -> Sequence[Coupon]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"t.offer_id = {query.given(offer_id)}", "t.state = 'pooled'", f"NOT (t.business_id <> {query.given(business_id)})"]
        if after is not None:
            wanted.append(f"t.id > {query.given(after)}")
        text = f"SELECT {COUPON.select('t')} FROM coupon AS t WHERE {' AND '.join(wanted)} ORDER BY t.id LIMIT {query.given(limit)}"
        return [COUPON.read(row) for row in await self._read(just(query.ask(text)), heavy=True)]

    async def redemptions_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[tuple[Redemption, Reversal | None, Sale | None]]:
        """See app.store.Store."""
        ask = self._oldest(REDEMPTION, "at", business_id, since=since, after=after, limit=limit)
        return await self._read(self._with_what_came_of_it(ask, business_id), heavy=True)

    def _with_what_came_of_it(self, ask: Ask, business_id: UUID) -> Talk[Sequence[tuple[Redemption, Reversal | None, Sale | None]]]:
        redemptions = [REDEMPTION.read(row) for row in (yield ask)]
        query = Query(self._dialect)
        these = query.listed([one.id for one in redemptions])
        rows = yield query.ask(f"SELECT {REVERSAL.select('v')} FROM reversal AS v WHERE v.redemption_id {these}")
        taken_back = {one.redemption_id: one for one in map(REVERSAL.read, rows)}
        sales = yield from sold(Query(self._dialect), business_id, {one.basket_id for one in redemptions if one.basket_id})
        return [(one, taken_back.get(one.id), sales.get(one.basket_id) if one.basket_id else None) for one in redemptions]

    async def events_on(
        self, business_id: UUID, *, since: datetime | None = None, after: int = 0, limit: int
    ) -> Sequence[tuple[int, Event]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"e.business_id = {query.given(business_id)}", f"e.seq > {query.given(after)}"]
        if since is not None:
            wanted.append(f"e.at >= {query.given(checked(since))}")
        text = f"SELECT e.seq, {EVENT.select('e')} FROM event AS e WHERE {' AND '.join(wanted)} ORDER BY e.seq LIMIT {query.given(limit)}"
        return [(row[0], EVENT.read(row[1:])) for row in await self._read(just(query.ask(text)), heavy=True)]

    def _oldest(
        self,
        shape: Shape[S],
        at: str,
        business_id: UUID,
        *,
        since: datetime | None,
        after: Place | None,
        limit: int,
        but: str = "",
    ) -> Ask:
        """The next of a table in order of (at, id)."""
        query = Query(self._dialect)
        wanted = [f"t.business_id = {query.given(business_id)}", *([but] if but else [])]
        if since is not None:
            wanted.append(f"t.{at} >= {query.given(checked(since))}")
        if after is not None:
            wanted.append(f"(t.{at}, t.id) > ({query.given(checked(after.at))}, {query.given(after.id)})")
        return query.ask(
            f"SELECT {shape.select('t')} FROM {shape.name} AS t WHERE {' AND '.join(wanted)}"
            f" ORDER BY t.{at}, t.id LIMIT {query.given(limit)}"
        )

    async def whose(self, of: type[Record], ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"SELECT id, business_id FROM {ROWS[of].name} WHERE id {query.listed(list(ids))}"
        return {as_id(row[0]): as_id(row[1]) for row in await self._read(just(query.ask(text)))}

    async def coupons_of(self, business_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, Coupon]:
        """See app.store.Store."""
        query = Query(self._dialect)
        these = query.listed(list(ids))
        text = f"SELECT {COUPON.select('c')} FROM coupon AS c WHERE c.id {these} AND NOT (c.business_id <> {query.given(business_id)})"
        return {one.id: one for one in map(COUPON.read, await self._read(just(query.ask(text))))}

    async def contacts_of(self, business_id: UUID, values: Sequence[str]) -> Mapping[str, UUID]:
        """See app.store.Store."""
        query = Query(self._dialect)
        mine = f"business_id = {query.given(business_id)} AND value {query.listed([checked(one) for one in values])}"
        found = await self._read(just(query.ask(f"SELECT value, customer_id FROM contact WHERE {mine}")))
        return {row[0]: as_id(row[1]) for row in found}

    async def known_numbers(self, business_id: UUID, numbers: Sequence[str]) -> frozenset[str]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"SELECT number FROM card WHERE business_id = {query.given(business_id)} AND number {query.listed(list(numbers))}"
        return frozenset(row[0] for row in await self._read(just(query.ask(text))))

    async def have_visited(self, card_ids: Sequence[UUID]) -> frozenset[UUID]:
        """See app.store.Store."""
        query = Query(self._dialect)
        any_visit = "EXISTS (SELECT 1 FROM event AS e WHERE e.card_id = c.id AND e.kind = 'stamped')"
        text = f"SELECT c.id FROM card AS c WHERE c.id {query.listed(list(card_ids))} AND {any_visit}"
        return frozenset(as_id(row[0]) for row in await self._read(just(query.ask(text))))
