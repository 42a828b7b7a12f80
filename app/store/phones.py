"""Installations: where a card lives, how far its phone is, and what stands between us and its vendor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from app.store.rows.wallets import Alarm, GoogleClass
from passes.cards import Event
from passes.wallets.base import Installation


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An installation that was taken, its card's version then (None: there is no such card), and when its coupons next begin or end."""

    installation: Installation
    version: int | None
    changes_at: datetime | None


class Phones(Protocol):
    """Installations, Google's classes, and vendors that are stopped."""

    async def installations(self, card_id: UUID) -> Sequence[Installation]:
        """All of a card, gone ones too, oldest first."""
        ...

    async def installation(self, *, wallet: str, address: str) -> Installation | None:
        """One by its address (a Google object's id)."""
        ...

    async def register(self, installation: Installation, event: Event | None) -> bool:
        """An Apple device registers for a card, or a Google object is made: True if new (then ``event`` is recorded too).

        One that exists (card, wallet, address) gets the push token and comes back to life if it was gone.
        """
        ...

    async def unregister(
        self, *, wallet: str, address: str, card_id: UUID, at: datetime, event: Event, push_token: str | None = None
    ) -> bool:
        """A device gave a card up: True if it was registered (then ``event`` is recorded too). The row stays, with ``gone_at``.

        With ``push_token``, only if that is still its token: one that came back with another is alive.
        """
        ...

    async def saved(self, installation_id: UUID, *, at: datetime | None, event: Event, nonce: str) -> bool:
        """Google says that the object was saved (``at``) or deleted (None). False for a nonce seen before."""
        ...

    async def updated(self, *, device: str, pass_type: str, since: int) -> tuple[bool, Sequence[tuple[str, int]]]:
        """(device known, [(serial, version)] of its registered cards with a version above ``since``)."""
        ...

    async def asked(self, *, device: str, pass_type: str, at: datetime) -> None:
        """An Apple device asked what changed."""
        ...

    async def fetched(self, card_id: UUID, *, version: int, at: datetime) -> None:
        """An Apple device fetched the pass. The call names no device: the one that asked last and had not fetched is marked."""
        ...

    async def claim(
        self, *, now: datetime, lease_until: datetime, limit: int, stopped: Sequence[str], wallet: str | None = None
    ) -> Sequence[Due]:
        """Take due installations (of one ``wallet``) whose lease is free, by compare-and-set; none whose credential is ``stopped``."""
        ...

    async def settle(self, done: Sequence[Installation]) -> None:
        """Write back claimed installations (told, told_at, tries, due_at, gone_at, notified_at) and free their leases.

        One whose card has changed since ``told`` stays due.
        """
        ...

    async def lagging(self, wallet: str | None = None) -> int:
        """How many installations are behind their card."""
        ...

    async def pass_types(self) -> Mapping[tuple[UUID, str], int]:
        """How many Apple installations are not gone, by business and by the pass type that they are known under."""
        ...

    async def google_class(self, program_id: UUID) -> GoogleClass | None:
        """What Google has of a program's class."""
        ...

    async def keep_google_class(self, known: GoogleClass) -> None:
        """Remember what Google has now."""
        ...

    async def alarms(self) -> Sequence[Alarm]:
        """Vendors that are stopped now."""
        ...

    async def raise_alarm(self, alarm: Alarm) -> None:
        """Stop a vendor (or move its next probe)."""
        ...

    async def clear_alarm(self, wallet: str, credential: str) -> None:
        """The vendor is well again."""
        ...
