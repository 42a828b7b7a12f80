"""Who is on a browser: signing in with password and passkey, making a browser a counter, a name and a PIN at it."""

import asyncio
import re

from playwright.async_api import Page, Route, expect
from visits import DESKTOP, Visit, sees, types

from app.desk import people

PASSWORD, PIN = "three warm croissants", "2580"


async def sets_up(visit: Visit, who: str) -> Page:
    """Somebody opens the link of their invitation and sets what they sign in with."""
    staff = visit.shop.staff[who]
    owner = await visit.member("Lan")
    _, secret = await people.new_link(visit.shop.desk, owner, staff.id)
    page = await visit.browser(size=DESKTOP)
    await page.goto(f"/invite/{secret}")
    if await page.locator("#email").count():
        await page.fill("#email", f"{staff.id}@example.com")
        await page.fill("#password", PASSWORD)
    await page.fill("#pin", PIN)
    await page.locator("main form button[type=submit]").click()
    return page


async def forgets(page: Page) -> None:
    """The browser loses its cookies. Nothing may be on its way then: an answer would bring one back."""
    await page.goto("about:blank")
    await page.context.clear_cookies()


async def test_an_owner_signs_in_with_a_password_then_with_a_passkey(visit: Visit) -> None:
    page = await sets_up(visit, "Lan")
    await expect(page).to_have_url(re.compile("/redemptions"))
    await forgets(page)
    await page.goto("/account")
    await expect(page).to_have_url(re.compile("/sign-in"))
    await page.fill("#email", f"{visit.shop.staff['Lan'].id}@example.com")
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await expect(page).to_have_url(re.compile("/account"))

    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    await page.fill("#passkey-name", "Lan's laptop")
    await page.click("form[data-passkey=create] button[type=submit]")
    await expect(page.get_by_role("rowheader", name="Lan's laptop")).to_be_visible()
    await forgets(page)
    await page.goto("/sign-in?to=/account")
    await page.click("form[data-passkey=get] button[type=submit]")
    await expect(page).to_have_url(re.compile("/account$"))


async def test_a_wrong_password_and_an_address_of_nobody_look_the_same(visit: Visit) -> None:
    await sets_up(visit, "Lan")
    page = await visit.browser(size=DESKTOP)
    said = []
    for address in (f"{visit.shop.staff['Lan'].id}@example.com", "nobody@example.com"):
        await page.goto("/sign-in")
        await page.fill("#email", address)
        await page.fill("#password", "four cold croissants")
        await page.press("#password", "Enter")
        said.append(await page.locator(".notice").inner_text())
        await expect(page.locator("#email")).to_have_value(address)
    assert said[0] == said[1]


async def test_an_owner_makes_a_browser_a_counter_with_a_link_that_works_once_and_revokes_it(visit: Visit) -> None:
    await sets_up(visit, "An")
    owner = await visit.signed_in("Lan", "/counters")
    await owner.get_by_role("button", name="Add a counter").click()
    form = owner.locator("#make")
    await form.get_by_label("Name").fill("Till by the door")
    await form.get_by_role("button", name="Make a link for another device").click()
    link = await owner.locator("#link").input_value()

    till, late = await visit.browser(), await visit.browser()
    await till.goto(link)
    await till.locator("main form[action^='/enrol'] button").click()
    await expect(till.get_by_text("Who is at the counter?")).to_be_visible()
    answer = await late.goto(link)
    assert answer is not None
    assert answer.status >= 400

    await till.get_by_role("radio", name="An").check()
    await till.fill("#pin", PIN)
    await till.press("#pin", "Enter")
    await expect(till.locator("#counter")).to_be_visible()
    await till.wait_for_load_state()
    code = await visit.coupon()
    await types(till, code)
    await sees(till, "given", code)

    await owner.goto("/counters")
    row = owner.get_by_role("row", name=re.compile("Till by the door"))
    await expect(row).to_contain_text("Bến Thành")
    await row.get_by_role("button").click()
    await owner.get_by_role("button", name="Revoke Till by the door").click()
    await expect(owner.get_by_role("row", name=re.compile("Till by the door"))).to_have_count(0)
    another = await visit.coupon()
    await types(till, another)
    await expect(till.locator("#counter")).to_have_count(0)
    assert await visit.history(another) == []


async def test_five_wrong_pins_lock_a_name_until_a_manager_unlocks_it(visit: Visit) -> None:
    await sets_up(visit, "An")
    till = await visit.counter("")
    for wrong in range(5):
        await till.get_by_role("radio", name="An").check()
        await till.fill("#pin", f"13{wrong}9")
        await till.press("#pin", "Enter")
        await expect(till.locator("#pin")).to_have_value("")
        await expect(till.locator("form[data-who]")).not_to_have_attribute("aria-busy", "true")
    await expect(till.get_by_role("radio", name="An")).to_be_disabled()
    await expect(till.locator("[data-pad]")).to_be_hidden()

    manager = await visit.signed_in("Minh", "/staff")
    await manager.get_by_role("button", name="Change An", exact=True).click()
    await manager.get_by_role("button", name="Unlock the PIN").click()
    await till.goto("/counter")
    await till.get_by_role("radio", name="An").check()
    await till.fill("#pin", PIN)
    await till.press("#pin", "Enter")
    await expect(till.locator("#counter")).to_be_visible()
    await till.wait_for_load_state()
    await till.click("#switch")
    await expect(till.get_by_text("Who is at the counter?")).to_be_visible()


async def test_digits_that_are_typed_while_a_wrong_pin_is_answered_are_the_next_try(visit: Visit) -> None:
    await sets_up(visit, "An")
    till, answering = await visit.counter(""), asyncio.Event()

    async def slowly(route: Route) -> None:
        await answering.wait()
        await route.continue_()

    await till.route("**/counter/person", slowly)
    await till.get_by_role("radio", name="An").check()
    await till.fill("#pin", "1399")
    await till.press("#pin", "Enter")
    await till.locator("#pin").press_sequentially(PIN)
    answering.set()
    await expect(till.locator("[data-said]")).not_to_be_empty()
    await till.press("#pin", "Enter")
    await expect(till.locator("#counter")).to_be_visible()


async def test_a_cashier_who_is_suspended_is_away_at_the_next_scan(visit: Visit) -> None:
    page = await visit.counter("An")
    owner = await visit.signed_in("Lan", "/staff")
    await owner.get_by_role("button", name="Change An", exact=True).click()
    await owner.get_by_role("button", name="Suspend An").click()
    await expect(owner.get_by_role("row", name=re.compile("^An"))).to_contain_text("Suspended", ignore_case=True)
    code = await visit.coupon()
    await types(page, code)
    await expect(page.locator("#counter")).to_have_count(0)
    assert await visit.history(code) == []
