from collections.abc import AsyncIterator

import pytest
from shop import Shop, open_shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A café that is open, without wallets."""
    async with open_shop(database_url) as shop:
        yield shop
