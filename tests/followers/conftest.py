from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from street import Street, open_street


@pytest.fixture
async def street(database_url: str, tmp_path: Path) -> AsyncIterator[Street]:
    """A shop with both wallets, and phones that come to it."""
    async with open_street(database_url, tmp_path) as street:
        yield street
