"""Signing in with a password: who is let in, what everybody else is told, and how sessions end."""

import asyncio
import re

import httpx
import pytest
import structlog
from databases import BOTH
from msgspec.structs import replace
from shop import PASSWORD, PIN, Shop, email_of

from app.desk import found, hashing, signing_in

NEW = "twelve tall cranes"


async def tried(browser: httpx.AsyncClient, email: str, password: str, **more: str) -> httpx.Response:
    return await browser.post("/sign-in", data={"email": email, "password": password, **more})


@pytest.fixture
async def door(shop: Shop) -> httpx.AsyncClient:
    """A browser that stands at the sign-in page; Lan has a password."""
    await shop.give("Lan", password=PASSWORD)
    browser = shop.browser()
    assert (await browser.get("/sign-in")).status_code == 200
    return browser


async def test_an_owner_signs_in_and_out_again(shop: Shop, door: httpx.AsyncClient) -> None:
    answer = await tried(door, " LAN@example.com ", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/redemptions")
    assert (await door.get("/account")).status_code == 200
    assert (await door.post("/sign-out")).headers["location"] == "/sign-in"
    assert (await door.get("/account")).headers["location"] == "/sign-in?to=/account"


async def test_the_session_is_in_a_cookie_that_no_script_and_no_other_site_can_use(door: httpx.AsyncClient) -> None:
    cookie = (await tried(door, "lan@example.com", PASSWORD)).headers["set-cookie"].lower()
    assert cookie.startswith("session=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "lan@example" not in door.cookies["session"].lower()


async def test_an_unknown_address_and_a_wrong_password_are_answered_alike(shop: Shop, door: httpx.AsyncClient) -> None:
    await shop.give("An", password=PASSWORD)  # a cashier: the pages are not for them, and so there is no such sign-in
    answers = [
        await tried(door, email, password)
        for email, password in (
            ("nobody@example.com", PASSWORD),
            ("lan@example.com", "not the password"),
            ("an@example.com", PASSWORD),
            ("minh@example.com", ""),
        )
    ]
    said = {(one.status_code, one.text.replace(str(one.request.content), ""), tuple(one.headers)) for one in answers}
    told = {re.sub(r'value="[^"]*@example.com"', "", text) for _, text, _ in said}
    assert {status for status, _, _ in said} == {401}
    assert len(told) == 1
    assert len({headers for _, _, headers in said}) == 1
    assert "do not belong together" in told.pop()


async def test_the_address_stays_in_the_form_and_the_password_does_not(door: httpx.AsyncClient) -> None:
    answer = await tried(door, '"><b>lan@example.com', "not the password")
    assert "&lt;b&gt;lan@example.com" in answer.text
    assert "not the password" not in answer.text


@BOTH
async def test_after_five_guesses_each_must_wait_even_the_right_one(shop: Shop, door: httpx.AsyncClient) -> None:
    for _ in range(5):
        assert (await tried(door, "lan@example.com", "wrong")).status_code == 401
    refused = await tried(door, "lan@example.com", PASSWORD)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert "Try again in 30 seconds." in refused.text
    shop.clock.forward(seconds=31)
    assert (await tried(door, "lan@example.com", "wrong")).status_code == 401
    assert "Try again in 1 minute." in (await tried(door, "lan@example.com", PASSWORD)).text
    shop.clock.forward(seconds=61)
    assert (await tried(door, "lan@example.com", PASSWORD)).status_code == 303
    for _ in range(4):  # a success forgives the guesses before it
        assert (await tried(door, "lan@example.com", "wrong")).status_code == 401


async def test_guesses_at_an_unknown_address_wait_as_long(door: httpx.AsyncClient) -> None:
    statuses = [(await tried(door, "nobody@example.com", "wrong")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


@BOTH
async def test_guesses_that_come_all_at_once_all_count(shop: Shop, door: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(tried(door, "lan@example.com", f"wrong {n}") for n in range(12)))
    assert sorted(one.status_code for one in answers) == [401] * 5 + [429] * 7


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),  # as a socket for both kinds says it: else all of them would be one
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("", ""),
    ],
)
def test_guesses_are_counted_for_what_one_connection_is_given(address: str, network: str) -> None:
    assert signing_in.network(address) == network


async def test_one_address_may_not_try_the_accounts_of_everybody(door: httpx.AsyncClient) -> None:
    statuses = [(await tried(door, f"{n}@example.com", "wrong")).status_code for n in range(22)]
    assert statuses == [401] * 20 + [429] * 2


@pytest.mark.parametrize(("to", "goes"), [("/staff", "/staff"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")])
async def test_signing_in_leads_only_to_our_own_pages(door: httpx.AsyncClient, to: str, goes: str) -> None:
    assert (await tried(door, "lan@example.com", PASSWORD, to=to)).headers["location"] == goes


async def test_a_form_without_its_secret_is_too_old(shop: Shop, door: httpx.AsyncClient) -> None:
    browser = shop.browser()
    answer = await browser.post("/sign-in", data={"email": "lan@example.com", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This page is too old" in answer.text


async def test_a_secret_that_was_signed_with_a_key_that_is_gone_is_replaced(shop: Shop, door: httpx.AsyncClient) -> None:
    door.cookies.set("csrf", "0" * 128, domain="cards.example")
    await door.get("/sign-in")
    assert (await tried(door, "lan@example.com", PASSWORD)).status_code == 403
    await door.get("/sign-in")
    assert (await tried(door, "lan@example.com", PASSWORD)).status_code == 303


async def test_a_form_carries_its_secret_itself(shop: Shop, door: httpx.AsyncClient) -> None:
    page = (await door.get("/sign-in")).text
    secret = re.search(r'name="_csrf_token" value="(\w+)"', page)
    assert secret
    form = {"email": "lan@example.com", "password": PASSWORD, "_csrf_token": secret[1]}
    answer = await door.post("/sign-in", data=form, headers={"X-CSRFToken": ""})
    assert answer.status_code == 303


async def test_a_suspended_person_is_out_at_the_next_request_and_cannot_come_back(shop: Shop) -> None:
    minh = await shop.sign_in("Minh")
    assert (await minh.get("/account")).status_code == 200
    owner = await shop.sign_in("Lan")
    assert (await owner.post(f"/staff/{shop.staff['Minh'].id}/suspend")).status_code == 303
    assert (await minh.get("/account")).status_code == 303
    assert (await tried(minh, "minh@example.com", PASSWORD)).status_code == 401
    assert (await shop.post("look-ups", {"code": "K7Q"}, who="Minh")).status_code == 401


async def test_another_password_ends_the_sessions_elsewhere_and_not_here(shop: Shop) -> None:
    elsewhere = await shop.sign_in("Lan")
    here = shop.browser()
    await here.get("/sign-in")
    assert (await tried(here, "lan@example.com", PASSWORD)).status_code == 303
    assert (await here.post("/account/password", data={"present": "not it", "password": NEW})).status_code == 401
    assert (await here.post("/account/password", data={"present": PASSWORD, "password": "Lan Lan Lan Lan"})).status_code == 422
    assert (await here.post("/account/password", data={"present": PASSWORD, "password": NEW})).status_code == 303
    assert (await here.get("/account")).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303
    assert (await tried(elsewhere, "lan@example.com", PASSWORD)).status_code == 401
    assert (await tried(elsewhere, "lan@example.com", NEW)).status_code == 303


async def test_signing_out_everywhere_ends_every_session(shop: Shop) -> None:
    one, other = await shop.sign_in("Lan"), shop.browser()
    await other.get("/sign-in")
    await tried(other, "lan@example.com", PASSWORD)
    assert (await one.post("/account/sign-out-everywhere")).headers["location"] == "/sign-in"
    assert {(await browser.get("/account")).status_code for browser in (one, other)} == {303}


async def test_a_session_ends_after_two_weeks(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    shop.clock.forward(days=14, seconds=1)
    assert (await owner.get("/account")).status_code == 303


async def test_who_has_one_address_and_password_in_two_shops_is_asked_which(shop: Shop, door: httpx.AsyncClient) -> None:
    other = await found.found(
        shop.desk.store,
        shop.desk.world,
        name="Trà Chiều",
        zone="UTC",
        currency="VND",
        languages=("vi",),
        location="Quận 3",
        owner="Lan",
        email="Lan@example.com",
    )
    (here,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    (there,) = await shop.desk.store.members(staff_id=other.owner.id)
    await shop.desk.store.replace_member(there.staff, replace(there.login, password=here.login.password, version=1), seen=0)
    asked = await tried(door, "lan@example.com", PASSWORD)
    assert asked.status_code == 200
    assert {"Cà Phê Sáng", "Trà Chiều"} <= set(re.findall(r"<span>([^<]+)</span></button>", asked.text))
    assert (await door.get("/account")).status_code == 303
    assert (await door.post("/sign-in/shop", data={"staff_id": str(other.owner.id)})).status_code == 303
    assert "Trà Chiều" in (await door.get("/account")).text
    assert (await door.post("/sign-in/shop", data={"staff_id": str(shop.staff["Lan"].id)})).status_code == 401


async def test_the_front_door_leads_each_browser_to_its_page(shop: Shop) -> None:
    assert (await shop.browser().get("/")).headers["location"] == "/sign-in"
    assert (await (await shop.sign_in("Lan")).get("/")).headers["location"] == "/redemptions"
    assert (await (await shop.enrol()).get("/")).headers["location"] == "/counter"


async def test_a_chosen_language_stays(shop: Shop) -> None:
    browser = shop.browser(language="en")
    assert '<html lang="en"' in (await browser.get("/sign-in")).text
    assert (await browser.post("/language", data={"language": "vi", "to": "/sign-in"})).headers["location"] == "/sign-in"
    assert '<html lang="vi"' in (await browser.get("/sign-in")).text
    await browser.post("/language", data={"language": "xx", "to": "//evil.example"})
    assert '<html lang="vi"' in (await browser.get("/sign-in")).text


async def test_what_people_type_never_reaches_the_log(shop: Shop, door: httpx.AsyncClient) -> None:
    await shop.give("An", pin=PIN)
    with structlog.testing.capture_logs() as lines:
        await tried(door, "lan@example.com", "a wrong secret")
        await tried(door, "lan@example.com", PASSWORD)
        await tried(door, "x" * 300, "y" * 300)
        counter = await shop.enrol()
        for pin in ("9182", PIN):
            await counter.post("/counter/person", data={"staff_id": str(shop.staff["An"].id), "pin": pin})
        await counter.get("/invite/a-link-that-never-was")
    written = repr(lines)
    assert lines
    for secret in (PASSWORD, "a wrong secret", email_of("Lan"), "9182", PIN, "a-link-that-never-was", "x" * 300, "y" * 300):
        assert not re.search(rf"\b{re.escape(secret)}\b", written)


@pytest.mark.parametrize("path", ["/sign-in", "/counter/photo"])
async def test_a_huge_form_is_not_read(shop: Shop, door: httpx.AsyncClient, path: str) -> None:
    for kind in ("application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=a"):
        answer = await shop.browser().post(path, content=b"a=1&" * 50_000, headers={"Content-Type": kind})
        assert answer.status_code in (403, 413), answer.status_code


async def test_a_secret_that_is_no_secret_is_refused(shop: Shop) -> None:
    browser = shop.browser()
    await browser.get("/sign-in")
    for fields in ({"data": {"_csrf_token": "é" * 150}}, {"files": {"_csrf_token": ("secret", b"0" * 128)}}):
        answer = await browser.post("/sign-in", headers={"X-CSRFToken": ""}, **fields)  # type: ignore[arg-type]
        assert answer.status_code == 403
        await browser.get("/sign-in")


async def test_who_has_the_same_address_in_another_shop_wins_no_guesses_by_signing_in_there(shop: Shop, door: httpx.AsyncClient) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Nhà Bên")
    await other.give("Lan", password=NEW)
    for _ in range(5):
        assert (await tried(door, "lan@example.com", "a wrong guess")).status_code == 401
        shop.clock.forward(minutes=15)
        assert (await tried(door, "lan@example.com", NEW)).status_code == 303
    (ours,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    assert (await shop.desk.store.strikes(signing_in.account_of(ours))).n > 5
    assert (await tried(door, "lan@example.com", PASSWORD)).status_code == 401  # too early there, and wrong next door
    shop.clock.forward(minutes=15)
    assert (await tried(door, "lan@example.com", PASSWORD)).status_code == 303


async def test_whoever_comes_when_a_crowd_is_at_the_door_is_told_so_at_once_and_has_guessed_nothing(
    shop: Shop, door: httpx.AsyncClient
) -> None:
    crowd = [asyncio.create_task(hashing.fits("", "whatever")) for _ in range(10 * signing_in.LONGEST_LINE)]
    while hashing.waiting(hashing.AT_THE_DOOR) < signing_in.LONGEST_LINE:  # noqa: ASYNC110 (nothing tells when a line is long)
        await asyncio.sleep(0)
    answer = await tried(door, "lan@example.com", PASSWORD)
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "2")
    for one in crowd:
        one.cancel()  # they have seen the line, and go
    (lan,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    assert (await shop.desk.store.strikes(signing_in.account_of(lan))).n == 0


async def test_a_pin_at_a_counter_does_not_wait_behind_a_crowd_at_the_door() -> None:
    crowd = asyncio.gather(*(hashing.fits("", "whatever") for _ in range(20)))
    await hashing.fits("", "2580", line=hashing.AT_COUNTER)
    assert not crowd.done()
    await crowd
