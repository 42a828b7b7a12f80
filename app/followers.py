"""Everyone who lags behind the truth catches up: here, the installations of cards.

There is no queue of jobs. An installation knows which version of its card it was last told; it is due when the card is
newer. A round takes due installations with a lease, tells each wallet the latest face, and writes down what came of it.
A crash costs a repeat, which is harmless: the next one who looks finds the same truth.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from app.desk import SOON, Desk
from app.desk.looking import keep_looking
from app.desk.wallets import draw
from app.store import Alarm, CardFacts, DatabaseProblem, Due
from passes.cards import Event
from passes.face import Face, next_change
from passes.offers import SECOND
from passes.wallets.base import Delivered, Gone, Installation, Later, Misconfigured, Outcome, Wallet

log = structlog.get_logger()

BATCH: Final[Mapping[str, int]] = {"apple": 125, "google": 40}
"""Installations of one look. To claim or settle 125 keeps the loop busy for 3 ms: who stands at a counter waits no longer for it.
Google takes 20 calls a second: more of its cards would only wait under our lease."""
LEASE: Final = timedelta(seconds=15)
"""How long an installation is left to the worker that took it; a killed process delays its phones by this."""
PATIENCE: Final = 0.8
"""The part of its lease for which a wallet may take to answer: nobody may be asked again while a first answer can still come."""
QUIET: Final = timedelta(seconds=3)
"""The least time between two pushes for one card on one phone: many changes in a burst are one push after the first."""
LOOK: Final = 0.5
"""Seconds between looks when nobody rang: how soon another process's changes are noticed."""
PROBE: Final = timedelta(minutes=5)
"""How long a vendor that refuses our credentials is left alone before one card tries again."""
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 600.0
"""Seconds between two tries: so late may a phone be after its vendor came back from a long silence."""
LONGEST_ASKED: Final = 86400.0
"""Seconds of a Retry-After that are believed."""
TIDY: Final = timedelta(hours=1)
KEPT_FOR: Final = timedelta(hours=24)
NOTIFIED_KEPT: Final = 3


class Look:
    """What one look has learnt about credentials: which are on probation, which a card has tried, which were refused."""

    def __init__(self, probing: Iterable[str]) -> None:
        self.probing = frozenset(probing)
        self.tried: set[str] = set()
        self.refused: set[str] = set()


class Followers:
    """The installations' workers, one for each wallet, so that none waits for another's vendor.

    Any number of processes may run them over the same database.
    """

    def __init__(self, desk: Desk, bell: asyncio.Event, *, lease: timedelta = LEASE) -> None:
        self._desk = desk
        self._bell = bell
        self._turn = asyncio.Lock()
        self._lease = lease
        self._wallets: Sequence[Wallet] = [wallet for wallet in (desk.apple, desk.google) if wallet is not None]

    async def run(self) -> None:
        """Catch up until cancelled."""
        async with asyncio.TaskGroup() as workers:
            workers.create_task(keep_looking("broom", self._sweep, lambda _: asyncio.sleep(TIDY.total_seconds())))
            for wallet in self._wallets:
                workers.create_task(keep_looking(wallet.name, partial(self._look, wallet), self._rest))

    async def round(self) -> int:
        """One look for each wallet, and the broom: tell those that are due now. How many installations were taken."""
        await self._sweep()
        return sum(await asyncio.gather(*(self._look(wallet) for wallet in self._wallets)))

    async def _rest(self, taken: int) -> None:
        if not taken:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK)
                await asyncio.sleep(SOON.total_seconds())  # what rang is due then, together with what else happens until then
        self._bell.clear()  # another worker that has not heard it yet looks within half a second all the same

    async def _sweep(self) -> int:
        return await self._desk.store.forget_kept(self._desk.world.now() - KEPT_FOR)

    async def _look(self, wallet: Wallet) -> int:
        store, now = self._desk.store, self._desk.world.now()
        stopped, look = await self._stopped(wallet, now)
        await self._desk.aside()
        claimed = await store.claim(now=now, lease_until=now + self._lease, limit=BATCH[wallet.name], stopped=stopped, wallet=wallet.name)
        if not claimed:
            return 0
        # A wallet that only calls its phones needs no faces, except to see which of them have changed by time alone.
        drawn = [due.installation.card_id for due in claimed if wallet.draws or due.installation.told >= (due.version or 0)]
        facts = await store.cards_facts(tuple(dict.fromkeys(drawn))) if drawn else {}
        told = {asyncio.ensure_future(self._follow(wallet, due, facts.get(due.installation.card_id), look)): due for due in claimed}
        try:
            _, late = await asyncio.wait(told, timeout=self._lease.total_seconds() * PATIENCE)
        finally:  # also when we are stopped ourselves: nothing of ours may go on telling after that
            for task in told:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._desk.aside()
        settled = [self._unanswered(due.installation) if task in late else task.result() for task, due in told.items()]
        await store.settle([one for one in settled if one is not None])
        return len(claimed)

    def _unanswered(self, one: Installation) -> Installation:
        log.info("a wallet will be told later", wallet=one.wallet, why="no answer while the phone was ours", tries=one.tries + 1)
        return self._later(one, None, self._desk.world.now())

    async def _stopped(self, wallet: Wallet, now: datetime) -> tuple[Sequence[str], Look]:
        """The credentials to leave alone, and a look that knows those whose time has come for a probe."""
        alarms = [alarm for alarm in await self._desk.store.alarms() if alarm.wallet == wallet.name]
        probing = [alarm for alarm in alarms if alarm.probe_at <= now]
        for alarm in probing:  # move the next probe first, so that of many processes few try
            await self._desk.store.raise_alarm(replace(alarm, probe_at=now + PROBE))
        return [alarm.credential for alarm in alarms if alarm not in probing], Look(alarm.credential for alarm in probing)

    async def _follow(self, wallet: Wallet, due: Due, known: CardFacts | None, look: Look) -> Installation | None:
        """What becomes of an installation that was taken; None if that is written already."""
        async with self._turn:
            await self._desk.aside()
        now, one = self._desk.world.now(), due.installation
        if due.version is None:
            return replace(one, due_at=None, gone_at=now)
        try:
            drawn = draw(known, self._desk.words, now) if known is not None else None
            if known is not None and drawn is not None and one.told >= known.card.version:
                return await self._by_time_alone(one, known, drawn, now)
            if one.told_at is not None and now - one.told_at < QUIET:
                return replace(one, due_at=one.told_at + QUIET)
            if one.credential in look.probing and one.credential in look.tried:
                return replace(one, due_at=now)  # one card tries; what it learns, the next look knows
            look.tried.add(one.credential)
            outcome = await wallet.tell(one, drawn, http=self._desk.world.http, now=now)
            await self._learn(one, outcome, look, now)
            return await self._after(due, drawn.version if drawn is not None else due.version, outcome, now)
        except DatabaseProblem:
            raise
        except Exception:  # whatever is wrong with this card, it must not hold the others up
            log.exception("a card cannot be told", wallet=one.wallet, card=str(one.card_id))
            return self._later(one, None, now)

    async def _by_time_alone(self, one: Installation, known: CardFacts, drawn: Face, now: datetime) -> Installation:
        """The phone has the newest version. If that was drawn before its face changed by time alone, there is a newer one."""
        told_at = one.told_at or one.registered_at
        changes = next_change(draw(known, self._desk.words, told_at), told_at)
        if changes is not None and changes <= now:
            await self._desk.commit(now, touches=(known.card.id,))
            return replace(one, due_at=now)
        return replace(one, due_at=next_change(drawn, now))

    async def _learn(self, one: Installation, outcome: Outcome, look: Look, now: datetime) -> None:
        """What an answer says about the credentials: refused (an alarm, once a look), or good again after a probe."""
        match outcome:
            case Later():
                return
            case Misconfigured(why, one_card=False) if one.credential not in look.refused:
                look.refused.add(one.credential)
                log.error("a wallet refuses our credentials or requests", wallet=one.wallet, credential=one.credential, why=why)
                alarm = Alarm(wallet=one.wallet, credential=one.credential, why=why, since=now, probe_at=now + PROBE)
                await self._desk.store.raise_alarm(alarm)
            case _ if one.credential in look.probing and one.credential not in look.refused:
                await self._desk.store.clear_alarm(one.wallet, one.credential)
                log.info("a wallet takes our credentials again", wallet=one.wallet)

    async def _after(self, due: Due, version: int, outcome: Outcome, now: datetime) -> Installation | None:
        one = due.installation
        match outcome:
            case Delivered(notified):
                times = (*one.notified_at, now)[-NOTIFIED_KEPT:] if notified else one.notified_at
                changes_at = due.changes_at + SECOND if due.changes_at is not None else None
                return replace(one, told=version, told_at=now, tries=0, due_at=changes_at, notified_at=times)
            case Gone():
                await self._gone(one, now)
                return None
            case Later(why, after):
                log.info("a wallet will be told later", wallet=one.wallet, why=why, tries=one.tries + 1)
                return self._later(one, after, now)
            case Misconfigured(why, one_card=True):
                log.error("a wallet refuses a card", wallet=one.wallet, card=str(one.card_id), why=why, tries=one.tries + 1)
                return self._later(one, None, now)
            case Misconfigured():
                return replace(one, due_at=now + PROBE)  # behind those that have not tried: the next probe is another card's

    def _later(self, one: Installation, after: float | None, now: datetime) -> Installation:
        """Tried in vain: next time after what the vendor asked for, and longer each time, with jitter so that nobody comes at once."""
        doubled = min(FIRST_WAIT * 2 ** min(one.tries, 20), LONGEST_WAIT)
        jittered = doubled * (0.5 + 0.5 * self._desk.world.uniform())
        wait = max(jittered, min(after or 0.0, LONGEST_ASKED))
        return replace(one, tries=one.tries + 1, due_at=now + timedelta(seconds=wait))

    async def _gone(self, one: Installation, now: datetime) -> None:
        """The phone threw the card away, unless it came back with another push token while the old one was asked."""
        known = await self._desk.store.cards_facts((one.card_id,))
        removed = Event(
            id=self._desk.world.new_id(),
            business_id=one.business_id,
            card_id=one.card_id,
            customer_id=known[one.card_id].customer.id,
            kind="removed",
            at=now,
            wallet=one.wallet,
        )
        gone = await self._desk.store.unregister(
            wallet=one.wallet, address=one.address, card_id=one.card_id, at=now, event=removed, push_token=one.push_token
        )
        log.info("a phone is gone" if gone else "a phone has a new push token", wallet=one.wallet)
