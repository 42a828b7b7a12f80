"""A shop that is served by real processes: two on PostgreSQL, one on SQLite, and everybody comes at once."""

import asyncio
import io
import itertools
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import segno
from msgspec.structs import replace
from servers import Answer, Launcher, Server
from shop import Clock, Shop, open_shop

from app import world
from app.store import Unit
from passes import codes, coupons
from passes.coupons import Redemption, Refusal, Reversal

COUNTERS = ("An", "Bình", "Minh", "An in Thảo Điền")


class House:
    """The shop, whose data this process may look at, and the processes that serve it."""

    def __init__(self, shop: Shop, servers: Sequence[Server]) -> None:
        self.shop, self.servers = shop, servers
        self._turn = itertools.count()
        self._keys = (f"house-{number}" for number in itertools.count())

    async def coupon(self, **changes: object) -> tuple[UUID, str]:
        """An anonymous cookie: its id and its code."""
        now = world.now()
        code = codes.mint(self.shop.desk.world.pick)
        coupon = replace(
            coupons.issue(self.shop.offers["cookie"], coupon_id=uuid4(), code=code, now=now, zone=self.shop.business.tz), **changes
        )
        await self.shop.desk.store.commit(Unit(at=now, due_at=now, rows=(coupon,)))
        return coupon.id, code

    async def ask(self, path: str, body: object = None, *, who: str | None = None, key: str = "", photo: bytes = b"") -> Answer:
        """A POST to the next server, by the next person unless somebody is named."""
        turn = next(self._turn)
        server = self.servers[turn % len(self.servers)]
        secret = self.shop.secrets[who or COUNTERS[turn // len(self.servers) % len(COUNTERS)]]
        return await server.ask("POST", path, secret=secret, key=key or next(self._keys), body=body if not photo else None, photo=photo)

    async def sure(self, path: str, body: object) -> Answer:
        """A POST that is sent again with its key for as long as the house says that it is busy."""
        key = next(self._keys)
        while (answer := await self.ask(path, body, who="An", key=key)).status == 503:
            assert int(answer.headers["retry-after"]) > 0
        return answer

    async def redeem(self, code: str, **more: Any) -> Answer:
        return await self.ask("redemptions", {"code": code}, **more)

    async def history(self, coupon_id: UUID) -> tuple[list[Redemption], list[Reversal], list[Refusal]]:
        """What is recorded of a coupon."""
        all_ = await self.shop.desk.store.coupon_history(self.shop.business.id, coupon_id)
        return tuple([one for one in all_ if isinstance(one, kind)] for kind in (Redemption, Reversal, Refusal))  # type: ignore[return-value]

    async def state(self, coupon_id: UUID) -> str:
        presented = await self.shop.desk.store.coupon(self.shop.business.id, coupon_id)
        assert presented is not None
        return presented.coupon.state


@asynccontextmanager
async def open_house(database_url: str, launcher: Launcher, folder: Path) -> AsyncIterator[House]:
    count = 2 if database_url.startswith("postgresql") else 1  # on SQLite one process serves
    async with open_shop(database_url, clock=Clock(world.now())) as shop:
        servers = [Server(launcher, folder, database_url=database_url) for _ in range(count)]
        try:
            await asyncio.gather(*(server.start() for server in servers))
            yield House(shop, servers)
        finally:
            await asyncio.gather(*(server.stop() for server in servers))


async def at_once(asked: Iterable[Awaitable[Answer]]) -> list[Answer]:
    return list(await asyncio.gather(*asked))


def photo_of(code: str) -> bytes:
    """A small clean photo: what costs here is the race, not the reading."""
    drawn = io.BytesIO()
    segno.make(code, micro=False).save(drawn, kind="png", scale=4, border=4)
    return drawn.getvalue()
