"""Processes on one PostgreSQL tell each other that something happened (LISTEN and NOTIFY). On SQLite there is one process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import asyncpg
import structlog

from app.db.engines import PATIENCE, SETTINGS, SQLITE

log = structlog.get_logger()

CHANNEL: Final = "counterpass_news"
AGAIN: Final = 1.0
"""Seconds until the next try when the database does not answer."""
GATHERS: Final = 0.05
"""Seconds for which news are gathered: PostgreSQL commits notifying transactions one after the other, and a crowd needs one only."""

EVERYTHING: Final = ""

Tell = Callable[[str], None]


@contextlib.asynccontextmanager
async def neighbours(url: str, hear: Tell) -> AsyncIterator[Tell]:
    """While this is open: ``hear`` is given what other processes tell, and the function tells them something (an id, say).

    Telling neither waits nor fails: what cannot be told while the database is away is told when it is back, once. ``hear`` is
    given EVERYTHING when the connection is there (again): something may have been missed.
    """
    if url.startswith(SQLITE):
        yield lambda _: None
        return
    untold: set[str] = set()
    waiting = asyncio.Event()

    def tell(what: str) -> None:
        untold.add(what)
        waiting.set()

    task = asyncio.create_task(_talk(url, hear, tell, untold, waiting))
    try:
        yield tell
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _talk(url: str, hear: Tell, tell: Tell, untold: set[str], waiting: asyncio.Event) -> None:
    while True:
        try:
            connection = await asyncpg.connect(url, server_settings=SETTINGS, **PATIENCE)
            try:
                await _converse(connection, hear, tell, untold, waiting)
            finally:
                connection.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("neighbours cannot be told", why=type(error).__name__)
            await asyncio.sleep(AGAIN)


async def _converse(connection: Any, hear: Tell, tell: Tell, untold: set[str], waiting: asyncio.Event) -> None:
    me = connection.get_server_pid()

    def heard(_connection: object, sender: int, _channel: str, what: str) -> None:
        if sender != me:
            hear(what)

    connection.add_termination_listener(lambda _: waiting.set())
    await connection.add_listener(CHANNEL, heard)
    hear(EVERYTHING)
    waiting.set()  # for what was left untold
    while True:
        await waiting.wait()
        waiting.clear()
        if connection.is_closed():
            raise ConnectionResetError
        while untold:
            what = untold.pop()  # before it is told: what happens meanwhile is told again
            try:
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, what)
            except BaseException:
                tell(what)
                raise
        await asyncio.sleep(GATHERS)
