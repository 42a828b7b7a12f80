from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from premises import Premises, open_premises
from servers import Launcher
from shop import PASS_TYPE

from app import world
from app.certs import make_development_chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("premises") / "certs" / "apple"
    make_development_chain(folder, pass_type=PASS_TYPE, team="DEVELOPER1", organization="Cà Phê Sáng", now=world.now())
    return folder


@pytest.fixture
async def premises(database_url: str, launcher: Launcher, tmp_path: Path, chain: Path) -> AsyncIterator[Premises]:
    """A shop with both wallets."""
    async with open_premises(database_url, launcher, tmp_path, chain) as premises:
        yield premises


@pytest.fixture
async def on_sqlite(sqlite_url: str, launcher: Launcher, tmp_path: Path) -> AsyncIterator[Premises]:
    async with open_premises(sqlite_url, launcher, tmp_path) as premises:
        yield premises


@pytest.fixture
async def on_postgresql(postgresql_url: str, launcher: Launcher, tmp_path: Path) -> AsyncIterator[Premises]:
    async with open_premises(postgresql_url, launcher, tmp_path) as premises:
        yield premises
