"""Lists that programs read from one end to the other: a page costs the same wherever it is, and whatever it is of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.cards import GivenState
from app.store.history import Place
from passes.cards import Card
from passes.coupons import Coupon


class Listed(Protocol):
    """Cards and coupons, page by page.

    A page is looked for among so many rows at most. With what was found comes the place where that ended: None, unless a page is short
    although there may be more; the next one begins there. The newest is first, by when and by id; of one offer, batch, customer or
    program by id alone, which is nearly that.
    """

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
        """Coupons that were given, to whomever."""
        ...

    async def listed_cards(
        self, business_id: UUID, *, program_id: UUID | None = None, after: Place | None = None, limit: int = 50
    ) -> tuple[Sequence[Card], Place | None]:
        """Cards, those that were left too."""
        ...

    async def changed_cards(
        self, business_id: UUID, *, since: datetime, program_id: UUID | None = None, before: int | None = None, limit: int = 50
    ) -> tuple[Sequence[tuple[UUID, int]], int | None]:
        """Cards to which something has happened since, each once, with the place of that in the log: whatever happened last is first."""
        ...
