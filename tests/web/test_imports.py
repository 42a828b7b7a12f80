"""Codes that a business brings: how a file is read, what is shown before, and what comes of it."""

import random
import re
from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import NOON, Shop

from app.desk import giving, imports
from app.desk.imports import Line, Reader
from app.errands import Errands
from app.store import Portion
from passes import codes
from passes.businesses import Business
from passes.problems import PoolEmpty

SHOP = Business(id=uuid4(), name="Cà Phê Sáng", zone="Asia/Ho_Chi_Minh", currency="VND")
NUMBER = codes.mint_number(random.Random(7).choice)


def read(content: bytes, *, cut: int = 7) -> tuple[Sequence[Line], imports.Layout]:
    """A file as it is read in pieces of so many bytes."""
    reader = Reader(SHOP, NOON)
    lines = [line for at in range(0, len(content), cut) for line in reader.feed(content[at : at + cut])]
    lines += reader.feed(b"", last=True)
    assert reader.lines == len(lines)
    return lines, reader.layout or imports.Layout()


def said(lines: Sequence[Line]) -> list[str]:
    return [line.why or line.code for line in lines]


@pytest.mark.parametrize("cut", [1, 2, 3, 64])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_file_is_read_the_same_in_every_encoding_and_with_every_end_of_line(encoding: str, ends: str, cut: int) -> None:
    lines, _ = read(ends.join(["Mã", "tết-2026-a", "TET-2026-B", ""]).encode(encoding), cut=cut)
    assert [(line.number, line.code) for line in lines] == [(2, "TET2026A"), (3, "TET2026B")]


@pytest.mark.parametrize(
    ("text", "column", "until", "header"),
    [
        ("AAA1\nBBB2", 0, None, False),
        ("code\nAAA1\nBBB2", 0, None, True),
        ("id;Voucher code;valid until\n7;AAA1;31/12/2026\n8;BBB2;", 1, 2, True),
        ("AAA1,2026-12-31\nBBB2,", 0, 1, False),
        ('"Code"\t"name"\n"AAA1"\t"x, y"\n"BBB2"\t', 0, None, True),
    ],
)
def test_columns_are_found_by_their_names_or_by_what_stands_in_them(text: str, column: int, until: int | None, header: bool) -> None:
    lines, layout = read(text.encode())
    assert said(lines) == ["AAA1", "BBB2"]
    assert (layout.code, layout.until, layout.header) == (column, until, header)
    assert lines[0].until == (None if until is None else date(2026, 12, 31))


def test_every_bad_line_has_its_number_and_its_reason() -> None:
    text = f"code;until\nGOOD1;\n;\n{'X' * 65};\n---;\nGOOD 1;\n{NUMBER};\nGOOD2;31/31/2026\nGOOD3;2026-11-19\nGOOD4;9999-12-31\n"
    lines, _ = read(text.encode() + b"CAF\xe9;\n" + b"Y" * 9000 + b";\n")
    assert said(lines) == ["GOOD1", "empty", "long", "unreadable", "twice", "card", "date", "over", "GOOD4", "unreadable", "long"]
    assert [line.number for line in lines] == list(range(2, 13))
    assert lines[4].also == 2
    assert lines[8].until is None
    assert max(len(line.text) for line in lines) <= imports.LONGEST_SHOWN


def test_a_code_with_a_character_that_no_code_has_is_refused_and_not_cut() -> None:
    lines, _ = read("code\nBAD💥\nTET™\nA+B\n$10\n50%OFF\ntết_2026/b.1–ｘ\n".encode())
    assert said(lines) == [*["unreadable"] * 5, "TET2026B1X"]


def test_a_file_of_too_many_lines_is_refused_and_not_cut_off() -> None:
    reader = Reader(SHOP, NOON)
    with pytest.raises(imports.TooManyLines):
        list(reader.feed(b"\n" * (imports.MOST_LINES + 2)))


# --- In the shop ---


async def upload(shop: Shop, browser: httpx.AsyncClient, content: bytes, offer: str = "coffee") -> str:
    await browser.get("/coupons/import")
    sent = await browser.post(f"/coupons/import/{shop.offers[offer].id}", content=content, headers={"Content-Type": "text/csv"})
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


def figures(page: httpx.Response) -> list[str]:
    return re.findall(r'<p class="value">([\d,]+)</p>', page.text)


@BOTH
async def test_nothing_is_imported_unless_somebody_says_so_and_then_all_that_is_good(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    old = (await shop.cookie()).replace("-", "")
    file = "\n".join(["code", *(f"TILL{n:05}" for n in range(2500)), "TILL00007", *[""] * 251, old]).encode()
    page = await upload(shop, manager, file)
    shown = await manager.get(page)
    assert figures(shown) == ["2,753", "2,500", "253"]
    assert "Known already" in shown.text
    report = (await manager.get(f"{page}/bad.csv")).text.splitlines()
    assert [line.split(",")[0] for line in report[1:]] == [str(n) for n in range(2502, 2755)]
    assert "(line 9)" in report[1]
    assert await shop.desk.store.pools(shop.business.id) == {}
    for _ in range(2):
        assert (await manager.post(f"{page}/confirm")).status_code == 303
    errands = Errands(shop.desk)
    assert await errands.step()
    half = await manager.get(page, headers={})
    assert "1,000 of 2,753" in half.text
    while await Errands(shop.desk).step():  # whoever goes on: it is another one, as after a crash
        pass
    over = await manager.get(page)
    assert "2,500 of 2,753" in over.text
    assert "253 not possible" in over.text
    assert (await manager.get(f"{page}/bad.csv")).text.splitlines() == report, "all of them are remembered"
    assert await shop.desk.store.pools(shop.business.id) == {shop.offers["coffee"].id: 2500}
    (business,) = await shop.desk.store.businesses()
    assert business.imported
    assert (await shop.redeem("TILL00000")).json()["word"] == "unknown_code"  # nobody was given it
    # From now on the offer gives these.
    card = await shop.stamp(await shop.join("Mai"), 10)
    earned = next(one for one in card["earned"] if one["offer"]["id"] == str(shop.offers["coffee"].id))
    assert earned["code"].startswith("TILL")
    assert (await shop.redeem(earned["code"])).status_code == 201


@BOTH
async def test_a_few_codes_are_pasted_and_a_file_that_nobody_wants_is_forgotten(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    await manager.get("/coupons/import")
    said_ = {"offer_id": str(shop.offers["coffee"].id), "codes": "TET-1\r\nTET-2"}
    first, second = [(await manager.post("/coupons/import", data=said_)).headers["location"] for _ in range(2)]
    assert (await manager.post(f"{first}/discard")).status_code == 303
    assert (await manager.post(f"{first}/confirm")).status_code == 409
    assert "Nothing of this file was imported" in (await manager.get(first)).text
    shop.clock.forward(days=1, minutes=1)
    while await Errands(shop.desk).step():
        pass
    assert "Nobody asked for the import" in (await manager.get(second)).text
    assert (await manager.post(f"{second}/confirm")).status_code == 409
    assert await shop.desk.store.pools(shop.business.id) == {}


async def test_an_import_whose_asker_fell_goes_on_when_it_is_asked_for_again(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    page = await upload(shop, manager, b"TET-1\nTET-2")
    errand_id = UUID(page.rpartition("/")[2])
    now = shop.clock()
    asked = Portion(id=errand_id, business_id=shop.business.id, errand_id=errand_id, number=0, after="", done=0, at=now)
    await shop.desk.commit(now, rows=(asked,))  # so much was true when it fell
    assert not await Errands(shop.desk).step()
    assert (await manager.post(f"{page}/confirm")).status_code == 303
    while await Errands(shop.desk).step():
        pass
    assert await shop.desk.store.pools(shop.business.id) == {shop.offers["coffee"].id: 2}


@BOTH
async def test_a_pool_s_code_ends_when_the_file_says_so_and_an_empty_pool_never_stops_anybody_from_earning(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    page = await upload(shop, manager, b"code,valid until\nTET1,2026-11-30\n")
    await manager.post(f"{page}/confirm")
    while await Errands(shop.desk).step():
        pass
    offer = (await shop.desk.store.offers(shop.business.id, [shop.offers["coffee"].id]))[shop.offers["coffee"].id]
    assert offer.source == "pool"
    first = await shop.stamp(await shop.join("Mai"), 10)
    second = await shop.stamp(await shop.join("Hoa"), 10)
    by_card = [next(one for one in card["earned"] if one["offer"]["id"] == str(offer.id)) for card in (first, second)]
    assert by_card[0]["code"] == "TET1"
    assert by_card[0]["expires_at"].startswith("2026-11-30T23:59:59")
    assert len(by_card[1]["code"].removeprefix(offer.prefix)) == codes.CODE_LENGTH
    with pytest.raises(PoolEmpty):
        await giving.give(shop.desk, replace(shop.business), (offer,), now=shop.clock())
