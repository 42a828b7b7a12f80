"""Webhooks: endpoints that follow the log of events, and what is on its way to each of them.

Whoever has an endpoint's lease is the only one who writes of its deliveries: each of these verbs takes the endpoint's row first, and
only with that lease.
"""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from app.db import tables
from app.db.conversing import Conversing, just, with_rows
from app.db.history import Query
from app.db.shapes import COUPON, DELIVERY, ENDPOINT, as_id, as_moment, checked
from app.db.statements import Ask, Talk
from app.db.unit import Ready
from app.store import BEHIND, ENOUGH, Delivery, Endpoint, Facts, Place, Row
from passes.cards import Event
from passes.coupons import Coupon

OWNED: Final = (
    "url",
    "types",
    "description",
    "secret",
    "old_secret",
    "old_until",
    "failures",
    "failed_at",
    "disabled_at",
    "disabled_why",
    "removed_at",
)
"""What owners say of an endpoint. Of ``failures`` and ``failed_at`` they only say that these begin anew."""
COUNTED: Final = ("failures", "failed_at")
_BALANCED: Final = ("stamped", "earned", "corrected", "merged")
"""Events of which the ledger has a line of the same moment."""


class Heralded(Conversing):
    """See app.store.Store."""

    # --- For owners ---

    async def endpoints(self, business_id: UUID) -> Sequence[Endpoint]:
        """See app.store.Store."""
        table = tables.Endpoint
        mine = (table.business_id == business_id) & table.removed_at.is_null()
        return await self._all(ENDPOINT, table.select().where(mine).order_by(table.made_at, table.id))

    async def endpoint(self, business_id: UUID, endpoint_id: UUID) -> Endpoint | None:
        """See app.store.Store."""
        table = tables.Endpoint
        mine = (table.business_id == business_id) & table.removed_at.is_null()
        return await self._one(ENDPOINT, table.select().where(mine & (table.id == endpoint_id)))

    async def change_endpoint(self, was: Endpoint, became: Endpoint, *, now: datetime, rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store."""
        return await self._write(self._change_endpoint(was, became, checked(now), with_rows(rows)))

    def _change_endpoint(self, was: Endpoint, became: Endpoint, now: datetime, unit: Ready) -> Talk[bool]:
        query = Query(self._dialect)
        text = f"SELECT {ENDPOINT.select('t')} FROM endpoint AS t WHERE t.id = {query.given(was.id)} {self._dialect.lock}"
        rows = yield query.ask(text)
        there = ENDPOINT.read(rows[0]) if rows else None
        if there is None or any(getattr(there, name) != getattr(was, name) for name in OWNED if name not in COUNTED):
            return False
        query = Query(self._dialect)
        sets = ", ".join(
            f"{name} = {query.given(checked(getattr(became, name)))}" for name in OWNED if getattr(was, name) != getattr(became, name)
        )
        text = f"UPDATE endpoint SET {sets}{', ' if sets else ''}lease_until = NULL, due_at = {query.given(now)}"
        yield query.ask(f"{text} WHERE id = {query.given(was.id)}")
        yield from self._wake(was.id, now)
        yield from self._recorded(unit)
        return True

    async def send(self, endpoint_id: UUID, *, now: datetime, again: UUID | None = None, rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store."""
        return await self._write(self._send(endpoint_id, checked(now), again, with_rows(rows)))

    def _send(self, endpoint_id: UUID, now: datetime, again: UUID | None, unit: Ready) -> Talk[bool]:
        query = Query(self._dialect)
        moment = query.given(now)
        yield query.ask(f"UPDATE endpoint SET due_at = {moment} WHERE id = {query.given(endpoint_id)}")
        if again is not None:
            query = Query(self._dialect)
            moment = query.given(now)
            text = f"""
                UPDATE delivery SET at = CASE WHEN state = 'due' THEN at ELSE {moment} END, tries = 0, state = 'due',
                    due_at = CASE WHEN state = 'due' AND due_at = {query.given(BEHIND)} THEN due_at ELSE {moment} END
                WHERE id = {query.given(again)} AND endpoint_id = {query.given(endpoint_id)} RETURNING 1"""
            if not (yield query.ask(text)):
                return False
        yield from self._recorded(unit)
        return True

    async def deliveries(self, endpoint_id: UUID, *, state: str = "", after: Place | None = None, limit: int = 50) -> Sequence[Delivery]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"d.endpoint_id = {query.given(endpoint_id)}"]
        if state:
            wanted.append(f"d.state = {query.given(checked(state))}")
        if after is not None:
            wanted.append(f"(d.at, d.id) < ({query.given(checked(after.at))}, {query.given(after.id)})")
        order = f"ORDER BY d.at DESC, d.id DESC LIMIT {query.given(limit)}"
        text = f"SELECT {DELIVERY.select('d')} FROM delivery AS d WHERE {' AND '.join(wanted)} {order}"
        found = await self._read(just(query.ask(text)), heavy=bool(state))
        return [DELIVERY.read(row) for row in found]

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery | None:
        """See app.store.Store."""
        table = tables.Delivery
        return await self._one(DELIVERY, table.select().where((table.id == delivery_id) & (table.endpoint_id == endpoint_id)))

    # --- For the herald ---

    async def take_endpoints(self, *, now: datetime, lease_until: datetime, limit: int, but: Collection[UUID] = ()) -> Sequence[Endpoint]:
        """See app.store.Store. It looks first: mostly there is nothing, and looking is no write.

        While it is taken it is due, so that whoever comes after one who was killed finds it when the lease ends.
        """

        def due(query: Query, most: int) -> str:
            moment = query.given(checked(now))
            newest = "SELECT max(v.seq) FROM event AS v WHERE v.business_id = e.business_id"
            return f"""
                SELECT e.id FROM endpoint AS e WHERE e.disabled_at IS NULL AND e.removed_at IS NULL
                AND (e.lease_until IS NULL OR e.lease_until <= {moment}) AND NOT (e.business_id {query.listed(list(but))})
                AND (e.due_at <= {moment} OR (e.failures < {ENOUGH} AND e.cursor < coalesce(({newest}), 0)))
                ORDER BY e.due_at LIMIT {query.given(most)}"""

        query = Query(self._dialect)
        if not await self._read(just(query.ask(due(query, 1)))):
            return []
        query = Query(self._dialect)
        text = f"""
            WITH due AS MATERIALIZED ({due(query, limit)} {self._dialect.free})
            UPDATE endpoint SET lease_until = {query.given(checked(lease_until))}, due_at = {query.given(checked(now))}
            WHERE id IN (SELECT id FROM due)
            RETURNING {ENDPOINT.select("endpoint")}"""
        return [ENDPOINT.read(row) for row in await self._write(just(query.ask(text)))]

    async def about(self, events: Sequence[Event]) -> Mapping[UUID, Facts]:
        """See app.store.Store."""
        return await self._read(self._about(events), heavy=True) if events else {}

    def _about(self, events: Sequence[Event]) -> Talk[Mapping[UUID, Facts]]:
        cards = list({event.card_id for event in events if event.card_id})
        coupons = list({event.coupon_id for event in events if event.coupon_id})

        def asked(columns: str, table: str, by: str, ids: Sequence[UUID], *, then: bool = False) -> Talk[Sequence[Sequence[Any]]]:
            """Rows by these ids; ``then`` are only those of the events' time, in their order."""
            if not ids:
                return ()
            query = Query(self._dialect)
            text = f"SELECT {columns} FROM {table} WHERE {by} {query.listed(ids)}"
            if then:
                first, last = (query.given(checked(of(event.at for event in events))) for of in (min, max))
                text = f"{text} AND at >= {first} AND at <= {last} ORDER BY {by}, number"
            return (yield query.ask(text))

        numbers = {as_id(row[0]): row[1] for row in (yield from asked("id, number", "card", "id", cards))}
        given = {as_id(row[0]): row for row in (yield from asked("id, offer_id, expires_at", "coupon", "id", coupons))}
        counted = list({event.card_id for event in events if event.card_id and event.kind in _BALANCED})
        lines = {
            (as_id(row[0]), as_moment(row[1])): row
            for row in (yield from asked("card_id, at, location_id, balance", "entry", "card_id", counted, then=True))
        }
        used = {}
        for table, id_ in (("redemption", "id"), ("reversal", "redemption_id")):
            rows = yield from asked(f"coupon_id, at, location_id, {id_}", table, "coupon_id", coupons)
            used.update({(as_id(row[0]), as_moment(row[1])): row for row in rows})
        refused = yield from self._refused([event for event in events if event.kind == "refused"])
        found = {}
        for event in events:
            coupon = given.get(event.coupon_id) if event.coupon_id else None
            line = lines.get((event.card_id, event.at)) if event.card_id and event.kind in _BALANCED else None
            use = used.get((event.coupon_id, event.at)) if event.coupon_id else None
            where = use[2] if use else line[2] if line else refused.get((event.at, event.staff_id))
            found[event.id] = Facts(
                card_number=numbers.get(event.card_id) if event.card_id else None,
                offer_id=as_id(coupon[1]) if coupon else None,
                expires_at=as_moment(coupon[2]) if coupon and coupon[2] else None,
                location_id=as_id(where) if where else None,
                balance=line[3] if line else None,
                redemption_id=as_id(use[3]) if use else None,
            )
        return found

    def _refused(self, events: Sequence[Event]) -> Talk[Mapping[tuple[datetime, UUID | None], UUID]]:
        """Where codes were refused: the log's line does not say it."""
        if not events:
            return {}
        query = Query(self._dialect)
        mine = query.given(events[0].business_id)
        moments = ", ".join(query.given(checked(moment)) for moment in {event.at for event in events})
        rows = yield query.ask(f"SELECT at, staff_id, location_id FROM refusal WHERE business_id = {mine} AND at IN ({moments})")
        return {(as_moment(at), as_id(staff_id)): as_id(location_id) for at, staff_id, location_id in rows}

    async def queue(self, endpoint: Endpoint, deliveries: Sequence[Delivery], *, cursor: int) -> bool:
        """See app.store.Store."""
        return await self._write(self._queue(endpoint, deliveries, cursor))

    def _queue(self, endpoint: Endpoint, deliveries: Sequence[Delivery], cursor: int) -> Talk[bool]:
        query = Query(self._dialect)
        text = f"UPDATE endpoint SET cursor = {query.given(cursor)} WHERE {self._ours(query, endpoint)} RETURNING 1"
        if not (yield query.ask(text)):
            return False
        query = Query(self._dialect)
        here = query.given(endpoint.id)
        lanes = list({one.lane for one in deliveries})
        text = f"SELECT DISTINCT lane FROM delivery WHERE endpoint_id = {here} AND state = 'due' AND lane {query.listed(lanes)}"
        busy = {as_id(row[0]) for row in (yield query.ask(text))} if lanes else set()
        rows = []
        for one in deliveries:
            rows.append(DELIVERY.row(replace(one, due_at=BEHIND) if one.lane in busy else one))
            busy.add(one.lane)
        if rows:
            names = ", ".join(DELIVERY.columns)
            given = self._dialect.given(dict(zip(DELIVERY.columns, DELIVERY.types, strict=True)))
            yield Ask(self._dialect.text(f"INSERT INTO delivery ({names}) SELECT {names} FROM {given}"), rows=rows, silent=True)
        return True

    async def due(self, endpoint_id: UUID, *, now: datetime, but: Sequence[UUID], limit: int) -> Sequence[Delivery]:
        """See app.store.Store."""
        query = Query(self._dialect)
        first = "SELECT 1 FROM delivery AS p WHERE p.endpoint_id = d.endpoint_id AND p.lane = d.lane AND p.state = 'due' AND p.seq < d.seq"
        text = f"""
            SELECT {DELIVERY.select("d")} FROM delivery AS d WHERE d.endpoint_id = {query.given(endpoint_id)} AND d.state = 'due'
            AND d.due_at <= {query.given(checked(now))} AND NOT (d.id {query.listed(but)}) AND NOT EXISTS ({first})
            ORDER BY d.due_at, d.seq LIMIT {query.given(limit)}"""
        return [DELIVERY.read(row) for row in await self._read(just(query.ask(text)))]

    async def delivered(self, endpoint: Endpoint, done: Sequence[Delivery], *, now: datetime, wake: bool = False) -> bool:
        """See app.store.Store."""
        return await self._write(self._delivered(endpoint, done, checked(now), wake=wake))

    def _delivered(self, endpoint: Endpoint, done: Sequence[Delivery], now: datetime, *, wake: bool) -> Talk[bool]:
        query = Query(self._dialect)
        names = ("failures", "failed_at", "due_at", "disabled_at", "disabled_why")
        sets = ", ".join(f"{name} = {query.given(checked(getattr(endpoint, name)))}" for name in names)
        if not (yield query.ask(f"UPDATE endpoint SET {sets} WHERE {self._ours(query, endpoint)} RETURNING 1")):
            return False
        for one in done:
            query = Query(self._dialect)
            came = ("state", "due_at", "tries", "tried_at", "status", "said")
            sets = ", ".join(f"{name} = {query.given(checked(getattr(one, name)))}" for name in came)
            yield query.ask(f"UPDATE delivery SET {sets} WHERE id = {query.given(one.id)} AND state = 'due'")
            if one.state != "due":
                yield from self._next_of(one, now)
        if wake:
            yield from self._wake(endpoint.id, now)
        return True

    def _next_of(self, one: Delivery, now: datetime) -> Talk[None]:
        """It is through: the next one of its lane may go."""
        query = Query(self._dialect)
        text = (
            f"UPDATE delivery SET due_at = {query.given(now)} WHERE due_at = {query.given(BEHIND)} AND id = (SELECT n.id FROM delivery AS n"
        )
        lane = f"n.endpoint_id = {query.given(one.endpoint_id)} AND n.lane = {query.given(one.lane)} AND n.state = 'due'"
        yield query.ask(f"{text} WHERE {lane} ORDER BY n.seq LIMIT 1)")

    def _wake(self, endpoint_id: UUID, now: datetime) -> Talk[None]:
        """What waits for a later try is due now; what waits behind another goes on doing so."""
        query = Query(self._dialect)
        moment = query.given(now)
        text = f"UPDATE delivery SET due_at = {moment} WHERE endpoint_id = {query.given(endpoint_id)} AND state = 'due'"
        yield query.ask(f"{text} AND due_at > {moment} AND due_at < {query.given(BEHIND)}")

    async def put_endpoint(self, endpoint: Endpoint, *, rests: bool) -> None:
        """See app.store.Store."""
        query = Query(self._dialect)
        if rests:
            due = query.given(checked(endpoint.due_at))
        else:
            first = f"SELECT min(d.due_at) FROM delivery AS d WHERE d.endpoint_id = {query.given(endpoint.id)} AND d.state = 'due'"
            due = f"coalesce(({first}), {query.given(BEHIND)})"
        text = f"UPDATE endpoint SET lease_until = NULL, due_at = {due} WHERE {self._ours(query, endpoint)}"
        await self._write(just(query.ask(text)))

    @staticmethod
    def _ours(query: Query, endpoint: Endpoint) -> str:
        """It is in our hands still."""
        return f"id = {query.given(endpoint.id)} AND lease_until = {query.given(checked(endpoint.lease_until))}"

    async def forget_deliveries(self, before: datetime, limit: int) -> int:
        """See app.store.Store."""
        query = Query(self._dialect)
        most, moment = query.given(limit), query.given(checked(before))
        of = "SELECT d.id FROM endpoint AS e CROSS JOIN delivery AS d WHERE d.endpoint_id = e.id AND"
        text = f"""
            DELETE FROM delivery WHERE id IN (SELECT id FROM ({of} e.removed_at IS NOT NULL LIMIT {most}) AS gone
            UNION ALL SELECT id FROM ({of} d.at < {moment} AND d.state <> 'due' LIMIT {most}) AS old) RETURNING 1"""
        return len(await self._write(just(query.ask(text))))

    # --- What time alone does ---

    async def ending(self, *, since: Place, until: datetime, limit: int) -> Sequence[Place]:
        """See app.store.Store."""
        query = Query(self._dialect)
        after, last = f"{query.given(checked(since.at))}, {query.given(since.id)}", query.given(checked(until))
        which = f"c.business_id = b.id AND c.state = 'active' AND (c.expires_at, c.id) > ({after}) AND c.expires_at <= {last}"
        few = f"ORDER BY c.expires_at, c.id LIMIT {query.given(limit)}"
        # Of each business its index of ends; a campaign ends for all its customers in the same second, so no farther than a page.
        each = f"LATERAL (SELECT c.expires_at, c.id FROM coupon AS c WHERE {which} {few}) AS c"
        ends = each if self._dialect.lateral else f"coupon AS c WHERE {which}"
        text = f"SELECT c.expires_at, c.id FROM business AS b CROSS JOIN {ends} {few}"
        return [Place(as_moment(at), as_id(id_)) for at, id_ in await self._read(just(query.ask(text)), heavy=True)]

    async def active(self, coupon_ids: Sequence[UUID]) -> Sequence[Coupon]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"SELECT {COUPON.select('c')} FROM coupon AS c WHERE c.id {query.listed(coupon_ids)} AND c.state = 'active'"
        return [COUPON.read(row) for row in await self._read(just(query.ask(text)))]

    async def said(self, event_ids: Sequence[UUID]) -> frozenset[UUID]:
        """See app.store.Store."""
        query = Query(self._dialect)
        found = await self._read(just(query.ask(f"SELECT id FROM event WHERE id {query.listed(event_ids)}")))
        return frozenset(as_id(row[0]) for row in found)
