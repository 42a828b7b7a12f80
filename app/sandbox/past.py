"""A past for a café: weeks of customers who collect and redeem, so that its pages have something to show."""

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from app.desk import Desk, join, read, redeem, reverse
from app.desk.earn import earn
from app.desk.join import Newcomer
from app.store import Caller, Kept
from passes.problems import Problem
from passes.programs import Program

FAMILIES: Final = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi")
GIVEN: Final = ("Minh Khai", "Ngọc Ánh", "Quang Vinh", "Thanh Hà", "Bảo Ngọc")
REGULARS: Final = 15
"""Of those, so many use what they earn soon; the others collect."""
RUSH: Final = (7.4, 7.9, 8.5, 9.6, 12.2, 12.6, 14.1, 16.8, 17.3, 17.9, 18.4)
"""Hours of the day at which people come: before work, at noon, after work."""
BUSY: Final = (4, 5)
"""Friday and Saturday."""
REGULAR, OTHER, REGRETTED, AGAIN = 0.75, 0.12, 0.06, 0.04
"""How likely a reward is used at once, by a regular and by anybody else; that it is taken back; that a used one is shown again."""
FIRST: Final = 18
"""Customers of the first day; each day brings two more."""
LOST, LOSES = range(REGULARS, REGULARS + 5), 9
"""Those who do not come back after so many days."""
MINUTE: Final = timedelta(minutes=1)
OPENS, CLOSED = timedelta(hours=7), timedelta(hours=20)
"""When the day begins; and when it is over, and the office begins."""


class _Forgotten:
    """A request that nobody will send again: its answer is kept nowhere (desk.Once)."""

    language = "en"

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Kept, ...]:  # noqa: ARG002 (desk.Once)
        return ()

    def refused(self, problem: Problem, caller: Caller, now: datetime) -> tuple[Kept, ...]:  # noqa: ARG002 (desk.Once)
        return ()


FORGOTTEN: Final = _Forgotten()


def newcomer(number: int, today: datetime) -> Newcomer:
    """The customer of this number, always the same person: a birthday every nine days from ``today``, one in five wants no messages."""
    name = f"{FAMILIES[number % len(FAMILIES)]} {GIVEN[number // len(FAMILIES) % len(GIVEN)]}"
    plain = unicodedata.normalize("NFD", name.replace("Đ", "D")).encode("ascii", "ignore").decode()
    return Newcomer(
        name=name,
        email=f"{plain.lower().replace(' ', '.')}@example.com",
        birthday=f"{today + timedelta(days=9 * number):%m-%d}",
        language="en" if number % 4 == 3 else "vi",  # noqa: PLR2004 (one in four)
        consent=number % 5 != 0,
    )


async def at_work(desk: Desk, caller: Caller) -> Caller:
    """The same person, at work for the business as it is now."""
    business = await read.business(desk, caller.business.id)
    return replace(caller, business=business)


async def live(
    desk: Desk,
    program: Program,
    people: Sequence[Caller],
    *,
    manager: Caller,
    until: datetime,
    days: int,
    chance: Random,
    evening: Callable[[Desk, int], Awaitable[None]] | None = None,
) -> str:
    """Live so many days up to ``until``, with ``people`` taking turns at the counter; the last code that was redeemed and stayed so.

    Stamps, rewards, redemptions, now and then a code that was used already, and a redemption that the manager takes back.
    ``evening`` is called after each day that is over, with how many days ago it was.
    """
    zone: ZoneInfo = manager.business.tz
    today = until.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = today - timedelta(days=days)
    then = replace(desk, world=replace(desk.world, now=lambda: moment))
    once = FORGOTTEN
    cards: list[str] = []
    used = ""
    for day in range(days + 1):
        morning = today - timedelta(days=days - day)
        people, manager = [await at_work(desk, one) for one in people], await at_work(desk, manager)
        moment = morning + OPENS
        for number in range(len(cards), min(FIRST + 2 * day, len(FAMILIES) * len(GIVEN))):
            joined = await join.join(then, manager, program.id, newcomer(number, today - timedelta(days=days)), once=once)
            cards.append(str(joined.card.id))
        coming = [card for number, card in enumerate(cards) if day < LOSES or number not in LOST]
        visits = 8 + day // 10 + (7 if morning.weekday() in BUSY else 0)
        for hour in sorted(chance.choice(RUSH) + chance.random() / 2 for _ in range(visits)):
            moment = morning + timedelta(hours=hour)
            if moment >= until - 3 * MINUTE:
                return used
            who, which = chance.choice(people), chance.randrange(len(coming))
            await earn(then, who, coming[which], count=chance.choice((1, 2, 2, 3)), amount=None, once=once)
            ready = (await read.card(then, who, coming[which], language="en")).ready
            if ready and chance.random() < (REGULAR if which < REGULARS else OTHER):
                moment += MINUTE
                reward = chance.choice(ready[-2:])
                receipt = await redeem.redeem(then, who, reward.code, channel=chance.choice(("camera", "camera", "typed")), once=once)
                if chance.random() < REGRETTED:
                    await reverse.reverse(then, manager, receipt.redemption.id, reason="Wrong drink", once=once)
                else:
                    used = reward.shown
            if used and chance.random() < AGAIN:
                moment += MINUTE
                try:
                    await redeem.redeem(then, who, used, channel="typed", once=once)
                except Problem:
                    continue  # as it must: it is on record now, with the rest of the past
        if evening is not None and day < days:
            moment = morning + CLOSED
            await evening(then, days - day)
    return used
