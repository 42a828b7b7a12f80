"""Whoever stands at a counter goes first: what nobody waits for steps aside meanwhile."""

import asyncio
from typing import Final

STEP: Final = 0.001
STEPS: Final = 10
"""How many seconds somebody steps aside at once, and how often at most: counters that never rest starve nobody."""


class Courtesy:
    """What is being answered at counters in this process, and what that means for long work.

    It only waits while somebody is served, never for a while after that: a pause before each card, while a shop is busy, halved the
    rate of a redesign, and saved the next customer half a millisecond. That much the pieces between two steps may take: hence the
    size of a batch (app.followers) and of a portion (app.desk.designs).
    """

    def __init__(self) -> None:
        """Nobody is there."""
        self.in_flight: set[tuple[object, str]] = set()
        """Requests of counters that have no answer yet, each by its counter and its key."""

    async def step_aside(self) -> None:
        """To be awaited before each little piece of long work. Where nobody is it only lets go of the loop."""
        await asyncio.sleep(0)
        for _ in range(STEPS):
            if not self.in_flight:
                return
            await asyncio.sleep(STEP)
