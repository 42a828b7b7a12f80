"""A code is presented at the counter: the whole service, asked through its own HTTP, on both databases."""

import asyncio
import importlib
import io
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
import segno
from databases import BOTH
from msgspec.structs import replace
from PIL import Image
from shop import Shop

from app.db.engines import engine_of
from app.store import Unit
from passes import codes, coupons
from passes.offers import Window


async def coupon_of(shop: Shop, **changes: object) -> str:
    """The code of an anonymous coffee coupon with these facts."""
    now = shop.clock()
    code = codes.mint(shop.desk.world.pick)
    coupon = coupons.issue(shop.offers["coffee"], coupon_id=uuid4(), code=code, now=now, zone=shop.business.tz)
    await shop.desk.store.commit(Unit(at=now, due_at=now, rows=(replace(coupon, **changes),)))
    return code


def photo_of(text: str, kind: str = "PNG") -> bytes:
    drawn = io.BytesIO()
    segno.make(text, micro=False).save(drawn, kind="png", scale=6, border=4)
    photo = Image.new("RGB", (900, 700), "#8a8f80")
    photo.paste(Image.open(drawn).convert("RGB").rotate(7, expand=True, fillcolor="white"), (200, 120))
    out = io.BytesIO()
    photo.save(out, kind)
    return out.getvalue()


@BOTH
async def test_a_code_is_redeemed_and_says_what_to_give_and_to_whom(shop: Shop) -> None:
    receipt = await shop.redeem(await shop.cookie("Hoa"))
    assert receipt.status_code == 201
    told = receipt.json()
    assert told["customer"] == "Hoa"
    assert told["coupon"]["offer"]["title"] == "Free cookie"
    assert told["coupon"]["offer"]["action"] == "Press FREE COOKIE"
    assert told["coupon"]["state"] == "redeemed"
    assert told["redemption"]["staff"] == "An"
    assert told["redemption"]["location"] == "Bến Thành"
    assert told["redemption"]["at"] == "2026-11-20T12:00:00+07:00"


async def test_the_cashier_reads_vietnamese(shop: Shop) -> None:
    receipt = await shop.redeem(await shop.cookie(), language="vi")
    assert receipt.json()["coupon"]["offer"]["action"] == "Bấm BÁNH QUY MIỄN PHÍ"
    refused = await shop.redeem(receipt.json()["coupon"]["code"], language="vi")
    assert refused.json()["title"] != "Already used"


@pytest.mark.parametrize(
    "sloppy", [str.lower, lambda code: f"  {code} ", lambda code: code.replace("-", " "), lambda code: "\\000026" + code]
)
async def test_sloppy_typing_is_read(shop: Shop, sloppy) -> None:
    assert (await shop.redeem(sloppy(await shop.cookie()))).status_code == 201


@BOTH
async def test_a_second_try_is_told_when_where_and_by_whom(shop: Shop) -> None:
    code = await shop.cookie()
    first = (await shop.redeem(code)).json()
    shop.clock.forward(minutes=20)
    second = await shop.redeem(code, who="Bình")
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"
    problem = second.json()
    assert problem["word"] == "already_redeemed"
    assert problem["facts"]["at"] == first["redemption"]["at"]
    assert problem["facts"]["location"] == "Bến Thành"
    assert problem["facts"]["staff"] == "An"
    assert "2026-11-20 12:00" in problem["detail"]
    assert problem["say"]
    assert problem["type"].endswith("/already_redeemed")


async def test_one_wrong_character_is_told_apart_from_an_unknown_code(shop: Shop) -> None:
    code = (await shop.cookie()).replace("-", "")
    wrong = ("K" if code[0] != "K" else "M") + code[1:]
    assert (await shop.redeem(wrong)).json()["word"] == "mistyped_code"
    unknown = codes.mint(shop.desk.world.pick)
    assert (await shop.redeem(unknown)).json()["word"] == "unknown_code"


async def test_a_code_of_another_shop_looks_exactly_like_no_code_at_all(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Elsewhere")
    foreign = await shop.redeem(await other.cookie())
    nowhere = await shop.redeem(codes.mint(shop.desk.world.pick))
    assert foreign.status_code == nowhere.status_code == 404
    assert foreign.json() == nowhere.json()


@BOTH
async def test_the_order_of_refusals(shop: Shop) -> None:
    now = shop.clock()
    voided = await coupon_of(shop, state="voided", voided_at=now, expires_at=datetime.fromisoformat("2020-01-01T00:00:00Z"))
    later = await coupon_of(shop, valid_from=datetime.fromisoformat("2027-01-01T00:00:00+07:00"))
    ended = await coupon_of(shop, expires_at=datetime.fromisoformat("2026-11-19T23:59:59+07:00"))
    for code, word, status in ((voided, "voided", 410), (later, "not_yet_valid", 409), (ended, "expired", 410)):
        refused = await shop.redeem(code)
        assert (refused.json()["word"], refused.status_code) == (word, status)
    assert (await shop.redeem(ended)).json()["facts"]["may_honour"] is False
    assert (await shop.redeem(ended, who="Minh")).json()["facts"]["may_honour"] is True


async def test_the_wrong_branch_names_the_right_one(shop: Shop) -> None:
    await shop.change_offer("cookie", locations=(shop.locations["Thảo Điền"].id,))
    code = await shop.cookie()
    refused = await shop.redeem(code)
    assert refused.json()["word"] == "wrong_location"
    assert refused.json()["facts"]["locations"] == ["Thảo Điền"]
    assert (await shop.redeem(code, who="An in Thảo Điền")).status_code == 201


async def test_outside_its_hours_an_offer_waits(shop: Shop) -> None:
    await shop.change_offer("cookie", windows=(Window(days=(5, 6)),))
    code = await shop.cookie()
    assert (await shop.redeem(code)).json()["word"] == "outside_hours"
    shop.clock.forward(days=1)
    assert (await shop.redeem(code)).status_code == 201


@BOTH
async def test_a_limit_holds_when_everybody_comes_at_once(shop: Shop) -> None:
    await shop.change_offer("cookie", most=3)
    wanted = [await shop.cookie(f"Guest {number}") for number in range(8)]
    answers = await asyncio.gather(*(shop.redeem(code) for code in wanted))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert {answer.json().get("word") for answer in answers} == {None, "limit_reached"}


@BOTH
async def test_a_reversal_gives_the_place_under_a_limit_back(shop: Shop) -> None:
    await shop.change_offer("cookie", most=1)
    first, second = await shop.cookie("Hoa"), await shop.cookie("Mai")
    redeemed = (await shop.redeem(first)).json()
    assert (await shop.redeem(second)).json()["word"] == "limit_reached"
    await shop.post(f"redemptions/{redeemed['redemption']['id']}/reversal")
    assert (await shop.redeem(second)).status_code == 201


@BOTH
async def test_looking_up_gives_the_verdict_and_changes_nothing(shop: Shop) -> None:
    code = await shop.cookie("Hoa")
    for _ in range(2):
        seen = (await shop.post("look-ups", {"code": code})).json()
        assert seen["verdict"] == "redeemable"
        assert seen["customer"] == "Hoa"
        assert seen["coupon"]["state"] == "active"
        assert seen["card"]["balance"] == 5
    await shop.redeem(code)
    used = (await shop.post("look-ups", {"code": code})).json()
    assert used["verdict"] == used["problem"]["word"] == "already_redeemed"
    assert await shop.refused() == []


async def test_a_cards_own_number_shows_the_card(shop: Shop) -> None:
    card = await shop.card_with_cookie("Hoa")
    seen = (await shop.post("look-ups", {"code": card["shown"]})).json()
    assert seen["verdict"] == "card"
    assert seen["card"]["ready"][0]["offer"]["title"] == "Free cookie"
    refused = await shop.redeem(card["number"])
    assert refused.json()["word"] == "card_presented"
    assert refused.json()["facts"]["ready"] == [card["ready"][0]["shown"]]


@BOTH
async def test_every_refusal_is_recorded_with_what_by_whom_where_and_why(shop: Shop) -> None:
    code = await shop.cookie()
    await shop.redeem(code)
    await shop.redeem(code, who="An in Thảo Điền")
    await shop.redeem("no such code at all \x00\x07")
    newest, before = await shop.refused()
    assert (newest.word, newest.coupon_id) == ("unknown_code", None)
    assert (before.word, codes.group(before.code), before.location_id) == ("already_redeemed", code, shop.locations["Thảo Điền"].id)
    assert before.staff_id == shop.staff["An"].id


async def test_a_photo_of_the_phone_redeems(shop: Shop) -> None:
    code = (await shop.cookie()).replace("-", "")
    for kind in ("PNG", "JPEG", "WEBP"):
        answer = await shop.redeem_photo(photo_of(code, kind), kind=f"image/{kind.lower()}")
        assert answer.json().get("word") in {None, "already_redeemed"}, answer.text
    assert answer.json()["word"] == "already_redeemed"


async def test_a_photo_with_two_codes_is_not_guessed_at(shop: Shop) -> None:
    one, other = Image.open(io.BytesIO(photo_of(await shop.cookie()))), Image.open(io.BytesIO(photo_of(await shop.cookie())))
    both = Image.new("RGB", (1800, 700))
    both.paste(one, (0, 0))
    both.paste(other, (900, 0))
    out = io.BytesIO()
    both.save(out, "PNG")
    assert (await shop.redeem_photo(out.getvalue())).json()["word"] == "several_codes"
    (refusal,) = await shop.refused()
    assert (refusal.word, refusal.channel) == ("several_codes", "photo")


async def test_a_photo_without_a_code_says_what_to_do(shop: Shop) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "grey").save(out, "PNG")
    refused = await shop.redeem_photo(out.getvalue())
    assert (refused.status_code, refused.json()["word"]) == (422, "unreadable_photo")
    assert refused.json()["say"]


# --- Undo and goodwill ---


async def test_the_same_person_takes_it_back_for_fifteen_minutes(shop: Shop) -> None:
    code = await shop.cookie()
    redeemed = (await shop.redeem(code)).json()["redemption"]["id"]
    assert (await shop.post(f"redemptions/{redeemed}/reversal", who="Bình")).json()["word"] == "not_allowed"
    shop.clock.forward(minutes=15)
    taken_back = await shop.post(f"redemptions/{redeemed}/reversal")
    assert taken_back.status_code == 201
    assert taken_back.json()["coupon"]["state"] == "active"
    assert (await shop.post(f"redemptions/{redeemed}/reversal")).json()["word"] == "nothing_to_reverse"
    assert (await shop.redeem(code)).status_code == 201


async def test_later_a_manager_takes_it_back_with_a_reason(shop: Shop) -> None:
    redeemed = (await shop.redeem(await shop.cookie())).json()["redemption"]["id"]
    shop.clock.forward(minutes=15, seconds=1)
    assert (await shop.post(f"redemptions/{redeemed}/reversal")).json()["word"] == "too_late_to_reverse"
    assert (await shop.post(f"redemptions/{redeemed}/reversal", who="Minh")).json()["word"] == "reason_needed"
    answer = await shop.post(f"redemptions/{redeemed}/reversal", {"reason": "wrong drink"}, who="Minh")
    assert answer.status_code == 201


@BOTH
async def test_an_expired_coupon_is_honoured_once_and_never_counts_as_a_redemption(shop: Shop) -> None:
    code = await shop.cookie()
    shop.clock.forward(days=32)
    body = {"code": code, "reason": "she was ill"}
    assert (await shop.post("goodwill", body)).json()["word"] == "may_not_honour"
    assert (await shop.post("goodwill", {**body, "reason": " "}, who="Minh")).json()["word"] == "reason_needed"
    honoured = await shop.post("goodwill", body, who="Minh")
    assert honoured.json()["redemption"]["kind"] == "goodwill"
    assert (await shop.post("goodwill", body, who="Minh")).json()["word"] == "already_redeemed"


async def test_a_valid_coupon_needs_no_goodwill(shop: Shop) -> None:
    answer = await shop.post("goodwill", {"code": await shop.cookie(), "reason": "why not"}, who="Minh")
    assert answer.json()["word"] == "not_expired"


@BOTH
async def test_the_story_of_a_coupon_has_every_turn(shop: Shop) -> None:
    code = await shop.cookie()
    receipt = (await shop.redeem(code)).json()
    await shop.redeem(code)
    await shop.post(f"redemptions/{receipt['redemption']['id']}/reversal")
    await shop.redeem(code)
    story = (await shop.get(f"coupons/{receipt['coupon']['id']}")).json()
    assert [turn["kind"] for turn in story["history"]] == ["redemption", "refusal", "reversal", "redemption"]
    assert story["coupon"]["state"] == "redeemed"


# --- One request, one answer ---


@BOTH
async def test_the_same_request_again_gets_the_same_receipt(shop: Shop) -> None:
    code = await shop.cookie()
    first = await shop.redeem(code, key="till-1")
    again = await shop.redeem(code, key="till-1")
    assert again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    await shop.post(f"redemptions/{first.json()['redemption']['id']}/reversal")
    late = await shop.redeem(code, key="till-1")
    assert late.content == first.content, "it could be redeemed, but that was asked and answered before"
    assert (await shop.redeem(code)).status_code == 201


@BOTH
async def test_what_was_answered_before_an_upgrade_is_not_done_again_after_it(shop: Shop, database_url: str) -> None:
    code = await shop.cookie()
    first = await shop.redeem(code, key="till-1")
    migration: Any = importlib.import_module("app.db.migrations.counterpass_2026_11_22t15_55_00_000000")
    engine = engine_of(database_url)
    await engine.run_ddl("UPDATE kept SET key = 'till-1' WHERE id = (SELECT max(id) FROM kept)")  # as it stood before
    await migration.fill(engine)
    await engine.close()
    again = await shop.redeem(code, key="till-1")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


@BOTH
async def test_a_refusal_is_kept_too(shop: Shop) -> None:
    code = await shop.cookie()
    shop.clock.forward(days=40)
    first = await shop.redeem(code, key="till-1")
    again = await shop.redeem(code, key="till-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(await shop.refused()) == 1


async def test_the_key_of_another_request_is_refused(shop: Shop) -> None:
    await shop.redeem(await shop.cookie(), key="till-1")
    code = await shop.cookie()
    other = await shop.redeem(code, key="till-1")
    assert (other.status_code, other.json()["word"]) == (422, "idempotency_key_reused")
    assert (await shop.redeem(code)).status_code == 201


@BOTH
async def test_keys_belong_to_the_caller(shop: Shop) -> None:
    assert (await shop.redeem(await shop.cookie(), key="till-1")).status_code == 201
    assert (await shop.redeem(await shop.cookie(), key="till-1", who="Bình")).status_code == 201


@BOTH
async def test_a_request_in_flight_is_told_to_come_back(shop: Shop) -> None:
    code = await shop.cookie()
    answers = await asyncio.gather(*(shop.redeem(code, key="till-1") for _ in range(5)))
    assert sorted({answer.status_code for answer in answers}) in ([201], [201, 409])
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert waiting
    assert {answer.json()["word"] for answer in waiting} == {"idempotency_key_in_flight"}
    assert {answer.headers["retry-after"] for answer in waiting} == {"1"}


@BOTH
async def test_keys_are_forgotten_after_a_day(shop: Shop) -> None:
    card = await shop.join()
    await shop.post(f"cards/{card['id']}/earnings", {"count": 1}, key="till-1")
    shop.clock.forward(hours=24, seconds=1)
    await shop.settle()
    again = await shop.post(f"cards/{card['id']}/earnings", {"count": 1}, key="till-1")
    assert again.json()["card"]["balance"] == 2


async def test_a_change_without_a_key_is_refused(shop: Shop) -> None:
    headers = shop.headers()
    del headers["Idempotency-Key"]
    for key in (None, "", " ", "x" * 256):
        sent = headers if key is None else {**headers, "Idempotency-Key": key}
        answer = await shop.client.post("/api/v1/redemptions", json={"code": "x"}, headers=sent)
        assert (answer.status_code, answer.json()["word"]) == (400, "idempotency_key_missing")


# --- Earning ---


@BOTH
async def test_ten_stamps_earn_a_cookie_on_the_way_and_a_coffee_at_the_end(shop: Shop) -> None:
    card = await shop.join()
    earned = [one["offer"]["title"] for _ in range(10) for one in (await shop.stamp(card))["earned"]]
    assert earned == ["Free cookie", "Free coffee"]


async def test_what_is_over_a_round_carries_into_the_next(shop: Shop) -> None:
    card = await shop.join()
    after = await shop.stamp(card, 23)
    assert [one["offer"]["title"] for one in after["earned"]] == ["Free cookie", "Free coffee"] * 2
    assert after["card"]["balance"] == 3
    story = (await shop.get(f"cards/{card['id']}/story")).json()
    assert [line["count"] for line in story["ledger"]] == [23, -10, -10]
    assert story["ledger"][-1]["balance"] == 3


@BOTH
async def test_a_hundred_stamps_at_once_lose_none(shop: Shop) -> None:
    card = await shop.join()
    await asyncio.gather(*(shop.stamp(card) for _ in range(17)))
    after = (await shop.get(f"cards/{card['number']}")).json()
    assert after["balance"] == 7
    assert len(after["ready"]) == 3
    ledger = (await shop.get(f"cards/{card['id']}/story")).json()["ledger"]
    assert [line["number"] for line in ledger] == list(range(1, len(ledger) + 1))
    assert sum(line["count"] for line in ledger) == ledger[-1]["balance"] == 7
