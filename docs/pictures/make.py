"""The pictures of every page and of every answer of the counter: `make pictures`. The café, its people and its clock are always the same.

Needs Chromium (apt-get install chromium, or CHROMIUM=/path). With names behind it (`make.py counter-given`) it makes only these.
"""

import asyncio
import io
import random
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/browser")]

import conftest  # noqa: E402, F401 (it lets the sandbox in)
import cookies  # noqa: E402 (the shop of the tests is the shop of the pictures)
import httpx  # noqa: E402
import structlog  # noqa: E402
import uvicorn  # noqa: E402
from browsers import CHROMIUM, MISSING  # noqa: E402
from camera import Camera  # noqa: E402
from msgspec.structs import replace  # noqa: E402
from PIL import Image, ImageDraw, ImageFilter, ImageOps  # noqa: E402
from playwright.async_api import Browser, Page, async_playwright, expect  # noqa: E402
from shop import NOON, PIN, Clock, Shop  # noqa: E402

from app import asgi, db, settings, world  # noqa: E402
from app.desk import audit, campaigning, correcting, enrolment, keys, people, segments, test_mode, webhooks  # noqa: E402
from app.desk import coupons as giving  # noqa: E402
from app.desk import customers as knowing  # noqa: E402
from app.desk.found import secret_hash  # noqa: E402
from app.errands import Errands  # noqa: E402
from app.followers import Followers  # noqa: E402
from app.sandbox import past  # noqa: E402
from app.store import BEHIND, CounterKind, Unit  # noqa: E402
from passes import codes, coupons  # noqa: E402
from passes.businesses import Brand  # noqa: E402
from passes.campaigns import Campaign, Rules, WinBack  # noqa: E402
from passes.words import text  # noqa: E402

HERE: Final = Path(__file__).parent
PHONE, SMALL, TABLET, DESKTOP = (390, 844), (320, 640), (820, 1180), (1440, 900)
NOW: Final = NOON + timedelta(hours=3, minutes=5)  # Friday, five past three
DAYS: Final = 62


class Cafe:
    """The café with two months behind it, in a service of its own, and a browser to look at it."""

    def __init__(self, shop: Shop, certs: Path, url: str, chromium: Browser) -> None:
        self.shop, self.certs, self.url, self.chromium = shop, certs, url, chromium
        self.used = ""
        self.begun = b""
        """What somebody saw who came to the house before there was a shop in it."""

    async def live_for_two_months(self) -> None:
        """A past, the same each time; then the clock stands still."""
        shop = self.shop
        shop.clock.now = NOW
        who = {name: await shop.desk.store.caller(secret_hash(token)) for name, token in shop.secrets.items()}
        staff = [who[name] for name in ("An", "An", "Bình", "An in Thảo Điền", "Minh")]
        self.used = await past.live(
            shop.desk, shop.program, staff, manager=who["Minh"], until=NOW, days=DAYS, chance=random.Random(20261120)
        )

    # --- Browsers ---

    @asynccontextmanager
    async def page(
        self, size: tuple[int, int], known: dict[str, str] | None = None, *, dark: bool = False, language: str = "en"
    ) -> AsyncIterator[Page]:
        """A new browser of this size with these cookies."""
        context = await self.chromium.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            permissions=["camera"],
            locale="vi-VN" if language == "vi" else "en-GB",
        )
        if known:
            await context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in known.items()])
        yield await context.new_page()
        await context.close()

    @asynccontextmanager
    async def counter(
        self, size: tuple[int, int], *, who: str = "An", where: str = "Bến Thành", kind: CounterKind = "staff", **look: Any
    ) -> AsyncIterator[Page]:
        """A counter with somebody at it, its camera looking at an empty table."""
        there = await cookies.enrolled(self.shop, self.certs, who=who if kind == "staff" else "", where=where, kind=kind)
        async with self.page(size, there.cookies, **look) as page:
            await page.goto("/counter")
            yield page
        await enrolment.revoke(self.shop.desk, self.shop.business.id, there.counter.id, by=self.shop.staff["Lan"].id)

    @asynccontextmanager
    async def office(self, size: tuple[int, int], path: str, *, who: str = "Lan", **look: Any) -> AsyncIterator[Page]:
        """A page of the owner's."""
        async with self.page(size, await cookies.signed_in(self.shop, self.certs, who), **look) as page:
            await page.goto(path)
            yield page

    # --- What is presented ---

    async def voucher(self, offer: str = "coffee", **changes: object) -> str:
        """The code of a coupon that was handed out."""
        shop = self.shop
        now = shop.clock()
        coupon = coupons.issue(shop.offers[offer], coupon_id=uuid4(), code=codes.mint(shop.desk.world.pick), now=now, zone=shop.business.tz)
        await shop.desk.store.commit(Unit(at=now, due_at=now, rows=(replace(coupon, **changes),)))
        return codes.group(coupon.code)

    async def reward(self, name: str, stamps: int = 10) -> dict[str, Any]:
        """The card of somebody new, with so many stamps and what they brought."""
        return (await self.shop.stamp(await self.shop.join(name), stamps))["card"]


async def present(page: Page, code: str, tone: str) -> None:
    """Somebody types a code; the answer has this tone."""
    await page.fill("#code", code)
    await page.press("#code", "Enter")
    await expect(page.locator(f'#answer .panel[data-tone="{tone}"]')).to_be_visible()


async def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """A picture of what the browser shows (``whole``: with what one must scroll to), in 256 colours."""
    await page.evaluate("document.fonts.ready")
    save(await page.screenshot(full_page=whole, animations="disabled"), name)


def save(shot: bytes, name: str) -> None:
    """A picture among the others."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(HERE / f"{name}.png", optimize=True)
    print(f"{name}.png", (HERE / f"{name}.png").stat().st_size // 1024, "kB")


def table() -> Image.Image:
    """What the camera looks at: a wooden table and a cup, out of focus."""
    seen = Image.linear_gradient("L").resize((640, 480))
    seen = ImageOps.colorize(seen, "#4a3324", "#8a6a4c")
    draw = ImageDraw.Draw(seen)
    for around, colour in ((150, "#d9d0c2"), (112, "#efe8dc"), (84, "#3a2417")):
        draw.ellipse((520 - around, 60 - around, 520 + around, 60 + around), fill=colour)
    return seen.filter(ImageFilter.GaussianBlur(14))


PICTURES: Final[dict[str, Callable[[Cafe, str], Awaitable[None]]]] = {}


def picture(name: str) -> Callable[[Callable[[Cafe, str], Awaitable[None]]], Callable[[Cafe, str], Awaitable[None]]]:
    """This function makes the picture of this name."""

    def known(make: Callable[[Cafe, str], Awaitable[None]]) -> Callable[[Cafe, str], Awaitable[None]]:
        PICTURES[name] = make
        return make

    return known


# --- The counter ---


@picture("counter-ready-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await expect(page.locator('#camera[data-state="on"]')).to_be_attached()
        await keep(page, name)


@picture("counter-ready-tablet-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(TABLET, dark=True, language="vi") as page:
        await expect(page.locator('#camera[data-state="on"]')).to_be_attached()
        await keep(page, name)


@picture("counter-given-phone")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.reward("Nguyễn Thị Hồng")
    async with cafe.counter(PHONE) as page:
        await present(page, card["ready"][-1]["shown"], "given")
        await keep(page, name)


@picture("counter-given-desktop")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.reward("Ann Taylor")
    async with cafe.counter(DESKTOP) as page:
        await present(page, card["ready"][-1]["shown"], "given")
        await keep(page, name)


@picture("counter-given-tablet-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.reward("Trần Thị Hoa", 5)
    async with cafe.counter(TABLET, dark=True, language="vi") as page:
        await present(page, card["ready"][-1]["shown"], "given")
        await keep(page, name)


@picture("counter-given-smallest")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(SMALL) as page:
        await present(page, await cafe.voucher(), "given")
        await keep(page, name, whole=True)


@picture("counter-turned-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await present(page, (await cafe.reward("Hoa"))["ready"][-1]["shown"], "given")
        await page.click('[data-action="turn"]')
        await keep(page, name)


@picture("counter-used-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await present(page, cafe.used, "refused")
        await keep(page, name)


@picture("counter-used-desktop-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(DESKTOP, dark=True) as page:
        await present(page, cafe.used, "refused")
        await keep(page, name)


@picture("counter-expired-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE, who="Minh") as page:
        await present(page, await cafe.voucher(expires_at=NOW - timedelta(days=1, hours=6)), "decide")
        await keep(page, name, whole=True)


@picture("counter-expired-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(DESKTOP, who="Minh") as page:
        await present(page, await cafe.voucher(expires_at=NOW - timedelta(days=1, hours=6)), "decide")
        await keep(page, name)


@picture("counter-held-phone")
async def _(cafe: Cafe, name: str) -> None:
    code = await cafe.voucher()
    await cafe.shop.post("reservations", {"codes": [code]})
    async with cafe.counter(PHONE) as page:
        await present(page, code, "decide")
        await keep(page, name)


@picture("counter-wrong-place-phone")
async def _(cafe: Cafe, name: str) -> None:
    shop = cafe.shop
    code = await cafe.voucher("coffee")
    await shop.change_offer("coffee", locations=(shop.locations["Thảo Điền"].id,))
    async with cafe.counter(PHONE) as page:
        await present(page, code, "refused")
        await keep(page, name)
    await shop.change_offer("coffee", locations=())


@picture("counter-not-yet-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE, dark=True) as page:
        await present(page, await cafe.voucher(valid_from=NOW + timedelta(days=3)), "refused")
        await keep(page, name)


@picture("counter-voided-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await present(page, await cafe.voucher(state="voided", voided_at=NOW - timedelta(days=2)), "refused")
        await keep(page, name)


@picture("counter-mistyped-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    code = await cafe.voucher()
    async with cafe.counter(PHONE, language="vi") as page:
        await present(page, code[:-1] + ("3" if code[-1] != "3" else "4"), "refused")
        await keep(page, name)


@picture("counter-unknown-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await present(page, codes.group(codes.mint(cafe.shop.desk.world.pick)), "refused")
        await keep(page, name)


@picture("counter-card-phone")
async def _(cafe: Cafe, name: str) -> None:
    card = (await cafe.shop.stamp(await cafe.shop.join("Lê Ngọc Ánh"), 3))["card"]
    async with cafe.counter(PHONE) as page:
        await present(page, card["number"], "card")
        await keep(page, name)


@picture("counter-rewards-tablet")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.reward("Phạm Quang Vinh", 13)
    async with cafe.counter(TABLET) as page:
        await present(page, card["number"], "card")
        await keep(page, name)


@picture("counter-ask-first-phone")
async def _(cafe: Cafe, name: str) -> None:
    shop = cafe.shop
    await shop.change_business(asks_first=True)
    card = await cafe.reward("Đỗ Gia Huy")
    async with cafe.counter(PHONE) as page:
        await page.fill("#code", card["ready"][-1]["shown"])
        await page.press("#code", "Enter")
        await page.locator('[data-action="redeem"]').wait_for()
        await keep(page, name)
    await shop.change_business(asks_first=False)


@picture("counter-unsent-phone")
async def _(cafe: Cafe, name: str) -> None:
    code = await cafe.voucher()
    async with cafe.counter(PHONE) as page:
        await expect(page.locator('#camera[data-state="on"]')).to_be_attached()
        await page.context.set_offline(True)
        await present(page, code, "unsent")
        await keep(page, name)


@picture("counter-last-ten-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        for _ in range(3):
            await present(page, await cafe.voucher(), "given")
            await page.keyboard.press("Escape")
        await present(page, cafe.used, "refused")
        await page.click("#last")
        await expect(page.locator('#answer .panel[data-tone="card"]')).to_be_visible()
        await keep(page, name)


@picture("counter-find-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE) as page:
        await page.click("#find-open")
        await page.fill("#sought", "ngoc")
        await page.press("#sought", "Enter")
        await expect(page.locator("#hits")).to_contain_text("Ngọc")
        await keep(page, name)


@picture("counter-kiosk-tablet")
async def _(cafe: Cafe, name: str) -> None:
    card = (await cafe.shop.stamp(await cafe.shop.join("Mai Thu Trang"), 7))["card"]
    async with cafe.counter(TABLET, kind="kiosk") as page:
        await present(page, card["number"], "card")
        await keep(page, name)


@picture("counter-autopilot-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(DESKTOP, kind="autopilot") as page:
        await expect(page.locator("#answer")).to_be_visible()
        await keep(page, name)


@picture("counter-people-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE, who="") as page:
        await keep(page, name)


@picture("counter-pin-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.counter(PHONE, who="", dark=True, language="vi") as page:
        await page.click(".who-name")
        await page.fill("#pin", "25")
        await keep(page, name)


# --- What customers see ---


async def link_of(cafe: Cafe, card: dict[str, Any]) -> str:
    """The holder's own page of a card."""
    facts = await cafe.shop.desk.store.card_facts(business_id=cafe.shop.business.id, card_id=UUID(card["id"]))
    assert facts is not None
    return f"/c/{facts.card.key}"


@picture("join-desktop-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(DESKTOP, dark=True, language="vi") as page:
        await page.goto(f"/join/{cafe.shop.program.id}")
        await keep(page, name)


@picture("card-welcome-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.shop.join("Đặng Thu Thảo", language="vi")
    async with cafe.page(PHONE, language="vi") as page:
        await page.goto(await link_of(cafe, card) + "?welcome=true")
        await keep(page, name)


@picture("card-alone-phone")
async def _(cafe: Cafe, name: str) -> None:
    await cafe.shop.change_offer("cookie", alone=True)
    card = await cafe.reward("Bùi Lan Anh", 5)
    async with cafe.page(PHONE) as page:
        await page.goto(await link_of(cafe, card) + f"/use/{card['ready'][0]['id']}")
        await page.click(".form button")
        await expect(page.locator("[data-count]")).to_be_visible()
        await keep(page, name)
    await cafe.shop.change_offer("cookie", alone=False)


@picture("card-leave-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.reward("Hồ Ngọc Hà", 6)
    async with cafe.page(PHONE, dark=True) as page:
        await page.goto(await link_of(cafe, card) + "/leave")
        await keep(page, name)


# --- The owner's pages ---


@picture("redemptions-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/redemptions?period=month") as page:
        await keep(page, name)


@picture("redemptions-desktop-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/redemptions?period=month", dark=True, language="vi") as page:
        await keep(page, name)


@picture("redemptions-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/redemptions") as page:
        await keep(page, name)


@picture("redemptions-history-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/redemptions", dark=True) as page:
        await page.locator(".seek").evaluate("box => scrollTo(0, box.getBoundingClientRect().top - 80)")
        await keep(page, name)


@picture("redemptions-trends-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/redemptions?period=month&view=trends") as page:
        await keep(page, name, whole=True)


@picture("redemptions-nothing-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/redemptions") as page:
        await page.fill("#q", "quetzal")
        await expect(page.locator("#rows .empty")).to_be_visible()
        await keep(page, name)


@picture("insight-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/insight") as page:
        await keep(page, name)


@picture("insight-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/insight", dark=True, language="vi") as page:
        await keep(page, name)


@picture("redemptions-story-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/redemptions") as page:
        await page.locator(".story-link").first.click()
        await expect(page.locator("#story-body h1, #story-body h2").first).to_be_visible()
        await keep(page, name)


# --- Campaigns ---


async def written(cafe: Cafe, called: str, **more: Any) -> Campaign:
    """A campaign as it was filled in; those who joined with an even number of visits have agreed to it."""
    desk, owner = cafe.shop.desk, await cookies.member(cafe.shop, "Lan")
    for card, customer in await desk.store.segment(cafe.shop.business.id, Rules(), now=NOW, zone=cafe.shop.business.tz, limit=500):
        if card.visits % 2 == 0 and customer.consent_at is None:
            await desk.store.revise([(customer, replace(customer, consent_at=NOW - timedelta(days=20)))])
    said = {
        "en": "{name}, it rains: come in, your second coffee today is on us.",
        "vi": "{name} ơi, trời mưa rồi: ghé quán nhé, ly thứ hai hôm nay quán mời.",
    }
    made = Campaign(
        id=world.new_id(),
        business_id=cafe.shop.business.id,
        name=called,
        message=text(**said),
        made_at=NOW - timedelta(hours=2),
        made_by=owner.staff.id,
        **more,
    )
    return await campaigning.make(desk, owner, made)


async def sent(cafe: Cafe, called: str) -> Campaign:
    """A campaign with a coupon, sent; some have come for it already."""
    owner = await cookies.member(cafe.shop, "Lan")
    one = await written(cafe, called, offer_id=cafe.shop.offers["cookie"].id, rules=Rules(visited_within=30))
    await campaigning.send(cafe.shop.desk, owner, one, at=None)
    while await Errands(cafe.shop.desk).step():
        pass
    given = await cafe.shop.desk.store.coupons(cafe.shop.business.id, batch_id=one.id)
    for coupon in given[::4]:
        await cafe.shop.redeem(coupon.code)
    return one


@picture("campaigns-empty-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/campaigns") as page:
        await keep(page, name, whole=True)


@picture("campaign-draft-phone")
async def _(cafe: Cafe, name: str) -> None:
    one = await written(cafe, "Second coffee", rules=Rules(not_visited_for=14))
    async with cafe.office(PHONE, f"/campaigns/{one.id}") as page:
        await keep(page, name, whole=True)


@picture("campaign-new-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/campaigns/new") as page:
        await page.locator("summary").click()
        await expect(page.locator("[data-counted]")).to_contain_text("It reaches")
        await page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        await keep(page, name, whole=True)


@picture("campaigns-desktop")
async def _(cafe: Cafe, name: str) -> None:
    await sent(cafe, "Second coffee")
    await written(cafe, "Moon festival")
    await written(cafe, "We miss you", trigger=WinBack(after=30), state="running")
    async with cafe.office(DESKTOP, "/campaigns") as page:
        await keep(page, name)


@picture("campaign-sent-desktop-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    one = await sent(cafe, "Cà phê ngày mưa")
    async with cafe.office(DESKTOP, f"/campaigns/{one.id}", dark=True, language="vi") as page:
        await keep(page, name)


@picture("segments-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    await segments.save(cafe.shop.desk, await cookies.member(cafe.shop, "Lan"), "Not for two weeks", Rules(not_visited_for=14))
    async with cafe.office(PHONE, "/segments", dark=True) as page:
        await keep(page, name, whole=True)


# --- Customers and the audit ---


async def regular(cafe: Cafe) -> UUID:
    """A customer with a life: visits, a reward, a refusal, a correction, a note."""
    shop = cafe.shop
    known = await shop.desk.store.contact(shop.business.id, "mailto:hoa@example.com")
    if known:
        return known
    card = await shop.join("Nguyễn Thị Ngọc Hoa", email="hoa@example.com", phone="0901 234 567")
    code = (await shop.stamp(card, 7))["earned"][0]["code"]
    await shop.redeem(code)
    await shop.redeem(code, who="Bình")
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    caller = await shop.desk.store.caller(secret_hash(shop.secrets["Minh"]))
    assert facts
    assert caller
    actor = (shop.desk, shop.business, shop.staff["Minh"].id, facts.customer.id)
    await knowing.note(*actor, "Oat milk. Sits by the window.")
    once = Silent()
    await correcting.correct(shop.desk, caller, card["number"], amount=-2, reason="Two cups were stamped twice", once=once)
    return facts.customer.id


class Silent:
    """Nobody waits for the answer."""

    language = "en"

    def done(self, *_: object, **__: object) -> tuple[()]:
        """Nothing is kept."""
        return ()

    refused = done


@picture("customers-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/customers?order=visited") as page:
        await keep(page, name)


@picture("customers-search-phone")
async def _(cafe: Cafe, name: str) -> None:
    await regular(cafe)
    async with cafe.office(PHONE, "/customers") as page:
        await page.fill("#q", "ngoc ho")
        await expect(page.locator("#rows tr")).to_have_count(1)
        await keep(page, name)


@picture("customer-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, f"/customers/{await regular(cafe)}") as page:
        await keep(page, name, whole=True)


@picture("customer-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, f"/customers/{await regular(cafe)}", dark=True, language="vi") as page:
        await keep(page, name, whole=True)


@picture("customers-merge-desktop")
async def _(cafe: Cafe, name: str) -> None:
    one, other = await regular(cafe), await cafe.shop.join("Hoa Nguyễn", phone="0907 111 222")
    await cafe.shop.stamp(other, 4)
    facts = await cafe.shop.desk.store.card_facts(business_id=cafe.shop.business.id, number=other["number"])
    assert facts
    async with cafe.office(DESKTOP, f"/customers/{one}/merge/{facts.customer.id}") as page:
        await keep(page, name)


@picture("audit-desktop")
async def _(cafe: Cafe, name: str) -> None:
    await regular(cafe)
    shop, minh, offer = cafe.shop, cafe.shop.staff["Minh"].id, cafe.shop.offers["cookie"]
    became = replace(offer, title=text(en="Big cookie", vi="Bánh quy to"), most_each=2)
    await audit.revise(shop.desk, minh, "offer.changed", (offer, became))
    (business,) = await shop.desk.store.businesses()
    await audit.revise(
        shop.desk, shop.staff["Lan"].id, "business.changed", (business, replace(business, honour="everyone", honour_days=14))
    )
    async with cafe.office(DESKTOP, "/audit") as page:
        await keep(page, name)


@picture("limits-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/staff/limits") as page:
        await keep(page, name)


@picture("staff-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, "/staff") as page:
        await keep(page, name)


@picture("counters-desktop")
async def _(cafe: Cafe, name: str) -> None:
    for kind, where, called in (("staff", "Bến Thành", "Front till"), ("kiosk", "Bến Thành", "Window"), ("staff", "Thảo Điền", "Bar")):
        await cookies.enrolled(cafe.shop, cafe.certs, where=where, kind=kind, name=called)  # type: ignore[arg-type]
    async with cafe.office(DESKTOP, "/counters") as page:
        await keep(page, name)


async def tills(cafe: Cafe) -> None:
    """Keys of two tills, of a web shop that is tried, and of an owner's own program."""
    shop, store = cafe.shop, cafe.shop.desk.store
    if any(one.key.name == "Web shop" for one in await keys.of(store, shop.business)):
        return
    for name, where, scopes, test in (
        ("Till by the door", "Bến Thành", ("read", "earn", "redeem"), False),
        ("Till by the river", "Thảo Điền", ("read", "earn", "redeem"), False),
        ("Web shop", "Bến Thành", ("read", "earn", "redeem", "issue"), True),
    ):
        await shop.hand_out(name, where, scopes=scopes, test=test)


@picture("keys-desktop")
async def _(cafe: Cafe, name: str) -> None:
    await tills(cafe)
    async with cafe.office(DESKTOP, "/keys") as page:
        await keep(page, name, whole=True)


@picture("keys-new-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/keys/new") as page:
        await keep(page, name, whole=True)


@picture("keys-change-phone")
async def _(cafe: Cafe, name: str) -> None:
    await tills(cafe)
    async with cafe.office(PHONE, "/keys") as page:
        await page.get_by_role("button", name="Change Web shop").click()
        await keep(page, name)


@picture("keys-test-mode-desktop")
async def _(cafe: Cafe, name: str) -> None:
    await tills(cafe)
    shop, who = cafe.shop, "Web shop"
    program_id = str(test_mode.again(test_mode.twin_of(shop.business.id), shop.program.id))
    for tester, stamps in (("A tester", 3), ("Another tester", 7)):
        card = (await shop.post("join", {"program_id": program_id, "name": tester, "consent": True}, who=who)).json()["card"]
        earned = (await shop.post(f"cards/{card['number']}/earnings", {"count": stamps}, who=who)).json()["earned"]
        for each in 2 * earned:
            await shop.redeem(each["code"], who=who)
    async with cafe.office(DESKTOP, "/keys/test-mode") as page:
        await keep(page, name, whole=True)


@picture("keys-made-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    await tills(cafe)
    async with cafe.office(PHONE, "/keys", dark=True, language="vi") as page:
        await page.locator("[popovertarget^=change-]").first.click()
        await page.locator(".sheet:popover-open [action$=roll] button").click()
        await page.locator("#secret").evaluate("it => { it.value = 'cp_live_' + 'x9Qa'.repeat(14) }")  # another one each time
        await keep(page, name)


async def told(cafe: Cafe) -> UUID:
    """Two addresses that are told what happens: a web shop's, and the books', which do not answer. The web shop's id."""
    shop, store = cafe.shop, cafe.shop.desk.store
    known = await store.endpoints(shop.business.id)
    if known:
        return known[0].id
    lan, now = shop.staff["Lan"].id, shop.clock()
    types = ("coupon.redeemed", "coupon.reversed", "reward.ready")
    wanted = webhooks.Wanted(url="https://shop.example.com/counterpass", types=types, description="Web shop")
    made = await webhooks.make(shop.desk, shop.business.id, lan, wanted)
    books = replace(made, id=uuid4(), url="https://books.example.com/hook", types="", description="Book-keeping", failures=9)
    books = replace(books, failed_at=now - timedelta(hours=3), made_at=now)
    sent = [
        webhooks.message(shop.desk.world, made, place, event, facts[event.id])
        for page in [await store.happened(shop.business.id, kinds=("redeemed", "earned"), limit=6)]
        for facts in [await store.about([event for _, event in page])]
        for place, event in page
    ]
    ends = (
        {"state": "sent", "status": 204},
        {"state": "sent", "status": 200, "said": '{"taken": true}'},
        {"state": "failed", "status": 500, "said": "Internal Server Error", "tries": 17},
        {"status": 503, "said": "Back in a moment", "tries": 2, "due_at": now + timedelta(minutes=2)},
        {"due_at": BEHIND, "tries": 0},
        {"state": "sent", "status": 200, "said": "OK"},
    )
    rows = [
        replace(one, **{"tries": 1, "tried_at": now, **end, "at": now - timedelta(minutes=9 * number)})
        for number, (one, end) in enumerate(zip(sent, ends, strict=True))
    ]
    await store.commit(Unit(at=now, due_at=now, rows=(books, *rows)))
    return made.id


@picture("webhooks-desktop")
async def _(cafe: Cafe, name: str) -> None:
    await told(cafe)
    async with cafe.office(DESKTOP, "/webhooks") as page:
        await keep(page, name)


@picture("webhooks-one-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, f"/webhooks/{await told(cafe)}") as page:
        await keep(page, name, whole=True)


@picture("webhooks-one-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, f"/webhooks/{await told(cafe)}", dark=True, language="vi") as page:
        await keep(page, name, whole=True)


@picture("webhooks-new-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/webhooks/new") as page:
        await keep(page, name, whole=True)


@picture("scenarios-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(PHONE, dark=True) as page:
        await page.goto("/api/scenarios")
        await keep(page, name)


@picture("scenarios-paper")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(TABLET) as page:
        await page.goto("/api/scenarios")
        await page.emulate_media(media="print")
        await keep(page, name)


@picture("account-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/account", dark=True) as page:
        await keep(page, name)


@picture("sign-in-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(PHONE) as page:
        await page.goto("/sign-in")
        await keep(page, name)


@picture("enrol-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    owner = await cookies.member(cafe.shop, "Lan")
    _, secret = await enrolment.link(cafe.shop.desk, owner, location_id=cafe.shop.locations["Thảo Điền"].id, name="Quầy bar", kind="staff")
    async with cafe.page(PHONE, language="vi") as page:
        await page.goto(f"/enrol/{secret}")
        await keep(page, name)


@picture("invite-phone")
async def _(cafe: Cafe, name: str) -> None:
    owner = await cookies.member(cafe.shop, "Lan")
    _, secret = await people.invite(cafe.shop.desk, owner, name="Thu", email="", role="manager")
    async with cafe.page(PHONE) as page:
        await page.goto(f"/invite/{secret}")
        await keep(page, name, whole=True)


@picture("api-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(DESKTOP) as page:
        await page.goto("/api#look_up")
        await keep(page, name)


@picture("api-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(PHONE, dark=True) as page:
        await page.goto("/api#redeem")
        await keep(page, name)


@picture("problem-phone-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(PHONE, dark=True, language="vi") as page:
        await page.goto(f"/enrol/{'x' * 43}")
        await keep(page, name)


# --- The café opens ---


def a_terrace() -> bytes:
    """A photograph such as a shop takes of itself: an evening, lamps, out of focus."""
    seen = ImageOps.colorize(Image.linear_gradient("L").resize((1200, 500)), "#0f2a33", "#d98a4b")
    draw, chance = ImageDraw.Draw(seen), random.Random(7)
    for _ in range(60):
        x, y, around = chance.randrange(1200), chance.randrange(330), chance.randrange(14, 46)
        draw.ellipse((x, y, x + around, y + around), fill=chance.choice(("#ffd9a0", "#ffb45e", "#f7f0d8", "#c9793a")))
    draw.rectangle((0, 400, 1200, 500), fill="#2a1a12")
    file = io.BytesIO()
    seen.filter(ImageFilter.GaussianBlur(7)).save(file, "JPEG")
    return file.getvalue()


@asynccontextmanager
async def designing(cafe: Cafe, size: tuple[int, int], folder: str, state: str, *, photo: bool = False, **look: Any) -> AsyncIterator[Page]:
    """The design page with another design chosen, and drawn."""
    async with cafe.office(size, f"/programs/{cafe.shop.program.id}/design", **look) as page:
        if photo:
            async with page.expect_response("**/pictures"):
                file = {"name": "terrace.jpg", "mimeType": "image/jpeg", "buffer": a_terrace()}
                await page.locator("[data-picture] input[type=file]").nth(1).set_input_files(file)
        await page.locator(f"[name=state][value={state}]").check(force=True)
        async with page.expect_response("**/design"):
            await page.locator(f"[name=folder][value={folder}]").check(force=True)
        await expect(page.locator("[data-preview]")).not_to_have_attribute("aria-busy", "true")
        yield page


@picture("design-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with designing(cafe, DESKTOP, "photo", "ready", photo=True) as page:
        await keep(page, name)


@picture("design-paper-desktop-dark-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with designing(cafe, DESKTOP, "paper", "half", dark=True, language="vi") as page:
        await keep(page, name)


@picture("design-minimal-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with designing(cafe, PHONE, "minimal", "half") as page:
        await keep(page, name)


@picture("brand-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/settings/brand") as page:
        await keep(page, name, whole=True)


# --- The first evening, and pages that are as they are ---


@picture("start-phone")
async def _(cafe: Cafe, name: str) -> None:
    save(cafe.begun, name)


@picture("places-phone")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, "/redemptions") as page:
        await page.click(".to-places")
        await keep(page, name)


@picture("join-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.page(PHONE, language="vi") as page:
        await page.goto(f"/join/{cafe.shop.program.id}")
        await keep(page, name)


@picture("card-phone")
async def _(cafe: Cafe, name: str) -> None:
    card = await cafe.shop.card_with_cookie("Ann")
    facts = await cafe.shop.desk.store.card_facts(business_id=cafe.shop.business.id, number=card["number"])
    assert facts is not None
    async with cafe.page(PHONE) as page:
        await page.goto(f"/c/{facts.card.key}")
        await keep(page, name, whole=True)


AS_THEY_ARE: Final[dict[str, tuple[str, tuple[int, int], dict[str, Any], bool]]] = {
    "setup-desktop": ("/setup", DESKTOP, {}, False),
    "setup-phone-dark-vi": ("/setup", PHONE, {"dark": True, "language": "vi"}, True),
    "settings-desktop": ("/settings", DESKTOP, {}, False),
    "locations-phone": ("/locations", PHONE, {}, False),
    "poster-desktop": ("/programs/{program}/poster", (1280, 1400), {"language": "vi"}, False),
    "programs-desktop": ("/programs", DESKTOP, {}, False),
    "program-phone": ("/programs/{program}", PHONE, {}, True),
    "offers-desktop-dark-vi": ("/offers", DESKTOP, {"dark": True, "language": "vi"}, False),
    "offer-phone": ("/offers/{offer}", PHONE, {}, True),
    "coupons-desktop": ("/coupons", DESKTOP, {}, False),
    "coupons-import-phone": ("/coupons/import", PHONE, {}, False),
    "inserts-desktop": ("/inserts", DESKTOP, {}, False),
    "problem-explained-phone-vi": ("/problems/already_redeemed", PHONE, {"language": "vi"}, True),
    "problems-desktop-dark": ("/problems", DESKTOP, {"dark": True}, False),
}
"""Address, size, look, and whether what one must scroll to is in it."""


def as_it_is(name: str, path: str, size: tuple[int, int], look: dict[str, Any], *, whole: bool) -> None:
    """A picture of a page of the owner's."""

    @picture(name)
    async def _(cafe: Cafe, name: str) -> None:
        there = path.format(program=cafe.shop.program.id, offer=cafe.shop.offers["coffee"].id)
        async with cafe.office(size, there, **look) as page:
            await keep(page, name, whole=whole)


for _name, (_path, _size, _look, _whole) in AS_THEY_ARE.items():
    as_it_is(_name, _path, _size, _look, whole=_whole)


@picture("offer-reach-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, f"/offers/{cafe.shop.offers['cookie'].id}") as page:
        await page.locator("#days").fill("7")
        await page.get_by_role("button", name="Save the offer").click()
        await expect(page.get_by_role("heading", name="For whom?")).to_be_visible()
        await keep(page, name)


@picture("program-reach-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, f"/programs/{cafe.shop.program.id}", language="vi") as page:
        await page.locator('[id="goals.1.at"]').fill("12")
        await page.locator("form.terms > .button").click()
        await expect(page.locator(".touches")).to_be_visible()
        await keep(page, name, whole=True)


@picture("program-wrong-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, f"/programs/{cafe.shop.program.id}") as page:
        await page.locator("#each").fill("many")
        await page.locator('[id="goals.1.at"]').fill("5")
        await page.locator("form.terms > .button").click()
        await expect(page.locator(".error").first).to_be_visible()
        await keep(page, name)


# --- Coupons ---


async def batch(cafe: Cafe, count: int, done: int) -> UUID:
    """Coupons that are made to be printed, so many of them already."""
    (owner,) = await cafe.shop.desk.store.members(staff_id=cafe.shop.staff["Lan"].id)
    batch_id = world.new_id()
    await giving.to_print(cafe.shop.desk, owner, batch_id, cafe.shop.offers["coffee"].id, count)
    for _ in range(done // giving.AT_ONCE + (1 if done == count else 0)):
        await Errands(cafe.shop.desk).step()
    return batch_id


@picture("coupons-give-phone-vi")
async def _(cafe: Cafe, name: str) -> None:
    await regular(cafe)
    async with cafe.office(PHONE, "/coupons", language="vi") as page:
        await page.fill("#q", "ngoc ho")
        await page.locator(".seek-one button").click()
        await expect(page.locator("#reason")).to_be_visible()
        await keep(page, name)


@picture("coupons-made-phone-dark")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(PHONE, f"/coupons/batches/{await batch(cafe, 350, 200)}", dark=True) as page:
        await keep(page, name)
    while await Errands(cafe.shop.desk).step():
        pass


@picture("coupons-print-desktop")
async def _(cafe: Cafe, name: str) -> None:
    async with cafe.office(DESKTOP, f"/coupons/batches/{await batch(cafe, 80, 80)}") as page:
        await keep(page, name)


@picture("import-desktop")
async def _(cafe: Cafe, name: str) -> None:
    lines = ["Mã;Hạn dùng", *(f"TET-{number:04};31/01/2027" for number in range(480)), "TET-0003;", ";", "TET-0999;31/31/2027"]
    async with cafe.office(DESKTOP, "/coupons/import") as page:
        file = {"name": "codes.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
        await page.set_input_files("#file", files=[file])  # type: ignore[list-item]
        await page.locator("#upload button").click()
        await expect(page.locator("form[action$=confirm]")).to_be_visible()
        await keep(page, name, whole=True)


@picture("records-phone")
async def _(cafe: Cafe, name: str) -> None:
    lines = (await cafe.shop.get("exports/customers", who="Lan")).text.splitlines()
    lines += [lines[1].replace(",vi,", ",tiếng Việt,").replace(",en,", ",English,"), "1,2"]
    async with cafe.office(PHONE, "/settings") as page:
        file = {"name": "customers-2026-11-20.csv", "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode()}
        await page.set_input_files("#file", files=[file])  # type: ignore[list-item]
        await page.get_by_role("button", name="Bring it in").click()
        await page.locator("[data-errand]").wait_for()
        while await Errands(cafe.shop.desk).step():
            pass
        await expect(page.get_by_role("heading", name="Lines that are not imported")).to_be_visible()
        await keep(page, name, whole=True)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Cafe]:
    """The service on a port of its own in this process, with a clock that stands; one Chromium; two months of history."""
    url = f"sqlite:///{folder}/counterpass.db"
    await db.migrate(url)
    clock = Clock(NOW)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chance = random.Random(1)
    ids = (UUID(int=number) for number in range(10**9, 10**10))
    app = asgi.create_app(
        settings.read({"DATABASE_URL": url, "COUNTERPASS_CERTS": str(folder), "COUNTERPASS_PUBLIC_URL": f"http://localhost:{port}"}),
        followers=False,
        world=lambda http: replace(world.real(http), now=clock, pick=chance.choice, new_id=lambda: next(ids)),
    )
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    async with AsyncExitStack() as stack:
        stack.callback(setattr, server, "should_exit", True)  # also when a picture fails
        while not server.started:
            await asyncio.sleep(0.01)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://localhost:{port}"))
        playwright = await stack.enter_async_context(async_playwright())
        film = folder / "film.mjpeg"
        Camera(film).sees(table())
        seeing = [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ]
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio", *seeing])
        stack.push_async_callback(chromium.close)
        brand = Brand(background="#8a3b12", foreground="#fff8ef", label="#f4d3ae", symbol="cup")
        newcomer = await chromium.new_page(viewport={"width": PHONE[0], "height": PHONE[1]}, timezone_id="Asia/Ho_Chi_Minh", locale="en-GB")
        await newcomer.goto(f"http://localhost:{port}/start/{app.state.start}")
        begun = await newcomer.screenshot(full_page=True)
        shop = await Shop(client, app.state.desk, clock, Followers(app.state.desk, app.state.bell)).open(brand=brand)
        for who in shop.staff:
            await shop.give(who, pin=PIN)
        cafe = Cafe(shop, folder, f"http://localhost:{port}", chromium)
        cafe.begun = begun
        await cafe.live_for_two_months()
        yield cafe
    await serving


async def main(names: list[str]) -> None:
    """Make the pictures of these names, or all."""
    if CHROMIUM is None:
        raise SystemExit(MISSING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as cafe:
            # The owner's pages first: what is done at the counters for a picture stands in the history after it.
            for name in names or sorted(PICTURES, key=lambda name: name.startswith("counter-")):
                await PICTURES[name](cafe, name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
