"""What is asked of the database comes back whole, and only to the business that it belongs to."""

import asyncio
from datetime import timedelta

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.store import Alarm, Change, Filter, GoogleClass, Store, Tally, Unit
from app.world import new_id
from passes.cards import Card, Entry
from passes.coupons import Coupon, Refusal, Reversal
from passes.offers import Offer


async def test_a_key_stands_for_its_person_at_its_location(cafe: Cafe) -> None:
    caller = await cafe.store.caller(cafe.secret.secret_hash)
    assert caller is not None
    person = caller.person
    assert (person.staff_id, person.staff, person.role) == (cafe.an.id, "An", "cashier")
    assert (person.location_id, person.location, person.counter_id) == (cafe.location.id, "Bến Thành", cafe.key.id)
    assert caller.business == cafe.business


async def test_a_revoked_key_and_a_suspended_person_stand_for_nobody(cafe: Cafe) -> None:
    suspended = replace(cafe.an, id=new_id(), suspended_at=NOON)
    theirs = replace(cafe.key, id=new_id(), staff_id=suspended.id)
    secret = replace(cafe.secret, id=new_id(), key_id=theirs.id, secret_hash=b"s" * 32)
    await cafe.commit(suspended, theirs, secret)
    assert await cafe.store.caller(secret.secret_hash) is None
    assert await cafe.store.caller(cafe.secret.secret_hash) is not None
    assert await cafe.store.change_key(cafe.business.id, cafe.key.id, revoked_at=NOON)
    assert await cafe.store.caller(cafe.secret.secret_hash) is None
    assert await cafe.store.caller(b"") is None


async def test_a_kept_answer_belongs_to_its_caller_and_key(cafe: Cafe) -> None:
    kept = cafe.kept("Schlüssel")
    await cafe.commit(kept)
    assert await cafe.store.kept(cafe.key.id, "Schlüssel") == kept
    assert await cafe.store.kept(cafe.key.id, "schlüssel") is None
    assert await cafe.store.kept(cafe.an.id, "Schlüssel") is None


async def test_kept_answers_are_forgotten_by_age(cafe: Cafe) -> None:
    await cafe.commit(*(replace(cafe.kept(f"old {number}"), at=NOON - timedelta(hours=25)) for number in range(7)), cafe.kept("new"))
    assert await cafe.store.forget_kept(NOON - timedelta(hours=24)) == 7
    assert await cafe.store.forget_kept(NOON - timedelta(hours=24)) == 0
    assert await cafe.store.kept(cafe.key.id, "new") is not None
    assert await cafe.store.kept(cafe.key.id, "old 3") is None


async def test_a_presented_code_brings_all_that_the_rule_asks(store: Store) -> None:
    cafe = Cafe(store, most=10, most_each=2)
    cafe.offer = replace(cafe.offer, locations=(cafe.location.id,))
    await cafe.open()
    card = await cafe.card("Hoa")
    coupon, other = await cafe.coupon(card), await cafe.coupon(card)
    counts = [
        Tally(business_id=cafe.business.id, key=f"offer:{cafe.offer.id}", by=1, most=10),
        Tally(business_id=cafe.business.id, key=f"offer:{cafe.offer.id}:{card.customer_id}", by=1, most=2),
    ]
    found = await store.presented(cafe.business.id, coupon.code)
    assert found is not None
    assert (found.coupon, found.offer, found.customer, found.used, found.places) == (coupon, cafe.offer, "Hoa", None, ("Bến Thành",))
    assert (found.redeemed_in_all, found.redeemed_by_customer) == (0, 0)
    unit = cafe.redeeming(coupon, tallies=counts)
    await store.commit(unit)
    await store.commit(cafe.redeeming(await cafe.coupon(), tallies=counts[:1]))
    found = await store.presented(cafe.business.id, coupon.code)
    assert found is not None
    assert found.used is not None
    assert (found.used.redemption, found.used.location, found.used.staff) == (unit.rows[0], "Bến Thành", "An")
    assert (found.redeemed_in_all, found.redeemed_by_customer) == (2, 1)
    assert found.coupon.state == "redeemed"
    assert found.coupon.redemption_id == unit.rows[0].id
    assert await store.coupon(cafe.business.id, coupon.id) == found
    assert await store.redemption(cafe.business.id, unit.rows[0].id) == (unit.rows[0], found)
    assert (await store.presented(cafe.business.id, other.code)).redeemed_by_customer == 1


async def test_a_crowd_of_questions_gets_each_its_own_answer(cafe: Cafe) -> None:
    coupons = [await cafe.coupon() for _ in range(30)]
    await cafe.commit(*(cafe.kept(f"key {number}") for number in range(0, 30, 3)))
    asked = [cafe.store.presented(cafe.business.id, coupon.code) for coupon in coupons]
    kept = [cafe.store.kept(cafe.key.id, f"key {number}") for number in range(30)]
    callers = [cafe.store.caller(cafe.secret.secret_hash if number % 2 else b"nobody") for number in range(30)]
    unknown = [cafe.store.presented(cafe.business.id, f"no {number}") for number in range(10)]
    answers = await asyncio.gather(*asked, *kept, *callers, *unknown)
    assert [found.coupon for found in answers[:30]] == coupons
    assert [one.key if one else None for one in answers[30:60]] == [None if number % 3 else f"key {number}" for number in range(30)]
    assert [one is not None for one in answers[60:90]] == [bool(number % 2) for number in range(30)]
    assert answers[90:] == [None] * 10


async def test_another_business_sees_nothing(cafe: Cafe) -> None:
    other = await Cafe(cafe.store).open()
    card = await cafe.card()
    coupon = await cafe.coupon(card)
    unit = cafe.redeeming(coupon, cafe.event(card, "redeemed"))
    await cafe.store.commit(unit)
    await cafe.commit(_refusal(cafe, coupon), _entry(cafe, card, 1))
    store, foreign = cafe.store, other.business.id
    assert await store.presented(foreign, coupon.code) is None
    assert await store.coupon(foreign, coupon.id) is None
    assert await store.redemption(foreign, unit.rows[0].id) is None
    assert await store.card_facts(business_id=foreign, card_id=card.id) is None
    assert await store.card_facts(business_id=foreign, number=card.number) is None
    assert await store.program(foreign, cafe.program.id) is None
    assert await store.offers(foreign, [cafe.offer.id, other.offer.id]) == {other.offer.id: other.offer}
    for empty in (
        store.coupon_history(foreign, coupon.id),
        store.card_history(foreign, card.id),
        store.ledger(foreign, card.id),
        store.past(foreign, Filter()),
    ):
        assert await empty == []
    assert await store.staff(foreign) == [other.an]
    assert await store.locations(foreign) == [other.location]
    assert await store.programs(foreign) == [other.program]
    with pytest.raises(ValueError, match="written anew"):
        await store.revise([(cafe.offer, replace(cafe.offer, business_id=foreign, most=1))])
    assert await store.offers(cafe.business.id, [cafe.offer.id]) == {cafe.offer.id: cafe.offer}


async def test_the_same_code_may_exist_in_two_businesses(cafe: Cafe) -> None:
    other = await Cafe(cafe.store).open()
    mine, theirs = await cafe.coupon(code="K7QM4XRT9"), await other.coupon(code="K7QM4XRT9")
    assert (await cafe.store.presented(cafe.business.id, "K7QM4XRT9")).coupon == mine
    assert (await cafe.store.presented(other.business.id, "K7QM4XRT9")).coupon == theirs


async def test_a_card_is_found_by_everything_that_names_it(cafe: Cafe) -> None:
    card = await cafe.card()
    coupon = await cafe.coupon(card)
    store, mine = cafe.store, cafe.business.id
    facts = await store.card_facts(business_id=mine, card_id=card.id)
    assert facts is not None
    assert (facts.card, facts.program, facts.business, list(facts.coupons)) == (card, cafe.program, cafe.business, [coupon])
    assert facts.offers == {cafe.offer.id: cafe.offer}
    assert facts.customer.name == "Hoa"
    for found in (
        await store.card_facts(business_id=mine, number=card.number),
        await store.card_facts(serial=card.serial),
        await store.card_facts(key=card.key),
        (await store.cards_facts([card.id]))[card.id],
    ):
        assert found == facts
    assert await store.card_by_serial(card.serial) == card
    assert await store.card_by_serial(card.key) is None
    assert await store.card_facts(key="") is None
    assert await store.cards_facts([]) == {}


async def test_card_facts_hold_the_active_coupons_and_those_of_the_newest_events(cafe: Cafe) -> None:
    card = await cafe.card()
    active = [await cafe.coupon(card, code=f"A{number}") for number in range(3)]
    gone = [await cafe.coupon(card, code=f"R{number}") for number in range(12)]
    for coupon in gone:
        await cafe.store.commit(cafe.redeeming(coupon, cafe.event(card, "redeemed", coupon_id=coupon.id)))
    facts = await cafe.store.card_facts(card_id=card.id, business_id=cafe.business.id)
    assert facts is not None
    assert [event.coupon_id for event in facts.events] == [coupon.id for coupon in reversed(gone[2:])]
    assert {coupon.code for coupon in facts.coupons} == {coupon.code for coupon in (*active, *gone[2:])}
    assert [coupon.id for coupon in facts.coupons] == sorted((coupon.id for coupon in facts.coupons), reverse=True)


async def test_many_cards_come_at_once_each_with_its_own(cafe: Cafe) -> None:
    other = await Cafe(cafe.store).open()
    cards = [await (cafe, other)[number % 2].card(f"customer {number}") for number in range(20)]
    coupons = {card.id: await (cafe, other)[number % 2].coupon(card) for number, card in enumerate(cards)}
    found = await cafe.store.cards_facts([*(card.id for card in cards), new_id()])
    assert set(found) == {card.id for card in cards}
    for number, card in enumerate(cards):
        facts = found[card.id]
        assert (facts.customer.name, list(facts.coupons), len(facts.events)) == (f"customer {number}", [coupons[card.id]], 1)
        assert set(facts.offers) == {(cafe, other)[number % 2].offer.id}


async def test_the_ledger_and_the_history_keep_their_order(cafe: Cafe) -> None:
    card = await cafe.card()
    entries = [_entry(cafe, card, number) for number in range(1, 6)]
    await cafe.commit(*reversed(entries))
    assert await cafe.store.ledger(cafe.business.id, card.id) == entries
    for number in range(5):
        await cafe.commit(cafe.event(card, "message", amount=number))
    assert [event.amount for event in await cafe.store.card_history(cafe.business.id, card.id, limit=3)] == [4, 3, 2]


async def test_a_coupons_story_is_told_from_the_beginning(cafe: Cafe) -> None:
    coupon = await cafe.coupon()
    refusal = replace(_refusal(cafe, coupon), at=NOON - timedelta(seconds=1))
    redeem = cafe.redeeming(coupon)
    redemption = redeem.rows[0]
    await cafe.commit(refusal)
    await cafe.store.commit(redeem)
    reversal = Reversal(
        id=new_id(),
        business_id=cafe.business.id,
        redemption_id=redemption.id,
        coupon_id=coupon.id,
        at=NOON + timedelta(minutes=1),
        location_id=cafe.location.id,
        staff_id=cafe.an.id,
        counter_id=cafe.key.id,
        reason="wrong drink",
    )
    back = Change(of=Coupon, id=coupon.id, seen={"redemption_id": redemption.id}, to={"state": "active", "redemption_id": None})
    await cafe.store.commit(Unit(at=NOON, due_at=NOON, changes=(back,), rows=(reversal,)))
    assert await cafe.store.coupon_history(cafe.business.id, coupon.id) == [refusal, redemption, reversal]
    found = await cafe.store.presented(cafe.business.id, coupon.code)
    assert found is not None
    assert found.coupon == coupon
    assert found.used is None


async def test_configured_things_are_listed_by_age_and_replaced_at_once(cafe: Cafe) -> None:
    programs = [cafe.program, *(replace(cafe.program, id=one) for one in sorted((new_id() for _ in range(5)), reverse=True))]
    await cafe.commit(*programs[1:])
    assert await cafe.store.programs(cafe.business.id) == programs
    assert await cafe.store.program_with_business(cafe.program.id) == (cafe.program, cafe.business)
    assert await cafe.store.program_with_business(cafe.business.id) is None
    changed: Offer = replace(cafe.offer, most=3)
    coupon = await cafe.coupon()
    assert await cafe.store.revise([(cafe.offer, changed)])
    found = await cafe.store.presented(cafe.business.id, coupon.code)
    assert found is not None
    assert found.offer == changed


async def test_alarms_ring_until_they_are_cleared(cafe: Cafe) -> None:
    alarm = Alarm(wallet="apple", credential="pass.cafe", why="expired", since=NOON, probe_at=NOON)
    await cafe.store.raise_alarm(alarm)
    later = replace(alarm, why="still", since=NOON + timedelta(hours=1), probe_at=NOON + timedelta(hours=1))
    await cafe.store.raise_alarm(later)
    await cafe.store.raise_alarm(replace(alarm, wallet="google", credential="3388"))
    assert await cafe.store.alarms() == [replace(later, since=NOON), replace(alarm, wallet="google", credential="3388")]
    await cafe.store.clear_alarm("apple", "pass.cafe")
    assert [one.wallet for one in await cafe.store.alarms()] == ["google"]


async def test_what_google_has_of_a_class_is_remembered(cafe: Cafe) -> None:
    assert await cafe.store.google_class(cafe.program.id) is None
    for digest in (b"one", b"two"):
        known = GoogleClass(program_id=cafe.program.id, business_id=cafe.business.id, digest=digest, at=NOON)
        await cafe.store.keep_google_class(known)
        assert await cafe.store.google_class(cafe.program.id) == known


async def test_a_number_needs_its_business(cafe: Cafe) -> None:
    with pytest.raises(ValueError, match="business"):
        await cafe.store.card_facts(number="123")


def _entry(cafe: Cafe, card: Card, number: int) -> Entry:
    return Entry(
        id=new_id(),
        business_id=cafe.business.id,
        card_id=card.id,
        number=number,
        kind="earned",
        amount=1,
        balance=number,
        at=NOON,
        location_id=cafe.location.id,
        staff_id=cafe.an.id,
    )


def _refusal(cafe: Cafe, coupon: Coupon) -> Refusal:
    return Refusal(
        id=new_id(),
        business_id=cafe.business.id,
        presented=coupon.code,
        coupon_id=coupon.id,
        word="expired",
        at=NOON,
        location_id=cafe.location.id,
        staff_id=cafe.an.id,
        counter_id=cafe.key.id,
        channel="camera",
    )


async def test_a_used_coupon_whose_redemption_test_mode_has_just_forgotten_is_nobodys(cafe: Cafe) -> None:
    gone, there = await cafe.coupon(state="redeemed", redemption_id=new_id()), await cafe.coupon()
    assert await cafe.store.coupon(cafe.business.id, gone.id) is None
    found = await asyncio.gather(*(cafe.store.presented(cafe.business.id, one.code) for one in (gone, there)))
    assert [one and one.coupon for one in found] == [None, there]
