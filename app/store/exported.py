"""All that a business has recorded, from the beginning to the end, for whoever takes it along; and what is there when it comes back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.history import Place
from app.store.rows.api import Sale
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Redemption, Reversal

Record = Customer | Card | Coupon | Redemption | Reversal | Event
"""What is taken along."""


class Exported(Protocol):
    """Everything in its order, the oldest first, so many at a time; ``since`` leaves out what is older."""

    async def customers_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[tuple[Customer, Sequence[Card]]]:
        """Customers by when they joined, merged and erased ones too, each with their cards by age."""
        ...

    async def coupons_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[Coupon]:
        """Coupons by when they were issued; not those that are in a pool."""
        ...

    async def pool_on(self, business_id: UUID, offer_id: UUID, *, after: UUID | None = None, limit: int) -> Sequence[Coupon]:
        """The codes in an offer's pool, by their ids."""
        ...

    async def redemptions_on(
        self, business_id: UUID, *, since: datetime | None = None, after: Place | None = None, limit: int
    ) -> Sequence[tuple[Redemption, Reversal | None, Sale | None]]:
        """Redemptions and goodwill by their time, each with what took it back, and what a till said of the sale."""
        ...

    async def events_on(
        self, business_id: UUID, *, since: datetime | None = None, after: int = 0, limit: int
    ) -> Sequence[tuple[int, Event]]:
        """The log after a place on the clock, each line with its place."""
        ...

    async def whose(self, of: type[Record], ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
        """Of these ids those that are a record's of this kind, in whichever business: its business's id."""
        ...

    async def coupons_of(self, business_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, Coupon]:
        """These coupons of a business, as they are."""
        ...

    async def contacts_of(self, business_id: UUID, values: Sequence[str]) -> Mapping[str, UUID]:
        """Whose these e-mail addresses and phone numbers are, of those that are somebody's."""
        ...

    async def known_numbers(self, business_id: UUID, numbers: Sequence[str]) -> frozenset[str]:
        """Which of these are numbers of cards of this business."""
        ...

    async def have_visited(self, card_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Which of these cards have a visit in the log."""
        ...
