"""The live page hears of everything at once, also from another process, and only for as long as its person may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import cookies
import pytest
from msgspec.structs import replace
from servers import Launcher, Server
from shop import Clock, Shop, application

from app import db, world
from app.problems import SignInNeeded
from app.web.live import CHANGED, HERE, LISTENS, Live


class RealClock(Clock):
    """The servers' processes have no other."""

    def __call__(self) -> datetime:
        return world.now()


class Page:
    """A browser that listens to a server's events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.status = 0

    async def hears(self, what: bytes) -> bytes:
        async with asyncio.timeout(60):
            return await self._reader.readuntil(what)

    async def end(self) -> bytes:
        async with asyncio.timeout(60):
            return await self._reader.read()


@asynccontextmanager
async def listening(server: Server, session: str) -> AsyncIterator[Page]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET /redemptions/live HTTP/1.1\r\nHost: counter\r\nCookie: session={session}\r\nX-Fragment: 1\r\n\r\n"
    writer.write(head.encode())
    page = Page(reader, writer)
    page.status = int((await page.hears(b"\r\n")).split()[1])
    yield page
    writer.close()


class House(NamedTuple):
    """A shop with a ready coupon, the session of its owner, and the processes that serve it."""

    shop: Shop
    code: str
    session: str
    servers: list[Server]

    async def redeem(self, server: Server, key: str) -> int:
        return (await server.ask("POST", "redemptions", secret=self.shop.secrets["An"], key=key, body={"code": self.code})).status


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder


@asynccontextmanager
async def served(database_url: str, certs: Path, launcher: Launcher, folder: Path, count: int) -> AsyncIterator[House]:
    """A shop that opened, and servers over its database."""
    async with application(database_url, RealClock(), certs=str(certs)) as (client, desk, followers):
        shop = await Shop(client, desk, RealClock(), followers).open()
        session = (await cookies.signed_in(shop, certs, "Lan"))["session"]
        code = await shop.cookie()
    servers = [Server(launcher, folder, database_url=database_url, certs=str(certs)) for _ in range(count)]
    for server in servers:
        await server.start()
    yield House(shop, code, session, servers)
    for server in servers:
        await server.stop()


async def test_a_page_hears_what_happens_and_ends_at_once_when_the_service_stops(
    sqlite_url: str, certs: Path, launcher: Launcher, tmp_path: Path
) -> None:
    async with served(sqlite_url, certs, launcher, tmp_path, 1) as house, listening(house.servers[0], house.session) as page:
        (server,) = house.servers
        head = (await page.hears(LISTENS)).lower()
        assert page.status == 200
        assert b"text/event-stream" in head
        assert b"x-accel-buffering: no" in head
        assert await house.redeem(server, "a") == 201
        await page.hears(CHANGED)
        assert await house.redeem(server, "b") == 409  # a refusal is news too
        assert b"cookie" not in (await page.hears(CHANGED)).lower()
        await server.stop()
        assert CHANGED not in await page.end()
        assert "Cancel" not in server.log.read_text(), "it did not wait for the grace that requests have"


async def test_a_page_on_one_process_hears_what_happens_on_another_also_after_the_database_was_away(
    postgresql_url: str, certs: Path, launcher: Launcher, tmp_path: Path
) -> None:
    async with served(postgresql_url, certs, launcher, tmp_path, 2) as house, listening(house.servers[0], house.session) as page:
        there = house.servers[1]
        await page.hears(LISTENS)
        assert await house.redeem(there, "a") == 201
        await page.hears(CHANGED)
        connection = await asyncpg.connect(postgresql_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()
        await page.hears(CHANGED)  # it listens again, and may have missed something
        status = 503
        while status == 503:  # the other process notices its lost connections one by one
            status = await house.redeem(there, "b")
        assert status == 409
        await page.hears(CHANGED)


async def test_who_is_nobody_hears_nothing(sqlite_url: str, certs: Path, launcher: Launcher, tmp_path: Path) -> None:
    async with served(sqlite_url, certs, launcher, tmp_path, 1) as house, listening(house.servers[0], "nobody") as page:
        assert page.status == 401


class Ear:
    """A page's stream, read by hand."""

    def __init__(self, streams: Live, business_id: UUID) -> None:
        self.may = True
        self._stream = streams.stream(business_id, self._still)

    async def _still(self) -> None:
        if not self.may:
            raise SignInNeeded

    async def hear(self) -> bytes | None:
        async with asyncio.timeout(60):
            return await anext(self._stream, None)


async def test_a_crowd_is_one_event_and_each_business_hears_its_own(shop: Shop) -> None:
    streams = Live()
    ours, theirs = Ear(streams, shop.business.id), Ear(streams, shop.program.id)
    assert await ours.hear() == await theirs.hear() == LISTENS
    waiting = asyncio.create_task(theirs.hear())
    for _ in range(100):
        streams.news(shop.business.id)
    assert await ours.hear() == CHANGED
    quiet = asyncio.create_task(ours.hear())
    await asyncio.sleep(0)
    assert not quiet.done()
    assert not waiting.done()
    streams.close()
    assert await quiet is None
    assert await waiting is None


async def test_what_is_told_while_nobody_listens_costs_nothing_and_fails_never(shop: Shop) -> None:
    Live().news(shop.business.id)
    async with db.neighbours("sqlite:///nowhere.db", lambda _: None) as tell:
        tell("anything")
    async with db.neighbours("postgresql://nobody@127.0.0.1:1/nothing", lambda _: None) as tell:
        tell("anything")


async def test_a_page_ends_at_the_next_ping_after_its_person_was_signed_out(shop: Shop) -> None:
    ear = Ear(Live(ping=0.01), shop.business.id)
    assert await ear.hear() == LISTENS
    assert await ear.hear() == HERE
    ear.may = False
    assert await ear.hear() is None


async def test_a_page_that_hears_something_all_the_time_ends_as_soon(shop: Shop) -> None:
    streams = Live()
    ear = Ear(streams, shop.business.id)
    assert await ear.hear() == LISTENS
    streams.news(shop.business.id)
    assert await ear.hear() == CHANGED
    ear.may = False
    streams.news(shop.business.id)
    assert await ear.hear() is None


async def test_who_was_suspended_cannot_listen_again(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    (member,) = await shop.desk.store.members(staff_id=shop.staff["Minh"].id)
    await shop.desk.store.replace_member(replace(member.staff, suspended_at=shop.clock()), member.login, seen=member.login.version)
    answer = await manager.get("/redemptions/live", headers={"X-Fragment": "1"})
    assert answer.headers["x-problem"] == "sign_in_needed"
