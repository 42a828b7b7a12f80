"""What programs need: their keys, and the log of what happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.rows import Row
from app.store.rows.api import ApiKey, ApiSecret
from passes.cards import Event


class Programmed(Protocol):
    """Keys, sales, reservations, and whoever follows the log from outside."""

    async def api_keys(self, business_id: UUID) -> Sequence[tuple[ApiKey, Sequence[ApiSecret]]]:
        """The keys of a business by age, revoked ones too, each with its secrets, the newest first."""
        ...

    async def change_key(
        self,
        business_id: UUID,
        key_id: UUID,
        *,
        revoked_at: datetime | None = None,
        old_until: datetime | None = None,
        rows: Sequence[Row] = (),
    ) -> bool:
        """Revoke a key of this business, or let the secrets that it has now end then, and record rows with that.

        False if there is none such (any more). Of the secrets only those that would last longer are shortened.
        """
        ...

    async def key_used(self, key_id: UUID, at: datetime) -> None:
        """Remember that it was used now (the caller asks once a minute at most)."""
        ...

    async def happened(
        self,
        business_id: UUID,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        card_id: UUID | None = None,
        customer_id: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[tuple[int, Event]]:
        """Events of a business after a place on the clock, in their order, each with its place; all, or of these kinds, card, customer."""
        ...

    async def log_end(self, business_id: UUID) -> int:
        """The place of the newest event of a business, or 0."""
        ...
