"""Errands: long work."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.rows.errands import Errand, ErrandKind, Portion, Sheet


class Errands(Protocol):
    """Long work, taken by whoever is free."""

    async def errand(self, business_id: UUID, errand_id: UUID) -> tuple[Errand, Portion | None] | None:
        """An errand with its newest portion."""
        ...

    async def errands(
        self, business_id: UUID, *, kind: ErrandKind | None = None, limit: int = 50
    ) -> Sequence[tuple[Errand, Portion | None]]:
        """A business's errands, the newest first."""
        ...

    async def take_errand(self, *, now: datetime, lease_until: datetime) -> tuple[Errand, Portion | None] | None:
        """One that is due, neither stopped nor ended, and in nobody's hands: ours until the lease ends."""
        ...

    async def put_errand(self, errand_id: UUID, *, due_at: datetime | None = None, ended_at: datetime | None = None) -> None:
        """Lay an errand down again: due later, or ended (then its sheets go)."""
        ...

    async def stop_errand(self, business_id: UUID, errand_id: UUID, at: datetime) -> bool:
        """Stop one that has not ended; what it did stays, and no portion is recorded any more: one that comes now is a Duplicate."""
        ...

    async def portion(self, errand_id: UUID, number: int) -> Portion | None:
        """One of an errand's portions, from 0."""
        ...

    async def sheet(self, errand_id: UUID, number: int) -> Sheet | None:
        """A piece of the errand's file, from 0."""
        ...
