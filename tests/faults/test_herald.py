"""The process that tells a receiver is killed (kill -9) while the receiver has its deliveries in hand; another server is there."""

from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
from msgspec.structs import replace
from premises import open_premises
from receivers import receiving
from servers import Launcher, Server

from app.desk import webhooks

CARDS, TIMES = 4, 4


async def a_minute_passes(url: str) -> None:
    """What a dead process held is free; real servers have the real clock."""
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE endpoint SET lease_until = lease_until - interval '1 minute', due_at = due_at - interval '1 minute'")
    await connection.close()


async def test_whoever_tells_is_killed_twice_and_everything_arrives_in_order_of_each_card(
    postgresql_url: str, launcher: Launcher, tmp_path: Path
) -> None:
    async with (
        receiving() as till,
        open_premises(postgresql_url, launcher, tmp_path, webhooks_private="true") as premises,
        AsyncExitStack() as stack,
    ):
        shop, first = premises.shop, premises.server
        second = Server(launcher, tmp_path, database_url=postgresql_url, webhooks_private="true")
        stack.push_async_callback(second.stop)
        desk = replace(shop.desk, webhooks_private=True)
        made = await webhooks.make(desk, shop.business.id, shop.staff["Lan"].id, webhooks.Wanted(url=till.url, types=("card.earned",)))
        till.secret = made.secret
        cards = [await shop.join(f"Guest {number}") for number in range(CARDS)]
        told: set[str] = set()
        till.answers.clear()

        for holder, other in ((first, second), (second, first)):
            for _ in range(TIMES // 2):
                for card in cards:
                    await shop.stamp(card)
            await till.until(lambda: len(set(till.ids)) > len(told))
            await other.start()
            await holder.kill()
            till.answers.set()
            await a_minute_passes(postgresql_url)
            log = await shop.desk.store.happened(shop.business.id, kinds=("stamped",), limit=200)
            told.update(str(event.id) for _, event in log)
            await till.until(lambda: {got["data"]["event_id"] for got in till.got} >= told)
            till.answers.clear()

        assert len(told) == CARDS * TIMES
        assert len(set(till.ids)) == len(told), "what is said again has the same id"
        assert len(till.ids) > len(told), "something was in hand when they were killed"
        for card in cards:
            balances = [got["data"]["balance"] for got in till.got if got["data"]["card_id"] == card["id"]]
            assert balances == sorted(balances)
