"""What a till brings and holds: baskets, reservations, and sales with what came back of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.history import Place
from app.store.rows.api import Reservation, Return, Sale
from passes.coupons import Coupon, Presented, Redemption


class Tills(Protocol):
    """Within a business: what was redeemed, held and sold together."""

    async def basket(self, business_id: UUID, basket_id: UUID) -> Sequence[tuple[Redemption, Presented]]:
        """The redemptions of a basket by id, each with its coupon as it is now."""
        ...

    async def reservation(self, business_id: UUID, reservation_id: UUID) -> Reservation | None:
        """A reservation by id."""
        ...

    async def holding(self, business_id: UUID, *, now: datetime, after: Place | None = None, limit: int = 50) -> Sequence[Reservation]:
        """The reservations that hold a coupon now, the newest first, after (older than) a place."""
        ...

    async def held_lately(self, business_id: UUID, coupon_ids: Sequence[UUID], *, since: datetime) -> Sequence[Reservation]:
        """What was reserved after then with one of these coupons (one at least) in it."""
        ...

    async def reservations(self, business_id: UUID, ids: Sequence[UUID]) -> Sequence[Reservation]:
        """Those of these reservations that there are."""
        ...

    async def redeemed_at(self, business_id: UUID, basket_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """When those of these baskets were redeemed that were."""
        ...

    async def lapsed(self, offer_id: UUID, *, now: datetime, limit: int = 100) -> Sequence[Coupon]:
        """Coupons of an offer that a reservation has held: its time is over, or they are void; they are counted as held all the same."""
        ...

    async def sales_of(self, business_id: UUID, basket_ids: Sequence[UUID]) -> Mapping[UUID, Sale]:
        """What a till said of the sales in which these baskets were redeemed, by basket."""
        ...

    async def receipt(self, business_id: UUID, receipt: str) -> Sequence[tuple[Sale, Sequence[Return]]]:
        """The sales of a receipt that earned something, by id (so by age), each with what came back of it so far, in its order."""
        ...

    async def earned_since(self, business_id: UUID, event_ids: Sequence[UUID], card_ids: Sequence[UUID]) -> Sequence[Coupon]:
        """The coupons that cards earned with the first of these events and since, the newest first."""
        ...
