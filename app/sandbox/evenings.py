"""What those who run the café did after closing time in its past, so that every page of theirs has something to show."""

from collections.abc import AsyncIterator, Sequence
from datetime import time
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from app.desk import (
    Desk,
    campaigning,
    correcting,
    coupons,
    customers,
    designs,
    imports,
    issue,
    offers,
    programs,
    redeem,
    segments,
    settings,
)
from app.desk import join as joining
from app.desk.automations import Automations
from app.desk.earn import earn
from app.desk.join import Newcomer
from app.errands import Errands
from app.sandbox.past import FORGOTTEN, at_work, newcomer
from app.store import Caller, Member
from passes.campaigns import Campaign, Rules, Waiting, WinBack
from passes.cards import Card, Customer
from passes.designs import Design
from passes.offers import AddOn, Days, FreeItem, Months, Offer, PercentOff
from passes.programs import Asks
from passes.words import Text, text

POINTS: Final = Design(folder="minimal", background="#14532d", foreground="#ffffff", label="#bbf7d0", symbol="bag")
SHOPPERS: Final = 9
"""Regulars who take the beans home, on a card of points."""
SPENT: Final = (85_000, 120_000, 190_000, 260_000, 340_000)
CODES: Final = "Code;Valid until\n" + "".join(f"LUCKY-{number:03};2099-12-31\n" for number in range(1, 61)) + "LUCKY-001;\n;\n"
"""Codes of a partner, as its till writes them; one is there twice, and one line is empty."""


class Evenings:
    """One call for each evening: ``ago`` days before somebody comes to look. Lan owns the café, Thu manages it, An sells."""

    def __init__(self, *, owner: Caller, manager: Caller, cashier: Caller, program_id: UUID) -> None:
        self._lan, self._thu, self._an, self._program_id = owner, manager, cashier, program_id
        self._business_id = owner.business.id
        self._shoppers: list[str] = []
        self._campaign_offer = self._printed_batch = self._lucky_id = owner.business.id
        self._old_code = ""
        self._did = {
            29: self._house,
            28: self._birthdays,
            27: self._points_card,
            25: self._segments,
            21: self._flyers,
            18: self._partner,
            13: self._campaign,
            12: self._used_flyers,
            10: self._sorry,
            5: self._corrections,
            4: self._corrections,
            2: self._goodwill,
            1: self._notes,
        }

    async def __call__(self, desk: Desk, ago: int) -> None:
        """What was done that evening; then whatever goes on by itself."""
        self._lan, self._thu, self._an = [await at_work(desk, who) for who in (self._lan, self._thu, self._an)]
        if ago in self._did:
            await self._did[ago](desk)
        if self._shoppers:
            which = self._shoppers[ago % len(self._shoppers)]
            await earn(desk, self._an, which, count=None, amount=SPENT[ago % len(SPENT)], once=FORGOTTEN)
        await Automations(desk).step()
        while await Errands(desk).step():
            pass

    async def _member(self, desk: Desk, who: Caller) -> Member:
        """As they are now: what is configured changes."""
        (member,) = await desk.store.members(staff_id=who.person.staff_id)
        return member

    async def _cards(self, desk: Desk, limit: int) -> Sequence[tuple[Card, Customer]]:
        zone = self._lan.business.tz
        return await desk.store.segment(self._business_id, Rules(program_id=self._program_id), now=desk.world.now(), zone=zone, limit=limit)

    async def _offer(self, desk: Desk, title: Text, benefit: FreeItem | AddOn | PercentOff, action: Text, validity: Days | Months) -> Offer:
        offer = Offer(id=desk.world.new_id(), business_id=self._business_id, title=title, benefit=benefit, action=action, validity=validity)
        return await offers.make(desk, await self._member(desk, self._lan), offer)

    async def _house(self, desk: Desk) -> None:
        # Never quiet: who plays with the demo does so whenever it is day where they are.
        await settings.change(desk, await self._member(desk, self._lan), honour_days=14, quiet_from=time(), quiet_until=time())
        place = self._lan.person.location_id
        there = {"address": "1 Lê Lợi, Quận 1", "latitude": 10.7726, "longitude": 106.6981}
        await settings.change_location(desk, await self._member(desk, self._lan), place, **there)

    async def _birthdays(self, desk: Desk) -> None:
        cake = text(en="Birthday cake", vi="Bánh sinh nhật")
        action = text(en="Give a slice of cake, with a candle", vi="Tặng một miếng bánh kèm nến")
        offer = await self._offer(desk, cake, FreeItem(item=cake), action, Days(days=14))
        was = await programs.one(desk, self._business_id, self._program_id)
        asks = Asks(email="optional", birthday="optional")
        intro = text(en="A cookie at five stamps, a coffee at ten", vi="Năm dấu tặng bánh quy, mười dấu tặng cà phê")
        became = replace(was, birthday=offer.id, asks=asks, intro=intro)
        await programs.change(desk, await self._member(desk, self._lan), was, became)

    async def _points_card(self, desk: Desk) -> None:
        """A second program, for who takes the beans home; some of the customers have both cards."""
        lan = await self._member(desk, self._lan)
        begun = await programs.begin(desk, lan, "retail")
        program = replace(begun, name=text(en="Beans to take home", vi="Cà phê mang về"))
        await programs.change(desk, lan, begun, program)
        await designs.save(desk, lan.staff.id, program, POINTS)
        for number in range(SHOPPERS):
            joined = await joining.join(desk, self._an, program.id, newcomer(number * 3, desk.world.now()), once=FORGOTTEN)
            self._shoppers.append(str(joined.card.id))
            for amount in SPENT[: number % 3 + 1]:
                await earn(desk, self._an, self._shoppers[-1], count=None, amount=amount, once=FORGOTTEN)

    async def _segments(self, desk: Desk) -> None:
        lan = await self._member(desk, self._lan)
        await segments.save(desk, lan, "Not for two weeks", Rules(not_visited_for=14))
        await segments.save(desk, lan, "A reward is ready", Rules(program_id=self._program_id, waiting=True))
        await segments.save(desk, lan, "Close to a coffee", Rules(program_id=self._program_id, balance_from=8, balance_to=9))
        back = Campaign(
            id=desk.world.new_id(),
            business_id=self._business_id,
            name="We miss you",
            trigger=WinBack(after=10),
            message=text(en="We miss you, {name}: come for a coffee soon", vi="Lâu rồi không gặp {name}: ghé uống cà phê nhé"),
            state="paused",
            made_at=desk.world.now(),
            made_by=lan.staff.id,
        )
        waiting = replace(
            back,
            id=desk.world.new_id(),
            name="Your reward is waiting",
            trigger=Waiting(after=7),
            message=text(en="{name}, your reward is waiting for you", vi="{name} ơi, phần thưởng đang chờ bạn"),
        )
        for one in (back, waiting):
            await campaigning.start(desk, lan, await campaigning.make(desk, lan, one))

    async def _flyers(self, desk: Desk) -> None:
        title = text(en="Croissant for half the price", vi="Bánh sừng bò nửa giá")
        croissant = text(en="Croissant", vi="Bánh sừng bò")
        action = text(en="Croissant: take 50% off", vi="Bánh sừng bò: giảm 50%")
        offer = await self._offer(desk, title, PercentOff(percent=50, item=croissant), action, Months(months=2))
        self._printed_batch = desk.world.new_id()
        await coupons.to_print(desk, await self._member(desk, self._lan), self._printed_batch, offer.id, 40)

    async def _used_flyers(self, desk: Desk) -> None:
        for one in (await desk.store.coupons(self._business_id, batch_id=self._printed_batch, limit=40))[::5]:
            await redeem.redeem(desk, self._an, one.code, channel="camera", once=FORGOTTEN)

    async def _partner(self, desk: Desk) -> None:
        """Codes that a partner brought, and are given with a campaign."""
        title = text(en="Flowers from next door", vi="Hoa của tiệm bên cạnh")
        action = text(en="Give one flower", vi="Tặng một bông hoa")
        offer = await self._offer(desk, title, AddOn(item=text(en="One flower", vi="Một bông hoa")), action, Months(months=3))
        self._lucky_id = offer.id
        lan = await self._member(desk, self._lan)
        await imports.confirm(desk, lan, await imports.bring(desk, lan, offer.id, _file()))

    async def _campaign(self, desk: Desk) -> None:
        lan = await self._member(desk, self._lan)
        one = Campaign(
            id=desk.world.new_id(),
            business_id=self._business_id,
            name="Flowers in November",
            rules=Rules(program_id=self._program_id),
            message=text(en="A flower is waiting for you, {name}", vi="Một bông hoa đang chờ {name}"),
            offer_id=self._lucky_id,
            made_at=desk.world.now(),
            made_by=lan.staff.id,
        )
        await campaigning.send(desk, lan, await campaigning.make(desk, lan, one), at=None)

    async def _sorry(self, desk: Desk) -> None:
        """A coupon that was given because something went wrong; she came for it too late."""
        title, item = text(en="Sorry: a drink on us", vi="Xin lỗi: mời bạn một ly"), text(en="Any drink", vi="Một ly tuỳ chọn")
        offer = await self._offer(desk, title, FreeItem(item=item), text(en="Press ON THE HOUSE", vi="Bấm QUÁN MỜI"), Days(days=3))
        sau = await joining.join(desk, self._thu, self._program_id, Newcomer(name="Nguyễn Thị Sáu"), once=FORGOTTEN)
        given = await issue.issue(desk, self._thu, sau.card.id, offer.id, reason="Waited for half an hour", once=FORGOTTEN)
        self._old_code = given.coupon.code

    async def _corrections(self, desk: Desk) -> None:
        """Thu does it far more often than Lan, and Insight says so."""
        for card, _ in await self._cards(desk, 4):
            await correcting.correct(desk, self._thu, card.number, amount=1, reason="Forgotten at the till", once=FORGOTTEN)

    async def _goodwill(self, desk: Desk) -> None:
        reason = "Was on holiday"
        await redeem.honour(desk, self._thu, self._old_code, reason=reason, channel="typed", once=FORGOTTEN)
        card = next(card for card, _ in await self._cards(desk, 20) if card.balance)
        await correcting.correct(desk, self._lan, card.number, amount=-1, reason="Stamped twice", once=FORGOTTEN)

    async def _notes(self, desk: Desk) -> None:
        """Everyday changes, which the audit remembers."""
        lan = await self._member(desk, self._lan)
        for (_, customer), note in zip(await self._cards(desk, 2), ("Oat milk. Sits by the window.", "Allergic to nuts"), strict=True):
            await customers.note(desk, lan.business, self._thu.person.staff_id, customer.id, note)
        printed = (await desk.store.coupons(self._business_id, batch_id=self._printed_batch, limit=1))[0]
        await offers.set_state(desk, lan, printed.offer_id, "paused")


async def _file() -> AsyncIterator[bytes]:
    yield CODES.encode()
