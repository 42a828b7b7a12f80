"""The server's process is killed (kill -9) while codes are redeemed and phones are told: what was said is true, and nothing twice."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from premises import Customer, Premises, Promise

from passes.coupons import Reversal

pytestmark = pytest.mark.long

ROUNDS = 20
TOGETHER = 5
"""Kills between two looks at the phones: each must find its way back after all of them."""
LATEST = 0.7
"""Seconds after which the process is killed at the latest: redemptions come at once, pushes start 0.4 seconds later."""


class Together:
    """A basket of all or nothing, one of each by itself, a reservation of two, and a redemption that is taken back."""

    def __init__(self, premises: Premises, coupons: list[tuple[UUID, str]], used: dict[str, Any]) -> None:
        self._premises = premises
        self._ids = [coupon_id for coupon_id, _ in coupons]
        codes = [code for _, code in coupons]
        self.basket = Promise(premises, "redemptions", {"codes": codes[:2], "mode": "all", "receipt": codes[0]})
        self.each = Promise(premises, "redemptions", {"codes": codes[2:4], "mode": "each"})
        self.reservation = Promise(premises, "reservations", {"codes": codes[4:6]})
        self.reversal = Promise(premises, f"redemptions/{used['redemption']['id']}/reversal", {})
        self.promises = [self.basket, self.each, self.reservation, self.reversal]

    async def is_whole(self) -> None:
        """What was said is recorded, and of nothing the half."""
        store, business_id = self._premises.shop.desk.store, self._premises.shop.business.id
        for promise, ids, name in ((self.basket, self._ids[:2], "redemptions"), (self.each, self._ids[2:4], "results")):
            recorded = [str(one.id) for coupon_id in ids for one in await self._premises.redemptions(coupon_id)]
            assert len(recorded) in (0, 2)
            if promise.answer is not None:
                assert promise.answer.status == 201
                assert recorded == [one["redemption"]["id"] for one in promise.answer.body[name]]
        found = [await store.coupon(business_id, coupon_id) for coupon_id in self._ids[4:]]
        one, other, back = [presented.coupon for presented in found if presented is not None]
        assert one.held_by == other.held_by
        if self.reservation.answer is not None:
            assert str(one.held_by) == self.reservation.answer.body["id"]
        reversals = [one for one in await store.coupon_history(business_id, back.id) if isinstance(one, Reversal)]
        assert (back.state, len(reversals)) in (("redeemed", 0), ("active", 1))
        if self.reversal.answer is not None:
            assert [str(one.id) for one in reversals] == [self.reversal.answer.body["id"]]


async def one_round(premises: Premises, customer: Customer, chance: random.Random) -> None:
    """Redemptions, baskets, a reservation, a reversal and stamps all at once, kill -9 at some moment, start again, and
    everything that was asked is asked again."""
    reward = customer.card["ready"][0]
    anonymous = await premises.coupons(13)
    wanted = [(reward["id"], reward["code"]), *anonymous[:6]]
    redemptions = [Promise(premises, "redemptions", {"code": code}) for _, code in wanted]
    stamps = [Promise(premises, f"cards/{customer.card['id']}/earnings", {"count": 1}) for _ in range(2)]
    together = Together(premises, anonymous[6:], await premises.done("redemptions", {"code": anonymous[-1][1]}))
    promises = [*redemptions, *stamps, *together.promises]

    sending = [asyncio.create_task(promise.send()) for promise in promises]
    await asyncio.sleep(chance.random() * LATEST)  # not to wait for anything: this is the random moment
    await premises.server.kill()
    await asyncio.gather(*sending)
    acknowledged = {promise.key: promise.answer for promise in promises if promise.answer is not None}
    await premises.server.start()

    for (coupon_id, _), promise in zip(wanted, redemptions, strict=True):  # before anything is asked again
        recorded = await premises.redemptions(coupon_id)
        assert len(recorded) <= 1
        if promise.answer is not None:
            assert promise.answer.status == 201
            assert [str(one.id) for one in recorded] == [promise.answer.body["redemption"]["id"]]
    await together.is_whole()

    await asyncio.gather(*(promise.keep() for promise in promises))
    await together.is_whole()
    for (coupon_id, _), promise in zip(wanted, redemptions, strict=True):
        assert promise.answer is not None
        assert promise.answer.status == 201
        recorded = await premises.redemptions(coupon_id)
        assert [str(one.id) for one in recorded] == [promise.answer.body["redemption"]["id"]]

    told = [promise for promise in promises if promise.key in acknowledged]
    again = await asyncio.gather(*(premises.ask(promise.path, promise.body, key=promise.key) for promise in told))
    for promise, answer in zip(told, again, strict=True):  # whoever had an answer is given the same one again
        assert answer.body == acknowledged[promise.key].body
        assert answer.headers["idempotent-replayed"] == "true"

    ledger = await premises.shop.desk.store.ledger(premises.shop.business.id, customer.card["id"])
    assert [line.amount for line in ledger] == [5, 1, 1]
    assert ledger[-1].balance == 7


async def test_what_was_acknowledged_is_there_nothing_is_there_twice_and_every_phone_is_right(premises: Premises) -> None:
    chance = random.Random(20261122)
    customers = await asyncio.gather(*(premises.customer(f"Guest {number}") for number in range(ROUNDS)))
    await premises.everyone_sees(customers)
    for number, customer in enumerate(customers, 1):
        await one_round(premises, customer, chance)
        if number % TOGETHER == 0:
            await premises.everyone_sees(customers[:number])
    for customer in customers:
        story = (await premises.ask(f"cards/{customer.card['id']}/story", method="GET")).body
        used = [event["type"] for event in story["events"] if event["type"] in ("coupon.redeemed", "card.earned", "reward.ready")]
        assert sorted(used) == ["card.earned", "card.earned", "card.earned", "coupon.redeemed", "reward.ready"]
        await customer.phone.close()


async def test_a_process_that_is_killed_at_every_start_loses_nothing(premises: Premises) -> None:
    """As a machine that is out of memory does it: the phones are right once it lives for a few seconds."""
    customer = await premises.customer("Hoa")
    await premises.everyone_sees([customer])
    for _ in range(5):
        await premises.done(f"cards/{customer.card['id']}/earnings", {"count": 1})
        await premises.server.kill()
        await premises.server.start()
    await premises.everyone_sees([customer])
    await customer.phone.close()
