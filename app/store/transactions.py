"""What a till did under a name of its own."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from app.store.rows.api import Return, Sale


class Transactions(Protocol):
    """By the key of the till, whose own names they are."""

    async def transaction(self, key_id: UUID, reference: str) -> tuple[Sale, Sequence[Return]] | None:
        """What this key said of a sale under this name, and what came back of it so far, in its order."""
        ...
