"""A card is left, or joined with another one, while something is done with it: nothing stays usable on a card that is nobody's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import forgetting, giving, holder, join, leaving, ledger, merging
from app.desk.join import Newcomer
from app.store import CardFacts, Lost, Merge, Unit
from passes.cards import Earned

TEN = 10


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        yield shop


async def facts_of(shop: Shop, card: dict[str, Any]) -> CardFacts:
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, card_id=UUID(card["id"]))
    assert facts is not None
    return facts


async def test_a_coupon_is_redeemed_before_its_card_is_left_or_it_is_refused(shop: Shop) -> None:
    cards = [await shop.card_with_cookie() for _ in range(TEN)]
    leaving_ = [holder.leave(shop.desk, await facts_of(shop, card)) for card in cards]
    redeeming = [shop.redeem(card["ready"][0]["shown"]) for card in cards]
    answers = (await asyncio.gather(*(each for pair in zip(redeeming, leaving_, strict=True) for each in pair)))[::2]
    for answer, card in zip(answers, cards, strict=True):
        presented = await shop.desk.store.coupon(shop.business.id, UUID(card["ready"][0]["id"]))
        assert presented is not None
        assert (answer.status_code, presented.coupon.state) in ((201, "redeemed"), (410, "voided")), answer.text


async def test_a_coupon_or_a_stamp_that_is_given_while_its_card_is_left_is_void_or_is_not_given(shop: Shop) -> None:
    cards = [await shop.stamp(await shop.join(), 4) for _ in range(TEN)]
    manager = await shop.sign_in("Minh")
    offer = str(shop.offers["coffee"].id)

    async def give(card: dict[str, Any]) -> None:
        await manager.post("/coupons/give", data={"card_id": card["id"], "offer_id": offer, "reason": "late", "nonce": card["id"]})

    await asyncio.gather(
        *(
            each
            for one in (earned["card"] for earned in cards)
            for each in (
                give(one),
                leaving.leave(shop.desk, shop.business, UUID(one["id"])),
                shop.post(f"cards/{one['id']}/earnings", {"count": 1}),
            )
        )
    )
    for earned in cards:
        facts = await facts_of(shop, earned["card"])
        assert facts.card.left_at is not None
        assert [coupon.state for coupon in facts.coupons if coupon.state == "active"] == []


async def test_what_is_given_to_a_card_that_was_left_since_it_was_read_is_lost(shop: Shop) -> None:
    facts = await facts_of(shop, await shop.join())
    given = await giving.give(shop.desk, shop.business, [shop.offers["coffee"]], now=shop.clock(), card=facts.card)
    await holder.leave(shop.desk, facts)
    now = shop.clock()
    with pytest.raises(Lost):
        await shop.desk.store.commit(Unit(at=now, due_at=now, changes=giving.there(facts.card), rows=given.rows, touches=(facts.card.id,)))


async def test_what_is_given_to_a_card_that_has_come_to_another_customer_since_it_was_read_is_lost(shop: Shop) -> None:
    lunch = replace(shop.program, id=shop.desk.world.new_id())
    await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=(lunch,)))
    keep = await facts_of(shop, await shop.join("Hoa"))
    joined = await shop.post("join", {"program_id": str(lunch.id), "name": "Hoa"})
    other = await facts_of(shop, joined.json()["card"])
    given = await giving.give(shop.desk, shop.business, [shop.offers["coffee"]], now=shop.clock(), card=other.card)
    stamped = ledger.balanced(other.card, Earned(balance=1, lines=(("earned", 1, 1),), goals=()))
    await merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, keep.customer.id, other.customer.id)
    for changes in (giving.there(other.card), (stamped,)):
        unit = Unit(at=shop.clock(), due_at=shop.clock(), changes=changes, rows=given.rows, touches=(other.card.id,))
        with pytest.raises(Lost):
            await shop.desk.store.commit(unit)


async def test_who_joins_a_second_program_while_they_are_merged_has_a_card_of_somebody_who_is_there(shop: Shop) -> None:
    lunch = replace(shop.program, id=shop.desk.world.new_id())
    await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=(lunch,)))
    for number in range(3):
        keep = await facts_of(shop, await shop.join("Hoa"))
        other = await facts_of(shop, await shop.join("Hoa", email=f"hoa{number}@example.com"))
        (came, _), _ = await asyncio.gather(
            join.come(
                shop.desk, lunch, shop.business, Newcomer(name="Hoa"), nonce=f"{number:024}", address="192.0.2.1", keys=[other.card.key]
            ),
            merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, keep.customer.id, other.customer.id),
        )
        gone = await shop.desk.store.cards_of(shop.business.id, other.customer.id)
        assert not [one for one in gone if one.program_id == lunch.id and one.left_at is None]
        now = await shop.desk.store.card_facts(business_id=shop.business.id, card_id=came.card.id)
        assert now is not None
        assert now.customer.merged_into is None  # whoever stays; or, with a link that ended just before, somebody new


class JoinedFirst:
    """A database in which somebody joins just before two customers become one."""

    def __init__(self, shop: Shop, joining: Callable[[], Awaitable[Any]]) -> None:
        self._store, self._joining = shop.desk.store, [joining]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def merge(self, asked: Merge) -> int:
        while self._joining:
            await self._joining.pop()()
        return await self._store.merge(asked)


@pytest.mark.parametrize("kept", [True, False])
async def test_who_joins_while_they_are_merged_has_one_card_of_a_program(shop: Shop, *, kept: bool) -> None:
    lunch = replace(shop.program, id=shop.desk.world.new_id())
    await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=(lunch,)))

    def joining(person: CardFacts, nonce: int) -> Callable[[], Awaitable[Any]]:
        newcomer, more = Newcomer(name="Hoa"), {"nonce": f"{nonce:024}", "address": "192.0.2.1", "keys": [person.card.key]}
        return lambda: join.come(shop.desk, lunch, shop.business, newcomer, **more)

    for number in range(0, 8, 2):
        keep, other = [await facts_of(shop, await shop.join("Hoa")) for _ in range(2)]
        pair = (keep, other) if kept else (other, keep)
        await joining(pair[1], number)()
        late, by = joining(pair[0], number + 1), (shop.business, shop.staff["Minh"].id, keep.customer.id, other.customer.id)
        if number == 0:
            await merging.merge(replace(shop.desk, store=JoinedFirst(shop, late)), *by)
        else:
            await asyncio.gather(*(each for each in (late(), merging.merge(shop.desk, *by))[:: 1 if number % 4 else -1]))
        cards = [one for one in await shop.desk.store.cards_of(shop.business.id, keep.customer.id) if one.left_at is None]
        assert sorted(one.program_id for one in cards) == sorted([shop.program.id, lunch.id])


async def test_what_is_taken_back_after_its_card_was_left_is_void_and_never_usable_again(shop: Shop) -> None:
    cards = [await shop.card_with_cookie() for _ in range(TEN)]
    used = [(await shop.redeem(card["ready"][0]["shown"])).json()["redemption"]["id"] for card in cards]
    await holder.leave(shop.desk, await facts_of(shop, cards[0]))
    first = (await shop.post(f"redemptions/{used[0]}/reversal")).json()
    assert first["coupon"]["state"] == "voided"
    assert (await shop.redeem(cards[0]["ready"][0]["shown"])).json()["type"].endswith("voided")
    # And at the same moment: whoever is first, no coupon is left to be used on a card that is no more.
    leaving_ = [leaving.leave(shop.desk, shop.business, UUID(card["id"])) for card in cards[1:]]
    taking_back = [shop.post(f"redemptions/{one}/reversal") for one in used[1:]]
    answers = (await asyncio.gather(*(each for pair in zip(taking_back, leaving_, strict=True) for each in pair)))[::2]
    for answer, card in zip(answers, cards[1:], strict=True):
        assert answer.status_code == 201, answer.text
        presented = await shop.desk.store.coupon(shop.business.id, UUID(card["ready"][0]["id"]))
        assert presented is not None
        assert presented.coupon.state == "voided"


class MergedFirst:
    """A database in which somebody merges two customers just before somebody is forgotten."""

    def __init__(self, shop: Shop, keep: UUID, other: UUID) -> None:
        self._shop, self._pair = shop, [(keep, other)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shop.desk.store, name)

    async def forget(self, *args: Any, **more: Any) -> None:
        while self._pair:
            await merging.merge(self._shop.desk, self._shop.business, self._shop.staff["Minh"].id, *self._pair.pop())
        await self._shop.desk.store.forget(*args, **more)


@pytest.mark.parametrize("into", [True, False])
async def test_who_is_merged_while_they_are_forgotten_is_forgotten_with_all_that_they_are(shop: Shop, *, into: bool) -> None:
    hoa, same = [(await facts_of(shop, await shop.join(name))).customer.id for name in ("Quỳnh Hương", "Quỳnh Hương")]
    pair = (hoa, same) if into else (same, hoa)
    desk = replace(shop.desk, store=MergedFirst(shop, *pair))
    await forgetting.forget(desk, shop.business, hoa, by=None)
    for one in (hoa, same):
        left = await shop.desk.store.customer(shop.business.id, one)
        assert left is not None
        assert (left.name, left.erased_at is not None) == ("", True)
