"""All that a business has recorded goes out as CSV and comes back: into another database, into a shop with other ids, twice."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from shop import Shop, application

from app import history
from app.desk import importing
from app.desk.lines import COLUMNS, armed, defused
from app.errands import Errands

WHAT = ("customers", "coupons", "redemptions", "events")


async def export(shop: Shop, what: str, **asked: str) -> bytes:
    answer = await shop.client.get(f"/api/v1/exports/{what}", params=asked, headers=shop.headers("Lan"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    return answer.content


async def bring(shop: Shop, what: str, file: bytes, *, kind: str = "text/csv", who: str = "Lan", once: str = "") -> httpx.Response:
    headers = {**shop.headers(who), "Content-Type": kind, **({"Idempotency-Key": once} if once else {})}
    return await shop.client.post("/api/v1/imports", params={"what": what}, content=file, headers=headers)


async def brought(shop: Shop, what: str, file: bytes) -> dict[str, Any]:
    """How an import ended."""
    made = await bring(shop, what, file)
    assert made.status_code == 202, made.text
    while await Errands(shop.desk).step():
        pass
    said = (await shop.get(f"imports/{made.json()['id']}", who="Lan")).json()
    assert said["state"] == "ended"
    return said


def rows(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode(), newline="")))


async def week(shop: Shop) -> None:
    """A week of a shop: customers with odd names, coupons in every state, a redemption taken back, a goodwill."""
    await shop.change_offer("coffee", most=100)
    hoa = await shop.join('=HYPERLINK("x")', email="hoa@example.com", phone="0901 234 567")
    await shop.join('\'=Tí, "quoted"\nof two lines', birthday="02-29")
    shop.clock.forward(hours=1)
    await shop.stamp(hoa, 12)
    await shop.stamp(hoa, 3)
    one, two, three = [(await shop.stamp(await shop.join(f"Guest {n}"), 5))["earned"][0] for n in range(3)]
    taken_back = (await shop.redeem(one["code"])).json()["redemption"]["id"]
    await shop.post(f"redemptions/{taken_back}/reversal", {})
    await shop.redeem(one["code"], who="Bình")
    await shop.redeem(two["code"], who="An in Thảo Điền")
    await shop.redeem(two["code"])
    cookies = [await shop.cookie(f"Friend {n}") for n in range(2)]
    sold = {"codes": cookies, "mode": "all", "receipt": "=R-7", "amount": 90_000, "currency": "VND"}
    assert (await shop.post("redemptions", sold, who="Bình")).status_code == 201
    shop.clock.forward(days=35)
    assert (await shop.post("goodwill", {"code": three["code"], "reason": "-1 day"}, who="Minh")).status_code == 201


async def same_shop(shop: Shop, there: Shop) -> Shop:
    """The business as it is set up, and nothing that happened in it, in another database."""
    was = shop.desk.store
    (business,) = [one for one in await was.businesses() if one.id == shop.business.id]
    members = await was.members(business_id=business.id)
    people = [row for one in members for row in (one.staff, one.login)]
    keys = [key for key, _ in await was.api_keys(business.id)]
    rest = (*await was.locations(business.id), *await was.all_offers(business.id), *await was.programs(business.id), *keys)
    await there.desk.commit(there.clock(), rows=(business, *people, *rest))
    there.business, there.locations, there.staff, there.program, there.offers = (
        business,
        shop.locations,
        shop.staff,
        shop.program,
        shop.offers,
    )
    for who in ("Lan", "An"):
        await there.hand_out(who, staff_id=there.staff[who].id)
    return there


@pytest.fixture
async def elsewhere(shop: Shop, postgresql_url: str) -> AsyncIterator[Shop]:
    """The same shop on PostgreSQL, before its first day."""
    async with application(postgresql_url, shop.clock) as (client, desk, followers):
        yield await same_shop(shop, Shop(client, desk, shop.clock, followers))


async def test_what_goes_out_comes_back_to_the_byte_and_counts(shop: Shop, elsewhere: Shop) -> None:
    await week(shop)
    files = {what: await export(shop, what) for what in WHAT}
    for what, file in files.items():
        said = await brought(elsewhere, what, file)
        assert (said["done"], said["skipped"], said["failed"]) == (len(rows(file)), 0, 0), (what, said)
        assert said["total"] == len(rows(file)) > 0
    assert {what: await export(elsewhere, what) for what in WHAT} == files
    assert await export(elsewhere, "events", since=shop.clock().isoformat()) == await export(shop, "events", since=shop.clock().isoformat())

    today = shop.clock().astimezone(shop.business.tz).date()
    month = history.period("custom", today=today, first=today.replace(year=today.year - 1), last=today)
    told = [await history.numbers(one.desk, one.business, month) for one in (shop, elsewhere)]
    assert told[0] == told[1]
    by = ("all", "location", "offer", "staff", "hour")
    counted = [
        list(await where.desk.store.counted(shop.business.id, since=month.first, until=month.last, by=by)) for where in (shop, elsewhere)
    ]
    assert len(counted[0]) > 10
    assert sorted(map(str, counted[0])) == sorted(map(str, counted[1]))
    assert await elsewhere.desk.store.tallied(shop.business.id, f"offer:{shop.offers['coffee'].id}") == await shop.desk.store.tallied(
        shop.business.id, f"offer:{shop.offers['coffee'].id}"
    )

    # Whoever comes back finds their card and its reward, and what was used stays used.
    hoa = next(one for one in rows(files["customers"]) if one["email"])
    card = (await elsewhere.get(f"cards/{hoa['number']}")).json()
    assert card["balance"] == (await shop.get(f"cards/{hoa['number']}")).json()["balance"]
    by = {one["state"]: one["code"] for one in rows(files["coupons"])}
    assert (await elsewhere.redeem(by["redeemed"])).json()["word"] == "already_redeemed"
    assert (await elsewhere.stamp(card, 1))["card"]["balance"] == card["balance"] + 1

    # What a till said of a sale came along, and by which key it was; what is not known here stays as the file says.
    sold = [one for one in (await elsewhere.get("redemptions", who="Lan")).json()["data"] if one["receipt"]]
    assert [(one["receipt"], one["amount"], one["currency"]) for one in sold] == [("=R-7", 90_000, "VND")] * 2
    assert {one["counter_id"] for one in sold} == {one["counter_id"] for one in rows(files["redemptions"]) if one["counter"] == "Bình"}
    assert len({one["basket_id"] for one in sold}) == 1

    again = {what: await brought(elsewhere, what, file) for what, file in files.items()}
    assert {(one["done"], one["failed"]) for one in again.values()} == {(0, 0)}


async def test_the_same_files_brought_by_two_at_once_come_in_once(shop: Shop, elsewhere: Shop) -> None:
    await week(shop)
    for what in WHAT:
        file = await export(shop, what)
        made = [(await bring(elsewhere, what, file)).json()["id"] for _ in range(2)]

        async def work() -> None:
            while await Errands(elsewhere.desk).step():
                pass

        await asyncio.gather(*(work() for _ in range(4)))
        said = [(await elsewhere.get(f"imports/{one}", who="Lan")).json() for one in made]
        assert [one["state"] for one in said] == ["ended", "ended"]
        assert not [bad for one in said for bad in one["bad"]]
        assert sum(one["done"] for one in said) == sum(one["skipped"] for one in said) == len(rows(file))
        assert await export(elsewhere, what) == file or what == "coupons"
    assert await export(elsewhere, "coupons") == await export(shop, "coupons")


async def test_who_brings_a_hundred_files_waits_longer_with_each_and_holds_nobody_up(shop: Shop) -> None:
    await bring(shop, "customers", b"customer_id,joined_at\r\n1,2\r\n")
    made = [(await bring(shop, "events", b"event_id,type,at\r\n1,2,3\r\n")).json()["id"] for _ in range(9)]
    found = await shop.desk.store.errand(shop.business.id, UUID(made[0]))
    assert found
    assert await importing.portion(shop.desk, found[0], None) == 10 * importing.WAIT


async def test_a_used_coupon_waits_for_its_redemption_and_is_not_given_twice(shop: Shop, elsewhere: Shop) -> None:
    await week(shop)
    for what in ("customers", "coupons"):
        await brought(elsewhere, what, await export(shop, what))
    used = next(one["code"] for one in rows(await export(shop, "coupons")) if one["state"] == "redeemed")
    assert (await elsewhere.redeem(used)).json()["word"] == "reserved"
    file = await export(shop, "redemptions")
    basket_id = next(one["basket_id"] for one in rows(file) if one["receipt"])
    assert (await brought(elsewhere, "redemptions", file.replace(basket_id.encode(), b"")))["failed"] == 0
    sold = [one for one in (await elsewhere.get("redemptions", who="Lan")).json()["data"] if one["receipt"]]
    assert [one["basket_id"] for one in sold] == [one["id"] for one in sold] != [], "a sale that the file puts into no basket has its own"
    assert (await elsewhere.redeem(used)).json()["word"] == "already_redeemed"


async def test_a_shop_with_other_ids_takes_a_file_by_titles_and_names_and_in_one_house_by_new_ids(shop: Shop) -> None:
    await week(shop)
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Another Sáng")
    files = {what: await export(shop, what) for what in WHAT}
    for what, file in files.items():
        said = await brought(other, what, file)
        assert (said["done"], said["failed"]) == (len(rows(file)), 0), said
    for what, file in files.items():
        mine = [one for one in COLUMNS[what] if not one.endswith("_id") and one != "merged_into"]
        came = rows(await export(other, what))
        assert sorted([one[name] for name in mine] for one in came) == sorted([one[name] for name in mine] for one in rows(file))
        assert not {one[COLUMNS[what][0]] for one in came} & {one[COLUMNS[what][0]] for one in rows(file)}
        assert (await brought(other, what, file))["done"] == 0


async def test_bad_lines_are_told_and_the_others_come_in(shop: Shop) -> None:
    card = await shop.join("Hoa")
    (line,) = [one for one in rows(await export(shop, "customers")) if one["card_id"] == card["id"]]

    def file(*lines: dict[str, str]) -> bytes:
        text = io.StringIO(newline="")
        written = csv.DictWriter(text, COLUMNS["customers"])
        written.writeheader()
        written.writerows(lines)
        return text.getvalue().encode()

    fresh = {**line, "customer_id": str(UUID(int=1)), "card_id": ""}
    bad = [
        {**fresh, "customer_id": "17"},
        {**fresh, "joined_at": "yesterday"},
        {**fresh, "card_id": str(UUID(int=2))},
        {**fresh, "card_id": str(UUID(int=2)), "number": "K7QM4XRT3C12"},
        {**fresh, "location_id": str(UUID(int=3)), "location": "Nowhere"},
        {**fresh, "name": "a\0b"},
        {**fresh, "joined_at": "0001-01-01T00:00:00+14:00"},
        {**fresh, "consent_at": "9999-12-31T23:59:59-14:00"},
        {**fresh, "birthday": "02-29\n"},
        {**fresh, "language": "vi\n"},
    ]
    said = await brought(shop, "customers", file(*bad, fresh, line))
    assert (said["done"], said["skipped"], said["failed"]) == (1, 1, 10)
    assert [(one["line"], one["word"], one["column"]) for one in said["bad"]] == [
        (2, "unreadable", "customer_id"),
        (3, "unreadable", "joined_at"),
        (4, "number", "number"),
        (5, "number", "number"),
        (6, "location", "location"),
        (7, "unreadable", "name"),
        (8, "unreadable", "joined_at"),
        (9, "unreadable", "consent_at"),
        (10, "unreadable", "birthday"),
        (12, "unreadable", "language"),
    ]
    assert said["bad"][0]["detail"] == "What stands in this column cannot be read."
    assert rows((await shop.get(f"imports/{said['id']}/bad", who="Lan")).content) == [
        {name: str(cell) for name, cell in one.items()} for one in said["bad"]
    ]
    made = await bring(shop, "customers", file() + b"," * 100_000, once="a file")
    assert (await bring(shop, "coupons", file() + b"," * 100_000, once="a file")).json()["word"] == "idempotency_key_reused"
    assert (await bring(shop, "refusals", file())).json()["facts"]["errors"] == "what: one of customers, coupons, redemptions, events"
    sheet = await shop.desk.store.sheet(UUID(made.json()["id"]), 0)
    assert sheet
    assert len(sheet.content) < 1000, "of what no line can be not all is taken along"
    wide = file().replace(b"left_at", b"left_at," + b",".join(b"%d" % n for n in range(99)))
    for nothing in (b"", b"a,b\r\n1,2\r\n", b"\xff\xfe", file()[:-2], wide):
        said = await brought(shop, "customers", nothing)
        assert said["done"] == 0
    lan = await shop.sign_in("Lan")
    said = await brought(shop, "customers", file(*[bad[1]] * 250))
    address = f"/settings/imports/{said['id']}/bad.csv"
    assert f'href="{address}">250</a>' in (await lan.get("/settings")).text
    report = (await lan.get(address)).content
    assert report.startswith(b"\xef\xbb\xbf")
    assert [line.split(b",")[:3] for line in report.splitlines()[1:]] == [[b"%d" % n, b"unreadable", b"joined_at"] for n in range(2, 252)]
    assert len(said["bad"]) == 100
    assert (await bring(shop, "customers", file(), kind="application/json")).json()["word"] == "wrong_media_type"
    assert (await bring(shop, "cats", file())).status_code == 400
    assert (await shop.get("imports/01a200f7-cb8f-7000-8000-000000000000", who="Lan")).json()["word"] == "not_found"


async def test_a_file_comes_back_as_spreadsheets_of_any_country_save_it(shop: Shop) -> None:
    await shop.join("Hoà")
    (line,) = rows(await export(shop, "customers"))

    def saved(separator: str, number: int, *, trimmed: bool = False) -> str:
        text = io.StringIO(newline="")
        written = csv.writer(text, delimiter=separator)
        said = {**line, "customer_id": str(UUID(int=number)), "card_id": "", "number": "", "note": 'one, "two"; three\tfour'}
        written.writerows([list(said), list(said.values())])
        return re.sub(f"{separator}+\r\n", "\r\n", text.getvalue()) if trimmed else text.getvalue()

    files = [
        saved(";", 1).encode("utf-8-sig"),
        saved("\t", 2).encode("utf-16"),
        saved(",", 3).encode(),
        saved(";", 4, trimmed=True).encode(),
        saved(",", 5).replace("\r\n", "\r").encode(),
        saved(";", 6).replace("\r\n", ";;;\r\n").encode(),
    ]
    for file in files:
        assert (await brought(shop, "customers", file))["done"] == 1
    came = rows(await export(shop, "customers"))
    assert {(one["name"], one["note"]) for one in came if one["note"]} == {("Hoà", 'one, "two"; three\tfour')}
    assert len(came) == 1 + len(files)
    cut = saved(";", 7, trimmed=True).encode().rstrip()
    assert (await brought(shop, "customers", cut))["bad"][0]["word"] == "cells", "it may be less than there was"
    open_ = saved(",", 8).replace("Hoà", '"Hoà').encode() + saved(",", 9).partition("\r\n")[2].encode()
    assert (await brought(shop, "customers", open_))["bad"][0]["word"] == "cells", "all that follows would be this name"
    (why,) = (await brought(shop, "customers", saved(",", 7).encode("cp1258", "replace")))["bad"]
    assert (why["line"], why["word"]) == (1, "encoding")
    assert "CSV UTF-8" in why["detail"]


async def test_a_file_that_says_two_things_at_once_comes_to_an_end(shop: Shop, elsewhere: Shop) -> None:
    await week(shop)
    for what in ("customers", "coupons"):
        await brought(elsewhere, what, await export(shop, what))
    lines = (await export(shop, "redemptions")).decode().splitlines(keepends=True)
    (taken_back,) = [line for line in lines[1:] if "T1" in line.split(",")[16]]
    (id_,) = [one["redemption_id"] for one in rows(await export(shop, "redemptions")) if one["reversal_id"]]
    other = taken_back.replace(id_, str(UUID(int=7)))
    said = await brought(elsewhere, "redemptions", "".join([*lines, other]).encode())
    assert (said["failed"], said["bad"][0]["word"], said["bad"][0]["column"]) == (1, "redemption", "reversal_id")
    said = await brought(elsewhere, "redemptions", "".join([lines[0], other]).encode())
    assert (said["done"], said["failed"]) == (0, 1)
    used = next(line for line in lines[1:] if line != taken_back)
    said = await brought(elsewhere, "redemptions", "".join([lines[0], str(UUID(int=8)) + used[36:]]).encode())
    assert (said["bad"][0]["word"], said["bad"][0]["column"]) == ("redemption", "coupon_id")


async def test_an_owner_gets_the_same_files_and_nobody_else(shop: Shop) -> None:
    await week(shop)
    lan, minh = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    page = (await lan.get("/settings")).text
    for what in WHAT:
        assert f'href="/settings/{what}.csv"' in page
        file = await lan.get(f"/settings/{what}.csv")
        assert file.content == b"\xef\xbb\xbf" + await export(shop, what)
        assert file.headers["content-disposition"] == f'attachment; filename="{what}-2026-12-25.csv"'
        assert (await minh.get(f"/settings/{what}.csv")).status_code == 403
        id_ = (await bring(shop, what, b"")).json()["id"]
        assert (await shop.get(f"imports/{id_}/bad", who="An")).json()["word"] == "not_allowed"
        assert (await minh.get(f"/settings/imports/{id_}/bad.csv")).status_code == 403
        for asked in (await shop.get(f"exports/{what}", who="An"), await bring(shop, what, file.content, who="An")):
            assert asked.json()["word"] == "not_allowed", "a cashier's key, whatever its scopes"
    file = (await lan.get("/settings/customers.csv")).content
    assert (await brought(shop, "customers", file))["failed"] == 0

    # What came out goes back in by the page, too.
    key = {"Idempotency-Key": "a file", "Content-Type": "text/csv"}
    some = b"\r\n".join([*file.split(b"\r\n")[:3], b"," * 30, b""])
    once, again = [(await lan.post("/settings/imports/customers", content=some, headers=key)).headers["location"] for _ in range(2)]
    assert once == again, "sent twice, it is brought in once"
    assert 'data-state="waits"' in (await lan.get(once)).text
    while await Errands(shop.desk).step():
        pass
    shown = (await lan.get(once)).text
    assert re.findall(r'<p class="value">(\d+)</p>', shown) == ["3", "0", "2", "1"]
    assert "This line has more or fewer cells than the first one." in shown
    assert f'href="{once}"' in (await lan.get("/settings")).text
    assert "Lan brought a file of the business in" in (await lan.get("/audit")).text
    assert (await minh.get(once)).status_code == 403
    assert (await minh.post("/settings/imports/customers", content=some, headers=key)).status_code == 403
    assert (await lan.post("/settings/imports/cats", content=some, headers=key)).status_code == 400

    # Whoever takes a file out, or sets something up, stands in the audit: a key by its own name.
    await shop.hand_out("Back office", scopes=("manage",))

    async def by_keys(method: str, path: str, body: object = None) -> Any:
        return (await shop.client.request(method, f"/api/v1/{path}", json=body, headers=shop.headers("Back office"))).json()

    await shop.get("exports/coupons", who="Back office")
    hook = (await by_keys("POST", "webhooks", {"url": "https://shop.example.com/hook"}))["webhook"]["id"]
    await by_keys("PATCH", f"webhooks/{hook}", {"description": "Web shop"})
    await by_keys("POST", f"webhooks/{hook}/secret", {})
    await by_keys("DELETE", f"webhooks/{hook}")
    customer = (await shop.get("customers?limit=1")).json()["data"][0]["id"]
    await by_keys("PATCH", f"customers/{customer}", {"birthday": "02-29"})
    await by_keys("POST", f"customers/{customer}/erasure", {})
    lines = (await shop.desk.store.audited(shop.business.id))[:7]
    assert [one.what for one in lines] == [
        "customer.erased",
        "customer.changed",
        "webhook.removed",
        "webhook.rolled",
        "webhook.changed",
        "webhook.made",
        "business.exported",
    ]
    assert lines[-1].became == '{"file":"coupons"}'
    assert len({one.staff_id for one in lines} - {one.id for one in shop.staff.values()}) == 1
    said = await lan.get("/audit")
    assert "Back office took a file of the business out" in said.text
    assert "Lan took a file of the business out" in said.text


@pytest.mark.parametrize("cell", ["=1", "'=1", "''-1", "'t Hooft", "-3+1", "@x", "", "'", "plain", "+84", "\tx", "\n=1", "＝1"])
def test_no_spreadsheet_runs_a_cell_and_every_cell_comes_back(cell: str) -> None:
    assert not defused(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert armed(defused(cell)) == cell


@pytest.mark.parametrize("cell", ["-3", "'-3"])
def test_a_number_below_zero_is_one_in_a_spreadsheet_too_and_comes_back(cell: str) -> None:
    assert defused(cell) == {"-3": "-3", "'-3": "''-3"}[cell]
    assert armed(defused(cell)) == cell
