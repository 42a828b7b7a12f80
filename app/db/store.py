"""The store, as far as both databases are alike: conversations in one SQL, and plain reading queries by Piccolo."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeVar, get_args
from uuid import UUID

from msgspec.structs import replace

from app.db import schema, tables
from app.db.api import Programmed
from app.db.clearing import Clearing
from app.db.conversing import Key, answers, just, numbered
from app.db.engines import Engine
from app.db.errands import Errands
from app.db.exported import Exported
from app.db.forgetting import Forgetting
from app.db.history import History, customers_like, told_of
from app.db.insight import Insights
from app.db.listed import Listed
from app.db.people import People
from app.db.people_seen import PeopleSeen
from app.db.phones import Phones
from app.db.reach import Reaching
from app.db.shapes import (
    ALARM,
    BUSINESS,
    COUNTER,
    GOOGLE_CLASS,
    KEPT,
    LOCATION,
    STAFF,
    as_day,
    as_id,
    as_moment,
    checked,
)
from app.db.statements import Ask, Dialect, Statements, Talk
from app.db.tills import Tills
from app.db.transactions import Transactions
from app.db.webhooks import Heralded
from app.store import (
    MOST_FOUND,
    Alarm,
    Caller,
    Count,
    CountBy,
    Counting,
    Filter,
    GoogleClass,
    Kept,
    Past,
    Place,
    Unit,
)
from passes.businesses import Person
from passes.cards import Card, Customer
from passes.coupons import Presented
from passes.offers import SECOND

T = TypeVar("T")

CALLERS: Final = 4096
"""Callers that are remembered, by everything that is read of them each time: what changed is read anew."""
FORGOTTEN_AT_ONCE: Final = 5000
"""Old answers are dropped in portions, so that no redemption waits long for the broom."""


class DatabaseStore(
    Clearing,
    Errands,
    Exported,
    Forgetting,
    Heralded,
    Insights,
    Listed,
    People,
    PeopleSeen,
    Phones,
    Programmed,
    Reaching,
    Tills,
    Transactions,
):
    """app.store.Store over one database. What is abstract is how a conversation is held and how a unit is committed."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        """Binds the tables to the engine; ``app.db.engines.rows`` says why several stores in one process are still safe."""
        self._engine = engine
        self._dialect = dialect
        self._say = Statements(dialect)
        self._hot: Mapping[str, Callable[[Sequence[Key]], Talk[Sequence[Any]]]] = {
            "caller": self._callers,
            "counting": self._countings,
            "kept": self._kept,
            "presented": self._presented,
            **{f"card by {by}": partial(self._cards_by, text, story=False) for by, text in self._say.card_by.items()},
            **{f"story by {by}": partial(self._cards_by, text, story=True) for by, text in self._say.card_by.items()},
        }
        for table in tables.TABLES:
            table._meta.db = engine  # noqa: SLF001 (Piccolo's way of naming a table's engine)

    # --- What each database does in its own way ---

    @abstractmethod
    async def commit(self, unit: Unit) -> int:
        """See app.store.Store."""

    @abstractmethod
    async def close(self) -> None:
        """See app.store.Store."""

    # --- The hot path, for a group of questions at once ---

    async def caller(self, secret_hash: bytes) -> Caller | None:
        """See app.store.Store."""
        caller: Caller | None = await self._asked("caller", (secret_hash,))
        return caller

    async def counting(self, secret_hash: bytes) -> Counting | None:
        """See app.store.Store."""
        counting: Counting | None = await self._asked("counting", (secret_hash,))
        return counting

    async def kept(self, caller_id: UUID, key: str) -> Kept | None:
        """See app.store.Store."""
        kept: Kept | None = await self._asked("kept", (caller_id, checked(key)))
        return kept

    async def presented(self, business_id: UUID, code: str) -> Presented | None:
        """See app.store.Store."""
        presented: Presented | None = await self._asked("presented", (business_id, checked(code)))
        return presented

    def _callers(self, hashes: Sequence[Key]) -> Talk[Sequence[Caller | None]]:
        found = yield Ask(self._say.caller, rows=numbered(hashes))
        return answers(hashes, ((row[0], _caller(*row[1:])) for row in found))

    def _countings(self, hashes: Sequence[Key]) -> Talk[Sequence[Counting | None]]:
        found = yield Ask(self._say.counting, rows=numbered(hashes))
        return answers(hashes, ((row[0], _counting(row[1:])) for row in found))

    def _kept(self, keys: Sequence[Key]) -> Talk[Sequence[Kept | None]]:
        found = yield Ask(self._say.kept, rows=numbered(keys))
        return answers(keys, ((row[0], KEPT.read(row[1:])) for row in found))

    def _presented(self, codes: Sequence[Key]) -> Talk[Sequence[Presented | None]]:
        return (yield from self._presented_by(self._say.presented, codes))

    # --- History, numbers and search ---

    async def past(self, business_id: UUID, wanted: Filter, *, after: Place | None = None, limit: int = 50) -> Sequence[Past]:
        """See app.store.Store."""
        checked(wanted.text)
        wanted = replace(wanted, since=checked(wanted.since), until=checked(wanted.until))
        after = after and Place(checked(after.at), after.id)
        return await self._read(History(self._dialect, business_id, wanted, after=after, limit=limit).page(), heavy=True)

    async def presentation(self, business_id: UUID, id_: UUID) -> Past | None:
        """See app.store.Store."""
        for of in ("redemption", "refusal"):
            for past in await self._read(told_of(self._dialect, business_id, of, [id_])):
                return past
        return None

    async def counted(self, business_id: UUID, *, since: date, until: date, by: Sequence[CountBy] = get_args(CountBy)) -> Sequence[Count]:
        """See app.store.Store."""
        found = await self._read(just(Ask(self._say.counted, (business_id, since, until, list(by)))), heavy=True)
        return [Count(business_id=business_id, kind=kind, by=one, which=which, day=as_day(day), n=n) for kind, one, which, day, n in found]

    async def active_coupons(self, business_id: UUID, *, now: datetime, expired_since: datetime) -> tuple[int, int]:
        """See app.store.Store."""
        values = (business_id, checked(now) - SECOND, checked(expired_since) - SECOND)
        [(active, expired)] = await self._read(just(Ask(self._say.active_coupons, values)), heavy=True)
        return active, expired

    async def find_cards(self, business_id: UUID, text: str, *, limit: int = MOST_FOUND) -> Sequence[tuple[Card, Customer]]:
        """See app.store.Store."""
        return await self._read(customers_like(self._dialect, business_id, checked(text), limit=limit), heavy=True)

    # --- Vendors and housekeeping ---

    async def google_class(self, program_id: UUID) -> GoogleClass | None:
        """See app.store.Store."""
        return await self._one(GOOGLE_CLASS, tables.GoogleClass.select().where(tables.GoogleClass.program_id == program_id))

    async def keep_google_class(self, known: GoogleClass) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.keep_google_class, GOOGLE_CLASS.row(known))))

    async def alarms(self) -> Sequence[Alarm]:
        """See app.store.Store."""
        return await self._all(ALARM, tables.Alarm.select().order_by(tables.Alarm.since, tables.Alarm.id))

    async def raise_alarm(self, alarm: Alarm) -> None:
        """See app.store.Store. One that rings already keeps its ``since``."""
        await self._write(just(Ask(self._say.raise_alarm, ALARM.row(alarm))))

    async def clear_alarm(self, wallet: str, credential: str) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.clear_alarm, (wallet, credential))))

    async def forget_kept(self, before: datetime) -> int:
        """See app.store.Store. Guesses that are as old are forgotten too: nobody counts them any more."""
        await self._write(just(Ask(self._say.forget_strikes, (checked(before),))))
        forgotten = 0
        while True:
            dropped = len(await self._write(just(Ask(self._say.forget, (checked(before), FORGOTTEN_AT_ONCE)))))
            forgotten += dropped
            if dropped < FORGOTTEN_AT_ONCE:
                return forgotten

    async def migrations_missing(self) -> Sequence[str]:
        """See app.store.Store."""
        with self._reached():
            return await schema.missing(self._engine)


@lru_cache(CALLERS)
def _caller(  # noqa: PLR0917 (a row)
    key_id: UUID | str,
    location: str,
    staff: str,
    business: str,
    key: str,
    scopes: str,
    per_minute: int,
    used_at: datetime | str | None,
    until: datetime | str | None,
) -> Caller:
    person, here = STAFF.read((staff,)), LOCATION.read((location,))
    return Caller(
        person=Person(
            staff_id=person.id,
            staff=person.name,
            role=person.role,
            location_id=here.id,
            location=here.name,
            counter_id=as_id(key_id),
            machine=person.counter,
        ),
        business=BUSINESS.read((business,)),
        scopes=frozenset(scopes.split()),
        per_minute=per_minute,
        until=as_moment(until) if until else None,
        used_at=as_moment(used_at) if used_at else None,
        key=key,
        closed=here.closed,
    )


def _counting(row: Sequence[Any]) -> Counting:
    return Counting(counter=COUNTER.read(row[2:]), location=LOCATION.read(row), business=BUSINESS.read(row[1:]))
