"""Webhooks: endpoints that follow the log of events, and what is on its way to each of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from app.store.history import Place
from app.store.rows import Row
from app.store.rows.api import Delivery, Endpoint
from passes.cards import Event
from passes.coupons import Coupon

BEHIND: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a delivery is due that waits behind another one of its lane: when that one is through."""
ENOUGH: Final = 5
"""So many different deliveries in a row fail, and the endpoint rests: one delivery now and then probes it."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an event is about, beyond its ids: by ids and numbers only, so that nothing of it names a person."""

    card_number: str | None = None
    offer_id: UUID | None = None
    expires_at: datetime | None = None
    """The end of its coupon, as it is now."""
    location_id: UUID | None = None
    balance: int | None = None
    """On the card, right after it."""
    redemption_id: UUID | None = None


class Heralded(Protocol):
    """Whoever is told what happens, how far they are, and what has been said to them."""

    # --- For owners ---

    async def endpoints(self, business_id: UUID) -> Sequence[Endpoint]:
        """Those of a business that were not removed, by age."""
        ...

    async def endpoint(self, business_id: UUID, endpoint_id: UUID) -> Endpoint | None:
        """One of them."""
        ...

    async def change_endpoint(self, was: Endpoint, became: Endpoint, *, now: datetime, rows: Sequence[Row] = ()) -> bool:
        """Write an endpoint anew, where its owner says something; whoever tells it now stops, and what waits is tried at once.

        False if somebody has changed the same meanwhile; how far it is does not matter.
        """
        ...

    async def send(self, endpoint_id: UUID, *, now: datetime, again: UUID | None = None, rows: Sequence[Row] = ()) -> bool:
        """Record a delivery among the rows; or send one ``again``, as if never tried. False if that one is not this endpoint's."""
        ...

    async def deliveries(self, endpoint_id: UUID, *, state: str = "", after: Place | None = None, limit: int = 50) -> Sequence[Delivery]:
        """What was and will be said to an endpoint, the newest first."""
        ...

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery | None:
        """One of them."""
        ...

    # --- For the herald ---

    async def take_endpoints(self, *, now: datetime, lease_until: datetime, limit: int, but: Collection[UUID] = ()) -> Sequence[Endpoint]:
        """Endpoints that lag behind the log or have something due, and are in nobody's hands: ours until the lease ends.

        None of the businesses ``but``.
        """
        ...

    async def about(self, events: Sequence[Event]) -> Mapping[UUID, Facts]:
        """What these events (of one business) are about, by their ids."""
        ...

    async def queue(self, endpoint: Endpoint, deliveries: Sequence[Delivery], *, cursor: int) -> bool:
        """Deliveries that are new, and how far the endpoint has come with them. False if the lease is not ours any more.

        One whose lane has something under way is due when that is through.
        """
        ...

    async def due(self, endpoint_id: UUID, *, now: datetime, but: Sequence[UUID], limit: int) -> Sequence[Delivery]:
        """Deliveries that may be sent now, of each lane the first, without those that we are sending."""
        ...

    async def delivered(self, endpoint: Endpoint, done: Sequence[Delivery], *, now: datetime, wake: bool = False) -> bool:
        """What came of deliveries, and how the endpoint stands. False if the lease is not ours any more: then nothing is written.

        ``wake``: it is there again, and whatever waits for a later try is due now.
        """
        ...

    async def put_endpoint(self, endpoint: Endpoint, *, rests: bool) -> None:
        """Lay it down: due when its next delivery is; or, while it rests, as its ``due_at`` says."""
        ...

    async def forget_deliveries(self, before: datetime, limit: int) -> int:
        """Drop so many old ones that are through, and whatever was meant for endpoints that were removed; how many."""
        ...

    # --- What time alone does ---

    async def ending(self, *, since: Place, until: datetime, limit: int) -> Sequence[Place]:
        """The ends of active coupons (of any business) after this place and not after ``until``, in their order: when, and of which."""
        ...

    async def active(self, coupon_ids: Sequence[UUID]) -> Sequence[Coupon]:
        """Those of these coupons (of any business) that are active."""
        ...

    async def said(self, event_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Which of these events there are."""
        ...
