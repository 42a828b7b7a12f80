"""Who is there: people, passkeys, counters, one-time links, guesses."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing, Key, just, with_rows
from app.db.shapes import (
    BUSINESS,
    COUNTER,
    LOGIN,
    PASSKEY,
    STAFF,
    STRIKE,
    TICKET,
    checked,
)
from app.db.statements import Ask, Talk
from app.db.unit import Ready
from app.store import (
    Counter,
    Login,
    Member,
    Passkey,
    Row,
    Staff,
    Strikes,
    Ticket,
)


class People(Conversing):
    """See app.store.Store."""

    async def members(self, *, business_id: UUID | None = None, staff_id: UUID | None = None, email: str | None = None) -> Sequence[Member]:
        """See app.store.Store. Raises ValueError if nothing is asked for."""
        asked = {"business_id": business_id, "staff_id": staff_id, "email": email}
        wanted = {name: checked(value) for name, value in asked.items() if value is not None}
        if not wanted:
            raise ValueError("whose members?")
        found = await self._read(just(Ask(self._say.members[tuple(wanted)], tuple(wanted.values()))))
        return [Member(login=LOGIN.read(row), staff=STAFF.read(row[-2:-1]), business=BUSINESS.read(row[-1:])) for row in found]

    async def replace_member(self, staff: Staff, login: Login, *, seen: int, rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store. Raises Duplicate for an e-mail address that a colleague has."""
        return await self._write(self._if(Ask(self._say.replace_login, (*LOGIN.row(login), seen)), with_rows(rows), STAFF.row(staff)))

    async def passkeys(self, *, staff_id: UUID | None = None, credential: bytes | None = None) -> Sequence[Passkey]:
        """See app.store.Store. Raises ValueError if nothing is asked for."""
        table = tables.Passkey
        asked = [column == value for column, value in ((table.staff_id, staff_id), (table.credential, credential)) if value is not None]
        if not asked:
            raise ValueError("whose passkeys?")
        return await self._all(PASSKEY, table.select().where(*asked).order_by(table.created_at, table.id))

    async def passkey_used(self, passkey_id: UUID, *, seen: int, sign_count: int, at: datetime) -> bool:
        """See app.store.Store."""
        return bool(await self._write(just(Ask(self._say.passkey_used, (passkey_id, seen, sign_count, checked(at))))))

    async def remove_passkey(self, business_id: UUID, staff_id: UUID, passkey_id: UUID) -> bool:
        """See app.store.Store."""
        return bool(await self._write(just(Ask(self._say.remove_passkey, (passkey_id, business_id, staff_id)))))

    async def counters(self, business_id: UUID) -> Sequence[Counter]:
        """See app.store.Store."""
        table = tables.Counter
        return await self._all(COUNTER, table.select().where(table.business_id == business_id).order_by(table.created_at, table.id))

    async def counter_used(self, counter_id: UUID, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.counter_used, (counter_id, checked(at)))), soon=True)

    async def change_counter(
        self,
        business_id: UUID,
        counter_id: UUID,
        *,
        name: str | None = None,
        revoked_at: datetime | None = None,
        rows: Sequence[Row] = (),
    ) -> bool:
        """See app.store.Store."""
        values = (counter_id, business_id, checked(name), checked(revoked_at))
        return await self._write(self._if(Ask(self._say.change_counter, values), with_rows(rows)))

    async def ticket(self, secret_hash: bytes) -> Ticket | None:
        """See app.store.Store."""
        return await self._one(TICKET, tables.Ticket.select().where(tables.Ticket.secret_hash == secret_hash))

    async def use_ticket(self, ticket_id: UUID, *, at: datetime, rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store. Raises Duplicate for a row that is there already."""
        return await self._write(self._if(Ask(self._say.use_ticket, (ticket_id, checked(at))), with_rows(rows)))

    def _if(self, ask: Ask, unit: Ready, staff: Key | None = None) -> Talk[bool]:
        """Record rows (and write a person anew) if what is asked changed something."""
        if not (yield ask):
            return False
        if staff is not None:
            yield Ask(self._say.replace_staff, staff)
        yield from self._recorded(unit)
        return True

    async def strikes(self, key: str) -> Strikes:
        """See app.store.Store."""
        table = tables.Strike
        return (await self._one(STRIKE, table.select().where(table.key == checked(key)))) or Strikes()

    async def strike(self, key: str, *, at: datetime, fresh: datetime) -> Strikes:
        """See app.store.Store."""
        [row] = await self._write(just(Ask(self._say.strike, (checked(key), checked(at), checked(fresh)))))
        return STRIKE.read(row)

    async def forgive(self, key: str) -> None:
        """See app.store.Store."""
        await self._write(just(Ask(self._say.forgive, (checked(key),))))
