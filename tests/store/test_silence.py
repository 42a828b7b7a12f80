"""PostgreSQL hangs, or a network swallows what is sent: nobody waits for long, and the truth is told afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cafe import NOON, Cafe

from app.db import DatabaseProblem
from app.db.postgres import PostgreSQLStore
from app.store import Duplicate, Lost, Unit

SOON = 0.3


class Network:
    """What lies between us and PostgreSQL. What is sent while it does not flow arrives later, as at a process that was stopped."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        folder = parse_qs(parts.query).get("host", [""])[0]
        self._there = (
            {"path": f"{folder}/.s.PGSQL.{parts.port or 5432}"} if folder else {"host": parts.hostname, "port": parts.port or 5432}
        )
        self._parts = parts
        self._answers_flow, self._asks_flow = asyncio.Event(), asyncio.Event()
        self.loses_what_comes_after: bytes | None = None
        self.lost = False
        self.flow()

    def flow(self) -> None:
        self._answers_flow.set()
        self._asks_flow.set()

    def swallow(self) -> None:
        self._answers_flow.clear()
        self._asks_flow.clear()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The address of the database behind it."""
        async with await asyncio.start_server(self._carry, "127.0.0.1", 0) as server:
            here = f"{self._parts.netloc.rpartition('@')[0]}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self._parts._replace(netloc=here, query="sslmode=disable").geturl()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = asyncio.open_unix_connection if "path" in self._there else asyncio.open_connection
        answers, asks = await there(**self._there)
        await asyncio.gather(self._pump(reader, asks, self._asks_flow), self._pump(answers, writer, self._answers_flow))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, flows: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 16):
                await flows.wait()
                if self.loses_what_comes_after and self.loses_what_comes_after in data:
                    self._answers_flow.clear()
                    self.loses_what_comes_after, self.lost = None, True
                sink.write(data)
                await sink.drain()
        sink.close()


async def for_good(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Asked again for as long as nobody knows: a machine may be so busy that an answer takes longer than these tests wait."""
    while True:
        (answer,) = await asyncio.gather(ask(), return_exceptions=True)
        if not isinstance(answer, DatabaseProblem):
            return answer


@asynccontextmanager
async def cafe_behind(network: Network) -> AsyncIterator[Cafe]:
    async with network.open() as url:
        store = await PostgreSQLStore.connected(url, queue=100)
        cafe = await Cafe(store).open()
        await store.close()
        cafe.store = await PostgreSQLStore.connected(url, queue=100, soon=SOON)
        yield cafe
        await cafe.store.close()


async def test_who_asks_a_database_that_hangs_is_told_soon_and_when_it_goes_on_so_do_we(postgresql_url: str) -> None:
    network = Network(postgresql_url)
    async with cafe_behind(network) as cafe:
        store = cafe.store
        questions: list[Callable[[], Awaitable[object]]] = [
            lambda: store.commit(Unit(at=NOON, due_at=NOON)),
            lambda: store.caller(cafe.secret.secret_hash),
            lambda: store.card_facts(key="x"),
            lambda: store.key_used(cafe.key.id, NOON),
            *[store.businesses] * 9,
            *[lambda: store.redemption(cafe.business.id, cafe.business.id)] * 9,
        ]
        for _ in range(2):
            answers = [await for_good(ask) for ask in questions]
            assert not [one for one in answers if isinstance(one, Exception)]
        network.swallow()
        for _ in range(2):  # the second time there is not even a connection to be had
            async with asyncio.timeout(20):  # it was two minutes
                answers = await asyncio.gather(*(ask() for ask in questions), return_exceptions=True)
            assert {type(one) for one in answers} == {DatabaseProblem}
        network.flow()
        answers = [await for_good(ask) for ask in questions]
        assert not [one for one in answers if isinstance(one, Exception)]


async def test_who_comes_while_others_wait_in_vain_does_not_wait_for_the_same_once_more(postgresql_url: str) -> None:
    network = Network(postgresql_url)
    async with cafe_behind(network) as cafe:
        network.swallow()
        first = asyncio.create_task(cafe.commit())
        await asyncio.sleep(0)  # it is the group that waits
        later = [asyncio.create_task(cafe.commit()) for _ in range(3)]
        with pytest.raises(DatabaseProblem) as why:
            await first
        assert all(one is why.value for one in await asyncio.gather(*later, return_exceptions=True))
        network.flow()
        assert isinstance(await for_good(cafe.commit), int)


async def test_what_was_recorded_though_nobody_heard_of_it_is_not_recorded_again(postgresql_url: str) -> None:
    network = Network(postgresql_url)
    async with cafe_behind(network) as cafe:
        coupon = await for_good(cafe.coupon)
        network.loses_what_comes_after = b"COMMIT"
        while not network.lost:
            with pytest.raises(DatabaseProblem):
                await cafe.store.commit(cafe.redeeming(coupon, cafe.kept("sale")))
        network.flow()
        again = await for_good(lambda: cafe.store.commit(cafe.redeeming(coupon, cafe.kept("sale"))))
        assert isinstance(again, Duplicate | Lost)
        assert len(await for_good(lambda: cafe.store.coupon_history(cafe.business.id, coupon.id))) == 1
