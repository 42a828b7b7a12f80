"""One person joins many times at once, through two processes on PostgreSQL and one on SQLite: one customer, one card."""

import asyncio

from house import House, at_once
from msgspec.structs import replace

from app import world
from app.desk import join
from app.desk.join import Newcomer
from app.store import Unit


async def test_twenty_joins_with_one_address_are_one_customer_and_one_card(house: House) -> None:
    shop = house.shop
    body = {"program_id": str(shop.program.id), "name": "Hoa", "email": "hoa@example.com"}
    answers = await at_once(house.ask("join", body) for _ in range(20))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert all(answer.body == answers[0].body for answer in answers)
    assert len(await shop.desk.store.find_cards(shop.business.id, "Hoa")) == 1

    lunch = replace(shop.program, id=world.new_id())
    await shop.desk.store.commit(Unit(at=world.now(), due_at=world.now(), rows=(lunch,)))
    answers = await at_once(house.ask("join", {**body, "program_id": str(lunch.id)}) for _ in range(20))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.body["card"]["id"] for answer in answers}) == 1
    assert len({answer.body["customer_id"] for answer in answers}) == 1


async def test_strangers_who_give_one_address_at_once_have_a_card_each_and_one_of_them_the_address(house: House) -> None:
    shop = house.shop
    newcomer = Newcomer(name="Hoa", email="hoa@example.com")

    async def come(number: int) -> join.CardFacts:
        facts, _ = await join.come(
            shop.desk, shop.program, shop.business, newcomer, nonce=f"{number % 10:024}", address=f"192.0.2.{number}"
        )
        return facts

    facts = await asyncio.gather(*(come(number) for number in range(20)))
    assert len({one.card.id for one in facts}) == 10, "a form that is sent twice is one card"
    contact = await shop.desk.store.contact(shop.business.id, "mailto:hoa@example.com")
    assert contact is not None
    owner = contact.customer_id
    assert {one.customer.maybe_id for one in facts} == {None, owner}
    assert {one.customer.id for one in facts if one.customer.maybe_id is None} == {owner}
