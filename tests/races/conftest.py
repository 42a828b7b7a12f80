from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, open_house
from servers import Launcher


@pytest.fixture
async def house(database_url: str, launcher: Launcher, tmp_path: Path) -> AsyncIterator[House]:
    """A shop that real processes serve."""
    async with open_house(database_url, launcher, tmp_path) as house:
        yield house
