"""Ready examples of programs, to begin with and to change later."""

from collections.abc import Mapping

from app.desk.found import offer_program
from app.store import Store
from app.world import World
from passes.businesses import Business
from passes.offers import Days, FreeItem, Months, Offer
from passes.programs import ByVisit, Goal, Program
from passes.words import Text, text


async def cafe(store: Store, world: World, business: Business) -> Business:
    """Ten stamps: a cookie at five, a free coffee at ten."""
    cookie = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=text(en="Free cookie", vi="Bánh quy miễn phí"),
        benefit=FreeItem(item=text(en="Cookie", vi="Bánh quy")),
        action=text(en="Press FREE COOKIE", vi="Bấm BÁNH QUY MIỄN PHÍ"),
        validity=Days(days=30),
    )
    coffee = Offer(
        id=world.new_id(),
        business_id=business.id,
        title=text(en="Free coffee", vi="Cà phê miễn phí"),
        benefit=FreeItem(item=text(en="Any coffee", vi="Một ly cà phê tuỳ chọn")),
        action=text(en="Press FREE COFFEE", vi="Bấm CÀ PHÊ MIỄN PHÍ"),
        validity=Months(months=3),
    )
    program = Program(
        id=world.new_id(),
        business_id=business.id,
        name=text(en="Coffee card", vi="Thẻ cà phê"),
        unit="stamps",
        earning=ByVisit(),
        goals=(Goal(5, cookie.id), Goal(10, coffee.id)),
        terms=text(
            en="One stamp per drink. A cookie at five stamps, a coffee at ten. Rewards are not exchanged for cash.",
            vi="Mỗi ly một dấu. Đủ năm dấu tặng bánh quy, đủ mười dấu tặng cà phê. Phần thưởng không quy đổi thành tiền mặt.",
        ),
    )
    return await offer_program(store, world, business, program, (cookie, coffee))


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
