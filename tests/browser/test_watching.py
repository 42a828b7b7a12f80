"""The owner watches: what happens at a counter stands on another browser within a second."""

import asyncio
import csv
import io
import re
import time
from collections.abc import Callable

from browsers import RESULT
from playwright.async_api import Route, expect
from visits import Visit, sees, types


async def test_a_redemption_is_a_row_on_the_owners_screen_within_a_second(
    visit: Visit, record_property: Callable[[str, object], None]
) -> None:
    code = await visit.coupon()
    till, owner = await visit.counter("An"), await visit.signed_in()
    await expect(owner.locator("#live")).to_have_attribute("data-on-air", "true")
    await types(till, code)
    await sees(till, "given", code)
    start = time.monotonic()
    row = owner.locator("#rows tr").first
    await expect(row).to_contain_text(code)
    took = time.monotonic() - start
    await expect(row).to_contain_text("An")
    await expect(row).to_contain_text("Bến Thành")
    await expect(owner.locator("#numbers .value").first).to_have_text("1")
    record_property(RESULT, f"name=row_on_another_screen_ms value={1000 * took:.0f} goal=1000")
    assert took < 10  # a busy machine; a page that is not told would ask after 15


async def test_a_code_is_found_as_one_types_and_its_row_opens_its_story(visit: Visit) -> None:
    codes = [await visit.coupon() for _ in range(3)]
    for code in codes:
        assert (await visit.shop.redeem(code)).status_code == 201
    assert (await visit.shop.redeem(codes[0])).status_code == 409
    owner = await visit.signed_in()
    await expect(owner.locator("#rows tr[data-id]")).to_have_count(4)
    await owner.fill("#q", codes[0][:5].lower())
    await expect(owner.locator("#rows tr[data-id]")).to_have_count(2)
    await owner.locator("#rows a.story-link").first.click()
    story = owner.get_by_role("dialog")
    await expect(story).to_contain_text(codes[0])
    await expect(story).to_contain_text("Bến Thành")
    await owner.keyboard.press("Escape")
    assert codes[0][:5].lower() not in owner.url.lower()
    async with owner.expect_download() as download:
        await owner.get_by_role("button", name="Download CSV").click()
    rows = list(csv.reader(io.StringIO((await (await download.value).path()).read_text("utf-8-sig"))))
    assert len(rows) == 3
    assert {row[0] for row in rows[1:]} == {codes[0]}


async def test_trends_can_be_read_as_a_table_that_no_news_closes(visit: Visit) -> None:
    assert (await visit.shop.redeem(await visit.coupon())).status_code == 201
    owner, news, opened = await visit.signed_in("Lan", "/redemptions?view=trends"), asyncio.Event(), asyncio.Event()
    await expect(owner.locator("#live")).to_have_attribute("data-on-air", "true")

    async def holds(route: Route) -> None:
        news.set()
        await opened.wait()
        await route.continue_()

    await owner.route("**/redemptions/trends*", holds)
    more = {"secret": visit.shop.secrets["An"], "key": "more", "body": {"code": await visit.coupon()}}
    assert (await visit.house.server.ask("POST", "redemptions", **more)).status == 201  # the house itself: it tells the page
    async with asyncio.timeout(60):
        await news.wait()
    await expect(owner.locator("#trends svg").first).to_be_visible()
    await owner.locator("#trends summary").first.click()
    async with owner.expect_response("**/redemptions/trends*") as drawn:
        opened.set()
    await (await drawn.value).finished()
    await owner.evaluate("() => new Promise(done => setTimeout(done))")
    await expect(owner.locator("#trends table").first).to_be_visible()
    await owner.unroute_all(behavior="wait")


async def test_a_cashier_has_no_pages_and_a_stranger_is_asked_who_they_are(visit: Visit) -> None:
    page = await visit.counter("An")
    for path in ("/redemptions", "/staff", "/counters", "/account"):
        await page.goto(path)
        await expect(page).to_have_url(re.compile("/sign-in"))
