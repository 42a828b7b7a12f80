"""Customers are found, looked at, put right, made one and forgotten."""

import asyncio
import csv
import io
import re
from uuid import UUID, uuid4

import httpx
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import merging
from app.store import Known, Mark
from passes.businesses import Limits
from passes.campaigns import Rules, Segment
from passes.cards import Card

pytestmark = BOTH


async def who(shop: Shop, card: dict) -> Known:
    """The customer of a card."""
    held = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    assert held
    (known,) = await shop.desk.store.people(shop.business.id, ids=[held.customer.id])
    return known


async def card_now(shop: Shop, card: dict) -> Card:
    held = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    assert held
    return held.card


async def balance(shop: Shop, card: dict) -> int:
    """As its ledger says, which is as its row says."""
    now = await card_now(shop, card)
    ledger = await shop.desk.store.ledger(shop.business.id, now.id)
    assert sum(line.amount for line in ledger) == now.balance
    assert [line.number for line in ledger] == list(range(1, now.entries + 1))
    return now.balance


async def merge(shop: Shop, keep: Known, other: Known) -> None:
    await merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, keep.customer.id, other.customer.id)


def names(page: httpx.Response) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/customers/[^"]+">([^<]*)</a>', page.text)


def nonces(page: httpx.Response) -> list[str]:
    return re.findall(r'name="nonce" value="([^"]+)"', page.text)


async def test_customers_are_listed_searched_and_exported(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    assert "No customer yet" in (await manager.get("/customers")).text
    hoa = await shop.join("Nguyễn Thị Hoa", email="hoa@example.com", phone="0901 234 567")
    cookie = (await shop.stamp(hoa, 5))["earned"][0]["shown"]
    shop.clock.forward(days=1)
    an = await shop.join("=Đào")
    shop.clock.forward(days=1)
    bich = await shop.join("Bích")
    for card in (an, an, hoa):
        shop.clock.forward(minutes=1)
        await shop.stamp(card)
    assert names(await manager.get("/customers")) == ["Bích", "=Đào", "Nguyễn Thị Hoa"]
    assert names(await manager.get("/customers?order=visited")) == ["Nguyễn Thị Hoa", "=Đào", "Bích"]
    assert names(await manager.get("/customers?order=visits"))[-1] == "Bích"
    for text in ("thi hoa", "234567", "HOA@exam", hoa["number"], cookie):
        assert names(await manager.post("/customers", data={"q": text})) == ["Nguyễn Thị Hoa"], text
    rows = await manager.post("/customers", data={"q": "dao"}, headers={"X-Fragment": "1"})
    assert names(rows) == ["=Đào"]
    assert "<html" not in rows.text
    assert "Nobody is found" in (await manager.post("/customers", data={"q": "nobody"})).text
    exported = list(csv.DictReader(io.StringIO((await manager.post("/customers/export.csv")).content.decode("utf-8-sig"))))
    assert [row["Name"] for row in exported] == ["Bích", "'=Đào", "Nguyễn Thị Hoa"]
    assert exported[-1]["E-mail address"] == "hoa@example.com"
    segment = Segment(id=uuid4(), business_id=shop.business.id, name="Far", rules=Rules(balance_from=5))
    await shop.desk.commit(shop.clock(), rows=(segment,))
    assert names(await manager.get(f"/customers?segment={segment.id}")) == ["Nguyễn Thị Hoa"]
    assert (await manager.get("/customers?after=nonsense")).status_code == 400
    cashier = await shop.at_counter("An")
    assert (await cashier.get(f"/customers/{(await who(shop, bich)).customer.id}")).headers["location"].startswith("/sign-in")


async def test_a_long_list_has_every_customer_once(shop: Shop) -> None:
    cards = [await shop.join(f"Guest {number}") for number in range(7)]
    await shop.stamp(cards[2])
    for order in ("newest", "visited", "visits"):
        seen, after = [], None
        while True:
            some = await shop.desk.store.people(shop.business.id, order=order, after=after, limit=3)
            seen += [one.customer.name for one in some]
            if len(some) < 3:
                break
            after = Mark(some[-1].at, some[-1].customer.id)
        assert sorted(seen) == sorted(f"Guest {number}" for number in range(7)), order


async def test_one_customers_page_tells_the_whole_story(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    card = await shop.join("Hoa", phone="0901 234 567")
    code = (await shop.stamp(card, 5))["earned"][0]["code"]
    shop.clock.forward(minutes=5)
    await shop.redeem(code, who="An in Thảo Điền")
    shop.clock.forward(minutes=5)
    await shop.redeem(code, who="Bình")
    page = (await manager.get(f"/customers/{(await who(shop, card)).customer.id}")).text
    told = re.findall(r'<li data-kind="(\w+)">', page)
    assert told[0] == "refused"
    assert sorted(told) == ["earned", "joined", "redeemed", "refused", "stamped"]
    assert "Thảo Điền · An" in page
    assert f'href="/c/{(await card_now(shop, card)).key}"' in page
    record = (await manager.get(f"/customers/{(await who(shop, card)).customer.id}/record.json")).json()
    assert (record["phone"], record["cards"][0]["stamps"]) == ("0901 234 567", 5)
    assert [line["kind"] for line in record["story"]] == told
    assert "0901 234 567" in (await manager.get(f"/customers/{(await who(shop, card)).customer.id}/record")).text


async def test_what_is_known_is_put_right_and_its_contacts_with_it(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    card, other = await shop.join("Hoa", email="hoa@example.com"), await shop.join("Lan", phone="0902 000 111")
    known, version = await who(shop, card), (await card_now(shop, card)).version
    page = f"/customers/{known.customer.id}"
    form = {"name": "Hoà", "email": "hoa@shop.example", "phone": "", "day": "29", "month": "2", "language": "vi", "consent": "true"}
    assert (await manager.post(page, data=form)).status_code == 303
    now = (await who(shop, card)).customer
    assert (now.name, now.email, now.birthday, now.consent_at) == ("Hoà", "hoa@shop.example", "02-29", shop.clock())
    assert await shop.desk.store.contact(shop.business.id, "mailto:hoa@example.com") is None
    contact = await shop.desk.store.contact(shop.business.id, "mailto:hoa@shop.example")
    assert contact is not None
    assert contact.customer_id == known.customer.id
    assert (await card_now(shop, card)).version > version  # the phone shows the name
    for wrong, said in (
        ({"day": "30"}, "A day and a month"),
        ({"email": "no address"}, "An e-mail address, such as"),
        ({"email": "", "phone": "0902000111"}, "Another customer has this address or number"),
        ({"name": " "}, "Fill this in."),
    ):
        refused = await manager.post(page, data=form | wrong)
        assert refused.status_code == 422
        assert said in refused.text
    assert (await who(shop, card)).customer == now
    assert (await manager.post(f"{page}/note", data={"note": "Allergic to nuts"})).status_code == 303
    assert "Allergic to nuts" in (await manager.get(page)).text
    audited = await shop.desk.store.audited(shop.business.id, what="customer.")
    assert len(audited) == 2
    assert not any(word in line.was + line.became + line.name for line in audited for word in ("Hoa", "Hoà", "nuts", "shop.example"))
    assert (await who(shop, other)).customer.phone == "0902 000 111"


async def test_a_card_is_corrected_with_a_reason_in_its_ledger(shop: Shop) -> None:
    manager, card = await shop.sign_in("Minh"), await shop.join("Hoa")
    page = f"/customers/{(await who(shop, card)).customer.id}"
    at = f"{page}/cards/{card['id']}"
    stamps, right = nonces(await manager.get(page))
    for _ in range(2):  # the same form twice adds once
        assert (await manager.post(f"{at}/stamps", data={"count": "3", "nonce": stamps})).status_code == 303
    assert await balance(shop, card) == 3
    more = {"way": "more", "amount": "4", "reason": "the printer was out of paper", "nonce": right}
    for _ in range(2):
        assert (await manager.post(f"{at}/correction", data=more)).status_code == 303
    assert await balance(shop, card) == 7
    assert len(await shop.desk.store.coupons(shop.business.id)) == 1  # five are a cookie
    fewer = {"way": "fewer", "amount": "6", "reason": "two at once", "nonce": "a"}
    assert (await manager.post(f"{at}/correction", data=fewer)).status_code == 303
    assert await balance(shop, card) == 1
    assert len(await shop.desk.store.coupons(shop.business.id)) == 1
    low = await manager.post(f"{at}/correction", data=fewer | {"nonce": "b"})
    assert (low.status_code, "no more can be taken away than the 1" in low.text) == (422, True)
    silent = await manager.post(f"{at}/correction", data=more | {"reason": " ", "nonce": "c"})
    assert silent.status_code == 422
    assert (await card_now(shop, card)).visits == 1
    text = (await manager.get(page)).text
    assert "the printer was out of paper" in text
    assert "Corrected −6" in text
    deeds = f"/insight/staff/{shop.staff['Minh'].id}?period=today"
    newest, first = (await manager.get(deeds)).text.split("<tr>")[2:]
    assert all("Hoa" in line for line in (newest, first))
    assert ("two at once" in newest, "−6" in newest, "the printer was out of paper" in first) == (True, True, True)
    nothing = await manager.get(deeds.replace(str(shop.staff["Minh"].id), str(shop.staff["An"].id)))
    assert "Nothing of this in these days" in nothing.text
    today = shop.clock().astimezone(shop.business.tz).date()
    counts = await shop.desk.store.counted(shop.business.id, since=today, until=today)
    assert [one.n for one in counts if one.kind == "corrected" and one.which == str(shop.staff["Minh"].id)] == [2]


async def test_an_owner_limits_how_often_one_person_may(shop: Shop) -> None:
    owner, card = await shop.sign_in("Lan"), await shop.join("Hoa")
    assert (await owner.post("/staff/limits", data={"corrections": "1", "stamps": ""})).status_code == 303
    assert (await owner.post("/staff/limits", data={"corrections": "-1"})).status_code == 422
    (business,) = await shop.desk.store.businesses()
    assert business.limits == Limits(corrections=1)
    manager = await shop.sign_in("Minh")
    at = f"/customers/{(await who(shop, card)).customer.id}/cards/{card['id']}/correction"
    answers = [
        await manager.post(at, data={"way": "more", "amount": "1", "reason": "forgotten", "nonce": str(number)}) for number in range(3)
    ]
    assert [one.status_code for one in answers] == [303, 422, 422]
    assert await balance(shop, card) == 1
    assert (await manager.get("/staff/limits")).status_code == 403


async def test_two_customers_become_one_and_nothing_is_lost(shop: Shop) -> None:
    ours, theirs = await shop.join("Hoa", phone="0901 234 567"), await shop.join("Nguyễn Hoa", email="hoa@example.com")
    await shop.stamp(ours, 3)
    cookie = (await shop.stamp(theirs, 6))["earned"][0]["code"]
    keep, other = await who(shop, ours), await who(shop, theirs)
    before = len(await shop.desk.store.coupons(shop.business.id))
    manager = await shop.sign_in("Minh")
    page = f"/customers/{keep.customer.id}/merge/{other.customer.id}"
    assert "the two cards become one, with 9" in (await manager.get(page)).text
    assert (await manager.post(page)).status_code == 303
    assert (await balance(shop, ours), await balance(shop, theirs)) == (9, 0)
    assert (await card_now(shop, theirs)).left_at == shop.clock()
    became = (await who(shop, ours)).customer
    assert (became.name, became.email, became.phone) == ("Hoa", "hoa@example.com", "0901 234 567")
    contact = await shop.desk.store.contact(shop.business.id, "mailto:hoa@example.com")
    assert contact is not None
    assert contact.customer_id == keep.customer.id
    assert len(await shop.desk.store.coupons(shop.business.id)) == before  # the five that earned the cookie earn no second one
    assert (await shop.redeem(cookie)).status_code == 201
    (coupon,) = await shop.desk.store.coupons(shop.business.id, customer_id=keep.customer.id)
    assert coupon.card_id == (await card_now(shop, ours)).id
    shown = (await shop.get(f"cards/{theirs['number']}")).json()  # whoever shows the other card's number has the one card
    assert (shown["number"], shown["balance"]) == (ours["number"], 9)
    assert (await shop.stamp(theirs))["card"]["number"] == ours["number"]
    assert (await manager.get(f"/customers/{other.customer.id}")).headers["location"] == f"/customers/{keep.customer.id}"
    folded = (await manager.get(f"/customers/{keep.customer.id}")).text
    assert ("Put together with the other card" in folded, "earns and redeems nothing" in folded) == (True, False)
    link = await shop.browser().get(f"/c/{(await card_now(shop, theirs)).key}")
    assert (link.status_code, shop.business.name in link.text) == (410, True)
    assert re.findall(r"Also known as</dt><dd>([^<]+)", (await manager.get(f"/customers/{keep.customer.id}/record")).text) == [
        "Nguyễn Hoa · hoa@example.com"
    ]
    assert (await manager.get(page)).status_code == 404  # there is only one any more
    assert names(await manager.post("/customers", data={"q": "hoa@example.com"})) == ["Hoa"]


async def test_what_both_have_used_counts_for_an_offers_limit_per_customer_whenever_that_was_set(shop: Shop) -> None:
    await shop.change_offer("coffee", most_each=2)
    cards = [await shop.join("Hoa"), await shop.join("Hoa")]
    for card in cards:
        earned = [one["code"] for count in (5, 5) for one in (await shop.stamp(card, count))["earned"]]
        assert [(await shop.redeem(code)).status_code for code in earned] == [201, 201]  # a cookie and a coffee
    await merge(shop, await who(shop, cards[0]), await who(shop, cards[1]))
    await shop.change_offer("cookie", most_each=2)  # set afterwards, it is counted from the redemptions
    earned = [one["code"] for count in (5, 5) for one in (await shop.stamp(cards[0], count))["earned"]]
    assert [(await shop.redeem(code)).json().get("type", "").rpartition("/")[2] for code in earned] == ["limit_reached"] * 2


async def test_a_merge_in_the_middle_of_stamps_and_redemptions_loses_nothing(shop: Shop) -> None:
    ours, theirs = await shop.join("Hoa"), await shop.join("Hoa")
    code = (await shop.stamp(theirs, 6))["earned"][0]["code"]
    keep, other = await who(shop, ours), await who(shop, theirs)
    answers = await asyncio.gather(
        *(shop.post(f"cards/{card['id']}/earnings", {"count": 1}) for card in (ours, theirs, ours, theirs)),
        merge(shop, keep, other),
        *(shop.redeem(code) for _ in range(3)),
        *(shop.post(f"cards/{card['number']}/earnings", {"count": 1}) for card in (theirs, ours)),
    )
    statuses = [one.status_code for one in answers if one is not None]
    assert sorted(statuses) == [201] * 7 + [409] * 2
    assert await balance(shop, theirs) == 0
    # Six, and six more: twelve stamps are a full round of ten (a coffee) and two.
    assert await balance(shop, ours) == 2
    (redeemed,) = [one for one in await shop.desk.store.coupons(shop.business.id) if one.state == "redeemed"]
    assert (redeemed.card_id, redeemed.customer_id) == ((await card_now(shop, ours)).id, keep.customer.id)
    assert (await card_now(shop, ours)).version >= (await card_now(shop, theirs)).version


async def test_who_is_perhaps_one_person_is_said(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    assert "Nobody is here twice" in (await manager.get("/customers/duplicates")).text
    one = await shop.join("Hoa")
    other = await shop.join("Lan")
    known, perhaps = await who(shop, one), await who(shop, other)
    assert await shop.desk.store.revise([(perhaps.customer, replace(perhaps.customer, maybe_id=known.customer.id))])
    page = (await manager.get("/customers/duplicates")).text
    assert f"/customers/{known.customer.id}/merge/{perhaps.customer.id}" in page
    assert "Perhaps there are two of this person" in (await manager.get(f"/customers/{known.customer.id}")).text


async def test_a_form_that_was_drawn_before_somebody_else_s_change_takes_nothing_back(shop: Shop) -> None:
    card = await shop.join("Hoa", email="hoa@example.com")
    hoa = (await shop.desk.store.card_facts(card_id=UUID(card["id"]))).customer
    agreed = replace(hoa, consent_at=shop.clock())
    assert await shop.desk.store.revise([(hoa, agreed)])
    owner = await shop.sign_in("Lan")
    pages = [f"/customers/{hoa.id}", "/settings"]
    stamps = [re.search(r'name="seen" value="(\w+)"', (await owner.get(page)).text)[1] for page in pages]
    assert await shop.desk.store.revise([(agreed, hoa)])  # they want no more offers
    await shop.change_business(weekly=0)
    for page, stamp in zip(pages, stamps, strict=True):
        assert (await owner.post(page, data={"seen": stamp, "name": "Hoa", "language": "en", "consent": "on"})).status_code == 409
    assert (await shop.desk.store.customer(shop.business.id, hoa.id)).consent_at is None
    assert (await shop.desk.store.businesses())[0].weekly == 0


async def test_who_is_ticked_in_the_list_is_written_to_and_nobody_ticked_is_not_everybody(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    card, other = await shop.join("Hằng"), await shop.join("Tú")
    person = await who(shop, card)
    ticks = re.findall(r'form="pick" name="customers" value="([^"]+)"', (await manager.get("/customers")).text)
    assert {person.customer.id, (await who(shop, other)).customer.id} == {UUID(one) for one in ticks}
    page = (await manager.post("/campaigns/picked", data={"customers": [str(person.customer.id)]})).text
    assert card["number"] in page
    assert other["number"] not in page
    answer = await manager.post("/campaigns/picked", data={})
    assert (answer.status_code, "Nobody is ticked" in (await manager.get(answer.headers["location"])).text) == (303, True)
    cards = [await shop.join(f"Guest {n}") for n in range(55)]
    many = [str(one.customer.id) for one in await shop.desk.store.people(shop.business.id, limit=100)]
    page = (await manager.post("/campaigns/picked", data={"customers": many})).text
    assert all(one["number"] in page for one in cards), "more than one page of the list"
    assert f'value="{person.customer.id}"' in (await manager.get(f"/customers/{person.customer.id}")).text
