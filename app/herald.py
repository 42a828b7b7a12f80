"""Whoever follows the log of what happens is told it: each event once or more, signed, and of one card strictly in order.

An endpoint is followed like a phone (app.followers): there is no queue that can be lost, there is a log with places on the clock, and
an endpoint that knows how far it is. Whoever takes it with a lease turns the next events into deliveries, in the unit that moves its
cursor, and sends those that are due: of each lane (a card, else a coupon, else the business) one at a time, of several lanes at once.
A crash costs a repeat under the same id, which is harmless.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec.structs import replace
from standardwebhooks import Webhook

from app.desk import Desk, webhooks
from app.desk.looking import keep_looking
from app.store import ENOUGH, DatabaseProblem, Delivery, Endpoint
from passes.wallets.base import Answer, Ask, Unreachable

log = structlog.get_logger()

LOOK: Final = 0.5
"""Seconds between looks for endpoints that lag behind."""
LEASE: Final = timedelta(seconds=60)
"""How long an endpoint is left to whoever took it; a killed process delays its endpoints by this."""
WITHIN: Final = 15.0
"""Seconds in which a receiver has to answer."""
MARGIN: Final = timedelta(seconds=20)
"""Nothing is sent whose answer could come after the lease: somebody else might be sending by then."""
AT_ONCE: Final = 64
"""Endpoints that one process tells at once."""
SHARE: Final = 8
"""Endpoints of one business after which the others come first: whoever answers slowly holds up nobody but himself."""
LANES: Final = 6
"""Deliveries under way to one endpoint, each of another lane."""
PAGE: Final = 100
"""Events that become deliveries in one unit."""
WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600))
"""How long after each try the next one comes; the last for all further ones."""
TRIED_FOR: Final = timedelta(days=3)
LONGEST_ASKED: Final = timedelta(days=1)
"""What is believed of a Retry-After."""
REST: Final = timedelta(seconds=30)
LONGEST_REST: Final = timedelta(minutes=10)
"""How long an endpoint that answers nobody rests between two probes: doubled each time."""
SILENT_FOR: Final = timedelta(days=7)
"""An endpoint that has taken nothing for so long is switched off."""
READ: Final = 1024
"""Bytes of an answer that are read."""
SAID: Final = 300
"""Characters of it that are kept."""
KEPT_FOR: Final = timedelta(days=30)
TIDY: Final = timedelta(hours=1)
FORGOTTEN_AT_ONCE: Final = 1000


class Herald:
    """Whoever tells the endpoints. Any number of processes may: an endpoint is in one pair of hands at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._telling: Counter[UUID] = Counter()
        """How many endpoints of each business are being told."""

    async def run(self) -> None:
        """Tell until cancelled; endpoints do not wait for each other."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_looking("webhooks' broom", self._sweep, lambda dropped: asyncio.sleep(0 if dropped else _TIDY)))
            tasks.create_task(keep_looking("webhooks", lambda: self._look(tasks.create_task), _rest))

    async def round(self) -> int:
        """Take every endpoint that is due now, and tell each all that it can be told now. How many there were."""
        tasks: list[asyncio.Task[None]] = []

        def start(telling: Coroutine[Any, Any, None]) -> None:
            tasks.append(asyncio.ensure_future(telling))

        taken = await self._look(start)
        await asyncio.gather(*tasks)
        return taken

    async def _look(self, start: Callable[[Coroutine[Any, Any, None]], object]) -> int:
        now, free = self._desk.world.now(), min(SHARE, AT_ONCE - self._telling.total())
        if not free:
            return 0
        but = [business_id for business_id, many in self._telling.items() if many >= SHARE]
        taken = await self._desk.store.take_endpoints(now=now, lease_until=now + LEASE, limit=free, but=but)
        for endpoint in taken:
            self._telling[endpoint.business_id] += 1
            start(self._told(endpoint))
        return len(taken)

    async def _sweep(self) -> int:
        return await self._desk.store.forget_deliveries(self._desk.world.now() - KEPT_FOR, FORGOTTEN_AT_ONCE)

    async def _told(self, endpoint: Endpoint) -> None:
        """Whatever is wrong with one endpoint, the others are told; its own lease runs out, and it is tried again."""
        try:
            await _Telling(self._desk, endpoint).run()
        except DatabaseProblem as problem:
            log.warning("a look waits for the database", who="webhooks", why=str(problem))
        except Exception:
            log.exception("a webhook cannot be told", endpoint=str(endpoint.id))
        finally:
            self._telling -= Counter([endpoint.business_id])


async def _rest(taken: int) -> None:
    """Where there were many there may be more."""
    await asyncio.sleep(0 if taken == SHARE else LOOK)


_TIDY: Final = TIDY.total_seconds()


class _Telling:
    """One endpoint in our hands, until nothing is due or the lease ends."""

    def __init__(self, desk: Desk, endpoint: Endpoint) -> None:
        self._desk, self._store, self._one = desk, desk.store, endpoint
        self._under_way: dict[asyncio.Task[Delivery], Delivery] = {}

    async def run(self) -> None:
        try:
            ours = await self._tell()
        except asyncio.CancelledError:  # we are stopped: nobody has to wait for the lease to end
            with contextlib.suppress(DatabaseProblem):
                await self._store.put_endpoint(self._one, rests=self._rests)
            raise
        if ours:
            now = self._desk.world.now()
            if self._rests and self._one.due_at <= now:  # and there is nothing to probe it with
                self._one = replace(self._one, due_at=now + LONGEST_REST)
            await self._store.put_endpoint(self._one, rests=self._rests)

    async def _tell(self) -> bool:
        """All that can be said now. False if its owner has said something, or somebody else has it: what we did may be done again."""
        try:
            while await self._begin() or self._under_way:
                done, _ = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._under_way[task]
                if not await self._came([task.result() for task in done]):
                    return False
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        return True

    @property
    def _rests(self) -> bool:
        return self._one.failures >= ENOUGH

    async def _begin(self) -> bool:
        """Send what may be sent now; whether anything was begun."""
        now, one = self._desk.world.now(), self._one
        lease = one.lease_until or now
        room = (1 if self._rests else LANES) - len(self._under_way)
        if room <= 0 or one.disabled_at is not None or now + MARGIN > lease or (self._rests and one.due_at > now):
            return False
        await self._desk.aside()
        due = await self._due(now, room)
        if len(due) < room and await self._read_on():
            due = await self._due(now, room)
        for delivery in due:
            self._under_way[asyncio.ensure_future(self._send(delivery))] = delivery
        return bool(due)

    async def _due(self, now: datetime, room: int) -> Sequence[Delivery]:
        return await self._store.due(self._one.id, now=now, but=[one.id for one in self._under_way.values()], limit=room)

    async def _read_on(self) -> bool:
        """The next events of the log become deliveries; whether anything is to be sent of them."""
        while page := await self._store.happened(self._one.business_id, after=self._one.cursor, limit=PAGE):
            wanted = [(place, event) for place, event in page if webhooks.wants(self._one, event)]
            facts = await self._store.about([event for _, event in wanted])
            new = [webhooks.message(self._desk.world, self._one, place, event, facts[event.id]) for place, event in wanted]
            cursor = page[-1][0]
            if not await self._store.queue(self._one, new, cursor=cursor):
                return False
            self._one = replace(self._one, cursor=cursor)
            if new:
                return True
            await self._desk.aside()
        return False

    async def _send(self, delivery: Delivery) -> Delivery:
        """What becomes of a delivery by sending it now; or by not sending it, if its type was asked for and is not any more."""
        one, now = self._one, self._desk.world.now()
        again = delivery.tried_at is not None and not delivery.tries  # somebody said so
        if not again and not webhooks.asks_for(one, delivery.type):
            return replace(delivery, state="failed", tries=0, status=None, said="not asked for any more")
        secrets = [one.secret, *([one.old_secret] if one.old_secret and one.old_until is not None and one.old_until > now else [])]
        signed = " ".join(Webhook(secret).sign(str(delivery.id), now, delivery.body) for secret in secrets)
        ask = Ask(
            method="POST",
            url=one.url,
            headers=(
                ("Content-Type", "application/json"),
                ("webhook-id", str(delivery.id)),
                ("webhook-timestamp", str(int(now.timestamp()))),
                ("webhook-signature", signed),
            ),
            body=delivery.body.encode(),
            timeout=WITHIN,
            public_only=not self._desk.webhooks_private,
            most=READ,
        )
        try:
            answer = await self._desk.world.http(ask)
        except Unreachable as unreachable:
            why = str(unreachable)  # but not where a name leads inside: that is nobody's business
            return self._later(delivery, None, "not a public address" if "not a public address" in why else why)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return replace(self._tried(delivery, answer.status, _text(answer)), state="sent")
        return self._later(delivery, answer, _text(answer))

    def _tried(self, delivery: Delivery, status: int | None, said: str) -> Delivery:
        plain = "".join(char if char.isprintable() else " " for char in said).strip()[:SAID]
        return replace(delivery, tries=delivery.tries + 1, tried_at=self._desk.world.now(), status=status, said=plain)

    def _later(self, delivery: Delivery, answer: Answer | None, said: str) -> Delivery:
        """Tried in vain: longer each time, with jitter so that not everybody comes at once; after three days it is given up."""
        now = self._desk.world.now()
        wait = WAITS[min(delivery.tries, len(WAITS) - 1)] * (0.9 + 0.2 * self._desk.world.uniform())
        due = now + max(wait, _asked(answer, now))
        tried = replace(self._tried(delivery, answer.status if answer else None, said), due_at=due)
        if due > delivery.at + TRIED_FOR:
            log.info("a webhook's delivery is given up", endpoint=str(delivery.endpoint_id), status=tried.status, tries=tried.tries)
            return replace(tried, state="failed")
        log.info("a webhook is told later", endpoint=str(delivery.endpoint_id), status=tried.status, tries=tried.tries)
        return tried

    async def _came(self, tried: Sequence[Delivery]) -> bool:
        """What the outcomes say of the endpoint, written with them. False if it is not ours any more."""
        now, wake = self._desk.world.now(), False
        for delivery in tried:
            wake = wake or (self._rests and delivery.state == "sent")
            self._one = self._after(delivery, now)
        return await self._store.delivered(self._one, tried, now=now, wake=wake)

    def _after(self, delivery: Delivery, now: datetime) -> Endpoint:
        one = self._one
        if delivery.state == "sent":
            return replace(one, failures=0, failed_at=None)
        if delivery.status == HTTPStatus.GONE:
            log.info("a webhook is gone", endpoint=str(one.id))
            return replace(one, disabled_at=now, disabled_why="gone")
        if not delivery.tries or (one.due_at > now if self._rests else delivery.tries > 1):
            return one  # it was not sent, was under way when the rest began, or has failed before: that says nothing of the others
        since = one.failed_at or now
        rest = min(REST * 2 ** max(0, min(one.failures + 1 - ENOUGH, 10)), LONGEST_REST) * (0.9 + 0.2 * self._desk.world.uniform())
        one = replace(one, failures=one.failures + 1, failed_at=since)
        if one.failures < ENOUGH:
            return one
        log.info("a webhook rests", endpoint=str(one.id), failures=one.failures)
        if now - since > SILENT_FOR:
            log.info("a webhook is switched off", endpoint=str(one.id))
            return replace(one, disabled_at=now, disabled_why="silent")
        return replace(one, due_at=now + rest)


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _asked(answer: Answer | None, now: datetime) -> timedelta:
    """What a Retry-After asks for (RFC 9110, 10.2.3: seconds, or a date), as far as it is believed."""
    said = answer.headers.get("retry-after", "") if answer else ""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        wait = timedelta(seconds=min(int(said), 10**6)) if said.isdecimal() else parsedate_to_datetime(said) - now
        return min(max(wait, timedelta()), LONGEST_ASKED)
    return timedelta()
