"""What time alone does stands in the log once: a coupon that ends soon, and one that has ended."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from databases import BOTH
from hooks import follows, told
from msgspec.structs import replace
from receivers import Receiver
from shop import Shop

from app.almanac import Almanac
from app.desk import coupons as giving
from app.store import Change
from passes.coupons import Coupon


async def written(shop: Shop) -> list[str]:
    almanac = Almanac(shop.desk)
    while await almanac.step():
        pass
    events = await shop.desk.store.happened(shop.business.id, kinds=("expiring", "expired"), limit=500)
    return [event.kind for _, event in events]


@BOTH
async def test_the_end_of_a_coupon_is_said_once_for_each_end(shop: Shop, till: Receiver) -> None:
    await follows(shop, till, "coupon.expiring", "coupon.expired")
    card = await shop.card_with_cookie()
    used = await shop.cookie("Lan")
    coupon_id = UUID(card["ready"][0]["id"])
    presented = await shop.desk.store.coupon(shop.business.id, coupon_id)
    assert presented
    ends = presented.coupon.expires_at
    assert ends
    assert await written(shop) == []
    await shop.redeem(used)
    shop.clock.now = ends - timedelta(days=3, seconds=-1)
    await asyncio.gather(*(written(shop) for _ in range(3)))
    assert await written(shop) == ["expiring"]
    shop.clock.now = ends
    assert await written(shop) == ["expiring"], "it is good to its last second"
    shop.clock.forward(seconds=1)
    assert await written(shop) == ["expiring", "expired"]
    await giving.extend(shop.desk, shop.business, shop.staff["Lan"].id, coupon_id, (ends + timedelta(days=10)).date(), reason="rain")
    assert await written(shop) == ["expiring", "expired"]
    shop.clock.forward(days=11)
    assert await written(shop) == ["expiring", "expired", "expired"]
    await told(shop.desk)
    assert till.types() == ["coupon.expiring", "coupon.expired", "coupon.expired"]
    assert {got["data"]["coupon_id"] for got in till.got} == {str(coupon_id)}
    assert (await shop.get(f"cards/{card['id']}/story")).status_code == 200
    assert (await shop.get(f"cards/{card['id']}")).json()["ready"] == []


@pytest.mark.parametrize(("days", "before"), [(30, timedelta(days=3)), (4, timedelta(days=2)), (0.25, timedelta(hours=3))])
async def test_a_coupon_ends_soon_three_days_before_or_in_the_second_half_of_its_life(shop: Shop, days: float, before: timedelta) -> None:
    card, ends = await shop.card_with_cookie(), shop.clock() + timedelta(days=days)
    presented = await shop.desk.store.coupon(shop.business.id, UUID(card["ready"][0]["id"]))
    assert presented
    change = Change(of=Coupon, id=presented.coupon.id, seen={"state": "active"}, to={"expires_at": ends})
    await shop.desk.commit(shop.clock(), changes=[change])
    almanac = Almanac(shop.desk)

    async def said() -> int:
        while await almanac.step():
            pass
        return len(await shop.desk.store.happened(shop.business.id, kinds=("expiring",), limit=9))

    shop.clock.now = ends - before - timedelta(seconds=1)
    assert await said() == 0
    shop.clock.forward(minutes=16)
    assert await said() == 1
    shop.clock.forward(minutes=16)
    assert await said() == 1


@BOTH
async def test_a_thousand_coupons_that_end_in_the_same_second_are_said_once_each(shop: Shop) -> None:
    card, ends = await shop.card_with_cookie(), shop.clock() + timedelta(days=2)
    presented = await shop.desk.store.coupon(shop.business.id, UUID(card["ready"][0]["id"]))
    assert presented
    same = [replace(presented.coupon, id=uuid4(), code=f"SAME{number:05}", expires_at=ends) for number in range(1100)]
    await shop.desk.commit(shop.clock(), rows=same)
    shop.clock.forward(days=1)
    await written(shop)
    log = await shop.desk.store.happened(shop.business.id, kinds=("expiring",), limit=2000)
    assert Counter(event.coupon_id for _, event in log) == Counter(one.id for one in same)


async def test_what_nobody_wrote_down_for_a_week_is_not_written_any_more(shop: Shop) -> None:
    await shop.cookie()
    shop.clock.forward(days=40)
    assert await written(shop) == []
