"""Everyone who lags behind the truth catches up: here, the installations of cards.

There is no queue of jobs. An installation knows which version of its card it was last told; it is due when the card is
newer. A round takes due installations with a lease, tells each wallet the latest face, and writes down what came of it.
A crash costs a repeat, which is harmless: the next one who looks finds the same truth.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec.structs import replace

from app.desk import SOON, Desk
from app.desk.wallets import draw
from app.store import Alarm, CardFacts
from passes.cards import Event
from passes.face import Face, next_change
from passes.wallets.base import Delivered, Gone, Installation, Later, Misconfigured, Outcome, Wallet

log = structlog.get_logger()

BATCH: Final = 200
LEASE: Final = timedelta(seconds=60)
"""Longer than any outbound call may take, so that a slow vendor is not asked twice; a crash delays its cards by this."""
QUIET: Final = timedelta(seconds=3)
"""The least time between two pushes for one card on one phone: many changes in a burst are one push after the first."""
LOOK: Final = 0.5
"""Seconds between looks when nobody rang: how soon another process's changes are noticed."""
PROBE: Final = timedelta(minutes=5)
"""How long a vendor that refuses our credentials is left alone before one card tries again."""
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 3600.0
TIDY: Final = timedelta(hours=1)
KEPT_FOR: Final = timedelta(hours=24)
NOTIFIED_KEPT: Final = 3


class Followers:
    """The installations' worker. Any number of processes may run one over the same database."""

    def __init__(self, desk: Desk, bell: asyncio.Event) -> None:
        self._desk = desk
        self._bell = bell
        self._wallets: dict[str, Wallet] = {wallet.name: wallet for wallet in (desk.apple, desk.google) if wallet is not None}
        self._tidied: datetime | None = None

    async def run(self) -> None:
        """Catch up until cancelled. A round that fails is logged, and the next one starts from the truth again."""
        while True:
            self._bell.clear()
            try:
                busy = await self.round()
            except Exception:
                log.exception("a round of the followers failed")
                busy = 0
            if not busy:
                await self._rest()

    async def _rest(self) -> None:
        """Until somebody rings or it is time to look; what rang is due a moment later, with whatever else happens until then."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), LOOK)
            await asyncio.sleep(SOON.total_seconds())

    async def round(self) -> int:
        """One look: tell those that are due now. How many installations were taken."""
        store, now = self._desk.store, self._desk.world.now()
        await self._tidy(now)
        stopped, probing = await self._stopped(now)
        claimed = await store.claim(now=now, lease_until=now + LEASE, limit=BATCH, stopped=stopped)
        if not claimed:
            return 0
        facts = await store.cards_facts(tuple({one.card_id for one in claimed}))
        settled = await asyncio.gather(*(self._follow(one, facts, probing) for one in claimed))
        await store.settle([one for one in settled if one is not None])
        return len(claimed)

    async def _tidy(self, now: datetime) -> None:
        if self._tidied is None or now - self._tidied >= TIDY:
            self._tidied = now
            await self._desk.store.forget_kept(now - KEPT_FOR)

    async def _stopped(self, now: datetime) -> tuple[Sequence[str], Mapping[str, Alarm]]:
        """The credentials to leave alone, and those whose time has come for a probe."""
        alarms = await self._desk.store.alarms()
        probing = {alarm.credential: alarm for alarm in alarms if alarm.probe_at <= now}
        for alarm in probing.values():  # move the next probe first, so that of many processes few try
            await self._desk.store.raise_alarm(replace(alarm, probe_at=now + PROBE))
        return [alarm.credential for alarm in alarms if alarm.credential not in probing], probing

    async def _follow(self, one: Installation, facts: Mapping[UUID, CardFacts], probing: Mapping[str, Alarm]) -> Installation:
        now = self._desk.world.now()
        wallet, known = self._wallets.get(one.wallet), facts.get(one.card_id)
        if known is None:
            return replace(one, due_at=None, gone_at=now)
        if wallet is None:  # the credentials were taken away: look again when they may be back
            return replace(one, due_at=now + PROBE)
        drawn = draw(known, self._desk.words, now)
        if one.told >= known.card.version:
            return await self._by_time_alone(one, known, drawn, now)
        if one.told_at is not None and now - one.told_at < QUIET:
            return replace(one, due_at=one.told_at + QUIET)
        outcome = await wallet.tell(one, drawn, http=self._desk.world.http, now=now)
        after = await self._after(one, known, drawn, outcome, now)
        if isinstance(outcome, Delivered) and one.credential in probing:
            await self._desk.store.clear_alarm(one.wallet, one.credential)
            log.info("a wallet takes our credentials again", wallet=one.wallet)
        return after

    async def _by_time_alone(self, one: Installation, known: CardFacts, drawn: Face, now: datetime) -> Installation:
        """The phone has the newest version. If a reward has expired since it was told, the face is newer all the same."""
        told_at = one.told_at or one.registered_at
        ended = any(
            coupon.state == "active" and coupon.expires_at is not None and told_at <= coupon.expires_at + timedelta(seconds=1) <= now
            for coupon in known.coupons
        )
        if ended:
            await self._desk.commit(now, touches=(known.card.id,))
            return replace(one, due_at=now)
        return replace(one, due_at=next_change(drawn, now))

    async def _after(self, one: Installation, known: CardFacts, drawn: Face, outcome: Outcome, now: datetime) -> Installation:
        match outcome:
            case Delivered(notified):
                times = (*one.notified_at, now)[-NOTIFIED_KEPT:] if notified else one.notified_at
                return replace(one, told=drawn.version, told_at=now, tries=0, due_at=next_change(drawn, now), notified_at=times)
            case Gone():
                await self._gone(one, known, now)
                return replace(one, gone_at=now, due_at=None)
            case Later(why, after):
                log.info("a wallet will be told later", wallet=one.wallet, why=why, tries=one.tries + 1)
                return replace(one, tries=one.tries + 1, due_at=now + timedelta(seconds=self._wait(one.tries, after)))
            case Misconfigured(why):
                log.error("a wallet refuses our credentials or requests", wallet=one.wallet, credential=one.credential, why=why)
                alarm = Alarm(wallet=one.wallet, credential=one.credential, why=why, since=now, probe_at=now + PROBE)
                await self._desk.store.raise_alarm(alarm)
                return replace(one, due_at=now)

    def _wait(self, tries: int, after: float | None) -> float:
        """Seconds until the next try: what the vendor asked for, else doubling with jitter, so that nobody comes at once."""
        doubled: float = min(FIRST_WAIT * 2 ** min(tries, 20), LONGEST_WAIT)
        jittered = doubled * (0.5 + 0.5 * self._desk.world.uniform())
        return max(after, jittered) if after is not None else jittered

    async def _gone(self, one: Installation, known: CardFacts, now: datetime) -> None:
        log.info("a phone is gone", wallet=one.wallet)
        removed = Event(
            id=self._desk.world.new_id(),
            business_id=one.business_id,
            card_id=one.card_id,
            customer_id=known.customer.id,
            kind="removed",
            at=now,
            wallet=one.wallet,
        )
        await self._desk.commit(now, rows=(removed,))
