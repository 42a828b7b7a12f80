"""The store over PostgreSQL: commits and hot reads in groups over pinned connections, everything else through a pool."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import asyncpg

from app.db.conversing import Key
from app.db.engines import LATE, PATIENCE, SETTINGS, SOON, UNREADABLE, PostgreSQL, in_time, path_of
from app.db.engines import POSTGRESQL as URLS
from app.db.group import Crowded, Group
from app.db.lane import Lane
from app.db.shapes import KINDS
from app.db.statements import POSTGRESQL, Talk
from app.db.store import DatabaseStore
from app.db.unit import Ready, ready
from app.store import DatabaseProblem, Duplicate, Lost, Unit

T = TypeVar("T")

TOGETHER: Final = 500
"""The most units of one commit, and questions of one read."""
ATTEMPTS: Final = 5
"""How often a group is tried that another process made PostgreSQL break off (a deadlock): nothing of it was recorded."""
PINNED: Final = {
    **SETTINGS,
    # PostgreSQL itself ends a wait for somebody who holds a row, before we close the connection, and leave it waiting.
    "lock_timeout": "3s",
    # One plan for each statement, by index and in the order of the rows given. It is made anew after 1, 2, 4, 8 … uses, as
    # the tables grow under it: a plan made for a table of one row would read a million to find one.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
MOMENT: Final[Mapping[str, Any]] = {"isolation": "repeatable_read", "readonly": True}
"""A transaction whose statements all see the database as it was at the first of them."""
AT_ONCE: Final = frozenset({"caller", "counting", "kept", "presented"})
"""Questions of the hot path that one statement answers (who used a coupon, and the names of its places, are asked beside it)."""
PLANNED_FOR: Final = 4096
"""The most groups between two plannings."""
SPOILT: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, Crowded, ValueError, TypeError)
"""What one unit can do to its group."""
_COMPLAINTS: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError)


class Pinned:
    """One connection, made when it is needed and made anew when it was lost."""

    def __init__(self, url: str, soon: float) -> None:
        self._url, self._soon = url, soon
        self._connection: asyncpg.Connection | None = None
        self._uses = 0

    async def get(self, seconds: float) -> asyncpg.Connection:
        """The connection, which may take so many seconds to make. Raises what the driver raises if there is none to be had."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=seconds, server_settings=PINNED, statement_cache_size=500, max_cached_statement_lifetime=0
            )
        self._uses += 1
        if self._uses & (self._uses - 1) == 0 or self._uses % PLANNED_FOR == 0:
            await self._connection.execute("DISCARD PLANS", timeout=self._soon)
        return self._connection

    def drop(self) -> None:
        """Whatever state it is in, the next one is a new one."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()


class PostgreSQLStore(DatabaseStore):
    """app.store.Store over PostgreSQL. Any number of processes serve one database."""

    _engine: PostgreSQL

    def __init__(self, url: str, *, queue: int, soon: float = SOON) -> None:
        """Use ``connected``."""
        super().__init__(PostgreSQL(url, soon=soon), POSTGRESQL)
        self._soon = soon
        self._writing, self._reading = Pinned(url, soon), Pinned(url, soon)
        self._units: Lane[Ready, int] = Lane(self._commit, waiting=queue, together=TOGETHER, long=soon / 4)
        self._questions: Lane[tuple[str, Key], Any] = Lane(self._answer_together, waiting=queue, together=TOGETHER, long=soon / 4)

    @classmethod
    async def connected(cls, url: str, *, queue: int, soon: float = SOON) -> Self:
        """A store whose database has answered; ``soon`` is how many seconds somebody waits for it. Raises DatabaseProblem."""
        if not url.startswith(URLS):
            path_of(url)  # says what a URL must look like
        store = cls(url, queue=queue, soon=soon)
        try:
            await store._engine.start_connection_pool()
            await store._writing.get(PATIENCE["timeout"])
        except (ValueError, OverflowError):
            await store.close()
            raise DatabaseProblem(UNREADABLE) from None
        except _COMPLAINTS as error:
            await store.close()
            raise _problem(error) from error
        return store

    async def commit(self, unit: Unit) -> int:
        """See app.store.Store."""
        return await self._units.ask(ready(unit))

    async def _asked(self, kind: str, key: Key) -> Any:
        return await self._questions.ask((kind, key))

    async def close(self) -> None:
        """See app.store.Store."""
        await self._units.close()
        await self._questions.close()
        await self._writing.close()
        await self._reading.close()
        await self._engine.close()

    # --- Conversations ---

    async def _read(self, talk: Talk[T], *, heavy: bool = False) -> T:
        with self._reached():
            async with self._engine.lent(LATE if heavy else self._soon) as connection, connection.transaction(**MOMENT):
                return await _hold(connection, talk)

    async def _write(self, talk: Talk[T], *, soon: bool = False) -> T:
        with self._reached():
            try:
                async with self._engine.lent(self._soon if soon else LATE) as connection, connection.transaction():
                    return await _hold(connection, talk)
            except asyncpg.UniqueViolationError as error:
                raise _alone(error) from None  # its detail names values

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except _COMPLAINTS as error:
            raise _problem(error) from error

    # --- Hot reads ---

    async def _answer_together(self, questions: Sequence[tuple[str, Key]]) -> Sequence[Any]:
        """One statement for each kind of question in the group."""
        answers: list[Any] = [None] * len(questions)
        try:
            connection = await self._reading.get(self._soon)
            with in_time(connection, self._soon):
                for kind in dict.fromkeys(kind for kind, _ in questions):
                    places = [place for place, (asked, _) in enumerate(questions) if asked == kind]
                    # Of some, one statement comes after another: all of them see one moment.
                    together = contextlib.nullcontext() if kind in AT_ONCE else connection.transaction(**MOMENT)
                    async with together:
                        found = await _hold(connection, self._hot[kind]([questions[place][1] for place in places]))
                    for place, answer in zip(places, found, strict=True):
                        answers[place] = answer
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer to all of them)
            self._reading.drop()
            return [_problem(error) for _ in questions]
        return answers

    # --- The writer ---

    async def _commit(self, units: Sequence[Ready]) -> Sequence[int | Exception]:
        """A group; if one of its units spoils it, its halves in their order, down to the unit that fails alone."""
        for _ in range(ATTEMPTS):
            try:
                connection = await self._writing.get(self._soon)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer to all of them)
                return [_problem(error) for _ in units]
            try:
                with in_time(connection, LATE if any(unit.large for unit in units) else self._soon):
                    return await self._commit_together(connection, units)
            except asyncpg.TransactionRollbackError:  # two processes stood in each other's way, and this one was sent back
                continue
            except SPOILT as error:
                if len(units) == 1:
                    return [_alone(error)]
                half = len(units) // 2
                first = await self._commit(units[:half])
                away = next((one for one in first if isinstance(one, DatabaseProblem)), None)  # it is not waited for once more
                return [*first, *([away] * (len(units) - half) if away else await self._commit(units[half:]))]
            except Exception as error:  # noqa: BLE001 (the same; and the connection may be in the middle of anything)
                self._writing.drop()
                return [_problem(error, "; ask again to learn whether it was recorded") for _ in units]
        return [DatabaseProblem("other processes kept standing in this one's way; nothing was recorded") for _ in units]

    async def _commit_together(self, connection: asyncpg.Connection, units: Sequence[Ready]) -> Sequence[int | Exception]:
        group = Group(units)
        if group.plain:
            return await _hold(connection, group.talk())
        await connection.execute("BEGIN")
        try:
            replies = await _hold(connection, group.talk())
        except (asyncpg.PostgresError, *SPOILT):
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")
        return replies


async def _hold(connection: asyncpg.Connection, talk: Talk[T]) -> T:
    """Carry a conversation to its end."""
    try:
        ask = next(talk)
        while True:
            rows = await connection.fetch(ask.text, *(ask.values if ask.rows is None else zip(*ask.rows, strict=True)))
            ask = talk.send(rows)
    except StopIteration as end:
        result: T = end.value
        return result


def _alone(error: Exception) -> Exception:
    """What a unit is told that failed alone."""
    match error:
        case asyncpg.UniqueViolationError():
            return Duplicate(KINDS.get(error.table_name, error.table_name))
        case Crowded():
            return Lost()
        case _:
            return error


def _problem(error: Exception, so: str = "") -> DatabaseProblem:
    said = str(error).partition("\n")[0]  # further lines name values
    return DatabaseProblem(f"the PostgreSQL database does not answer as it should ({type(error).__name__}: {said}){so}")
