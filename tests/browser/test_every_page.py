"""Every page and every answer: no violation of WCAG 2.2 AA, on phone, tablet and desktop, by day and by night; nothing sticks out."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.async_api import Page, Route, expect
from visits import DESKTOP, PHONE, SMALLEST, TABLET, Visit, sees, types

from app import world
from app.desk import enrolment, people, test_mode, webhooks
from app.errands import Errands
from passes import codes
from passes.programs import Asks

pytestmark = pytest.mark.long
SCREENS = [(PHONE, "light"), (PHONE, "dark", "color-contrast"), (TABLET, "dark"), (DESKTOP, "dark", "color-contrast"), (DESKTOP, "light")]
"""Size and scheme; where nothing is another than in the other scheme but the colours, only these are judged again."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"], preload: false}).then(({violations}) => violations.map(
    ({id, nodes}) => `${id}: ` + nodes.map(({html, failureSummary}) => `${html} (${failureSummary})`).join("\\n    ")))"""
QUOTED = """() => [...document.querySelectorAll("body *")].filter(it => [...it.attributes].some(({value}) => value.startsWith('"')))
    .map(it => `escaped twice: ${it.outerHTML.slice(0, 120)}`)"""
STICKS_OUT = """() => document.documentElement.scrollWidth <= innerWidth ? [] : ["too wide", ...[...document.querySelectorAll("body *")]
    .filter(it => it.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(it => it.outerHTML.slice(0, 120))]"""


async def looks_right(page: Page, axe: str, what: str, *, screens: list[Any] = SCREENS, at_work: bool = False) -> list[str]:
    """What is wrong with the page, on each screen; and at 320 pixels, which is also 200 % of 640.

    It is looked at when it stands still, not while long work is about to lead to the next page; ``at_work``: it is held there.
    """
    wrong: list[str] = []
    if not at_work:
        await expect(page.locator("[data-then]")).to_have_count(0)
    await page.wait_for_load_state()  # whoever pressed a button may see the words of the next page before its colours
    await page.evaluate("async () => void await document.fonts.ready")  # other letters are wider
    if not await page.evaluate("() => 'axe' in window"):  # what it has compiled already is three times as fast
        await page.evaluate(axe)
    for (width, height), scheme, *rules in screens:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme)
        found = await page.evaluate(RUN, rules or RULES)
        wrong += [f"{what}, {width} {scheme}: {one}" for one in found]
    await page.set_viewport_size({"width": SMALLEST[0], "height": SMALLEST[1]})
    wrong += [f"{what}, {SMALLEST[0]}: {one}" for one in await page.evaluate(STICKS_OUT)]
    return wrong + [f"{what}: {one}" for one in await page.evaluate(QUOTED)]


async def fill(visit: Visit) -> dict[str, str]:
    """A week of a shop: something of everything. The codes that a counter may be shown."""
    shop = visit.shop
    used = await visit.coupon()
    assert (await shop.redeem(used, who="Bình")).status_code == 201
    assert (await shop.redeem(used)).status_code == 409
    taken_back = (await shop.redeem(await visit.coupon())).json()["redemption"]["id"]
    assert (await shop.post(f"redemptions/{taken_back}/reversal", {"reason": "wrong order"})).status_code == 201
    await shop.change_offer("coffee", locations=(shop.locations["Thảo Điền"].id,))
    card = await shop.card_with_cookie("Nguyễn Thị Ngọc Hoa")
    return {
        "fresh": await visit.coupon(),
        "used": used,
        "expired": await visit.coupon(expires_at=world.now() - timedelta(days=1)),
        "elsewhere": await visit.coupon("coffee"),
        "not yet": await visit.coupon(valid_from=world.now() + timedelta(days=1)),
        "voided": await visit.coupon(state="voided", voided_at=world.now()),
        "unknown": codes.mint(shop.desk.world.pick),
        "mistyped": "K7Q-M4X-RT9",
        "card": card["number"],
        "redemption": taken_back,
    }


async def hooked(visit: Visit) -> str:
    """The page of an address that is told little, with something that it did not take."""
    shop, store = visit.shop, visit.shop.desk.store
    url = f"https://till.example/{'a-long-way-to-the-place-' * 5}"
    wanted = webhooks.Wanted(url=url, types=("campaign.finished",), description="Books")
    made = await webhooks.make(shop.desk, shop.business.id, shop.staff["Lan"].id, wanted)
    ((place, event),) = await store.happened(shop.business.id, limit=1)
    sent = webhooks.message(shop.desk.world, made, place, event, (await store.about([event]))[event.id])
    await shop.desk.commit(world.now(), rows=(replace(sent, state="failed", status=500, said="x" * 300, tries=17, tried_at=world.now()),))
    return f"/webhooks/{made.id}"


async def tried(visit: Visit) -> None:
    """A test key made somebody up, and presented what is nobody's."""
    shop, till = visit.shop, "Till to try things out with"
    await shop.hand_out(till, test=True)
    program_id = str(test_mode.again(test_mode.twin_of(shop.business.id), shop.program.id))
    assert (await shop.post("join", {"program_id": program_id, "name": "Nobody In Particular"}, who=till)).status_code == 201
    assert (await shop.redeem(codes.mint(shop.desk.world.pick), who=till)).status_code == 404


async def test_pages_of_owners(visit: Visit, axe: str) -> None:
    await fill(visit)
    await tried(visit)
    (story,) = {str(one.coupon_id) for one in await visit.past() if one.status == "reversed"}
    wrong = []
    page = await visit.signed_in()
    paths = (
        "/redemptions",
        "/redemptions?view=trends",
        "/insight",
        f"/insight/staff/{visit.shop.staff['An'].id}",
        f"/redemptions/coupons/{story}",
        "/staff",
        "/counters",
        "/keys",
        "/keys/new",
        "/keys/test-mode",
        "/webhooks",
        "/webhooks/new",
        await hooked(visit),
        "/api/scenarios",
        "/account",
        "/nowhere",
        "/problems",
        "/problems/idempotency_key_in_flight",
    )
    for path in (*paths, f"/programs/{visit.shop.program.id}/design"):
        await page.goto(path)
        wrong += await looks_right(page, axe, path)
    await page.goto("/keys")
    await page.get_by_role("button", name="Change").first.click()
    wrong += await looks_right(page, axe, "what can be changed in a key", screens=[(PHONE, "light"), (DESKTOP, "dark")])
    await page.get_by_role("button", name="Make a new secret").locator("visible=true").click()
    await expect(page.get_by_label("Secret", exact=True)).to_have_value(re.compile("^cp_live_"))
    wrong += await looks_right(page, axe, "the secret of a key", screens=[(PHONE, "light"), (DESKTOP, "dark")])
    assert not wrong, "\n".join(wrong)


async def test_pages_of_coupons(visit: Visit, axe: str) -> None:
    shop, wrong = visit.shop, list[str]()
    await shop.card_with_cookie("Nguyễn Thị Ngọc Hoa")
    page = await visit.signed_in()

    async def state(what: str, *, at_work: bool = False) -> None:
        wrong.extend(await looks_right(page, axe, what, screens=[(PHONE, "light"), (DESKTOP, "dark")], at_work=at_work))

    looked_at = asyncio.Event()

    async def holds(route: Route) -> None:
        await looked_at.wait()
        await route.continue_()

    async def work() -> None:
        while await Errands(shop.desk).step():
            pass

    await page.goto("/coupons")
    await page.fill("#q", "hoa")
    await page.get_by_role("button", name="Find").click()
    await page.wait_for_url("**/coupons/find")
    await state("a customer to give one to")
    await page.route("**/errands/*", holds)
    await page.goto("/coupons/print")
    await page.get_by_role("button", name="Make the coupons").click()
    await page.wait_for_url(lambda url: not url.endswith("/coupons/print"))  # or the form would be judged until it goes
    await state("coupons that are being made", at_work=True)
    looked_at.set()
    await work()
    await page.get_by_role("link", name="PDF: 1 to 80").wait_for()  # the page follows by itself
    await state("coupons to print")
    await page.goto("/coupons/import")
    lines = "\n".join(["code,valid until", *(f"TILL{number:04},2037-01-31" for number in range(30)), "", "TILL0003"])
    await page.set_input_files("#file", files=[{"name": "codes.csv", "mimeType": "text/csv", "buffer": lines.encode()}])
    await page.get_by_role("button", name="Read the file").click()
    await page.get_by_role("button", name="Import 30 codes").wait_for()
    await state("codes before they are imported")
    await page.get_by_role("button", name="Import 30 codes").click()
    await work()
    await page.get_by_text("Finished:").wait_for()
    await state("imported codes")
    await page.goto("/coupons")
    await page.locator("tbody a").first.click()
    await page.get_by_role("link", name="Cancel it, or make").click()
    await page.wait_for_url("**/change")
    await state("a coupon to cancel")
    assert not wrong, "\n".join(wrong)


async def test_pages_before_anybody_is_known(visit: Visit, axe: str) -> None:
    owner = await visit.member("Lan")
    _, invited = await people.new_link(visit.shop.desk, owner, visit.shop.staff["Minh"].id)
    _, enrol = await enrolment.link(
        visit.shop.desk, owner, location_id=visit.shop.locations["Bến Thành"].id, name="Till by the door", kind="staff"
    )
    page = await visit.browser()
    wrong = []
    for path in ("/sign-in", f"/invite/{invited}", f"/enrol/{enrol}", "/enrol/spent"):
        await page.goto(path)
        wrong += await looks_right(page, axe, path)
    assert not wrong, "\n".join(wrong)


async def test_the_reference_of_the_api(visit: Visit, axe: str) -> None:
    page = await visit.browser()
    await page.goto("/api")
    await page.set_viewport_size({"width": SMALLEST[0], "height": SMALLEST[1]})
    assert await page.evaluate(STICKS_OUT) == []
    few = 3  # calls and schemas are drawn alike, and axe needs ten seconds for all of them
    await page.evaluate("few => document.querySelectorAll('article').forEach((it, place) => place % 50 < few || it.remove())", few)
    await page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
    wrong = await looks_right(page, axe, "/api", screens=[(PHONE, "dark"), (DESKTOP, "light")])
    assert not wrong, "\n".join(wrong)


async def test_pages_of_a_customer(visit: Visit, axe: str) -> None:
    shop, screens = visit.shop, [(PHONE, "light"), (DESKTOP, "dark")]
    asks = Asks(email="optional", phone="required", birthday="optional")
    asking = replace(shop.program, asks=asks, welcome=shop.offers["cookie"].id)
    assert await shop.desk.store.revise([(shop.program, asking)])
    await shop.change_offer("cookie", alone=True)
    page = await visit.browser()
    wrong: list[str] = []

    async def state(what: str) -> None:
        wrong.extend(await looks_right(page, axe, what, screens=screens))

    join = f"/join/{shop.program.id}"
    await page.goto(join)
    await state("join")
    for phone, shows in (("abc", "#phone-error"), ("0901 234 567", "[data-live]")):
        await page.fill("#name", "Hoa")
        await page.fill("#phone", phone)
        await page.locator("[data-join] button").click()
        await expect(page.locator(shows)).to_be_visible()
        await state(f"joined as {phone}")
    link = page.url.partition("?")[0]
    await page.locator("[data-live] a").click()
    await expect(page.locator("[data-live]")).to_have_count(0)
    await state("a reward to be used alone")
    await page.locator(".form button").click()
    await expect(page.locator("[data-count]")).to_be_visible()
    await state("a countdown")
    await page.goto(link + "/leave")
    await state("leaving")
    await page.locator(".button.danger").first.click()
    await expect(page.locator("[data-voided=yes]")).to_be_visible()
    await state("left")
    assert await shop.desk.store.revise([(asking, replace(asking, state="paused"))])
    await page.goto(join)
    await state("paused")
    assert not wrong, "\n".join(wrong)


async def test_every_answer_of_the_counter(visit: Visit, axe: str) -> None:
    shown = await fill(visit)
    page = await visit.counter("Minh")
    wrong = await looks_right(page, axe, "ready")

    async def state(what: str, tone: str, act: Callable[[], Awaitable[object]]) -> None:
        await act()
        await sees(page, tone)
        wrong.extend(await looks_right(page, axe, what))

    for code, tone in (
        ("fresh", "given"),
        ("used", "refused"),
        ("expired", "decide"),
        ("elsewhere", "refused"),
        ("not yet", "refused"),
        ("voided", "refused"),
        ("unknown", "refused"),
        ("mistyped", "refused"),
        ("card", "card"),
    ):
        await state(code, tone, lambda code=code: types(page, shown[code]))
    await state("last", "card", lambda: page.click("#last"))
    await state("undone", "card", page.locator("#answer [data-action=undo]").first.click)
    await state("find", "card", lambda: page.click("#find-open"))
    await page.fill("#sought", "Hoa")
    await page.press("#sought", "Enter")
    await expect(page.locator("#hits .hit")).to_be_visible()
    wrong += await looks_right(page, axe, "hits")
    visit.forgive("ERR_INTERNET_DISCONNECTED")
    await page.context.set_offline(True)
    await state("unsent", "unsent", lambda: types(page, shown["card"]))
    await page.context.set_offline(False)
    assert not wrong, "\n".join(wrong)


async def test_counters_that_ask_first_and_those_without_staff(visit: Visit, axe: str) -> None:
    await visit.rule(asks_first=True)
    code = await visit.coupon()
    staff, kiosk, autopilot, nobody = [
        await visit.counter("An"),
        await visit.counter(kind="kiosk"),
        await visit.counter(kind="autopilot"),
        await visit.counter(""),
    ]
    await types(staff, code)
    await sees(staff, "decide", "Ready to redeem")
    wrong = await looks_right(staff, axe, "asks first")
    for page, what in ((kiosk, "kiosk"), (autopilot, "autopilot"), (nobody, "who is there")):
        wrong += await looks_right(page, axe, what)
    assert not wrong, "\n".join(wrong)


# --- What a business runs by itself: each page on a phone by day and on a desktop by night, every other one in Vietnamese ---


async def in_both_languages(visit: Visit, axe: str, paths: list[str], pages: Callable[[str], Awaitable[Page]]) -> None:
    english, vietnamese = await pages("en-GB"), await pages("vi-VN")
    wrong = []
    for number, path in enumerate(paths):
        page = vietnamese if number % 2 else english
        answer = await page.goto(path)
        assert answer
        assert answer.status == 200, f"{path}: {answer.status}"
        wrong += await looks_right(page, axe, path, screens=[(PHONE, "light"), (DESKTOP, "dark")])
    assert not wrong, "\n".join(wrong)


async def test_a_change_that_is_asked_about_and_a_form_that_is_wrong(visit: Visit, axe: str) -> None:
    await visit.shop.stamp(await visit.shop.join(), 7)
    page, phone = await visit.signed_in(), await visit.signed_in(locale="vi-VN")
    await page.goto(f"/programs/{visit.shop.program.id}")
    await page.locator('[id="goals.1.at"]').fill("12")
    await page.locator("form.terms > .button").click()
    await expect(page.locator(".touches")).to_be_visible()
    wrong = await looks_right(page, axe, "whom it touches", screens=[(PHONE, "light"), (DESKTOP, "dark")])
    await phone.goto("/offers/new")
    await phone.locator("form.terms").evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    await expect(phone.locator(".error:not([hidden])").first).to_be_visible()
    wrong += await looks_right(phone, axe, "a form that is wrong", screens=[(PHONE, "light"), (DESKTOP, "dark")])
    assert not wrong, "\n".join(wrong)


async def test_pages_of_what_is_offered(visit: Visit, axe: str) -> None:
    shop = visit.shop
    card = await shop.card_with_cookie("Nguyễn Thị Ngọc Hoa")
    presented = await shop.desk.store.presented(shop.business.id, card["ready"][0]["shown"].replace("-", ""))
    assert presented
    coupon, program, offer = presented.coupon.id, shop.program.id, shop.offers["coffee"].id
    csv = {**shop.headers("Lan"), "Content-Type": "text/csv"}
    brought = await shop.client.post("/api/v1/imports?what=customers", content=b"a file of other columns", headers=csv)
    assert brought.status_code == 202
    await in_both_languages(
        visit,
        axe,
        [
            "/programs",
            f"/programs/{program}",
            f"/programs/{program}/poster",
            "/offers",
            "/offers/new",
            f"/offers/{offer}",
            "/coupons",
            "/coupons/many",
            "/coupons/print",
            "/coupons/import",
            f"/redemptions/coupons/{coupon}",
            f"/coupons/{coupon}/change",
            "/inserts",
            "/setup",
            "/settings",
            f"/settings/imports/{brought.json()['id']}",
            "/settings/brand",
            "/locations",
        ],
        lambda locale: visit.signed_in(locale=locale),
    )


async def test_pages_of_customers_and_what_reaches_them(visit: Visit, axe: str) -> None:
    shop = visit.shop
    card = await shop.card_with_cookie("Nguyễn Thị Ngọc Hoa")
    await shop.redeem(card["ready"][0]["shown"])
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    assert facts
    customer, key = facts.customer.id, facts.card.key
    await in_both_languages(
        visit,
        axe,
        [
            "/customers",
            "/customers/duplicates",
            f"/customers/{customer}",
            f"/customers/{customer}/record",
            "/campaigns",
            "/campaigns/new",
            "/campaigns/new?kind=win_back",
            "/segments",
            "/staff/limits",
            "/audit",
            f"/join/{shop.program.id}?another=true",
            f"/c/{key}",
            f"/c/{key}/leave",
            f"/leave-mail/{key}",
        ],
        lambda locale: visit.signed_in(locale=locale),
    )


async def test_all_places_in_a_sheet_where_there_is_no_room_for_a_column(visit: Visit, axe: str) -> None:
    page = await visit.signed_in(size=PHONE)
    await expect(page.get_by_role("link", name="Insight")).to_be_hidden()
    await page.get_by_role("button", name="All pages").click()
    await expect(page.get_by_role("link", name="Redemptions")).to_have_attribute("aria-current", "page")
    wrong = await looks_right(page, axe, "places", screens=[(PHONE, "dark")])
    assert not wrong, "\n".join(wrong)
    await page.get_by_role("link", name="Insight").click()
    await page.wait_for_url("**/insight")
