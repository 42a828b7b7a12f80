"""What test mode leaves behind, and how it is swept away."""

from typing import Protocol
from uuid import UUID


class Clearing(Protocol):
    """Forgetting a twin's customers."""

    async def clear(self, business_id: UUID) -> None:
        """Delete the customers of a twin with all that they have and did; what it is set up with stays, and so do its keys.

        Raises ValueError for a business that is nobody's twin: of a live one nothing is ever deleted.
        """
        ...
