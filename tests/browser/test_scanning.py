"""A code comes to the counter: by camera, hardware scanner, photo, or by hand."""

import camera
from playwright.async_api import expect
from visits import Visit, camera_is_on, scans, sees, types

UNTOUCHED = """window.shaken = 0; navigator.vibrate = () => ++shaken;
    Object.defineProperty(navigator, "userActivation", {value: {hasBeenActive: false}})"""
"""A browser that counts how often it vibrates, and does not take our looking at it for somebody's touch."""


async def test_a_code_on_a_phone_is_redeemed_as_soon_as_the_camera_sees_it(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An")
    await camera_is_on(page)
    visit.camera.sees(camera.on_a_screen(code))
    await sees(page, "given", "Free cookie", "Press FREE COOKIE", code)
    (redemption,) = await visit.redemptions(code)
    assert redemption.channel == "camera"


async def test_a_printed_code_is_read_askew_in_bad_light(visit: Visit) -> None:
    code = await visit.coupon()
    visit.camera.sees(camera.printed(code))
    page = await visit.counter("An")
    await sees(page, "given", code)


async def test_a_code_that_is_held_there_counts_once_and_the_next_one_is_taken_at_once(visit: Visit) -> None:
    first, second = await visit.coupon(), await visit.coupon("coffee")
    visit.camera.sees(camera.on_a_screen(first))
    page = await visit.counter("An")
    await sees(page, "given", "Free cookie", first)
    visit.camera.sees(camera.on_a_screen(second))
    await sees(page, "given", "Free coffee", second)
    visit.camera.sees(camera.on_a_screen(first))  # the phone is still lying there
    third = await visit.coupon()
    await types(page, third)
    await sees(page, "given", third)
    assert len(await visit.history(first)) == 1
    assert len(await visit.history(second)) == 1


async def test_of_two_vouchers_in_view_only_the_one_in_the_middle_is_meant(visit: Visit) -> None:
    middle, beside = await visit.coupon(), await visit.coupon()
    visit.camera.sees(camera.sheet((middle, beside)))
    page = await visit.counter("An", open_=False)
    await page.add_init_script(UNTOUCHED)
    await page.goto("/counter")
    await sees(page, "given", middle)
    assert await page.evaluate("shaken") == 0, "browsers complain of who vibrates before anybody touched the page"
    await page.evaluate("navigator.userActivation.hasBeenActive = true")
    third = await visit.coupon()
    await types(page, third)  # meanwhile the camera has seen both many times
    await sees(page, "given", third)
    assert await page.evaluate("shaken") == 1
    assert await visit.history(beside) == []
    visit.camera.sees(camera.on_a_screen(beside))
    await sees(page, "given", beside)


async def test_a_code_may_be_typed_sloppily(visit: Visit) -> None:
    page = await visit.counter("An")
    for sloppily in (str.lower, lambda code: code.replace("-", ""), lambda code: f"  {code.replace('-', ' ')} "):
        code = await visit.coupon()
        await types(page, sloppily(code))
        await sees(page, "given", code)
        (redemption,) = await visit.redemptions(code)
        assert redemption.channel == "typed"


async def test_a_code_typed_by_hand_arrives_whole_wherever_the_focus_is(visit: Visit) -> None:
    page = await visit.counter("An")
    for before in ("", "K7Q"):
        code = await visit.coupon()
        await page.fill("#code", before)
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.type(code, delay=60)  # as fast as anybody, slower than a scanner
        await expect(page.locator("#code")).to_have_value(code)
        await page.keyboard.press("Enter")
        await sees(page, "given", code)


def caps_lock(char: str) -> str:
    return char.swapcase()


def french(char: str) -> str:
    """What an AZERTY keyboard makes of an American scanner's keys."""
    pressed, seen = "1234567890-QAWZM", "&é\"'(-è_çà)AQZW,"
    return dict(zip(pressed, seen, strict=True)).get(char, char)


async def test_a_hardware_scanner_types_wherever_the_focus_is(visit: Visit) -> None:
    page = await visit.counter("An")
    for layout in (str, caps_lock, french):
        code = await visit.coupon()
        await page.focus("#mute")
        await scans(page, code, arrives=layout)
        await sees(page, "given", code)
        (redemption,) = await visit.redemptions(code)
        assert redemption.channel == "scanner"
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "false")


async def test_a_scanner_that_says_its_alphabet_first_is_understood(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An")
    await page.focus("#code")
    await scans(page, rf"\000001{code}")
    await sees(page, "given", code)
    await expect(page.locator("#code")).to_have_value("")


async def test_where_the_camera_is_not_allowed_a_photo_does(visit: Visit) -> None:
    code = await visit.coupon()
    page = await visit.counter("An", open_=False, permissions=[])
    await page.add_init_script("navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))")
    await page.goto("/counter")
    await expect(page.locator("#camera")).to_have_attribute("data-state", "blocked")
    await expect(page.get_by_text("The camera is not allowed")).to_be_visible()
    picture = camera.photo(camera.printed(code))
    await page.set_input_files("#photo", {"name": "code.jpg", "mimeType": "image/jpeg", "buffer": picture})
    await sees(page, "given", code)
    (redemption,) = await visit.redemptions(code)
    assert redemption.channel == "photo"
