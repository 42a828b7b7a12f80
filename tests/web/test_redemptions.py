"""The redemptions page: its numbers right after each thing that happens, its history, its CSV, and who may see it."""

import csv
import io
import re
import tracemalloc
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app import history
from app.store import Filter, Unit
from app.world import new_id
from passes import coupons
from passes.cards import Event
from passes.coupons import Refusal

pytestmark = BOTH

FRAGMENT = {"X-Fragment": "1"}


async def numbers(owner: httpx.AsyncClient, period: str = "today") -> list[str]:
    """What the three cards say."""
    answer = await owner.get("/redemptions/numbers", params={"period": period}, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    return re.findall(r'class="value">([^<]*)<', answer.text)


async def rows(owner: httpx.AsyncClient, **asked: str) -> list[list[str]]:
    """The history as (code, status) pairs, and how often it can be gone on."""
    answer = await owner.post("/redemptions/rows", data=asked, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    found = re.findall(r'<tr data-id="[^"]+">(.*?)</tr>', answer.text, re.DOTALL)
    return [[re.findall(r"<code[^>]*>([^<]*)<", one)[0], re.findall(r'data-status="(\w+)"', one)[0]] for one in found]


async def exported(owner: httpx.AsyncClient, **asked: str) -> list[list[str]]:
    answer = await owner.post("/redemptions/export.csv", data=asked)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_the_numbers_are_right_at_once_after_each_thing_that_happens(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert await numbers(owner) == ["0", "0", "–"]
    first, second, third = await shop.cookie("Hoa"), await shop.cookie("Tuấn"), await shop.cookie("Mai")
    assert await numbers(owner) == ["0", "3", "0%"]
    receipt = (await shop.redeem(first)).json()
    assert await numbers(owner) == ["1", "2", "33.3%"]
    assert (await shop.redeem(first)).status_code == 409
    assert await numbers(owner) == ["1", "2", "33.3%"]
    assert "1 refused" in (await owner.get("/redemptions/numbers?period=today", headers=FRAGMENT)).text
    assert (await shop.post(f"redemptions/{receipt['redemption']['id']}/reversal")).status_code == 201
    assert await numbers(owner) == ["0", "3", "0%"]
    await shop.redeem(second)
    shop.clock.forward(days=31)  # the cookies of Hoa and Mai expire by time alone, as does the session
    owner = await shop.sign_in("Lan")
    assert await numbers(owner) == ["0", "0", "–"]
    honoured = await shop.post("goodwill", {"code": third, "reason": "rain"}, who="Minh")
    assert honoured.status_code == 201
    page = (await owner.get("/redemptions/numbers?period=today", headers=FRAGMENT)).text
    assert "0 refused, 1 as goodwill" in page
    assert (await numbers(owner))[0] == "0"


async def test_active_coupons_are_compared_with_the_beginning_of_the_period(shop: Shop) -> None:
    before = [await shop.cookie(f"Hoa {n}") for n in range(5)]
    shop.clock.forward(days=1)
    later = [await shop.cookie(f"Mai {n}") for n in range(3)]
    for code in (*before[:2], later[0]):
        await shop.redeem(code)
    found = await history.numbers(shop.desk, shop.business, history.period("today", today=date(2026, 11, 21)))
    assert (found.active, found.active_before) == (5, 5)
    assert (found.redeemed, found.redeemed_before, found.used, found.issued, found.issued_before, found.used_before) == (3, 0, 1, 3, 5, 2)
    shop.clock.forward(days=31)  # five expired in between: at the beginning they were active
    month = await history.numbers(shop.desk, shop.business, history.period("month", today=date(2026, 12, 22)))
    assert (month.active, month.active_before) == (0, 5)


async def test_the_rate_says_whether_an_offer_is_weak_or_works(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    codes = [await shop.cookie(f"Hoa {n}") for n in range(3)]
    assert "Below 10%" in (await owner.get("/redemptions?period=today")).text
    await shop.redeem(codes[0])
    assert "Above 30%" in (await owner.get("/redemptions?period=today")).text


async def test_each_presentation_is_a_row_and_each_filter_finds_its_own(shop: Shop) -> None:
    owner = await shop.sign_in("Minh")
    mine, other, taken = await shop.cookie("Hoa"), await shop.cookie("Tuấn"), await shop.cookie("Mai")
    await shop.redeem(mine)
    shop.clock.forward(minutes=1)
    await shop.redeem(other, who="An in Thảo Điền")
    shop.clock.forward(minutes=1)
    receipt = (await shop.redeem(taken, who="Bình")).json()
    await shop.post(f"redemptions/{receipt['redemption']['id']}/reversal", who="Bình")
    shop.clock.forward(minutes=1)
    await shop.redeem(mine, who="Bình")
    everything = [[mine, "refused"], [taken, "reversed"], [other, "redeemed"], [mine, "redeemed"]]
    assert await rows(owner) == everything
    assert await rows(owner, status="redeemed") == everything[2:]
    assert await rows(owner, location=str(shop.locations["Thảo Điền"].id)) == [everything[2]]
    assert await rows(owner, staff=str(shop.staff["Bình"].id)) == everything[:2]
    assert await rows(owner, offer=str(shop.offers["coffee"].id)) == []
    assert await rows(owner, q="tuấn") == [everything[2]]
    assert await rows(owner, q=mine.lower()[:7]) == [everything[0], everything[3]]
    assert await rows(owner, q="cookie", status="reversed") == [everything[1]]
    assert await rows(owner, since="2026-11-20", until="2026-11-20") == everything
    assert await rows(owner, since="2026-11-21") == await rows(owner, until="2026-11-19") == []
    page = (await owner.get("/redemptions?status=refused")).text
    assert page.count('data-status="refused"') == 1
    assert "Already" in page


async def test_an_empty_page_says_what_to_do_and_an_empty_search_what_to_drop(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert 'href="/counters"' in (await owner.get("/redemptions")).text
    await shop.redeem(await shop.cookie("Hoa"))
    found = (await owner.post("/redemptions/rows", data={"status": "goodwill", "q": "hoa"}, headers=FRAGMENT)).text
    assert re.findall(r'data-drop="(\w+)"', found) == ["status"]
    found = (await owner.post("/redemptions/rows", data={"status": "goodwill", "q": "nobody"}, headers=FRAGMENT)).text
    assert re.findall(r'data-drop="(\w+)"', found) == ["all"]


async def test_a_long_history_is_read_to_its_end_without_gap_or_double_with_and_without_a_script(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    await refusals(shop, 120)
    address, seen = "/redemptions", []
    while address:
        page = (await owner.get(address)).text
        seen += re.findall(r'<tr data-id="([^"]+)"', page)
        more = re.search(r'class="older".*?href="([^"]+)"', page, re.DOTALL)
        address = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == 120


async def refusals(shop: Shop, count: int, presented: str = "") -> None:
    """So many codes that were nobody's, a second apart."""
    person, place = shop.staff["An"], shop.locations["Bến Thành"]
    start = shop.clock() - timedelta(seconds=count)
    made = [
        Refusal(
            id=new_id(),
            business_id=shop.business.id,
            presented=presented or f"HELLO{n}",
            coupon_id=None,
            word="unknown_code",
            at=start + timedelta(seconds=n),
            location_id=place.id,
            staff_id=person.id,
            counter_id=person.id,
            channel="typed",
        )
        for n in range(count)
    ]
    for at in range(0, count, 1000):
        await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=tuple(made[at : at + 1000])))


async def test_the_csv_has_what_is_filtered_in_the_zone_of_the_business(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    code = await shop.cookie('Hoa "Hoà", Nguyễn')
    await shop.redeem(code)
    await shop.redeem(code)
    head, *lines = await exported(owner, status="redeemed")
    assert head == ["Code", "Customer", "Offer", "Status", "Why", "When", "Location", "Staff", "Channel"]
    assert lines == [[code, 'Hoa "Hoà", Nguyễn', "Free cookie", "Redeemed", "", "2026-11-20T12:00:00+07:00", "Bến Thành", "An", "Till"]]
    assert len(await exported(owner, q="hoa")) == 3
    assert len(await exported(owner, q="nobody")) == 1


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1"])
async def test_no_cell_of_the_csv_is_a_formula(shop: Shop, name: str) -> None:
    owner = await shop.sign_in("Lan")
    await refusals(shop, 1, presented=name)
    (_, line) = await exported(owner)
    assert line[0] == f"'{name}"


async def test_ten_thousand_rows_stream_in_little_memory(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    await refusals(shop, 10_000)
    tracemalloc.start()
    count = 0
    async for _ in history.rows(shop.desk, shop.business, Filter()):
        count += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 10_000
    assert peak < 12_000_000
    lines = await exported(owner)
    assert len({line[0] for line in lines[1:]}) == 10_000


async def test_the_story_of_a_coupon_says_everything_that_happened_to_it(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    card = await shop.card_with_cookie("Hoa")
    code, coupon_id = card["ready"][0]["shown"], card["ready"][0]["id"]
    receipt = (await shop.redeem(code)).json()
    await shop.redeem(code, who="Bình")
    panel = await owner.get(f"/redemptions/coupons/{coupon_id}", headers=FRAGMENT)
    assert re.findall(r'<li data-kind="(\w+)"', panel.text) == ["issued", "redemption", "refusal"]
    assert "<html" not in panel.text
    assert "<html" in (await owner.get(f"/redemptions/coupons/{coupon_id}")).text
    address = f"/redemptions/{receipt['redemption']['id']}/reversal"
    unsaid = await owner.post(address, data={"reason": " "}, headers={**FRAGMENT, "Idempotency-Key": "a"})
    assert (unsaid.status_code, unsaid.headers["x-problem"]) == (422, "reason_needed")
    again = await owner.post(address, data={"reason": " "}, headers={**FRAGMENT, "Idempotency-Key": "a"})
    assert (again.status_code, again.headers["x-problem"]) == (422, "reason_needed")
    for _ in range(2):  # the same request again is the same answer
        back = await owner.post(address, data={"reason": "Wrong drink"}, headers={**FRAGMENT, "Idempotency-Key": "b"})
        assert back.status_code == 200
        assert re.findall(r'<li data-kind="(\w+)"', back.text) == ["issued", "redemption", "refusal", "reversal"]
        assert "Wrong drink" in back.text
    assert await numbers(owner) == ["0", "1", "0%"]
    twice = await owner.post(address, data={"reason": "Wrong drink"}, headers={**FRAGMENT, "Idempotency-Key": "c"})
    assert twice.headers["x-problem"] == "nothing_to_reverse"


async def test_the_story_says_why_a_coupon_was_issued(shop: Shop) -> None:
    owner, card = await shop.sign_in("Lan"), await shop.card_with_cookie("Hoa")
    earned = (await owner.get(f"/redemptions/coupons/{card['ready'][0]['id']}", headers=FRAGMENT)).text
    assert "Earned on the card: Coffee card" in earned
    assert "As compensation" not in earned
    now = shop.clock()
    given = coupons.issue(
        shop.offers["coffee"],
        coupon_id=new_id(),
        code="00K5P3X",
        now=now,
        zone=shop.business.tz,
        card_id=UUID(card["id"]),
        customer_id=None,
    )
    why = Event(
        id=new_id(), business_id=shop.business.id, card_id=given.card_id, customer_id=None, coupon_id=given.id, kind="issued", at=now,
        reason="The first one was cold",
    )  # fmt: skip
    await shop.desk.commit(now, rows=(given, why))
    story = (await owner.get(f"/redemptions/coupons/{given.id}", headers=FRAGMENT)).text
    assert "As compensation" in story
    assert "The first one was cold" in story
    assert "Earned on the card" not in story


async def test_cashiers_and_strangers_see_nothing_of_it(shop: Shop) -> None:
    cashier, stranger = await shop.sign_in("Minh"), shop.browser()
    (member,) = await shop.desk.store.members(staff_id=shop.staff["Minh"].id)
    assert await shop.desk.store.replace_member(replace(member.staff, role="cashier"), member.login, seen=member.login.version)
    for address in ("/redemptions", "/redemptions/numbers", "/redemptions/trends", "/redemptions/live", f"/redemptions/coupons/{uuid4()}"):
        assert (await cashier.get(address, headers=FRAGMENT)).headers["x-problem"] == "not_allowed"
        assert (await stranger.get(address, headers=FRAGMENT)).headers["x-problem"] == "sign_in_needed"
    assert (await cashier.post("/redemptions/export.csv", headers=FRAGMENT)).headers["x-problem"] == "not_allowed"


async def test_another_business_has_other_rows_numbers_and_stories(shop: Shop) -> None:
    theirs = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    card = await theirs.card_with_cookie("Hoa")
    coupon, receipt = card["ready"][0], (await theirs.redeem(card["ready"][0]["shown"])).json()
    owner = await shop.sign_in("Lan")
    assert await numbers(owner) == ["0", "0", "–"]
    assert await rows(owner) == await rows(owner, offer=str(theirs.offers["cookie"].id)) == await rows(owner, q="hoa") == []
    known = await owner.get(f"/redemptions/coupons/{coupon['id']}", headers=FRAGMENT)
    unknown = await owner.get(f"/redemptions/coupons/{uuid4()}", headers=FRAGMENT)
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    address = f"/redemptions/{receipt['redemption']['id']}/reversal"
    assert (await owner.post(address, data={"reason": "x"}, headers={**FRAGMENT, "Idempotency-Key": "k"})).status_code == 404


async def test_what_cannot_be_asked_is_refused_and_nothing_is_a_500(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    past_the_end = f"after=9999-12-31T23:59:59-14:00~{shop.business.id}"
    for wrong in ("status=eaten", "location=here", "since=yesterday", "after=x", "after=2026-11-20~x", "period=ever", past_the_end):
        assert (await owner.get(f"/redemptions?{wrong}")).status_code == 400, wrong
    for odd in ("since=0001-01-01", "until=9999-12-31", "period=custom&first=0001-01-01&last=9999-12-31", "q=Hoa", "utm=1"):
        assert (await owner.get(f"/redemptions?{odd}")).status_code == 200, odd
    assert await rows(owner, q="\x00%_'\"\ud7ff\\") == []


async def test_a_reason_that_nothing_can_keep_is_refused_as_such(shop: Shop) -> None:
    receipt = (await shop.redeem(await shop.cookie())).json()
    owner = await shop.sign_in("Lan")
    address = f"/redemptions/{receipt['redemption']['id']}/reversal"
    answer = await owner.post(address, data={"reason": "a\0b"}, headers={**FRAGMENT, "Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["x-problem"]) == (400, "invalid_request")


async def test_trends_are_by_day_hour_offer_location_and_person(shop: Shop) -> None:
    first, second = await shop.cookie("Hoa"), await shop.cookie("Mai")
    await shop.redeem(first)
    await shop.redeem(first, who="Bình")
    shop.clock.forward(days=1)
    await shop.redeem(second, who="An in Thảo Điền")
    seen = await history.trends(shop.desk, shop.business, history.period("week", today=date(2026, 11, 21)), language="vi")
    assert [(one.redeemed, one.refused) for one in seen.days][-2:] == [(1, 1), (1, 0)]
    assert (seen.hours[4][12], seen.hours[5][12], sum(map(sum, seen.hours))) == (1, 1, 2)
    assert [(one.name, one.redeemed, one.issued, one.used) for one in seen.offers] == [("Bánh quy miễn phí", 2, 2, 2)]
    assert {(one.name, one.redeemed) for one in seen.locations} == {("Bến Thành", 1), ("Thảo Điền", 1)}
    assert [(one.name, one.redeemed, one.refused) for one in seen.staff] == [("An", 2, 0), ("Bình", 0, 1)]
    owner = await shop.sign_in("Lan")
    page = (await owner.get("/redemptions?view=trends")).text
    assert page.count('<svg class="chart') == 2
    assert "style=" not in page
