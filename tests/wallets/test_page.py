"""The sandbox's page shows what the wallets really hold, and keeps up."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from bare_http import bare_http
from chains import NOW, chain
from pass_maker import PASS_TYPE, SERIAL, body, files, pkpass, png

from app.outbound import Outbound
from app.sandbox.page import CannotOpen, Door, Holder, SandboxPage, Shelf, Try
from app.sandbox.phone import Notification, Phone
from app.world import World
from passes.wallets.base import Answer, Ask

EVIL = "<script>alert(1)</script>"


class Google:
    def __init__(self) -> None:
        self.classes: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        self.notifications: list[Any] = []
        self.listeners: list[Callable[[], None]] = []

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(changed)
        return lambda: self.listeners.remove(changed)

    def save(self, picture: str, **changed: Any) -> None:
        self.classes["3388.class"] = {
            "issuerName": "Cà Phê Sáng",
            "programName": "Coffee card",
            "localizedProgramName": {
                "defaultValue": {"language": "en", "value": "Coffee card"},
                "translatedValues": [{"language": "vi", "value": "Thẻ cà phê"}],
            },
            "hexBackgroundColor": "#2b1d14",
        }
        self.objects["3388.card"] = {
            "classId": "3388.class",
            "hasUsers": True,
            "state": "ACTIVE",
            "accountName": EVIL,
            "loyaltyPoints": {"label": "Stamps", "balance": {"string": "7/10"}},
            "barcode": {"type": "QR_CODE", "value": "K7QM4XRT3", "alternateText": "K7Q-M4X-RT3"},
            "heroImage": {"sourceUri": {"uri": picture}},
        } | changed
        for listener in self.listeners:
            listener()


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    out = Outbound()
    yield out
    await out.close()


@pytest.fixture
async def phone(out: Outbound) -> AsyncIterator[Phone]:
    world = World(now=lambda: NOW, new_id=uuid4, pick=lambda letters: letters[0], token=lambda: "t", uniform=lambda: 0.5, http=out)
    phone = Phone("Hoa", world=world, root=(chain(PASS_TYPE) / "root.pem").read_bytes(), language="vi")
    await phone.add(pkpass(files(body(webServiceURL=None, authenticationToken=None, logoText=EVIL))))
    yield phone
    await phone.close()


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
async def page(out: Outbound, phone: Phone, google: Google) -> AsyncIterator[SandboxPage]:
    shelf = Shelf(title="Cà Phê Sáng", google=google, tries=[Try("Redeem it", "curl 'http://x' -d '{\"a\": 1}'")])
    shelf.show(Holder(name="Hoa", language="vi", phone=phone, google="3388.card"))
    async with SandboxPage(shelf, http=out) as page:
        yield page


async def got(out: Outbound, page: SandboxPage, path: str) -> Answer:
    return await out(Ask(method="GET", url=page.url + path))


async def test_the_page_shows_the_pass_in_the_phones_language_with_its_code(out: Outbound, page: SandboxPage) -> None:
    answer = await got(out, page, "/")
    shown = answer.body.decode()
    assert answer.status == 200
    assert all(words in shown for words in ("Tem", "7/10", "K7Q-M4X-RT3", "31 thg 12, 2026", "curl &#39;http://x&#39;"))
    assert 'aria-label="QR K7Q-M4X-RT3"' in shown


async def test_nothing_on_the_page_is_inline_and_everything_from_outside_is_escaped(
    out: Outbound, page: SandboxPage, google: Google
) -> None:
    google.save("http://127.0.0.1:1/x.png")
    answer = await got(out, page, "/")
    shown = answer.body.decode()
    assert EVIL not in shown
    assert "&lt;script&gt;" in shown
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on[a-z]+=", shown)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_every_address_on_the_page_is_there(out: Outbound, page: SandboxPage, google: Google) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        picture = png(10, 10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture)

    async with bare_http(serve) as url:
        google.save(f"{url}/hero.png")
        shown = (await got(out, page, "/")).body.decode()
        addresses = set(re.findall(r'(?:src|href)="(/[^"]+)"', shown))
        assert {address.rpartition("/")[2].partition("?")[0] for address in addresses} >= {"strip", "hero", f"{SERIAL}.png"}
        for address in addresses:
            assert (await got(out, page, address)).status == 200, address


async def test_a_card_that_nobody_saved_is_not_on_the_google_phone(out: Outbound, page: SandboxPage, google: Google) -> None:
    google.save("", hasUsers=False)
    assert "saves it to Google Wallet" in (await got(out, page, "/cards")).body.decode()
    google.save("")
    shown = (await got(out, page, "/cards")).body.decode()
    assert "Thẻ cà phê" in shown
    assert "saves it to Google Wallet" not in shown


async def test_the_page_hears_of_every_change_and_is_told_when_it_is_over(
    out: Outbound, page: SandboxPage, google: Google, phone: Phone
) -> None:
    host, port = page.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"text/event-stream" in await reader.readuntil(b"retry: 1000\n\n")
    google.save("")
    await reader.readuntil(b"data: changed\n\n")
    note = Notification(at=NOW, serial=SERIAL, title="Cà Phê Sáng", text="Tin mới: 8/10", messages=())
    phone.notifications.append(note)
    google.notifications.append(SimpleNamespace(at=datetime.now(NOW.tzinfo), object_id="3388.card", title="Cà Phê Sáng", text="8/10"))
    phone.changes()
    await reader.readuntil(b"data: changed\n\n")
    shown = (await got(out, page, "/cards")).body.decode()
    assert shown.count("data-note=") == 2
    await page.__aexit__()
    assert await reader.readuntil(b"0\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    "path", ["/nothing", "/apple/9/x/icon", "/apple/0/x/icon", "/apple/-1/x/icon", "/google/0/hero", "/static/../page.py", "/screen/0/x"]
)
async def test_there_is_nothing_else(out: Outbound, page: SandboxPage, path: str) -> None:
    assert (await got(out, page, path)).status == 404


async def test_the_page_is_only_looked_at(out: Outbound, page: SandboxPage) -> None:
    assert (await out(Ask(method="POST", url=page.url + "/", body=b"x"))).status == 405
    assert (await out(Ask(method="HEAD", url=page.url + "/"))).body == b""


async def test_a_new_phone_opens_the_link_of_a_poster_for_whoever_asks_on_the_page_itself(out: Outbound) -> None:
    opened = []

    async def scan(*said: str) -> None:
        if "no-such" in said[2]:
            raise CannotOpen(EVIL)
        opened.append(said)

    async with SandboxPage(Shelf(title="Café", door=Door(link="http://cards.example/join/1", open=scan)), http=out) as page:
        assert b'value="http://cards.example/join/1"' in (await got(out, page, "/")).body

        async def sent(body: bytes, origin: str) -> Answer:
            return await out(Ask(method="POST", url=page.url + "/join", headers=(("Origin", origin),), body=body))

        assert (await sent(b"name=Hoa&language=vi&link=http%3A%2F%2Fx%2Fjoin", "https://elsewhere.example")).status == 403
        assert opened == []
        joined = await sent(b"name=Hoa&language=vi&link=http%3A%2F%2Fx%2Fjoin", page.url)
        assert (joined.status, joined.headers["location"], opened) == (303, "/", [("Hoa", "vi", "http://x/join")])
        refused = await sent(b"name=Hoa&link=no-such", page.url)
        assert refused.status == 422
        assert EVIL.encode() not in refused.body


async def test_a_picture_that_is_none_is_not_passed_on(out: Outbound, page: SandboxPage, google: Google) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx")

    async with bare_http(serve) as url:
        google.save(f"{url}/hero.png")
        assert (await got(out, page, "/google/0/hero")).status == 502
    google.save("file:///etc/passwd")
    assert (await got(out, page, "/google/0/hero")).status == 404
