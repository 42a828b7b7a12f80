"""What an owner learns from the cards: how far they come, who comes back, who works how, and what is out of the ordinary."""

import csv
import html
import io
import re

import httpx
from databases import BOTH
from shop import Shop

from app.desk import counting

pytestmark = BOTH


async def rows(browser: httpx.AsyncClient, name: str, days: str = "") -> list[list[str]]:
    answer = await browser.get(f"/insight/export.csv?of={name}{days}")
    assert answer.status_code == 200, answer.text
    assert f'filename="insight-{name}.csv"' in answer.headers["content-disposition"]
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


async def test_a_new_shop_is_told_what_it_will_learn(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert "Nothing to learn from yet" in (await owner.get("/insight")).text


async def test_the_cards_tell_how_far_they_come_who_comes_back_and_what_is_unusual(shop: Shop) -> None:
    first = [await shop.join(name) for name in ("Hoa", "Tú", "Vy")]
    for card in first[:2]:
        await shop.stamp(card, 4)
    shop.clock.forward(days=40)  # all of that was in the period before
    owner = await shop.sign_in("Minh")
    reward = (await shop.stamp(first[0]))["earned"][0]
    assert (await shop.redeem(reward["shown"])).status_code == 201
    late = await shop.join("=Đào")
    await shop.stamp(late, 9)  # a cookie at 5; one stamp to go to the coffee
    shop.clock.forward(days=3)
    await shop.stamp(first[0], who="Bình")
    for _ in range(20):
        await shop.stamp(late)
    now, who, where = shop.clock(), shop.staff["Bình"].id, shop.locations["Bến Thành"].id
    for _ in range(6):
        counts = counting.corrected(shop.business.id, now, shop.business.tz, location_id=where, staff_id=who)
        await shop.desk.commit(now, counts=counts)
    page = (await owner.get("/insight")).text
    assert [row[0] for row in await rows(owner, "funnel")] == ["Joined", "Saved to a wallet", "Stamped", "Earned a reward", "Redeemed one"]
    assert [row[1:] for row in await rows(owner, "funnel")] == [["1", "3"], ["0", "0"], ["1", "2"], ["1", "1"], ["0", "1"]]
    assert await rows(owner, "active") == [["'=Đào", "21"], ["Hoa", "2"]]
    assert await rows(owner, "offers") == [["Free cookie", "1", "1", "100%", ""]]
    assert [row[:3] for row in await rows(owner, "staff")] == [["An", "22", "2"], ["Bình", "1", "0"]]
    assert (await rows(owner, "locations"))[0][:5] == ["Bến Thành", "23", "2", "1", "0"]
    assert (await rows(owner, "weeks"))[0][1:] == ["1", "22"]
    assert sum(int(row[1]) for row in await rows(owner, "weeks")) == 3, "first visits"
    assert await rows(owner, "close-1") == [["1", "2"], ["2", "0"], ["3", "0"], ["4", "1"], ["5", "1"]]
    assert "=Đào was there 21 times; others who came, 2 on average." in page
    assert "Bình corrected cards 6 times; their colleagues, 0 on average." in page
    told = re.search(r'href="(/insight/staff/[^"]+)">Look</a>', page)
    assert told
    assert "Corrections and compensations by Bình" in (await owner.get(html.unescape(told[1]))).text
    assert re.search(r'href="/customers/[0-9a-f-]{36}">Look</a>', page)
    assert all(svg in page for svg in ("chart-weeks", "chart-close-1"))
    today = (await owner.get("/insight?period=today")).text
    assert "Nobody joined in these days" in today
    joined, *_ = await rows(owner, "funnel", "&period=custom&first=2026-11-20&last=2026-11-20")
    assert joined == ["Joined", "3", "0"]


async def test_only_managers_learn_and_only_what_there_is(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert (await shop.browser().get("/insight")).headers["location"].startswith("/sign-in")
    for wrong in ("/insight/export.csv?of=nothing", "/insight/funnel", "/insight/export.csv?of=close-9"):
        assert (await owner.get(wrong)).status_code == 404
    assert (await owner.get("/insight?period=century")).status_code == 400
