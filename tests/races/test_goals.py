"""Goals that move while cards earn: each reward is given once, whatever comes between."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import programs
from app.errands import Errands
from app.store import Member
from passes.problems import ChangedMeanwhile, StillReaching
from passes.programs import Goal, Program


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        yield shop


async def at(shop: Shop, first: int) -> Program:
    """The program with its cookie at so many stamps, and the coffee at ten."""
    was = await shop.desk.store.program(shop.business.id, shop.program.id)
    return replace(was, goals=(Goal(at=first, offer_id=shop.offers["cookie"].id), Goal(at=10, offer_id=shop.offers["coffee"].id)))


async def begin(shop: Shop, first: int) -> tuple[Member, Program]:
    """An owner, and the program, which has its cookie at so many stamps."""
    became = await at(shop, first)
    assert await shop.desk.store.revise([(await shop.desk.store.program(shop.business.id, shop.program.id), became)])
    (owner,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    return owner, became


async def cookies(shop: Shop, card: dict[str, Any]) -> tuple[int, int]:
    """How many cookies are on a card, and how many stamps."""
    facts = await shop.desk.store.card_facts(card_id=UUID(card["id"]))
    return sum(one.offer_id == shop.offers["cookie"].id for one in facts.coupons), facts.card.balance


async def work(shop: Shop) -> None:
    while await Errands(shop.desk).step():
        pass


@pytest.mark.parametrize("keep", [True, False])
async def test_a_goal_that_came_nearer_is_earned_once_before_and_after_the_change_reaches_the_card(shop: Shop, *, keep: bool) -> None:
    owner, was = await begin(shop, 6)
    early, over, idle = [await shop.join(name) for name in ("Hoa", "Mai", "An")]
    for card, count in ((early, 3), (over, 5), (idle, 4)):
        await shop.stamp(card, count)
    await programs.change(shop.desk, owner, was, await at(shop, 4), keep=keep)
    late = await shop.join("Tuấn")
    for card, count in ((early, 1), (over, 1), (late, 4)):
        await shop.stamp(card, count)
    await work(shop)
    assert [await cookies(shop, card) for card in (early, over, idle, late)] == [(1, 4), (1, 6), (1, 4), (1, 4)]


async def test_goals_that_move_again_wait_until_all_cards_have_the_last_move(shop: Shop) -> None:
    owner, was = await begin(shop, 7)
    hoa = await shop.join("Hoa")
    await shop.stamp(hoa, 3)
    second, third = await at(shop, 5), await at(shop, 3)
    await programs.change(shop.desk, owner, was, second)
    with pytest.raises(StillReaching):
        await programs.change(shop.desk, owner, second, third)
    await work(shop)
    await programs.change(shop.desk, owner, second, third)
    await work(shop)
    assert await cookies(shop, hoa) == (1, 3)


async def test_goals_that_were_changed_by_somebody_else_meanwhile_move_no_card(shop: Shop) -> None:
    owner, was = await begin(shop, 7)
    hoa = await shop.join("Hoa")
    await shop.stamp(hoa, 4)
    stale = replace(was, birthday=shop.offers["cookie"].id)
    with pytest.raises(ChangedMeanwhile):
        await programs.change(shop.desk, owner, stale, await at(shop, 4), keep=False)
    assert await shop.desk.store.errands(shop.business.id) == []
