"""Test mode: the same rules as in the shop itself, and nothing counts."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import offers, programs, test_mode
from app.errands import Errands
from app.store import Filter
from passes import codes, coupons
from passes.businesses import Brand
from passes.offers import Days, Offer


@pytest.fixture
async def tried(shop: Shop) -> Shop:
    """A shop with a till that is tried in test mode."""
    await shop.hand_out("Till", test=True)
    return shop


def in_twin(shop: Shop, live_id: UUID) -> str:
    return str(test_mode.again(test_mode.twin_of(shop.business.id), live_id))


async def joined(shop: Shop, name: str = "Tester", **more: str) -> dict[str, Any]:
    answer = await shop.post("join", {"program_id": in_twin(shop, shop.program.id), "name": name, **more}, who="Till")
    assert answer.status_code == 201, answer.text
    card: dict[str, Any] = answer.json()["card"]
    return card


@BOTH
async def test_test_mode_sees_and_counts_nothing_of_the_live_shop_and_the_other_way_round(tried: Shop) -> None:
    shop, store = tried, tried.desk.store
    live_code = await shop.cookie("Hoa")
    live_card = (await shop.join("Minh Anh", email="anh@example.com"))["number"]
    day = shop.clock().astimezone(shop.business.tz).date()

    async def live() -> list[object]:
        counted = await store.counted(shop.business.id, since=day, until=day)
        active = await store.active_coupons(shop.business.id, now=shop.clock(), expired_since=shop.clock())
        return [counted, active, await store.past(shop.business.id, Filter()), await store.log_end(shop.business.id)]

    before = await live()

    said = (await shop.get("me", who="Till")).json()
    assert (said["test"], said["business"]["name"], said["location"]["name"]) == (True, "Cà Phê Sáng", "Bến Thành")
    card = await joined(shop, "Anh", email="anh@example.com")
    assert card["links"] == {"apple": None, "google": None}
    earned = await shop.post(f"cards/{card['number']}/earnings", {"count": 5}, who="Till")
    code = earned.json()["earned"][0]["code"]
    assert (await shop.redeem(code, who="Till")).status_code == 201

    for path in (f"cards/{live_card}", f"cards/{live_card}/story"):
        assert (await shop.get(path, who="Till")).status_code == 404
    assert (await shop.redeem(live_code, who="Till")).json()["word"] == "unknown_code"
    assert await live() == before
    assert (await shop.get(f"cards/{card['id']}")).status_code == 404
    assert (await shop.redeem(code)).json()["word"] == "unknown_code"
    assert [one.id for one in await store.businesses()] == [shop.business.id]


async def test_the_twin_stands_on_no_page_and_writes_to_nobody(tried: Shop) -> None:
    shop = tried
    card = await joined(shop, "Nobody In Particular", email="nobody@example.com")
    owner = await shop.sign_in("Lan")
    for page in ("/customers", "/redemptions", "/insight", "/programs", "/offers", "/staff", "/locations", "/counters", "/campaigns"):
        answer = await owner.get(page)
        assert answer.status_code == 200, page
        for told in ("Nobody In Particular", card["number"], card["shown"], in_twin(shop, shop.program.id)):
            assert told not in answer.text, page
    assert "Nobody In Particular" not in (await owner.post("/customers", data={"q": "nobody"})).text
    assert (await owner.get(f"/join/{in_twin(shop, shop.program.id)}")).status_code == 404
    assert (await shop.get(f"cards/{card['id']}/apple", who="Till")).json()["word"] == "wallet_not_configured"
    assert (await shop.get(f"cards/{card['id']}/google", who="Till")).json()["word"] == "wallet_not_configured"


async def test_test_mode_is_as_the_business_is_at_that_moment(tried: Shop) -> None:
    shop = tried
    card = await joined(shop)
    assert card["goal"] == 5

    await shop.change_business(name="Cà Phê Tối", honour="nobody", brand=Brand(symbol="bag"))
    thao_dien = shop.locations["Thảo Điền"]
    await shop.change_offer("cookie", locations=(thao_dien.id,), title=replace(shop.offers["cookie"].title, by=(("en", "Big cookie"),)))
    goals = tuple(replace(goal, at=goal.at - 1) for goal in shop.program.goals)
    became = replace(shop.program, goals=goals, welcome=shop.offers["coffee"].id)
    assert await shop.desk.store.revise([(shop.program, became)])

    assert (await shop.get("me", who="Till")).json()["business"]["name"] == "Cà Phê Tối"
    there = await joined(shop, "Second")
    assert there["goal"] == 4
    assert there["ready"][0]["offer"]["id"] == in_twin(shop, shop.offers["coffee"].id)
    earned = (await shop.post(f"cards/{card['id']}/earnings", {"count": 4}, who="Till")).json()["earned"][0]
    assert earned["offer"]["title"] == "Big cookie"
    refused = (await shop.redeem(earned["code"], who="Till")).json()
    assert (refused["word"], refused["facts"]["locations"]) == ("wrong_location", ["Thảo Điền"])

    assert await shop.desk.store.revise([(became, replace(became, state="paused"))])
    answer = await shop.post("join", {"program_id": in_twin(shop, shop.program.id), "name": "Third"}, who="Till")
    assert answer.json()["word"] == "paused"


@BOTH
async def test_what_a_change_brings_to_the_cards_that_are_out_it_brings_to_those_of_test_mode(tried: Shop) -> None:
    shop, store = tried, tried.desk.store
    await shop.hand_out("Live till")
    (lan,) = await store.members(business_id=shop.business.id, staff_id=shop.staff["Lan"].id)

    async def both(card: dict[str, Any], live: dict[str, Any]) -> list[dict[str, Any]]:
        """The card of test mode and the live one, by all that is not their own."""
        await shop.get("me", who="Till")
        while await Errands(shop.desk).step():
            pass
        told = [(await shop.get(f"cards/{one['id']}", who=who)).json() for one, who in ((card, "Till"), (live, "Live till"))]
        return [{"balance": one["balance"], "goal": one["goal"], "ready": [each["expires_at"] for each in one["ready"]]} for one in told]

    card, live = await joined(shop), await shop.join("Hoa")
    for one, who in ((card, "Till"), (live, "Live till")):
        assert (await shop.post(f"cards/{one['id']}/earnings", {"count": 4}, who=who)).status_code == 201
    near = replace(shop.program, goals=tuple(replace(goal, at=goal.at - 2) for goal in shop.program.goals))
    await programs.change(shop.desk, lan, shop.program, near, keep=False)
    tested, real = await both(card, live)
    assert tested == real
    assert len(tested["ready"]) == 1
    assert "reward.ready" in (await shop.get(f"cards/{card['id']}/story", who="Till")).text

    cookie = (await store.offers(shop.business.id, [shop.offers["cookie"].id]))[shop.offers["cookie"].id]
    await offers.change(shop.desk, lan, cookie, replace(cookie, validity=Days(3)), given=True)
    shorter, real = await both(card, live)
    assert shorter == real
    assert shorter["ready"] < tested["ready"]

    far = replace(near, goals=tuple(replace(goal, at=goal.at + 20) for goal in near.goals))
    await programs.change(shop.desk, lan, near, far, keep=True)
    tested, real = await both(card, live)
    assert tested == real
    assert tested["balance"] > shorter["balance"], "nobody is farther than before"

    assert await store.revise([(far, near)])  # nobody says for whom: as where the live business has no cards
    tested, _ = await both(card, live)
    assert len(tested["ready"]) > 1
    assert "reward.ready" in (await shop.get(f"cards/{card['id']}/story", who="Till")).text


@BOTH
async def test_of_many_requests_that_find_the_twin_behind_each_is_answered_as_the_business_is_now(tried: Shop) -> None:
    shop = tried
    await shop.change_business(name="Cà Phê Tối")
    await shop.change_offer("cookie", most=3)
    await shop.hand_out("Another", test=True)
    told = await asyncio.gather(*(shop.get("me", who=who) for who in ("Till", "Another") * 8))
    assert {one.json()["business"]["name"] for one in told} == {"Cà Phê Tối"}
    twin = test_mode.twin_of(shop.business.id)
    assert {one.most for one in await shop.desk.store.all_offers(twin)} == {3, None}


async def test_what_is_refused_is_refused_in_test_mode_in_the_same_words(tried: Shop) -> None:
    shop, store, now = tried, tried.desk.store, tried.clock()
    twin = test_mode.twin_of(shop.business.id)
    await shop.hand_out("Live till")

    async def coupon(offer: Offer, **changes: object) -> str:
        code = codes.mint(shop.desk.world.pick)
        made = coupons.issue(offer, coupon_id=shop.desk.world.new_id(), code=code, now=now, zone=shop.business.tz)
        await shop.desk.commit(now, rows=(replace(made, **changes),))
        return code

    async def refusals(who: str, offer: Offer, program_id: str) -> list[tuple[int, str, str, str]]:
        used = await coupon(offer)
        assert (await shop.redeem(used, who=who)).status_code == 201
        presented = {
            "mistyped": "K7Q-M4X-RT9",
            "unknown": codes.mint(shop.desk.world.pick),
            "voided": await coupon(offer, state="voided", voided_at=now),
            "used": used,
            "not yet": await coupon(offer, valid_from=now + timedelta(days=1)),
            "expired": await coupon(offer, expires_at=now - timedelta(days=1)),
            "gone": await coupon(offer, expires_at=now - timedelta(days=30)),
        }
        told = [await shop.redeem(code, who=who) for code in presented.values()]
        told += [await shop.post("goodwill", {"code": presented[one], "reason": "rain"}, who=who) for one in ("used", "gone", "unknown")]
        told += [
            await shop.post("join", {"program_id": str(now), "name": "Hoa"}, who=who),
            await shop.post("join", {"program_id": program_id, "name": "Hoa", "email": "no address"}, who=who),
            await shop.get("cards/JW04C4CHDP46", who=who),
            await shop.post("redemptions", {}, who=who),
            await shop.client.post("/api/v1/redemptions", json={"code": used}, headers={"Authorization": f"Bearer {shop.secrets[who]}"}),
        ]
        return [(one.status_code, one.json()["word"], one.json()["title"], one.json()["say"]) for one in told]

    await shop.get("me", who="Till")
    (offer,) = (await store.offers(twin, [UUID(in_twin(shop, shop.offers["cookie"].id))])).values()
    live = await refusals("Live till", shop.offers["cookie"], str(shop.program.id))
    test = await refusals("Till", offer, in_twin(shop, shop.program.id))
    assert [one[:3] for one in test] == [one[:3] for one in live]
    assert len({one[1] for one in live}) >= 10
    said = [(a[3], b[3]) for a, b in zip(live, test, strict=True)]
    assert all(a == b for a, b in said)


@BOTH
async def test_whom_test_mode_made_up_is_forgotten_and_nobody_else(tried: Shop) -> None:
    shop, store = tried, tried.desk.store
    live = await shop.card_with_cookie("Hoa")
    card = await joined(shop, "Tester", email="tester@example.com")
    code = (await shop.post(f"cards/{card['number']}/earnings", {"count": 5}, who="Till")).json()["earned"][0]["code"]
    assert [(await shop.redeem(code, who="Till")).status_code for _ in range(2)] == [201, 409]
    owner = await shop.sign_in("Lan")
    made = {"program_id": in_twin(shop, shop.program.id), "name": "Somebody real"}
    for who in ("Till", "Lan"):
        assert (
            await shop.post("join", {**made, "program_id": str(shop.program.id)} if who == "Lan" else made, who=who, key="kept")
        ).is_success
    answer = await owner.post("/keys/forget-tests", follow_redirects=True)
    assert "Test mode begins anew" in answer.text
    twin = test_mode.twin_of(shop.business.id)
    assert not await store.happened(twin)
    assert [(await shop.get("requests/kept", who=who)).json()["state"] for who in ("Till", "Lan")] == ["unknown", "finished"]
    assert (await shop.get(f"cards/{card['number']}", who="Till")).status_code == 404
    assert (await shop.redeem(code, who="Till")).json()["word"] == "unknown_code"
    assert [one.presented for one in await store.past(twin, Filter())] == [code]
    assert (await joined(shop, "Tester", email="tester@example.com"))["balance"] == 0, "the address is free again"
    assert (await shop.redeem(live["ready"][0]["code"])).status_code == 201
    assert "Lan forgot all customers of test mode" in (await owner.get("/audit")).text
    with pytest.raises(ValueError, match="live business"):
        await store.clear(shop.business.id)
    there = await store.business(twin)
    assert there
    assert await store.revise([(there, replace(there, imported=True))], [])  # a file with a till's own codes came in
    await shop.get("me", who="Till")
    assert [one.imported for id_ in (twin, shop.business.id) if (one := await store.business(id_))] == [True, False]


async def test_cards_of_test_mode_get_into_wallets_only_where_these_are_stand_ins(database_url: str, certs: Path) -> None:
    told = []
    for more in ({}, {"apns_url": "https://127.0.0.1:1"}):
        async with open_shop(database_url, certs=str(certs), **more) as shop:
            await shop.hand_out("Till", test=True)
            card = await joined(shop)
            apple = await shop.get(f"cards/{card['id']}/apple", who="Till")
            holder = await shop.client.get(httpx.URL(card["links"]["apple"]).path) if card["links"]["apple"] else None
            told.append((apple.status_code, holder.status_code if holder else None))
            assert (await shop.get(f"cards/{(await shop.join())['id']}/apple")).status_code == 200
    assert told == [(404, None), (200, 200)]


async def test_an_owner_sees_whom_test_keys_made_up_and_forgets_them(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert "No test key yet" in (await owner.get("/keys/test-mode")).text
    await shop.hand_out("Till", test=True)
    assert "Nothing happened yet" in (await owner.get("/keys/test-mode")).text
    made_up = await joined(shop, "Nobody In Particular")
    await shop.redeem("K7Q-M4X-RT8", who="Till")
    page = (await owner.get("/keys/test-mode")).text
    assert made_up["shown"] in page
    assert "Nobody In Particular" in page
    assert '<td data-label="Key">Till</td>' in page
    assert (await owner.post("/keys/forget-tests")).headers["location"] == "/keys/test-mode?forgotten"
    assert "Nobody In Particular" not in (await owner.get("/keys/test-mode")).text
    assert (await (await shop.sign_in("Minh")).get("/keys/test-mode")).status_code == 403
