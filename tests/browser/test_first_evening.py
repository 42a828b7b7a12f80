"""From an empty installation to a shop that knows who comes back: one evening, in browsers, with a phone beside them."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from servers import Launcher, Server
from shop import PASSWORD, PIN
from test_every_page import looks_right
from visits import DESKTOP, PHONE, Visit, camera_is_on, sees, types

from app import world
from app.certs import make_development_chain
from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from app.sandbox.phone import Phone
from passes import scan
from passes.wallets.base import Ask

PAPER = {"prefer_css_page_size": True, "print_background": True}
CUSTOMERS = (("Hoa", "vi-VN"), ("Ann", "en-GB"), ("Minh", "vi-VN"))
MESSAGE = {"en": "New beans today, {name}", "vi": "Hôm nay có hạt mới, {name} ơi"}


class Evening:
    """An installation in which nobody has been yet, and Apple's stand-in beside it."""

    def __init__(self, visit: Visit, server: Server, apns: ApnsSandbox, root: bytes, http: Outbound) -> None:
        self.visit, self.server, self.apns, self._root, self.http = visit, server, apns, root, http

    @property
    def link(self) -> str:
        """What the service printed when it began."""
        found = re.search(r"/start/\w+", self.server.log.read_text())
        assert found, "an empty installation says with which link it is claimed"
        return found[0]

    async def browser(self, locale: str = "en-GB") -> Page:
        return await self.visit.browser(url=self.server.url, locale=locale, timezone_id="Asia/Ho_Chi_Minh")

    async def phone(self, card: Page) -> Phone:
        """The sandbox's phone, with the card that this page offers."""
        link = await card.get_by_role("link", name="Apple Wallet").get_attribute("href")
        answer = await self.http(Ask(method="GET", url=self.server.url + str(link)))
        phone = Phone("Hoa", language="vi", world=world.real(self.http), root=self._root, apns=self.apns)
        await phone.add(answer.body)
        return phone


@pytest.fixture
async def evening(visit: Visit, launcher: Launcher, sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Evening]:
    """A database with nothing in it, and certificates that the sandbox trusts."""
    chain = tmp_path / "certs" / "apple"
    make_development_chain(chain, pass_type="pass.dev.counterpass", team="DEVELOPER1", organization="Somebody", now=world.now())
    shutil.copy(sqlite_template, tmp_path / "empty.db")
    async with AsyncExitStack() as stack:
        apns = await stack.enter_async_context(ApnsSandbox(chain, now=world.now))
        http = Outbound(None)
        stack.push_async_callback(http.close)
        server = Server(
            launcher,
            tmp_path,
            database_url=f"sqlite:///{tmp_path}/empty.db",
            certs=str(tmp_path / "certs"),
            apns_url=apns.url,
            trust=str(chain / "root.pem"),
        )
        server.url = f"http://localhost:{server.port}"
        await server.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(visit.close)  # pages that are open would complain of a server that is gone
        yield Evening(visit, server, apns, (chain / "root.pem").read_bytes(), http)


def code_of(phone: Phone) -> str:
    """What a scanner reads on the phone."""
    (card,) = phone.passes.values()
    assert card.barcode
    return card.barcode.message


async def press(page: Page, name: str | re.Pattern[str]) -> None:
    await page.get_by_role("button", name=name).locator("visible=true").first.click()


@pytest.mark.long
async def test_a_shop_goes_from_nothing_to_customers_who_come_back(evening: Evening, axe: str) -> None:
    owner = await evening.browser()
    await owner.goto(evening.link)
    assert await looks_right(owner, axe, "start", screens=[(PHONE, "dark"), (DESKTOP, "light")]) == []
    await begin(owner)
    await settle_in(owner)
    poster = await print_a_poster(owner)
    cards = [await join(await evening.browser(locale), poster, name) for name, locale in CUSTOMERS]
    phone = await evening.phone(cards[0])
    await earn_ten_stamps_and_use_them(owner, cards[0], phone)
    await write_to_everybody(owner, cards, phone)
    await look_at_what_came_of_it(owner)
    await phone.close()


async def begin(owner: Page) -> None:
    await owner.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    await expect(owner.locator("#zone")).to_have_value("Asia/Ho_Chi_Minh")
    await expect(owner.locator("#currency")).to_have_value("VND")
    said = {"name": "Cà Phê Sáng", "owner": "Lan", "email": "lan@example.com", "password": PASSWORD, "pin": PIN}
    for field, value in said.items():
        await owner.fill(f"#{field}", value)
    await press(owner, "Begin")
    await owner.wait_for_url("**/setup")


async def step(owner: Page, name: str) -> None:
    await owner.goto("/setup")
    await owner.locator(".stage[aria-current]").get_by_role("link", name=name).click()


async def settle_in(owner: Page) -> None:
    await step(owner, "Say how to reach you")
    await owner.fill("#contact", "028 1234 5678")
    await owner.fill("#quiet_from", "00:00")
    await owner.fill("#quiet_until", "00:00")  # never quiet: whoever runs this test may do so at night
    await press(owner, "Save the settings")
    await step(owner, "Choose the look")
    await owner.fill("#background", "#14532d")
    await press(owner, "Save for all cards")
    await expect(owner.locator(".notice[data-tone=given]")).to_be_visible()
    await step(owner, "Choose a program")
    await owner.locator("form.example", has_text="stamp").get_by_role("button").first.click()
    await owner.wait_for_url("**/programs/*")
    await step(owner, "Add the address")
    await press(owner, re.compile("^Change"))
    sheet = owner.locator(".sheet:popover-open")
    await sheet.get_by_label("Address").fill("1 Lê Lợi")
    await press(owner, "Save the location")
    await step(owner, "Make a counter")
    await press(owner, "Add a counter")
    await owner.fill("#make #name", "Till by the door")
    await press(owner, "Make this browser a counter")
    await owner.wait_for_url("**/counter")


async def print_a_poster(owner: Page) -> str:
    """On paper, one sheet; where its code leads is what a phone that scans it opens."""
    await step(owner, "Print the poster")
    await expect(owner.locator(".poster")).to_be_visible()
    paper = await owner.pdf(**PAPER)
    assert paper.count(b"/Type /Page\n") == 1
    link = scan.read_photo(await owner.locator(".poster-code").screenshot())
    assert len(link) == 1
    return link[0]


async def join(customer: Page, poster: str, name: str) -> Page:
    await customer.goto(poster)
    await customer.fill("#name", name)
    await customer.check("input[name=consent]")
    await customer.locator("form[data-join] button[type=submit]").click()
    await customer.wait_for_url("**/c/*")
    return customer


async def earn_ten_stamps_and_use_them(till: Page, card: Page, phone: Phone) -> None:
    """At the counter, by the number on the card; the phone and the web card follow by themselves."""
    await till.goto("/counter")
    await till.locator(".who-name", has_text="Lan").click()
    await till.fill("#pin", PIN)
    await till.press("#pin", "Enter")
    await camera_is_on(till)
    number = code_of(phone)
    await types(till, number)
    await sees(till, "card", "Hoa")
    for balance in (*range(1, 10), 0):  # the tenth ends the round
        await till.locator("[data-action=earn]").click()
        await expect(till.locator("#answer .panel")).to_have_attribute("data-said", re.compile(rf"\b{balance} of"))
    await phone.until(lambda: code_of(phone) != number)
    await types(till, code_of(phone))
    await sees(till, "given")
    await expect(card.get_by_role("region", name="Những gì đã diễn ra")).to_contain_text("Dùng phần thưởng")


async def write_to_everybody(owner: Page, cards: list[Page], phone: Phone) -> None:
    """Three customers, each in the language of their own phone."""
    await owner.goto("/campaigns/new")
    await owner.fill("#name", "New beans")
    for language, words in MESSAGE.items():
        await owner.fill(f'[name="message.{language}"]', words)
    await press(owner, "Save and look at it")
    await press(owner, "Send it to 3 customers")
    for card, (name, locale) in zip(cards, CUSTOMERS, strict=True):
        await expect(card.locator("main")).to_contain_text(MESSAGE[locale[:2]].replace("{name}", name))
    await phone.until(lambda: any("hạt mới, Hoa" in note.text for note in phone.notifications))
    await expect(owner.locator(".errand")).to_have_count(0)  # the page goes on by itself: not while somebody goes elsewhere


async def look_at_what_came_of_it(owner: Page) -> None:
    await owner.goto("/redemptions")
    await expect(owner.locator("#rows")).to_contain_text("Hoa")
    await owner.goto("/insight")
    funnel = owner.locator(".bars").first.locator("li .number")
    await expect(funnel).to_have_text(["3", "1", "1", "1", "1"])  # joined, saved, stamped, earned, redeemed
    await owner.goto("/setup")
    await expect(owner.locator('.stage[data-done="true"]')).to_have_count(6)
