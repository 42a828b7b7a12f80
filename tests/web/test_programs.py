"""A business sets up its programs by itself, and other goals say whom they touch before they hold."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk.examples import EXAMPLES
from app.errands import Errands
from passes.businesses import Limits
from passes.offers import Offer
from passes.programs import Goal, Program


async def programs(shop: Shop) -> list[Program]:
    return list(await shop.desk.store.programs(shop.business.id))


async def audited(shop: Shop) -> list[str]:
    return [one.what for one in await shop.desk.store.audited(shop.business.id)]


def filled(page: httpx.Response) -> dict[str, Any]:
    """What a browser would send of the first large form of a page, with nothing changed."""
    (form,) = re.findall(r'<form class="form terms".*?</form>', page.text, re.DOTALL)
    said: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        got = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if got.get("type") in {"checkbox", "radio"} and " checked" not in tag:
            continue
        if got.get("name") and got.get("name") != "_csrf_token":
            said.setdefault(got["name"], []).append(html.unescape(got.get("value", "")))
    for name, inside in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        said[name] = html.unescape(inside)
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        said[name] = next(iter(re.findall(r'value="([^"]*)" selected', inside)), re.findall(r'value="([^"]*)"', inside)[0])
    return said


async def work(shop: Shop) -> None:
    errands = Errands(shop.desk)
    while await errands.step():
        pass


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Shop]:
    """What pages say does not depend on the database (tests/store and tests/races ask both)."""
    async with open_shop(sqlite_url) as shop:
        yield shop


async def test_a_program_begins_from_an_example_and_its_form_says_it_all(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    listed = await owner.get("/programs")
    assert all(html.escape(one.name, quote=False) in listed.text for one in EXAMPLES)
    for one in EXAMPLES:
        made = await owner.post("/programs", data={"example": one.word})
        before = (await programs(shop))[-1]
        page = await owner.get(made.headers["location"])
        assert (await owner.post(made.headers["location"], data=filled(page))).headers["location"] == "/programs"
        assert (await programs(shop))[-1] == before
    assert "program.made" in await audited(shop)
    assert "program.changed" not in await audited(shop)


async def test_a_form_that_is_wrong_says_so_beside_the_field_and_keeps_what_was_typed(shop: Shop) -> None:
    owner, path = await shop.sign_in("Lan"), f"/programs/{shop.program.id}"
    form = filled(await owner.get(path))
    form |= {"name.en": "", "name.vi": "", "each": "many", "goals.1.at": "5", "earning": "by_spend", "terms.en": "<b>Hello</b>"}
    page = await owner.post(path, data=form)
    assert page.status_code == 422
    errors = re.findall(r'<p class="error" id="([^"]+)-error">.*?<span>(.*?)</span>', page.text)
    assert dict(errors) == {"name": "Fill this in.", "each": "A whole number from 1 to 1000."}
    assert 'value="many"' in page.text
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page.text
    page = await owner.post(path, data=form | {"name.en": "Card", "each": "1"})
    errors = re.findall(r'<p class="error" id="([^"]+)-error">.*?<span>(.*?)</span>', page.text)
    assert dict(errors) == {"amount": "Fill this in.", "goals": "Each goal needs a number of its own."}
    vietnamese = await owner.post(path, data=form, headers={"Accept-Language": "vi"})
    assert "Hãy điền vào đây." in vietnamese.text
    assert await programs(shop) == [shop.program]


async def test_everything_of_a_program_can_be_changed_but_what_its_cards_count(shop: Shop) -> None:
    owner, path = await shop.sign_in("Lan"), f"/programs/{shop.program.id}"
    await shop.join()
    coffee, cookie = str(shop.offers["coffee"].id), str(shop.offers["cookie"].id)
    form = filled(await owner.get(path)) | {
        "name.en": "Points",
        "name.vi": "Điểm",
        "unit": "points",
        "earning": "by_spend",
        "each": "2",
        "amount": "10.000",
        "remainder": "drop",
        "welcome": cookie,
        "birthday": coffee,
        "asks_birthday": "required",
        "intro.vi": "Xin chào",
    }
    assert (await owner.post(path, data=form)).headers["location"].startswith("/errands/")
    (changed,) = await programs(shop)
    assert (changed.unit, changed.earning.amount, changed.earning.each) == ("stamps", 10_000, 2)
    assert (changed.remainder, str(changed.welcome), str(changed.birthday)) == ("drop", cookie, coffee)
    assert (changed.asks.birthday, changed.intro.by, changed.name.said("vi")) == ("required", (("vi", "Xin chào"),), "Điểm")
    assert (await owner.post(path, data=form)).status_code == 409  # the page is of before
    assert "program.changed" in await audited(shop)


async def test_other_goals_say_whom_they_touch_and_nobody_is_farther_unless_chosen(shop: Shop) -> None:
    owner, path = await shop.sign_in("Lan"), f"/programs/{shop.program.id}"
    held = [await shop.join(f"Hoa {stamps}") for stamps in (0, 4, 7, 9)]
    for card, stamps in zip(held, (0, 4, 7, 9), strict=True):
        if stamps:
            await shop.stamp(card, stamps)
    form = filled(await owner.get(path)) | {"goals.1.at": "12"}
    question = await owner.post(path, data=form)
    assert question.status_code == 200
    assert "2 cards with 7 to 9 stamps are touched." in question.text
    assert "2 cards would be farther from their next reward." in question.text
    assert await programs(shop) == [shop.program]
    errand = (await owner.post(path, data=form | {"reach": "keep"})).headers["location"]
    await work(shop)
    assert "4 of 4" in (await owner.get(errand)).text
    facts = [await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"]) for card in held]
    assert [one.card.balance for one in facts] == [0, 4, 9, 11]
    ledger = await shop.desk.store.ledger(shop.business.id, facts[3].card.id)
    assert [(one.kind, one.amount, one.balance) for one in ledger] == [("earned", 9, 9), ("corrected", 2, 11)]
    assert all(one.card.version > 0 for one in facts)
    # Now the goal comes nearer than two cards are: they earn at once, and what is over is carried on.
    form = filled(await owner.get(path)) | {"goals.1.at": "8"}
    assert "2 cards would earn a reward at once." in (await owner.post(path, data=form)).text
    await owner.post(path, data=form | {"reach": "all"})
    await work(shop)
    facts = [await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"]) for card in held]
    assert [one.card.balance for one in facts] == [0, 4, 1, 3]
    coffees = [[one for one in each.coupons if one.offer_id == shop.offers["coffee"].id] for each in facts]
    assert [len(one) for one in coffees] == [0, 0, 1, 1]


async def test_a_reward_that_becomes_another_one_says_how_many_were_on_their_way_to_it(shop: Shop) -> None:
    owner, path = await shop.sign_in("Lan"), f"/programs/{shop.program.id}"
    await shop.stamp(await shop.join(), 7)
    form = filled(await owner.get(path)) | {"goals.1.offer_id": str(shop.offers["cookie"].id)}
    question = await owner.post(path, data=form)
    assert "At 10 they get Free cookie instead of Free coffee: 1 card is on its way to it." in question.text


async def test_a_paused_program_gives_nothing_new_and_keeps_what_was_promised(shop: Shop) -> None:
    owner, path = await shop.sign_in("Lan"), f"/programs/{shop.program.id}"
    card = await shop.card_with_cookie()
    assert (await owner.post(f"{path}/state", data={"state": "paused"})).status_code == 303
    for refused in (
        await shop.post(f"cards/{card['id']}/earnings", {"count": 1}),
        await shop.post("join", {"program_id": str(shop.program.id), "name": "Tú"}),
    ):
        assert (refused.status_code, refused.json()["word"]) == (409, "paused")
    assert (await shop.redeem(card["ready"][0]["code"])).status_code == 201
    await owner.post(f"{path}/state", data={"state": "archived"})
    assert "Archived (1)" in (await owner.get("/programs")).text
    await owner.post(f"{path}/state", data={"state": "running"})
    assert (await shop.stamp(card, 1))["card"]["balance"] == 6


async def test_visits_are_counted_where_and_when_they_are(shop: Shop) -> None:
    card = await shop.card_with_cookie()
    shop.clock.forward(hours=1)
    await shop.redeem(card["ready"][0]["code"], who="An in Thảo Điền")
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    assert facts is not None
    there = shop.locations["Thảo Điền"].id
    assert (facts.card.visits, facts.card.visited_at, facts.card.location_id) == (1, shop.clock(), there)


async def test_a_member_of_staff_does_so_much_a_day_and_no_more(shop: Shop) -> None:
    limited = replace(shop.business, limits=Limits(stamps=2, redemptions=1))
    assert await shop.desk.store.revise([(shop.business, limited)])
    first, second = await shop.card_with_cookie("Hoa"), await shop.card_with_cookie("Tú")
    assert (await shop.post(f"cards/{first['id']}/earnings", {"count": 1})).json()["detail"] == "The limit of 2 is reached (staff member)."
    assert (await shop.post(f"cards/{first['id']}/earnings", {"count": 1}, who="Bình")).status_code == 201
    codes = [first["ready"][0]["code"], second["ready"][0]["code"]]
    assert (await shop.redeem(codes[0])).status_code == 201
    looked = await shop.post("look-ups", {"code": codes[1]})
    refused = await shop.redeem(codes[1])
    assert (looked.json()["verdict"], refused.json()["word"]) == ("limit_reached", "limit_reached")
    shop.clock.forward(hours=12)  # another day in Saigon
    assert (await shop.redeem(codes[1])).status_code == 201


async def test_a_cashier_changes_no_program_and_another_shop_has_none_of_ours(shop: Shop) -> None:
    minh = await shop.sign_in("Minh")
    assert (await minh.get(f"/programs/{shop.program.id}")).status_code == 200
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    theirs = await shop.sign_in("Lan")
    form = filled(await theirs.get(f"/programs/{shop.program.id}")) | {"goals.0.offer_id": str(other.offers["cookie"].id)}
    assert "Choose what each goal gives." in (await theirs.post(f"/programs/{shop.program.id}", data=form)).text
    assert isinstance(other.offers["cookie"], Offer)
    assert other.program.goals[0] == Goal(5, other.offers["cookie"].id)
