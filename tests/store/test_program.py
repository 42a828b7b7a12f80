"""What a business sets up: written anew as a whole and audited; errands; pools; who is erased."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.db import open_store
from app.store import (
    Audit,
    Change,
    Contact,
    Duplicate,
    Errand,
    Filter,
    Insert,
    Login,
    Lost,
    Opened,
    Picture,
    Place,
    Portion,
    Sheet,
    Store,
    Tally,
    Unit,
)
from app.world import new_id
from passes.campaigns import Campaign, Segment
from passes.cards import Customer
from passes.coupons import Coupon, Redemption, Refusal, Reversal
from passes.words import text

HOUR = timedelta(hours=1)


def line(cafe: Cafe, what: str = "offer.changed", **given: Any) -> Audit:
    return Audit(
        **{
            "id": new_id(),
            "business_id": cafe.business.id,
            "at": NOON,
            "staff_id": cafe.an.id,
            "what": what,
            "of_id": cafe.offer.id,
            **given,
        }
    )


def errand(cafe: Cafe, **given: Any) -> Errand:
    facts = {"kind": "issue", "body": "{}", "made_by": cafe.an.id, "made_at": NOON, "total": 9, "due_at": NOON}
    return Errand(**{"id": new_id(), "business_id": cafe.business.id, **facts, **given})


def portion(one: Errand, number: int, **given: Any) -> Portion:
    return Portion(
        id=new_id(), business_id=one.business_id, errand_id=one.id, number=number, after=str(number), done=number, at=NOON, **given
    )


async def test_of_those_who_saw_the_same_one_writes_it_anew_and_one_line_is_in_the_audit(cafe: Cafe, database_url: str) -> None:
    other, seen = await open_store(database_url, queue=100), cafe.offer
    customer = Customer(id=new_id(), business_id=cafe.business.id, name="Hoa", joined_at=NOON)
    await cafe.commit(customer)
    offers = [replace(seen, prefix=f"A{number}") for number in range(6)]
    lines = [line(cafe, of_id=seen.id, name=str(number)) for number in range(6)]
    told = await asyncio.gather(
        *(
            (cafe.store, other)[number % 2].revise([(customer, replace(customer, name=offer.prefix)), (seen, offer)], (lines[number],))
            for number, offer in enumerate(offers)
        )
    )
    assert sorted(told) == [False] * 5 + [True]
    won = told.index(True)
    assert await cafe.store.all_offers(cafe.business.id) == [offers[won]]
    assert await cafe.store.customer(cafe.business.id, customer.id) == replace(customer, name=offers[won].prefix)
    assert await cafe.store.audited(cafe.business.id) == [lines[won]]
    with pytest.raises(Duplicate, match="Audit"):
        await cafe.store.revise([(offers[won], seen)], (lines[won],))
    assert await cafe.store.all_offers(cafe.business.id) == [offers[won]]
    await other.close()


async def test_the_audit_is_read_by_whom_of_what_and_since_and_cannot_be_changed(cafe: Cafe) -> None:
    lines = [line(cafe, what, at=NOON + HOUR * hour) for hour, what in enumerate(("offer.made", "offer.changed", "program.changed"))]
    others = replace(lines[0], id=new_id(), staff_id=new_id(), of_id=cafe.program.id)
    await cafe.commit(*lines, others)
    ask, mine = cafe.store.audited, cafe.business.id
    assert await ask(mine, what="offer.", of_id=cafe.offer.id) == [lines[1], lines[0]]
    assert await ask(mine, staff_id=others.staff_id) == [others] == await ask(mine, of_id=cafe.program.id)
    assert await ask(mine, after=Place(lines[2].at, lines[2].id), limit=1) == [lines[1]]
    assert await ask(new_id()) == []
    for change in ("UPDATE audit SET became = '{}'", "DELETE FROM audit"):
        with pytest.raises(Exception, match="never changed"):
            await cafe.store._engine._run_in_new_connection(change)
    assert len(await ask(mine)) == 4


async def test_an_offer_that_gets_a_limit_counts_what_was_redeemed_already_and_what_is_being_redeemed(
    cafe: Cafe, database_url: str
) -> None:
    """In a crowd on two processes, of whom nobody knows of the limit yet: each use counts once, or is lost and asked again."""
    other, card = await open_store(database_url, queue=500), await cafe.card()
    coupons = [await cafe.coupon(card) for _ in range(40)]

    def use(coupon: Coupon, *tallies: Tally) -> Unit:
        unit = cafe.redeeming(coupon, tallies=tallies)
        made: Redemption = unit.rows[0]  # type: ignore[assignment]
        return replace(unit, rows=(replace(made, offer_id=coupon.offer_id, customer_id=coupon.customer_id),))

    first = [use(coupon) for coupon in coupons[:4]]
    for unit in first:
        await cafe.store.commit(unit)
    made: Redemption = first[0].rows[0]  # type: ignore[assignment]
    taken_back = Reversal(
        id=new_id(),
        business_id=made.business_id,
        redemption_id=made.id,
        coupon_id=made.coupon_id,
        at=NOON,
        location_id=made.location_id,
        staff_id=made.staff_id,
        counter_id=made.counter_id,
    )
    back = Change(of=Coupon, id=made.coupon_id, seen={"redemption_id": made.id}, to={"state": "active", "redemption_id": None})
    undone = Unit(at=NOON, due_at=NOON, changes=(back,), rows=(taken_back,))
    limited = replace(cafe.offer, most=100, most_each=50)

    async def redeem(number: int) -> bool:
        for _ in range(number % 5):
            await cafe.store.tallied(cafe.business.id, "")
        try:
            await (cafe.store, other)[number % 2].commit(use(coupons[number]))
        except Lost:
            return False
        return True

    told = await asyncio.gather(*map(redeem, range(4, 40)), cafe.store.commit(undone), cafe.store.revise([(cafe.offer, limited)]))
    assert told[-1] is True
    uses = 3 + sum(one is True for one in told[:-2])
    for key in (f"offer:{cafe.offer.id}", f"offer:{cafe.offer.id}:{card.customer_id}"):
        assert await cafe.store.tallied(cafe.business.id, key) == uses
    with pytest.raises(Lost):
        await other.commit(use(coupons[0]))
    tally = Tally(business_id=cafe.business.id, key=f"offer:{cafe.offer.id}", by=1, most=100)
    await other.commit(use(coupons[0], tally, replace(tally, key=f"{tally.key}:{card.customer_id}", most=50)))
    found = await cafe.store.presented(cafe.business.id, coupons[0].code)
    assert found is not None
    assert (found.redeemed_in_all, found.redeemed_by_customer) == (uses + 1, uses + 1)
    assert await cafe.store.revise([(limited, cafe.offer)])
    await cafe.store.commit(
        replace(
            undone,
            rows=(replace(taken_back, id=new_id(), redemption_id=found.coupon.redemption_id),),
            changes=(replace(back, seen={"state": "redeemed"}),),
        )
    )
    assert await cafe.store.revise([(cafe.offer, replace(cafe.offer, most_each=1))])
    assert await cafe.store.tallied(cafe.business.id, f"offer:{cafe.offer.id}:{card.customer_id}") == uses


async def test_an_errand_is_in_one_pair_of_hands_until_its_lease_ends(cafe: Cafe, database_url: str) -> None:
    store, other = cafe.store, await open_store(database_url, queue=100)
    one, later = errand(cafe), errand(cafe, kind="import", due_at=NOON + HOUR, made_at=NOON + HOUR)
    await cafe.commit(
        one, later, *(Sheet(id=new_id(), business_id=one.business_id, errand_id=one.id, number=n, content=b"a") for n in (0, 1))
    )
    assert await store.errands(cafe.business.id) == [(later, None), (one, None)]
    assert await store.errands(cafe.business.id, kind="issue") == [(one, None)]
    taken = await asyncio.gather(*((store, other)[n % 2].take_errand(now=NOON, lease_until=NOON + HOUR / 2) for n in range(6)))
    leased = replace(one, lease_until=NOON + HOUR / 2)
    assert [it for it in taken if it is not None] == [(leased, None)]
    assert await store.take_errand(now=NOON + HOUR / 4, lease_until=NOON + HOUR) is None
    portions = [portion(one, 1), portion(one, 2, failed=1)]
    await cafe.commit(*portions)
    with pytest.raises(Duplicate, match="Portion"):
        await cafe.commit(portion(one, 2))
    assert await store.errand(cafe.business.id, one.id) == (leased, portions[1])
    assert await store.errand(new_id(), one.id) is None
    assert (await store.take_errand(now=NOON + HOUR / 2, lease_until=NOON + HOUR)) == (replace(one, lease_until=NOON + HOUR), portions[1])
    sheet = await store.sheet(one.id, 1)
    assert sheet is not None
    assert sheet.content == b"a"
    assert await store.stop_errand(cafe.business.id, one.id, NOON + HOUR / 2)
    assert not await store.stop_errand(cafe.business.id, one.id, NOON + HOUR / 2)
    with pytest.raises(Duplicate, match="Portion"):  # what was read before it was stopped comes too late
        await cafe.commit(portion(one, 3))
    assert await store.sheet(one.id, 1) == sheet, "somebody still works with it"
    await store.put_errand(one.id, due_at=NOON)
    assert await store.sheet(one.id, 1) is None
    assert await store.take_errand(now=NOON + HOUR / 2, lease_until=NOON + HOUR) is None
    await store.put_errand(later.id, ended_at=NOON + HOUR)
    assert await store.take_errand(now=NOON + 9 * HOUR, lease_until=NOON + 10 * HOUR) is None
    assert not await store.stop_errand(cafe.business.id, later.id, NOON)
    await other.close()


async def test_the_last_code_of_a_pool_is_given_once(cafe: Cafe) -> None:
    card, store, mine = await cafe.card(), cafe.store, cafe.business.id
    pool = sorted([await cafe.coupon(state="pooled", code=f"P{n}") for n in range(3)], key=lambda one: one.id)
    given = await cafe.coupon(card, batch_id=(batch := new_id()))
    assert await store.pools(mine) == {cafe.offer.id: 3}
    assert await store.pooled(mine, cafe.offer.id, limit=2) == pool[:2]
    assert await store.known_codes(mine, ["P0", "P9", given.code]) == {"P0", given.code}
    to = {"state": "active", "card_id": card.id, "customer_id": card.customer_id, "issued_at": NOON + HOUR, "batch_id": batch}
    take = Unit(at=NOON, due_at=NOON, changes=(Change(of=Coupon, id=pool[0].id, seen={"state": "pooled"}, to=to),), touches=(card.id,))
    told = await asyncio.gather(*(store.commit(take) for _ in range(20)), return_exceptions=True)
    assert [type(one) for one in told].count(Lost) == 19
    drawn = replace(pool[0], **to)
    both = sorted((drawn, given), key=lambda one: one.id)
    for which in ({"customer_id": card.customer_id}, {"batch_id": batch}, {"offer_id": cafe.offer.id}):
        assert await store.coupons(mine, **which) == both
    assert await store.coupons(mine, offer_id=cafe.offer.id, after=both[0].id) == both[1:]
    assert await store.coupons(new_id(), batch_id=batch) == []
    facts = await store.card_facts(card_id=card.id, business_id=mine)
    assert facts is not None
    assert {one.id for one in facts.coupons} == {drawn.id, given.id}
    assert await store.active_coupons(mine, now=NOON, expired_since=NOON - HOUR) == (2, 0)


async def test_what_a_campaign_says_comes_with_the_card_that_it_reached(cafe: Cafe) -> None:
    card, said = await cafe.card(), text(en="Hello {name}", vi="Chào {name}")
    campaign = Campaign(id=new_id(), business_id=cafe.business.id, name="May", message=said, made_at=NOON, made_by=cafe.an.id)
    segment = Segment(id=new_id(), business_id=cafe.business.id, name="All", rules=campaign.rules)
    await cafe.commit(campaign, segment, cafe.event(card, "message", campaign_id=campaign.id))
    assert await cafe.store.campaigns(cafe.business.id) == [campaign]
    assert await cafe.store.segments(cafe.business.id) == [segment]
    facts = await cafe.store.card_facts(card_id=card.id)
    assert facts is not None
    assert facts.messages == {campaign.id: said}
    other = await cafe.card()
    found = await cafe.store.cards_facts([card.id, other.id])
    assert (found[card.id].messages, found[other.id].messages) == ({campaign.id: said}, {})


async def test_an_address_is_one_customers_and_an_insert_is_opened_once(cafe: Cafe) -> None:
    card, mine = await cafe.card(), cafe.business.id
    contact = Contact(id=new_id(), business_id=mine, value="mailto:hoa@example.com", customer_id=card.customer_id)
    slip = Insert(id=new_id(), business_id=mine, program_id=cafe.program.id, batch_id=mine, secret_hash=b"s" * 32, gives=1, made_at=NOON)
    picture = Picture(id=new_id(), business_id=mine, digest="d" * 64, kind="image/png", content=b"\x89", at=NOON)
    await cafe.commit(contact, slip, picture)
    with pytest.raises(Duplicate, match="Contact"):
        await cafe.commit(replace(contact, id=new_id()))
    assert await cafe.store.contact(mine, contact.value) == contact
    assert await cafe.store.contact(new_id(), contact.value) is None
    assert await cafe.store.cards_of(mine, card.customer_id) == [card]
    assert await cafe.store.picture(picture.digest) == picture
    assert await cafe.store.insert(slip.secret_hash) == (slip, False)
    await cafe.commit(Opened(id=slip.id, business_id=mine, card_id=card.id, at=NOON))
    assert await cafe.store.insert(slip.secret_hash) == (slip, True)
    with pytest.raises(Duplicate, match="Opened"):
        await cafe.commit(Opened(id=slip.id, business_id=mine, card_id=card.id, at=NOON))


async def test_what_changes_of_people_and_counters_is_recorded_with_it(store: Store) -> None:
    cafe = await Cafe(store).open()
    lines = [line(cafe, what) for what in ("staff.changed", "counter.changed")]
    login = Login(id=cafe.an.id, business_id=cafe.business.id)
    await cafe.commit(login)
    assert await store.replace_member(cafe.an, replace(login, version=1), seen=0, rows=lines[:1])
    assert not await store.replace_member(cafe.an, replace(login, version=1), seen=0, rows=lines[1:])
    assert not await store.change_counter(cafe.business.id, new_id(), name="x", rows=lines[1:])
    assert await store.audited(cafe.business.id) == lines[:1]


async def test_who_is_erased_is_found_nowhere_and_everybody_else_everywhere(cafe: Cafe, database_url: str) -> None:
    store, mine, name = cafe.store, cafe.business.id, 'Nguyễn "Zoë" Thị Hoa'
    card, other = await cafe.card(name), await cafe.card("An")
    known = await store.customer(mine, card.customer_id)
    assert known is not None
    person = replace(known, email="zoe@example.vn", phone="+84 901 234 567", birthday="05-01", note="likes it hot", consent_at=NOON)
    contact = Contact(id=new_id(), business_id=mine, value="mailto:zoe@example.vn", customer_id=person.id)
    assert await store.revise([(known, person)], (contact,))
    coupon, others = await cafe.coupon(card), await cafe.coupon(other)
    rows = (
        cafe.event(card, "issued", reason=f"sorry, {name.upper()}"),
        cafe.event(card, "corrected", reason="two by mistake"),
        cafe.event(other, "issued", reason="a friend of zoe@example.vn"),
        cafe.event(other, "issued", reason="of An"),
    )
    told = [msgspec.json.encode({"customer": who, "coupon": str(one.id)}) for who, one in ((name, coupon), ("An", others))]
    await store.commit(cafe.redeeming(coupon, *rows, replace(cafe.kept("hers"), body=told[0]), replace(cafe.kept("his"), body=told[1])))
    typed = Refusal(
        id=new_id(),
        business_id=mine,
        presented="0901234567",
        coupon_id=None,
        word="unknown_code",
        at=NOON,
        location_id=cafe.location.id,
        staff_id=cafe.an.id,
        counter_id=cafe.key.id,
        channel="typed",
    )
    await cafe.commit(typed, replace(typed, id=new_id(), presented="K7QM4XRT9"))
    gone = line(cafe, "customer.erased", of_id=person.id)
    await store.forget(person, at=NOON + HOUR, rows=(gone,))
    left = Customer(id=person.id, business_id=mine, name="", language="en", joined_at=NOON, erased_at=NOON + HOUR)
    assert await store.customer(mine, person.id) == left
    assert await store.contact(mine, contact.value) is None
    assert await store.find_cards(mine, "Hoa") == [] == await store.find_cards(mine, "901234567")
    assert [one.reason for one in await store.card_history(mine, card.id)] == ["two by mistake", "", ""]
    assert [one.reason for one in await store.card_history(mine, other.id)] == ["of An", "a friend of …", ""]
    refused = await store.past(mine, Filter(statuses=("refused",)))
    assert sorted(one.presented for one in refused) == ["K7QM4XRT9", "…"]
    hers, his = await store.kept(cafe.key.id, "hers"), await store.kept(cafe.key.id, "his")
    assert (hers and hers.status, his and his.body) == (410, told[1])
    assert await store.audited(mine) == [gone]
    assert await store.coupon_history(mine, coupon.id) != []
    if database_url.startswith("sqlite"):
        files = [path.read_bytes() for path in Path(database_url.removeprefix("sqlite:///")).parent.glob("counterpass.db*")]
        for part in ("Zoë", "Thị Hoa", "thi hoa", "zoe@", "901 234", "901234567", "likes it hot"):
            assert not any(part.encode() in content for content in files), part
        assert any(b"two by mistake" in content for content in files)
