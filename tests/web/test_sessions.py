"""The session lives in a cookie, and answers may overtake each other."""

from collections.abc import AsyncIterator
from pathlib import Path

import cookies
import httpx
import pytest
from shop import Shop, open_shop


@pytest.fixture
async def till(sqlite_url: str, tmp_path: Path) -> AsyncIterator[tuple[Shop, httpx.AsyncClient]]:
    """A counter where An stands, on a browser on which Lan is signed in."""
    async with open_shop(sqlite_url, certs=str(tmp_path)) as shop:
        counter = await cookies.enrolled(shop, tmp_path)
        people = {
            "signed_in": (await cookies.member(shop, "Lan"), shop.clock()),
            "at_counter": (await cookies.member(shop, "An"), shop.clock()),
        }
        browser = httpx.AsyncClient(transport=shop.client._transport, base_url="https://counter.example")
        for name, value in {**counter.cookies, **cookies.session(tmp_path, **people)}.items():
            browser.cookies.set(name, value, domain="counter.example")
        yield shop, browser


async def test_an_answer_that_was_long_on_its_way_brings_nobody_back_who_left_meanwhile(till: tuple[Shop, httpx.AsyncClient]) -> None:
    _, browser = till
    slow = [await browser.get(path) for path in ("/counter", "/counter/manifest.webmanifest", "/redemptions/numbers")]
    browser.headers["X-CSRFToken"] = browser.cookies["csrf"]
    left = await browser.post("/counter/leave")
    assert "/static/counter.js" in slow[0].text
    for answer in slow:
        assert answer.status_code == 200
        assert "session" not in answer.cookies
    assert "session" in left.cookies
    assert "/static/counter.js" not in (await browser.get("/counter")).text
    assert (await browser.get("/redemptions/numbers")).status_code == 200
    signed_out = await browser.post("/sign-out")
    assert "session=null" in signed_out.headers["set-cookie"]
    assert (await browser.get("/redemptions/numbers", headers={"X-Fragment": "1"})).status_code == 401
