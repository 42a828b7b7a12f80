"""Counters without staff: the kiosk faces the customer, the autopilot has a scanner and nobody who looks at it."""

import camera
from playwright.async_api import expect
from visits import TABLET, Visit, camera_is_on, scans, sees, types

from passes import codes


async def test_at_a_kiosk_a_customer_sees_their_own_card_and_uses_a_reward(visit: Visit) -> None:
    await visit.shop.change_offer("cookie", at_kiosk=True)
    card = await visit.shop.card_with_cookie("Hoa")
    page = await visit.counter(kind="kiosk", size=TABLET)
    await camera_is_on(page)
    visit.camera.sees(camera.on_a_screen(card["number"]))
    await sees(page, "card", "Hoa", "of 10 stamps", "Free cookie")
    await page.click("[data-action=reward]")
    await sees(page, "given", "Free cookie")
    (redemption,) = await visit.redemptions(card["ready"][0]["shown"])
    assert redemption.counter_id == visit.enrolled.counter.id
    visit.camera.sees_nothing()
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_text("Hold your card to the camera")).to_be_visible()


async def test_what_only_staff_can_give_is_not_used_up_at_a_kiosk(visit: Visit) -> None:
    code = await visit.coupon("coffee")
    page = await visit.counter(kind="kiosk")
    await types(page, code)
    await sees(page, "decide", "Given by our staff")
    assert await visit.redemptions(code) == []


async def test_a_kiosk_neither_searches_people_nor_adds_stamps(visit: Visit) -> None:
    card = await visit.shop.join("Hoa")
    page = await visit.counter(kind="kiosk")
    await expect(page.locator("#find-open, #last, #switch")).to_have_count(0)
    statuses = await page.evaluate(
        """async (card) => {
            const token = document.querySelector('meta[name="csrf"]').content;
            const ask = (url, body) => fetch(url, {method: "POST", body: JSON.stringify(body), headers: {
                "X-CSRFToken": token, "X-Fragment": "1", "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID()}});
            const asked = [["/counter/find", {text: "Hoa"}], [`/counter/earn/${card}`, {count: 1}], ["/counter/last", {}]];
            return Promise.all(asked.map(async ([url, body]) => (await ask(url, body)).status));
        }""",
        card["id"],
    )
    assert statuses == [403, 403, 403]


async def test_an_autopilot_adds_a_stamp_or_redeems_and_sounds_tell(visit: Visit) -> None:
    card, code = await visit.shop.join("Hoa"), await visit.coupon()
    page = await visit.counter(kind="autopilot", open_=False)
    await page.add_init_script(
        "window.heard = []; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (...when) { window.heard.push(this.frequency.value); return start.apply(this, when); };"
    )
    await page.goto("/counter")
    await scans(page, card["number"])
    await sees(page, "card", "Added: 1")
    await scans(page, code)
    await sees(page, "given", code)
    heard = await page.evaluate("window.heard")
    assert len(heard) >= 2
    await scans(page, codes.mint(visit.shop.desk.world.pick))
    await sees(page, "refused")
    refused = (await page.evaluate("window.heard"))[len(heard) :]
    assert refused
    assert refused != heard[-len(refused) :]
