"""A café for the rules: people, places, offers, coupons and cards as they stand on an ordinary Friday noon in Saigon."""

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from app.languages import load
from passes import codes
from passes.businesses import Business, Location, Person
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Presented, Redemption, Used, redeemed
from passes.offers import FreeItem, Offer
from passes.problems import Problem
from passes.programs import ByVisit, Goal, Program
from passes.words import text

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # a Friday, 12:00 in Saigon
SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
WORDS = load(Path(__file__).parents[2] / "templates/locale")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_numbers = itertools.count(1)
_chance = random.Random(7)


T = TypeVar("T")


def outcome(ask: Callable[..., T], *given: Any, **named: Any) -> T | Problem:
    """What comes of asking: an answer, or the refusal as a value. Every refusal can be said in every language."""
    try:
        return ask(*given, **named)
    except Problem as problem:
        refusal = problem
    for language in WORDS.languages:
        assert refusal.detail(WORDS, language, str)
        assert bool(refusal.words_for_the_customer(WORDS, language, str)) == bool(refusal.say)
    return refusal


def an_id() -> UUID:
    return UUID(int=next(_numbers))


def a_code() -> str:
    return codes.mint(_chance.choice)


HERE = an_id()
CAFE = Business(id=an_id(), name="Cà Phê Sáng", zone="Asia/Ho_Chi_Minh", currency="VND", languages=("vi", "en"), contact="028 1234 5678")
BEN_THANH = Location(id=HERE, business_id=CAFE.id, name="Bến Thành")
THAO_DIEN = Location(id=an_id(), business_id=CAFE.id, name="Thảo Điền")


def person(name: str = "An", role: Any = "cashier", place: Location = BEN_THANH, counter: UUID = HERE) -> Person:
    return Person(staff_id=_staff(name), staff=name, role=role, location_id=place.id, location=place.name, counter_id=counter)


_people: dict[str, UUID] = {}


def _staff(name: str) -> UUID:
    return _people.setdefault(name, an_id())


AN, BINH = person("An"), person("Bình")
MINH, LAN = person("Minh", "manager"), person("Lan", "owner")


def offer(**given: Any) -> Offer:
    title = text(en="Free coffee", vi="Cà phê miễn phí")
    usual = {"id": an_id(), "business_id": CAFE.id, "title": title, "benefit": FreeItem(title), "action": text(en="press FREE COFFEE")}
    return Offer(**{**usual, **given})


def coupon(of: Offer | None = None, **given: Any) -> Coupon:
    usual = {
        "id": an_id(),
        "business_id": CAFE.id,
        "offer_id": of.id if of else an_id(),
        "card_id": None,
        "customer_id": None,
        "code": a_code(),
        "issued_at": NOON,
    }
    return Coupon(**{**usual, **given})


def redemption(of: Coupon, by: Person = AN, at: datetime = NOON, **given: Any) -> Redemption:
    usual = {
        "id": an_id(),
        "business_id": of.business_id,
        "coupon_id": of.id,
        "card_id": of.card_id,
        "kind": "redemption",
        "at": at,
        "location_id": by.location_id,
        "staff_id": by.staff_id,
        "counter_id": by.counter_id,
        "channel": "typed",
        "offer_id": of.offer_id,
        "customer_id": of.customer_id,
    }
    return Redemption(**{**usual, **given})


def presented(of: Coupon | None = None, under: Offer | None = None, **given: Any) -> Presented:
    under = under or offer()
    return Presented(coupon=of or coupon(under), offer=under, **given)


def used_up(by: Person = AN, at: datetime = NOON) -> tuple[Presented, Redemption]:
    """A coupon that was redeemed, and the redemption that holds."""
    under = offer()
    before = coupon(under)
    record = redemption(before, by, at)
    used = Used(redemption=record, location=by.location, staff=by.staff)
    return Presented(coupon=redeemed(before, record), offer=under, used=used), record


def program(*goals: tuple[int, Offer], **given: Any) -> Program:
    reached = tuple(Goal(at=at, offer_id=of.id) for at, of in goals or ((10, offer()),))
    usual = {"id": an_id(), "business_id": CAFE.id, "name": text(en="Coffee card", vi="Thẻ cà phê"), "unit": "stamps", "goals": reached}
    return Program(**{**usual, "earning": ByVisit(), **given})


def customer(name: str = "Hoa", **given: Any) -> Customer:
    return Customer(**{"id": an_id(), "business_id": CAFE.id, "name": name, "language": "vi", "joined_at": NOON, **given})


def card(of: Customer | None = None, **given: Any) -> Card:
    usual = {
        "id": an_id(),
        "business_id": CAFE.id,
        "program_id": an_id(),
        "customer_id": of.id if of else an_id(),
        "number": codes.mint_number(_chance.choice),
        "serial": f"serial-{next(_numbers)}",
        "token": f"token-{next(_numbers)}",
        "key": f"key-{next(_numbers)}",
        "joined_at": NOON,
        "changed_at": NOON,
    }
    return Card(**{**usual, **given})


def event(kind: Any, of: Card, at: datetime = NOON, **given: Any) -> Event:
    usual = {"id": an_id(), "business_id": CAFE.id, "card_id": of.id, "customer_id": of.customer_id, "kind": kind, "at": at}
    return Event(**{**usual, **given})
