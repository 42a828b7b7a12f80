"""A redesign of N cards: followers bring their phones up to date at the rate of a bare push, and a till meanwhile waits no longer.

All in one process over SQLite, as a small shop runs it: the errand, the followers, and a till that redeems all the time.
The peer is what bench/push.py measures, in the same run: the same cards, changed by nothing but a touch, and pushed. The sink
is that of bench/push.py. ``python bench/redesign.py 100000`` is the promise as it is written; by default it is a tenth of that.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import push  # the sink, and the setting that opens the sandbox
import uvloop

from app import asgi, certs, db, logs, settings, world
from app.desk import Desk, designs, examples, found, redeem
from app.errands import Errands
from app.followers import Followers
from app.sandbox.past import _Forgotten
from app.store import Caller, Unit
from passes import codes, coupons
from passes.cards import Card, Customer
from passes.designs import Design
from passes.programs import Program
from passes.wallets.base import Installation

CARDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
BATCH = 200
EVERY = 0.02
"""Seconds between two customers at the till."""
QUIET = 6.0
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
        await redeem.redeem(desk, caller, code, channel="scanner", once=_Forgotten())
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


async def caught_up(desk: Desk, work: set[asyncio.Task[None]]) -> None:
    """Until every phone has been told and no errand is open."""
    business = (await desk.store.businesses())[0]
    until = time.perf_counter() + MOST_WAITED
    while time.perf_counter() < until:
        open_ = [one for one, _ in await desk.store.errands(business.id, kind="redraw", limit=1) if one.ended_at is None]
        if not open_ and not await desk.store.lagging():
            return
        if any(task.done() for task in work):
            raise SystemExit("the followers or the errands have ended")
        await asyncio.sleep(0.05)
    raise SystemExit("not every phone was told in time")


async def measure(folder: Path) -> None:
    chain = folder / "apple"
    certs.make_development_chain(chain, pass_type=push.PASS_TYPE, team="DEVELOPER1", organization="Bench", now=world.now())
    async with push.sink(chain) as (url, name):
        database = f"sqlite:///{folder}/bench.db"
        await db.migrate(database)
        known = settings.read(
            {
                "DATABASE_URL": database,
                "COUNTERPASS_CERTS": str(folder),
                "COUNTERPASS_APNS_URL": url,
                "COUNTERPASS_TRUST": str(chain / "root.pem"),
            }
        )
        async with asgi.open_desk(known) as (desk, bell):
            program, caller, minted, cards = await open_shop(desk, CARDS)
            followers, errands = Followers(desk, bell), Errands(desk)
            pushed = await touched(desk, cards, followers)
            work = {asyncio.create_task(followers.run()), asyncio.create_task(errands.run())}
            async with a_till(desk, caller, minted) as quiet:
                await asyncio.sleep(QUIET)
            async with a_till(desk, caller, minted) as meanwhile:
                begun = time.perf_counter()
                await designs.save(desk, caller.person.staff_id, program, Design(folder="photo", background="#0b3d2e"))
                await caught_up(desk, work)
                took = time.perf_counter() - begun
            async with a_till(desk, caller, minted) as after:
                await asyncio.sleep(QUIET)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            newest = {(await desk.store.installations(card.id))[0].told for card in (cards[0], cards[-1])}
            if min(newest) <= 1:
                raise SystemExit("a phone was not told of the new design")
    calm = [*quiet, *after]
    slower = statistics.median(meanwhile) / statistics.median(calm)
    print(f"sink: {name}; {CARDS} cards with a phone each, SQLite; a customer at the till every {1000 * EVERY:.0f} ms")
    print(f"{'cards a second, touched and pushed':<46} {pushed:>10.0f}")
    print(f"{'cards a second, redesigned (with a till beside)':<46} {CARDS / took:>10.0f}")
    for label, waits in (("a customer at the till, quiet", calm), ("a customer at the till, meanwhile", meanwhile)):
        waits.sort()
        print(
            f"{label:<46} {1000 * statistics.median(waits):>7.1f} ms, p95 {1000 * waits[int(0.95 * len(waits))]:.1f} ms, {len(waits)} times"
        )
    print(f"RESULT name=redesign_vs_push ratio={CARDS / took / pushed:.2f} goal={RATE_GOAL}")
    print(f"RESULT name=till_meanwhile ratio={slower:.2f} goal={SLOWER_GOAL} (at most)")


async def touched(desk: Desk, cards: list[Card], followers: Followers) -> float:
    """Every card changes; how many a second are pushed, as bench/push.py measures it."""
    now = desk.world.now()
    for start in range(0, len(cards), 2000):
        await desk.store.commit(Unit(at=now, due_at=now, touches=tuple(card.id for card in cards[start : start + 2000])))
    begun = time.perf_counter()
    while await followers.round():
        pass
    took = time.perf_counter() - begun
    if await desk.store.lagging():
        raise SystemExit("a card was not brought up to date")
    await asyncio.sleep(3.1)  # the rest between two pushes for one card
    return len(cards) / took


def main() -> None:
    logs.to_stderr()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
