"""The network breaks, or two come at once: what the screen says is what happened."""

import time
from collections.abc import Callable

import camera
import pytest
from browsers import RESULT
from playwright.async_api import expect
from visits import Visit, camera_is_on, sees, types
from wire import wire_to

from passes.coupons import Refusal

BROKEN = (
    "ERR_(EMPTY_RESPONSE|CONNECTION_(RESET|CLOSED|REFUSED)|INTERNET_DISCONNECTED|SOCKET_NOT_CONNECTED)"
    "|error occurred when fetching the script"  # of the service worker, if it had not come yet
)


async def test_two_counters_that_see_one_coupon_at_once_give_it_once(visit: Visit) -> None:
    code = await visit.coupon()
    pages = [await visit.counter("An"), await visit.counter("Bình", where="Thảo Điền")]
    for page in pages:
        await camera_is_on(page)
    visit.camera.sees(camera.on_a_screen(code))
    for page in pages:
        await expect(page.locator('#counter[data-state="ready"] #answer .panel')).to_be_visible()
    tones = sorted([await page.locator("#answer .panel").get_attribute("data-tone") or "" for page in pages])
    assert tones == ["given", "refused"]
    assert len(await visit.redemptions(code)) == 1
    (refusal,) = [one for one in await visit.history(code) if isinstance(one, Refusal)]
    assert refusal.word == "already_redeemed"


async def test_without_a_network_nothing_is_given_and_later_it_is_redeemed_by_itself(
    visit: Visit, record_property: Callable[[str, object], None]
) -> None:
    code = await visit.coupon()
    page = await visit.counter("An")
    visit.forgive(BROKEN)
    await page.context.set_offline(True)
    start = time.monotonic()
    await types(page, code)
    await sees(page, "unsent", "Not redeemed")
    record_property(RESULT, f"name=unsent_said_ms value={1000 * (time.monotonic() - start):.0f} goal=2000")
    assert await visit.history(code) == []
    await page.context.set_offline(False)
    await sees(page, "given", code)
    assert len(await visit.redemptions(code)) == 1


@pytest.mark.parametrize("used_before", [False, True])
async def test_an_answer_that_is_lost_on_the_way_is_asked_for_again_and_is_the_true_one(visit: Visit, used_before) -> None:
    code = await visit.coupon()
    if used_before:
        assert (await visit.shop.redeem(code)).status_code == 201
    visit.forgive(BROKEN)
    async with wire_to(visit.house.server.port) as wire:
        page = await visit.counter("Bình", url=wire.url)
        wire.loses = b"POST /counter/present"
        await types(page, code)
        await wire.lost.wait()
        await sees(page, "refused" if used_before else "given", code)
        await page.context.close()
    assert len(await visit.redemptions(code)) == 1


async def test_a_cable_that_is_pulled_while_the_answer_is_awaited_loses_nothing(visit: Visit) -> None:
    code = await visit.coupon()
    visit.forgive(BROKEN)
    async with wire_to(visit.house.server.port) as wire:
        page = await visit.counter("An", url=wire.url)
        await expect(page.locator("#camera[data-scanner=ready]")).to_be_attached()
        wire.pull()
        await types(page, code)
        await sees(page, "unsent", "Not redeemed")
        wire.mend()
        await sees(page, "given", code)
        await page.context.close()
    assert len(await visit.redemptions(code)) == 1


async def test_who_stops_trying_is_told_that_nobody_knows_and_presents_again_later(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An")
    visit.forgive(BROKEN)
    await page.context.set_offline(True)
    await types(page, code)
    await page.click("[data-action=stop]")
    await sees(page, "unsent", "Not confirmed")
    await page.context.set_offline(False)
    await types(page, code)
    await sees(page, "given", code)


async def test_a_scanner_that_could_not_be_had_is_tried_again_and_nothing_is_complained_of(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An", open_=False)
    visit.forgive("ERR_FAILED")
    await page.route("**/zxing_reader.wasm", lambda route: route.abort(), times=1)
    await page.goto("/counter")
    await expect(page.locator("#camera[data-scanner=broken]")).to_be_attached()
    await camera_is_on(page)
    visit.camera.sees(camera.on_a_screen(code))
    await sees(page, "given", code)


async def test_a_code_that_is_typed_before_the_page_is_ready_stands_in_no_address(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An", open_=False)
    visit.forgive("ERR_FAILED")
    await page.route("**/static/counter.js", lambda route: route.abort())
    await page.goto("/counter")
    await types(page, code)
    await expect(page.locator("#code")).to_have_value(code)
    assert page.url == f"{visit.house.url}/counter"
