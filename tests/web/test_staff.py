"""People are invited, change and go: who may do what to whom, and links that work once."""

import asyncio
import html
import re
from uuid import uuid4

import httpx
import pytest
from databases import BOTH
from shop import PASSWORD, Shop

from app.desk import people
from app.store import Member
from passes.guesses import PIN


async def member(shop: Shop, who: str) -> Member:
    (there,) = await shop.desk.store.members(staff_id=shop.staff[who].id)
    return there


def link_in(answer: httpx.Response) -> str:
    found = re.search(r'id="link" value="https://cards\.example(/\w+/[^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


async def invited(shop: Shop, owner: httpx.AsyncClient, role: str = "manager", email: str = "", name: str = "Thảo") -> str:
    answer = await owner.post("/staff", data={"name": name, "email": email, "role": role})
    assert answer.status_code == 200
    return link_in(answer)


async def test_a_manager_is_invited_sets_a_password_and_is_signed_in(shop: Shop) -> None:
    owner, browser = await shop.sign_in("Lan"), shop.browser()
    link = await invited(shop, owner)
    assert "Thảo" in (await browser.get(link)).text
    answer = await browser.post(link, data={"email": "Thao@example.com", "password": "nine small boats", "pin": "2580"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/redemptions")
    assert "Thảo" in (await browser.get("/account")).text
    again = await browser.get(link)
    assert again.status_code == 410
    assert "This link no longer works" in again.text
    await browser.post("/sign-out")
    signed_in = await browser.post("/sign-in", data={"email": "thao@example.com", "password": "nine small boats"})
    assert signed_in.status_code == 303


async def test_a_cashier_sets_a_pin_and_has_no_pages(shop: Shop) -> None:
    owner, browser = await shop.sign_in("Lan"), shop.browser()
    link = await invited(shop, owner, "cashier")
    assert 'name="password"' not in (await browser.get(link)).text
    assert (await browser.post(link, data={"pin": ""})).status_code == 422
    done = await browser.post(link, data={"pin": "2580"})
    assert done.status_code == 200
    assert "Your PIN is set" in done.text
    assert (await browser.get("/staff")).status_code == 303
    assert any(one.staff.name == "Thảo" and one.login.pin for one in await people.everybody(shop.desk, shop.business.id))


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"password": "short"}, 422, "at least 12 characters"),
        ({"password": "Cà Phê Sáng 1"}, 422, "first that somebody would try"),
        ({"password": "nine small boats", "pin": "1234"}, 422, "first that somebody would try"),
        ({"password": "nine small boats", "email": "Lan@Example.com"}, 409, "has this e-mail address already"),
    ],
)
async def test_what_cannot_be_kept_is_said_beside_the_field_and_the_link_still_works(
    shop: Shop, form: dict[str, str], status: int, says: str
) -> None:
    owner, browser = await shop.sign_in("Lan"), shop.browser()
    link = await invited(shop, owner)
    await browser.get(link)
    refused = await browser.post(link, data={"email": "thao@example.com", **form})
    assert refused.status_code == status
    assert says.lower() in refused.text.lower()
    assert (await browser.post(link, data={"email": "thao@example.com", "password": "nine small boats"})).status_code == 303


async def test_all_that_cannot_be_kept_is_said_at_once_and_no_password_comes_back(shop: Shop) -> None:
    link, browser = await invited(shop, await shop.sign_in("Lan")), shop.browser()
    await browser.get(link)
    refused = await browser.post(link, data={"email": "Lan@Example.com", "password": "too short", "pin": "4321"})
    assert refused.status_code == 422
    for says in ("has this e-mail address already", "Use at least 12 characters", "This PIN is among the first"):
        assert says in refused.text.split("<h1>")[1]
    assert 'value="Lan@Example.com"' in refused.text
    assert "too short" not in refused.text
    assert not re.search(r"\b4321\b", refused.text), "but for the middle of an id or of a token"


async def test_the_page_knows_which_pins_are_tried_first_and_says_so_in_our_words(shop: Shop) -> None:
    link = await invited(shop, await shop.sign_in("Lan"), "cashier")
    page = (await shop.browser().get(link)).text
    pattern = re.search(r'name="pin"[^>]* pattern="([^"]+)"', page)
    assert pattern
    assert html.unescape(pattern[1]) == PIN
    assert 'data-easy="This PIN is among the first that somebody would try: choose another one."' in page


@BOTH
async def test_of_two_who_hold_a_link_one_is_let_in(shop: Shop) -> None:
    link = await invited(shop, await shop.sign_in("Lan"))
    browsers = [shop.browser() for _ in range(4)]
    for browser in browsers:
        await browser.get(link)
    answers = await asyncio.gather(
        *(browser.post(link, data={"email": "thao@example.com", "password": f"nine small boats {n}"}) for n, browser in enumerate(browsers))
    )
    assert sorted(one.status_code for one in answers) == [303, 410, 410, 410]


async def test_a_link_ends_after_a_week_and_with_the_first_of_several_that_is_used(shop: Shop) -> None:
    owner, browser = await shop.sign_in("Lan"), shop.browser()
    await browser.get("/")
    minh = shop.staff["Minh"].id
    first, second = [link_in(await owner.post(f"/staff/{minh}/link")) for _ in range(2)]
    assert (await browser.post(second, data={"email": "minh@example.com", "password": "nine small boats"})).status_code == 303
    assert (await browser.get(first)).status_code == 410
    third = link_in(await owner.post(f"/staff/{minh}/link"))
    shop.clock.forward(days=7, seconds=1)
    assert (await browser.get(third)).status_code == 410


@BOTH
async def test_the_same_address_is_not_given_to_two_colleagues(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    refused = await owner.post("/staff", data={"name": "Thảo", "email": "LAN@example.com", "role": "cashier"})
    assert refused.status_code == 409
    assert "A colleague has this e-mail address already." in refused.text


async def test_the_last_owner_stays(shop: Shop) -> None:
    owner, lan = await shop.sign_in("Lan"), shop.staff["Lan"].id
    for path, form in (("role", {"role": "manager"}), ("suspend", {})):
        refused = await owner.post(f"/staff/{lan}/{path}", data=form)
        assert refused.status_code == 409
        assert "A business needs an owner." in refused.text
    assert (await owner.get("/staff")).status_code == 200


@BOTH
async def test_two_owners_who_take_the_role_from_each_other_do_not_leave_the_shop_without_one(shop: Shop) -> None:
    lan = await member(shop, "Lan")
    minh = await people.change_role(shop.desk, lan, shop.staff["Minh"].id, "owner")
    await asyncio.gather(
        people.change_role(shop.desk, lan, minh.staff.id, "cashier"),
        people.suspend(shop.desk, minh, lan.staff.id),
        return_exceptions=True,
    )
    there = await people.everybody(shop.desk, shop.business.id)
    assert [one for one in there if one.staff.role == "owner" and one.staff.suspended_at is None]


async def test_a_manager_touches_everybody_but_owners(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    lan, an = shop.staff["Lan"].id, shop.staff["An"].id
    for path in ("link", "suspend", "resume", "unlock"):
        assert (await manager.post(f"/staff/{lan}/{path}")).status_code == 403
        assert (await manager.post(f"/staff/{an}/{path}")).status_code in {200, 303}
    assert (await manager.post(f"/staff/{an}/role", data={"role": "manager"})).status_code == 403
    assert (await manager.post("/staff", data={"name": "Thảo", "role": "owner"})).status_code == 403
    assert (await manager.post(f"/staff/{shop.staff['Minh'].id}/suspend")).status_code == 403


async def test_another_role_is_true_from_the_next_request_on(shop: Shop) -> None:
    owner, manager = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    assert (await owner.post(f"/staff/{shop.staff['Minh'].id}/role", data={"role": "cashier"})).status_code == 303
    assert (await manager.get("/staff")).status_code == 303
    refused = await manager.post("/sign-in", data={"email": "minh@example.com", "password": PASSWORD})
    assert refused.status_code == 401


async def test_who_is_suspended_comes_back_with_the_password_of_before(shop: Shop) -> None:
    owner, minh = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    await owner.post(f"/staff/{shop.staff['Minh'].id}/suspend")
    assert "Suspended" in (await owner.get("/staff")).text
    await owner.post(f"/staff/{shop.staff['Minh'].id}/resume")
    assert (await minh.post("/sign-in", data={"email": "minh@example.com", "password": PASSWORD})).status_code == 303


async def test_people_of_another_shop_are_like_people_who_never_were(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    owner = await shop.sign_in("Lan")
    for path, form in (("link", {}), ("role", {"role": "owner"}), ("suspend", {}), ("resume", {}), ("unlock", {})):
        theirs = await owner.post(f"/staff/{other.staff['An'].id}/{path}", data=form)
        nobody = await owner.post(f"/staff/{uuid4()}/{path}", data=form)
        assert theirs.status_code == nobody.status_code == 404
        assert theirs.text.replace(theirs.url.path, "") == nobody.text.replace(nobody.url.path, "")
    assert (await member(other, "An")).staff.suspended_at is None


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "role": "cashier"},
        {"name": "Thảo", "role": "boss"},
        {"name": "x" * 81, "role": "cashier"},
        {"name": "a\0b", "role": "cashier"},
        {},
    ],
)
async def test_an_invitation_that_makes_no_sense_is_refused_in_a_sentence(shop: Shop, form: dict[str, str]) -> None:
    refused = await (await shop.sign_in("Lan")).post("/staff", data=form)
    assert refused.status_code == 400
    assert len(await people.everybody(shop.desk, shop.business.id)) == 4


@BOTH
async def test_names_are_text_and_nothing_else(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    await invited(shop, owner, name="<script>alert(1)</script>{{ 7*7 }}")
    page = (await owner.get("/staff")).text
    assert "<script>alert" not in page
    assert "{{ 7*7 }}" in page


async def test_a_link_ends_with_the_right_of_who_made_it(shop: Shop) -> None:
    owner, manager = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    by_manager, by_owner = await invited(shop, manager, "manager"), await invited(shop, owner, "manager", name="Quân")
    assert (await owner.post(f"/staff/{shop.staff['Minh'].id}/role", data={"role": "cashier"})).status_code == 303
    assert (await shop.browser().get(by_manager)).status_code == 410
    assert (await shop.browser().get(by_owner)).status_code == 200
    for act in ("resume", "suspend"):
        assert (await owner.post(f"/staff/{shop.staff['Minh'].id}/{act}")).status_code == 303
    assert (await shop.browser().get(by_manager)).status_code == 410
