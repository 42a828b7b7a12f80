"""Browsers become counters, people take them by PIN, and both end when somebody says so."""

import asyncio
import re
from uuid import uuid4

import httpx
import pytest
from databases import BOTH
from shop import PIN, Shop

from app.desk import enrolment, signing_in
from app.desk.found import secret_hash
from app.store import Counting


async def link_for(shop: Shop, kind: str = "staff", name: str = "Till 1") -> str:
    (owner,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    _, secret = await enrolment.link(shop.desk, owner, location_id=shop.locations["Bến Thành"].id, name=name, kind=kind)
    return f"/enrol/{secret}"


async def counting(shop: Shop, browser: httpx.AsyncClient) -> Counting | None:
    return await shop.desk.store.counting(secret_hash(browser.cookies["counter"]))


async def pin(shop: Shop, browser: httpx.AsyncClient, who: str, digits: str, **headers: str) -> httpx.Response:
    return await browser.post("/counter/person", data={"staff_id": str(shop.staff[who].id), "pin": digits}, headers=headers)


async def test_a_link_says_what_it_does_and_makes_a_counter_of_the_browser_that_says_yes(shop: Shop) -> None:
    owner, tablet = await shop.sign_in("Lan"), shop.browser()
    form = {"name": "Till by the door", "location_id": str(shop.locations["Thảo Điền"].id), "kind": "staff"}
    made = await owner.post("/counters", data=form)
    link = re.search(r'value="https://cards\.example(/enrol/[^"]+)"', made.text)
    assert link
    assert "<svg" in made.text
    for _ in range(2):  # looking changes nothing
        page = await tablet.get(link[1])
        assert page.status_code == 200
        assert {"Till by the door", "Thảo Điền", "Cà Phê Sáng"} <= set(re.findall(r"<dd>([^<]+)</dd>", page.text))
    answer = await tablet.post(link[1])
    assert (answer.status_code, answer.headers["location"]) == (303, "/counter")
    there = await counting(shop, tablet)
    assert there
    assert (there.counter.name, there.location.name) == ("Till by the door", "Thảo Điền")
    assert (await tablet.get(link[1])).status_code == 410
    assert "Till by the door" in (await owner.get("/counters")).text


async def test_the_counter_is_in_a_cookie_for_a_year_that_no_script_and_no_other_site_can_use(shop: Shop) -> None:
    browser = shop.browser()
    await browser.get("/")
    cookies = [one.lower() for one in (await browser.post(await link_for(shop))).headers.get_list("set-cookie")]
    (cookie,) = (one for one in cookies if one.startswith("counter="))
    assert {"httponly", "secure", "samesite=strict", "path=/", "max-age=31536000"} <= {part.strip() for part in cookie.split(";")}


@BOTH
async def test_of_two_who_open_a_link_at_once_one_becomes_the_counter(shop: Shop) -> None:
    link, browsers = await link_for(shop), [shop.browser() for _ in range(4)]
    for browser in browsers:
        await browser.get("/")
    answers = await asyncio.gather(*(browser.post(link) for browser in browsers))
    assert sorted(one.status_code for one in answers) == [303, 410, 410, 410]
    assert len(await shop.desk.store.counters(shop.business.id)) == 1


async def test_a_link_ends_after_ten_minutes_and_with_the_person_who_made_it(shop: Shop) -> None:
    browser = shop.browser()
    await browser.get("/")
    late = await link_for(shop)
    shop.clock.forward(minutes=10, seconds=1)
    assert (await browser.get(late)).status_code == (await browser.post(late)).status_code == 410
    (minh,) = await shop.desk.store.members(staff_id=shop.staff["Minh"].id)
    _, secret = await enrolment.link(shop.desk, minh, location_id=shop.locations["Bến Thành"].id, name="Till", kind="staff")
    await (await shop.sign_in("Lan")).post(f"/staff/{minh.staff.id}/suspend")
    spent = await browser.post(f"/enrol/{secret}")
    never = await browser.post("/enrol/never-was")
    assert spent.status_code == never.status_code == 410
    assert spent.text.replace(secret, "never-was") == never.text


async def test_the_owners_own_browser_becomes_a_counter_in_one_step_and_another_one_later(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    form = {"name": "Laptop", "location_id": str(shop.locations["Bến Thành"].id), "kind": "staff"}
    assert (await owner.post("/counters/here", data=form)).headers["location"] == "/counter"
    first = await counting(shop, owner)
    assert first
    assert (await owner.post("/counters/here", data=form | {"name": "Kiosk", "kind": "kiosk"})).status_code == 303
    second = await counting(shop, owner)
    assert second
    assert second.counter.kind == "kiosk"
    revoked = {one.id: one.revoked_at is not None for one in await shop.desk.store.counters(shop.business.id)}
    assert revoked == {first.counter.id: True, second.counter.id: False}


async def test_a_revoked_counter_is_none_at_its_next_request(shop: Shop) -> None:
    owner, counter = await shop.sign_in("Lan"), await shop.at_counter("An")
    there = await counting(shop, counter)
    assert there
    assert (await owner.post(f"/counters/{there.counter.id}/revoke")).status_code == 303
    refused = await counter.post("/counter/leave", headers={"X-Fragment": "1"})
    assert (refused.status_code, refused.headers["x-problem"]) == (401, "not_a_counter")
    assert (await counter.get("/")).headers["location"] == "/sign-in"


async def test_a_machine_works_under_the_counters_name_and_ends_with_it(shop: Shop) -> None:
    owner, kiosk = await shop.sign_in("Lan"), await shop.enrol(kind="kiosk", name="Kiosk at the window")
    there = await counting(shop, kiosk)
    assert there
    (machine,) = await shop.desk.store.members(staff_id=there.counter.machine_id)
    assert (machine.staff.name, machine.staff.role, machine.staff.counter) == ("Kiosk at the window", "cashier", True)
    assert "Kiosk at the window" not in (await owner.get("/staff")).text
    await owner.post(f"/counters/{there.counter.id}/name", data={"name": "Kiosk"})
    await owner.post(f"/counters/{there.counter.id}/revoke")
    (machine,) = await shop.desk.store.members(staff_id=there.counter.machine_id)
    assert machine.staff.name == "Kiosk"
    assert machine.staff.suspended_at == shop.clock()
    assert (await owner.post(f"/staff/{machine.staff.id}/resume")).status_code == 404


async def test_somebody_takes_the_counter_by_pin_and_leaves_it(shop: Shop) -> None:
    counter = await shop.enrol()
    await shop.give("An", pin=PIN)
    answer = await pin(shop, counter, "An", PIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/counter")
    assert (await pin(shop, counter, "An", PIN, **{"X-Fragment": "1"})).status_code == 204
    assert (await counter.post("/counter/leave")).status_code == 303


async def test_five_wrong_pins_lock_it_until_a_manager_unlocks_it(shop: Shop) -> None:
    counter, manager = await shop.at_counter("An"), await shop.sign_in("Minh")
    words = [(await pin(shop, counter, "An", f"918{n}", **{"X-Fragment": "1"})).headers["x-problem"] for n in range(5)]
    assert words == ["wrong_pin"] * 4 + ["pin_locked"]
    locked = await pin(shop, counter, "An", PIN)
    assert locked.status_code == 423
    assert "the PIN of An is locked" in locked.text
    shop.clock.forward(hours=5)
    assert (await pin(shop, counter, "An", PIN)).status_code == 423
    assert "Locked" in (await manager.get("/staff")).text
    assert (await manager.post(f"/staff/{shop.staff['An'].id}/unlock")).status_code == 303
    assert (await pin(shop, counter, "An", PIN)).status_code == 303


@BOTH
async def test_pins_guessed_all_at_once_are_five_at_most(shop: Shop) -> None:
    counter = await shop.at_counter("An")
    answers = await asyncio.gather(*(pin(shop, counter, "An", f"{n:04}", **{"X-Fragment": "1"}) for n in range(3000, 3012)))
    assert [one.headers["x-problem"] for one in answers].count("wrong_pin") <= 4
    assert (await pin(shop, counter, "An", PIN)).status_code == 423


async def test_one_counter_may_not_try_the_pins_of_everybody(shop: Shop) -> None:
    await shop.give("An", pin=PIN)
    counter = await shop.enrol()
    (an,) = await shop.desk.store.members(staff_id=shop.staff["An"].id)
    for _ in range(20):  # as if there were twenty colleagues
        await shop.desk.store.strike(enrolment_key(await counting(shop, counter)), at=shop.clock(), fresh=shop.clock())
    refused = await pin(shop, counter, "An", PIN)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    shop.clock.forward(minutes=10, seconds=1)
    assert (await pin(shop, counter, "An", PIN)).status_code == 303
    assert an.login.locked_at is None


def enrolment_key(there: Counting | None) -> str:
    assert there
    return signing_in.key("counter", str(there.counter.id))


async def test_a_counter_asks_only_the_people_of_its_shop_who_have_a_pin(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    await other.give("An", pin=PIN)
    await shop.give("Bình", pin=PIN)
    counter = await shop.enrol()
    theirs = await counter.post("/counter/person", data={"staff_id": str(other.staff["An"].id), "pin": PIN})
    nobody = await counter.post("/counter/person", data={"staff_id": str(uuid4()), "pin": PIN})
    without = await pin(shop, counter, "An", PIN)
    assert {one.status_code for one in (theirs, nobody, without)} == {404}
    assert theirs.text == nobody.text == without.text


async def test_counters_and_locations_of_another_shop_are_like_none(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    owner, theirs = await shop.sign_in("Lan"), await counting(other, await other.enrol())
    assert theirs
    for path, form in (("name", {"name": "Mine"}), ("revoke", {})):
        answers = [await owner.post(f"/counters/{one}/{path}", data=form) for one in (theirs.counter.id, uuid4())]
        assert {one.status_code for one in answers} == {404}
    for path in ("/counters", "/counters/here"):
        answers = [
            await owner.post(path, data={"name": "Mine", "location_id": str(one), "kind": "staff"}) for one in (theirs.location.id, uuid4())
        ]
        assert {one.status_code for one in answers} == {404}
        assert answers[0].text == answers[1].text


async def test_an_owner_decides_whether_counters_ask_first(shop: Shop) -> None:
    owner, manager = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    assert (await manager.post("/counters/mode", data={"asks_first": "true"})).status_code == 403
    assert "Change to: ask first" in (await owner.get("/counters")).text
    assert (await owner.post("/counters/mode", data={"asks_first": "true"})).status_code == 303
    (business,) = await shop.desk.store.businesses()
    assert business.asks_first
    assert "Ask first: the counter shows" in (await manager.get("/counters")).text
    assert "Change to: redeem at once" in (await owner.get("/counters")).text


@BOTH
async def test_the_page_knows_when_a_counter_was_last_used(shop: Shop) -> None:
    owner, counter = await shop.sign_in("Lan"), await shop.at_counter("An")
    shop.clock.forward(minutes=5)
    await counter.post("/counter/leave")
    assert "today 12:05" in (await owner.get("/counters")).text


@pytest.mark.parametrize("path", ["/staff", "/counters", "/account"])
async def test_the_owners_pages_are_closed_to_a_counter(shop: Shop, path: str) -> None:
    counter = await shop.at_counter("An")
    assert (await counter.get(path)).headers["location"] == f"/sign-in?to={path}"
    assert (await counter.post("/counters/mode", data={"asks_first": "true"})).status_code == 401
