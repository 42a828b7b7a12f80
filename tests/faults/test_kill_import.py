"""The server's process is killed (kill -9) while files of thousands of lines are brought in: each line is in once, or refused once."""

import asyncio
import csv
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from premises import Premises, open_premises
from servers import PATIENCE, Launcher

from app.desk.lines import COLUMNS
from app.store import Errand, Portion
from passes import codes

CUSTOMERS, COUPONS, EVENTS = 600, 700, 700
PAUSE = 0.03
"""Seconds between two looks at how far the imports are, at most: all of it takes about one."""
DAY = datetime(2025, 3, 4, 2, 0, tzinfo=UTC)
Lines = dict[str, list[dict[str, Any]]]


@pytest.fixture
async def shop_premises(database_url: str, launcher: Launcher, tmp_path: Path) -> AsyncIterator[Premises]:
    async with open_premises(database_url, launcher, tmp_path, lease="0.3") as premises:
        yield premises


def past(premises: Premises, chance: random.Random) -> Lines:
    """Years of another installation: everybody has a card, every second coupon was used, some of these were taken back."""
    shop, pick = premises.shop, chance.choice
    title = {name: offer.title.said(shop.business.languages[0]) for name, offer in shop.offers.items()}
    program = {"program_id": shop.program.id, "program": shop.program.name.said(shop.business.languages[0])}
    where = {"location_id": shop.locations["Thảo Điền"].id, "location": "Thảo Điền"}
    by = {"staff_id": shop.staff["An"].id, "staff": "An"}

    def new() -> UUID:
        return UUID(int=chance.getrandbits(128), version=4)

    def at(number: int) -> str:
        return (DAY + timedelta(minutes=17 * number)).astimezone(shop.business.tz).isoformat()

    customers = [
        {"customer_id": new(), "name": f"Khách {n}", "language": "vi", "joined_at": at(n), **where}
        | {"card_id": new(), **program, "number": codes.mint_number(pick), "balance": n % 10, "visits": 2, "card_joined_at": at(n)}
        for n in range(CUSTOMERS)
    ]
    coupons, redemptions = list[dict[str, Any]](), list[dict[str, Any]]()
    for n in range(COUPONS):
        of = {"offer_id": shop.offers["cookie"].id, "offer": title["cookie"]}
        whose = {name: customers[n % CUSTOMERS][name] for name in ("card_id", "customer_id")}
        coupon = {"coupon_id": new(), "code": codes.mint(pick), "state": "active", **of, **whose, "issued_at": at(n)}
        coupons.append(coupon)
        if n % 2:
            done = {"redemption_id": new(), "kind": "redemption", "at": at(n + 90), "coupon_id": coupon["coupon_id"], **of, **whose}
            sold = {"basket_id": UUID(int=n // 4), "receipt": f"R-{n // 4}", "amount": n // 4, "currency": "VND"}  # two and two together
            redemptions.append({**done, **where, **by, **sold, "channel": "camera", "counter_id": new()})
            if n % 10 == 1:
                back = {"reversal_id": new(), "reversed_at": at(n + 91), "reversal_staff_id": by["staff_id"], "reversal_staff": "An"}
                back |= {"reversal_location_id": where["location_id"], "reversal_location": where["location"]}
                redemptions[-1] |= back
            else:
                coupon |= {"state": "redeemed", "redemption_id": done["redemption_id"]}
    events = [
        {"event_id": new(), "type": "card.earned", "at": at(n), "count": 1, **by}
        | {name: customers[n % CUSTOMERS][name] for name in ("customer_id", "card_id")}
        for n in range(EVENTS)
    ]
    return {"customers": customers, "coupons": coupons, "redemptions": redemptions, "events": events}


def file(what: str, lines: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    written = csv.DictWriter(text, COLUMNS[what])  # type: ignore[index]
    written.writeheader()
    written.writerows({"balance": 0, "visits": 0, **line} if what == "customers" else {**line} for line in lines)
    return text.getvalue().encode()


def with_bad(what: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line in the middle that cannot come in, beside those that can."""
    middle = len(lines) // 2
    wrong = {"location": "Nowhere"} if what in ("customers", "redemptions") else {"code": "BAD💥"} if what == "coupons" else {"type": "no"}
    of = {COLUMNS[what][0]: UUID(int=7), "location_id": ""} if "location" in wrong else {COLUMNS[what][0]: UUID(int=7)}  # type: ignore[index]
    return [*lines[:middle], {**lines[middle], **of, **wrong}, *lines[middle:]]


async def test_an_import_goes_on_by_itself_after_a_kill_and_every_line_is_in_once(shop_premises: Premises) -> None:
    premises, chance = shop_premises, random.Random()
    shop, business = premises.shop, premises.shop.business
    await shop.change_offer("cookie", most=COUPONS)  # or nobody would count how often it was used
    lines = past(premises, chance)
    async with httpx.AsyncClient(base_url=f"{premises.server.url}/api/v1/", timeout=PATIENCE) as till:

        async def sent(what: str) -> str:
            headers = {**shop.headers("Lan"), "Content-Type": "text/csv"}
            made = await till.post(f"imports?what={what}", content=file(what, with_bad(what, lines[what])), headers=headers)
            assert made.status_code == 202, made.text
            return str(made.json()["id"])

        async def ended(id_: str) -> Mapping[str, Any]:
            while (said := (await till.get(f"imports/{id_}", headers=shop.headers("Lan"))).json())["state"] != "ended":  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.05)
            return dict(said)

        async def errands() -> Sequence[tuple[Errand, Portion | None]]:
            return await shop.desk.store.errands(business.id, kind="records")

        imports = {what: await sent(what) for what in lines}  # all at once: each waits for those that its lines name
        moment = chance.randrange(sum(map(len, lines.values())) // 2)
        async with asyncio.timeout(PATIENCE):
            while sum(portion.done for _, portion in await errands() if portion) <= moment:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(chance.random() * PAUSE)
        await premises.server.kill()
        assert any(one.ended_at is None for one, _ in await errands()), f"killed too late, after {moment} lines"
        await premises.server.start()
        async with asyncio.timeout(PATIENCE):
            ends = {what: await ended(id_) for what, id_ in imports.items()}
        for what, said in ends.items():
            assert (said["done"], said["skipped"], said["failed"]) == (len(lines[what]), 0, 1), (moment, said)
            assert [one["line"] for one in said["bad"]] == [len(lines[what]) // 2 + 2], "the columns' names are the first line"
        for what in lines:
            out = await till.get(f"exports/{what}", headers=shop.headers("Lan"))
            assert out.content == file(what, lines[what]), (what, moment)

    used = [one for one in lines["redemptions"] if "reversal_id" not in one]
    counted = Counter[str]()
    for one in await shop.desk.store.counted(business.id, since=DAY.date(), until=DAY.date() + timedelta(days=99), by=("all",)):
        counted[one.kind] += one.n
    assert counted == {
        "joined": CUSTOMERS,
        "issued": COUPONS,
        "redeemed": len(used),
        "used": len(used),
        "visit": EVENTS,
        "first_visit": CUSTOMERS,
    }
    assert await shop.desk.store.tallied(business.id, f"offer:{shop.offers['cookie'].id}") == len(used)
