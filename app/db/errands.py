"""Errands: long work, how far it is, and what was brought for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing, just
from app.db.shapes import ERRAND, PORTION, SHEET, as_id, checked
from app.db.statements import Ask, Talk
from app.store import Duplicate, Errand, ErrandKind, Portion, Sheet

_ERRAND: Final = len(ERRAND.names)


class Errands(Conversing):
    """See app.store.Store."""

    async def errand(self, business_id: UUID, errand_id: UUID) -> tuple[Errand, Portion | None] | None:
        """See app.store.Store."""
        found = await self._read(just(Ask(self._say.errand, (errand_id, business_id))))
        return next(map(_with_portion, found), None)

    async def errands(
        self, business_id: UUID, *, kind: ErrandKind | None = None, limit: int = 50
    ) -> Sequence[tuple[Errand, Portion | None]]:
        """See app.store.Store."""
        return [_with_portion(row) for row in await self._read(just(Ask(self._say.errands, (business_id, kind, limit))))]

    async def take_errand(self, *, now: datetime, lease_until: datetime) -> tuple[Errand, Portion | None] | None:
        """See app.store.Store. It looks first: mostly there is nothing, and looking is no write."""
        if not await self._read(just(Ask(self._say.due_errand, (checked(now),)))):
            return None
        return await self._write(self._take((checked(now), checked(lease_until))))

    def _take(self, values: Sequence[Any]) -> Talk[tuple[Errand, Portion | None] | None]:
        taken = yield Ask(self._say.take_errand, values)
        if not taken:
            return None
        [row] = yield Ask(self._say.errand, (as_id(taken[0][0]), None))
        return _with_portion(row)

    async def put_errand(self, errand_id: UUID, *, due_at: datetime | None = None, ended_at: datetime | None = None) -> None:
        """See app.store.Store. What was brought for one that was stopped meanwhile goes too."""
        await self._write(self._put((errand_id, checked(due_at), checked(ended_at))))

    def _put(self, values: Sequence[Any]) -> Talk[None]:
        yield Ask(self._say.put_errand, values)
        yield Ask(self._say.clear_errand, (values[0], None))

    async def stop_errand(self, business_id: UUID, errand_id: UUID, at: datetime) -> bool:
        """See app.store.Store."""
        while True:
            try:
                return await self._write(self._stop((errand_id, business_id, checked(at))))
            except Duplicate:  # a portion was first: none comes after it
                continue

    def _stop(self, values: Sequence[Any]) -> Talk[bool]:
        if not (yield Ask(self._say.stop_errand, values)):
            return False
        yield Ask(self._say.stop_portion, (values[0], values[2]))
        yield Ask(self._say.clear_errand, (values[0], values[2]))
        return True

    async def portion(self, errand_id: UUID, number: int) -> Portion | None:
        """See app.store.Store."""
        table = tables.Portion
        return await self._one(PORTION, table.select().where((table.errand_id == errand_id) & (table.number == number)))

    async def sheet(self, errand_id: UUID, number: int) -> Sheet | None:
        """See app.store.Store."""
        table = tables.Sheet
        return await self._one(SHEET, table.select().where((table.errand_id == errand_id) & (table.number == number)))


def _with_portion(row: Sequence[Any]) -> tuple[Errand, Portion | None]:
    return ERRAND.read(row), PORTION.read(row[_ERRAND:]) if row[_ERRAND] is not None else None
