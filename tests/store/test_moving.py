"""A shop that has outgrown its SQLite file goes on in PostgreSQL, and nobody notices."""

from pathlib import Path

import pytest
from shop import Shop, application, open_shop

from app.db.moving import move


async def test_a_shop_moves_to_postgresql_with_every_card_key_and_count(sqlite_url: str, postgresql_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_shop(sqlite_url) as shop:
        hoa = await shop.join("Hoa 'Đào'", email="hoa@example.com", birthday="02-29")
        first, second = [(await shop.stamp(hoa, 5))["earned"][0] for _ in range(2)]
        used = (await shop.redeem(first["code"])).json()["redemption"]["id"]
        await shop.redeem("K7Q-M4X-RT9")
        said = {what: (await shop.get(what, who="Lan")).json() for what in ("customers", "coupons", "redemptions", "refusals", "events")}
        cards = await shop.desk.store.customers_on(shop.business.id, limit=100)
        with pytest.raises(ValueError, match="PostgreSQL"):
            await move(path, sqlite_url)
        with pytest.raises(ValueError, match="stop every process"):
            await move(path, postgresql_url)
    assert await move(path, postgresql_url) > 30
    with pytest.raises(ValueError, match="not empty"):
        await move(path, postgresql_url)
    async with application(postgresql_url, shop.clock) as (client, desk, followers):
        there: Shop = shop.moved(client, desk, followers, shop.clock)
        assert {what: (await there.get(what, who="Lan")).json() for what in said} == said
        assert await desk.store.customers_on(shop.business.id, limit=100) == cards, "with the key, serial and token that phones know"
        assert (await there.redeem(first["code"])).json()["word"] == "already_redeemed"
        assert (await there.redeem(second["code"])).status_code == 201
        assert (await there.post(f"redemptions/{used}/reversal", {})).status_code == 201
        assert (await there.stamp(hoa, 3))["card"]["balance"] == 3
        newest = (await there.get("events", who="Lan")).json()["data"]
        assert newest[: len(said["events"]["data"])] == said["events"]["data"], "what comes now comes after it"
