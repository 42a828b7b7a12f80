from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shop import PASS_TYPE
from street import Street, noon, open_street

from app.certs import make_development_chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates that are good at noon of yesterday."""
    folder = tmp_path_factory.mktemp("street") / "certs" / "apple"
    make_development_chain(folder, pass_type=PASS_TYPE, team="DEVELOPER1", organization="Cà Phê Sáng", now=noon())
    return folder


@pytest.fixture
async def street(database_url: str, tmp_path: Path, chain: Path) -> AsyncIterator[Street]:
    """A shop with both wallets, and phones that come to it."""
    async with open_street(database_url, tmp_path, chain) as street:
        yield street
