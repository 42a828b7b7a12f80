"""Bring a database up to this code, all or nothing, however many processes try it at once."""

import contextlib
import importlib
import io
import os
import pkgutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg
from piccolo.apps.migrations.tables import Migration
from piccolo.conf.apps import ENVIRONMENT_VARIABLE

from app.db.engines import UNREADABLE, Engine, SQLite, engine_of, path_of, rows
from app.db.piccolo_app import MIGRATIONS, NAME
from app.store import DatabaseProblem

_LOCK: Final = 0x636F756E746572  # "counter": PostgreSQL's advisory lock for whoever migrates


@cache
def known() -> tuple[str, ...]:
    """The migrations of this code, oldest first."""
    names = [module.name for module in pkgutil.iter_modules([str(MIGRATIONS)])]
    return tuple(sorted(str(importlib.import_module(f"app.db.migrations.{name}").ID) for name in names))


async def missing(engine: Engine) -> Sequence[str]:
    """Migrations that this code has and the database has not."""
    Migration._meta.db = engine  # noqa: SLF001 (Piccolo's way of naming a table's engine)
    exists = Migration.table_exists()
    (found,) = await engine.run_querystring((exists.sqlite_querystrings if isinstance(engine, SQLite) else exists.postgres_querystrings)[0])
    if not found["exists"]:
        return known()
    ran = {row["name"] for row in await rows(engine, Migration.select(Migration.name).where(Migration.app_name == NAME))}
    return [name for name in known() if name not in ran]


async def migrate(url: str) -> Sequence[str]:
    """Run what is missing; the names of the migrations that were run. Raises DatabaseProblem if the database is not there.

    One transaction holds the writer's lock (SQLite) or an advisory lock (PostgreSQL) around all of them: of two processes
    that start together the second waits and finds nothing left to do, and a failure leaves the database as it was.
    """
    engine = engine_of(url)
    try:
        if isinstance(engine, SQLite):
            _make_private(Path(path_of(url)))
        async with _alone(engine):
            names = await missing(engine)
            if names:
                await _run(engine)
    except (ValueError, OverflowError):
        raise DatabaseProblem(UNREADABLE) from None
    except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise DatabaseProblem(f"the database cannot be migrated ({type(error).__name__}: {error})") from error
    finally:
        await engine.close()
    return names


def _make_private(path: Path) -> None:
    """A new file is its owner's alone: it will hold codes and keys. What SQLite puts beside it takes its mode from it."""
    path.touch(mode=0o600)


@contextlib.asynccontextmanager
async def _alone(engine: Engine) -> AsyncIterator[None]:
    async with engine.transaction(allow_nested=False):
        if not isinstance(engine, SQLite):
            await engine.run_ddl(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield


async def _run(engine: Engine) -> None:
    """Piccolo's runner finds its engine in the module that the environment names, and prints what it does."""
    from piccolo.apps.migrations.commands.forwards import run_forwards  # brings a code formatter along, which the service needs not

    before = os.environ.get(ENVIRONMENT_VARIABLE)
    os.environ[ENVIRONMENT_VARIABLE] = "app.db.piccolo_conf"
    try:
        importlib.import_module("app.db.piccolo_conf").__dict__["DB"] = engine
        with contextlib.redirect_stdout(io.StringIO()) as said:
            result = await run_forwards(NAME)
        if not result.success:
            raise RuntimeError(said.getvalue())
    finally:
        if before is None:
            del os.environ[ENVIRONMENT_VARIABLE]
        else:
            os.environ[ENVIRONMENT_VARIABLE] = before
