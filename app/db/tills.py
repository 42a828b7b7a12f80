"""What a till brings and holds: baskets, reservations, and sales with what came back of them."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from app.db import tables
from app.db.cards import Cards
from app.db.conversing import just
from app.db.history import Query
from app.db.shapes import COUPON, REDEMPTION, RESERVATION, RETURN, SALE, as_id, as_moment, checked
from app.db.statements import Ask, Talk
from app.store import Place, Reservation, Return, Sale
from passes.coupons import LONGEST_HOLD, Coupon, Presented, Redemption

MOST_REWARDS: Final = 500
"""Coupons that a card can have earned since a sale that anybody brings back."""


class Tills(Cards):
    """See app.store.Store."""

    async def basket(self, business_id: UUID, basket_id: UUID) -> Sequence[tuple[Redemption, Presented]]:
        """See app.store.Store."""
        table = tables.Redemption
        mine = (table.basket_id == basket_id) & (table.business_id == business_id)
        found = await self._all(REDEMPTION, table.select().where(mine).order_by(table.id))
        keys = [(business_id, one.coupon_id) for one in found]
        presented = await self._read(self._presented_by(self._say.coupon, keys)) if keys else ()
        return [(one, of) for one, of in zip(found, presented, strict=True) if of is not None]

    async def reservation(self, business_id: UUID, reservation_id: UUID) -> Reservation | None:
        """See app.store.Store."""
        table = tables.Reservation
        return await self._one(RESERVATION, table.select().where((table.id == reservation_id) & (table.business_id == business_id)))

    async def holding(self, business_id: UUID, *, now: datetime, after: Place | None = None, limit: int = 50) -> Sequence[Reservation]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"r.business_id = {query.given(business_id)}", f"r.at > {query.given(checked(now - LONGEST_HOLD))}"]
        wanted.append(f"EXISTS (SELECT 1 FROM coupon AS c WHERE c.held_by = r.id AND c.held_until > {query.given(checked(now))})")
        if after is not None:
            wanted.append(f"(r.at, r.id) < ({query.given(checked(after.at))}, {query.given(after.id)})")
        text = f"""
            SELECT {RESERVATION.select("r")} FROM reservation AS r WHERE {" AND ".join(wanted)}
            ORDER BY r.at DESC, r.id DESC LIMIT {query.given(limit)}"""
        return [RESERVATION.read(row) for row in await self._read(just(query.ask(text)))]

    async def held_lately(self, business_id: UUID, coupon_ids: Sequence[UUID], *, since: datetime) -> Sequence[Reservation]:
        """See app.store.Store."""
        query = Query(self._dialect)
        mine = f"r.business_id = {query.given(business_id)} AND r.at > {query.given(checked(since))}"
        of = " OR ".join([f"r.body LIKE {query.given(f'%{one}%')}" for one in coupon_ids])
        text = f"SELECT {RESERVATION.select('r')} FROM reservation AS r WHERE {mine} AND ({of})"
        return [RESERVATION.read(row) for row in await self._read(just(query.ask(text)), heavy=True)]

    async def reservations(self, business_id: UUID, ids: Sequence[UUID]) -> Sequence[Reservation]:
        """See app.store.Store."""
        query = Query(self._dialect)
        mine = f"r.business_id = {query.given(business_id)} AND r.id {query.listed(ids)}"
        text = f"SELECT {RESERVATION.select('r')} FROM reservation AS r WHERE {mine}"
        return [RESERVATION.read(row) for row in await self._read(just(query.ask(text)), heavy=True)]

    async def redeemed_at(self, business_id: UUID, basket_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """See app.store.Store."""
        query = Query(self._dialect)
        mine = f"r.basket_id {query.listed(basket_ids)} AND r.basket_id IS NOT NULL AND r.business_id = {query.given(business_id)}"
        found = await self._read(just(query.ask(f"SELECT r.basket_id, r.at FROM redemption AS r WHERE {mine}")), heavy=True)
        return {as_id(row[0]): as_moment(row[1]) for row in found}

    async def lapsed(self, offer_id: UUID, *, now: datetime, limit: int = 100) -> Sequence[Coupon]:
        """See app.store.Store."""
        return [COUPON.read(row) for row in await self._read(just(Ask(self._say.lapsed, (offer_id, checked(now), limit))))]

    async def sales_of(self, business_id: UUID, basket_ids: Sequence[UUID]) -> Mapping[UUID, Sale]:
        """See app.store.Store."""
        return await self._read(sold(Query(self._dialect), business_id, basket_ids))

    async def receipt(self, business_id: UUID, receipt: str) -> Sequence[tuple[Sale, Sequence[Return]]]:
        """See app.store.Store."""
        query, beside = Query(self._dialect), tables.Return
        text = f"""
            SELECT {SALE.select("s")} FROM sale AS s
            WHERE s.business_id = {query.given(business_id)} AND s.receipt = {query.given(checked(receipt))} AND s.receipt <> ''
            AND s.event_id IS NOT NULL ORDER BY s.id"""
        sales = [SALE.read(row) for row in await self._read(just(query.ask(text)))]
        if not sales:
            return []
        of = beside.sale_id.is_in([sale.id for sale in sales])
        back = await self._all(RETURN, beside.select().where(of).order_by(beside.sale_id, beside.number))
        came = {sale_id: tuple(found) for sale_id, found in groupby(back, lambda one: one.sale_id)}
        return [(sale, came.get(sale.id, ())) for sale in sales]

    async def earned_since(self, business_id: UUID, event_ids: Sequence[UUID], card_ids: Sequence[UUID]) -> Sequence[Coupon]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"""
            SELECT {COUPON.select("c")} FROM event AS e JOIN coupon AS c ON c.id = e.coupon_id
            WHERE e.card_id {query.listed(card_ids)} AND e.kind = 'earned' AND c.business_id = {query.given(business_id)}
            AND e.seq > (SELECT min(s.seq) FROM event AS s WHERE s.id {query.listed(event_ids)})
            ORDER BY e.seq DESC LIMIT {query.given(MOST_REWARDS)}"""
        return [COUPON.read(row) for row in await self._read(just(query.ask(text)))]


def sold(query: Query, business_id: UUID, basket_ids: Collection[UUID]) -> Talk[Mapping[UUID, Sale]]:
    """What tills said of these baskets."""
    mine = f"s.basket_id {query.listed(basket_ids)} AND s.basket_id IS NOT NULL AND s.business_id = {query.given(business_id)}"
    rows = (yield query.ask(f"SELECT {SALE.select('s')} FROM sale AS s WHERE {mine}")) if basket_ids else ()
    return {one.basket_id: one for one in map(SALE.read, rows) if one.basket_id is not None}
