"""Ready examples of programs, to begin with and to change later."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal

import msgspec

from app import money
from app.desk.found import offer_program
from app.store import Store
from app.world import World
from passes.businesses import Business
from passes.offers import AddOn, AmountOff, Days, FreeItem, Months, Offer, PercentOff
from passes.programs import Asks, BySpend, ByVisit, Goal, Program
from passes.words import N_, Text, text


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A program that somebody may begin with, as a list shows it: what it is called, for whom, and what happens on its cards."""

    word: str
    name: str
    what: str
    symbol: Literal["cup", "bag", "scissors", "car", "star"]
    make: Callable[[World, Business], tuple[Program, tuple[Offer, ...]]]


def _said(business: Business, **by: str) -> Text:
    """The words in the languages of the business; in English if it speaks none of ours."""
    return text(**({language: words for language, words in by.items() if language in business.languages} or {"en": by["en"]}))


def cafe_card(world: World, business: Business) -> tuple[Program, tuple[Offer, ...]]:
    """Ten stamps: a cookie at five, a free coffee at ten."""
    said = partial(_said, business)
    cookie = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Free cookie", vi="Bánh quy miễn phí"),
        benefit=FreeItem(item=said(en="Cookie", vi="Bánh quy")),
        action=said(en="Press FREE COOKIE", vi="Bấm BÁNH QUY MIỄN PHÍ"),
        validity=Days(days=30),
    )
    coffee = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Free coffee", vi="Cà phê miễn phí"),
        benefit=FreeItem(item=said(en="Any coffee", vi="Một ly cà phê tuỳ chọn")),
        action=said(en="Press FREE COFFEE", vi="Bấm CÀ PHÊ MIỄN PHÍ"),
        validity=Months(months=3),
    )
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=said(en="Coffee card", vi="Thẻ cà phê"),
        unit="stamps",
        earning=ByVisit(),
        goals=(Goal(5, cookie.id), Goal(10, coffee.id)),
        terms=said(
            en="One stamp per drink. A cookie at five stamps, a coffee at ten. Rewards are not exchanged for cash.",
            vi="Mỗi ly một dấu. Đủ năm dấu tặng bánh quy, đủ mười dấu tặng cà phê. Phần thưởng không quy đổi thành tiền mặt.",
        ),
    )
    return program, (cookie, coffee)


def retail_points(world: World, business: Business) -> tuple[Program, tuple[Offer, ...]]:
    """A point for every so much spent; money off at 100 and at 250 points, and some for a beginning."""
    said = partial(_said, business)
    digits = money.digits(business.currency)
    step = 10**digits if digits else 10_000 if business.currency in _SMALL else 100

    def off(at: int, percent: int, days: int) -> Offer:
        amount = at * step * percent // 100
        en, vi = (money.said(amount, business.currency, language) for language in ("en", "vi"))
        return Offer(
            id=world.new_id(),
            business_id=business.id,
            title=said(en=f"{en} off", vi=f"Giảm {vi}"),
            benefit=AmountOff(amount=amount, currency=business.currency),
            action=said(en=f"Take {en} off the bill", vi=f"Trừ {vi} vào hoá đơn"),
            validity=Days(days=days),
        )

    welcome, first, second = off(20, 5, 30), off(100, 5, 90), off(250, 6, 90)
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=said(en="Points card", vi="Thẻ tích điểm"),
        unit="points",
        earning=BySpend(amount=step),
        goals=(Goal(100, first.id), Goal(250, second.id)),
        welcome=welcome.id,
        asks=Asks(email="optional"),
        terms=said(
            en="A point for every full amount spent. Points are not exchanged for cash.",
            vi="Mỗi khoản chi tiêu đủ mức được một điểm. Điểm không quy đổi thành tiền mặt.",
        ),
    )
    return program, (welcome, first, second)


_SMALL: Final = frozenset({"VND", "IDR", "KRW", "LAK", "KHR", "MMK", "UGX", "PYG", "COP", "CLP"})
"""Currencies of which a cup of coffee costs thousands."""


def salon_visits(world: World, business: Business) -> tuple[Program, tuple[Offer, ...]]:
    """Six visits: a scalp massage on top at three, half price at six, and something for the birthday."""
    said = partial(_said, business)
    massage = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Scalp massage on us", vi="Tặng massage da đầu"),
        benefit=AddOn(item=said(en="Scalp massage", vi="Massage da đầu")),
        action=said(en="Add a scalp massage, free", vi="Thêm massage da đầu, miễn phí"),
        validity=Months(months=3),
    )
    half = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Half price on your next visit", vi="Giảm nửa giá lần tới"),
        benefit=PercentOff(percent=50),
        action=said(en="Take 50% off the bill", vi="Giảm 50% hoá đơn"),
        validity=Months(months=3),
    )
    birthday = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Birthday treatment", vi="Quà sinh nhật"),
        benefit=AddOn(item=said(en="Hair treatment", vi="Ủ tóc")),
        action=said(en="Add a hair treatment, free", vi="Thêm ủ tóc, miễn phí"),
        validity=Days(days=14),
    )
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=said(en="Salon card", vi="Thẻ salon"),
        unit="stamps",
        earning=ByVisit(),
        goals=(Goal(3, massage.id), Goal(6, half.id)),
        birthday=birthday.id,
        asks=Asks(phone="optional", birthday="optional"),
        terms=said(
            en="One stamp per visit. Rewards are not exchanged for cash.",
            vi="Mỗi lần ghé một dấu. Phần thưởng không quy đổi thành tiền mặt.",
        ),
    )
    return program, (massage, half, birthday)


def car_wash(world: World, business: Business) -> tuple[Program, tuple[Offer, ...]]:
    """Eight washes: the inside at four, a whole wash at eight. What is over a full card is carried on."""
    said = partial(_said, business)
    inside = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Inside cleaned free", vi="Hút bụi nội thất miễn phí"),
        benefit=AddOn(item=said(en="Vacuuming inside", vi="Hút bụi nội thất")),
        action=said(en="Vacuum the inside, free", vi="Hút bụi nội thất, miễn phí"),
        validity=Days(days=60),
    )
    wash = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=said(en="Free wash", vi="Rửa xe miễn phí"),
        benefit=FreeItem(item=said(en="Any wash", vi="Một lần rửa xe")),
        action=said(en="Wash free of charge", vi="Rửa xe không tính tiền"),
        validity=Months(months=6),
    )
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=said(en="Wash card", vi="Thẻ rửa xe"),
        unit="stamps",
        earning=ByVisit(),
        goals=(Goal(4, inside.id), Goal(8, wash.id)),
        asks=Asks(phone="optional"),
        terms=said(
            en="One stamp per wash. Rewards are not exchanged for cash.",
            vi="Mỗi lần rửa một dấu. Phần thưởng không quy đổi thành tiền mặt.",
        ),
    )
    return program, (inside, wash)


EXAMPLES: Final = (
    Example(
        word="cafe",
        name=N_("Stamp card of a café"),
        what=N_("A stamp for each drink: a cookie at 5, a coffee at 10."),
        symbol="cup",
        make=cafe_card,
    ),
    Example(
        word="retail",
        name=N_("Points of a shop"),
        what=N_("Points for what is spent: money off at 100 and at 250, and a welcome coupon."),
        symbol="bag",
        make=retail_points,
    ),
    Example(
        word="salon",
        name=N_("Visits of a salon"),
        what=N_("A stamp for each visit: a massage on top at 3, half price at 6, a treat on the birthday."),
        symbol="scissors",
        make=salon_visits,
    ),
    Example(
        word="carwash",
        name=N_("Car wash"),
        what=N_("A stamp for each wash: the inside free at 4, a whole wash at 8."),
        symbol="car",
        make=car_wash,
    ),
)
"""The one list; ``app.desk.programs.begin`` makes a program of one."""


async def cafe(store: Store, world: World, business: Business) -> Business:
    """A café's program, begun."""
    return await offer_program(store, world, business, *cafe_card(world, business))


async def stamps(store: Store, world: World, business: Business, rewards: Mapping[int, str], *, days: int) -> Business:
    """A stamp card with these rewards (stamps: what is given, in the business's first language), each valid for ``days``."""
    language = business.languages[0]

    def said(words: str) -> Text:
        return Text(((language, words),))

    offers = {
        at: Offer(
            id=world.new_id(),
            business_id=business.id,
            title=said(reward),
            benefit=FreeItem(item=said(reward)),
            action=said(reward),
            validity=Days(days=days),
        )
        for at, reward in sorted(rewards.items())
    }
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=said(business.name),
        unit="stamps",
        earning=ByVisit(),
        goals=tuple(Goal(at, offer.id) for at, offer in offers.items()),
    )
    return await offer_program(store, world, business, program, tuple(offers.values()))
