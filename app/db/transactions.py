"""What a till did under a name of its own."""

from collections.abc import Sequence
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing
from app.db.shapes import RETURN, SALE, checked
from app.store import Return, Sale


class Transactions(Conversing):
    """See app.store.Store."""

    async def transaction(self, key_id: UUID, reference: str) -> tuple[Sale, Sequence[Return]] | None:
        """See app.store.Store."""
        table, beside = tables.Sale, tables.Return
        # Two conditions on the text: PostgreSQL takes a partial index only if it is told that the condition of the index holds.
        mine = (table.key_id == key_id) & (table.reference == checked(reference)) & (table.reference != "")
        sale = await self._one(SALE, table.select().where(mine))
        if sale is None:
            return None
        return sale, await self._all(RETURN, beside.select().where(beside.sale_id == sale.id).order_by(beside.number))
