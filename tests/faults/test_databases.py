"""The database goes away, or its disk is full: an honest 503 that says to ask again, no false success, and then it goes on."""

import asyncio
import resource
from urllib.parse import urlsplit

import asyncpg
from premises import Premises, Promise
from servers import PATIENCE, Answer


def is_honest(answer: Answer) -> bool:
    """A 503 as a problem, with the time after which to ask again."""
    assert answer.status == 503, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["word"] == "database_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    return "sqlite" not in str(answer.body).lower() and "postgres" not in str(answer.body).lower()


async def end_connections(url: str) -> int:
    """PostgreSQL ends every session of the service, as a restart of it does. (One that just started opens them when it is asked.)"""
    connection = await asyncpg.connect(url)
    mine = "datname = $1 AND pid <> pg_backend_pid() AND application_name = 'counterpass'"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"
    try:
        async with asyncio.timeout(PATIENCE):
            while not (ended := await connection.fetch(end, urlsplit(url).path[1:])):
                pass
        return len(ended)
    finally:
        await connection.close()


async def test_postgresql_that_ends_our_connections_again_and_again_loses_and_doubles_nothing(
    on_postgresql: Premises, postgresql_url: str
) -> None:
    premises = on_postgresql
    wanted = await premises.coupons(60)
    promises = [Promise(premises, "redemptions", {"code": code}) for _, code in wanted]
    for start in range(0, 60, 12):
        group = [asyncio.create_task(promise.keep()) for promise in promises[start : start + 12]]
        assert await end_connections(postgresql_url) > 0
        await asyncio.gather(*group)
    for (coupon_id, _), promise in zip(wanted, promises, strict=True):
        assert promise.answer is not None
        assert promise.answer.status == 201, promise.answer
        recorded = await premises.redemptions(coupon_id)
        assert [str(one.id) for one in recorded] == [promise.answer.body["redemption"]["id"]]


async def test_postgresql_that_is_away_is_an_honest_503_and_then_it_goes_on(on_postgresql: Premises, postgresql_url: str) -> None:
    premises = on_postgresql
    [(coupon_id, code)] = await premises.coupons(1)
    promise = Promise(premises, "redemptions", {"code": code})
    await allow_connections(postgresql_url, allowed=False)
    try:
        await end_connections_from_outside(postgresql_url)
        for _ in range(3):
            refused = await premises.ask("redemptions", {"code": code}, key=promise.key)
            assert is_honest(refused)
    finally:
        await allow_connections(postgresql_url, allowed=True)
    await promise.keep()
    assert promise.answer is not None
    assert promise.answer.status == 201
    assert len(await premises.redemptions(coupon_id)) == 1


async def allow_connections(url: str, *, allowed: bool) -> None:
    parts = urlsplit(url)
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    try:
        await connection.execute(f"ALTER DATABASE {parts.path[1:]} WITH ALLOW_CONNECTIONS {str(allowed).lower()}")
    finally:
        await connection.close()


async def end_connections_from_outside(url: str) -> None:
    parts = urlsplit(url)
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    try:
        await connection.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", parts.path[1:])
    finally:
        await connection.close()


async def test_a_full_disk_is_an_honest_503_and_nothing_is_redeemed(on_sqlite: Premises) -> None:
    premises = on_sqlite
    wanted = await premises.coupons(8)
    first, *others = [Promise(premises, "redemptions", {"code": code}) for _, code in wanted]
    await first.keep()
    _, most = resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE, (1, most))  # no file of this process grows any more
    refused = await asyncio.gather(*(premises.ask(promise.path, promise.body, key=promise.key) for promise in others))
    assert all(is_honest(answer) for answer in refused)
    for coupon_id, _ in wanted[1:]:
        assert await premises.redemptions(coupon_id) == []
    seen = await premises.ask("look-ups", {"code": wanted[1][1]})
    assert seen.body["verdict"] == "redeemable"  # reading goes on

    resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE, (most, most))  # somebody has made room
    for promise in others:
        await promise.keep()
        assert promise.answer is not None
        assert promise.answer.status == 201
    for coupon_id, _ in wanted:
        assert len(await premises.redemptions(coupon_id)) == 1


async def test_a_disk_that_fills_up_while_units_are_committed_together_tells_no_lies(on_sqlite: Premises) -> None:
    premises = on_sqlite
    wanted = await premises.coupons(40)
    promises = [Promise(premises, "redemptions", {"code": code}) for _, code in wanted]
    _, most = resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE)
    sending = [asyncio.create_task(promise.send()) for promise in promises]
    await sending[0]
    resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE, (1, most))
    await asyncio.gather(*sending)
    resource.prlimit(premises.server.pid, resource.RLIMIT_FSIZE, (most, most))
    for (coupon_id, _), promise in zip(wanted, promises, strict=True):
        if promise.answer is not None:
            assert [str(one.id) for one in await premises.redemptions(coupon_id)] == [promise.answer.body["redemption"]["id"]]
    await asyncio.gather(*(promise.keep() for promise in promises))
    for coupon_id, _ in wanted:
        assert len(await premises.redemptions(coupon_id)) == 1
