"""Whom a message reaches, as both databases find them: by rules, when their time has come, and what came of it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.store import Reach, Results, Sent, Unit
from app.world import new_id
from passes.campaigns import Birthday, Campaign, Expiring, Rules, Trigger, Waiting, WinBack
from passes.cards import Card, Customer
from passes.coupons import Coupon

DAY = timedelta(days=1)
ORDER = count(1)
"""Cards of one millisecond stand in any order: here they stand in that in which they were made."""


async def person(cafe: Cafe, name: str, *, visited: int | None = None, **of_customer: Any) -> Card:
    """A customer with a card, who joined 40 days ago and came last so many days ago."""
    joined = NOON - 40 * DAY
    customer = Customer(id=new_id(), business_id=cafe.business.id, name=name, joined_at=joined, **of_customer)
    card = Card(
        id=UUID(int=next(ORDER)),
        business_id=cafe.business.id,
        program_id=cafe.program.id,
        customer_id=customer.id,
        number=new_id().hex,
        serial=new_id().hex,
        token=new_id().hex,
        key=new_id().hex,
        balance=len(name),
        joined_at=joined,
        changed_at=NOON,
        visited_at=None if visited is None else NOON - visited * DAY,
    )
    await cafe.commit(customer, card, cafe.event(card, "joined"))
    return card


async def names(cafe: Cafe, **rules: Any) -> list[str]:
    meant = Rules(**rules)
    found = await cafe.store.segment(cafe.business.id, meant, now=NOON, zone=cafe.business.tz)
    assert await cafe.store.segment_size(cafe.business.id, meant, now=NOON, zone=cafe.business.tz) == len(found)
    return [customer.name for _, customer in found]


def sent(cafe: Cafe, card: Card, campaign: Campaign, occasion: str = "", **more: Any) -> Sent:
    return Sent(
        id=new_id(),
        business_id=cafe.business.id,
        campaign_id=campaign.id,
        card_id=card.id,
        customer_id=card.customer_id,
        occasion=occasion,
        **{"at": NOON, **more},
    )


def campaign(cafe: Cafe, trigger: Trigger | None = None, **more: Any) -> Campaign:
    return Campaign(id=new_id(), business_id=cafe.business.id, name="Rain", trigger=trigger, made_at=NOON, made_by=cafe.an.id, **more)


async def test_rules_mean_the_cards_for_which_all_of_them_are_true(cafe: Cafe) -> None:
    hoa = await person(cafe, "Hoa", visited=3, birthday="11-30", language="vi", email="Hoa_1@example.com", phone="+84 28 1234")
    await person(cafe, "Đào Lan", visited=30, birthday="02-29", location_id=cafe.location.id)
    gone = await person(cafe, "Minh")
    await cafe.coupon(hoa, expires_at=NOON + DAY)
    assert await names(cafe) == ["Hoa", "Đào Lan", "Minh"]
    assert await names(cafe, visited_within=3) == ["Hoa"]
    assert await names(cafe, not_visited_for=30) == ["Đào Lan", "Minh"]
    assert await names(cafe, not_visited_for=31) == ["Minh"]
    assert await names(cafe, joined_within=40, joined_before=39) == ["Hoa", "Đào Lan", "Minh"]
    assert await names(cafe, joined_within=39) == await names(cafe, joined_before=40) == []
    assert await names(cafe, birthday_month=2) == ["Đào Lan"]
    assert await names(cafe, language="vi") == await names(cafe, waiting=True) == ["Hoa"]
    assert await names(cafe, waiting=False, balance_from=4, balance_to=7) == ["Đào Lan", "Minh"]
    assert await names(cafe, location_id=cafe.location.id) == ["Đào Lan"]
    assert await names(cafe, program_id=new_id()) == []
    assert await names(cafe, cards=(gone.id, new_id())) == ["Minh"]
    for text, who in (("dao", "Đào Lan"), ("HOA_1@", "Hoa"), ("281234", "Hoa")):
        assert await names(cafe, text=text) == [who]
    assert await names(cafe, text="hoa%1") == []
    pages: Sequence[Any] = await cafe.store.segment(cafe.business.id, Rules(), now=NOON, zone=cafe.business.tz, after=hoa.id, limit=1)
    assert [one.name for _, one in pages] == ["Đào Lan"]


async def test_how_many_are_reached_and_why_others_are_not(cafe: Cafe) -> None:
    agreed = {"consent_at": NOON}
    hoa = await person(cafe, "Hoa", email="hoa@example.com", **agreed)
    lan = await person(cafe, "Lan", **agreed)
    await person(cafe, "Minh", email="minh@example.com")
    await cafe.installation(hoa)
    rain = campaign(cafe)
    await cafe.commit(sent(cafe, lan, rain, "a"), sent(cafe, lan, rain, "b", at=NOON - 8 * DAY))
    found = await cafe.store.reach(cafe.business.id, Rules(), now=NOON, zone=cafe.business.tz, weekly=1)
    assert found == Reach(cards=3, customers=3, not_agreed=1, enough=1, reached=1, held=1, mailed=1)
    lately = await cafe.store.lately([hoa.customer_id, lan.customer_id], since=NOON - 7 * DAY, campaign_id=rain.id)
    assert lately == {lan.customer_id: (1, True)}


async def test_what_came_of_a_campaign(cafe: Cafe) -> None:
    rain, coupon_id = campaign(cafe), new_id()
    told, deaf = await person(cafe, "Hoa"), await person(cafe, "Lan")
    phone = await cafe.installation(told, fetched=0)
    coupon = Coupon(
        id=coupon_id,
        business_id=cafe.business.id,
        offer_id=cafe.offer.id,
        card_id=told.id,
        customer_id=told.customer_id,
        code="A",
        issued_at=NOON,
        batch_id=rain.id,
        state="redeemed",
    )
    version = await cafe.commit(
        rain,
        coupon,
        sent(cafe, told, rain, coupon_id=coupon_id, mail="sent", mail_at=NOON),
        sent(cafe, deaf, rain, mail="due", mail_at=NOON),
        *(cafe.event(card, "message", campaign_id=rain.id) for card in (told, deaf)),
        touches=(told, deaf),
    )
    await cafe.store.settle([replace(phone, told=version)])
    assert (await cafe.store.results([rain.id]))[rain.id] == Results(2, 0, 1, 1, 0, 1, 1)
    await cafe.store.asked(device=phone.address, pass_type=phone.credential, at=NOON)
    await cafe.store.fetched(told.id, version=version, at=NOON)
    assert (await cafe.store.results([rain.id]))[rain.id].shown == 1
    assert await cafe.store.campaign(cafe.business.id, rain.id) == rain
    assert await cafe.store.campaign(new_id(), rain.id) is None


async def test_an_email_is_in_one_pair_of_hands_until_the_lease_ends(cafe: Cafe) -> None:
    one = sent(cafe, await person(cafe, "Hoa"), campaign(cafe), mail="due", mail_at=NOON)
    await cafe.commit(one)
    taken = await cafe.store.take_mail(now=NOON, lease_until=NOON + DAY, limit=10)
    assert [each.id for each in taken] == [one.id]
    assert await cafe.store.take_mail(now=NOON, lease_until=NOON + DAY, limit=10) == []
    await cafe.store.put_mail([replace(one, mail_tries=1)])
    assert (await cafe.store.take_mail(now=NOON, lease_until=NOON + DAY, limit=10))[0].mail_tries == 1
    await cafe.store.put_mail([replace(one, mail="sent")])
    assert await cafe.store.take_mail(now=NOON + 2 * DAY, lease_until=NOON + 3 * DAY, limit=10) == []


async def occasions(cafe: Cafe, of: Campaign, *, days: float = 0, weekly: int | None = 2) -> list[str]:
    """For whom its time has come so many days after noon."""
    found = await cafe.store.awaited(of, now=NOON + days * DAY, zone=cafe.business.tz, weekly=weekly)
    return [f"{one.customer.name} {one.occasion}" for one in found]


async def test_everybodys_time_for_an_automation_comes_once(cafe: Cafe) -> None:
    agreed = {"consent_at": NOON}
    hoa = await person(cafe, "Hoa", visited=27, birthday="11-25", **agreed)
    await person(cafe, "Lan", visited=27, birthday="11-25")
    coupon = await cafe.coupon(hoa, expires_at=NOON + 10 * DAY)
    born, back = campaign(cafe, Birthday(before=2)), campaign(cafe, WinBack(after=30))
    waiting, ending = campaign(cafe, Waiting(after=7)), campaign(cafe, Expiring(before=3))
    assert [await occasions(cafe, born, days=day) for day in (2, 3, 5, 6)] == [[], ["Hoa birthday:2026"], ["Hoa birthday:2026"], []]
    assert [len(await occasions(cafe, back, days=day)) for day in (2, 3, 5, 6)] == [0, 1, 1, 0]
    assert [len(await occasions(cafe, waiting, days=day)) for day in (6, 7, 9, 10)] == [0, 1, 1, 0]
    assert [len(await occasions(cafe, ending, days=day)) for day in (6, 7, 10, 10.01)] == [0, 1, 1, 0]
    assert await occasions(cafe, ending, days=7) == [f"Hoa expiring:{coupon.id}"]
    assert await occasions(cafe, born, days=3, weekly=None) == ["Hoa birthday:2026", "Lan birthday:2026"]
    assert await occasions(cafe, replace(born, rules=Rules(language="vi")), days=3) == []
    for one, occasion, day in ((born, "birthday:2026", 3), (back, "win_back", 3), (waiting, f"waiting:{coupon.id}", 7)):
        await cafe.commit(sent(cafe, hoa, one, occasion, at=NOON + day * DAY))
        assert await occasions(cafe, one, days=day + 0.9) == []
    assert await occasions(cafe, ending, days=7) == []  # two messages in seven days were enough
    assert len(await occasions(cafe, ending, days=7, weekly=4)) == 1


async def test_a_birthday_on_29_february_is_on_the_28th_where_there_is_none(cafe: Cafe) -> None:
    await person(cafe, "Hoa", birthday="02-29")
    born = campaign(cafe, Birthday())
    for year, days in ((2027, (28,)), (2028, (29,))):
        for day in (27, 28, 29):
            now = NOON.replace(year=year, month=2, day=27) + (day - 27) * DAY
            found = await cafe.store.awaited(born, now=now, zone=cafe.business.tz)
            assert bool(found) == (day >= days[0] or now.month == 3), now


@pytest.mark.parametrize("many", [25])
async def test_a_long_segment_is_walked_to_its_end(cafe: Cafe, many: int) -> None:
    customer = Customer(id=new_id(), business_id=cafe.business.id, name="Hoa", joined_at=NOON)
    first = await person(cafe, "Hoa")
    copies = [
        replace(first, id=new_id(), number=new_id().hex, serial=new_id().hex, key=new_id().hex, customer_id=customer.id)
        for _ in range(many)
    ]
    await cafe.store.commit(Unit(at=NOON, due_at=NOON, rows=(customer, *copies)))
    seen, after = 0, None
    while page := await cafe.store.segment(cafe.business.id, Rules(), now=NOON, zone=cafe.business.tz, after=after, limit=10):
        seen, after = seen + len(page), page[-1][0].id
    assert seen == many + 1
