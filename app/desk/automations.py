"""Automations: whose time has come for a message or a reward is reached, once for each occasion."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import structlog

from app.desk import Desk, campaigning
from app.desk.campaigning import Meant
from app.desk.looking import keep_looking
from app.store import DatabaseProblem, Duplicate, Lost, Overloaded
from passes.businesses import Business
from passes.campaigns import Birthday, Campaign, Rules, quiet_until
from passes.problems import NotFound, Paused

log = structlog.get_logger()

LOOK: Final = 1.0
"""Seconds between looks at the clock; the database is asked once a minute."""
PORTION: Final = 100
MOST_PORTIONS: Final = 20
"""Portions of one automation in one look: the others come first then, and the rest a minute later."""


class Automations:
    """Whoever sees to them. Any number of processes may: of two who reach the same cards at once one wins."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: datetime | None = None

    async def run(self) -> None:
        """Look once a minute until cancelled."""
        await keep_looking("automations", self._once_a_minute, lambda _: asyncio.sleep(LOOK))

    async def _once_a_minute(self) -> int:
        minute = self._desk.world.now().replace(second=0, microsecond=0)
        if minute == self._seen:
            return 0
        self._seen = minute
        return await self.step()

    async def step(self) -> int:
        """Reach those whose time has come by now; how many they were. Where one business's fail, the others' come all the same."""
        reached = 0
        for business in await self._desk.store.businesses():
            try:
                async for one, promised in self._working(business):
                    reached += await self._one(business, one, promised=promised)
            except DatabaseProblem:
                raise
            except Exception:
                log.exception("a look failed", who="automations", business=str(business.id))
        return reached

    async def _working(self, business: Business) -> AsyncIterator[tuple[Campaign, bool]]:
        """The automations that are on; and the birthday rewards, which programs promise to everybody who holds their cards."""
        now = self._desk.world.now()
        for program in await self._desk.store.programs(business.id):
            if program.birthday is not None and program.state == "running":
                yield (
                    Campaign(
                        id=program.id,
                        business_id=business.id,
                        name="",
                        rules=Rules(program_id=program.id),
                        trigger=Birthday(),
                        offer_id=program.birthday,
                        state="running",
                        made_at=now,
                        made_by=program.id,
                    ),
                    True,
                )
        for campaign in await self._desk.store.campaigns(business.id):
            if campaign.trigger is not None and campaign.state == "running":
                yield campaign, False

    async def _one(self, business: Business, one: Campaign, *, promised: bool) -> int:
        desk, now = self._desk, self._desk.world.now()
        quiet = quiet_until(business, now)
        if quiet and not promised:
            return 0
        try:
            offer = await campaigning.running_offer(desk, one)
        except (Paused, NotFound):
            return 0
        reached = 0
        for _ in range(MOST_PORTIONS):
            turn = None if promised else await campaigning.turns(desk, business.id)
            found = await desk.store.awaited(one, now=now, zone=business.tz, weekly=None if promised else business.weekly, limit=PORTION)
            each_once = found if promised else {waited.customer.id: waited for waited in reversed(found)}.values()
            meant = [Meant(waited.card, waited.customer, waited.occasion, waited.coupon_id) for waited in each_once]
            given, failed = await campaigning.given_to(desk, business, one, offer, meant, now=now, or_mint=promised)
            meant = meant[: len(meant) - failed]
            if not meant or not (promised or await _is_on(desk, one)):
                break
            try:  # the coupon of a birthday is there when the day begins, and the phone says so when the quiet hours end
                await campaigning.reach(desk, business, one, meant, given, now=now, turn=turn, due_at=quiet)
            except (Lost, Duplicate, Overloaded):
                break  # somebody else did it, or will: a minute later it shows
            reached += len(meant)
            if failed or len(found) < PORTION:
                break
        return reached


async def _is_on(desk: Desk, one: Campaign) -> bool:
    """Whether nobody has paused it while its next cards were looked for."""
    return (await campaigning.campaign(desk, one.business_id, one.id)).state == "running"
