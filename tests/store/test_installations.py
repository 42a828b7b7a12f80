"""Installations: who is due, who works on them, and that no change is ever missed."""

import asyncio
from datetime import datetime, timedelta

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.db import open_store
from app.store import Lost, Store, Unit
from app.world import new_id
from passes.cards import Card
from passes.wallets.base import Installation

LEASE = timedelta(seconds=60)


async def touch(cafe: Cafe, *cards: Card, at: datetime = NOON) -> int:
    return await cafe.store.commit(Unit(at=at, due_at=at, touches=tuple(card.id for card in cards)))


async def claim(store: Store, now: datetime = NOON, limit: int = 100, stopped: tuple[str, ...] = ()) -> list[Installation]:
    claimed = await store.claim(now=now, lease_until=now + LEASE, limit=limit, stopped=stopped)
    return [due.installation for due in claimed]


async def test_what_is_due_is_claimed_once(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    assert await claim(cafe.store) == []
    await touch(cafe, card)
    assert await claim(cafe.store, NOON - timedelta(seconds=1)) == []
    (claimed,) = await claim(cafe.store)
    assert (claimed.card_id, claimed.lease_until) == (card.id, NOON + LEASE)
    assert claimed == await cafe.only(card)
    assert await claim(cafe.store) == []


async def test_a_lease_ends(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    await touch(cafe, card)
    (first,) = await claim(cafe.store)
    assert await claim(cafe.store, NOON + LEASE - timedelta(seconds=1)) == []
    (second,) = await claim(cafe.store, NOON + LEASE)
    assert second.id == first.id


async def test_many_workers_never_share_one(cafe: Cafe, database_url: str) -> None:
    others = [await open_store(database_url, queue=100) for _ in range(2)]
    cards = [await cafe.card() for _ in range(30)]
    for card in cards:
        await cafe.installation(card)
    await touch(cafe, *cards)
    rounds = await asyncio.gather(*(claim(store, limit=7) for store in (cafe.store, *others) for _ in range(3)))
    claimed = [one.id for found in rounds for one in found]
    assert len(claimed) == len(set(claimed)) == 30
    for store in others:
        await store.close()


async def test_the_longest_due_come_first_and_stopped_credentials_not_at_all(cafe: Cafe) -> None:
    cards = [await cafe.card() for _ in range(4)]
    for number, card in enumerate(cards):
        await cafe.installation(card, credential="pass.stopped" if number == 0 else "pass.cafe")
        await touch(cafe, card, at=NOON + timedelta(seconds=number))
    later = NOON + timedelta(minutes=1)
    assert {one.card_id for one in await claim(cafe.store, later, 2, ("pass.stopped",))} == {cards[1].id, cards[2].id}
    assert [one.card_id for one in await claim(cafe.store, later, 9, ("pass.stopped",))] == [cards[3].id]
    assert [one.card_id for one in await claim(cafe.store, later)] == [cards[0].id]


async def test_settling_writes_what_came_of_it_and_frees_the_lease(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    version = await touch(cafe, card)
    (one,) = await claim(cafe.store)
    assert await cafe.store.lagging() == await cafe.store.lagging("apple") == 1
    assert await cafe.store.lagging("google") == 0
    times = (NOON, NOON + timedelta(microseconds=1))
    done = replace(one, told=version, told_at=NOON, tries=3, due_at=None, notified_at=times)
    await cafe.store.settle([done])
    assert await cafe.only(card) == replace(done, lease_until=None)
    assert await cafe.store.lagging() == 0
    await cafe.store.settle([])


async def test_one_that_fails_waits_as_long_as_it_was_told(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    await touch(cafe, card)
    (one,) = await claim(cafe.store)
    await cafe.store.settle([replace(one, tries=1, due_at=NOON + timedelta(minutes=10))])
    assert await claim(cafe.store, NOON + timedelta(minutes=9)) == []
    assert len(await claim(cafe.store, NOON + timedelta(minutes=10))) == 1


async def test_a_change_during_the_lease_is_not_forgotten(cafe: Cafe) -> None:
    """The card changed after it was drawn: whatever the worker says, it is due for the newer face."""
    for due_at in (None, NOON + timedelta(days=30)):
        card = await cafe.card()
        await cafe.installation(card)
        version = await touch(cafe, card)
        (one,) = await claim(cafe.store)
        await touch(cafe, card, at=NOON + timedelta(seconds=5))
        await cafe.store.settle([replace(one, told=version, told_at=NOON, due_at=due_at)])
        (again,) = await claim(cafe.store, NOON + timedelta(seconds=5))
        assert (again.card_id, again.told) == (card.id, version)


async def test_one_behind_without_a_time_is_due_since_its_card_changed(cafe: Cafe) -> None:
    card = await cafe.card()
    one = await cafe.installation(card)
    await touch(cafe, card, at=NOON + timedelta(hours=1))
    await cafe.store.settle([replace(one, due_at=None)])
    assert (await cafe.only(card)).due_at == NOON + timedelta(hours=1)


async def test_who_lost_the_lease_settles_nothing(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    version = await touch(cafe, card)
    (slow,) = await claim(cafe.store)
    (quick,) = await claim(cafe.store, NOON + LEASE)
    await cafe.store.settle([replace(slow, gone_at=NOON)])
    assert await cafe.only(card) == quick
    await cafe.store.settle([replace(quick, told=version, due_at=None)])
    assert (await cafe.only(card)).told == version


async def test_one_that_is_gone_is_never_due_again(cafe: Cafe) -> None:
    card = await cafe.card()
    await cafe.installation(card)
    await touch(cafe, card)
    (one,) = await claim(cafe.store)
    await cafe.store.settle([replace(one, gone_at=NOON, due_at=NOON)])
    await touch(cafe, card)
    assert await claim(cafe.store, NOON + timedelta(days=1)) == []


async def test_a_registration_is_new_once(cafe: Cafe) -> None:
    card = await cafe.card()
    one = await cafe.installation(card)
    assert await cafe.only(card) == one
    again = replace(one, id=new_id(), registered_at=NOON + timedelta(days=1), told=0, due_at=NOON)
    assert await cafe.store.register(again, cafe.event(card, "saved")) is False
    assert await cafe.only(card) == one
    assert [event.kind for event in await cafe.store.card_history(cafe.business.id, card.id)] == ["saved", "joined"]


async def test_under_a_new_push_token_a_phone_is_told_again_what_it_has_not_fetched(cafe: Cafe) -> None:
    card, later = await cafe.card(), NOON + timedelta(seconds=2)
    one = await cafe.installation(card)
    await cafe.store.register(replace(one, push_token="b", due_at=later), None)
    assert await cafe.only(card) == replace(one, push_token="b", told=0, due_at=later)
    await cafe.store.asked(device="phone", pass_type="pass.cafe", at=NOON)
    await cafe.store.fetched(card.id, version=card.version, at=NOON)
    await cafe.store.settle([replace(await cafe.only(card), told=card.version, due_at=None)])
    await cafe.store.register(replace(one, push_token="c"), None)
    now = await cafe.only(card)
    assert (now.push_token, now.told, now.due_at) == ("c", card.version, None)


async def test_one_that_had_gone_comes_back_to_life(cafe: Cafe) -> None:
    card = await cafe.card()
    one = await cafe.installation(card)
    gone = {"wallet": "apple", "address": "phone", "card_id": card.id, "at": NOON}
    assert await cafe.store.unregister(**gone, event=cafe.event(card, "removed")) is True
    assert await cafe.store.unregister(**gone, event=cafe.event(card, "removed")) is False
    assert (await cafe.only(card)).gone_at == NOON
    assert await cafe.store.updated(device="phone", pass_type="pass.cafe", since=0) == (False, [])
    back = replace(one, push_token="c", registered_at=NOON + timedelta(days=1))
    assert await cafe.store.register(back, cafe.event(card, "saved")) is True
    assert await cafe.only(card) == back
    kinds = [event.kind for event in await cafe.store.card_history(cafe.business.id, card.id)]
    assert kinds == ["saved", "removed", "saved", "joined"]


async def test_a_410_for_the_old_push_token_does_not_remove_the_new_one(cafe: Cafe) -> None:
    card = await cafe.card()
    one = await cafe.installation(card)
    await touch(cafe, card)
    (claimed,) = await claim(cafe.store)
    await cafe.store.register(replace(one, push_token="new"), None)
    await cafe.store.settle([replace(claimed, gone_at=NOON)])
    now = await cafe.only(card)
    assert (now.push_token, now.gone_at) == ("new", None)
    assert len(await claim(cafe.store, NOON + LEASE)) == 1


async def test_one_that_registers_for_an_older_version_is_due(cafe: Cafe) -> None:
    card = await cafe.card()
    await touch(cafe, card, at=NOON + timedelta(minutes=1))
    await cafe.installation(card)
    assert (await cafe.only(card)).due_at == NOON + timedelta(minutes=1)


async def test_registrations_and_changes_at_the_same_moment_never_miss_each_other(cafe: Cafe, database_url: str) -> None:
    other = await open_store(database_url, queue=100)
    cards = [await cafe.card() for _ in range(25)]
    registering = [
        store.register(_installation(cafe, card, f"phone {number}"), None)
        for card in cards
        for number, store in enumerate((cafe.store, other))
    ]
    touching = [
        store.commit(Unit(at=NOON, due_at=NOON, touches=(card.id,))) for card in cards for store in (other, cafe.store) for _ in range(2)
    ]
    mixed = [one for pair in zip(touching[::2], registering, touching[1::2], strict=True) for one in pair]
    await asyncio.gather(*mixed)
    for card in cards:
        version = (await cafe.store.card_by_serial(card.serial)).version
        for one in await cafe.store.installations(card.id):
            assert one.told == version or one.due_at is not None, "it is behind, and nobody would look"
    await other.close()


async def test_settling_and_changes_at_the_same_moment_never_miss_each_other(cafe: Cafe, database_url: str) -> None:
    other = await open_store(database_url, queue=100)
    cards = [await cafe.card() for _ in range(10)]
    for card in cards:
        await cafe.installation(card)
        await cafe.installation(card, "second phone")

    async def follow(store: Store) -> None:
        for number in range(12):
            now = NOON + timedelta(hours=number)
            claimed = await claim(store, now, 13)
            facts = await store.cards_facts([one.card_id for one in claimed])
            await store.settle([replace(one, told=facts[one.card_id].card.version, due_at=None) for one in claimed])

    async def change(store: Store) -> None:
        for _ in range(6):
            await asyncio.gather(*(store.commit(Unit(at=NOON, due_at=NOON, touches=(card.id,))) for card in cards))
            await store.commit(Unit(at=NOON, due_at=NOON, touches=tuple(card.id for card in reversed(cards))))

    await asyncio.gather(follow(cafe.store), follow(other), change(cafe.store), change(other))
    for card in cards:
        version = (await cafe.store.card_by_serial(card.serial)).version
        for one in await cafe.store.installations(card.id):
            assert one.told == version or one.due_at is not None
    await other.close()


async def test_a_card_that_is_not_there_cannot_be_installed(cafe: Cafe) -> None:
    card = await cafe.card()
    with pytest.raises(Lost):
        await cafe.store.register(replace(_installation(cafe, card, "phone"), card_id=new_id()), None)


async def test_a_device_is_told_every_card_that_changed_since_its_tag(cafe: Cafe) -> None:
    cards = [await cafe.card() for _ in range(3)]
    for card in cards:
        await cafe.installation(card)
    tag = cards[2].version
    assert await cafe.store.updated(device="phone", pass_type="pass.cafe", since=tag) == (True, [])
    versions = [await touch(cafe, card) for card in reversed(cards[:2])]
    known, changed = await cafe.store.updated(device="phone", pass_type="pass.cafe", since=tag)
    assert known
    assert changed == [(cards[1].serial, versions[0]), (cards[0].serial, versions[1])]
    assert await cafe.store.updated(device="phone", pass_type="pass.other", since=0) == (False, [])
    assert await cafe.store.updated(device="stranger", pass_type="pass.cafe", since=0) == (False, [])


async def test_a_fetch_is_of_the_device_that_asked_last(cafe: Cafe) -> None:
    card = await cafe.card()
    for number, phone in enumerate(("first", "second", "third")):
        await cafe.installation(card, phone)
        if phone != "third":
            await cafe.store.asked(device=phone, pass_type="pass.cafe", at=NOON + timedelta(seconds=number))
    fetched = [NOON + timedelta(seconds=number) for number in (10, 11, 12)]
    for at in fetched:
        await cafe.store.fetched(card.id, version=7, at=at)
    by = {one.address: one for one in await cafe.store.installations(card.id)}
    assert [by[phone].fetched_at for phone in ("first", "second", "third")] == [fetched[1], fetched[0], None]
    assert (by["second"].fetched, by["third"].fetched) == (7, 0)


async def test_google_says_a_thing_once(cafe: Cafe) -> None:
    card = await cafe.card()
    one = _installation(cafe, card, "3388.card", wallet="google")
    await cafe.store.register(one, None)
    found = await cafe.store.installation(wallet="google", address="3388.card")
    assert found == one
    assert await cafe.store.installation(wallet="apple", address="3388.card") is None
    said = [await cafe.store.saved(one.id, at=NOON, event=cafe.event(card, "saved"), nonce=nonce) for nonce in ("a", "a", "b")]
    assert said == [True, False, True]
    assert (await cafe.only(card)).saved_at == NOON
    assert await cafe.store.saved(one.id, at=None, event=cafe.event(card, "removed"), nonce="c") is True
    assert (await cafe.only(card)).saved_at is None
    kinds = [event.kind for event in await cafe.store.card_history(cafe.business.id, card.id)]
    assert kinds == ["removed", "saved", "saved", "joined"]


def _installation(cafe: Cafe, card: Card, address: str, *, wallet: str = "apple") -> Installation:
    return Installation(
        id=new_id(),
        business_id=cafe.business.id,
        card_id=card.id,
        wallet=wallet,
        address=address,
        registered_at=NOON,
        told=card.version,
    )
