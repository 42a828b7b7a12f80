"""Who is there to work: people, passkeys, counters, links that work once, guesses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.store.rows import Row
from app.store.rows.staff import Counter, Counting, Login, Member, Passkey, Staff, Strikes, Ticket


class People(Protocol):
    """Who is there: people, counters, one-time links, guesses."""

    async def members(self, *, business_id: UUID | None = None, staff_id: UUID | None = None, email: str | None = None) -> Sequence[Member]:
        """People with their logins: all of a business by age, one by id, or those with an e-mail address in any business.

        Machines and suspended people are among them: the asker decides. Given several conditions, all must hold.
        """
        ...

    async def replace_member(self, staff: Staff, login: Login, *, seen: int, rows: Sequence[Row] = ()) -> bool:
        """Write a person and their login anew, and record rows with them, if the login's version is still ``seen``.

        False: somebody was first.
        """
        ...

    async def passkeys(self, *, staff_id: UUID | None = None, credential: bytes | None = None) -> Sequence[Passkey]:
        """A person's passkeys by age, or the one with this credential id."""
        ...

    async def passkey_used(self, passkey_id: UUID, *, seen: int, sign_count: int, at: datetime) -> bool:
        """A passkey signed: its counter goes on from ``seen``. False if it has moved meanwhile (a clone, or a replay)."""
        ...

    async def remove_passkey(self, business_id: UUID, staff_id: UUID, passkey_id: UUID) -> bool:
        """Forget a passkey of this person."""
        ...

    async def counting(self, secret_hash: bytes) -> Counting | None:
        """The enrolled browser with this secret, not revoked. Grouped like ``caller``."""
        ...

    async def counters(self, business_id: UUID) -> Sequence[Counter]:
        """All counters of a business by age, revoked ones too."""
        ...

    async def counter_used(self, counter_id: UUID, at: datetime) -> None:
        """Remember that it was used now (the caller asks once a minute at most)."""
        ...

    async def change_counter(
        self,
        business_id: UUID,
        counter_id: UUID,
        *,
        name: str | None = None,
        revoked_at: datetime | None = None,
        rows: Sequence[Row] = (),
    ) -> bool:
        """Rename or revoke a counter of this business, and record rows with that; False if there is none such (any more)."""
        ...

    async def ticket(self, secret_hash: bytes) -> Ticket | None:
        """A one-time link, used and expired ones too."""
        ...

    async def use_ticket(self, ticket_id: UUID, *, at: datetime, rows: Sequence[Row] = ()) -> bool:
        """Use a link up and record what came of it, both or neither. False if it was used already."""
        ...

    async def strikes(self, key: str) -> Strikes:
        """The wrong guesses under a key."""
        ...

    async def strike(self, key: str, *, at: datetime, fresh: datetime) -> Strikes:
        """Count one more guess, from one again if the last was before ``fresh``. Atomic: parallel guesses all count."""
        ...

    async def forgive(self, key: str) -> None:
        """Forget the guesses under a key."""
        ...
