"""Conversations with a database, and plain queries: what the store's parts by subject have in common."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from piccolo.query import Select

from app.db.engines import Engine, rows
from app.db.shapes import CARD, Shape
from app.db.statements import Ask, Dialect, Statements, Talk
from app.db.unit import Ready, ready
from app.store import Row, Unit

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
Key = tuple[Any, ...]

_NEVER: Final = datetime.fromtimestamp(0, UTC)
"""When a unit that touches no card becomes true: nobody asks."""


class Conversing(ABC):
    """A part of the store. What is abstract is how a conversation is held."""

    _engine: Engine
    _dialect: Dialect
    _say: Statements

    @abstractmethod
    async def _read(self, talk: Talk[T], *, heavy: bool = False) -> T:
        """Hold a reading conversation over one moment of the database; a ``heavy`` one may not hold others up."""

    @abstractmethod
    async def _write(self, talk: Talk[T], *, soon: bool = False) -> T:
        """Hold a writing conversation: all of it becomes true, or nothing (when it raises). ``soon``: a till waits for it."""

    @abstractmethod
    async def _asked(self, kind: str, key: Key) -> Any:
        """The answer to a question of the hot path (DatabaseStore._hot): a crowd of them may be answered together."""

    @abstractmethod
    def _reached(self) -> contextlib.AbstractContextManager[None]:
        """Turns the driver's complaint that the database is not there into a DatabaseProblem."""

    def _recorded(self, unit: Ready) -> Talk[None]:
        """Record rows that come with no unit. The clock comes last, as in a unit: whoever holds it waits for nobody."""
        if unit.rows:
            for shape, values in unit.rows:
                if not _placed(shape):
                    yield Ask(self._say.insert(shape), values)
            [(tick,)] = yield Ask(self._say.tick, (unit.ticks,))
            for shape, values in unit.placed(tick - unit.ticks + 1):
                if _placed(shape):
                    yield Ask(self._say.insert(shape), values)

    # --- Plain queries ---

    async def _all(self, shape: Shape[S], query: Select[Any]) -> list[S]:
        with self._reached():
            return [shape.read([row[name] for name in shape.names]) for row in await rows(self._engine, query)]

    async def _one(self, shape: Shape[S], query: Select[Any]) -> S | None:
        return next(iter(await self._all(shape, query.limit(1))), None)

    async def _of_business(self, shape: Shape[S], business_id: UUID) -> list[S]:
        table: Any = shape.table
        return await self._all(shape, table.select().where(table.business_id == business_id).order_by(table.created))


def just(ask: Ask) -> Talk[Sequence[Sequence[Any]]]:
    """A conversation of one question."""
    return (yield ask)


def with_rows(rows: Sequence[Row]) -> Ready:
    """Rows made ready to be recorded beside a conversation. Raises ValueError for what cannot be stored."""
    return ready(Unit(at=_NEVER, due_at=_NEVER, rows=tuple(rows)))


def numbered(keys: Sequence[Key]) -> list[Key]:
    """A group of questions, each with its number in front."""
    return [(number, *key) for number, key in enumerate(keys)]


def answers(keys: Sequence[Key], found: Iterable[tuple[int, T]]) -> Sequence[T | None]:
    """An answer to each question of a group, in its order."""
    by = dict(found)
    return [by.get(number) for number in range(len(keys))]


def _placed(shape: Shape[Any]) -> bool:
    """Whether a row says its place on the clock."""
    return shape.ordered or shape is CARD
