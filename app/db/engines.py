"""Piccolo's two engines as we use them: connections kept, and the two leaks of a failed BEGIN and a failed COMMIT plugged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import asyncpg
from aiosqlite import Connection
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType
from piccolo.query import Select
from piccolo.table import Table

from app.store import DatabaseProblem

BUSY: Final = 10.0
"""Seconds that SQLite waits for another process (the command line, a backup) to finish writing."""
PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
)
"""For every connection: readers never wait for the writer, an acknowledged commit survives a power cut, and pages are kept (64 MiB):
with SQLite's own 2 MiB a look-up by code costs twice as much."""
SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = ("postgresql://", "postgres://")
UNREADABLE: Final = (
    "DATABASE_URL cannot be read. It is like postgresql://user:password@host:5432/name, where a password's / is %2F, # %23, ? %3F, @ %40, "
    "[ %5B, ] %5D and % %25"
)
"""What is said of a URL that the driver does not understand. The driver names the part that it stumbles over: often the password."""
SETTINGS: Final = {"application_name": "counterpass", "jit": "off"}
"""For every connection to PostgreSQL: our statements are short, and compiling one takes longer than running it."""
PATIENCE: Final = {"timeout": 10.0, "command_timeout": 30.0}
"""Seconds to connect to PostgreSQL, and to wait for an answer: one that hangs is one that does not answer."""
SOON: Final = 3.5
"""Seconds that PostgreSQL has for what somebody stands and waits for: a till gives up after five, and is told by then."""
LATE: Final = PATIENCE["command_timeout"] + SOON
"""Seconds for what reads much, or changes much: by then PostgreSQL was asked to end it, and does not even do that."""
KEPT: Final = 4
"""Connections for reading pages that are kept open; more are opened when more is asked at once."""


class SQLiteUnit(SQLiteTransaction):
    """A transaction whose failed beginning does not leave a connection, and its thread, behind."""

    async def begin(self) -> None:
        """Begin, or close the connection: its thread is not a daemon and would keep the process from ending."""
        try:
            await super().begin()  # type: ignore[no-untyped-call] # Piccolo's own
        except BaseException:
            await self.connection.close()
            raise


class SQLite(SQLiteEngine):
    """SQLite with its reading connections kept: opening one for each query costs ten times the query."""

    __slots__ = ("_idle", "_open")

    def __init__(self, path: str) -> None:
        self._idle: list[Connection] = []
        self._open = True
        super().__init__(path=path, timeout=BUSY)

    async def get_connection(self) -> Connection:
        """A new connection, set up like all of ours."""
        connection = await super().get_connection()
        try:
            for pragma in PRAGMAS:
                await connection.execute(pragma)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _run_in_new_connection(
        self,
        query: str,
        args: list[Any] | None = None,
        query_type: str = "generic",  # noqa: ARG002 (Piccolo's signature)
        table: type[Table] | None = None,  # noqa: ARG002 (for SQLite before RETURNING)
    ) -> Any:
        connection = self._idle.pop() if self._idle else await self.get_connection()
        try:
            async with connection.execute(query, args or []) as cursor:
                rows = await cursor.fetchall()
        except BaseException:
            await connection.close()
            raise
        if self._open and len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            await connection.close()
        return rows

    def transaction(self, transaction_type: TransactionType = TransactionType.immediate, allow_nested: bool = True) -> SQLiteUnit:  # noqa: FBT001, FBT002 (Piccolo's signature)
        """A transaction that takes the writer's lock at once: an upgrade from reading would fail instead of waiting."""
        return SQLiteUnit(engine=self, transaction_type=transaction_type, allow_nested=allow_nested)

    async def close(self) -> None:
        """Close what is kept, and keep nothing more: a query that is under way closes its own."""
        self._open = False
        while self._idle:
            await self._idle.pop().close()


class PostgreSQLUnit(PostgresTransaction):
    """A transaction that gives its connection back also when BEGIN or COMMIT itself fails."""

    async def begin(self) -> None:
        """Begin, or let go of the connection."""
        try:
            await super().begin()  # type: ignore[no-untyped-call] # Piccolo's own
        except BaseException:
            await self._let_go()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if self._parent is not None:
            return error is None
        try:
            return await super().__aexit__(kind, error, trace)
        except BaseException:
            self.engine.current_transaction.reset(self.context)
            await self._let_go()
            raise

    async def _let_go(self) -> None:
        if self.engine.pool is not None:
            await self.engine.pool.release(self.connection)
        else:
            await self.connection.close()


@contextlib.contextmanager
def in_time(connection: asyncpg.Connection, seconds: float, *, until: float | None = None) -> Iterator[None]:
    """After so many seconds (``until`` then on the loop's clock) the connection is closed, and what is asked of it raises TimeoutError.

    A database that hangs (it was stopped, or the network swallows what is sent) is not asked to end what it does: a ROLLBACK, and the
    driver's own request to cancel, would wait for it as long again.
    """
    late: list[None] = []

    def close() -> None:
        late.append(connection.terminate())

    loop = asyncio.get_running_loop()
    end = loop.call_later(seconds, close) if until is None else loop.call_at(until, close)
    try:
        yield
    except Exception as error:
        if late:
            raise TimeoutError(f"no answer for {seconds} s") from error
        raise
    finally:
        end.cancel()


class PostgreSQL(PostgresEngine):
    """PostgreSQL without a connection, and without a blocked event loop, at construction."""

    def __init__(self, url: str, *, soon: float = SOON) -> None:
        self._soon = soon
        super().__init__(config={"dsn": url})

    async def check_version(self) -> None:
        """Piccolo would connect here, inside the constructor; whoever opens the pool learns soon enough."""

    async def start_connection_pool(self, **kwargs: Any) -> None:
        """Open the pool. A returned connection is not reset: nothing of ours leaves anything behind on one, and a reset is a round trip."""
        await super().start_connection_pool(min_size=0, max_size=KEPT, reset=_as_it_is, server_settings=SETTINGS, **PATIENCE, **kwargs)

    @contextlib.asynccontextmanager
    async def lent(self, seconds: float) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool for so many seconds, with the waiting for one. Raises TimeoutError."""
        if self.pool is None:
            raise DatabaseProblem("the database was closed")
        async with asyncio.timeout(seconds) as limit:
            connection = await self.pool.acquire()
        try:
            with in_time(connection, seconds, until=limit.when()):
                yield connection
        finally:
            await self.pool.release(connection)

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:
        async with self.lent(self._soon) as connection:
            return await connection.fetch(query, *(args or ()))

    def transaction(self, allow_nested: bool = True) -> PostgreSQLUnit:  # noqa: FBT001, FBT002 (Piccolo's signature)
        """A transaction whose failed ends leak nothing."""
        return PostgreSQLUnit(engine=self, allow_nested=allow_nested)

    async def close(self) -> None:
        """Close the pool."""
        if self.pool is not None:
            await self.close_connection_pool()


Engine = SQLite | PostgreSQL


async def _as_it_is(_: asyncpg.Connection) -> None:
    pass


def path_of(url: str) -> str:
    """The file of a ``sqlite:///relative`` or ``sqlite:////absolute`` URL. Raises DatabaseProblem if it names none."""
    path = url.removeprefix(SQLITE)
    if path in ("", url, ":memory:"):
        raise DatabaseProblem(
            f"DATABASE_URL must be {SQLITE}file (one slash more for an absolute path) or postgresql://user:password@host/name"
        )
    return path


def engine_of(url: str) -> Engine:
    """Piccolo's engine for a database URL; it does not connect. Raises DatabaseProblem for a URL that is neither."""
    return PostgreSQL(url) if url.startswith(POSTGRESQL) else SQLite(path_of(url))


async def rows(engine: Engine, query: Select[Any]) -> Sequence[Mapping[str, Any]]:
    """The rows of a query on this engine, whichever one the table was bound to last: several stores may live in one process."""
    found: Sequence[Mapping[str, Any]] = await engine.run_querystring(query.default_querystrings[0])
    return found
