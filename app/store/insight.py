"""What came of the customers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from passes.cards import Event


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Of the cards that joined in a time: how many there are, and how many were ever saved to a wallet, stamped, and so on."""

    joined: int = 0
    saved: int = 0
    stamped: int = 0
    earned: int = 0
    redeemed: int = 0


class Came(msgspec.Struct, frozen=True):
    """A card with how often it was there in a time."""

    card_id: UUID
    customer_id: UUID
    name: str
    visits: int


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """How many cards were there in a time, how often in all, and those that were there most."""

    cards: int = 0
    visits: int = 0
    most: tuple[Came, ...] = ()


class Returned(msgspec.Struct, frozen=True):
    """Of so many redemptions of an offer, after how many the card was there again."""

    offer_id: UUID
    redeemed: int
    returned: int


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """A correction, or a coupon given as compensation: the event, whose card it was on, and the coupon."""

    event: Event
    customer: str
    program_id: UUID
    offer_id: UUID | None
    code: str


class Insights(Protocol):
    """How far customers come, who comes most, and what brings them back."""

    async def funnel(self, business_id: UUID, *, since: datetime, until: datetime) -> Funnel:
        """How far the cards have come that joined from ``since`` to before ``until``."""
        ...

    async def activity(self, business_id: UUID, *, since: datetime, until: datetime, limit: int = 10) -> Activity:
        """Who earned stamps or points from ``since`` to before ``until``, those who did most often first."""
        ...

    async def returned(self, business_id: UUID, *, since: datetime, until: datetime, days: int, newest: int) -> Sequence[Returned]:
        """Of the ``newest`` redemptions in a time, by offer: after how many the card was stamped on a later visit within so many days."""
        ...

    async def deeds(self, business_id: UUID, staff_id: UUID, *, since: datetime, until: datetime, limit: int) -> Sequence[Deed]:
        """What one person corrected, or gave as compensation, from ``since`` to before ``until``: the newest, in front."""
        ...
