"""Live pages: an event stream that says when something happened at a counter of the business, and never what."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from uuid import UUID

from litestar import get
from litestar.response import Stream

from app.store import DatabaseProblem, Overloaded
from app.web.pages import HEADERS
from app.web.sessions import managers
from app.web.wire import Ask
from passes.problems import Problem

PING: Final = 15.0
"""Seconds of silence after which a stream says that it is there."""
CHANGED: Final = b"data: changed\n\n"
HERE: Final = b": here\n\n"
LISTENS: Final = b"retry: 1000\n" + CHANGED
"""The first words: whoever comes (back) has missed something, perhaps."""
STREAMED: Final = {**HEADERS, "X-Accel-Buffering": "no"}
"""nginx would collect the events and pass them on in heaps."""


class Live:
    """Who listens in this process, business by business. What happens in another process arrives through app.asgi."""

    def __init__(self, *, ping: float = PING) -> None:
        self._ping = ping
        self._listening: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    def news(self, business_id: UUID) -> None:
        """Something happened: every stream of the business says so soon. It neither waits nor fails."""
        for heard in self._listening.get(business_id, ()):
            heard.set()

    def heard(self, what: str) -> None:
        """Another process says in which business something happened; "" says that some of what it said may be lost."""
        if what:
            self.news(UUID(what))
        else:
            self.all_news()

    def all_news(self) -> None:
        """Something may have happened anywhere."""
        for business_id in tuple(self._listening):
            self.news(business_id)

    def close(self) -> None:
        """The service stops: every stream ends now, so that nobody waits for it."""
        self._closed = True
        self.all_news()

    async def stream(self, business_id: UUID, still: Callable[[], Awaitable[None]]) -> AsyncIterator[bytes]:
        """What a page hears until it leaves, its person may not listen any more, or the service stops.

        ``still`` raises a Problem for who may not: it is asked before each word. Several things that happen before the page has
        heard of the first are one event.
        """
        heard = asyncio.Event()
        self._listening[business_id].add(heard)
        try:
            yield LISTENS
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._ping):
                        await heard.wait()
                if self._closed:
                    return
                await still()
                word = CHANGED if heard.is_set() else HERE
                heard.clear()
                yield word
        except (Problem, DatabaseProblem, Overloaded):  # may not listen any more, or nobody knows now: the browser asks again, and is told
            return
        finally:
            self._listening[business_id].discard(heard)
            if not self._listening[business_id]:
                del self._listening[business_id]


@get("/redemptions/live", guards=[managers])
async def live(request: Ask) -> Stream:
    """Server-Sent Events for the redemptions page."""
    member = request.scope["state"]["member"]
    streams: Live = request.app.state.live

    async def still() -> None:
        await managers(request, request.route_handler)

    return Stream(streams.stream(member.business.id, still), media_type="text/event-stream", headers=STREAMED)


handlers = (live,)
