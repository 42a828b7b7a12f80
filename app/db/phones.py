"""Installations: faces that live in wallets, and what the followers owe them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing, Key, just
from app.db.shapes import (
    EVENT,
    INSTALLATION,
    as_id,
    as_moment,
    checked,
)
from app.db.statements import Ask, Talk
from app.store import (
    Due,
    Lost,
)
from passes.cards import Event
from passes.offers import SECOND
from passes.wallets.base import Installation


class Phones(Conversing):
    """See app.store.Store."""

    async def installations(self, card_id: UUID) -> Sequence[Installation]:
        """See app.store.Store."""
        table = tables.Installation
        return await self._all(INSTALLATION, table.select().where(table.card_id == card_id).order_by(table.registered_at, table.id))

    async def installation(self, *, wallet: str, address: str) -> Installation | None:
        """See app.store.Store."""
        table = tables.Installation
        return await self._one(INSTALLATION, table.select().where((table.address == checked(address)) & (table.wallet == wallet)))

    async def register(self, installation: Installation, event: Event | None) -> bool:
        """See app.store.Store. One that had gone is new again. Raises Lost if the card is not there."""
        return await self._write(self._register(installation, INSTALLATION.row(installation), EVENT.row(event) if event else None))

    def _register(self, new: Installation, row: Key, event: Key | None) -> Talk[bool]:
        card = yield Ask(self._say.hold_card, (new.card_id,))
        if not card:
            raise Lost
        [(version, changed_at)] = card
        known = yield Ask(self._say.hold_installation, (new.card_id, new.wallet, checked(new.address)))
        if known and known[0][1] is None:
            renewed = (known[0][0], checked(new.credential), checked(new.push_token), new.due_at, new.told, checked(new.registered_at))
            yield Ask(self._say.renew, renewed)
            return False
        values = dict(zip(INSTALLATION.columns, row, strict=True))
        if version > new.told:  # it changed between the drawing of what was installed and now
            values["due_at"] = min(as_moment(changed_at), values["due_at"] or as_moment(changed_at))
        if known:
            changed = ("credential", "push_token", "registered_at", "told", "told_at", "saved_at", "due_at")
            yield Ask(self._say.revive, (known[0][0], *(values[name] for name in changed)))
        else:
            yield Ask(self._say.insert(INSTALLATION), tuple(values.values()))
        if event is not None:
            yield from self._tell(event)
        return True

    async def unregister(
        self, *, wallet: str, address: str, card_id: UUID, at: datetime, event: Event, push_token: str | None = None
    ) -> bool:
        """See app.store.Store."""
        return await self._write(self._unregister((card_id, wallet, checked(address), checked(at), push_token), EVENT.row(event)))

    def _unregister(self, gone: Key, event: Key) -> Talk[bool]:
        if not (yield Ask(self._say.leave, gone)):
            return False
        yield from self._tell(event)
        return True

    async def saved(self, installation_id: UUID, *, at: datetime | None, event: Event, nonce: str) -> bool:
        """See app.store.Store. False also for an installation that is not there."""
        return await self._write(self._saved((installation_id, checked(at)), EVENT.row(event), (checked(nonce), checked(event.at))))

    def _saved(self, saved: Key, event: Key, heard: Key) -> Talk[bool]:
        if not (yield Ask(self._say.heard, heard)) or not (yield Ask(self._say.saved, saved)):
            return False
        yield from self._tell(event)
        return True

    def _tell(self, event: Key) -> Talk[None]:
        """Record an event that comes with no unit. The clock comes last, as in a unit: whoever holds it waits for nobody."""
        [(tick,)] = yield Ask(self._say.tick, (1,))
        yield Ask(self._say.insert(EVENT), (*event, tick))

    async def updated(self, *, device: str, pass_type: str, since: int) -> tuple[bool, Sequence[tuple[str, int]]]:
        """See app.store.Store. The oldest change first."""
        found = await self._read(just(Ask(self._say.device, (checked(device), checked(pass_type)))))
        changed = [(serial, version) for serial, version in found if version > since]
        return bool(found), sorted(changed, key=lambda one: one[1])

    async def asked(self, *, device: str, pass_type: str, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.asked, (checked(device), checked(pass_type), checked(at)))))

    async def fetched(self, card_id: UUID, *, version: int, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.fetched, (card_id, version, checked(at)))))

    async def claim(
        self, *, now: datetime, lease_until: datetime, limit: int, stopped: Sequence[str], wallet: str | None = None
    ) -> Sequence[Due]:
        """See app.store.Store. While claimed, ``due_at`` is the end of the lease."""
        values = (checked(now), checked(lease_until), limit, list(stopped))
        ask = Ask(self._say.claim, values) if wallet is None else Ask(self._say.claim_of, (*values, wallet))
        return await self._write(self._claim(ask, checked(now)))

    def _claim(self, ask: Ask, now: datetime) -> Talk[Sequence[Due]]:
        claimed = [INSTALLATION.read(row) for row in (yield ask)]
        cards = list({one.card_id for one in claimed})
        found = (yield Ask(self._say.standing, (cards, now, now - SECOND))) if cards else ()
        standing = {as_id(card_id): (version, changes_at and as_moment(changes_at)) for card_id, version, changes_at in found}
        due = ((one, *standing.get(one.card_id, (None, None))) for one in claimed)
        return [Due(installation=one, version=version, changes_at=changes_at) for one, version, changes_at in due]

    async def settle(self, done: Sequence[Installation]) -> None:
        """See app.store.Store. One whose lease is somebody else's by now is left to them; ``lease_until`` None is anybody's.

        A card that was touched during the lease is due as the touch says, or sooner; one that is behind without a time, at once.
        """
        if done:
            await self._write(self._settle([dict(zip(INSTALLATION.columns, INSTALLATION.row(one), strict=True)) for one in done]))

    def _settle(self, done: Sequence[Mapping[str, Any]]) -> Talk[None]:
        # Held first and read afterwards: a unit that was touching one of these cards is then seen with its version.
        yield Ask(self._say.hold, ([one["id"] for one in done],))
        names = ("id", "lease_until", "told", "told_at", "tries", "notified_at", "due_at", "gone_at")
        yield Ask(self._say.settle, rows=[tuple(one[name] for name in names) for one in done], silent=True)

    async def lagging(self, wallet: str | None = None) -> int:
        """See app.store.Store."""
        return int((await self._read(just(Ask(self._say.lagging, (wallet,))), heavy=True))[0][0])

    async def pass_types(self) -> Mapping[tuple[UUID, str], int]:
        """See app.store.Store."""
        found = await self._read(just(Ask(self._say.pass_types)), heavy=True)
        return {(as_id(business_id), pass_type): phones for business_id, pass_type, phones in found}
