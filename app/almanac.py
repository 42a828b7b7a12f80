"""What time alone does is written into the log, for those who follow it: a coupon ends soon, and a coupon has ended.

Nothing has to run for it to be true (a coupon's end is compared with the clock); this only says so. Each is said once for each end:
its event's id is made of the coupon and of that end, and a second one is a Duplicate, whichever process writes it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID, uuid5

import structlog

from app.desk import Desk
from app.desk.looking import keep_looking
from app.store import Change, Duplicate, Lost, Place
from passes.cards import Event
from passes.coupons import Coupon
from passes.offers import SECOND

log = structlog.get_logger()

LOOK: Final = 5.0
"""Seconds between looks when there is nothing more to say now."""
BREATH: Final = 0.05
PAGE: Final = 500
"""Ends of coupons of one look."""
AT_ONCE: Final = 25
"""Events of one unit: a few milliseconds of the writer, and of the loop."""
SOON: Final = timedelta(days=3)
"""So long before its end a coupon ends soon; of one that does not live twice as long, when half of its life is over."""
MADE_UP: Final = timedelta(days=7)
"""What nobody wrote down for so long is not written any more."""
AGAIN: Final = timedelta(minutes=15)
"""So often all of that is looked through again: a coupon that is taken back, short-lived or extended by a little comes behind our back."""
SLICE: Final = timedelta(hours=12)
"""So much time is looked at at once: of a week's coupons only a day's are put in order for each page."""
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)

Kind = Literal["expiring", "expired"]


class Almanac:
    """Whoever writes it. Any number of processes may; each walks along the ends of coupons, a page a look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._places: dict[Kind, Place] = {}
        self._begun: datetime | None = None

    async def run(self) -> None:
        """Write until cancelled."""
        await keep_looking("almanac", self.step, lambda found: asyncio.sleep(BREATH if found else LOOK))

    async def step(self) -> int:
        """Look at the next coupons of both kinds; 0 if there are no more of them now, whether or not there was something to say."""
        now = self._desk.world.now()
        if self._begun is None or now - self._begun >= AGAIN:
            self._begun, self._places = now, {"expiring": Place(now, _FIRST), "expired": Place(now - MADE_UP, _FIRST)}
        return await self._walk("expiring", now + SOON, now) + await self._walk("expired", now - SECOND, now)

    async def _walk(self, kind: Kind, until: datetime, now: datetime) -> int:
        await self._desk.aside()
        since = self._places[kind]
        upto = min(until, since.at + SLICE)
        ends = await self._desk.store.ending(since=since, until=upto, limit=PAGE)
        ids = {_event_id(kind, end): end.id for end in ends}
        said = await self._desk.store.said(list(ids)) if ids else frozenset()
        new = [coupon_id for id_, coupon_id in ids.items() if id_ not in said]
        for first in range(0, len(new), AT_ONCE):
            await self._desk.aside()
            found = await self._desk.store.active(new[first : first + AT_ONCE])
            await self._say([(event, coupon) for coupon in found if (event := _event(kind, coupon, now)) is not None], now)
        full = len(ends) == PAGE
        self._places[kind] = ends[-1] if full else Place(max(since.at, upto), _LAST)
        return len(ends) + (upto < until)

    async def _say(self, new: Sequence[tuple[Event, Coupon]], now: datetime) -> None:
        """All of them at once; where somebody else was first with one, or it was used meanwhile, each by itself."""
        if not new:
            return
        try:
            await self._desk.commit(now, changes=[_still(coupon) for _, coupon in new], rows=[event for event, _ in new])
        except (Lost, Duplicate):
            if len(new) > 1:
                for one in new:
                    await self._say([one], now)


def _event_id(kind: Kind, end: Place) -> UUID:
    """The id of the event that says it: there is one for each end of a coupon."""
    return uuid5(end.id, f"{kind} {end.at.astimezone(UTC).isoformat()}")


def _event(kind: Kind, coupon: Coupon, now: datetime) -> Event | None:
    if coupon.expires_at is None or (kind == "expiring" and now < _soon(coupon, coupon.expires_at)):
        return None
    return Event(
        id=_event_id(kind, Place(coupon.expires_at, coupon.id)),
        business_id=coupon.business_id,
        card_id=coupon.card_id,
        customer_id=coupon.customer_id,
        coupon_id=coupon.id,
        kind=kind,
        at=now,
    )


def _soon(coupon: Coupon, ends: datetime) -> datetime:
    """From when on it ends soon."""
    return ends - min(SOON, (ends - (coupon.valid_from or coupon.issued_at)) / 2)


def _still(coupon: Coupon) -> Change:
    """It is active, with the same end and on the same card."""
    seen = {"state": "active", "expires_at": coupon.expires_at, "card_id": coupon.card_id}
    return Change(of=Coupon, id=coupon.id, seen=seen, to={"state": "active"})
