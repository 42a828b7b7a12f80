"""The first evening: an empty house is claimed once, and what exists tells how far its owner has come."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import PASSWORD, PIN, Clock, Shop, application

from app.desk import starting
from app.store import Audit

BEGUN = {
    "name": "Cà Phê Sáng",
    "zone": "Asia/Saigon",
    "currency": "VND",
    "languages": ["vi", "en"],
    "owner": "Lan",
    "email": "Lan@example.com",
    "password": PASSWORD,
    "pin": PIN,
}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[Shop]:
    """An installation in which nobody has been yet."""
    async with application(database_url, Clock()) as (client, desk, followers):
        yield Shop(client, desk, Clock(), followers)


def link(house: Shop) -> str:
    return f"/start/{house.client._transport.app.state.start}"


async def newcomer(house: Shop) -> httpx.AsyncClient:
    browser = house.browser()
    await browser.get(link(house))
    return browser


async def test_who_has_the_link_begins_the_business_and_is_signed_in_as_its_owner(house: Shop) -> None:
    browser = await newcomer(house)
    answer = await browser.post(link(house), data=BEGUN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup")
    (business,) = await house.desk.store.businesses()
    assert (business.name, business.zone, business.currency, business.languages) == ("Cà Phê Sáng", "Asia/Ho_Chi_Minh", "VND", ("en", "vi"))
    (line,) = await house.desk.store.audited(business.id, limit=10)
    assert isinstance(line, Audit)
    assert line.what == "business.made"
    assert (await browser.get("/")).headers["location"] == "/setup"
    page = (await browser.get("/setup")).text
    assert re.findall(r'data-done="(\w+)"', page) == ["false"] * 6
    again = house.browser()
    await again.get("/sign-in")
    assert (await again.post("/sign-in", data={"email": "lan@example.com", "password": PASSWORD})).status_code == 303
    assert (await again.get(link(house))).status_code == 410, "the link works only while there is no business"
    assert (await again.post(link(house), data=BEGUN)).status_code == 410


async def test_strangers_cannot_claim_an_empty_house(house: Shop) -> None:
    browser = await newcomer(house)
    for secret in ("", "x" * 40, link(house)[7:-1], "é"):
        assert (await browser.post(f"/start/{secret}", data=BEGUN)).status_code in (404, 410)
    assert not await house.desk.store.businesses()


@BOTH
async def test_of_two_who_claim_it_at_once_one_has_it(house: Shop) -> None:
    browsers = [await newcomer(house) for _ in range(3)]
    answers = await asyncio.gather(*(one.post(link(house), data={**BEGUN, "name": f"Shop {n}"}) for n, one in enumerate(browsers)))
    assert sorted(one.status_code for one in answers) == [303, 410, 410]
    assert len(await house.desk.store.businesses()) == 1


async def test_all_that_is_wrong_is_said_at_once_beside_its_field_and_what_was_typed_is_kept(house: Shop) -> None:
    browser = await newcomer(house)
    answer = await browser.post(link(house), data={**BEGUN, "password": "short", "pin": "1111"})
    assert answer.status_code == 422
    assert set(re.findall(r'id="(\w+)-error"', answer.text)) == {"password", "pin"}
    assert 'value="Asia/Saigon"' in answer.text
    assert "short" not in answer.text, "a password is never sent back"
    answer = await browser.post(link(house), data={**BEGUN, "zone": "Mars", "currency": "XXX", "languages": []})
    assert set(re.findall(r'id="(\w+)-error"', answer.text)) == {"zone", "currency", "languages"}
    assert not await house.desk.store.businesses()


@BOTH
async def test_a_step_is_done_when_what_it_makes_exists(shop: Shop) -> None:
    async def done() -> set[str]:
        (business,) = [one for one in await shop.desk.store.businesses() if one.id == shop.business.id]
        return {step.name for step in await starting.steps(shop.desk, business) if step.done}

    assert await done() == {"business", "brand", "program"}
    owner = await shop.sign_in("Lan")
    place = shop.locations["Bến Thành"]
    await owner.post(f"/locations/{place.id}", data={"name": place.name, "address": "1 Lê Lợi"})
    await shop.enrol()
    await shop.join()
    assert await done() == {"business", "brand", "program", "locations", "counter", "poster"}


async def test_the_menu_leads_to_the_first_steps_until_all_are_done(shop: Shop) -> None:
    owner, place = await shop.sign_in("Lan"), shop.locations["Bến Thành"]
    assert '<a href="/setup"' in (await owner.get("/offers")).text
    await owner.post(f"/locations/{place.id}", data={"name": place.name, "address": "1 Lê Lợi"})
    await shop.enrol()
    await shop.join()
    assert '<a href="/setup"' not in (await owner.get("/offers")).text


async def test_what_stands_between_here_and_real_phones_is_said_with_its_cure_to_owners_alone(shop: Shop) -> None:
    page = (await (await shop.sign_in("Lan")).get("/setup")).text
    assert "Apple Wallet:" in page
    assert "counterpass certs csr" in page
    page = (await (await shop.sign_in("Lan")).get("/setup", headers={"Accept-Language": "vi"})).text
    assert "Chưa có máy chủ thư: tin nhắn chỉ đến khách hàng trên thẻ." in page
    assert "Apple Wallet:" not in (await (await shop.sign_in("Minh")).get("/setup")).text


async def test_a_poster_leads_to_the_program_or_to_it_at_a_location_in_every_language(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    page = (await manager.get(f"/programs/{shop.program.id}/poster?size=a5")).text
    assert f"cards.example/join/{shop.program.id}<" in page
    assert {"Đủ 10 dấu, nhận ngay: Cà phê miễn phí", "10 stamps, and it is yours: Free coffee"} <= set(
        re.findall(r'<p lang="\w+"[^>]*>([^<]+)</p>', page)
    )
    there = shop.locations["Thảo Điền"]
    page = (await manager.get(f"/programs/{shop.program.id}/poster/{there.id}")).text
    assert f"cards.example/join/{shop.program.id}/at/{there.id}<" in page
    business = replace(shop.business, languages=("en",))
    assert await shop.desk.store.revise([(shop.business, business)])
    assert 'lang="vi"' not in (await manager.get(f"/programs/{shop.program.id}/poster")).text


async def test_a_poster_promises_only_the_wallets_that_there_are_and_says_when_phones_cannot_open_its_address(shop: Shop) -> None:
    manager, address, state = await shop.sign_in("Minh"), f"/programs/{shop.program.id}/poster", shop.client._transport.app.state
    (there,) = [check for check in await state.checks(False) if check.topic == "address"]
    desk = state.desk
    for apple, google in ((desk.apple, desk.google), (desk.apple, None), (None, desk.google), (None, None)):
        state.desk = replace(desk, apple=apple, google=google)
        page = (await manager.get(address)).text
        assert ("Apple Wallet" in page, "Google Wallet" in page) == (apple is not None, google is not None)
    assert there.findings == ()
    assert "phones cannot use its address" not in page


async def test_a_poster_at_an_address_of_this_machine_alone_says_so_and_is_not_put_up(database_url: str) -> None:
    async with application(database_url, Clock(), public_url="http://localhost:8000") as around:
        shop = await Shop(*around[:2], Clock(), around[2]).open()
        page = (await (await shop.sign_in("Lan")).get(f"/programs/{shop.program.id}/poster")).text
    assert "phones cannot use its address" in page
    assert "only this machine can reach it" in page
    assert 'href="/setup#live"' in page
