"""A lane: whatever waits while the one in front is served goes together as the next group, and nothing waits when idle."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from app.store import DatabaseProblem, Overloaded

LONG: Final = 1.0
"""Seconds after which a group that failed has kept the others waiting for too long."""

Ask = TypeVar("Ask")
Reply = TypeVar("Reply")


class Lane(Generic[Ask, Reply]):
    """First come, first served, in groups of at most ``together``; beyond ``waiting`` it is refused at once.

    ``serve`` answers a group in its order; an Exception in place of an answer is raised to the one that asked.
    Whoever stops waiting (a cancelled task) does not disturb the others of its group. Where a group waited ``long`` (in seconds) for a
    database that does not answer, those who came meanwhile are told so, too: else they would wait for the same once more.
    """

    def __init__(
        self, serve: Callable[[Sequence[Ask]], Awaitable[Sequence[Reply | Exception]]], *, waiting: int, together: int, long: float = LONG
    ) -> None:
        self._serve = serve
        self._long = long
        self._most_waiting = waiting
        self._together = together
        self._waiting: deque[tuple[Ask, asyncio.Future[Reply]]] = deque()
        self._serving: asyncio.Task[None] | None = None

    async def ask(self, one: Ask) -> Reply:
        """Wait for the answer. Raises Overloaded, or what ``serve`` answers with."""
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve_all())
        return await answer

    async def close(self) -> None:
        """Serve whatever waits."""
        while self._serving is not None:
            await asyncio.shield(self._serving)

    async def _serve_all(self) -> None:
        try:
            while self._waiting:
                late: list[None] = []
                timer = asyncio.get_running_loop().call_later(self._long, late.append, None)
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._together))]
                try:
                    replies = await self._serve([one for one, _ in group])
                except Exception as error:  # noqa: BLE001 (nobody may wait for ever: whatever it is, it is the answer)
                    replies = [error] * len(group)
                timer.cancel()
                for (_, answer), reply in zip(group, replies, strict=True):
                    if answer.done():
                        continue
                    if isinstance(reply, Exception):
                        answer.set_exception(reply)
                    else:
                        answer.set_result(reply)
                why = replies[-1]
                if late and isinstance(why, DatabaseProblem):
                    self._refuse_all(why)
        finally:
            self._serving = None

    def _refuse_all(self, why: Exception) -> None:
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(why)
