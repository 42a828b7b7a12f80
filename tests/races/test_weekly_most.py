"""Campaigns and automations that reach the same customers at the same instant: nobody is sent more in a week than the shop allows."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import campaigning
from app.desk.automations import Automations
from app.errands import Errands
from app.store import Lost
from passes.campaigns import Birthday, Campaign
from passes.words import text

SEVEN = 7


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        yield shop


async def test_campaigns_and_an_automation_at_one_instant_reach_nobody_more_often_than_the_shop_allows(shop: Shop) -> None:
    store, today = shop.desk.store, shop.clock().astimezone(shop.business.tz)
    cards = [UUID((await shop.join(f"Customer {number}"))["id"]) for number in range(SEVEN)]
    for card_id in cards:
        facts = await store.card_facts(card_id=card_id)
        assert facts is not None
        agreed = replace(facts.customer, consent_at=shop.clock(), birthday=f"{today:%m-%d}")
        assert await store.revise([(facts.customer, agreed)])
    (owner,) = await store.members(staff_id=shop.staff["Lan"].id)
    draft = Campaign(
        id=uuid4(), business_id=shop.business.id, name="Rain", message=text(en="It rains"), made_at=shop.clock(), made_by=owner.staff.id
    )
    drafts = [replace(draft, id=uuid4()) for _ in range(4)]
    greeting = replace(draft, trigger=Birthday(), state="running")
    for one in (*drafts, greeting):
        await campaigning.make(shop.desk, owner, one)
    for one in drafts:
        await campaigning.send(shop.desk, owner, one, at=None)
    await asyncio.gather(*(Errands(shop.desk).step() for _ in drafts), Automations(shop.desk).step())
    while await Errands(shop.desk).step():
        pass
    events = [event for card_id in cards if (facts := await store.card_facts(card_id=card_id)) for event in facts.events]
    messages = Counter(event.customer_id for event in events if event.kind == "message")
    assert set(messages.values()) == {shop.business.weekly}
    results = await store.results([one.id for one in (*drafts, greeting)])
    assert sum(one.reached for one in results.values()) == SEVEN * shop.business.weekly
    states = [one.state for one in await store.campaigns(shop.business.id) if one.trigger is None]
    assert states == ["done"] * len(drafts)


async def test_what_an_automation_looked_for_before_it_was_paused_reaches_nobody(shop: Shop) -> None:
    (owner,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    greeting = Campaign(
        id=uuid4(),
        business_id=shop.business.id,
        name="Birthday",
        message=text(en="Happy birthday"),
        trigger=Birthday(),
        state="running",
        made_at=shop.clock(),
        made_by=owner.staff.id,
    )
    await campaigning.make(shop.desk, owner, greeting)
    card = await shop.join("Hoa")
    facts = await shop.desk.store.card_facts(card_id=UUID(card["id"]))
    assert facts is not None
    turn = await campaigning.turns(shop.desk, shop.business.id)
    await campaigning.stop(shop.desk, owner, greeting)
    given, _ = await campaigning.given_to(shop.desk, shop.business, greeting, None, [], now=shop.clock())
    meant = [campaigning.Meant(facts.card, facts.customer)]
    with pytest.raises(Lost):
        await campaigning.reach(shop.desk, shop.business, greeting, meant, given, now=shop.clock(), turn=turn)
    assert await shop.desk.store.results([greeting.id]) == {}
