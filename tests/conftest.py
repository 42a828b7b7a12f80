"""What every test needs before anything of ours is imported."""

import gc
import inspect
import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("COUNTERPASS_SANDBOX", "true")
MEMORY, ROOM = Path("/dev/shm"), 4 << 30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:  # a process that is killed loses no more there
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

pytest_plugins = ["databases", "shop", "servers", "browsers"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of those that are marked as long each worker begins its share with some: who comes to one last keeps all others waiting."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    total, items[:] = len(items), []
    for worker in range(workers):  # as --dist worksteal deals them out
        mine = long[worker::workers]
        more = max(0, (total - len(items)) // (workers - worker) - len(mine))
        items += [*mine, *others[:more]]
        del others[:more]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Only an async test can make an async fixture: any other finds it made, or not, by who came before it in its process."""
    if isinstance(item, pytest.Function) and not inspect.iscoroutinefunction(item.obj):
        for name, (*_, fixture) in item._fixtureinfo.name2fixturedefs.items():
            if inspect.iscoroutinefunction(fixture.func) or inspect.isasyncgenfunction(fixture.func):
                raise pytest.UsageError(f"{item.nodeid} must be async, as its fixture {name} is")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector would walk through all of it again and again."""
    gc.collect()
    gc.freeze()
