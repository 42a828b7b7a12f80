"""A house with counters, seen through real browsers: a service in its own process, one Chromium, and one camera for all pages."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import cookies
import pytest
import weather
from browsers import CHROMIUM
from camera import Camera
from msgspec.structs import replace
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect
from servers import Launcher, Server
from shop import Clock, Shop, application

from app import world
from app.store import CounterKind, Filter, Member, Past, Unit
from passes import codes, coupons
from passes.coupons import Redemption, Refusal, Reversal

PATIENCE = 60_000
"""Milliseconds until something that should be there is missing: a busy machine is slow, not wrong. What must be quick is measured."""
expect.set_options(timeout=PATIENCE)
PHONE, SMALLEST, TABLET, DESKTOP = (390, 844), (320, 640), (820, 1180), (1440, 900)


class RealClock(Clock):
    """The server's processes have no other."""

    def __call__(self) -> datetime:
        return world.now()


class House:
    """What lasts for all tests of a process. Each of them opens a shop of its own in it."""

    def __init__(self, server: Server, certs: Path, chromium: Browser, camera: Camera, open_shop: Callable[[], Awaitable[Shop]]) -> None:
        self.server, self.certs, self.chromium, self.camera, self.open_shop = server, certs, chromium, camera, open_shop
        self.host, self.url = "localhost", server.url


@asynccontextmanager
async def open_house(database_url: str, launcher: Launcher, folder: Path) -> AsyncIterator[House]:
    """A passkey needs a name and a camera a trusted origin: the house is called localhost."""
    assert CHROMIUM is not None
    certs, film = folder / "certs", folder / "film.mjpeg"
    certs.mkdir()
    async with AsyncExitStack() as stack:
        camera = Camera(film)
        server = Server(launcher, folder, database_url=database_url, certs=str(certs))
        server.url = f"http://localhost:{server.port}"
        await server.start()
        stack.push_async_callback(server.stop)
        client, desk, followers = await stack.enter_async_context(application(database_url, RealClock(), certs=str(certs)))
        playwright = await stack.enter_async_context(async_playwright())
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            timeout=PATIENCE,
            args=[
                "--no-sandbox",
                "--mute-audio",
                "--host-resolver-rules=MAP localhost 127.0.0.1",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        stack.push_async_callback(chromium.close)

        async def open_shop() -> Shop:
            return await Shop(client, desk, RealClock(), followers).open()

        yield House(server, certs, chromium, camera, open_shop)


class Visit:
    """One test: its shop, its browsers, and what they must not do: complain, or ask anybody but the house."""

    def __init__(self, house: House, shop: Shop) -> None:
        self.house, self.shop = house, shop
        self.camera = house.camera
        self.wrongs: list[str] = []
        self.forgiven: list[str] = []
        self._contexts: list[BrowserContext] = []

    # --- Browsers ---

    async def browser(
        self, cookies_: dict[str, str] | None = None, *, size: tuple[int, int] = PHONE, url: str = "", **options: Any
    ) -> Page:
        """A browser of its own with these cookies, before it opens anything. ``url``: another way into the house."""
        base = url or self.house.url
        context = await self.house.chromium.new_context(
            base_url=base,
            viewport={"width": size[0], "height": size[1]},
            permissions=options.pop("permissions", ["camera"]),
            locale=options.pop("locale", "en-GB"),
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        if cookies_:
            await context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies_.items()])
        if day := os.environ.get("COUNTERPASS_WEATHER"):
            await weather.bring(context, day)
        context.on("request", lambda request: self._asked(request, base))
        context.on("console", self._said)
        context.on("weberror", lambda error: self.wrongs.append(f"uncaught: {error.error}"))
        return await context.new_page()

    def _asked(self, request: Request, base: str) -> None:
        if not request.url.startswith((base + "/", "data:", f"blob:{base}/")):
            self.wrongs.append(f"asked {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        refusal = re.match(r"Failed to load resource: the server responded with a status of 4", message.text)
        if message.type in ("error", "warning") and not refusal:
            self.wrongs.append(f"{message.type}: {message.text}")

    def forgive(self, pattern: str) -> None:
        """What a browser may complain about in this test, and nothing else."""
        self.forgiven.append(pattern)

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        wrongs = [one for one in self.wrongs if not any(re.search(pattern, one) for pattern in self.forgiven)]
        if wrongs:
            pytest.fail("\n".join(wrongs))

    async def counter(
        self, who: str = "An", *, where: str = "Bến Thành", kind: CounterKind = "staff", open_: bool = True, **options: Any
    ) -> Page:
        """A browser that is a counter, with somebody at it."""
        self.enrolled = await cookies.enrolled(
            self.shop, self.house.certs, who=who if kind == "staff" else "", where=where, kind=kind, name=f"{kind} of {who}"
        )
        page = await self.browser(self.enrolled.cookies, **options)
        if open_:
            await page.goto("/counter")
        return page

    async def signed_in(self, who: str = "Lan", path: str = "/redemptions", **options: Any) -> Page:
        """A browser on which somebody is signed in."""
        options.setdefault("size", DESKTOP)
        page = await self.browser(await cookies.signed_in(self.shop, self.house.certs, who), **options)
        await page.goto(path)
        return page

    # --- The shop's data ---

    async def member(self, who: str) -> Member:
        return await cookies.member(self.shop, who)

    async def coupon(self, offer: str = "cookie", **changes: object) -> str:
        """The code, in groups, of a coupon that was printed and handed out."""
        now, desk = world.now(), self.shop.desk
        coupon = coupons.issue(
            self.shop.offers[offer], coupon_id=uuid4(), code=codes.mint(desk.world.pick), now=now, zone=self.shop.business.tz
        )
        await desk.store.commit(Unit(at=now, due_at=now, rows=(replace(coupon, **changes),)))
        return codes.group(coupon.code)

    async def history(self, code: str) -> list[Redemption | Reversal | Refusal]:
        """What was recorded of a coupon, oldest first."""
        presented = await self.shop.desk.store.presented(self.shop.business.id, code.replace("-", ""))
        assert presented is not None
        return list(await self.shop.desk.store.coupon_history(self.shop.business.id, presented.coupon.id))

    async def redemptions(self, code: str) -> list[Redemption]:
        return [one for one in await self.history(code) if isinstance(one, Redemption)]

    async def past(self) -> Sequence[Past]:
        """Everything that was presented, newest first."""
        return await self.shop.desk.store.past(self.shop.business.id, Filter(), limit=100)

    async def rule(self, **changes: object) -> None:
        """The business decides something else."""
        await self.shop.change_business(**changes)


# --- What is seen and done at a counter ---


async def sees(page: Page, tone: str, *words: str) -> None:
    """The answer on the screen, not the one before, has this tone (given, refused, decide, unsent, card) and these words."""
    panel = page.locator(f'#counter:not([data-state="sending"]) #answer .panel[data-tone="{tone}"]')
    await expect(panel).to_be_visible()
    for said in words:
        await expect(panel).to_contain_text(said)


async def types(page: Page, text: str) -> None:
    """Somebody types a code and presses Enter."""
    await page.fill("#code", text)
    await page.press("#code", "Enter")


async def camera_is_on(page: Page) -> None:
    """The picture runs, and the scanner is warm."""
    await expect(page.locator('#camera[data-state="on"][data-scanner="ready"]')).to_be_attached()


KEYS = {"-": "Minus", " ": "Space", "\\": "Backslash", "0": "Digit0"}


async def scans(page: Page, text: str, *, arrives: Callable[[str], str] = str) -> None:
    """A hardware scanner types, 5 ms from key to key, and Enter. ``arrives``: what the layout of the computer makes of a key."""
    session = await page.context.new_cdp_session(page)
    start, sent = time.time(), []
    for number, char in enumerate((*text, "\r")):
        code = KEYS.get(char) or (f"Digit{char}" if char.isdigit() else f"Key{char.upper()}")
        seen = arrives(char)
        key = (
            {"key": seen, "code": code, "text": seen}
            if char != "\r"
            else {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
        )
        when = start + number * 0.005
        sent += [
            session.send("Input.dispatchKeyEvent", {"type": "keyDown", "timestamp": when, **key}),
            session.send("Input.dispatchKeyEvent", {"type": "keyUp", "timestamp": when + 0.002, **key, "text": ""}),
        ]
    await asyncio.gather(*sent)
    await session.detach()
