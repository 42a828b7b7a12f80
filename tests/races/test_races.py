"""Everybody comes at once, to two processes on PostgreSQL and to one on SQLite, over real sockets: one wins, the others are told."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from house import COUNTERS, House, at_once, photo_of
from servers import Answer

from app import world
from passes.coupons import Redemption

ROUNDS = 20


def words(answers: list[Answer]) -> Counter[str]:
    """How often each thing was said: "201", or the word of a problem."""
    return Counter("201" if answer.status == 201 else answer.body["word"] for answer in answers)


async def test_sixty_four_presentations_of_one_coupon_one_winner(house: House) -> None:
    channels = set()
    for _ in range(ROUNDS):
        coupon_id, code = await house.coupon()
        photo = photo_of(code)
        photos = [house.ask("redemptions/photo", photo=photo) for _ in range(32)]
        typed = [house.redeem(code) for _ in range(32)]
        answers = await at_once(one for pair in zip(photos, typed, strict=True) for one in pair)

        assert words(answers) == {"201": 1, "already_redeemed": 63}
        [winner] = [answer.body["redemption"] for answer in answers if answer.status == 201]
        for answer in answers:
            if answer.status != 201:
                assert answer.status == 409
                facts = answer.body["facts"]
                assert {name: facts[name] for name in ("at", "location", "staff")} == {
                    name: winner[name] for name in ("at", "location", "staff")
                }
        [redemption], reversals, refusals = await house.history(coupon_id)
        assert (str(redemption.id), reversals, len(refusals)) == (winner["id"], [], 63)
        channels.add(winner["channel"])
    assert channels <= {"api", "photo"}


async def test_one_request_sent_thirty_two_times_has_one_effect_and_one_answer(house: House) -> None:
    for number in range(5):
        coupon_id, code = await house.coupon()
        key = f"redeem-{number}"
        answers = await at_once(house.redeem(code, who="An", key=key) for _ in range(32))
        assert set(words(answers)) <= {"201", "idempotency_key_in_flight"}
        receipts = [answer.body for answer in answers if answer.status == 201]
        assert receipts
        assert all(receipt == receipts[0] for receipt in receipts)
        assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status == 409)
        assert (await house.redeem(code, who="An", key=key)).body == receipts[0]
        redemptions, reversals, refusals = await house.history(coupon_id)
        assert (len(redemptions), reversals, refusals) == (1, [], [])


async def test_one_reversal_sent_thirty_two_times_has_one_effect_and_one_answer(house: House) -> None:
    for number in range(5):
        coupon_id, code = await house.coupon()
        receipt = await house.redeem(code, who="An")
        path = f"redemptions/{receipt.body['redemption']['id']}/reversal"
        answers = await at_once(house.ask(path, {}, who="An", key=f"reverse-{number}") for _ in range(32))
        assert set(words(answers)) <= {"201", "idempotency_key_in_flight"}
        assert len({str(answer.body) for answer in answers if answer.status == 201}) == 1
        redemptions, reversals, _ = await house.history(coupon_id)
        assert (len(redemptions), len(reversals)) == (1, 1)


async def test_one_stamp_and_one_join_sent_thirty_two_times_are_one(house: House) -> None:
    body = {"program_id": str(house.shop.program.id), "name": "Hoa"}
    joined = await at_once(house.ask("join", body, who="An", key="join") for _ in range(32))
    assert set(words(joined)) <= {"201", "idempotency_key_in_flight"}
    assert len({answer.body["customer_id"] for answer in joined if answer.status == 201}) == 1
    card = next(answer.body["card"] for answer in joined if answer.status == 201)
    for stamps in range(1, 4):
        earned = await at_once(house.ask(f"cards/{card['id']}/earnings", {"count": 1}, who="An", key=f"stamp-{stamps}") for _ in range(32))
        assert set(words(earned)) <= {"201", "idempotency_key_in_flight"}
        assert {answer.body["card"]["balance"] for answer in earned if answer.status == 201} == {stamps}
    ledger = await house.shop.desk.store.ledger(house.shop.business.id, card["id"])
    assert [line.amount for line in ledger] == [1, 1, 1]


async def test_one_refusal_sent_thirty_two_times_is_recorded_once(house: House) -> None:
    coupon_id, code = await house.coupon(expires_at=world.now() - timedelta(days=1))
    answers = await at_once(house.redeem(code, who="An", key="refused") for _ in range(32))
    assert set(words(answers)) <= {"expired", "idempotency_key_in_flight"}
    _, _, refusals = await house.history(coupon_id)
    assert len(refusals) == 1


async def test_stamps_that_come_at_once_are_all_there(house: House) -> None:
    card = await house.shop.join()
    answers = await at_once(house.sure(f"cards/{card['id']}/earnings", {"count": 1}) for _ in range(43))
    assert words(answers) == {"201": 43}
    ledger = await house.shop.desk.store.ledger(house.shop.business.id, card["id"])
    assert [line.number for line in ledger] == list(range(1, len(ledger) + 1))
    assert sum(line.amount for line in ledger if line.kind == "earned") == 43
    assert ledger[-1].balance == sum(line.amount for line in ledger) == 3
    after = (await house.shop.get(f"cards/{card['id']}")).json()
    assert (after["balance"], len(after["ready"])) == (3, 8)
    issued = [coupon["code"] for answer in answers for coupon in answer.body["earned"]]
    assert sorted(issued) == sorted(coupon["code"] for coupon in after["ready"])


async def test_a_redemption_is_taken_back_once(house: House) -> None:
    for _ in range(5):
        coupon_id, code = await house.coupon()
        receipt = await house.redeem(code, who="An")
        path = f"redemptions/{receipt.body['redemption']['id']}/reversal"
        answers = await at_once(house.ask(path, {}, who="An") for _ in range(24))
        assert words(answers) == {"201": 1, "nothing_to_reverse": 23}
        redemptions, reversals, _ = await house.history(coupon_id)
        assert [one.redemption_id for one in reversals] == [redemptions[0].id]
        assert await house.state(coupon_id) == "active"


async def storm(house: House, code: str, path: str, body: dict, *, who: str) -> set[str]:
    """Somebody who uses a code whenever it goes, and takes it back each time; all that was heard."""
    heard = set()
    for _ in range(6):
        used = await house.ask(path, {"code": code, **body}, who=who)
        heard.add("201" if used.status == 201 else used.body["word"])
        if used.status == 201:
            back = await house.ask(f"redemptions/{used.body['redemption']['id']}/reversal", {"reason": "a storm"}, who=who)
            heard.add("back" if back.status == 201 else back.body["word"])
    return heard


@pytest.mark.parametrize("kind", ["redeem", "honour"])
async def test_in_a_storm_every_use_but_the_last_has_its_reversal(house: House, kind: str) -> None:
    card = await house.shop.card_with_cookie()
    ready = card["ready"][0]
    path, body = "redemptions", {}
    if kind == "honour":  # the reward on the card ended yesterday
        await house.shop.change_business(honour="everyone")
        coupon_id, code = await house.coupon(
            expires_at=world.now() - timedelta(days=1), card_id=card["id"], issued_at=world.now() - timedelta(days=9)
        )
        path, body = "goodwill", {"reason": "a friend of the house"}
    else:
        coupon_id, code = ready["id"], ready["code"]
    heard = set().union(*await asyncio.gather(*(storm(house, code, path, body, who=who) for who in COUNTERS for _ in range(3))))
    last = await house.ask(path, {"code": code, **body}, who="Minh")
    assert heard <= {"201", "back", "already_redeemed"}
    assert {"201", "back"} <= heard

    assert last.status == 201
    redemptions, reversals, _ = await house.history(coupon_id)
    assert {one.redemption_id for one in reversals} == {one.id for one in redemptions} - {UUID(last.body["redemption"]["id"])}
    assert len(reversals) == len(redemptions) - 1
    assert await house.state(coupon_id) == "redeemed"
    events = await house.shop.desk.store.card_history(house.shop.business.id, card["id"], limit=1000)
    of_it = [event.kind for event in reversed(events) if str(event.coupon_id) == str(coupon_id)]
    turns = [kind for kind in of_it if kind not in ("earned", "expired")]  # that it ended is said whenever a server looks
    used = "redeemed" if kind == "redeem" else "goodwill"
    assert turns == [used, "reversed"] * len(reversals) + [used]


async def test_a_limit_holds_across_processes(house: House) -> None:
    await house.shop.change_offer("cookie", most=3)
    coupons = [await house.coupon() for _ in range(16)]
    answers = await at_once(house.redeem(code) for _, code in coupons)
    assert words(answers) == {"201": 3, "limit_reached": 13}
    given = [answer.body["redemption"]["id"] for answer in answers if answer.status == 201]
    back = await at_once(house.ask(f"redemptions/{one}/reversal", {"reason": "a mistake"}, who="Minh") for one in given for _ in range(4))
    assert words(back) == {"201": 3, "nothing_to_reverse": 9}
    again = await at_once(house.redeem(code) for _, code in coupons)
    assert words(again) == {"201": 3, "limit_reached": 13}


async def test_a_limit_for_each_customer_holds_across_processes(house: House) -> None:
    await house.shop.change_offer("cookie", most_each=1)
    card = (await house.shop.stamp(await house.shop.join(), 45))["card"]
    mine = [coupon["code"] for coupon in card["ready"] if coupon["offer"]["title"] == "Free cookie"]
    assert len(mine) == 5
    assert words(await at_once(house.redeem(code) for code in mine)) == {"201": 1, "limit_reached": 4}


async def test_looking_up_in_a_race_says_what_is_true_and_records_nothing(house: House) -> None:
    coupon_id, code = await house.coupon()
    asked = [house.ask("look-ups", {"code": code}) for _ in range(24)] + [house.redeem(code)]
    *seen, receipt = await at_once(asked)
    assert receipt.status == 201
    assert {answer.body["verdict"] for answer in seen} <= {"redeemable", "already_redeemed"}
    redemptions, reversals, refusals = await house.history(coupon_id)
    assert isinstance(redemptions[0], Redemption)
    assert (len(redemptions), reversals, refusals) == (1, [], [])
