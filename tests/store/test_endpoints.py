"""Endpoints and their deliveries as both databases keep them: in one pair of hands, in order within a lane, each event once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from cafe import NOON, Cafe
from msgspec.structs import replace

from app.store import BEHIND, Delivery, Endpoint, Facts, Place
from app.world import new_id
from passes.coupons import Refusal

MINUTE = timedelta(minutes=1)
LATER = NOON + MINUTE


async def endpoint(cafe: Cafe, **more: Any) -> Endpoint:
    one = Endpoint(
        id=new_id(),
        business_id=cafe.business.id,
        url="https://till.example/hook",
        secret="whsec_c2VjcmV0",
        made_by=cafe.an.id,
        made_at=NOON,
        **{"cursor": await cafe.store.log_end(cafe.business.id), "due_at": BEHIND, **more},
    )
    await cafe.commit(one)
    return one


async def taken(cafe: Cafe, *, at: Any = NOON) -> Endpoint:
    (one,) = await cafe.store.take_endpoints(now=at, lease_until=at + MINUTE, limit=5)
    return one


def delivery(of: Endpoint, lane: UUID, seq: int) -> Delivery:
    return Delivery(
        id=new_id(),
        business_id=of.business_id,
        endpoint_id=of.id,
        event_id=new_id(),
        seq=seq,
        lane=lane,
        type="card.earned",
        body="{}",
        at=NOON,
        due_at=NOON,
    )


async def due(cafe: Cafe, of: Endpoint, *, at: Any = NOON, but: tuple[UUID, ...] = ()) -> list[int]:
    return [one.seq for one in await cafe.store.due(of.id, now=at, but=but, limit=10)]


async def test_an_endpoint_lags_behind_the_log_and_is_in_one_pair_of_hands(cafe: Cafe) -> None:
    one = await endpoint(cafe)
    assert await cafe.store.take_endpoints(now=NOON, lease_until=LATER, limit=5) == []
    await cafe.card()
    ours = await taken(cafe)
    assert (ours.id, ours.lease_until) == (one.id, LATER)
    assert await cafe.store.take_endpoints(now=NOON, lease_until=LATER, limit=5) == []
    end = await cafe.store.log_end(cafe.business.id)
    assert await cafe.store.queue(ours, [], cursor=end)
    await cafe.store.put_endpoint(ours, rests=False)
    assert await cafe.store.take_endpoints(now=NOON, lease_until=LATER, limit=5) == []
    await cafe.card()
    ours, theirs = await taken(cafe), await taken(cafe, at=LATER)  # the first one was killed
    assert not await cafe.store.queue(ours, [delivery(ours, new_id(), 1)], cursor=end + 1)
    assert not await cafe.store.delivered(ours, [], now=LATER)
    assert await cafe.store.queue(theirs, [], cursor=end + 1)
    assert (await cafe.store.endpoints(cafe.business.id))[0].cursor == end + 1
    assert await cafe.store.endpoint(new_id(), one.id) is None


async def test_within_a_lane_nothing_overtakes(cafe: Cafe) -> None:
    await endpoint(cafe, due_at=NOON)
    ours, lane, other = await taken(cafe), new_id(), new_id()
    first, second, third, beside = (delivery(ours, where, seq) for where, seq in ((lane, 1), (lane, 2), (lane, 4), (other, 3)))
    assert await cafe.store.queue(ours, [first, second, beside], cursor=3)
    assert await cafe.store.queue(ours, [third], cursor=4)
    assert await due(cafe, ours) == [1, 3]
    assert await due(cafe, ours, but=(first.id,)) == [3]
    later = replace(first, tries=1, due_at=LATER, status=500, said="no")
    assert await cafe.store.delivered(replace(ours, failures=1, failed_at=NOON), [later, replace(beside, state="sent")], now=NOON)
    assert await due(cafe, ours) == []
    assert await due(cafe, ours, at=LATER) == [1]
    assert await cafe.store.delivered(ours, [], now=NOON, wake=True)
    assert await due(cafe, ours) == [1]
    assert await cafe.store.delivered(ours, [replace(later, state="failed")], now=NOON)
    assert await due(cafe, ours) == [2], "the lane goes on"
    assert await cafe.store.send(ours.id, now=NOON, again=first.id)
    assert await due(cafe, ours) == [1], "and what is repeated goes first"
    assert not await cafe.store.send(new_id(), now=NOON, again=first.id)
    await cafe.store.put_endpoint(ours, rests=False)
    assert (await taken(cafe)).id == ours.id
    log = list(await cafe.store.deliveries(ours.id, limit=2))
    last = log[-1]
    assert len(log) + len(await cafe.store.deliveries(ours.id, after=Place(last.at, last.id))) == 4
    assert [one.seq for one in await cafe.store.deliveries(ours.id, state="sent")] == [3]
    assert await cafe.store.delivery(ours.id, beside.id) == replace(beside, state="sent")


async def test_what_an_owner_says_ends_the_lease_and_is_not_overwritten(cafe: Cafe) -> None:
    was = await endpoint(cafe, due_at=NOON)
    ours = await taken(cafe)
    became = replace(was, url="https://till.example/new", disabled_at=NOON)
    assert await cafe.store.change_endpoint(was, became, now=NOON)
    assert not await cafe.store.delivered(ours, [], now=NOON)
    assert not await cafe.store.change_endpoint(was, replace(was, description="a"), now=NOON)
    assert await cafe.store.take_endpoints(now=LATER, lease_until=LATER + MINUTE, limit=5) == []
    removed = replace(became, disabled_at=None, removed_at=NOON, secret="")
    assert await cafe.store.change_endpoint(became, removed, now=NOON)
    assert await cafe.store.endpoints(cafe.business.id) == []


async def test_old_deliveries_are_forgotten_and_those_of_who_was_removed(cafe: Cafe) -> None:
    kept, removed = await endpoint(cafe), await endpoint(cafe, removed_at=NOON)
    rows = [delivery(kept, new_id(), 1), replace(delivery(kept, new_id(), 2), state="sent"), delivery(removed, new_id(), 3)]
    await cafe.commit(*rows)
    assert await cafe.store.forget_deliveries(NOON, 10) == 1
    assert await cafe.store.forget_deliveries(LATER, 10) == 1
    assert [one.seq for one in await cafe.store.deliveries(kept.id)] == [1]


async def test_what_an_event_is_about_is_said_by_ids_alone(cafe: Cafe) -> None:
    card = await cafe.card()
    coupon = await cafe.coupon(card, expires_at=NOON + 9 * MINUTE)
    redemption = cafe.redemption(coupon)
    refusal = Refusal(
        id=new_id(),
        business_id=cafe.business.id,
        presented="K7Q",
        coupon_id=None,
        word="unknown_code",
        at=NOON,
        location_id=cafe.location.id,
        staff_id=cafe.an.id,
        counter_id=cafe.key.id,
        channel="api",
    )
    used, refused = cafe.event(card, "redeemed", coupon_id=coupon.id), cafe.event(None, "refused", staff_id=cafe.an.id)
    await cafe.commit(redemption, refusal, used, refused)
    about = await cafe.store.about([used, refused])
    assert about[refused.id] == Facts(location_id=cafe.location.id)
    assert about[used.id] == Facts(
        card_number=card.number,
        offer_id=cafe.offer.id,
        expires_at=coupon.expires_at,
        location_id=redemption.location_id,
        redemption_id=redemption.id,
    )
    assert await cafe.store.said([used.id, coupon.id]) == {used.id}


async def test_coupons_are_walked_along_their_ends(cafe: Cafe) -> None:
    ends = [await cafe.coupon(expires_at=NOON + minutes * MINUTE) for minutes in (3, 1, 2, 2, 9)]
    await cafe.coupon()
    await cafe.coupon(expires_at=NOON + MINUTE, state="voided", voided_at=NOON)
    found = [Place(NOON, UUID(int=0))]
    while page := await cafe.store.ending(since=found[-1], until=NOON + 3 * MINUTE, limit=2):
        found += page
    assert found[1:] == sorted((Place(one.expires_at or NOON, one.id) for one in ends[:4]), key=lambda one: (one.at, one.id))
    assert {one.id for one in await cafe.store.active([one.id for one in (*found, ends[4])])} == {one.id for one in ends}
