"""The moments at which two processes on PostgreSQL could miss each other, held still and looked at one by one.

Whoever holds the clock holds every unit just before its end: by then it has its cards and their installations.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import asyncpg
import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace
from test_installations import LEASE, claim, touch

from app.db import open_store
from app.db.shapes import INSTALLATION
from passes.wallets.base import Installation

T = TypeVar("T")


class Still:
    """A database whose locks are held by hand."""

    def __init__(self, hand: asyncpg.Connection, eye: asyncpg.Connection) -> None:
        self._hand, self._eye = hand, eye

    @contextlib.asynccontextmanager
    async def holding(self, statement: str, *values: object) -> AsyncIterator[None]:
        async with asyncio.timeout(60), self._hand.transaction():
            await self._hand.execute(statement, *values)
            yield

    @contextlib.asynccontextmanager
    async def clock_held(self) -> AsyncIterator[None]:
        async with self.holding("SELECT tick FROM clock FOR UPDATE"):
            yield

    async def begin(self, work: Awaitable[T]) -> "asyncio.Future[T]":
        """Start it, and come back when it waits for somebody, or is done."""
        waiting = await self._waiting()
        task = asyncio.ensure_future(work)
        async with asyncio.timeout(60):
            while not task.done() and await self._waiting() <= waiting:
                continue
        return task

    async def _waiting(self) -> int:
        return await self._eye.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

    async def insert(self, installation: Installation) -> None:
        columns = ", ".join(INSTALLATION.columns)
        places = ", ".join(f"${number}" for number in range(1, len(INSTALLATION.columns) + 1))
        await self._hand.execute(f"INSERT INTO installation ({columns}) VALUES ({places})", *INSTALLATION.row(installation))


@pytest.fixture
async def database_url(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
async def still(postgresql_url: str) -> AsyncIterator[Still]:
    hand, eye = await asyncpg.connect(postgresql_url), await asyncpg.connect(postgresql_url)
    yield Still(hand, eye)
    await hand.close()
    await eye.close()


async def test_who_registers_while_the_card_is_changing_is_due(cafe: Cafe, still: Still) -> None:
    card = await cafe.card()
    async with still.clock_held():
        changing = await still.begin(touch(cafe, card))
        registering = await still.begin(cafe.installation(card))
        assert not registering.done()
    await asyncio.gather(changing, registering)
    assert (await cafe.only(card)).due_at is not None


async def test_who_registered_just_before_the_card_changes_is_due(cafe: Cafe, still: Still) -> None:
    card = await cafe.card()
    one = replace(await cafe.installation(card), id=cafe.an.id, address="second phone")
    async with still.holding("SELECT 1 FROM card WHERE id = $1 FOR UPDATE", card.id):
        changing = await still.begin(touch(cafe, card))
        assert not changing.done()
        await still.insert(one)
    await changing
    assert [found.due_at for found in await cafe.store.installations(card.id)] == [NOON, NOON]


async def test_who_is_settled_while_the_card_is_changing_stays_due(cafe: Cafe, still: Still) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    version = await touch(cafe, card)
    (one,) = await claim(cafe.store)
    async with still.clock_held():
        changing = await still.begin(touch(cafe, card))
        settling = await still.begin(cafe.store.settle([replace(one, told=version, due_at=None)]))
        assert not settling.done()
    await asyncio.gather(changing, settling)
    assert (await cafe.only(card)).due_at is not None


async def test_what_is_being_changed_is_claimed_later(cafe: Cafe, still: Still) -> None:
    cards = [await cafe.card() for _ in range(2)]
    for card in cards:
        await cafe.installation(card)
    await touch(cafe, *cards)
    async with still.clock_held():
        changing = await still.begin(touch(cafe, cards[0]))
        assert [one.card_id for one in await claim(cafe.store)] == [cards[1].id], "nobody waits for a worker, nor a worker for anybody"
    await changing
    assert [one.card_id for one in await claim(cafe.store)] == [cards[0].id]


async def test_the_loser_of_a_coupon_waits_and_is_told_that_it_lost(cafe: Cafe, still: Still, postgresql_url: str) -> None:
    other = await open_store(postgresql_url, queue=10)
    coupon = await cafe.coupon(await cafe.card())
    async with still.clock_held():
        first = await still.begin(cafe.store.commit(cafe.redeeming(coupon)))
        second = await still.begin(other.commit(cafe.redeeming(coupon)))
        assert not second.done()
    told = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one).__name__ for one in told] == ["int", "Lost"]
    await other.close()


async def test_two_requests_with_one_key_in_two_processes_leave_one_answer(cafe: Cafe, still: Still, postgresql_url: str) -> None:
    other = await open_store(postgresql_url, queue=10)
    coupons = [await cafe.coupon() for _ in range(2)]
    async with still.clock_held():
        first = await still.begin(cafe.store.commit(cafe.redeeming(coupons[0], cafe.kept())))
        second = await still.begin(other.commit(cafe.redeeming(coupons[1], cafe.kept())))
        assert not second.done()
    told = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one).__name__ for one in told] == ["int", "Duplicate"]
    await other.close()


async def test_a_unit_that_waits_for_the_clock_has_not_yet_been_seen(cafe: Cafe, still: Still) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    async with still.clock_held():
        changing = await still.begin(touch(cafe, card))
        assert await cafe.store.updated(device="phone", pass_type="pass.cafe", since=card.version) == (True, [])
    version = await changing
    assert await cafe.store.updated(device="phone", pass_type="pass.cafe", since=card.version) == (True, [(card.serial, version)])


async def test_a_deadlock_that_somebody_else_makes_is_tried_again(cafe: Cafe, still: Still, postgresql_url: str) -> None:
    """A hand takes the second card, then the first; the unit takes the first, then the second: PostgreSQL sends one away."""
    first, second = sorted([await cafe.card(), await cafe.card()], key=lambda card: card.id)
    hand = await asyncpg.connect(postgresql_url)
    await hand.execute("SET deadlock_timeout = '10min'")  # it is the unit that notices
    async with hand.transaction():
        await hand.execute("SELECT 1 FROM card WHERE id = $1 FOR UPDATE", second.id)
        changing = await still.begin(touch(cafe, first, second))
        await hand.execute("SELECT 1 FROM card WHERE id = $1 FOR UPDATE", first.id)
        assert not changing.done()
    assert isinstance(await changing, int)
    await hand.close()


async def test_a_lease_that_ends_during_a_change_is_taken_over(cafe: Cafe, still: Still) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    await touch(cafe, card)
    await claim(cafe.store)
    async with still.clock_held():
        changing = await still.begin(touch(cafe, card))
        assert await claim(cafe.store, NOON + LEASE) == []
    await changing
    assert len(await claim(cafe.store, NOON + LEASE)) == 1
