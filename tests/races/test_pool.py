"""A pool's last code, and an insert, are wanted by twenty at once: one gets it, the others are told."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import holder, inserts
from app.store import Unit
from passes import coupons
from passes.problems import LinkSpent

TWENTY = 20


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        yield shop


async def test_the_last_code_of_a_pool_is_given_to_one_of_twenty_and_the_others_are_told(shop: Shop) -> None:
    now = shop.clock()
    await shop.change_offer("coffee", source="pool")
    offer = shop.offers["coffee"]
    last = replace(coupons.issue(offer, coupon_id=uuid4(), code="LASTCODE", now=now, zone=shop.business.tz), state="pooled")
    await shop.desk.store.commit(Unit(at=now, due_at=now, rows=(last,)))
    cards = [await shop.join(f"Customer {number}") for number in range(TWENTY)]
    manager = await shop.sign_in("Minh")
    answers = await asyncio.gather(
        *(
            manager.post(
                "/coupons/give", data={"card_id": card["id"], "offer_id": str(offer.id), "reason": "the last one", "nonce": card["id"]}
            )
            for card in cards
        )
    )
    assert sorted(one.status_code for one in answers) == [303] + [422] * (TWENTY - 1)
    assert sum("All imported codes of" in one.text for one in answers) == TWENTY - 1
    given = await shop.desk.store.given(shop.business.id, now=now, offer_id=offer.id)
    assert [coupon.code for coupon, _ in given] == ["LASTCODE"]


async def test_an_insert_that_twenty_open_at_once_is_one_s(shop: Shop) -> None:
    (owner,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    made = await inserts.make(shop.desk, owner, shop.program.id, count=1, gives=2, until=None)
    secret = made.links[0].rpartition("/")[2]
    cards = [await shop.join(f"Customer {number}") for number in range(TWENTY)]
    facts = [await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"]) for card in cards]
    opened = await asyncio.gather(
        *(holder.use_insert(shop.desk, secret, one, language="en") for one in facts if one), return_exceptions=True
    )
    assert sum(isinstance(one, LinkSpent) for one in opened) == TWENTY - 1
    after = [await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"]) for card in cards]
    assert sorted(one.card.balance for one in after if one) == [0] * (TWENTY - 1) + [2]
