"""A whole database goes from a SQLite file into PostgreSQL, row by row, as it is: no card, key or phone notices."""
# ruff: noqa: S608 (what is put into these texts are names of our own tables and columns)

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
from piccolo.columns import Serial
from piccolo.table import Table

from app.db import tables
from app.db.engines import POSTGRESQL
from app.db.schema import migrate
from app.store import DatabaseProblem

_FIRST: Final = "business"
"""Where this table is empty, nobody has begun."""


async def move(path: Path, url: str) -> int:
    """Copy all of a SQLite file of this version into a PostgreSQL database that is empty; how many rows. All of it or nothing.

    Raises ValueError for a file that another process has open, and for a database that is no PostgreSQL or not empty;
    DatabaseProblem if one of them does not answer.
    """
    if not url.startswith(POSTGRESQL):
        raise ValueError("DATABASE_URL must name the PostgreSQL database to which the file is moved")
    try:
        with closing(sqlite3.connect(path, detect_types=sqlite3.PARSE_DECLTYPES, timeout=1, isolation_level=None)) as file:
            _take(file, path)
            await migrate(url)
            connection = await asyncpg.connect(url)
            try:
                async with connection.transaction():
                    count = await _moved(file, connection)
                await connection.execute("ANALYZE")  # or the first requests are planned for tables without rows
            finally:
                await connection.close()
    except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseProblem(f"the database cannot be moved ({type(error).__name__}: {error})") from error
    return count


def _take(file: sqlite3.Connection, path: Path) -> None:
    """Nobody else has the file open, nor opens it until it is closed here (https://sqlite.org/wal.html#noshm).

    What a service that still runs would write there now would be lost. Raises ValueError.
    """
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        file.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ValueError(f"{path} is in use: stop every process of the service first") from None
        raise


async def _moved(file: sqlite3.Connection, connection: "asyncpg.Connection[Any]") -> int:
    every = [one._meta.tablename for one in tables.TABLES]  # noqa: SLF001 (Piccolo's public description of a table)
    await connection.execute(f"LOCK TABLE {', '.join(every)} IN ACCESS EXCLUSIVE MODE")
    if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {_FIRST})"):
        raise ValueError("the database that DATABASE_URL names is not empty: move into a new one")
    await connection.execute(f"DELETE FROM {tables.Clock._meta.tablename}")  # noqa: SLF001 (a new database has one that has not ticked)
    return sum([await _table(file, connection, one) for one in tables.TABLES])


async def _table(file: sqlite3.Connection, connection: "asyncpg.Connection[Any]", table: type[Table]) -> int:
    described = table._meta  # noqa: SLF001
    name, columns = described.tablename, [one._meta.name for one in described.columns]  # noqa: SLF001
    count = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal count
        for row in file.execute(f"SELECT {', '.join(columns)} FROM {name}"):
            count += 1
            yield row

    await connection.copy_records_to_table(name, records=rows(), columns=columns)
    for serial in (one._meta.name for one in described.columns if isinstance(one, Serial)):  # noqa: SLF001
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{name}', '{serial}'), coalesce(max({serial}), 0) + 1, false) FROM {name}"
        )
    return count
