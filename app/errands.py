"""Long work that goes on by itself: a redesign, a campaign, an import. A portion at a time, and anybody may go on with it.

An errand is followed like a phone (app.followers): there is no queue, there are its portions, each recorded in the unit
that makes it true. A crash costs a portion that was not recorded, and that is done again. Two who do the same portion have one
winner: the other's unit is a Duplicate, and nothing of it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from app.desk import Desk, campaigning, changing, coupons, designs, importing, imports
from app.desk.looking import keep_looking
from app.store import DatabaseProblem, Duplicate, Errand, ErrandKind, Lost, Overloaded, Portion

log = structlog.get_logger()

LEASE: Final = timedelta(seconds=30)
LOOK: Final = 0.5
"""Seconds between looks when there is nothing to do."""
BREATH: Final = 0.01
"""Seconds between two portions: whoever stands at a counter goes first."""
WAIT: Final = timedelta(seconds=30)
"""How long an errand rests after a portion of it failed."""

Story = Callable[[Desk, Errand, Portion | None], Awaitable[Portion | timedelta]]
"""Does the portion after this one and commits it with what it does, or says how long to wait. Lost and Duplicate mean: once more."""


STORIES: Final[Mapping[ErrandKind, Story]] = {
    "campaign": campaigning.story,
    "issue": coupons.portion,
    "import": imports.portion,
    "redraw": designs.redraw,
    "change": changing.portion,
    "records": importing.portion,
}
"""The one list: what each kind of errand does."""


class Errands:
    """Whoever runs errands. Any number of processes may."""

    def __init__(self, desk: Desk, *, lease: timedelta = LEASE) -> None:
        """``lease``: how long a portion is left to the process that does it, and delayed if that is killed."""
        self._desk, self._lease = desk, lease

    async def run(self) -> None:
        """Work until cancelled."""
        await keep_looking("errands", self.step, lambda worked: asyncio.sleep(BREATH if worked else LOOK))

    async def step(self) -> bool:
        """One portion of one errand that is due; False if none is."""
        desk = self._desk
        await desk.aside()
        now = desk.world.now()
        taken = await desk.store.take_errand(now=now, lease_until=now + self._lease)
        if taken is None:
            return False
        errand, last = taken
        try:
            # One whose last portion is recorded was not laid down when somebody fell.
            came = last if last is not None and last.last else await STORIES[errand.kind](desk, errand, last)
            ended = isinstance(came, Portion) and came.last
            if ended and errand.kind == "campaign":
                await campaigning.done(desk, errand)
        except (Lost, Duplicate, Overloaded):
            await desk.store.put_errand(errand.id, due_at=now)
        except DatabaseProblem:
            raise
        except Exception:
            log.exception("an errand failed", kind=errand.kind, errand=str(errand.id))
            await desk.store.put_errand(errand.id, due_at=desk.world.now() + WAIT)
        else:
            due = desk.world.now() + (came if isinstance(came, timedelta) else timedelta())
            await desk.store.put_errand(errand.id, due_at=due, ended_at=desk.world.now() if ended else None)
            desk.news(errand.business_id)
        return True
