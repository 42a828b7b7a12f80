"""Lists that programs read from one end to the other: a page walks an index, and not further than so many rows."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from app.db.conversing import Conversing
from app.db.history import Query
from app.db.shapes import CARD, COUPON, Shape, as_id, as_moment, checked
from app.db.statements import Talk
from app.store import GivenState, Place
from passes.cards import Card
from passes.coupons import Coupon
from passes.offers import SECOND

S = TypeVar("S", bound=msgspec.Struct)

WALKS: Final = (500, 4500)
"""How many rows are walked in search of a page of those that are meant: first a few, and on if these were not enough."""
Conditions = Callable[[Query], list[str]]


class Listed(Conversing):
    """See app.store.Store."""

    async def listed_coupons(
        self,
        business_id: UUID,
        *,
        now: datetime,
        state: GivenState | None = None,
        offer_id: UUID | None = None,
        batch_id: UUID | None = None,
        customer_id: UUID | None = None,
        card_id: UUID | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> tuple[Sequence[Coupon], Place | None]:
        """See app.store.Store. Along the index of the rarest thing that is asked for; the rest is looked at on the way."""
        asked = {"batch_id": batch_id, "customer_id": customer_id, "offer_id": offer_id}
        leading = next((name for name, value in asked.items() if value is not None), "")

        def meant(query: Query) -> list[str]:
            wanted = [
                f"t.{name} = {query.given(value)}"
                for name, value in {**asked, "card_id": card_id}.items()
                if value is not None and name != leading
            ]
            if leading:
                wanted.append("t.state <> 'pooled'")
            return wanted + standing(query, "t", state, now)

        def given(query: Query) -> list[str]:
            return [*_along(query, business_id, leading, asked.get(leading)), *([] if leading else ["t.state <> 'pooled'"])]

        by = "" if leading else "issued_at"
        return await self._read(self._walked(COUPON, by, given, meant=meant, after=after, limit=limit), heavy=True)

    async def listed_cards(
        self, business_id: UUID, *, program_id: UUID | None = None, after: Place | None = None, limit: int = 50
    ) -> tuple[Sequence[Card], Place | None]:
        """See app.store.Store."""
        leading = "program_id" if program_id else ""

        def mine(query: Query) -> list[str]:
            return _along(query, business_id, leading, program_id)

        by = "" if leading else "joined_at"
        return await self._read(self._walked(CARD, by, mine, meant=lambda _: [], after=after, limit=limit), heavy=True)

    def _walked(
        self, shape: Shape[S], by: str, along: Conditions, *, meant: Conditions, after: Place | None, limit: int
    ) -> Talk[tuple[Sequence[S], Place | None]]:
        """The rows of a page that are meant, of those along an index by a moment and the id, or ("") by the id alone."""
        at = f"t.{by}" if by else "t.id"
        found: list[UUID] = []
        for length in WALKS if meant(Query(self._dialect)) else (limit,):
            query = Query(self._dialect)
            way, wanted = along(query), " AND ".join(meant(query)) or "true"
            if after is not None:
                id_ = query.given(after.id)
                way.append(f"({at}, t.id) < ({query.given(checked(after.at))}, {id_})" if by else f"t.id < {id_}")
            rows = yield query.ask(f"""
                WITH walked AS MATERIALIZED (
                    SELECT {at} AS at, t.id AS id, CASE WHEN {wanted} THEN 1 ELSE 0 END AS meant FROM {shape.name} AS t
                    WHERE {" AND ".join(way)} ORDER BY {at} DESC{", t.id DESC" if by else ""} LIMIT {query.given(length)})
                SELECT * FROM (SELECT at, id, 0 AS n FROM walked WHERE meant = 1
                    ORDER BY at DESC, id DESC LIMIT {query.given(limit - len(found))}) AS found
                UNION ALL SELECT * FROM (SELECT at, id, (SELECT count(*) FROM walked) FROM walked ORDER BY at, id LIMIT 1) AS oldest""")
            found += [id_ for _, id_ in sorted(((row[0], as_id(row[1])) for row in rows if not row[2]), reverse=True)]
            ends = [row for row in rows if row[2]]
            if len(found) >= limit or not ends or ends[0][2] < length:
                after = None
                break
            after = Place(as_moment(ends[0][0]) if by else _ANY, as_id(ends[0][1]))
        query = Query(self._dialect)
        told: dict[UUID, Any] = {}
        if found:
            text = f"SELECT {shape.select('t')} FROM {shape.name} AS t WHERE t.id {query.listed(found)}"
            told = {as_id(row[0]): shape.read(row) for row in (yield query.ask(text))}
        return [told[id_] for id_ in found if id_ in told], after

    async def changed_cards(
        self, business_id: UUID, *, since: datetime, program_id: UUID | None = None, before: int | None = None, limit: int = 50
    ) -> tuple[Sequence[tuple[UUID, int]], int | None]:
        """See app.store.Store. Along the log, backwards: whoever asks what is new walks over what is new, and no index of cards changes."""
        return await self._read(self._changed(business_id, checked(since), program_id, before, limit), heavy=True)

    def _changed(
        self, business_id: UUID, since: datetime, program_id: UUID | None, before: int | None, limit: int
    ) -> Talk[tuple[Sequence[tuple[UUID, int]], int | None]]:
        found: list[tuple[UUID, int]] = []
        for length in WALKS:
            query = Query(self._dialect)
            way = [f"e.business_id = {query.given(business_id)}"]
            if before is not None:
                way.append(f"e.seq < {query.given(before)}")
            of = f"(SELECT c.program_id FROM card AS c WHERE c.id = walked.card_id) = {query.given(program_id)}" if program_id else "true"
            rows = yield query.ask(f"""
                WITH walked AS MATERIALIZED (
                    SELECT e.seq, e.at, e.card_id FROM event AS e WHERE {" AND ".join(way)} ORDER BY e.seq DESC LIMIT {query.given(length)})
                SELECT * FROM (SELECT seq, card_id, 0 AS n, at FROM walked WHERE card_id IS NOT NULL AND at >= {query.given(since)}
                    AND NOT EXISTS (SELECT 1 FROM event AS l WHERE l.card_id = walked.card_id AND l.seq > walked.seq)
                    AND {of} ORDER BY seq DESC LIMIT {query.given(limit - len(found))}) AS found
                UNION ALL SELECT * FROM (
                    SELECT seq, card_id, (SELECT count(*) FROM walked), at FROM walked ORDER BY seq LIMIT 1) AS oldest""")
            found += sorted(((as_id(row[1]), row[0]) for row in rows if not row[2]), key=lambda one: -one[1])
            ends = [row for row in rows if row[2]]
            if len(found) >= limit or not ends or ends[0][2] < length or as_moment(ends[0][3]) < since:
                return found, None
            before = ends[0][0]
        return found, before


_ANY: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""The moment of a place in a list that is in order of ids."""


def _along(query: Query, business_id: UUID, column: str, value: UUID | None) -> list[str]:
    """The rows of the business; of one thing so said that no database takes the way of all the business's."""
    mine = query.given(business_id)
    return [f"t.{column} = {query.given(value)}", f"NOT (t.business_id <> {mine})"] if column else [f"t.business_id = {mine}"]


def standing(query: Query, coupon: str, state: GivenState | None, now: datetime) -> list[str]:
    """What is asked of a coupon that stands so, for people: an active one whose time is over is expired."""
    if state is None:
        return []
    if state not in ("active", "expired"):
        return [f"{coupon}.state = {query.given(state)}"]
    over = f"{coupon}.expires_at <= {query.given(checked(now - SECOND))}"
    return [f"{coupon}.state = 'active'", over if state == "expired" else f"coalesce(NOT ({over}), true)"]
