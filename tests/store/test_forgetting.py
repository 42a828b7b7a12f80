"""Erased means erased: after a whole life, nothing in the database names the person, and every number is as it was."""

import sqlite3
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec
from msgspec.structs import replace
from shop import Shop, open_shop

from app import history
from app.desk import forgetting, imports
from app.store import Errand, Portion, Reservation, Sale, Sent, Store
from passes.campaigns import Campaign
from passes.cards import Event
from passes.words import text

NAME, OTHER = "Quỳnh Hương Đặng", "Bé Na Quỳnh"
EMAIL, SECOND = "quynh.huong@example.com", "be.na@example.org"
PHONE = "0987 654 321"


def spelt(word: str) -> set[str]:
    """The ways in which it may be written somewhere."""
    plain = unicodedata.normalize("NFD", word.casefold()).translate({ord("đ"): "d"})
    ascii_ = "".join(char for char in plain if not unicodedata.combining(char))
    return {word, word.casefold(), unicodedata.normalize("NFD", word), unicodedata.normalize("NFD", word.casefold()), ascii_}


NEEDLES = {way for word in (NAME, OTHER, EMAIL, SECOND, PHONE, "0987654321", "84987654321") for way in spelt(word)}


async def everything(url: str) -> list[tuple[str, str]]:
    """Every value of every table, as text, with where it stands."""
    rows: dict[str, Sequence[Sequence[object]]] = {}
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows |= {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    else:
        server = await asyncpg.connect(url)
        for (name,) in await server.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            rows[name] = await server.fetch(f"SELECT * FROM {name}")
        await server.close()
    return [
        (name, value.decode("latin-1") if isinstance(value, bytes) else str(value)) for name in rows for row in rows[name] for value in row
    ]


async def named(url: str) -> list[str]:
    """Where somebody is named still. Bytes were read one by one, so that a name in them is looked for in its bytes."""
    found = []
    for where, value in await everything(url):
        low = value.casefold()
        if any(needle.casefold() in low or needle.encode().decode("latin-1").casefold() in low for needle in NEEDLES):
            found.append(where)
    return found


def brought(like: Errand) -> tuple[Errand, Portion]:
    """A file of codes was brought, and on a line that is none stood a customer, as people have it in their tables."""
    line = imports.Line(2, "", why="unreadable", text=f"{NAME};{EMAIL}")
    file = imports.Brought(offer_id=uuid4(), layout=imports.Layout(), sheets=1, first=(line,), bad={})
    came = msgspec.json.encode(imports.SoFar(sheet=1, lines=(line,))).decode()
    errand = replace(like, id=uuid4(), kind="import", body=msgspec.json.encode(file).decode())
    mine = {"business_id": like.business_id, "errand_id": errand.id, "at": like.made_at}
    return errand, Portion(id=uuid4(), number=1, after=came, done=0, failed=1, last=True, **mine)


async def lived(shop: Shop) -> str:
    """A whole life: the customer's id."""
    store, minh = shop.desk.store, await shop.sign_in("Minh")
    card = await shop.join(NAME, email=EMAIL, phone=PHONE)
    twin = await shop.join(OTHER, email=SECOND)
    await shop.stamp(twin, 2)
    stamped = await shop.post(f"cards/{card['id']}/earnings", {"count": 5}, key=f"{EMAIL}/1")  # as a till may call what it does
    earned = stamped.json()["earned"][0]
    code, coupon_id = earned["code"], UUID(earned["id"])
    used = (await shop.redeem(code)).json()["redemption"]["id"]
    await shop.post(f"redemptions/{used}/reversal", {"reason": f"{NAME} wanted another one"}, who="Minh")
    await shop.redeem(code)
    assert (await shop.post("till", {"action": "redeem", "transaction_id": f"{PHONE}/2", "codes": [code]})).status_code == 200
    assert (await shop.redeem(PHONE)).status_code == 404  # typed into the wrong field
    facts = await store.card_facts(business_id=shop.business.id, number=card["number"])
    other = await store.card_facts(business_id=shop.business.id, number=twin["number"])
    assert facts
    assert other
    page = f"/customers/{facts.customer.id}"
    await minh.post(f"{page}/note", data={"note": f"{NAME} likes it sweet"})
    form = {"way": "more", "amount": "1", "reason": f"{NAME} had none", "nonce": "n"}
    assert (await minh.post(f"{page}/cards/{facts.card.id}/correction", data=form)).status_code == 303
    business, at = {"business_id": shop.business.id}, shop.clock()
    mine = dict(business)
    campaign = Campaign(
        id=uuid4(), name="Tết", message=text(en=f"Hello {{name}}, greet {NAME.upper()}!"), made_at=at, made_by=shop.staff["Minh"].id, **mine
    )
    mine |= {"card_id": facts.card.id, "customer_id": facts.customer.id, "campaign_id": campaign.id, "at": at}
    sent = Sent(id=uuid4(), occasion="once", mail="due", mail_at=at, **mine)
    message = Event(id=uuid4(), kind="message", reason=f"for {OTHER}", **mine)
    await shop.desk.commit(at, rows=(campaign, sent, message))
    for number, rule in enumerate((NAME.lower(), SECOND, PHONE)):
        assert (await minh.post("/segments", data={"name": f"One {number}", "text": rule})).status_code == 303
    said = {"name": "To one", "message.en": "Hello", "message.vi": "Chào", "text": EMAIL}
    assert (await minh.post("/campaigns", data=said)).status_code == 303
    segment = (await store.segments(shop.business.id))[0].id
    many = {"id": str(uuid4()), "offer_id": str(shop.offers["coffee"].id), "whom": f"segment:{segment}", "sure": "true"}
    assert (await minh.post("/coupons/many", data=many)).status_code == 303
    body = msgspec.json.encode({"type": "void", "batch_id": uuid4(), "reason": f"{NAME} copied them"}).decode()
    errand = Errand(id=uuid4(), kind="issue", body=body, made_by=shop.staff["Minh"].id, made_at=at, total=0, due_at=at, **business)
    by = {"location_id": shop.locations["Bến Thành"].id, "staff_id": shop.staff["Minh"].id, "key_id": uuid4()}
    sale = Sale(id=uuid4(), at=at, receipt=f"for {NAME}", reference=f"bill of {EMAIL}", card_id=facts.card.id, **by, **business)
    others = [replace(sale, id=uuid4(), reference=f"0987654321-{number}", card_id=None) for number in range(2)]  # as a till may number them
    held = [
        Reservation(id=uuid4(), at=at, until=at, coupon_ids=ones, receipt=f"{word} takes them along", **by, **business)
        for ones, word in (((uuid4(),), NAME), ((coupon_id,), EMAIL))
    ]
    await shop.desk.commit(at, rows=(errand, sale, *others, *held, *brought(errand)))
    for kind in ("segments", "campaigns"):  # an owner may call them after anybody
        named_so = said | {"name": f"{NAME} and friends", "message.vi": f"Chào {NAME}", "text": "", "language": "vi"}
        assert (await minh.post(f"/{kind}", data=named_so)).status_code == 303
    assert (await minh.post(f"{page}/merge/{other.customer.id}")).status_code == 303
    assert (await minh.post(f"{page}/erase")).status_code == 422  # not without saying so
    return str(facts.customer.id)


async def numbers(shop: Shop) -> tuple[object, object, object]:
    """The three numbers, the days' counts, and how many rows there are of what happened."""
    today = shop.clock().astimezone(shop.business.tz).date()
    now = await history.numbers(shop.desk, shop.business, history.period("week", today=today))
    counts = await shop.desk.store.counted(shop.business.id, since=today, until=today)
    past = await history.page(shop.desk, shop.business, history.Filter())
    return now, counts, [(one.id, one.status, one.offer_id) for one in past.rows]


async def ledgers(store: Store, shop: Shop) -> list[object]:
    found = []
    for card in (await store.people(shop.business.id))[0].cards:
        found += [(line.card_id, line.amount, line.balance) for line in await store.ledger(shop.business.id, card.id)]
    return found


async def test_erased_means_erased(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        who = await lived(shop)
        assert {
            "customer",
            "contact",
            "kept",
            "entry",
            "refusal",
            "reversal",
            "event",
            "segment",
            "campaign",
            "errand",
            "sale",
            "reservation",
            "portion",
        } <= set(await named(database_url))
        before, written = await numbers(shop), await ledgers(shop.desk.store, shop)
        life = await shop.desk.store.life(shop.business.id, who)
        assert life
        shop.clock.forward(minutes=1)
        minh = await shop.sign_in("Minh")
        assert (await minh.post(f"/customers/{who}/erase", data={"sure": "true"})).status_code == 303
        assert await named(database_url) == []
        again = [await shop.post(f"cards/{card.id}/earnings", {"count": 5}, key=f"{EMAIL}/1") for card in life.cards]
        assert {(one.status_code, one.headers.get("idempotent-replayed")) for one in again} == {(410, "true"), (422, None)}
        for one in await shop.desk.store.segments(shop.business.id):  # what meant them means nobody, and not everybody
            assert await shop.desk.store.segment_size(shop.business.id, one.rules, now=shop.clock(), zone=shop.business.tz) == 0
        assert await numbers(shop) == before
        entries = [line for card in life.cards for line in await shop.desk.store.ledger(shop.business.id, card.id)]
        assert {(line.card_id, line.amount, line.balance) for line in entries} >= set(written)
        for card in life.cards:
            facts = await shop.desk.store.card_facts(card_id=card.id)
            assert facts
            assert (facts.customer.name, facts.card.left_at is not None, facts.card.version > card.version) == ("", True, True)
        [(file, portion)] = await shop.desk.store.errands(shop.business.id, kind="import")
        left = (*imports.brought(file).first, *imports.so_far(portion).lines)
        assert [line.text for line in left] == ["…;…"] * 2, "that a line was bad stays"
        assert (await minh.get(f"/customers/{who}")).status_code == 404
        assert (await minh.post(f"/customers/{who}/erase", data={"sure": "true"})).status_code == 404
        assert [one.what for one in await shop.desk.store.audited(shop.business.id, what="customer.erased")] == ["customer.erased"]
        if database_url.startswith("sqlite"):  # nor in a page of the file that nothing points to any more
            path = Path(database_url.removeprefix("sqlite:///"))
            for file in path.parent.glob(f"{path.name}*"):
                content = file.read_bytes().lower()
                assert [needle for needle in NEEDLES if needle.encode().lower() in content] == [], file


async def test_a_name_that_is_also_a_word_goes_from_what_is_written_and_stays_in_what_many_are_told(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        store, minh = shop.desk.store, await shop.sign_in("Minh")
        mai, hoa = await shop.join("Mai"), await shop.join("Hoa")
        known = await store.card_facts(card_id=mai["id"])
        assert known
        corrected = {"count": 1, "reason": "Mai asked, mai too"}
        assert (await shop.post(f"cards/{hoa['id']}/corrections", corrected, who="Minh")).status_code == 201
        for name, picked in (("To Mai", mai["number"]), ("To all", "")):
            said = {"name": name, "message.en": "See you, Mai", "message.vi": "Mai gặp nhé", "picked": picked}
            assert (await minh.post("/campaigns", data=said)).status_code == 303
        await forgetting.forget(shop.desk, shop.business, known.customer.id, by=None)
        other = await store.card_facts(card_id=hoa["id"])
        assert other
        assert [event.reason for event in other.events if event.kind == "corrected"] == ["… asked, mai too"]
        alone, everybody = await store.campaigns(shop.business.id)
        assert (alone.name, alone.message) == ("To …", text(en="See you, …", vi="… gặp nhé"))
        assert (everybody.name, everybody.message) == ("To all", text(en="See you, Mai", vi="Mai gặp nhé"))


async def test_who_calls_themselves_a_free_cookie_and_is_forgotten_takes_no_word_from_others(sqlite_url: str) -> None:
    async with open_shop(sqlite_url) as shop:
        store, minh = shop.desk.store, await shop.sign_in("Minh")
        card = await shop.join("Hoa")
        bought = {"action": "accrue", "transaction_id": "T-10023", "card": card["number"], "receipt": "R-10023"}
        first = await shop.post("till", bought)
        said = {"name": "For Golden", "message.en": "Your free cookie waits", "message.vi": "Bánh quy đây", "text": ""}
        assert (await minh.post("/campaigns", data=said)).status_code == 303
        assert (await minh.post("/segments", data={"name": "One", "text": "Golden"})).status_code == 303
        before = await store.campaigns(shop.business.id), await store.segments(shop.business.id)
        for name in ("Free cookie", "Golden", "R-10023", "T-10023", "accepted"):
            who = await shop.join(name)
            await forgetting.forget(shop.desk, shop.business, UUID(who["customer_id"]), by=None)
        assert (await store.campaigns(shop.business.id), await store.segments(shop.business.id)) == before
        assert (await shop.post("till", bought)).content == first.content
        assert (await shop.post("returns", {"receipt": "R-10023"})).status_code == 201
