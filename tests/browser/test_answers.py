"""The answer owns the screen: what to give, or why not, and what can be done about it."""

from datetime import timedelta

from playwright.async_api import expect
from visits import DESKTOP, PHONE, SMALLEST, Visit, sees, types

from app import world
from passes import codes
from passes.coupons import Reversal


async def test_a_used_code_says_when_where_and_by_whom(visit: Visit) -> None:
    code = await visit.coupon()
    assert (await visit.shop.redeem(code, who="Bình")).status_code == 201
    page = await visit.counter("An", where="Thảo Điền")
    await types(page, code)
    await sees(page, "refused", "Bến Thành", "Bình", "today")
    await expect(page.locator("#code")).to_have_value(code)


async def test_a_late_coupon_is_honoured_with_a_reason_by_who_may(visit: Visit) -> None:
    code = await visit.coupon(expires_at=world.now() - timedelta(days=1))
    cashier, manager = await visit.counter("An"), await visit.counter("Minh")
    await types(cashier, code)
    await sees(cashier, "decide", "You cannot honour it")
    await types(manager, code)
    await sees(manager, "decide")
    await manager.click("[data-reason='Our mistake']")
    await manager.click("[data-action=honour]")
    await sees(manager, "given", "Honoured", "Our mistake")
    (goodwill,) = await visit.redemptions(code)
    assert (goodwill.kind, goodwill.reason) == ("goodwill", "Our mistake")


async def test_at_the_wrong_place_the_right_one_is_named(visit: Visit) -> None:
    await visit.shop.change_offer("cookie", locations=(visit.shop.locations["Thảo Điền"].id,))
    code = await visit.coupon()
    page = await visit.counter("An")
    await types(page, code)
    await sees(page, "refused", "Thảo Điền")
    assert await visit.redemptions(code) == []


async def test_one_wrong_character_is_told_apart_from_a_code_that_nobody_knows(visit: Visit) -> None:
    page = await visit.counter("An")
    code = await visit.coupon()
    wrong = ("2" if code[0] != "2" else "3") + code[1:]
    await types(page, wrong)
    await expect(page.locator("#answer .panel")).to_have_attribute("data-word", "mistyped_code")
    await expect(page.locator("#code")).to_have_value(wrong)
    unknown = codes.group(codes.mint(visit.shop.desk.world.pick))
    await types(page, unknown)
    await expect(page.locator("#answer .panel")).to_have_attribute("data-word", "unknown_code")


async def test_a_redemption_is_undone_and_the_coupon_works_again(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An")
    await types(page, code)
    await sees(page, "given", code)
    await page.click("[data-action=undo]")
    await sees(page, "card", "Taken back")
    assert [type(one) for one in await visit.history(code)][-1] is Reversal
    await types(page, code)
    await sees(page, "given", code)
    await page.click("#last")
    await sees(page, "card", "My last ten", code)
    await page.locator("#answer [data-action=undo]").first.click()
    await sees(page, "card", "Taken back")


async def test_a_card_without_a_reward_shows_its_progress_and_gets_a_stamp_with_one_tap(visit: Visit) -> None:
    card = await visit.shop.join("Hoa")
    page = await visit.counter("An")
    await types(page, card["number"])
    await sees(page, "card", "Hoa", "0 of 5 stamps")
    await page.click("[data-action=earn]")
    await sees(page, "card", "1 of 5 stamps", "Added: 1")


async def test_several_rewards_that_are_ready_are_big_buttons(visit: Visit) -> None:
    card = (await visit.shop.stamp(await visit.shop.join("Hoa"), 10))["card"]
    page = await visit.counter("An")
    await types(page, card["number"])
    rewards = page.locator("[data-action=reward]")
    await expect(rewards).to_have_count(2)
    for box in [await rewards.nth(place).bounding_box() for place in range(2)]:
        assert box is not None
        assert box["height"] >= 52
    await rewards.filter(has_text="Free coffee").click()
    await sees(page, "given", "Free coffee", "Hoa", "Also ready on this card", "Free cookie")


async def test_a_customer_with_a_dead_phone_is_found_by_name(visit: Visit) -> None:
    await visit.shop.card_with_cookie("Nguyễn Thị Hoa")
    page = await visit.counter("An")
    await page.click("#find-open")
    await page.fill("#sought", "thi h")
    await page.press("#sought", "Enter")
    await page.get_by_role("button", name="Nguyễn Thị Hoa").click()
    await sees(page, "card", "Nguyễn Thị Hoa", "Ready to redeem")
    await page.click("[data-action=reward]")
    await sees(page, "given", "Free cookie")


async def test_a_manager_puts_a_coupon_on_a_card_as_compensation(visit: Visit) -> None:
    card = await visit.shop.join("Hoa")
    page = await visit.counter("Minh")
    await types(page, card["number"])
    await page.get_by_text("Give a coupon as compensation").click()
    await page.get_by_label("What").select_option(label="Free coffee")
    await page.get_by_label("Why").fill("The milk was sour")
    await page.click("[data-action=compensate]")
    await sees(page, "card", "Issued: Free coffee", "Ready to redeem")


async def test_a_shop_that_asks_first_redeems_at_a_tap(visit: Visit) -> None:
    await visit.rule(asks_first=True)
    code = await visit.coupon()
    page = await visit.counter("An")
    await types(page, code)
    await sees(page, "decide", "Free cookie", "Ready to redeem")
    assert await visit.redemptions(code) == []
    await page.click("[data-action=redeem]")
    await sees(page, "given", code)


async def test_a_whole_redemption_is_done_by_keyboard_alone(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An", size=DESKTOP)
    await expect(page.locator("#code")).to_be_focused()
    await page.keyboard.type(code.lower(), delay=50)
    await page.keyboard.press("Enter")
    await sees(page, "given", code)
    focused = page.locator("[data-action=undo]:focus")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await focused.count():
            break
    outline = await focused.evaluate("it => getComputedStyle(it).outlineStyle + getComputedStyle(it).boxShadow")
    assert outline != "nonenone"
    await page.keyboard.press("Enter")
    await sees(page, "card", "Taken back")


async def test_the_counter_speaks_the_language_of_who_stands_there(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An", locale="vi-VN", size=PHONE)
    await types(page, code)
    await sees(page, "given", "Bánh quy miễn phí", "Bấm BÁNH QUY MIỄN PHÍ")
    await expect(page.locator("html")).to_have_attribute("lang", "vi")


async def test_on_a_phone_an_answer_begins_at_its_top_and_no_keyboard_covers_it(visit: Visit) -> None:
    page = await visit.counter("Minh", size=SMALLEST, has_touch=True, is_mobile=True)
    await page.locator("#code").tap()
    await types(page, await visit.coupon(expires_at=world.now() - timedelta(days=1)))
    await sees(page, "decide", "Expired")
    await page.evaluate("scrollTo(0, 9999)")
    assert await page.evaluate("scrollY") > 0
    await types(page, "K7Q-M4X-RT9")
    await sees(page, "refused", "One character is wrong")
    assert await page.evaluate("scrollY") == 0
    await expect(page.locator("#code")).not_to_be_focused()
    await page.locator("#code").tap()
    await page.evaluate("() => new Promise(done => setTimeout(done))")  # the selection comes after the tap
    await page.keyboard.type("4711")
    await expect(page.locator("#code")).to_have_value("4711")
