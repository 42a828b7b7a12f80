"""Customers, as those who look after them see them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from app.store.rows import Row
from app.store.rows.customers import Contact
from app.store.unit import Unit
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Redemption, Refusal, Reversal

PeopleOrder = Literal["newest", "visited", "visits"]
"""By when they joined, when they were last there (or joined), or how often they came; the most first."""


class Mark(msgspec.Struct, frozen=True):
    """Where a page of customers ended, by what they are in order of: the next one begins after it."""

    at: datetime | int
    id: UUID


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with their cards by age, those that were left too; ``at`` is what the list is in order of."""

    customer: Customer
    cards: tuple[Card, ...]
    at: datetime | int = 0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """All that is recorded of a customer, each kind newest first. ``family``: the customer, then those that were merged into them."""

    family: tuple[Customer, ...]
    cards: tuple[Card, ...]
    coupons: tuple[Coupon, ...]
    events: tuple[Event, ...]
    entries: tuple[Entry, ...]
    redemptions: tuple[Redemption, ...]
    reversals: tuple[Reversal, ...]
    refusals: tuple[Refusal, ...]


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Two customers become one: ``keep`` becomes ``kept``, ``other`` is merged into it.

    ``cards`` are the other's cards that become one with a card of the kept customer (theirs, ours): their coupons move. Every other
    card of the other's is the kept customer's from now on. ``unit`` says what becomes of the cards that become one, and what is recorded;
    it touches all cards of both, and is Lost if there is one more.
    """

    keep: Customer
    kept: Customer
    other: Customer
    cards: Mapping[UUID, UUID]
    unit: Unit


class Customers(Protocol):
    """Customers and their contacts: who is known, all that is recorded of one, two that become one, and forgetting."""

    async def customer(self, business_id: UUID, customer_id: UUID) -> Customer | None:
        """A customer of this business."""
        ...

    async def contact(self, business_id: UUID, value: str) -> Contact | None:
        """Whose an e-mail address or phone number is."""
        ...

    async def people(
        self,
        business_id: UUID,
        *,
        order: PeopleOrder = "newest",
        ids: Sequence[UUID] | None = None,
        after: Mark | None = None,
        limit: int = 50,
    ) -> Sequence[Known]:
        """Customers that are neither merged nor erased, in an order, after a mark; with ``ids`` only these."""
        ...

    async def people_like(self, business_id: UUID, text: str, *, limit: int = 50) -> Sequence[UUID]:
        """Customers whose name or phone contains the text (at least 3 characters), or whose e-mail address begins with it."""
        ...

    async def life(self, business_id: UUID, customer_id: UUID, *, limit: int = 500) -> Life | None:
        """All that is recorded of a customer and those merged into them, at most so much of each kind."""
        ...

    async def alike(self, business_id: UUID, *, limit: int = 50) -> Sequence[tuple[UUID, UUID]]:
        """Pairs of customers that are perhaps one person (older, newer): said so on joining, or of one name and one phone."""
        ...

    async def change_customer(self, was: Customer, became: Customer, contacts: Sequence[Contact], rows: Sequence[Row] = ()) -> bool:
        """Write a customer anew if they are still as they were, known by these contacts and no others; record rows with that.

        False if they are not. Raises Duplicate of Contact if one of the values is somebody else's.
        """
        ...

    async def merge(self, merge: Merge) -> int:
        """Make two customers one, all of it or nothing. Raises Lost if a customer or a card is not as it was seen, and Duplicate."""
        ...

    async def forget(
        self, customer: Customer, *, at: datetime, also: Sequence[Customer] = (), sure: bool = True, rows: Sequence[Row] = ()
    ) -> None:
        """Nothing is known of a person any more but what they did; rows are recorded with that. For good.

        ``also`` are those who were merged into them, and who are the same person under other names. Raises Lost if they are not (all
        of) those, or not as they were.

        Of the customer's row their language, when they joined and ``erased_at`` are left. Their contacts go; reasons, refused texts
        and kept answers that name them are blanked, and whoever asks for such an answer again is told that it is gone. A rule of a
        segment or a campaign that is their name, address or number loses it, and means nobody. Unless it is ``sure`` that these are
        names, what is told to others, and the receipts and answers of others, stay as they are.
        """
        ...
