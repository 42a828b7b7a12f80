"""Several tills want the same codes at once, in baskets, in reservations and in returns: each coupon once, and never half a basket."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from house import House, at_once
from servers import Answer
from test_races import words

from app import world
from app.store import Change, Unit
from passes.coupons import Coupon, Redemption


async def used(house: House, coupon_ids: Sequence[UUID]) -> list[Redemption]:
    """The redemptions of these coupons, of which none may have two."""
    histories = [(await house.history(one))[0] for one in coupon_ids]
    assert all(len(one) <= 1 for one in histories)
    return [redemption for one in histories for redemption in one]


async def test_baskets_that_overlap_use_every_coupon_once_never_half_of_all_and_never_past_a_limit(house: House) -> None:
    chance, before = random.Random(5), 0
    for _ in range(3):
        coupons = [await house.coupon() for _ in range(12)]
        wanted = [chance.sample(coupons, 4) for _ in range(32)]
        modes = ["all" if number % 2 else "each" for number in range(32)]
        answers = await at_once(
            house.ask("redemptions", {"codes": [code for _, code in some], "mode": mode}) for some, mode in zip(wanted, modes, strict=True)
        )
        got: Counter[str] = Counter()
        for some, mode, answer in zip(wanted, modes, answers, strict=True):
            if mode == "all":
                assert (answer.status, answer.body.get("word")) in ((201, None), (409, "basket_refused")), answer
                given = answer.body.get("redemptions", [])
                assert len(given) in (0, len(some))
            else:
                assert answer.status in (200, 201), answer
                results = answer.body["results"]
                assert [one["code"] for one in results] == [code for _, code in some]
                assert {one["problem"]["word"] for one in results if one["problem"]} <= {"already_redeemed"}
                given = [one for one in results if not one["problem"]]
            got.update(one["redemption"]["id"] for one in given)
        recorded = await used(house, [coupon_id for coupon_id, _ in coupons])
        assert got == Counter({str(one.id): 1 for one in recorded})
        before += len(recorded)
        asked = {coupon_id for some, mode in zip(wanted, modes, strict=True) if mode == "each" for coupon_id, _ in some}
        assert asked <= {one.coupon_id for one in recorded}

    # And a limit holds within and across baskets.
    await house.shop.change_offer("cookie", most=before + 5)
    coupons = [await house.coupon() for _ in range(16)]
    answers = await at_once(
        house.ask("redemptions", {"codes": [code for _, code in coupons[start : start + 4]], "mode": "each"}) for start in range(0, 16, 2)
    )
    given = [one for answer in answers for one in answer.body.get("results", []) if not one["problem"]]
    assert len(given) == len(await used(house, [coupon_id for coupon_id, _ in coupons])) == 5


async def test_of_an_offer_with_a_limit_no_more_are_held_than_can_be_redeemed_and_all_that_are_held_can(house: House) -> None:
    store, most = house.shop.desk.store, 5
    await house.shop.change_offer("cookie", most=most)
    for _ in range(2):
        coupons = [await house.coupon() for _ in range(16)]
        answers = await at_once(
            house.ask("reservations", {"codes": [code]}) if number % 4 else house.redeem(code) for number, (_, code) in enumerate(coupons)
        )
        good = [one for one in answers if one.status == 201]
        assert {one.body["word"] for one in answers if one.status != 201} <= {"limit_reached", "reservation_refused"}
        assert len(good) == 5
        holds = [one.body["id"] for one in good if "until" in one.body]

        # Of some the time is over; everybody wants their places at once, and nobody the places of the others.
        lapsed, kept = holds[::2], holds[1::2]
        over = {"held_until": world.now()}
        held = {one.body["id"]: one.body["coupons"][0]["id"] for one in good if "until" in one.body}
        changes = tuple(Change(of=Coupon, id=UUID(held[one]), seen={"held_by": UUID(one)}, to=over) for one in lapsed)
        await store.commit(Unit(at=world.now(), due_at=world.now(), changes=changes))
        wanted = [code for coupon_id, code in coupons if await house.state(coupon_id) == "active"]
        answers = await at_once(
            [*(house.ask("redemptions", {"reservation_id": one}) for one in kept), *(house.redeem(code) for code in wanted)]
        )
        through, others = answers[: len(kept)], answers[len(kept) :]
        assert {one.status for one in through} <= {201}
        assert sum(one.status == 201 for one in others) == len(lapsed)
        assert len(await used(house, [coupon_id for coupon_id, _ in coupons])) == 5
        most += 5
        await house.shop.change_offer("cookie", most=most)


async def test_of_a_coupon_that_is_held_redeemed_and_released_and_of_a_receipt_brought_back_at_once_one_comes_first(house: House) -> None:
    for _ in range(6):
        coupons = [await house.coupon() for _ in range(2)]
        codes = [code for _, code in coupons]
        first = await at_once([house.ask("reservations", {"codes": codes}), *(house.redeem(codes[0]) for _ in range(4))])
        held, *redeemed = first
        winners = words(redeemed)["201"]
        assert (held.status == 201) == (winners == 0)
        assert set(words(redeemed)) <= ({"reserved"} if held.status == 201 else {"201", "already_redeemed"})
        if held.status != 201:
            held = await house.ask("reservations", {"codes": [codes[1]]})
        reservation_id = held.body["id"]
        answers = await asyncio.gather(
            *(house.ask("redemptions", {"reservation_id": reservation_id}) for _ in range(4)),
            *(house.ask(f"reservations/{reservation_id}/release", {}) for _ in range(4)),
            *(house.redeem(codes[1]) for _ in range(4)),
        )
        used_up, let_go, others = answers[:4], answers[4:8], answers[8:]
        through, released = [sum(one.status < 300 for one in some) for some in (used_up, let_go)]
        assert through + released == 1
        assert {one.body["word"] for one in (*used_up, *let_go) if one.status >= 300} <= {"not_held"}
        assert len(await used(house, [coupons[1][0]])) == through + sum(one.status == 201 for one in others) <= 1

    # And a receipt that is brought back by several at once is taken back once.
    card = await house.shop.join()
    await house.shop.stamp(card, 8)
    path = f"cards/{card['id']}/earnings"
    (earned,) = await at_once([house.ask(path, {"count": 3, "receipt": "R-1"})])
    (coffee,) = earned.body["earned"]
    redeeming = house.redeem(coffee["code"])
    answers: list[Answer] = await at_once([redeeming, *(house.ask("returns", {"receipt": "R-1"}) for _ in range(8))])
    assert words(answers[1:]) == {"201": 1, "nothing_to_return": 7}
    (said,) = next(one.body for one in answers[1:] if one.status == 201)["cards"]
    given = answers[0].status == 201
    assert (said["taken"], said["short"], said["card"]["balance"]) == ((1, 2, 0) if given else (3, 0, 8))
    assert given or answers[0].body["word"] == "voided"
    ledger = await house.shop.desk.store.ledger(house.shop.business.id, card["id"])
    assert sum(line.amount for line in ledger) == ledger[-1].balance == said["card"]["balance"]
