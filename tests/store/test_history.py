"""The history of presentations, what the days count, and customers by name, against a naive model in Python."""

import asyncio
import importlib
import random
from collections import Counter as Tallied
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.db import history, sought
from app.db.engines import engine_of
from app.desk import counting
from app.store import Change, Count, Filter, Lost, Past, Place, Staff, Store, Unit
from app.world import new_id
from passes import codes, coupons
from passes.businesses import Location, Person
from passes.cards import Card, Customer
from passes.coupons import Coupon, Redemption, Refusal, Reversal
from passes.offers import FreeItem, Offer
from passes.words import text

NAMES = ("Nguyễn Thị Đào", "Nguyễn Văn An", "Trần Ánh", "Lê Ý", "Anne-Marie O’Brien", "王伟", "Straße 50%", "An")
MINUTE = timedelta(minutes=1)


class Street(Cafe):
    """A café where a lot has happened, and a record of it."""

    def __init__(self, store: Store, seed: int) -> None:
        super().__init__(store)
        self.dice = random.Random(seed)
        self.told: list[Past] = []
        self.coupons: list[Coupon] = []
        self.counted: Tallied[tuple[Any, ...]] = Tallied()
        self.customers: dict[UUID, Customer] = {}
        cake = text(en="Cake of the day", vi="Bánh ngọt")
        self.offer = replace(self.offer, title=text(en="Coffee", vi="Cà phê sữa đá"), prefix="COFFEE")
        self.cake = Offer(id=new_id(), business_id=self.business.id, title=cake, benefit=FreeItem(item=cake), action=cake)
        self.places = (self.location, Location(id=new_id(), business_id=self.business.id, name="Thảo Điền"))
        self.people = (self.an, Staff(id=new_id(), business_id=self.business.id, name="Bình", role="manager"))
        self.tills = (self.key.id, new_id())
        self.holds: dict[UUID, Redemption] = {}

    async def busy(self, steps: int) -> "Street":
        await self.open()
        await self.commit(self.cake, self.places[1], self.people[1])
        cards = []
        for name in NAMES:
            customer = Customer(id=new_id(), business_id=self.business.id, name=name, phone="+84 90 123-45-67", joined_at=NOON)
            self.customers[customer.id] = customer
            card = await self.card_of(customer)
            cards.append(card)
        await self.act(steps, cards)
        return self

    async def card_of(self, customer: Customer, **given: Any) -> Card:
        card = Card(
            id=new_id(),
            business_id=self.business.id,
            program_id=self.program.id,
            customer_id=customer.id,
            number=new_id().hex,
            serial=new_id().hex,
            token=new_id().hex,
            key=new_id().hex,
            joined_at=NOON,
            changed_at=NOON,
            **given,
        )
        await self.make((customer, card), counting.joined(card, self.business.tz))
        self.count("joined", card.joined_at)
        return card

    async def act(self, steps: int, cards: Sequence[Card]) -> None:
        dice = self.dice
        for _ in range(steps):
            at = NOON + MINUTE * 60 * dice.randrange(200)  # on the hour: ties in time are common
            person = Person(
                staff_id=(who := dice.choice(self.people)).id,
                staff=who.name,
                role=who.role,
                location_id=(where := dice.choice(self.places)).id,
                location=where.name,
                counter_id=dice.choice(self.tills),
            )
            match dice.choice(("issue", "redeem", "redeem", "goodwill", "reverse", "refuse", "refuse unknown")):
                case "issue":
                    await self.issue(dice.choice([*cards, None]), at)
                case "redeem" if active := [one for one in self.coupons if one.id not in self.holds]:
                    await self.use("redemption", dice.choice(active), person, at)
                case "goodwill" if active := [one for one in self.coupons if one.id not in self.holds]:
                    await self.use("goodwill", dice.choice(active), person, at)
                case "reverse" if self.holds:
                    await self.take_back(self.holds[dice.choice(list(self.holds))], person)
                case "refuse" if self.coupons:
                    await self.refuse(dice.choice(self.coupons), person, at)
                case _:
                    await self.refuse(None, person, at)

    async def issue(self, card: Card | None, at: datetime) -> None:
        offer = self.dice.choice((self.offer, self.cake))
        code = codes.mint(self.dice.choice)
        coupon = coupons.issue(
            offer,
            coupon_id=new_id(),
            code=code,
            now=at - timedelta(days=self.dice.randrange(40)),
            zone=self.business.tz,
            card_id=card.id if card else None,
            customer_id=card.customer_id if card else None,
        )
        await self.make((coupon,), counting.issued((coupon,), self.business.tz))
        self.coupons.append(coupon)
        self.count("issued", coupon.issued_at, offer=coupon.offer_id)

    async def use(self, kind: Any, coupon: Coupon, person: Person, at: datetime) -> None:
        made = coupons._redemption(kind, coupon, person=person, channel="camera", now=at, redemption_id=new_id(), reason="kind")
        turn = Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "redeemed", "redemption_id": made.id})
        await self.make((made,), counting.redeemed(made, coupon, self.business.tz), turn)
        lost = replace(made, id=new_id())  # somebody was first: nothing of this is, and nothing is counted
        with pytest.raises(Lost):
            await self.make((lost,), counting.redeemed(lost, coupon, self.business.tz), turn)
        self.holds[coupon.id] = made
        offer = self.offer if coupon.offer_id == self.offer.id else self.cake
        self.told.append(
            self.past(made, coupon, person, "redeemed" if kind == "redemption" else "goodwill", prefix=offer.prefix, title=offer.title)
        )
        self.count_use(made, coupon, 1)

    def count_use(self, made: Redemption, coupon: Coupon, n: int) -> None:
        local = made.at.astimezone(self.business.tz)
        if made.kind == "goodwill":
            self.count("goodwill", made.at, n=n, location=made.location_id, staff=made.staff_id)
            return
        which = {"location": made.location_id, "offer": coupon.offer_id, "staff": made.staff_id, "hour": local.weekday() * 24 + local.hour}
        self.count("redeemed", made.at, n=n, **which)
        self.count("used", coupon.issued_at, n=n, offer=coupon.offer_id)

    async def take_back(self, made: Redemption, person: Person) -> None:
        coupon = next(one for one in self.coupons if one.id == made.coupon_id)
        at = made.at + MINUTE * self.dice.randrange(5000)
        reversal = Reversal(
            id=new_id(),
            business_id=self.business.id,
            redemption_id=made.id,
            coupon_id=coupon.id,
            at=at,
            location_id=person.location_id,
            staff_id=person.staff_id,
            counter_id=person.counter_id,
            reason="a mistake",
            redeemed_at=made.at,
        )
        turn = Change(of=Coupon, id=coupon.id, seen={"redemption_id": made.id}, to={"state": "active", "redemption_id": None})
        await self.make((reversal,), counting.redeemed(made, coupon, self.business.tz, n=-1), turn)
        del self.holds[coupon.id]
        self.told = [replace(one, status="reversed", reason="a mistake", reversed_at=at) if one.id == made.id else one for one in self.told]
        self.count_use(made, coupon, -1)

    async def refuse(self, coupon: Coupon | None, person: Person, at: datetime) -> None:
        refusal = Refusal(
            id=new_id(),
            business_id=self.business.id,
            presented="K7Q-M4X RT" if coupon is None else codes.group(coupon.code).lower(),
            coupon_id=coupon.id if coupon else None,
            word="voided" if coupon else "unknown_code",
            at=at,
            location_id=person.location_id,
            staff_id=person.staff_id,
            counter_id=person.counter_id,
            channel="typed",
            offer_id=coupon.offer_id if coupon else None,
            customer_id=coupon.customer_id if coupon else None,
        )
        await self.make((refusal,), counting.refused(refusal, self.business.tz))
        offer = coupon and (self.offer if coupon.offer_id == self.offer.id else self.cake)
        facts = {"prefix": offer.prefix, "title": offer.title} if offer else {}
        self.told.append(self.past(refusal, coupon, person, "refused", **facts))
        self.count("refused", at, staff=person.staff_id)

    def past(self, record: Any, coupon: Coupon | None, person: Person, status: Any, **facts: Any) -> Past:
        return Past(
            id=record.id,
            status=status,
            at=record.at,
            code=coupon.code if coupon else "",
            presented=getattr(record, "presented", ""),
            coupon_id=record.coupon_id,
            card_id=coupon.card_id if coupon else None,
            offer_id=coupon.offer_id if coupon else None,
            customer=self.customers[coupon.customer_id].name if coupon and coupon.customer_id else "",
            location_id=person.location_id,
            location=person.location,
            staff_id=person.staff_id,
            staff=person.staff,
            counter_id=person.counter_id,
            channel=record.channel,
            word=getattr(record, "word", ""),
            reason=getattr(record, "reason", ""),
            **facts,
        )

    async def make(self, rows: Any, counts: tuple[Count, ...], *changes: Change) -> None:
        await self.store.commit(Unit(at=NOON, due_at=NOON, rows=rows, counts=counts, changes=changes))

    def count(self, kind: str, at: datetime, *, n: int = 1, **which: object) -> None:
        day = at.astimezone(self.business.tz).date()
        for by, value in {"all": "", **which}.items():
            self.counted[kind, by, str(value), day] += n

    def model(self, wanted: Filter) -> list[Past]:
        """What the history must be, by asking everything of everything."""

        def fits(one: Past) -> bool:
            return (
                (not wanted.statuses or one.status in wanted.statuses)
                and (not wanted.locations or one.location_id in wanted.locations)
                and (not wanted.staff or one.staff_id in wanted.staff)
                and (not wanted.offers or one.offer_id in wanted.offers)
                and (not wanted.counters or one.counter_id in wanted.counters)
                and (wanted.since is None or one.at >= wanted.since)
                and (wanted.until is None or one.at < wanted.until)
                and (not wanted.text or self.says(one, wanted.text))
            )

        return sorted(filter(fits, self.told), key=lambda one: (one.at, one.id), reverse=True)

    def says(self, one: Past, wanted: str) -> bool:
        part, code = sought.fold(wanted), sought.code(wanted)
        words = f" {sought.fold(one.customer)}"
        named = (part in words) if len(part) > 2 else len(part) == 2 and f" {part}" in words
        titled = one.title is not None and len(part) > 1 and any(part in sought.fold(title) for _, title in one.title.by)
        prefixed = bool(one.prefix) and (
            sought.fold(one.prefix) == part or (len(code) > 7 and f"{sought.code(one.prefix)}{one.code}".startswith(code))
        )
        coded = len(code) > 1 and (one.code.startswith(code) or (not one.code and sought.code(one.presented).startswith(code)))
        return named or titled or prefixed or coded


def filters(street: Street) -> list[Filter]:
    one, two = street.places
    every = [
        Filter(),
        Filter(locations=(one.id,)),
        Filter(locations=(one.id, two.id), statuses=("redeemed",)),
        Filter(staff=(street.an.id,), offers=(street.cake.id,)),
        Filter(offers=(street.cake.id, street.offer.id)),
        Filter(counters=(street.tills[1],), locations=(two.id,)),
        Filter(since=NOON + 3000 * MINUTE, until=NOON + 9000 * MINUTE),
        Filter(staff=(new_id(),)),
    ]
    statuses: list[Any] = ["redeemed", "reversed", "goodwill", "refused"]
    for some in range(1, 16):
        chosen = tuple(status for number, status in enumerate(statuses) if some >> number & 1)
        every += [
            Filter(statuses=chosen),
            Filter(statuses=chosen, staff=tuple(who.id for who in street.people), until=NOON + 9000 * MINUTE),
        ]
    return every


def texts(street: Street) -> list[str]:
    code = next(one.code for one in street.coupons)
    sloppy = code[:5].lower().replace("0", "o").replace("1", "l")
    return [
        *(code[:2], f"{code[:3]}-{code[3:6]}-{code[6:]}", sloppy, f"COFFEE-{code[:4]}", f"coffee {code}"),
        *("nguyen", "Nguyễn", "DAO", "nguyen thi  đào", "an", "An", "o'brien", "brien", "王伟", "strasse 50", "ban", "y"),
        *("cà phê", "sua da", "cake", "coffee", "k7q", "K7Q-M4X", "nobody at all", "%", "50%", "_", "\\", '"', "a'b\"c", "a" * 300),
    ]


async def whole(street: Street, wanted: Filter, limit: int) -> list[Past]:
    found: list[Past] = []
    after: Place | None = None
    while page := await street.store.past(street.business.id, wanted, after=after, limit=limit):
        found += page
        after = Place(page[-1].at, page[-1].id)
    return found


async def test_the_history_is_what_a_naive_reader_finds(store: Store) -> None:
    street, other = await Street(store, 1).busy(220), await Street(store, 2).busy(40)
    for wanted in filters(street):
        assert await whole(street, wanted, 7) == street.model(wanted), wanted
        assert await store.past(street.business.id, wanted, limit=500) == street.model(wanted), wanted
    assert await store.past(other.business.id, Filter(), limit=500) == other.model(Filter())
    assert await store.past(other.business.id, Filter(staff=(street.an.id,))) == []


async def test_a_text_finds_codes_customers_and_offers(store: Store) -> None:
    street = await Street(store, 3).busy(220)
    await Street(store, 3).busy(60)  # the same names next door
    for one in texts(street):
        for wanted in (Filter(text=one), Filter(text=one, statuses=("redeemed", "refused"), staff=(street.an.id, street.people[1].id))):
            assert await store.past(street.business.id, wanted, limit=500) == street.model(wanted), wanted
            assert await whole(street, wanted, 5) == street.model(wanted), wanted
    assert len(street.model(Filter(text="nguyen"))) > 10


async def test_a_name_is_found_whether_many_or_few_have_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    street = await Street(store, 4).busy(200)
    for walks in ((1, 2), (5, 20), (30, 100)):
        monkeypatch.setattr(history, "WALKS", walks)
        for one in ("nguyen", "王伟", "an", "nobody"):
            for wanted in (Filter(text=one), Filter(text=one, locations=tuple(place.id for place in street.places))):
                assert await whole(street, wanted, 4) == street.model(wanted), (walks, wanted)


async def test_a_page_goes_on_where_it_ended_while_new_presentations_arrive(store: Store) -> None:
    street = await Street(store, 5).busy(120)
    before = street.model(Filter())
    first = await store.past(street.business.id, Filter(), limit=10)
    found = [*first]
    while page := await store.past(street.business.id, Filter(), after=Place(found[-1].at, found[-1].id), limit=10):
        found += page
        person = Person(
            staff_id=street.an.id, staff="An", role="cashier", location_id=street.location.id, location="Bến Thành", counter_id=new_id()
        )
        await street.refuse(None, person, NOON + timedelta(days=30))
    assert found == before


async def test_every_day_is_counted_as_its_rows_say(store: Store) -> None:
    street, _ = await Street(store, 6).busy(250), await Street(store, 7).busy(30)
    expected = {key: n for key, n in street.counted.items() if n}
    found = await store.counted(street.business.id, since=date.min, until=date.max)
    assert {(one.kind, one.by, one.which, one.day): one.n for one in found} == expected
    day = NOON.date()
    some = await store.counted(street.business.id, since=day, until=day + timedelta(days=2), by=("all", "hour"))
    assert [one for one in found if one.by in {"all", "hour"} and 0 <= (one.day - day).days <= 2] == some
    assert any(one.by == "hour" for one in some)


async def test_counts_of_a_crowd_add_up(store: Store) -> None:
    street = await Street(store, 8).open()
    issued = [await street.coupon() for _ in range(40)]
    person = Person(staff_id=street.an.id, staff="An", role="cashier", location_id=street.location.id, location="", counter_id=new_id())

    async def redeem(coupon: Coupon) -> bool:
        made = coupons._redemption("redemption", coupon, person=person, channel="api", now=NOON, redemption_id=new_id())
        turn = Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "redeemed", "redemption_id": made.id})
        try:
            await street.make((made,), counting.redeemed(made, coupon, street.business.tz), turn)
        except Lost:
            return False
        return True

    assert sum(await asyncio.gather(*(redeem(coupon) for coupon in issued * 3))) == 40
    found = await store.counted(street.business.id, since=NOON.date(), until=NOON.date())
    assert {(one.kind, one.by): one.n for one in found} == {
        ("redeemed", "all"): 40,
        ("redeemed", "location"): 40,
        ("redeemed", "offer"): 40,
        ("redeemed", "staff"): 40,
        ("redeemed", "hour"): 40,
        ("used", "all"): 40,
        ("used", "offer"): 40,
    }


async def test_what_was_there_before_is_counted_and_found_when_the_tables_are_brought_up(database_url: str, store: Store) -> None:
    street = await Street(store, 9).busy(150)
    counted = await store.counted(street.business.id, since=date.min, until=date.max)
    engine = engine_of(database_url)
    migration: Any = importlib.import_module("app.db.migrations.counterpass_2026_11_22t03_41_25_000000")
    for statement in (
        "DELETE FROM day_count",
        "UPDATE customer SET sought = ''",
        "UPDATE refusal SET sought = '', offer_id = NULL, customer_id = NULL",
        "UPDATE redemption SET offer_id = NULL, customer_id = NULL",
        "UPDATE reversal SET redeemed_at = NULL",
        *migration.FILL,
    ):
        await engine.run_ddl(statement)
    await migration.fill(engine)
    await importlib.import_module("app.db.migrations.counterpass_2026_11_22t07_12_00_000000").fill(engine)
    await engine.close()
    assert await store.counted(street.business.id, since=date.min, until=date.max) == counted
    for wanted in (*filters(street), *(Filter(text=one) for one in texts(street))):
        assert await store.past(street.business.id, wanted, limit=500) == street.model(wanted), wanted


async def test_active_coupons_are_those_that_are_not_over(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    second = timedelta(seconds=1)
    for expires_at in (None, NOON, NOON - second, NOON + MINUTE, NOON - MINUTE, NOON - 2 * MINUTE):
        await one.coupon(expires_at=expires_at)
    await one.coupon(state="redeemed", expires_at=NOON)
    await one.coupon(state="voided")
    assert await store.active_coupons(one.business.id, now=NOON, expired_since=NOON - MINUTE) == (3, 2)
    assert await store.active_coupons(one.business.id, now=NOON + second, expired_since=NOON) == (2, 2)
    assert await store.active_coupons(other.business.id, now=NOON, expired_since=NOON - MINUTE) == (0, 0)


async def test_cards_are_found_by_part_of_a_name_or_of_a_phone(store: Store) -> None:
    one, other = await Street(store, 10).open(), await Street(store, 11).open()
    cards = {}
    for name, phone in (("Nguyễn Thị Đào", "+84 90 123 45 67"), ("Trần Văn Nguyên", "0283 822 4411"), ("Đào Ánh", ""), ("Lê An", "")):
        customer = Customer(id=new_id(), business_id=one.business.id, name=name, phone=phone, joined_at=NOON)
        cards[name] = (await one.card_of(customer), customer)
    gone = Customer(id=new_id(), business_id=one.business.id, name="Nguyễn Gone", joined_at=NOON)
    await one.card_of(gone, left_at=NOON)
    await other.card_of(Customer(id=new_id(), business_id=other.business.id, name="Nguyễn Next-Door", joined_at=NOON))

    async def names(wanted: str, **more: Any) -> list[str]:
        found = await store.find_cards(one.business.id, wanted, **more)
        assert all(cards[customer.name][0].id == card.id and cards[customer.name][1] == customer for card, customer in found)
        return [customer.name for _, customer in found]

    assert await names("nguyen") == ["Nguyễn Thị Đào", "Trần Văn Nguyên"]
    assert await names("đao") == await names("DAO") == ["Đào Ánh", "Nguyễn Thị Đào"]
    assert await names("nguyen", limit=1) == ["Nguyễn Thị Đào"]
    assert await names("0901-234") == await names("123 45") == ["Nguyễn Thị Đào"]
    assert await names("8224") == ["Trần Văn Nguyên"]
    assert await names("an") == await names("84") == await names("%") == await names("") == await names("next-door") == []


async def test_all_offers_are_those_of_the_business_by_age(store: Store) -> None:
    street, other = await Street(store, 12).busy(0), await Cafe(store).open()
    assert await store.all_offers(street.business.id) == [street.offer, street.cake]
    assert await store.all_offers(other.business.id) == [other.offer]
