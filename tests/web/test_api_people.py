"""Customers, cards and coupons over the API: found, listed, put right, given, taken back, forgotten."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import merging
from app.store import SCOPES
from passes.businesses import Limits
from passes.codes import mint


async def with_key(shop: Shop, name: str = "till", *scopes: str) -> str:
    """A key of a machine of its own, by its name."""
    await shop.hand_out(name, scopes=scopes or SCOPES)
    return name


async def found(shop: Shop, what: str, **by: str) -> list[str]:
    answer = await shop.post(f"{what}/search", by)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return [one["id"] for one in answer.json()["data"]]


async def patch(shop: Shop, customer: str, body: dict[str, Any], *, who: str = "Minh", key: str | None = None, **more: str) -> Any:
    return await shop.client.patch(f"/api/v1/customers/{customer}", json=body, headers={**shop.headers(who, key=key), **more})


async def walked(shop: Shop, path: str, **query: object) -> tuple[list[Any], int]:
    """A whole list, page by page; and how many pages."""
    told: list[Any] = []
    after: str | None = ""
    pages = 0
    while after is not None:
        asked = {name: str(value) for name, value in query.items()} | ({"after": after} if after else {})
        answer = await shop.client.get(f"/api/v1/{path}", params=asked, headers=shop.headers())
        assert answer.status_code == 200, answer.text
        told += answer.json()["data"]
        after, pages = answer.json()["next"], pages + 1
    return told, pages


def word(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["word"]


async def test_a_till_finds_a_customer_and_their_card_by_what_it_knows(shop: Shop) -> None:
    hoa = await shop.join("Nguyễn Thị Hoa", email="Hoa@example.com", phone="0901 234 567")
    await shop.join("Tú", email="tu@example.com")
    code = (await shop.stamp(hoa, 5))["earned"][0]["shown"]
    who = hoa["customer_id"]
    assert [
        await found(shop, "customers", **by)
        for by in ({"email": "hoa@EXAMPLE.com"}, {"phone": "+84 901 234 567"}, {"name": "thi hoa"}, {"name": "Không"}, {"email": "hoa@"})
    ] == [[who], [who], [who], [], []]
    numbers = (
        {"number": hoa["shown"]},
        {"code": code.lower()},
        {"code": hoa["number"]},
        {"phone": "0901234567"},
        {"email": "hoa@example.com"},
    )
    assert [await found(shop, "cards", **by) for by in numbers] == [[hoa["id"]]] * 5
    nobodys = {"number": "nothing"}, {"code": mint(shop.desk.world.pick)}, {"phone": "0900000000"}, {"email": "nobody"}
    assert [await found(shop, "cards", **by) for by in nobodys] == [[]] * 4
    wrong = code[:-1] + ("7" if code[-1] != "7" else "9")
    assert word(await shop.post("cards/search", {"code": wrong})) == (422, "mistyped_code")
    for what, by in (("customers", {"name": "hi"}), ("customers", {}), ("cards", {"phone": "0901234567", "email": "hoa@example.com"})):
        assert word(await shop.post(f"{what}/search", by)) == (400, "invalid_request")


async def test_a_list_is_walked_page_by_page_and_says_what_has_not_changed(shop: Shop) -> None:
    cards = []
    for name in ("Hoa", "Tú", "Lan", "Vy", "Quân"):
        cards.append(await shop.join(name))
        shop.clock.forward(minutes=1)
    newest = [card["id"] for card in reversed(cards)]
    customers, pages = await walked(shop, "customers", limit=2)
    assert [one["name"] for one in customers] == ["Quân", "Vy", "Lan", "Tú", "Hoa"]
    assert (pages, [one["cards"][0]["id"] for one in customers]) == (3, newest)
    assert [one["id"] for one in (await walked(shop, "cards", limit=2))[0]] == newest
    assert [one["id"] for one in (await walked(shop, "cards", limit=2, program_id=shop.program.id))[0]] == newest
    assert await walked(shop, "cards", program_id=uuid4()) == ([], 1)

    shop.clock.forward(hours=1)
    since = shop.clock().isoformat().replace("+00:00", "Z")
    for card in (cards[0], cards[3], cards[0]):
        await shop.stamp(card)
        shop.clock.forward(minutes=1)
    for asked in ({}, {"limit": 1}, {"program_id": shop.program.id}):
        assert [one["id"] for one in (await walked(shop, "cards", changed_since=since, **asked))[0]] == [cards[0]["id"], cards[3]["id"]]

    few, _ = await walked(shop, "customers", fields="id, name", limit=1)
    assert [list(one) for one in few] == [["id", "name"]] * 5
    one = await shop.client.get(f"/api/v1/customers/{few[0]['id']}", headers=shop.headers())
    again = {**shop.headers(), "If-None-Match": f'"other", W/{one.headers["etag"]}'}
    same = await shop.client.get(f"/api/v1/customers/{few[0]['id']}", headers=again)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", one.headers["etag"])
    assert (await patch(shop, few[0]["id"], {"consent": True})).status_code == 200
    assert (await shop.client.get(f"/api/v1/customers/{few[0]['id']}", headers=again)).status_code == 200

    strange = ("after=x", "after=!", "after=WzFd", "after=MTI", "limit=0", "limit=201", "limit=x", "fields=id,secret", "fields=")
    for query in strange:
        assert word(await shop.get(f"customers?{query}")) == (400, "invalid_request"), query
    assert len((await shop.get("customers?limit=2.0")).json()["data"]) == 2
    for query in ("changed_since=yesterday", "changed_since=2026-11-20T12:00:00", "program_id=1"):
        assert word(await shop.get(f"cards?{query}")) == (400, "invalid_request"), query


async def test_a_page_of_one_list_is_no_beginning_of_another(shop: Shop) -> None:
    for name in ("Hoa", "Tú", "Lan"):
        await shop.stamp(await shop.join(name), 5)
    since = "2026-01-01T00:00:00Z"
    lists = ["customers", "cards", f"cards?program_id={shop.program.id}", f"cards?changed_since={since}", "coupons", "coupons?state=active"]
    lists += [f"coupons?offer_id={shop.offers['cookie'].id}", "offers", "events", "events?type=card.earned"]
    nexts = {}
    for one in lists:
        at = one + ("&" if "?" in one else "?")
        nexts[at] = (await shop.get(f"{at}limit=1")).json()["next"]
        assert nexts[at]
        assert (await shop.get(f"{at}limit=2&fields=id&after={nexts[at]}")).json()["data"], "how much of each is no other list"
    for at in nexts:
        for other, after in nexts.items():
            said = await shop.get(f"{at}after={after}")
            fits = at == other or {at.partition("?")[0], other.partition("?")[0]} == {"events"}
            assert said.status_code == (200 if fits else 400), (at, other)
            assert fits or said.json()["facts"]["errors"] == "after: not a cursor of this list with these filters"
    await shop.hand_out("tests", scopes=SCOPES, test=True)
    assert (await shop.get(f"offers?after={nexts['offers?']}", who="tests")).status_code == 400


async def test_what_is_known_of_a_customer_is_put_right_by_whoever_has_seen_it(shop: Shop) -> None:
    hoa = await shop.join("Hoa", email="hoa@example.com", phone="0901234567")
    await shop.join("Tú", email="tu@example.com")
    who = hoa["customer_id"]
    before = await shop.get(f"customers/{who}")
    assert before.json() == {
        "id": who,
        "name": "Hoa",
        "email": "hoa@example.com",
        "phone": "0901234567",
        "birthday": "",
        "language": before.json()["language"],
        "consent": False,
        "joined_at": hoa["joined_at"],
        "cards": [
            {
                "id": hoa["id"],
                "number": hoa["number"],
                "program_id": str(shop.program.id),
                "joined_at": hoa["joined_at"],
                "left_at": None,
            }
        ],
        "erased": False,
    }
    changed = await patch(shop, who, {"name": "Hoa Lê", "birthday": "02-29", "consent": True, "phone": ""}, key="once")
    assert changed.json() == {**before.json(), "name": "Hoa Lê", "birthday": "02-29", "consent": True, "phone": ""}
    assert (await patch(shop, who, {"name": "Hoa Lê", "birthday": "02-29", "consent": True, "phone": ""}, key="once")).headers[
        "idempotent-replayed"
    ] == "true"
    assert (await shop.get(f"cards/{hoa['id']}")).json()["customer"] == "Hoa Lê"
    assert await found(shop, "customers", phone="0901234567") == []
    (line,) = await shop.desk.store.audited(shop.business.id, what="customer.changed")
    assert line.staff_id == shop.staff["Minh"].id

    read_before = {"If-Match": before.headers["etag"]}
    assert word(await patch(shop, who, {"name": "Hoa Vũ"}, **read_before)) == (412, "changed_since")
    now = (await shop.get(f"customers/{who}")).headers["etag"]
    assert (await patch(shop, who, {"language": "vi"}, **{"If-Match": f"W/{now}"})).json()["language"] == "vi"
    assert word(await patch(shop, who, {"email": "TU@example.com"})) == (409, "contact_taken")
    assert word(await patch(shop, who, {"name": "Hoa"}, who="An")) == (403, "not_allowed")
    assert word(await patch(shop, str(uuid4()), {"name": "Hoa"})) == (404, "not_found")
    for wrong in (
        {"name": " "},
        {"email": "nobody"},
        {"birthday": "02-30"},
        {"note": "nuts"},
        {"language": "Tiếng Việt"},
        {"language": "vi\n"},
    ):
        assert word(await patch(shop, who, wrong)) == (400, "invalid_request")
    assert (await patch(shop, who, {})).json()["name"] == "Hoa Lê"


async def test_who_is_forgotten_is_nobody_any_more(shop: Shop) -> None:
    hoa = await shop.join("Hoa Trần", email="hoa@example.com")
    who = hoa["customer_id"]
    assert word(await shop.post(f"customers/{who}/erasure")) == (403, "not_allowed")
    erased = await shop.post(f"customers/{who}/erasure", who="Minh")
    assert (erased.status_code, erased.json()["erased"], erased.json()["name"]) == (201, True, "")
    assert erased.json()["cards"][0]["left_at"] is not None
    assert (await shop.post(f"customers/{who}/erasure", who="Minh")).json() == erased.json() == (await shop.get(f"customers/{who}")).json()
    assert await found(shop, "customers", email="hoa@example.com") == await found(shop, "customers", name="Hoa Trần") == []
    assert await walked(shop, "customers") == ([], 1)
    assert word(await patch(shop, who, {"name": "Hoa"})) == (404, "not_found")
    assert word(await shop.post(f"customers/{uuid4()}/erasure", who="Minh")) == (404, "not_found")


async def test_stamps_are_put_right_with_a_reason(shop: Shop) -> None:
    hoa = await shop.join()
    till, clerk = await with_key(shop), await with_key(shop, "clerk", "earn", "redeem", "issue")

    async def correct(amount: int, *, who: str = "Minh", reason: str = "forgotten") -> Any:
        return await shop.post(f"cards/{hoa['shown']}/corrections", {"count": amount, "reason": reason}, who=who)

    more = await correct(6, who=till)
    assert (more.status_code, more.json()["added"], len(more.json()["earned"]), more.json()["card"]["balance"]) == (201, 6, 1, 6)
    assert (await correct(-2)).json()["card"]["balance"] == 4
    assert word(await correct(-5)) == word(await correct(0)) == (422, "cannot_earn")
    assert word(await correct(1, who="An")) == (403, "not_allowed")
    assert word(await correct(1, who=clerk)) == (403, "wrong_scope")
    assert word(await correct(1, reason=" ")) == (400, "invalid_request")


async def test_coupons_are_given_to_somebody_or_to_whoever_has_the_code(shop: Shop) -> None:
    hoa, tu = await shop.join("Hoa"), await shop.join("Tú")
    cookie, coffee = (str(shop.offers[name].id) for name in ("cookie", "coffee"))
    till, clerk = await with_key(shop), await with_key(shop, "clerk", "issue", "read", "redeem")

    async def give(who: str = "Minh", **said: object) -> Any:
        return await shop.post("coupons", {"offer_id": cookie, **said}, who=who)

    (on_card,) = (await give(till, card_id=hoa["id"])).json()["coupons"]
    assert (on_card["card_id"], on_card["customer_id"], on_card["batch_id"]) == (hoa["id"], hoa["customer_id"], None)
    assert (await shop.get(f"cards/{hoa['id']}")).json()["ready"] == [on_card]
    shop.clock.forward(minutes=1)
    (to_tu,) = (await give(clerk, customer_id=tu["customer_id"], offer_id=coffee)).json()["coupons"]
    assert to_tu["card_id"] == tu["id"]
    shop.clock.forward(minutes=1)
    many = (await give(clerk, count=3)).json()
    assert [one["card_id"] for one in many["coupons"]] == [None] * 3
    assert (await shop.redeem(many["coupons"][0]["shown"])).status_code == 201
    shop.clock.forward(minutes=1)
    tomorrow = "2026-11-21T09:00:00+07:00"
    (later,) = (await give(card_id=hoa["id"], valid_from=tomorrow, reason="rain")).json()["coupons"]
    assert later["valid_from"] == tomorrow
    assert word(await shop.redeem(later["code"])) == (409, "not_yet_valid")
    assert (await give(count=2, valid_from="2020-01-01T00:00:00Z")).json()["coupons"][0]["valid_from"] is None

    async def listed(**asked: object) -> list[str]:
        told, _ = await walked(shop, "coupons", limit=2, **asked)
        return [one["id"] for one in told]

    batch = sorted((one["id"] for one in many["coupons"]), reverse=True)
    assert (await listed())[2:] == [later["id"], *batch, to_tu["id"], on_card["id"]]
    assert sorted(await listed(batch_id=many["batch_id"]), reverse=True) == batch
    assert await listed(batch_id=many["batch_id"], state="redeemed") == [many["coupons"][0]["id"]]
    assert await listed(offer_id=coffee) == [to_tu["id"]] == await listed(customer_id=tu["customer_id"])
    assert await listed(card_id=hoa["id"]) == [later["id"], on_card["id"]] == await listed(card_id=hoa["id"], state="active")
    assert await listed(card_id=uuid4()) == await listed(state="voided") == await listed(card_id=hoa["id"], offer_id=coffee) == []

    await merging.merge(shop.desk, shop.business, shop.staff["Lan"].id, UUID(tu["customer_id"]), UUID(hoa["customer_id"]))
    theirs = [later["id"], to_tu["id"], on_card["id"]]
    assert await listed(customer_id=hoa["customer_id"]) == await listed(customer_id=tu["customer_id"]) == theirs
    assert await listed(card_id=hoa["id"]) == await listed(card_id=tu["id"], customer_id=hoa["customer_id"]) == theirs

    assert word(await give("An", card_id=hoa["id"])) == (403, "not_allowed")
    assert word(await give(card_id=str(uuid4()))) == word(await give(customer_id=str(uuid4()))) == (404, "not_found")
    assert word(await give(offer_id=str(uuid4()), count=1)) == (404, "not_found")
    for wrong in ({}, {"count": 101}, {"count": 2, "card_id": hoa["id"]}, {"card_id": hoa["id"], "customer_id": hoa["customer_id"]}):
        assert word(await give(**wrong)) == (400, "invalid_request")
    for when in ("2026-11-21T09:00:00", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        assert word(await give(count=1, valid_from=when)) == (400, "invalid_request")

    await shop.change_business(limits=Limits(compensations=1))
    assert (await give(card_id=hoa["id"], reason="")).status_code == 201  # no compensation
    await shop.change_business(limits=Limits(compensations=2))
    given = [(await give(card_id=hoa["id"], reason="rain")).status_code for _ in range(3)]
    assert given == [201, 201, 409]
    assert (await give(till, card_id=hoa["id"], reason="rain")).status_code == 201  # what limits a person limits no machine
    compensated = [
        one.n
        for one in await shop.desk.store.counted(shop.business.id, since=shop.clock().date(), until=shop.clock().date())
        if (one.kind, one.by) == ("compensated", "all")
    ]
    assert compensated == [4]
    await shop.change_offer("cookie", state="paused")
    assert word(await give(card_id=hoa["id"])) == (409, "paused")


async def test_a_coupon_is_cancelled_or_good_for_longer_with_a_reason(shop: Shop) -> None:
    card = await shop.card_with_cookie()
    (coupon,) = card["ready"]
    shop.clock.forward(days=60)

    async def change(what: str, who: str = "Minh", key: str | None = None, **said: str) -> Any:
        return await shop.post(f"coupons/{coupon['id']}/{what}", {"reason": "a long winter", **said}, who=who, key=key)

    assert [one["id"] for one in (await walked(shop, "coupons", state="expired"))[0]] == [coupon["id"]]
    extended = await change("extend", until="2027-02-28", key="longer")
    assert (extended.status_code, extended.json()["state"], extended.json()["expires_at"]) == (200, "active", "2027-02-28T23:59:59+07:00")
    assert (await change("extend", until="2027-02-28", key="longer")).headers["idempotent-replayed"] == "true"
    assert word(await change("extend", until="2027-02-01")) == (422, "not_later")
    assert word(await change("void", who="An")) == (403, "not_allowed")
    voided = await change("void", key="away")
    assert (voided.status_code, voided.json()["state"]) == (200, "voided")
    assert (await change("void", key="away")).json() == voided.json()
    assert word(await change("void")) == word(await change("extend", until="2027-03-31")) == (410, "voided")
    assert word(await change("void", reason="")) == (400, "invalid_request")
    assert word(await shop.post(f"coupons/{uuid4()}/void", {"reason": "rain"}, who="Minh")) == (404, "not_found")
    assert (await shop.get(f"cards/{card['id']}")).json()["ready"] == []


async def test_a_code_that_nobody_was_given_is_no_coupon_yet(shop: Shop) -> None:
    await shop.change_offer("cookie", source="pool")
    offer = shop.offers["cookie"]
    made = (await shop.post("coupons", {"offer_id": str(shop.offers["coffee"].id), "count": 1}, who="Minh")).json()["coupons"][0]
    (known,) = await shop.desk.store.coupons(shop.business.id, limit=1)
    pooled = replace(known, id=shop.desk.world.new_id(), code=mint(shop.desk.world.pick), offer_id=offer.id, state="pooled", batch_id=None)
    await shop.desk.commit(shop.clock(), rows=(pooled,))
    assert word(await shop.get(f"coupons/{pooled.id}")) == (404, "not_found")
    assert word(await shop.post(f"coupons/{pooled.id}/void", {"reason": "rain"}, who="Minh")) == (404, "not_found")
    assert await walked(shop, "coupons", offer_id=offer.id) == ([], 1)
    assert [one["id"] for one in (await walked(shop, "coupons"))[0]] == [made["id"]]
    assert word(await shop.post("coupons", {"offer_id": str(offer.id), "count": 2}, who="Minh")) == (409, "pool_empty")
    (drawn,) = (await shop.post("coupons", {"offer_id": str(offer.id), "count": 1}, who="Minh")).json()["coupons"]
    assert drawn["id"] == str(pooled.id)


@BOTH
async def test_of_many_who_do_it_at_once_one_does(shop: Shop) -> None:
    card = await shop.card_with_cookie()
    who, (coupon,) = card["customer_id"], card["ready"]
    seen = {"If-Match": (await shop.get(f"customers/{who}")).headers["etag"]}
    changed = await asyncio.gather(*(patch(shop, who, {"name": f"Hoa {number}"}, **seen) for number in range(8)))
    assert sorted(one.status_code for one in changed) == [200] + [412] * 7
    (winner,) = (one.json() for one in changed if one.status_code == 200)
    assert (await shop.get(f"customers/{who}")).json() == winner
    said = await asyncio.gather(*(patch(shop, who, {which: value}) for which, value in (("birthday", "02-29"), ("phone", "0901234567"))))
    assert [one.status_code for one in said] == [200, 200]
    now = (await shop.get(f"customers/{who}")).json()
    assert (now["birthday"], now["phone"]) == ("02-29", "0901234567")

    voids = (shop.post(f"coupons/{coupon['id']}/void", {"reason": "rain"}, who="Minh") for _ in range(6))
    answers = await asyncio.gather(*voids, *(shop.redeem(coupon["code"]) for _ in range(6)))
    done = sorted(one.status_code for one in answers)
    assert done in ([200] + [410] * 11, [201] + [409] * 11)
    both = [
        shop.post("coupons", {"offer_id": str(shop.offers["coffee"].id), "card_id": card["id"]}, who="Minh"),
        shop.post(f"customers/{who}/erasure", who="Minh"),
        shop.post(f"customers/{who}/erasure", who="Minh"),
    ]
    given, *erased = await asyncio.gather(*both)
    assert [one.json()["erased"] for one in erased] == [True, True]
    assert given.status_code in (201, 404)
    assert (await shop.get(f"cards/{card['id']}")).json()["ready"] == []


@pytest.mark.parametrize("path", ["customers", "cards", "coupons"])
async def test_a_list_needs_a_key_that_may_read(shop: Shop, path: str) -> None:
    assert word(await shop.get(path, who=await with_key(shop, "clerk", "redeem", "earn", "issue", "manage"))) == (403, "wrong_scope")
