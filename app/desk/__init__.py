"""The stories of the counter, one file each: what is asked, what the rules say, what becomes true."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec

from app.desk.views import Look
from app.post import Send
from app.store import Caller, Change, Count, Kept, Row, Store, Tally, Unit
from app.world import World
from passes.businesses import Business
from passes.problems import Problem
from passes.wallets.apple import Apple
from passes.wallets.google import Google
from passes.words import Words

SOON: Final = timedelta(milliseconds=400)
"""How long a change waits for the next one before the phone is told: two taps at the counter are one push."""
ATTEMPTS: Final = 100
"""How often a story reads again after somebody else was first. Each loss means that another one won. Past it the answer is 503."""


def _nobody(_business_id: UUID) -> None:
    pass


async def _at_once() -> None:
    pass


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What every story needs. ``apple`` and ``google`` are None without credentials; ``bell`` wakes the followers here."""

    store: Store
    world: World
    words: Words
    apple: Apple | None
    google: Google | None
    public_url: str
    bell: Callable[[], None]
    news: Callable[[UUID], None] = _nobody
    """Tell the pages of a business that something happened at a counter."""
    aside: Callable[[], Awaitable[None]] = _at_once
    """Let whoever stands at a counter go first, for a moment: long work awaits it before each little piece."""
    post: Send | None = None
    """Send an e-mail; None where no mail server is configured."""
    webhooks_private: bool = False
    """Whether webhooks may be sent to addresses that are not public, and without TLS."""
    sandbox: bool = False
    """The wallets are stand-ins: cards of test mode get into them, too."""

    def reaches(self, business: Business) -> bool:
        """Whether cards of this business get into wallets: nobody's real phone holds one of test mode."""
        return business.test_of is None or self.sandbox

    def look(self, business: Business, language: str, now: datetime) -> Look:
        """How to say things to a caller."""
        reaches = self.reaches(business)
        apple = reaches and self.apple is not None and business.apple in self.apple.certificates
        return Look(language, business, now, self.public_url, apple, reaches and self.google is not None)

    async def commit(
        self,
        now: datetime,
        *,
        changes: Sequence[Change] = (),
        tallies: Sequence[Tally] = (),
        counts: Sequence[Count] = (),
        rows: Sequence[Row] = (),
        touches: Sequence[UUID] = (),
        due_at: datetime | None = None,
    ) -> int:
        """Make it true; then wake the followers if a card's face changed, and the live pages if something was counted.

        Phones are told at ``due_at``, or soon. Raises Lost, Duplicate or Overloaded.
        """
        unit = Unit(
            at=now,
            due_at=due_at or now + SOON,
            changes=tuple(changes),
            tallies=tuple(tallies),
            counts=tuple(counts),
            rows=tuple(rows),
            touches=tuple(touches),
        )
        tick = await self.store.commit(unit)
        if touches:
            self.bell()
        if counts:  # whatever is counted is shown somewhere
            self.news(counts[0].business_id)
        return tick


class Once(Protocol):
    """One request that has one answer, however often it is sent: the rows keep the answer, in the unit that makes it true."""

    language: str

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Row, ...]:
        """The answer of a story that succeeded. ``new``: something was made that was not there before."""
        ...

    def refused(self, problem: Problem, caller: Caller, now: datetime) -> tuple[Kept, ...]:
        """The answer of a story that was refused."""
        ...


class Repeated(Exception):
    """The same request was finished meanwhile by another process: its kept answer is the answer."""
