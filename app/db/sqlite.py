"""The store over SQLite: one writer with group commit, whose syncs wait in a thread; hot reads at once, in the event loop's own."""

import asyncio
import contextlib
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from app.db.conversing import Key
from app.db.engines import BUSY, PRAGMAS, SQLite
from app.db.lane import Lane
from app.db.shapes import KEPT, KINDS
from app.db.statements import SQLITE, Ask, Talk
from app.db.store import DatabaseStore
from app.db.unit import Comparison, Ready, ready, summed
from app.store import DatabaseProblem, Duplicate, Lost, Unit
from passes.cards import Card

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]
Write = Callable[[sqlite3.Connection], Any]

TOGETHER: Final = 100
"""The most units of one commit: what a crowd of them takes is still shorter than a person notices."""

HASTE: Final = 1.0
"""Seconds that a reader waits for a file that somebody has all to himself (a VACUUM): the event loop stands still meanwhile."""

STEP: Final = 100
"""Pages of the index of names that are merged at once."""
CUTS: Final = 3
"""How often, each time for as long as SQLite waits for another process, the log is tried to be cut off."""

# Piccolo registers its own for every sqlite3 connection of the process; these keep the same text and cost a tenth. A unit writes
# its moment several times. Nothing is converted when it is read: the shapes take the text as it is.
sqlite3.register_adapter(UUID, msgspec.to_builtins)
sqlite3.register_adapter(datetime, lru_cache(1024)(lambda moment: moment.astimezone(UTC).isoformat(" ")))


def connect(path: str, *, reading: bool) -> sqlite3.Connection:
    """A connection of ours. Raises DatabaseProblem if the file cannot be opened or is no database."""
    try:
        database = sqlite3.connect(
            path,
            timeout=HASTE if reading else BUSY,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in (*PRAGMAS, "PRAGMA query_only = ON" if reading else "PRAGMA secure_delete = ON"):
            database.execute(pragma)
    except sqlite3.Error as error:
        raise DatabaseProblem(f"the SQLite database {path} cannot be opened: {error}") from error
    return database


class SQLiteStore(DatabaseStore):
    """app.store.Store over one SQLite file. One process serves; the command line may write beside it."""

    def __init__(self, path: str, *, queue: int) -> None:
        """Opens the file. Raises DatabaseProblem."""
        self._path = path
        self._reader = connect(path, reading=True)
        self._heavy = connect(path, reading=True)
        self._heavy_lock = threading.Lock()
        self._writer = connect(path, reading=False)
        self._writer.execute("PRAGMA busy_timeout = 0")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
        self._lane: Lane[Ready | Write, Any] = Lane(self._serve, waiting=queue, together=TOGETHER)
        super().__init__(SQLite(path), SQLITE)
        self._compare: dict[tuple[object, ...], str] = {}
        self._touch: dict[tuple[str, ...], str] = {}

    async def commit(self, unit: Unit) -> int:
        """See app.store.Store."""
        tick: int = await self._lane.ask(ready(unit))
        return tick

    # The hot reads happen here and now, in the event loop's own thread: a point read over an index takes 10 to 30 µs in WAL
    # mode, where no writer can hold it up; handing it to another thread and back would take longer than the read.
    # Those of one turn of the loop share a transaction, which halves that. Nobody is shown anything old by it: the turn's end
    # is scheduled when the transaction begins, so it comes before whatever tells anybody of a later commit.

    async def _asked(self, kind: str, key: Key) -> Any:
        return self._now(self._hot[kind]([key]))[0]

    async def close(self) -> None:
        """See app.store.Store."""
        await self._lane.close()
        self._thread.shutdown()
        await self._engine.close()
        await asyncio.sleep(0)  # the last turn ends
        with self._heavy_lock:
            for database in (self._reader, self._heavy, self._writer):
                database.close()

    async def _read(self, talk: Talk[T], *, heavy: bool = False) -> T:
        return await asyncio.to_thread(self._held_heavily, talk) if heavy else self._now(talk)

    def _now(self, talk: Talk[T]) -> T:
        """A conversation over the moment of this turn of the loop: the first SELECT of a transaction chooses it."""
        try:
            if not self._reader.in_transaction:
                self._reader.execute("BEGIN")
                asyncio.get_running_loop().call_soon(self._end_turn)
            return _hold(self._reader, talk)
        except sqlite3.OperationalError as error:
            self._end_turn()
            raise _problem(error) from error

    def _end_turn(self) -> None:
        if self._reader.in_transaction:
            self._reader.execute("COMMIT")

    def _held_heavily(self, talk: Talk[T]) -> T:
        with self._heavy_lock, self._reached():
            self._heavy.execute("BEGIN")
            try:
                return _hold(self._heavy, talk)
            finally:
                self._heavy.execute("COMMIT")

    async def _write(self, talk: Talk[T], *, soon: bool = False) -> T:  # noqa: ARG002 (one file is there, or it is not)
        reply: T = await self._lane.ask(lambda database: _hold(database, talk))
        return reply

    async def _wipe(self) -> None:
        """The index of names has crossed a name out, and the log has the pages as they were.

        So the one is merged, in short steps between which others write, until nothing in it is crossed out; and the other is
        written back and cut off, as soon as nobody reads an older moment.
        """
        await asyncio.to_thread(self._merge_and_cut)

    def _merge_and_cut(self) -> None:
        with self._reached(), contextlib.closing(connect(self._path, reading=False)) as database:
            pages, changed = -STEP, 2
            while changed > 1:  # SQLite's own way to say that there was something to merge
                before = database.total_changes
                database.execute("INSERT INTO customer_sought (customer_sought, rank) VALUES ('merge', ?)", (pages,))
                pages, changed = STEP, database.total_changes - before
            for _ in range(CUTS):
                [(busy, *_)] = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                if not busy:
                    return
        raise DatabaseProblem("the SQLite database is being read all the time, so that its log could not be cut off; try again")

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _problem(error) from error

    # --- The writer ---

    async def _serve(self, group: Sequence[Ready | Write]) -> Sequence[Any]:
        """One transaction for the group: each fails alone, and all of them share one sync.

        The statements, microseconds each, run in the event loop's thread: from another one each of them would have to win
        the interpreter's lock back from a busy loop. Only the COMMIT, which waits for the disk without that lock, is handed over;
        meanwhile the loop serves on, and gathers the next group.
        """
        database = self._writer
        commit = partial(database.execute, "COMMIT")
        try:
            await self._begin(database)
            replies = [reply for plain, run in groupby(group, _is_plain) for reply in self._run(database, list(run), plain=plain)]
            done = (one for one, reply in zip(group, replies, strict=True) if isinstance(one, Ready) and not isinstance(reply, Exception))
            if counts := summed(done):
                database.executemany(self._say.count, counts)
            await asyncio.get_running_loop().run_in_executor(self._thread, commit)
        except Exception as error:
            if database.in_transaction:  # whatever it was, the next group begins from the beginning
                database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                return [_problem(error) for _ in group]
            raise
        return replies

    async def _begin(self, database: sqlite3.Connection) -> None:
        """Become the writer; while another process is (the command line, a backup), wait for it in the thread."""
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._begin_patiently, database)

    def _begin_patiently(self, database: sqlite3.Connection) -> None:
        database.execute(f"PRAGMA busy_timeout = {BUSY * 1000:.0f}")
        try:
            database.execute("BEGIN IMMEDIATE")
        finally:
            database.execute("PRAGMA busy_timeout = 0")

    def _run(self, database: sqlite3.Connection, run: Sequence[Any], *, plain: bool) -> Sequence[Any]:
        """Plain units go at a stroke; if a row of theirs is there already, and whatever is not plain, each goes by itself."""
        if plain:
            database.execute("SAVEPOINT run")
            try:
                replies = self._at_a_stroke(database, run)
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):  # a row that is there already, or that is none
                database.execute("ROLLBACK TO run")
            else:
                return replies
            finally:
                database.execute("RELEASE run")
        return [self._alone(database, one) for one in run]

    def _at_a_stroke(self, database: sqlite3.Connection, run: Sequence[Ready]) -> Sequence[Any]:
        """Every comparison in its turn, then what the winners come to, one statement for each kind of row.

        A plain unit compares one thing at the most, and that first, so that one that lost has left nothing behind.
        """
        refused = [self._why_not(database, unit) for unit in run]
        winners = [unit for unit, why in zip(run, refused, strict=True) if why is None]
        if not winners:
            return refused
        [(tick,)] = database.execute(self._say.tick, (sum(unit.ticks for unit in winners),)).fetchall()
        first = tick - sum(unit.ticks for unit in winners) + 1
        places, rows, touches, due = [], defaultdict(list), defaultdict(list), []
        for unit in winners:
            places.append(first + unit.ticks - 1)
            for shape, values in unit.placed(first):
                rows[shape].append(values)
            for card_id in unit.touches:
                to = _along(unit, card_id)
                touches[tuple(to)].append((card_id, places[-1], unit.at, *to.values()))
            due += [(card_id, unit.due_at) for card_id in unit.touches]
            first += unit.ticks
        for shape, lines in rows.items():
            database.executemany(self._say.insert(shape), lines)
        for names, cards in touches.items():
            database.executemany(self._touching(names), cards)
        if due:
            database.executemany(self._say.make_due, due)
        place = iter(places)
        return [next(place) if why is None else why for why in refused]

    def _why_not(self, database: sqlite3.Connection, unit: Ready) -> Exception | None:
        """Why it does not become true, if it does not: it was answered before, or a comparison does not hold."""
        if any(database.execute(self._say.answered, key).fetchall() for key in unit.answers):
            return Duplicate(KINDS[KEPT.name])
        return None if all(self._holds(database, change) for change in _compared(unit)) else Lost()

    def _alone(self, database: sqlite3.Connection, one: Ready | Write) -> Any:
        database.execute("SAVEPOINT unit")
        try:
            reply = self._make_true(one, database) if isinstance(one, Ready) else one(database)
        except Exception as error:  # it is the answer to the one who asked, whatever it is
            if not database.in_transaction:  # a full disk takes the whole group back
                raise
            database.execute("ROLLBACK TO unit")
            reply = _duplicate(error)
        database.execute("RELEASE unit")
        return reply

    def _make_true(self, unit: Ready, database: sqlite3.Connection) -> int:
        if not all(self._holds(database, change) for change in _compared(unit)):
            raise Lost
        for business_id, key, by, most in unit.tallies:
            if (most is not None and by > most) or not database.execute(self._say.tally, (business_id, key, by, most)).fetchall():
                raise Lost
        [(tick,)] = database.execute(self._say.tick, (unit.ticks,)).fetchall()
        for shape, values in unit.placed(tick - unit.ticks + 1):
            database.execute(self._say.insert(shape), values)
        for card_id in unit.touches:
            to = _along(unit, card_id)
            database.execute(self._touching(tuple(to)), (card_id, tick, unit.at, *to.values()))
            database.execute(self._say.make_due, (card_id, unit.due_at))
        return int(tick)

    def _holds(self, database: sqlite3.Connection, change: Comparison) -> bool:
        values = (*change.to.values(), change.id, *change.seen.values())
        return database.execute(self._comparing(change), values).rowcount == 1

    def _comparing(self, change: Comparison) -> str:
        key = (change.of, change.unlimited, *change.to, None, *change.seen)
        if key not in self._compare:
            table = "card" if change.of is Card else "coupon"
            to = ", ".join(f"{name} = ?" for name in change.to)
            seen = "".join(f" AND {name} IS ?" for name in change.seen)
            limited = " AND NOT EXISTS (SELECT 1 FROM offer AS o WHERE o.id = coupon.offer_id AND o.limited)" if change.unlimited else ""
            self._compare[key] = f"UPDATE {table} SET {to} WHERE id = ?{seen}{limited}"  # noqa: S608 (names of columns of ours)
        return self._compare[key]

    def _touching(self, names: tuple[str, ...]) -> str:
        """The statement that touches a card and writes these columns of it too."""
        if names not in self._touch:
            sets = "".join(f"{name} = ?{number}, " for number, name in enumerate(names, 4))
            self._touch[names] = self._say.touch.replace("SET ", f"SET {sets}", 1)
        return self._touch[names]


def _compared(unit: Ready) -> list[Comparison]:
    return [change for change in unit.comparisons if change.seen or change.id not in unit.touches]


def _along(unit: Ready, card_id: UUID) -> dict[str, Any]:
    """What else becomes of a card that is touched, where nothing of it is compared: one UPDATE of the card is cheaper than two."""
    return {name: value for change in unit.comparisons if change.id == card_id and not change.seen for name, value in change.to.items()}


def _is_plain(one: Ready | Write) -> bool:
    return isinstance(one, Ready) and not one.tallies and not any(change.seen or change.unlimited for change in one.comparisons[1:])


def _hold(database: sqlite3.Connection, talk: Talk[T]) -> T:
    """Carry a conversation to its end."""
    try:
        ask = next(talk)
        while True:
            ask = talk.send(_answer(database, ask))
    except StopIteration as end:
        result: T = end.value
        return result


def _answer(database: sqlite3.Connection, ask: Ask) -> Rows:
    if ask.rows is None:
        return database.execute(ask.text, [_list(value) if isinstance(value, list) else value for value in ask.values]).fetchall()
    if ask.silent:
        database.executemany(ask.text, ask.rows)
        return ()
    return [row for values in ask.rows for row in database.execute(ask.text, values).fetchall()]


def _list(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _duplicate(error: Exception) -> Exception:
    """The exception, or Duplicate if SQLite says ``UNIQUE constraint failed: table.column``."""
    if isinstance(error, sqlite3.IntegrityError):
        table = str(error).rpartition(": ")[2].partition(".")[0]
        if table in KINDS:
            return Duplicate(KINDS[table])
    return error


def _problem(error: sqlite3.Error) -> DatabaseProblem:
    return DatabaseProblem(f"the SQLite database cannot be read or written now: {error}")
