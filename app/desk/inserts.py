"""Inserts: QR codes on receipts or in deliveries, each of which gives stamps once (app.desk.holder opens them)."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from app.desk import Desk, audit, programs
from app.desk.found import secret_hash
from app.store import Insert, Member
from passes.offers import end_of_day
from passes.problems import Paused
from passes.programs import Program

MOST: Final = 1000
"""Inserts that are made at once: their links are known only while they are made, so all of them are in one answer."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """New inserts of a program: where each leads. Nothing keeps the links."""

    program: Program
    links: tuple[str, ...]


async def make(desk: Desk, member: Member, program_id: UUID, *, count: int, gives: int, until: date | None) -> Made:
    """So many inserts, good to the end of a day or for good. Raises NotFound, Paused, and CannotEarn for what no action may give."""
    business, now = member.business, desk.world.now()
    program = await programs.one(desk, business.id, program_id)
    if program.state != "running":
        raise Paused(name=program.name)
    program.worth(count=gives)
    secrets = [desk.world.token() for _ in range(count)]
    batch_id = desk.world.new_id()
    inserts = [
        Insert(
            id=desk.world.new_id(),
            business_id=business.id,
            program_id=program.id,
            batch_id=batch_id,
            secret_hash=secret_hash(secret),
            gives=gives,
            made_at=now,
            expires_at=end_of_day(until, business.tz) if until else None,
        )
        for secret in secrets
    ]
    name = program.name.by[0][1]
    said = audit.done(desk, member.staff.id, "inserts.made", business, of_id=batch_id, name=name, total=count, gives=gives)
    await desk.commit(now, rows=(*inserts, said))
    return Made(program=program, links=tuple(f"{desk.public_url}/i/{secret}" for secret in secrets))
