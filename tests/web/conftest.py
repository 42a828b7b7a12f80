from collections.abc import AsyncIterator

import pytest
from shop import Shop, open_shop


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, but for what is marked with BOTH: tests/store and tests/races know both databases, and a page shows what these say."""
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A café that is open, without wallets."""
    async with open_shop(database_url) as shop:
        yield shop
