"""The history of presentations, and what was counted."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal, Protocol
from uuid import UUID

import msgspec

from app.store.unit import Count, CountBy
from passes.cards import Card, Customer
from passes.coupons import Channel
from passes.words import Text

Status = Literal["redeemed", "reversed", "goodwill", "refused"]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which presentations are wanted; an empty tuple wants all. ``text``: part of a code, a customer's name or an offer's title."""

    text: str = ""
    statuses: tuple[Status, ...] = ()
    locations: tuple[UUID, ...] = ()
    staff: tuple[UUID, ...] = ()
    offers: tuple[UUID, ...] = ()
    counters: tuple[UUID, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is not wanted any more."""


class Place(msgspec.Struct, frozen=True):
    """Where a page of the history ended: the next one begins after it (older)."""

    at: datetime
    id: UUID


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One presentation of a code: a redemption (``reversed`` if it was taken back), a goodwill, or a refusal, with its names.

    ``id`` is the redemption's or the refusal's. A refusal of a code that is nobody's has no coupon, and ``presented`` is what
    was typed. ``prefix`` is the offer's; ``title`` is its title in every language.
    """

    id: UUID
    status: Status
    at: datetime
    code: str
    prefix: str = ""
    presented: str = ""
    coupon_id: UUID | None = None
    card_id: UUID | None = None
    offer_id: UUID | None = None
    title: Text | None = None
    customer: str = ""
    location_id: UUID
    location: str
    staff_id: UUID
    staff: str
    counter_id: UUID
    channel: Channel
    word: str = ""
    """Why it was refused."""
    reason: str = ""
    """Why it was honoured, or taken back."""
    reversed_at: datetime | None = None
    basket_id: UUID | None = None


MOST_FOUND: Final = 20
"""Customers that a search at the counter gives at most: nobody reads further, and nobody shall list them all."""


class History(Protocol):
    """What was presented, how much of it there was, and who is looked for at a counter."""

    async def past(self, business_id: UUID, wanted: Filter, *, after: Place | None = None, limit: int = 50) -> Sequence[Past]:
        """Presentations, the newest first, after (older than) a place. A handful of index reads, however many there are."""
        ...

    async def presentation(self, business_id: UUID, id_: UUID) -> Past | None:
        """One presentation of this business, by its redemption's or its refusal's id."""
        ...

    async def counted(self, business_id: UUID, *, since: date, until: date, by: Sequence[CountBy] = ...) -> Sequence[Count]:
        """The counts of the days from ``since`` to ``until`` (both included), without those that are zero; all, or only ``by`` these."""
        ...

    async def active_coupons(self, business_id: UUID, *, now: datetime, expired_since: datetime) -> tuple[int, int]:
        """(active and not over now, active in state but over since ``expired_since``): both from one partial index."""
        ...

    async def find_cards(self, business_id: UUID, text: str, *, limit: int = MOST_FOUND) -> Sequence[tuple[Card, Customer]]:
        """Cards that are not left, of customers whose name or phone contains the text (at least 3 characters), by name."""
        ...
