"""Keys of programs: what each may do, how long and how often."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from databases import BOTH
from shop import Shop

from app.desk import keys
from app.desk.found import secret_hash
from app.store import Filter
from app.web import limiting
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
    browser, place, closed = await shop.sign_in("Lan"), shop.locations["Thảo Điền"], shop.secrets["An in Thảo Điền"]
    assert [(await ask(shop, one)).status_code for one in (shop.secrets["An"], closed)] == [200, 200]
    assert (await browser.post(f"/locations/{place.id}/close")).status_code == 303
    assert (await ask(shop, closed)).status_code == 401
    for number in range(limiting.GUESSES):
        assert (await ask(shop, f"{keys.LIVE}{number}")).status_code == 401
    assert (await ask(shop, closed)).status_code == 429, "it does not work now, so it is a guess as any other"
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
async def test_the_keys_of_a_closed_location_wait_until_it_is_open_again(shop: Shop) -> None:
    await hand_out(shop, "Here", where="Bến Thành")
    await hand_out(shop, "There", where="Thảo Điền")
    await hand_out(shop, "Tried there", where="Thảo Điền", test=True)
    names = ("Here", "There", "Tried there")
    browser, place = await shop.sign_in("Lan"), shop.locations["Thảo Điền"]

    async def told() -> list[int]:
        return [(await ask(shop, shop.secrets[name])).status_code for name in names]

    assert await told() == [200, 200, 200]
    for _ in range(2):
        assert (await browser.post(f"/locations/{place.id}/close")).status_code == 303
        assert await told() == [200, 401, 401]
        page = await browser.get("/keys")
        assert page.text.count("Its location is closed") == 3  # An has one there, too
        unknown, *closed = [await ask(shop, one) for one in (keys.LIVE + "x", shop.secrets["There"], shop.secrets["Tried there"])]
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


# --- The pages ---


async def test_an_owner_makes_a_key_and_sees_its_secret_once(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert "Make the key" in (await owner.get("/keys/new")).text
    place = str(shop.locations["Thảo Điền"].id)
    nothing = await owner.post("/keys", data={"name": " ", "location_id": place, "per_minute": "0"})
    errors = ("Fill this in.", "Choose at least one.", "A whole number from 1 to 60000.")
    assert [one for one in errors if one not in nothing.text] == [], "all at once, each beside its field"
    assert nothing.status_code == 422
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
    tills = [await hand_out(shop, name, staff_id=shop.staff["An"].id) for name in ("Till by the door", "Till at the bar")]
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
