"""A till redeems several codes together, holds them for a basket, says what was sold, and takes it back when goods are returned."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import leaving, merging
from app.store import Unit
from passes import codes, coupons
from passes.businesses import Limits
from passes.coupons import Coupon
from passes.offers import Window
from passes.programs import BySpend


async def cookies(shop: Shop, count: int, **changes: Any) -> list[Coupon]:
    """Anonymous cookies."""
    issued = [
        replace(
            coupons.issue(
                shop.offers["cookie"], coupon_id=uuid4(), code=codes.mint(shop.desk.world.pick), now=shop.clock(), zone=shop.business.tz
            ),
            **changes,
        )
        for _ in range(count)
    ]
    await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=tuple(issued)))
    return issued


async def state(shop: Shop, coupon: Coupon) -> str:
    presented = await shop.desk.store.coupon(shop.business.id, coupon.id)
    assert presented is not None
    return presented.coupon.state


def of(*given: Coupon, **more: Any) -> dict[str, Any]:
    return {"codes": [one.code for one in given], **more}


# --- Baskets ---


@BOTH
async def test_a_basket_is_redeemed_together_and_the_same_request_again_has_the_same_answer(shop: Shop) -> None:
    one, two, three = await cookies(shop, 3)
    card = await shop.card_with_cookie()
    body = {"codes": [one.code, two.code.lower(), card["ready"][0]["shown"]], "mode": "all", "receipt": "R-1", "amount": 90_000}
    answer = await shop.post("redemptions", {**body, "currency": "VND"}, key="basket")
    assert answer.status_code == 201, answer.text
    redemptions = answer.json()["redemptions"]
    assert [one["coupon"]["code"] for one in redemptions] == [one.code, two.code, card["ready"][0]["code"]]
    assert [one["customer"] for one in redemptions] == ["", "", "Hoa"]
    assert {one["redemption"]["basket_id"] for one in redemptions} == {answer.json()["basket_id"]}
    assert {(one["redemption"]["receipt"], one["redemption"]["amount"]) for one in redemptions} == {("R-1", 90_000)}
    again = await shop.post("redemptions", {**body, "currency": "VND"}, key="basket")
    assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")

    basket_id = answer.json()["basket_id"]
    assert len(await shop.desk.store.basket(shop.business.id, UUID(basket_id))) == 3
    sales = await shop.desk.store.sales_of(shop.business.id, [UUID(basket_id)])
    assert [(sale.receipt, sale.amount, sale.currency) for sale in sales.values()] == [("R-1", 90_000, "VND")]
    line = (await shop.get(f"redemptions/{redemptions[0]['redemption']['id']}")).json()
    assert (line["basket_id"], line["receipt"], line["amount"]) == (basket_id, "R-1", 90_000)
    refused = await shop.post("redemptions", of(three, two, mode="all"))
    assert refused.status_code == 409
    assert await state(shop, three) == "active"


async def test_of_all_or_nothing_every_refusal_is_told_and_recorded(shop: Shop) -> None:
    good, used = await cookies(shop, 2)
    (late,) = await cookies(shop, 1, expires_at=shop.clock() - timedelta(days=1))
    await shop.redeem(used.code)
    refused = await shop.post("redemptions", of(good, used, late, mode="all"), language="vi")
    assert (refused.status_code, refused.json()["word"]) == (409, "basket_refused")
    told = refused.json()["facts"]["refusals"]
    assert [(one["code"], one["word"]) for one in told] == [(used.code, "already_redeemed"), (late.code, "expired")]
    assert all(one["title"] and one["detail"] and one["say"] and one["facts"] for one in told)
    assert f"{used.code} (Đã dùng rồi)" in refused.json()["detail"]
    assert {past.word for past in await shop.refused()} == {"expired", "already_redeemed"}
    assert await state(shop, good) == "active"


async def test_each_by_itself_has_one_result_per_code_in_their_order(shop: Shop) -> None:
    one, two = await cookies(shop, 2)
    card = await shop.join()
    typed = [one.code, "BBBBBBBBB", card["number"], two.code]
    answer = await shop.post("redemptions", {"codes": typed, "mode": "each"})
    assert answer.status_code == 201
    results = answer.json()["results"]
    assert [result["code"] for result in results] == typed
    words = [result["problem"]["word"] if result["problem"] else "redeemed" for result in results]
    assert (words[0], words[2], words[3]) == ("redeemed", "card_presented", "redeemed")
    assert words[1] in ("mistyped_code", "unknown_code")
    assert results[0]["coupon"]["state"] == "redeemed"
    assert [past.word for past in await shop.refused()] == [words[1]]  # a card's own number is no refusal
    nothing = await shop.post("redemptions", {"codes": typed, "mode": "each"})
    assert nothing.status_code == 200
    assert all(result["problem"] for result in nothing.json()["results"])


async def test_limits_count_within_the_basket(shop: Shop) -> None:
    await shop.change_offer("cookie", most=2)
    one, two, three = await cookies(shop, 3)
    refused = await shop.post("redemptions", of(one, two, three, mode="all"))
    assert [one["word"] for one in refused.json()["facts"]["refusals"]] == ["limit_reached"]
    each = (await shop.post("redemptions", of(one, two, three, mode="each"))).json()
    assert [result["problem"] and result["problem"]["word"] for result in each["results"]] == [None, None, "limit_reached"]
    back = await shop.post(f"baskets/{each['basket_id']}/reversal", {})
    assert len(back.json()["reversals"]) == 2
    together = await shop.post("redemptions", of(three, two))  # which mode is not said: all or none
    assert (together.status_code, len(together.json()["redemptions"])) == (201, 2)


async def test_what_a_basket_cannot_be(shop: Shop) -> None:
    one, two = await cookies(shop, 2)
    spelt = f"{one.code[:3].lower()}-{one.code[3:6]} {one.code[6:]}"
    twice = await shop.post("redemptions", {"codes": [one.code, two.code, spelt], "mode": "each"}, key="twice")
    assert (twice.status_code, twice.json()["word"]) == (400, "invalid_request")
    assert "codes[0] and codes[2]" in twice.json()["detail"]
    for body in (
        {},
        of(one, mode="some"),
        of(mode="all"),
        {"codes": [one.code] * 21, "mode": "all"},
        {"code": one.code, "mode": "all"},
        {"code": one.code, "codes": [two.code], "mode": "all"},
        {"code": one.code, "receipt": ""},
        {"code": one.code, "receipt": "R" * 65},
        {"code": one.code, "amount": -1},
    ):
        answer = await shop.post("redemptions", body)
        assert (answer.status_code, answer.json()["word"]) == (400, "invalid_request"), body
    dollars = await shop.post("redemptions", {"code": one.code, "amount": 5, "currency": "USD"})
    assert (dollars.status_code, dollars.json()["word"], dollars.json()["facts"]) == (422, "wrong_currency", {"currency": "VND"})
    assert [await state(shop, coupon) for coupon in (one, two)] == ["active", "active"]


@BOTH
async def test_a_basket_is_taken_back_whole_or_some_of_it_and_never_half(shop: Shop) -> None:
    given = await cookies(shop, 4)
    basket = (await shop.post("redemptions", of(*given, mode="all"))).json()
    path, ids = f"baskets/{basket['basket_id']}/reversal", [one["redemption"]["id"] for one in basket["redemptions"]]
    some = await shop.post(path, {"redemption_ids": ids[:1]})
    assert [one["coupon"]["state"] for one in some.json()["reversals"]] == ["active"]
    half = await shop.post(path, {"redemption_ids": ids[:2]})
    assert half.json()["word"] == "nothing_to_reverse"
    assert [await state(shop, one) for one in given] == ["active", "redeemed", "redeemed", "redeemed"]
    assert (await shop.post(path, {"redemption_ids": [ids[1], str(uuid4())]})).json()["word"] == "not_found"
    assert (await shop.post(path, {}, who="Bình")).json()["word"] == "not_allowed"
    assert (await shop.post(path, {}, who="Minh")).json()["word"] == "reason_needed"
    shop.clock.forward(minutes=16)
    assert (await shop.post(path, {})).json()["word"] == "too_late_to_reverse"
    rest = await shop.post(path, {"reason": "wrong table"}, who="Minh")
    assert [one["redemption_id"] for one in rest.json()["reversals"]] == [
        one for one in ids if one != some.json()["reversals"][0]["redemption_id"]
    ]
    assert [await state(shop, one) for one in given] == ["active"] * 4
    assert (await shop.post(path, {"reason": "wrong table"}, who="Minh")).json()["word"] == "nothing_to_reverse"
    assert (await shop.post(f"baskets/{uuid4()}/reversal", {})).json()["word"] == "not_found"


# --- Reservations ---


@BOTH
async def test_what_is_held_is_nobody_elses_until_it_is_redeemed(shop: Shop) -> None:
    one, two = await cookies(shop, 2)
    held = await shop.post("reservations", of(one, two, receipt="R-7"))
    assert held.status_code == 201, held.text
    assert (held.json()["state"], held.json()["receipt"]) == ("held", "R-7")
    assert (await shop.post("look-ups", {"code": one.code})).json()["verdict"] == "reserved"
    refused = await shop.redeem(one.code, who="Bình")
    assert (refused.status_code, refused.json()["word"], refused.json()["facts"]) == (409, "reserved", {"until": held.json()["until"]})
    assert [past.word for past in await shop.refused()] == ["reserved"]
    again = await shop.post("reservations", of(one))
    assert [one["word"] for one in again.json()["facts"]["refusals"]] == ["reserved"]
    (third,) = await cookies(shop, 1)
    other = (await shop.post("reservations", of(third))).json()["id"]
    first = (await shop.get("reservations?limit=1")).json()
    second = (await shop.get(f"reservations?limit=1&after={first['next']}")).json()
    assert {one["id"] for one in (*first["data"], *second["data"])} == {held.json()["id"], other}
    assert second["next"] is None
    await shop.post(f"reservations/{other}/release")

    given = await shop.post("redemptions", {"reservation_id": held.json()["id"], "amount": 5_000})
    assert given.status_code == 201, given.text
    assert given.json()["basket_id"] == held.json()["id"]
    assert {(one["redemption"]["receipt"], one["redemption"]["amount"]) for one in given.json()["redemptions"]} == {("R-7", 5_000)}
    now = (await shop.get(f"reservations/{held.json()['id']}")).json()
    assert (now["state"], [one["state"] for one in now["coupons"]]) == ("redeemed", ["redeemed", "redeemed"])
    late = (await shop.post("redemptions", {"reservation_id": held.json()["id"]})).json()
    assert (late["word"], late["facts"]["state"], late["facts"]["until"]) == ("not_held", "redeemed", now["until"])
    assert "its coupons were redeemed with it" in late["detail"]
    assert (await shop.post(f"reservations/{held.json()['id']}/release")).json()["word"] == "not_held"
    assert (await shop.get("reservations")).json()["data"] == []
    assert (await shop.post(f"baskets/{held.json()['id']}/reversal", {})).status_code == 201
    assert (await shop.redeem(one.code)).status_code == 201


@BOTH
async def test_a_reservation_is_released_or_frees_itself_by_time_alone(shop: Shop) -> None:
    (coupon,) = await cookies(shop, 1)
    first = (await shop.post("reservations", of(coupon, minutes=5))).json()
    released = await shop.post(f"reservations/{first['id']}/release")
    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert (await shop.post(f"reservations/{first['id']}/release")).json()["word"] == "not_held"
    second = (await shop.post("reservations", of(coupon, minutes=5))).json()
    shop.clock.forward(minutes=5)
    states = [(await shop.get(f"reservations/{one['id']}")).json()["state"] for one in (first, second)]
    assert states == ["released", "ended"]
    ended = [(await shop.post("redemptions", {"reservation_id": one["id"]})).json() for one in (first, second)]
    assert [(one["word"], one["facts"]["state"]) for one in ended] == [("not_held", "released"), ("not_held", "ended")]
    assert (await shop.post("look-ups", {"code": coupon.code})).json()["verdict"] == "redeemable"
    third = (await shop.post("reservations", of(coupon))).json()
    assert (await shop.get(f"reservations/{second['id']}")).json()["state"] == "ended"
    assert (await shop.post("redemptions", {"reservation_id": third["id"]})).status_code == 201
    assert (await shop.get(f"reservations/{uuid4()}")).json()["word"] == "not_found"
    assert (await shop.post("reservations", of(coupon, minutes=16))).json()["word"] == "invalid_request"


async def test_an_offer_that_ends_while_it_is_held_is_still_given_and_everything_else_is_judged_now(shop: Shop) -> None:
    soon = shop.clock() + timedelta(minutes=2)
    ends, stays = [(await cookies(shop, 1, expires_at=soon))[0] for _ in range(2)]
    here = soon.astimezone(shop.business.tz)
    await shop.change_offer("cookie", windows=(Window((here.weekday(),), (here - timedelta(hours=1)).time(), here.time()),))
    held, other = [(await shop.post("reservations", of(one))).json() for one in (ends, stays)]
    shop.clock.forward(minutes=10)
    assert (await shop.redeem(ends.code)).json()["word"] == "reserved"
    assert (await shop.post("redemptions", {"reservation_id": held["id"]})).status_code == 201
    await shop.change_offer("cookie", locations=(shop.locations["Bến Thành"].id,))
    refused = await shop.post("redemptions", {"reservation_id": other["id"]}, who="An in Thảo Điền")
    assert [one["word"] for one in refused.json()["facts"]["refusals"]] == ["wrong_location"]
    await shop.change_offer("cookie", locations=())
    (late,) = await cookies(shop, 1, expires_at=soon)
    assert (await shop.redeem(late.code)).json()["word"] == "expired"


async def test_a_coupon_that_is_voided_while_it_is_held_is_void(shop: Shop) -> None:
    one, two = await cookies(shop, 2)
    held = (await shop.post("reservations", of(one, two))).json()
    browser = await shop.sign_in("Minh")
    answer = await browser.post(f"/coupons/{one.id}/void", data={"reason": "lost"})
    assert answer.status_code == 303, answer.text
    refused = await shop.post("redemptions", {"reservation_id": held["id"]})
    assert [one["word"] for one in refused.json()["facts"]["refusals"]] == ["voided"]
    assert await state(shop, two) == "active"
    assert (await shop.post(f"reservations/{held['id']}/release")).json()["state"] == "released"
    assert (await shop.redeem(two.code)).status_code == 201


@BOTH
async def test_what_is_held_counts_for_the_limits_so_that_it_can_be_redeemed_whatever_others_do(shop: Shop) -> None:
    one, two, three, four, void = await cookies(shop, 5)
    await shop.change_offer("cookie", most=2)
    key = f"offer:{shop.offers['cookie'].id}"

    async def counted() -> int:
        return await shop.desk.store.tallied(shop.business.id, key)

    held = (await shop.post("reservations", of(one, two))).json()
    for refused in (await shop.redeem(three.code), await shop.post("redemptions", of(three, mode="all"))):
        facts = refused.json()["facts"]
        assert "limit_reached" in (refused.json()["word"], *(one["word"] for one in facts.get("refusals", [])))
    assert (await shop.post("look-ups", {"code": three.code})).json()["verdict"] == "limit_reached"
    assert (await shop.post("reservations", of(three))).json()["word"] == "reservation_refused"
    await shop.change_offer("cookie", most=1)
    assert (await shop.post("redemptions", {"reservation_id": held["id"]})).status_code == 201
    assert await counted() == 2
    assert (await shop.post(f"baskets/{held['id']}/reversal", {})).status_code == 201
    assert await counted() == 0

    # What was let go, or ended by time, or is void meanwhile, counts no more.
    await shop.change_offer("cookie", most=None)
    lapses = (await shop.post("reservations", of(void, three, minutes=5))).json()
    await shop.change_offer("cookie", most=3)
    assert await counted() == 2
    released = (await shop.post("reservations", of(four))).json()
    assert (await shop.redeem(one.code)).json()["word"] == "limit_reached"
    assert (await shop.post(f"reservations/{released['id']}/release")).status_code == 200
    assert await counted() == 2
    shop.clock.forward(minutes=5)
    assert (await shop.get(f"reservations/{lapses['id']}")).json()["state"] == "ended"
    again = await shop.post("reservations", of(one, two, three))
    assert again.status_code == 201, again.text
    assert await counted() == 3
    browser = await shop.sign_in("Minh")
    assert (await browser.post(f"/coupons/{one.id}/void", data={"reason": "lost"})).status_code == 303
    assert (await shop.redeem(four.code)).status_code == 201
    assert (await shop.redeem(void.code)).json()["word"] == "limit_reached"
    assert (await shop.post(f"reservations/{again.json()['id']}/release")).status_code == 200
    assert await counted() == 1


async def test_nobody_holds_a_coupon_for_ever_in_turns_either_and_another_till_lets_go_nothing(shop: Shop) -> None:
    for name, where in (("Till 1", "Bến Thành"), ("Till 2", "Bến Thành"), ("Till 3", "Thảo Điền")):
        await shop.hand_out(name, where, scopes=("redeem",))
    (coupon,) = await cookies(shop, 1)
    began = shop.clock()
    await shop.post("reservations", of(coupon, minutes=14), who="Till 3")
    shop.clock.forward(minutes=14)
    second = (await shop.post("reservations", of(coupon), who="Till 1")).json()
    assert datetime.fromisoformat(second["until"]) == began + timedelta(minutes=15)
    for path, body in (("redemptions", {"reservation_id": second["id"]}), (f"reservations/{second['id']}/release", {})):
        refused = await shop.post(path, body, who="Till 3")
        assert (refused.status_code, refused.json()["word"], refused.json()["facts"]) == (403, "another_till", {"location": "Bến Thành"})
    shop.clock.forward(seconds=15)
    assert (await shop.post(f"reservations/{second['id']}/release", who="Till 2")).status_code == 200
    last = (await shop.post("reservations", of(coupon), who="Till 3")).json()["facts"]["refusals"]
    for till in ("Till 1", "Till 2", "Till 3"):
        refused = await shop.post("reservations", of(coupon), who=till)
        assert (refused.json()["word"], refused.json()["title"]) == ("reservation_refused", "Nothing is held")
        (why,) = refused.json()["facts"]["refusals"]
        assert why == last[0]
        assert why["word"] == "held_too_long"
        assert datetime.fromisoformat(why["facts"]["again_at"]) == began + timedelta(minutes=30, seconds=15)
    shop.clock.forward(minutes=20)  # a customer who left the queue is back
    fourth = await shop.post("reservations", of(coupon), who="Till 3")
    assert fourth.status_code == 201
    assert (await shop.redeem(coupon.code, who="Till 1")).json()["word"] == "reserved"
    assert (await shop.post("redemptions", {"reservation_id": fourth.json()["id"]})).status_code == 201  # who may manage, may


@BOTH
async def test_a_hold_that_was_redeemed_and_taken_back_counts_to_that_moment(shop: Shop) -> None:
    (coupon,) = await cookies(shop, 1)
    held = (await shop.post("reservations", of(coupon))).json()
    shop.clock.forward(minutes=1)
    assert (await shop.post("redemptions", {"reservation_id": held["id"]})).status_code == 201
    shop.clock.forward(minutes=10)
    assert (await shop.post(f"baskets/{held['id']}/reversal", {})).status_code == 201
    again = (await shop.post("reservations", of(coupon))).json()
    assert datetime.fromisoformat(again["until"]) == shop.clock() + timedelta(minutes=14)


async def test_what_a_person_may_do_in_a_day_is_asked_when_it_is_held_and_when_it_is_redeemed(shop: Shop) -> None:
    await shop.change_business(limits=Limits(redemptions=1))
    one, two, three = await cookies(shop, 3)

    async def refused(path: str, body: object) -> list[str]:
        return [why["word"] for why in (await shop.post(path, body)).json()["facts"]["refusals"]]

    assert await refused("reservations", of(one, two)) == ["limit_reached"]
    held = (await shop.post("reservations", of(one))).json()
    assert (await shop.redeem(two.code)).status_code == 201
    assert await refused("reservations", of(three)) == ["limit_reached"]
    assert await refused("redemptions", {"reservation_id": held["id"]}) == ["limit_reached"]
    assert (await shop.post("redemptions", {"reservation_id": held["id"]}, who="Bình")).status_code == 201


async def test_a_till_that_holds_and_lets_go_in_a_loop_may_hold_again(shop: Shop) -> None:
    (coupon,) = await cookies(shop, 1)
    first = (await shop.post("reservations", of(coupon))).json()
    assert (await shop.post(f"reservations/{first['id']}/release")).status_code == 200
    held = await shop.desk.store.reservation(shop.business.id, UUID(first["id"]))
    assert held is not None
    again = [replace(held, id=shop.desk.world.new_id()) for _ in range(1500)]
    let_go = [replace(one, id=uuid5(one.id, "released"), coupon_ids=(), releases=one.id) for one in again]
    await shop.desk.commit(shop.clock(), rows=(*again, *let_go))
    assert (await shop.post("reservations", of(coupon))).status_code == 201


async def test_the_counter_says_that_a_coupon_is_held(shop: Shop) -> None:
    (coupon,) = await cookies(shop, 1)
    await shop.post("reservations", of(coupon))
    counter = await shop.at_counter("Bình")
    answer = await counter.post("/counter/present", json={"code": coupon.code}, headers={"Idempotency-Key": "held"})
    assert "Held for a basket" in answer.text
    assert 'data-tone="decide"' in answer.text
    assert "Free cookie" in answer.text


# --- Sales and returns ---


@BOTH
async def test_a_returned_receipt_takes_back_what_it_earned_once(shop: Shop) -> None:
    card = await shop.join()
    await shop.stamp(card, 3)
    earned = await shop.post(f"cards/{card['id']}/earnings", {"count": 3, "receipt": "R-1", "amount": 60_000, "currency": "VND"})
    assert earned.status_code == 201, earned.text
    cookie = earned.json()["earned"][0]
    back = await shop.post("returns", {"receipt": "R-1"}, key="back")
    assert back.status_code == 201, back.text
    (said,) = back.json()["cards"]
    assert (said["taken"], said["short"], said["card"]["balance"], said["card"]["ready"]) == (3, 0, 3, [])
    assert [(one["id"], one["state"]) for one in said["voided"]] == [(cookie["id"], "voided")]
    assert (await shop.post("returns", {"receipt": "R-1"}, key="back")).content == back.content
    assert (await shop.redeem(cookie["code"])).json()["word"] == "voided"
    nothing = await shop.post("returns", {"receipt": "R-1"})
    assert (nothing.status_code, nothing.json()["word"], nothing.json()["facts"]) == (409, "nothing_to_return", {"receipt": "R-1"})
    assert (await shop.post("returns", {"receipt": "R-2"})).json()["word"] == "nothing_to_return"
    story = (await shop.get(f"cards/{card['id']}/story")).json()
    assert [(line["kind"], line["count"], line["balance"]) for line in story["ledger"]] == [
        ("earned", 3, 3),
        ("earned", 3, 6),
        ("corrected", -3, 3),
    ]
    assert [event["type"] for event in story["events"]][:2] == ["coupon.voided", "card.corrected"]
    assert (await shop.stamp(card, 2))["earned"][0]["offer"]["title"] == "Free cookie"


async def test_a_full_round_that_is_returned_is_open_again_and_a_reward_that_was_used_is_short(shop: Shop) -> None:
    for used, expected in ((False, (3, 0, 8)), (True, (1, 2, 0))):
        card = await shop.join()
        await shop.stamp(card, 8)
        earned = await shop.post(f"cards/{card['id']}/earnings", {"count": 3, "receipt": card["id"]})
        (coffee,) = earned.json()["earned"]
        if used:
            assert (await shop.redeem(coffee["code"])).status_code == 201
        (said,) = (await shop.post("returns", {"receipt": card["id"]})).json()["cards"]
        assert (said["taken"], said["short"], said["card"]["balance"]) == expected
        assert len(said["voided"]) == (not used)


async def test_a_part_that_comes_back_takes_what_the_rest_is_not_worth(shop: Shop) -> None:
    was = shop.program
    assert await shop.desk.store.revise([(was, replace(was, earning=BySpend(amount=50_000)))])
    card = await shop.join()
    await shop.post(f"cards/{card['id']}/earnings", {"amount": 220_000, "receipt": "R-1"})
    taken = []
    for amount in (10_000, 30_000, 100_000):
        (said,) = (await shop.post("returns", {"receipt": "R-1", "amount": amount})).json()["cards"]
        taken.append((said["taken"], said["card"]["balance"]))
    assert taken == [(0, 4), (1, 3), (2, 1)]
    (said,) = (await shop.post("returns", {"receipt": "R-1", "amount": 999_000})).json()["cards"]
    assert (said["taken"], said["card"]["balance"]) == (1, 0)
    assert (await shop.post("returns", {"receipt": "R-1", "amount": 1})).json()["word"] == "nothing_to_return"
    assert (await shop.post("returns", {"receipt": "R-1", "currency": "EUR"})).json()["word"] == "wrong_currency"


async def test_an_amount_is_paid_back_once_over_the_sales_of_its_receipt_the_newest_first(shop: Shop) -> None:
    was = shop.program
    assert await shop.desk.store.revise([(was, replace(was, earning=BySpend(amount=10_000)))])
    hoa, mai = await shop.join("Hoa"), await shop.join("Mai")
    for card, paid in ((hoa, 30_000), (hoa, 20_000), (mai, 10_000)):
        await shop.post(f"cards/{card['id']}/earnings", {"amount": paid, "receipt": "R-1"})
    came = []
    for amount in (10_000, 30_000, 999_000):
        back = (await shop.post("returns", {"receipt": "R-1", "amount": amount})).json()
        came.append([(one["card"]["customer"], one["taken"], one["card"]["balance"]) for one in back["cards"]])
    assert came == [[("Mai", 1, 0)], [("Hoa", 3, 2)], [("Hoa", 2, 0)]]
    assert (await shop.post("returns", {"receipt": "R-1", "amount": 1})).json()["word"] == "nothing_to_return"


async def test_with_a_receipt_an_amount_is_what_was_paid_and_a_visit_is_a_visit(shop: Shop) -> None:
    card = await shop.join()
    visit = await shop.post(f"cards/{card['id']}/earnings", {"receipt": "R-1", "amount": 45_000})
    assert visit.json()["added"] == 1
    assert (await shop.post(f"cards/{card['id']}/earnings", {"amount": 45_000})).json()["word"] == "cannot_earn"
    (part,) = (await shop.post("returns", {"receipt": "R-1", "amount": 20_000})).json()["cards"]
    assert (part["taken"], part["card"]["balance"]) == (0, 1)
    (rest,) = (await shop.post("returns", {"receipt": "R-1"})).json()["cards"]
    assert (rest["taken"], rest["card"]["balance"]) == (1, 0)


async def test_a_receipt_that_earned_on_several_cards_is_taken_back_from_each(shop: Shop) -> None:
    hoa, mai = await shop.join("Hoa"), await shop.join("Mai")
    for card, count in ((hoa, 2), (mai, 3), (hoa, 4)):
        await shop.post(f"cards/{card['id']}/earnings", {"count": count, "receipt": "R-1"})
    back = (await shop.post("returns", {"receipt": "R-1"})).json()
    assert sorted((one["card"]["customer"], one["taken"], one["card"]["balance"]) for one in back["cards"]) == [
        ("Hoa", 6, 0),
        ("Mai", 3, 0),
    ]


async def test_what_two_cards_earned_that_have_become_one_comes_off_that_one_and_a_card_that_was_left_gives_nothing(shop: Shop) -> None:
    hoa, mai, tu = await shop.join("Hoa"), await shop.join("Mai"), await shop.join("Tú")
    for card, count in ((hoa, 2), (mai, 4), (tu, 1)):
        await shop.post(f"cards/{card['id']}/earnings", {"count": count, "receipt": "R-1"})
    keep, other = UUID(hoa["customer_id"]), UUID(mai["customer_id"])
    await merging.merge(shop.desk, shop.business, shop.staff["Lan"].id, keep, other)
    await leaving.leave(shop.desk, shop.business, UUID(tu["id"]))
    back = (await shop.post("returns", {"receipt": "R-1"})).json()
    told = sorted((one["card"]["customer"], one["taken"], one["short"], one["card"]["balance"]) for one in back["cards"])
    assert told == [("Hoa", 6, 0, 0), ("Tú", 0, 1, 1)]
    hoas = next(one for one in back["cards"] if one["card"]["customer"] == "Hoa")
    assert [one["offer"]["title"] for one in hoas["voided"]] == ["Free cookie"]
    assert (await shop.post("returns", {"receipt": "R-1"})).json()["word"] == "nothing_to_return"
