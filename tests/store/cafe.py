"""A café in the database, and what becomes of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from app.store import ApiKey, ApiSecret, Change, Kept, Row, Staff, Store, Tally, Unit
from app.world import new_id
from passes.businesses import Business, Location
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Redemption
from passes.offers import FreeItem, Offer
from passes.programs import ByVisit, Goal, Program
from passes.wallets.base import Installation
from passes.words import text

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


class Cafe:
    """One business with a location, a person, a key, an offer, a program; more as it is asked for."""

    def __init__(self, store: Store, **offer: Any) -> None:
        self.store = store
        self.business = Business(id=new_id(), name="Cà Phê Sáng", zone="Asia/Ho_Chi_Minh", currency="VND")
        mine = {"business_id": self.business.id}
        self.location = Location(id=new_id(), name="Bến Thành", **mine)
        self.an = Staff(id=new_id(), name="An", role="cashier", **mine)
        self.key = ApiKey(
            id=new_id(),
            staff_id=self.an.id,
            location_id=self.location.id,
            name="An's",
            scopes="redeem earn",
            per_minute=60,
            made_by=self.an.id,
            created_at=NOON,
            **mine,
        )
        self.secret = ApiSecret(id=new_id(), key_id=self.key.id, secret_hash=new_id().bytes * 2, hint="x9Qa", made_at=NOON, **mine)
        coffee = text(en="Coffee", vi="Cà phê")
        self.offer = Offer(id=new_id(), title=coffee, benefit=FreeItem(item=coffee), action=coffee, **mine, **offer)
        self.program = Program(id=new_id(), name=coffee, unit="stamps", earning=ByVisit(), goals=(Goal(5, self.offer.id),), **mine)

    async def open(self) -> Self:
        await self.commit(self.business, self.location, self.an, self.key, self.secret, self.offer, self.program)
        return self

    async def commit(self, *rows: Row, at: datetime = NOON, touches: Sequence[Card] = ()) -> int:
        return await self.store.commit(Unit(at=at, due_at=at, rows=rows, touches=tuple(card.id for card in touches)))

    async def card(self, name: str = "Hoa") -> Card:
        customer = Customer(id=new_id(), business_id=self.business.id, name=name, joined_at=NOON)
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
        )
        await self.commit(customer, card, self.event(card, "joined"))
        return (await self.store.card_by_serial(card.serial)) or card

    async def coupon(self, card: Card | None = None, **given: Any) -> Coupon:
        coupon = Coupon(
            id=new_id(),
            business_id=self.business.id,
            offer_id=self.offer.id,
            card_id=card.id if card else None,
            customer_id=card.customer_id if card else None,
            issued_at=NOON,
            **{"code": new_id().hex, **given},
        )
        await self.commit(coupon)
        return coupon

    async def installation(self, card: Card, address: str = "phone", **given: Any) -> Installation:
        one = Installation(
            **{
                "id": new_id(),
                "business_id": self.business.id,
                "card_id": card.id,
                "wallet": "apple",
                "address": address,
                "credential": "pass.cafe",
                "push_token": "a",
                "registered_at": NOON,
                "told": card.version,
                **given,
            }
        )
        await self.store.register(one, self.event(card, "saved"))
        return one

    def event(self, card: Card | None, kind: Any, **given: Any) -> Event:
        return Event(
            id=new_id(),
            business_id=self.business.id,
            card_id=card.id if card else None,
            customer_id=card.customer_id if card else None,
            kind=kind,
            at=NOON,
            **given,
        )

    def kept(self, key: str = "key") -> Kept:
        return Kept(caller_id=self.key.id, key=key, business_id=self.business.id, digest=b"\0" * 32, status=201, body=b"\xff\0{}", at=NOON)

    def redemption(self, coupon: Coupon, **given: Any) -> Redemption:
        return Redemption(
            id=new_id(),
            business_id=self.business.id,
            coupon_id=coupon.id,
            card_id=coupon.card_id,
            kind="redemption",
            at=NOON,
            location_id=self.location.id,
            staff_id=self.an.id,
            counter_id=self.key.id,
            channel="typed",
            **given,
        )

    def redeeming(self, coupon: Coupon, *rows: Row, tallies: Sequence[Tally] = (), at: datetime = NOON) -> Unit:
        """What redeeming a coupon comes to."""
        redemption = self.redemption(coupon)
        return Unit(
            at=at,
            due_at=at + timedelta(seconds=1),
            changes=(Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "redeemed", "redemption_id": redemption.id}),),
            tallies=tuple(tallies),
            rows=(redemption, *rows),
            touches=(coupon.card_id,) if coupon.card_id else (),
        )

    def stamping(self, card: Card, *, at: datetime = NOON) -> Unit:
        """One stamp on a card that is as it was seen."""
        return Unit(
            at=at,
            due_at=at + timedelta(seconds=1),
            changes=(Change(of=Card, id=card.id, seen={"entries": card.entries}, to={"entries": card.entries + 1}),),
            rows=(self.event(card, "stamped", amount=1),),
            touches=(card.id,),
        )

    async def only(self, card: Card) -> Installation:
        (one,) = await self.store.installations(card.id)
        return one
