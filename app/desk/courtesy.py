"""Whoever stands at a counter goes first: what nobody waits for steps aside meanwhile, and takes its time for a while after that."""

import asyncio
from typing import Final

STEP: Final = 0.001
STEPS: Final = 10
"""How many seconds somebody steps aside at once, and how often at most: counters that never rest starve nobody."""
BREATHS: Final = 1000
"""After a counter was served, so many little pieces of long work are a step apart from each other: some seconds."""


class Courtesy:
    """What is being answered at counters in this process, and what that means for long work."""

    def __init__(self) -> None:
        """Nobody is there."""
        self.in_flight: set[tuple[object, str]] = set()
        """Requests of counters that have no answer yet, each by its counter and its key."""
        self._breaths = 0

    def heard(self, _what: str) -> None:
        """Another process served a counter."""
        self._breaths = BREATHS

    async def step_aside(self) -> None:
        """To be awaited before each little piece of long work. Where nobody has been lately it only lets go of the loop."""
        await asyncio.sleep(STEP if self._breaths else 0)
        self._breaths = BREATHS if self.in_flight else max(0, self._breaths - 1)
        for _ in range(STEPS):
            if not self.in_flight:
                return
            await asyncio.sleep(STEP)
