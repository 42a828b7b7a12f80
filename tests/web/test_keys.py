"""Keys of programs: what each may do, how long and how often; and test mode, in which nothing counts."""

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

from app.desk import keys, offers, programs, test_mode
from app.desk.found import secret_hash
from app.errands import Errands
from app.store import Filter
from app.web import limiting
from passes import codes, coupons
from passes.businesses import Brand
from passes.offers import Days, Offer
from passes.problems import NotFound


async def hand_out(shop: Shop, name: str = "Till 1", **more: Any) -> str:
    """The id of a new key."""
    return str((await shop.hand_out(name, **more)).id)


async def ask(shop: Shop, secret: str, path: str = "me") -> httpx.Response:
    return await shop.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})


# --- What a key may ---


async def test_a_key_says_who_it_is_and_may_do_what_its_scopes_say(shop: Shop) -> None:
    key_id = await hand_out(shop, scopes=("redeem", "read"), where="Thảo Điền")
    said = (await shop.get("me", who="Till 1")).json()
    assert (said["id"], said["name"], said["test"], said["scopes"]) == (key_id, "Till 1", False, ["read", "redeem"])
    assert (said["business"]["name"], said["location"]["name"]) == ("Cà Phê Sáng", "Thảo Điền")
    assert (said["staff"]["name"], said["staff"]["role"], said["staff"]["person"]) == ("Till 1", "cashier", False)

    redeemed = await shop.redeem(await shop.cookie(), who="Till 1")
    assert redeemed.json()["redemption"]["staff"] == "Till 1"
    refused = await shop.post("join", {"program_id": str(shop.program.id), "name": "Hoa"}, who="Till 1")
    assert (refused.status_code, refused.json()["word"]) == (403, "wrong_scope")
    assert refused.json()["facts"] == {"needed": ["earn"], "has": ["read", "redeem"]}

    await hand_out(shop, "Back office", scopes=("manage",))
    assert (await shop.get("me", who="Back office")).json()["staff"]["role"] == "manager"


async def test_a_key_made_for_a_person_works_in_their_role_and_stops_with_them(shop: Shop) -> None:
    await hand_out(shop, "Minh's tablet", staff_id=shop.staff["Minh"].id, scopes=("read",))
    await hand_out(shop, "Minh's tests", staff_id=shop.staff["Minh"].id, test=True)
    staff = (await shop.get("me", who="Minh's tablet")).json()["staff"]
    assert (staff["name"], staff["role"], staff["person"]) == ("Minh", "manager", True)
    assert (await shop.get("me", who="Minh's tests")).status_code == 200
    owner = await shop.sign_in("Lan")
    await owner.post(f"/staff/{shop.staff['Minh'].id}/suspend")
    assert [(await shop.get("me", who=who)).status_code for who in ("Minh's tablet", "Minh's tests")] == [401, 401]


async def test_every_secret_that_does_not_work_has_the_same_answer(shop: Shop) -> None:
    revoked = UUID(await hand_out(shop, "Old till"))
    rolled = UUID(await hand_out(shop, "Rolled till"))
    was = shop.secrets["Rolled till"]
    store, here, by = shop.desk.store, shop.desk.world, shop.staff["Lan"].id
    await keys.revoke(store, here, shop.business, revoked, by=by)
    await keys.roll(store, here, shop.business, rolled, by=by, overlap=timedelta(0))
    strange = [shop.secrets["Old till"], was, keys.LIVE + "x" * 54, "x" * 63, "", "cp_", was[:-1], "Ü" * 9]
    told = [
        await shop.client.get("/api/v1/me", headers={"Authorization": f"Bearer {one}".encode(), "Accept-Language": "vi"}) for one in strange
    ]
    told += [await shop.client.get("/api/v1/me", headers=headers) for headers in ({}, {"Authorization": f"Basic {shop.secrets['An']}"})]
    for one in told:
        one.headers.pop("date", None)
    assert {(one.status_code, one.headers["www-authenticate"]) for one in told} == {(401, "Bearer")}
    assert len({one.content for one in told if one.request.headers.get("accept-language") == "vi"}) == 1
    assert not any("ratelimit" in one.headers for one in told)


async def test_who_tries_secret_after_secret_must_wait_and_nobody_whose_key_is_right(shop: Shop) -> None:
    assert (await shop.get("me")).status_code == 200
    for number in range(limiting.GUESSES):
        assert (await ask(shop, f"{keys.LIVE}{number}")).status_code == 401
    refused = await ask(shop, keys.LIVE + "one more")
    assert (refused.status_code, refused.json()["word"], refused.headers["retry-after"]) == (429, "too_many_guesses", "1")
    assert (await shop.get("me")).status_code == 200
    assert (await ask(shop, "no secret of ours")).status_code == 401
    late = shop.secrets["Minh"]  # who was not here yet waits for a moment, and is no guess
    assert (await ask(shop, late)).status_code == 429
    shop.clock.forward(seconds=1)
    assert (await ask(shop, late)).status_code == 200
    assert (await ask(shop, keys.LIVE + "one more")).status_code == 401
    assert (await ask(shop, late)).status_code == 200


@BOTH
async def test_the_keys_of_a_closed_location_wait_until_it_is_open_again(tried: Shop) -> None:
    await hand_out(tried, "Here", where="Bến Thành")
    await hand_out(tried, "There", where="Thảo Điền")
    await hand_out(tried, "Tried there", where="Thảo Điền", test=True)
    names = ("Here", "There", "Tried there")
    browser, place = await tried.sign_in("Lan"), tried.locations["Thảo Điền"]

    async def told() -> list[int]:
        return [(await ask(tried, tried.secrets[name])).status_code for name in names]

    assert await told() == [200, 200, 200]
    for _ in range(2):
        assert (await browser.post(f"/locations/{place.id}/close")).status_code == 303
        assert await told() == [200, 401, 401]
        page = await browser.get("/keys")
        assert page.text.count("Its location is closed") == 3  # An has one there, too
        unknown, *closed = [await ask(tried, one) for one in (keys.LIVE + "x", tried.secrets["There"], tried.secrets["Tried there"])]
        assert {one.content for one in closed} == {unknown.content}
        assert not any("ratelimit" in one.headers for one in closed)
        assert (await browser.post(f"/locations/{place.id}/reopen")).status_code == 303
        assert await told() == [200, 200, 200]


# --- Rolled, revoked ---


async def test_while_a_key_is_rolled_both_secrets_are_the_same_key(shop: Shop) -> None:
    key_id = UUID(await hand_out(shop))
    old, code = shop.secrets["Till 1"], await shop.cookie()
    first = await shop.redeem(code, who="Till 1", key="receipt-7")
    _, new = await keys.roll(shop.desk.store, shop.desk.world, shop.business, key_id, by=shop.staff["Lan"].id, overlap=keys.OVERLAPS["1h"])
    assert new != old
    shop.secrets["Till 1"] = new
    again = await shop.redeem(code, who="Till 1", key="receipt-7")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    taken_back = await shop.post(f"redemptions/{first.json()['redemption']['id']}/reversal", {}, who="Till 1")
    assert taken_back.status_code == 201, taken_back.text

    shop.clock.forward(minutes=59)
    assert {(await ask(shop, one)).json()["id"] for one in (old, new)} == {str(key_id)}
    shop.clock.forward(minutes=1)
    assert [(await ask(shop, one)).status_code for one in (old, new)] == [401, 200]


@BOTH
async def test_a_key_that_is_rolled_and_revoked_at_once_is_revoked(shop: Shop) -> None:
    key_id, by = UUID(await hand_out(shop)), shop.staff["Lan"].id
    store, here, day = shop.desk.store, shop.desk.world, keys.OVERLAPS["24h"]
    rolling = [keys.roll(store, here, shop.business, key_id, by=by, overlap=day) for _ in range(6)]
    rolling.insert(3, keys.revoke(store, here, shop.business, key_id, by=by))  # type: ignore[arg-type] # it gives nothing
    done = await asyncio.gather(*rolling, return_exceptions=True)
    secrets = [one[1] for one in done if isinstance(one, tuple)]
    assert all(isinstance(one, tuple | NotFound) or one is None for one in done)
    assert {(await ask(shop, one)).status_code for one in (shop.secrets["Till 1"], *secrets)} == {401}
    assert [one.key.name for one in await keys.of(store, shop.business) if one.key.id == key_id] == []


async def test_its_last_use_is_written_down_once_a_minute(shop: Shop) -> None:
    await hand_out(shop)

    async def used() -> object:
        return next(one.key.used_at for one in await keys.of(shop.desk.store, shop.business) if one.key.name == "Till 1")

    assert await used() is None
    first = shop.clock()
    await asyncio.gather(*(shop.get("me", who="Till 1") for _ in range(8)))
    shop.clock.forward(seconds=59)
    await shop.get("me", who="Till 1")
    assert await used() == first
    shop.clock.forward(seconds=2)
    await shop.get("me", who="Till 1")
    assert await used() == shop.clock()


# --- How often ---


async def test_a_key_may_ask_so_often_and_every_answer_says_what_is_left(shop: Shop) -> None:
    await hand_out(shop, per_minute=6)
    code = await shop.cookie()

    def left(answer: httpx.Response) -> tuple[str, str]:
        return answer.headers["ratelimit-policy"], answer.headers["ratelimit"]

    every = '"key";q=6;w=60'
    assert left(await shop.get("me", who="Till 1")) == (every, '"key";r=5;t=10')
    assert left(await shop.get("cards/nowhere", who="Till 1")) == (every, '"key";r=4;t=20')
    assert left(await shop.redeem("K7QM4XRT9", who="Till 1")) == (every, '"key";r=3;t=30')
    for _ in range(3):
        assert (await shop.get("me", who="Till 1")).status_code == 200
    refused = await shop.redeem(code, who="Till 1", key="receipt-9")
    assert (refused.status_code, refused.json()["word"], refused.json()["facts"]) == (429, "rate_limited", {"retry_after": 10, "most": 6})
    assert (refused.headers["retry-after"], *left(refused)) == ("10", every, '"key";r=0;t=10')
    assert (await shop.get("me")).headers["ratelimit"] == '"key";r=1197;t=1', (
        "another key has its own, of which a join and a stamp are gone"
    )

    shop.clock.forward(seconds=9)
    assert (await shop.redeem(code, who="Till 1", key="receipt-9")).status_code == 429
    shop.clock.forward(seconds=1)
    done = await shop.redeem(code, who="Till 1", key="receipt-9")
    assert (done.status_code, done.headers.get("idempotent-replayed")) == (201, None), "what was told to wait is not kept"


# --- Test mode ---


@pytest.fixture
async def tried(shop: Shop) -> Shop:
    """A shop with a till that is tried in test mode."""
    await hand_out(shop, "Till", test=True)
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
    await hand_out(shop, "Live till")
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
    await hand_out(shop, "Another", test=True)
    told = await asyncio.gather(*(shop.get("me", who=who) for who in ("Till", "Another") * 8))
    assert {one.json()["business"]["name"] for one in told} == {"Cà Phê Tối"}
    twin = test_mode.twin_of(shop.business.id)
    assert {one.most for one in await shop.desk.store.all_offers(twin)} == {3, None}


async def test_what_is_refused_is_refused_in_test_mode_in_the_same_words(tried: Shop) -> None:
    shop, store, now = tried, tried.desk.store, tried.clock()
    twin = test_mode.twin_of(shop.business.id)
    await hand_out(shop, "Live till")

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
            await hand_out(shop, "Till", test=True)
            card = await joined(shop)
            apple = await shop.get(f"cards/{card['id']}/apple", who="Till")
            holder = await shop.client.get(httpx.URL(card["links"]["apple"]).path) if card["links"]["apple"] else None
            told.append((apple.status_code, holder.status_code if holder else None))
            assert (await shop.get(f"cards/{(await shop.join())['id']}/apple")).status_code == 200
    assert told == [(404, None), (200, 200)]


# --- The pages ---


async def test_an_owner_makes_a_key_and_sees_its_secret_once(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert "Make the key" in (await owner.get("/keys/new")).text
    place = str(shop.locations["Thảo Điền"].id)
    nothing = await owner.post("/keys", data={"name": "Till 2", "location_id": place})
    assert (nothing.status_code, "Choose at least one." in nothing.text) == (422, True)
    wanted = {"name": "Till 2", "location_id": place, "scopes": ["read", "earn"], "mode": "test", "per_minute": "60", "staff_id": ""}
    made = await owner.post("/keys", data=wanted)
    secret = made.text.partition('id="secret" value="')[2].partition('"')[0]
    assert secret.startswith(keys.TEST)
    said = (await ask(shop, secret)).json()
    assert (said["test"], said["scopes"], said["per_minute"], said["location"]["name"]) == (True, ["read", "earn"], 60, "Thảo Điền")

    page = (await owner.get("/keys")).text
    assert secret not in page
    assert f"…{secret[-4:]}" in page
    assert "Thảo Điền" in page
    audit = (await owner.get("/audit")).text
    assert "made the key Till 2" in audit
    assert "See · Add stamps" in audit


async def test_an_owner_sees_which_key_did_what(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert "No test key yet" in (await owner.get("/keys/test-mode")).text
    tills = [await hand_out(shop, name, staff_id=shop.staff["An"].id) for name in ("Till by the door", "Till at the bar")]
    await hand_out(shop, "Till", test=True)
    assert "Nothing happened yet" in (await owner.get("/keys/test-mode")).text
    code = await shop.cookie()
    done = (await shop.redeem(code, who="Till by the door")).json()["redemption"]
    by_door, by_bar = [(await owner.post("/redemptions/rows", data={"key": one})).text for one in tills]
    assert f'data-id="{done["id"]}"' in by_door
    assert "Till by the door" in by_door
    assert done["id"] not in by_bar
    assert 'data-drop="key"' in by_bar
    rows = await shop.desk.store.past(shop.business.id, Filter())
    assert "Till by the door" in (await owner.get(f"/redemptions/coupons/{rows[0].coupon_id}")).text
    assert f'<option value="{tills[0]}">Till by the door</option>' in (await owner.get("/redemptions")).text

    made_up = await joined(shop, "Nobody In Particular")
    await shop.redeem("K7Q-M4X-RT8", who="Till")
    page = (await owner.get("/keys/test-mode")).text
    assert made_up["shown"] in page
    assert "Nobody In Particular" in page
    assert '<td data-label="Key">Till</td>' in page
    assert (await owner.post("/keys/forget-tests")).headers["location"] == "/keys/test-mode?forgotten"
    assert "Nobody In Particular" not in (await owner.get("/keys/test-mode")).text
    assert (await (await shop.sign_in("Minh")).get("/keys/test-mode")).status_code == 403


async def test_an_owner_rolls_and_revokes_a_key_and_managers_do_not(shop: Shop) -> None:
    key_id, old = await hand_out(shop), shop.secrets["Till 1"]
    owner, manager = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    for method, path in (("GET", "/keys"), ("GET", "/keys/new"), ("POST", "/keys"), ("POST", f"/keys/{key_id}/revoke")):
        assert (await manager.request(method, path)).status_code == 403
    rolled = await owner.post(f"/keys/{key_id}/roll", data={"overlap": "24h"})
    new = rolled.text.partition('id="secret" value="')[2].partition('"')[0]
    assert "The old secret works until:" in rolled.text
    assert {(await ask(shop, one)).status_code for one in (old, new)} == {200}
    assert (await owner.post(f"/keys/{key_id}/revoke")).status_code == 303
    assert {(await ask(shop, one)).status_code for one in (old, new)} == {401}
    assert (await owner.post(f"/keys/{key_id}/revoke")).status_code == 404
    assert f"/keys/{key_id}/" not in (await owner.get("/keys")).text
    audit = (await owner.get("/audit")).text
    assert "Lan rolled the key Till 1" in audit
    assert "Lan revoked the key Till 1" in audit
    members = await shop.desk.store.members(business_id=shop.business.id)
    assert [one.staff.suspended_at is not None for one in members if one.staff.name == "Till 1"] == [True]
    assert secret_hash(old) not in {secret.secret_hash for one in await keys.of(shop.desk.store, shop.business) for secret in one.secrets}
