"""A receiver that follows a shop, and what stands in the log of what it was told."""

from typing import Any

from receivers import Receiver
from shop import Shop

from app.desk import Desk, webhooks
from app.herald import Herald
from app.store import Delivery, Endpoint


async def follows(shop: Shop, till: Receiver, *types: Any) -> Endpoint:
    made = await webhooks.make(shop.desk, shop.business.id, shop.staff["Lan"].id, webhooks.Wanted(url=till.url, types=types))
    till.secret = made.secret
    return made


async def now_is(shop: Shop, of: Endpoint) -> Endpoint:
    return await webhooks.endpoint(shop.desk, shop.business.id, of.id)


async def log_of(shop: Shop, of: Endpoint) -> list[Delivery]:
    return sorted(await shop.desk.store.deliveries(of.id, limit=200), key=lambda one: one.seq)


async def told(desk: Desk) -> int:
    """Let a herald work until nothing is due now."""
    herald, rounds = Herald(desk), 0
    while await herald.round():
        rounds += 1
    return rounds
