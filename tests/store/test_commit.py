"""A unit becomes true once and whole, in a crowd as alone."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.db import open_store
from app.store import Change, Duplicate, Lost, Overloaded, Store, Tally, Unit
from passes.cards import Card
from passes.coupons import Coupon


async def every(*units: object) -> list[object]:
    return list(await asyncio.gather(*units, return_exceptions=True))


async def redeemed(cafe: Cafe, coupon: Coupon) -> int:
    return len(await cafe.store.coupon_history(cafe.business.id, coupon.id))


async def test_fifty_present_one_coupon_and_one_wins(cafe: Cafe) -> None:
    coupon = await cafe.coupon(await cafe.card())
    told = await every(*(cafe.store.commit(cafe.redeeming(coupon)) for _ in range(50)))
    assert [type(one) for one in told].count(Lost) == 49
    assert isinstance(told[0], int), "first come, first served"
    assert await redeemed(cafe, coupon) == 1


async def test_two_processes_race_and_one_wins(cafe: Cafe, database_url: str) -> None:
    other = await open_store(database_url, queue=100)
    for _ in range(10):
        coupon = await cafe.coupon(await cafe.card())
        told = await every(*(store.commit(cafe.redeeming(coupon)) for _ in range(10) for store in (cafe.store, other)))
        assert sorted(type(one).__name__ for one in told) == ["Lost"] * 19 + ["int"]
        assert await redeemed(cafe, coupon) == 1
    await other.close()


async def test_units_of_one_group_fail_each_alone(cafe: Cafe) -> None:
    """In one crowd: good ones, lost ones, repeated keys and broken ones."""
    used = await cafe.coupon()
    await cafe.store.commit(cafe.redeeming(used, cafe.kept("used")))
    coupons = [await cafe.coupon() for _ in range(50)]
    units = []
    for number, coupon in enumerate(coupons):
        match number % 5:
            case 1:
                units.append(cafe.redeeming(used))
            case 2:
                units.append(cafe.redeeming(coupon, cafe.kept("used")))
            case 3:
                units.append(replace(cafe.redeeming(coupon), rows=(replace(cafe.redemption(coupon), staff_id=object()),)))
            case _:
                units.append(cafe.redeeming(coupon, cafe.kept(f"key {number}")))
    told = await every(*(cafe.store.commit(unit) for unit in units))
    for number, (coupon, one) in enumerate(zip(coupons, told, strict=True)):
        recorded = await redeemed(cafe, coupon)
        match number % 5:
            case 1:
                assert isinstance(one, Lost)
                assert not recorded
            case 2:
                assert isinstance(one, Duplicate)
                assert one.of == "Kept"
                assert not recorded
            case 3:
                assert isinstance(one, Exception), "no database can keep that"
                assert not recorded
            case _:
                assert isinstance(one, int)
                assert recorded == 1


async def test_a_unit_with_two_comparisons_needs_both(cafe: Cafe) -> None:
    card = await cafe.card()
    good, used = await cafe.coupon(card), await cafe.coupon(card)
    await cafe.store.commit(cafe.redeeming(used))
    both = replace(cafe.redeeming(good), changes=(*cafe.redeeming(good).changes, *cafe.redeeming(used).changes))
    with pytest.raises(Lost):
        await cafe.store.commit(both)
    found = await cafe.store.coupon(cafe.business.id, good.id)
    assert found is not None
    assert found.coupon == good


async def test_a_later_unit_of_a_group_may_build_on_an_earlier_one(cafe: Cafe) -> None:
    coupon = await cafe.coupon()
    redeem = cafe.redeeming(coupon)
    back = Unit(
        at=NOON,
        due_at=NOON,
        changes=(
            Change(
                of=Coupon,
                id=coupon.id,
                seen={"state": "redeemed", "redemption_id": redeem.rows[0].id},
                to={"state": "active", "redemption_id": None},
            ),
        ),
    )
    told = await every(*(cafe.store.commit(unit) for unit in (redeem, back, cafe.redeeming(coupon))))
    assert all(isinstance(one, int) for one in told), told
    assert await redeemed(cafe, coupon) == 2


async def test_a_comparison_may_see_that_there_is_nothing(cafe: Cafe) -> None:
    coupon = await cafe.coupon()
    end = Change(of=Coupon, id=coupon.id, seen={"voided_at": None}, to={"state": "voided", "voided_at": NOON})
    await cafe.store.commit(Unit(at=NOON, due_at=NOON, changes=(end,)))
    with pytest.raises(Lost):
        await cafe.store.commit(Unit(at=NOON, due_at=NOON, changes=(end,)))


async def test_what_never_changes_cannot_be_changed(cafe: Cafe) -> None:
    card = await cafe.card()
    with pytest.raises(ValueError, match="serial"):
        await cafe.store.commit(Unit(at=NOON, due_at=NOON, changes=(Change(of=Card, id=card.id, seen={}, to={"serial": "x"}),)))


async def test_a_row_that_is_not_there_is_lost(cafe: Cafe) -> None:
    with pytest.raises(Lost):
        await cafe.store.commit(cafe.redeeming(replace(await cafe.coupon(), id=cafe.business.id)))


@pytest.mark.parametrize("kind", ["Kept", "Coupon", "Card"])
async def test_a_duplicate_says_of_what_and_records_nothing(cafe: Cafe, kind: str) -> None:
    card = await cafe.card()
    known, coupon = await cafe.coupon(card, code="K7QM4XRT9"), await cafe.coupon(card)
    await cafe.commit(cafe.kept())
    again = {"Kept": cafe.kept(), "Coupon": replace(known, id=cafe.key.id), "Card": replace(card, id=cafe.key.id)}[kind]
    with pytest.raises(Duplicate) as duplicate:
        await cafe.store.commit(cafe.redeeming(coupon, again))
    assert duplicate.value.of == kind
    assert await redeemed(cafe, coupon) == 0


async def test_fifty_requests_with_one_key_leave_one_answer(cafe: Cafe) -> None:
    coupons = [await cafe.coupon() for _ in range(50)]
    told = await every(*(cafe.store.commit(cafe.redeeming(coupon, cafe.kept())) for coupon in coupons))
    assert [type(one) for one in told].count(Duplicate) == 49
    assert sum([await redeemed(cafe, coupon) for coupon in coupons]) == 1


async def test_a_limit_holds_in_a_crowd(cafe: Cafe) -> None:
    tally = Tally(business_id=cafe.business.id, key=f"offer:{cafe.offer.id}", by=1, most=7)
    coupons = [await cafe.coupon() for _ in range(20)]
    told = await every(*(cafe.store.commit(cafe.redeeming(coupon, tallies=(tally,))) for coupon in coupons))
    assert [isinstance(one, int) for one in told] == [True] * 7 + [False] * 13
    assert all(isinstance(one, Lost) for one in told[7:])
    await cafe.store.commit(Unit(at=NOON, due_at=NOON, tallies=(replace(tally, by=-1, most=None),)))
    assert isinstance(await cafe.store.commit(cafe.redeeming(coupons[10], tallies=(tally,))), int)
    with pytest.raises(Lost):
        await cafe.store.commit(cafe.redeeming(coupons[11], tallies=(tally,)))


async def test_a_limit_holds_between_two_processes(cafe: Cafe, database_url: str) -> None:
    other = await open_store(database_url, queue=100)
    tally = Tally(business_id=cafe.business.id, key="offer:1", by=1, most=5)
    coupons = [await cafe.coupon() for _ in range(30)]
    told = await every(
        *((cafe.store, other)[number % 2].commit(cafe.redeeming(coupon, tallies=(tally,))) for number, coupon in enumerate(coupons))
    )
    assert sum(isinstance(one, int) for one in told) == 5
    assert sum([await redeemed(cafe, coupon) for coupon in coupons]) == 5
    await other.close()


async def test_places_on_the_clock_rise_in_the_order_of_asking(cafe: Cafe) -> None:
    cards = [await cafe.card() for _ in range(20)]
    places = await asyncio.gather(*(cafe.store.commit(cafe.stamping(card)) for card in cards))
    assert list(places) == sorted(set(places))


async def test_a_reader_never_finds_an_older_place_after_a_newer_one(cafe: Cafe, database_url: str) -> None:
    """Two writers and one reader with a cursor, as a device has with its tag: whatever it skipped would be lost for ever."""
    other, cards = await open_store(database_url, queue=100), [await cafe.card() for _ in range(8)]
    for card in cards:
        await cafe.installation(card, told=0)
    start = (await cafe.store.updated(device="phone", pass_type="pass.cafe", since=0))[1][-1][1]
    done = asyncio.Event()

    async def write(store: Store, mine: list[Card]) -> list[int]:
        places = []
        for _ in range(15):
            places += await asyncio.gather(*(store.commit(Unit(at=NOON, due_at=NOON, touches=(card.id,))) for card in mine))
        return places

    async def read() -> set[int]:
        seen, since = set(), start
        while True:
            last = done.is_set()
            _, changed = await cafe.store.updated(device="phone", pass_type="pass.cafe", since=since)
            seen.update(version for _, version in changed)
            since = max([since, *(version for _, version in changed)])
            if last:
                return seen
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    places = await asyncio.gather(write(cafe.store, cards[:4]), write(other, cards[4:]))
    done.set()
    seen = await reader
    await other.close()
    assert len({*places[0], *places[1]}) == 120, "no two units share a place"
    newest = {card.id: (await cafe.store.card_by_serial(card.serial)).version for card in cards}
    assert set(newest.values()) <= seen


async def test_events_of_one_unit_keep_their_order(cafe: Cafe) -> None:
    card = await cafe.card()
    kinds = ["stamped", "earned", "earned", "issued", "message"]
    await cafe.commit(*(cafe.event(card, kind, amount=number) for number, kind in enumerate(kinds)), touches=[card])
    history = await cafe.store.card_history(cafe.business.id, card.id)
    assert [event.amount for event in history] == [4, 3, 2, 1, 0, 0]
    assert [event.kind for event in reversed(history)] == ["joined", *kinds]


async def test_a_touched_card_has_the_place_of_its_unit_and_its_installations_are_due(cafe: Cafe) -> None:
    card, other = await cafe.card(), await cafe.card()
    await cafe.installation(card)
    await cafe.installation(other)
    place = await cafe.store.commit(cafe.stamping(card, at=NOON + timedelta(minutes=1)))
    changed = await cafe.store.card_by_serial(card.serial)
    assert changed is not None
    assert (changed.version, changed.changed_at, changed.entries) == (place, NOON + timedelta(minutes=1), 1)
    assert (await cafe.only(card)).due_at == NOON + timedelta(minutes=1, seconds=1)
    assert (await cafe.only(other)).due_at is None
    await cafe.store.commit(cafe.stamping(changed, at=NOON + timedelta(minutes=2)))
    assert (await cafe.only(card)).due_at == NOON + timedelta(minutes=1, seconds=1), "it stays due earlier"


async def test_an_installation_that_is_gone_is_not_due(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    await cafe.store.unregister(wallet="apple", address="phone", card_id=card.id, at=NOON, event=cafe.event(card, "removed"))
    await cafe.store.commit(cafe.stamping(card))
    assert (await cafe.only(card)).due_at is None


async def test_each_change_of_a_card_lies_in_a_later_second(cafe: Cafe) -> None:
    card = await cafe.card()
    moments = [card.changed_at]
    for _ in range(3):
        await cafe.store.commit(Unit(at=NOON + timedelta(milliseconds=1), due_at=NOON, touches=(card.id,)))
        moments.append((await cafe.store.card_by_serial(card.serial)).changed_at)
    assert [moment.replace(microsecond=0) - NOON for moment in moments] == [timedelta(seconds=number) for number in range(4)]


async def test_a_new_card_has_the_place_of_its_unit(cafe: Cafe) -> None:
    first, second = await cafe.card(), await cafe.card()
    assert 0 < first.version < second.version


async def test_a_full_queue_says_so_at_once(database_url: str) -> None:
    store = await open_store(database_url, queue=5)
    cafe = await Cafe(store).open()
    coupons = [await cafe.coupon() for _ in range(10)]
    told = await every(*(store.commit(cafe.redeeming(coupon)) for coupon in coupons))
    assert [type(one) for one in told] == [int] * 5 + [Overloaded] * 5
    assert [await redeemed(cafe, coupon) for coupon in coupons] == [1] * 5 + [0] * 5
    await store.close()


async def test_who_stops_waiting_disturbs_nobody(cafe: Cafe) -> None:
    coupons = [await cafe.coupon() for _ in range(20)]
    tasks = [asyncio.create_task(cafe.store.commit(cafe.redeeming(coupon, cafe.event(None, "redeemed")))) for coupon in coupons]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    told = await every(*tasks)
    assert all(isinstance(one, int) for one in told[1::2])
    assert all(isinstance(one, asyncio.CancelledError) for one in told[::2])
    for coupon in coupons:  # whole or not at all
        found = await cafe.store.coupon(cafe.business.id, coupon.id)
        assert (found.coupon.state == "redeemed") == (await redeemed(cafe, coupon) == 1)


async def test_closing_finishes_what_waits(database_url: str) -> None:
    store = await open_store(database_url, queue=100)
    cafe = await Cafe(store).open()
    coupons = [await cafe.coupon() for _ in range(20)]
    tasks = [asyncio.create_task(store.commit(cafe.redeeming(coupon))) for coupon in coupons]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(one, int) for one in await every(*tasks))


@pytest.mark.parametrize(
    "reason",
    ["a\0b", "\ud800", "half a pair \udfff"],
    ids=["NUL", "half a surrogate pair", "the other half"],
)
async def test_a_text_that_a_database_cannot_keep_is_refused_before_it_waits(cafe: Cafe, reason: str) -> None:
    coupon = await cafe.coupon()
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        await cafe.store.commit(replace(cafe.redeeming(coupon), rows=(cafe.redemption(coupon, reason=reason),)))
    assert await redeemed(cafe, coupon) == 0


async def test_a_time_without_a_zone_is_refused(cafe: Cafe) -> None:
    coupon = await cafe.coupon()
    naive = datetime(2026, 11, 20)  # noqa: DTZ001 (that is the point)
    for unit in (replace(cafe.redeeming(coupon), at=naive), replace(cafe.redeeming(coupon), due_at=naive)):
        with pytest.raises(ValueError, match="zone"):
            await cafe.store.commit(unit)
    with pytest.raises(ValueError, match="zone"):
        await cafe.coupon(expires_at=naive)


async def test_a_time_of_any_zone_is_the_same_moment(cafe: Cafe) -> None:
    coupon = await cafe.coupon(expires_at=NOON.astimezone(timezone(timedelta(hours=7))))
    found = await cafe.store.presented(cafe.business.id, coupon.code)
    assert found is not None
    assert found.coupon.expires_at == NOON
    assert found.coupon.expires_at.utcoffset() == timedelta(0)


async def test_a_number_beyond_64_bits_is_refused(cafe: Cafe) -> None:
    with pytest.raises(ValueError, match="64"):
        await cafe.commit(cafe.event(None, "stamped", amount=2**63))


@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn Thị Hoa",
        "'; DROP TABLE card; --",
        "👩\u200d👧 \u200b\u202eabc",
        '\\u0000 \\ " %s $1 ?1 {x}',
        "x" * 20_000,
        "",
        " \t\r\n\x01",
    ],
    ids=["Vietnamese", "quotes", "emoji and controls", "escapes", "long", "empty", "blanks"],
)
async def test_any_text_comes_back_as_it_was(cafe: Cafe, name: str) -> None:
    card = await cafe.card(name)
    facts = await cafe.store.card_facts(business_id=cafe.business.id, card_id=card.id)
    assert facts is not None
    assert facts.customer.name == name
    assert await cafe.store.revise([(cafe.business, replace(cafe.business, name=name))])
    assert (await cafe.store.businesses())[0].name == name
