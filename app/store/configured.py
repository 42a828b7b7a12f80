"""What a business is made of: locations, staff, programs, offers, campaigns, and who changed them."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from app.store.history import Place
from app.store.rows import Revised, Row
from app.store.rows.business import Audit, Picture
from app.store.rows.staff import Staff
from passes.businesses import Business, Location
from passes.campaigns import Campaign, Segment
from passes.offers import Offer
from passes.programs import Program


class Configured(Protocol):
    """What is set up once and read often, and how it is written anew."""

    async def businesses(self) -> Sequence[Business]:
        """All businesses of the installation, by age, without the twins of their test mode."""
        ...

    async def business(self, business_id: UUID) -> Business | None:
        """A business, or the twin of one."""
        ...

    async def set_up(self, business_ids: Sequence[UUID]) -> Sequence[Business | Location | Offer | Program]:
        """What businesses are made of at one moment, the businesses themselves first."""
        ...

    async def staff(self, business_id: UUID) -> Sequence[Staff]:
        """The people of a business."""
        ...

    async def locations(self, business_id: UUID) -> Sequence[Location]:
        """The locations of a business."""
        ...

    async def program(self, business_id: UUID, program_id: UUID) -> Program | None:
        """A program of this business."""
        ...

    async def program_with_business(self, program_id: UUID) -> tuple[Program, Business] | None:
        """A program of any business: what is public about it is drawn for anybody."""
        ...

    async def programs(self, business_id: UUID) -> Sequence[Program]:
        """All programs of a business, by age."""
        ...

    async def offers(self, business_id: UUID, offer_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """Offers of this business by id."""
        ...

    async def all_offers(self, business_id: UUID) -> Sequence[Offer]:
        """All offers of a business, by age."""
        ...

    async def campaigns(self, business_id: UUID) -> Sequence[Campaign]:
        """All campaigns of a business, by age."""
        ...

    async def campaign(self, business_id: UUID, campaign_id: UUID) -> Campaign | None:
        """A campaign of this business."""
        ...

    async def segments(self, business_id: UUID) -> Sequence[Segment]:
        """Rules that were given a name, by age."""
        ...

    async def remove_segment(self, business_id: UUID, segment_id: UUID, rows: Sequence[Row]) -> bool:
        """Forget rules that had a name, and record rows with that; False if there are none such (any more)."""
        ...

    async def picture(self, digest: str) -> Picture | None:
        """A picture by its digest."""
        ...

    async def tallied(self, business_id: UUID, key: str) -> int:
        """What is counted under a key of a Tally."""
        ...

    async def audited(
        self,
        business_id: UUID,
        *,
        staff_id: UUID | None = None,
        what: str = "",
        of_id: UUID | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Audit]:
        """The audit, newest first, after (older than) a place; ``what`` is the beginning of the word (``offer.``)."""
        ...

    async def revise(self, pairs: Sequence[tuple[Revised, Revised]], rows: Sequence[Row] = ()) -> bool:
        """Write things anew, each if it is still as the first of its pair, and record rows with them: all or nothing.

        False if something has changed meanwhile: read again. Raises Duplicate. An offer that gets its first limit has its tallies
        counted from what was redeemed already.
        """
        ...
