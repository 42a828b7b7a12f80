"""What programs need: their keys, and the log of what happened."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing, just, with_rows
from app.db.history import Query
from app.db.shapes import API_KEY, API_SECRET, EVENT, checked
from app.db.statements import Ask, Talk
from app.db.unit import Ready
from app.store import ApiKey, ApiSecret, Row
from passes.cards import Event


class Programmed(Conversing):
    """See app.store.Store."""

    async def api_keys(self, business_id: UUID) -> Sequence[tuple[ApiKey, Sequence[ApiSecret]]]:
        """See app.store.Store."""
        table, beside = tables.ApiKey, tables.ApiSecret
        keys = await self._all(API_KEY, table.select().where(table.business_id == business_id).order_by(table.created_at, table.id))
        secrets = await self._all(
            API_SECRET,
            beside.select()
            .where(beside.business_id == business_id)
            .order_by(beside.key_id)
            .order_by(beside.made_at, beside.id, ascending=False),
        )
        of = {key_id: tuple(found) for key_id, found in groupby(secrets, lambda one: one.key_id)}
        return [(key, of.get(key.id, ())) for key in keys]

    async def key_used(self, key_id: UUID, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.key_used, (key_id, checked(at)))), soon=True)

    async def happened(
        self,
        business_id: UUID,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        card_id: UUID | None = None,
        customer_id: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[tuple[int, Event]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        wanted = [f"e.business_id = {query.given(business_id)}", f"e.seq > {query.given(after)}"]
        if kinds:
            wanted.append(f"e.kind {query.listed(kinds)}")
        if card_id:
            wanted.append(f"e.card_id = {query.given(card_id)}")
        if customer_id:
            wanted.append(f"e.customer_id = {query.given(customer_id)}")
        text = f"SELECT e.seq, {EVENT.select('e')} FROM event AS e WHERE {' AND '.join(wanted)} ORDER BY e.seq LIMIT {query.given(limit)}"
        return [(row[0], EVENT.read(row[1:])) for row in await self._read(just(query.ask(text)))]

    async def log_end(self, business_id: UUID) -> int:
        """See app.store.Store."""
        [(seq,)] = await self._read(just(Ask(self._say.log_end, (business_id,))))
        return int(seq or 0)

    async def change_key(
        self,
        business_id: UUID,
        key_id: UUID,
        *,
        revoked_at: datetime | None = None,
        old_until: datetime | None = None,
        rows: Sequence[Row] = (),
    ) -> bool:
        """See app.store.Store."""
        return await self._write(self._key_changed(business_id, key_id, revoked_at, old_until, with_rows(rows)))

    def _key_changed(
        self, business_id: UUID, key_id: UUID, revoked_at: datetime | None, old_until: datetime | None, unit: Ready
    ) -> Talk[bool]:
        # Also where it is only rolled: the key is held, and two who roll it at once come one after the other.
        if not (yield Ask(self._say.change_key, (key_id, business_id, checked(revoked_at)))):
            return False
        if old_until is not None:
            yield Ask(self._say.old_secrets, (key_id, checked(old_until)))
        yield from self._recorded(unit)
        return True
