import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from servers import Launcher
from visits import House, Visit, open_house


@pytest.fixture(scope="session")
async def house(sqlite_template: Path, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One service and one Chromium for all tests of this process."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(sqlite_template, folder / "counterpass.db")
    async with open_house(f"sqlite:///{folder}/counterpass.db", launcher, folder) as house:
        yield house


@pytest.fixture
async def visit(house: House) -> AsyncIterator[Visit]:
    """A new shop, and browsers in it that neither complain nor look elsewhere."""
    house.camera.sees_nothing()
    visit = Visit(house, await house.open_shop())
    yield visit
    await visit.close()
