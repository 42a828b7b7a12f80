"""A phone scans the poster: from the page to the card, on one screen, within seconds, with scripts and without."""

import re
import time
from collections.abc import Callable

import pytest
from browsers import RESULT
from msgspec.structs import replace
from playwright.async_api import Page, expect
from visits import PHONE, Visit

from passes.programs import Asks

LIMIT = 15.0


async def joins(page: Page, visit: Visit, name: str) -> float:
    """Somebody joins by the program's page; the seconds from opening it to seeing the card."""
    begun = time.monotonic()
    await page.goto(f"/join/{visit.shop.program.id}")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("E-mail address").fill(f"{name.lower()}@example.com")
    await page.get_by_role("button", name="Get the card").click()
    await expect(page.get_by_role("heading", name=f"Welcome, {name}!")).to_be_visible()
    await expect(page.locator(".wc-code svg")).to_be_visible()
    await page.wait_for_load_state()
    return time.monotonic() - begun


async def test_a_phone_joins_on_one_screen_and_the_card_fills_by_itself(
    visit: Visit, record_property: Callable[[str, object], None]
) -> None:
    shop = visit.shop
    asking = replace(shop.program, asks=Asks(email="optional"))
    assert await shop.desk.store.revise([(shop.program, asking)])
    page = await visit.browser(size=PHONE)
    await page.goto(f"/join/{shop.program.id}")
    button = await page.get_by_role("button", name="Get the card").bounding_box()
    assert button is not None
    assert button["y"] + button["height"] <= PHONE[1], "all that is needed is on the first screen"
    took = await joins(page, visit, "Hoa")
    record_property(RESULT, f"from the poster to the card: {took:.1f} s (limit {LIMIT:.0f} s, and the fingers of a person)")
    assert took < LIMIT
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    (card, _), *_ = await shop.desk.store.find_cards(shop.business.id, "Hoa")
    await shop.stamp({"id": str(card.id)}, 5)
    await expect(page.locator("[data-live]")).to_contain_text("Free cookie")
    await expect(page.locator('[data-line="progress"] dd')).to_have_text("5/10")

    plain = await visit.browser(size=PHONE, java_script_enabled=False)
    await joins(plain, visit, "Mai")


@pytest.mark.parametrize("locale", ["vi-VN"])
async def test_a_reward_used_alone_counts_down_to_its_end(visit: Visit, locale: str) -> None:
    shop = visit.shop
    await shop.change_offer("cookie", alone=True, alone_minutes=5)
    card = await shop.card_with_cookie()
    (held, _), *_ = await shop.desk.store.find_cards(shop.business.id, "Hoa")
    page = await visit.browser(size=PHONE, locale=locale)
    await page.goto(f"/c/{held.key}")
    await page.get_by_role("link", name="Dùng ngay").click()
    await page.get_by_label("Bạn đang ở đâu?").select_option(label="Bến Thành")
    await page.get_by_role("button", name="Dùng ngay").click()
    count = page.locator("[data-count]")
    await expect(count).to_have_text(re.compile(r"^(5:00|4:\d\d)$"))
    await expect(count).not_to_have_text(await count.inner_text())
    assert (await shop.redeem(card["ready"][0]["shown"])).status_code == 409
