import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from servers import Launcher
from visits import House, Visit, open_house

VENDOR = Path(__file__).parents[1] / "vendor"


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


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, as it was published."""
    (vendored,) = json.loads((VENDOR / "vendor.json").read_text())
    for name, digest in vendored["sha256"].items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
    return (VENDOR / "axe-core" / "axe.min.js").read_text()
