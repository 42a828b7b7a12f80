import pytest
from cafe import Cafe

from app.store import Store


@pytest.fixture
async def cafe(store: Store) -> Cafe:
    """A café that is open."""
    return await Cafe(store).open()
