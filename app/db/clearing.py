"""A twin's customers are deleted, in portions: nobody at a counter waits for the broom."""
# ruff: noqa: S608 (what is put into these texts are names of our own tables and columns; every value is a parameter)

from typing import Final
from uuid import UUID

from app.db.configured import Configured
from app.db.conversing import just
from app.db.history import Query

AT_ONCE: Final = 500
THROUGH: Final = {
    "installation": ("card_id", "card"),
    "sent": ("customer_id", "customer"),
    "sale_return": ("sale_id", "sale"),
    "kept": ("caller_id", "api_key"),
    "sheet": ("errand_id", "errand"),
}
"""What no index finds by its business, by what it belongs to."""
OWN: Final = (
    "reversal",
    "redemption",
    "refusal",
    "reservation",
    "sale",
    "entry",
    "event",
    "coupon",
    "contact",
    "card",
    "customer",
    "tally",
    "day_count",
)


class Clearing(Configured):
    """See app.store.Store."""

    async def clear(self, business_id: UUID) -> None:
        """See app.store.Store."""
        business = await self.business(business_id)
        if business is None:
            return
        if business.test_of is None:
            raise ValueError("of a live business nothing is deleted")
        for table in (*THROUGH, *OWN):
            while True:
                query = Query(self._dialect)
                whose, parent = THROUGH.get(table, ("", ""))
                theirs = f"t.{whose} IN (SELECT id FROM {parent} WHERE business_id = " if parent else "(t.business_id = "
                some = f"SELECT t.id FROM {table} AS t WHERE {theirs}{query.given(business_id)}) LIMIT {AT_ONCE}"
                if len(await self._write(just(query.ask(f"DELETE FROM {table} WHERE id IN ({some}) RETURNING 1")))) < AT_ONCE:
                    break
