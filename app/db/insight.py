"""What came of the customers: questions over all cards of a business, each answered by one walk along an index or through its cards."""
# ruff: noqa: S608 (what is put into these texts are fragments of this file; every value is a parameter)

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from app.db.conversing import Conversing, just
from app.db.history import Query
from app.db.shapes import EVENT, as_id, checked
from app.store import Activity, Came, Deed, Funnel, Returned

SAME_VISIT: Final = "6 hours"
"""A stamp so soon after a redemption belongs to the same visit."""


class Insights(Conversing):
    """See app.store.Store."""

    async def funnel(self, business_id: UUID, *, since: datetime, until: datetime) -> Funnel:
        """See app.store.Store."""
        query = Query(self._dialect)
        happened = "EXISTS (SELECT 1 FROM event AS e WHERE e.card_id = c.id AND e.kind = '{}')"
        redeemed = (
            "EXISTS (SELECT 1 FROM redemption AS r WHERE r.customer_id = c.customer_id AND r.card_id = c.id AND r.kind = 'redemption')"
        )
        steps = ("c.visits > 0", happened.format("saved"), happened.format("earned"), redeemed)
        sums = ", ".join(f"coalesce(sum(CASE WHEN {step} THEN 1 ELSE 0 END), 0)" for step in steps)
        ask = query.ask(f"""
            SELECT count(*), {sums} FROM card AS c
            WHERE c.business_id = {query.given(business_id)} AND c.joined_at >= {query.given(checked(since))}
            AND c.joined_at < {query.given(checked(until))}""")
        [(joined, stamped, saved, earned, used)] = await self._read(just(ask), heavy=True)
        return Funnel(joined=joined, saved=saved, stamped=stamped, earned=earned, redeemed=used)

    async def activity(self, business_id: UUID, *, since: datetime, until: datetime, limit: int = 10) -> Activity:
        """See app.store.Store."""
        query = Query(self._dialect)
        ask = query.ask(f"""
            WITH came AS MATERIALIZED (
                SELECT card_id, count(*) AS n FROM entry WHERE kind = 'earned' AND business_id = {query.given(business_id)}
                AND at >= {query.given(checked(since))} AND at < {query.given(checked(until))} GROUP BY card_id),
            most AS MATERIALIZED (SELECT card_id, n FROM came ORDER BY n DESC, card_id LIMIT {query.given(limit)})
            SELECT (SELECT count(*) FROM came), (SELECT sum(n) FROM came), c.id, c.customer_id, u.name, most.n FROM most
            JOIN card AS c ON c.id = most.card_id JOIN customer AS u ON u.id = c.customer_id ORDER BY most.n DESC, c.id""")
        found = await self._read(just(ask), heavy=True)
        if not found:
            return Activity()
        most = [Came(as_id(card_id), as_id(customer_id), name, n) for _, _, card_id, customer_id, name, n in found]
        return Activity(cards=found[0][0], visits=int(found[0][1]), most=tuple(most))

    async def returned(self, business_id: UUID, *, since: datetime, until: datetime, days: int, newest: int) -> Sequence[Returned]:
        """See app.store.Store."""
        query, later = Query(self._dialect), self._dialect.later
        ask = query.ask(f"""
            WITH used AS MATERIALIZED (
                SELECT t.offer_id, t.card_id, t.at FROM redemption AS t WHERE t.business_id = {query.given(business_id)}
                AND t.at >= {query.given(checked(since))} AND t.at < {query.given(checked(until))}
                AND t.kind = 'redemption' AND t.card_id IS NOT NULL ORDER BY t.at DESC, t.id DESC LIMIT {query.given(newest)})
            SELECT offer_id, count(*), sum(CASE WHEN EXISTS (
                SELECT 1 FROM entry AS e WHERE e.card_id = used.card_id AND e.kind = 'earned'
                AND e.at > {later("used.at", SAME_VISIT)} AND e.at <= {later("used.at", f"{days} days")}) THEN 1 ELSE 0 END)
            FROM used WHERE offer_id IS NOT NULL GROUP BY offer_id""")
        return [Returned(as_id(offer_id), used, came) for offer_id, used, came in await self._read(just(ask), heavy=True)]

    async def deeds(self, business_id: UUID, staff_id: UUID, *, since: datetime, until: datetime, limit: int) -> Sequence[Deed]:
        """See app.store.Store. What is issued to many has no reason: it is no compensation."""
        query = Query(self._dialect)
        ask = query.ask(f"""
            SELECT u.name, c.program_id, k.offer_id, k.code, {EVENT.select("e")} FROM event AS e
            JOIN customer AS u ON u.id = e.customer_id JOIN card AS c ON c.id = e.card_id LEFT JOIN coupon AS k ON k.id = e.coupon_id
            WHERE e.business_id = {query.given(business_id)} AND e.staff_id = {query.given(staff_id)}
            AND e.kind IN ('corrected', 'issued') AND (e.kind = 'corrected' OR e.reason <> '')
            AND e.at >= {query.given(checked(since))} AND e.at < {query.given(checked(until))}
            ORDER BY e.at DESC, e.id DESC LIMIT {query.given(limit)}""")
        return [
            Deed(
                event=EVENT.read(event),
                customer=name,
                program_id=as_id(program_id),
                offer_id=as_id(offer_id) if offer_id else None,
                code=code or "",
            )
            for name, program_id, offer_id, code, *event in await self._read(just(ask), heavy=True)
        ]
