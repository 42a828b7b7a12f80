"""A browser becomes a counter: by a link that works once and soon expires, or at once by somebody who may."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit, read
from app.desk.found import login, secret_hash
from app.store import Counter, CounterKind, Counting, Member, Row, Staff, Store, Ticket, Unit
from app.world import World
from passes.businesses import Business, Location
from passes.problems import LinkSpent, NotFound
from passes.words import N_

LINK_WORKS: Final = timedelta(minutes=10)


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """What a link makes of the browser that opens it."""

    ticket: Ticket
    location: Location
    business: Business


async def _open(desk: Desk, business_id: UUID, location_id: UUID | None) -> Location:
    location = await read.location(desk, business_id, location_id)
    if location.closed:
        raise NotFound(what=N_("location"))
    return location


async def link(desk: Desk, member: Member, *, location_id: UUID, name: str, kind: CounterKind) -> tuple[Ticket, str]:
    """A link that makes the browser that opens it a counter, and its secret. Raises NotFound for a location of somebody else."""
    location = await _open(desk, member.business.id, location_id)
    return await hand_out(desk.store, desk.world, member.staff, location, name=name, kind=kind)


async def hand_out(
    store: Store, world: World, maker: Staff, location: Location, *, name: str, kind: CounterKind, works: timedelta = LINK_WORKS
) -> tuple[Ticket, str]:
    """The same, for this location and as long as is said."""
    now, secret = world.now(), world.token()
    ticket = Ticket(
        id=world.new_id(),
        business_id=maker.business_id,
        kind="counter",
        secret_hash=secret_hash(secret),
        made_by=maker.id,
        made_at=now,
        expires_at=now + works,
        location_id=location.id,
        name=name.strip(),
        counter=kind,
    )
    await store.commit(Unit(at=now, due_at=now, rows=(ticket,)))
    return ticket, secret


async def offered(desk: Desk, secret: str) -> Offered:
    """What this link does. Raises LinkSpent, also if who made it has been suspended since."""
    ticket = await desk.store.ticket(secret_hash(secret))
    if ticket is None or ticket.kind != "counter" or ticket.used_at is not None or ticket.expires_at <= desk.world.now():
        raise LinkSpent
    maker = next(iter(await desk.store.members(business_id=ticket.business_id, staff_id=ticket.made_by)), None)
    if maker is None or maker.staff.suspended_at is not None:
        raise LinkSpent
    return Offered(ticket=ticket, location=await _open(desk, ticket.business_id, ticket.location_id), business=maker.business)


async def enrol(desk: Desk, secret: str, *, was: Counting | None) -> tuple[Counter, str]:
    """Use a link: the counter that this browser is now, and the secret of its cookie. Raises LinkSpent.

    ``was`` is the counter that it has been: nobody holds that one's secret any more, so it is revoked.
    """
    asked = await offered(desk, secret)
    counter, cookie, rows = _made(desk, asked.business, asked.location, name=asked.ticket.name, kind=asked.ticket.counter)
    line = audit.line(desk, asked.ticket.made_by, "counter.made", None, counter)
    if not await desk.store.use_ticket(asked.ticket.id, at=counter.created_at, rows=(*rows, line)):
        raise LinkSpent
    await _give_up(desk, was, asked.ticket.made_by)
    return counter, cookie


async def enrol_here(
    desk: Desk, member: Member, *, location_id: UUID, name: str, kind: CounterKind, was: Counting | None
) -> tuple[Counter, str]:
    """This browser becomes a counter at once, for somebody who is signed in on it. Raises NotFound for a foreign location."""
    location = await _open(desk, member.business.id, location_id)
    counter, cookie, rows = _made(desk, member.business, location, name=name.strip(), kind=kind)
    await desk.commit(counter.created_at, rows=(*rows, audit.line(desk, member.staff.id, "counter.made", None, counter)))
    await _give_up(desk, was, member.staff.id)
    return counter, cookie


def _made(desk: Desk, business: Business, location: Location, *, name: str, kind: CounterKind) -> tuple[Counter, str, Sequence[Row]]:
    """A counter with its cookie's secret, and its rows: one that works by itself works as somebody of its own name."""
    world = desk.world
    now, cookie = world.now(), world.token() + world.token()
    machine = None
    if kind != "staff":
        machine = Staff(id=world.new_id(), business_id=business.id, name=name, role="cashier", counter=True)
    counter = Counter(
        id=world.new_id(),
        business_id=business.id,
        location_id=location.id,
        name=name,
        kind=kind,
        machine_id=machine.id if machine else None,
        secret_hash=secret_hash(cookie),
        created_at=now,
    )
    return counter, cookie, (*((machine, login(machine)) if machine else ()), counter)


async def _give_up(desk: Desk, was: Counting | None, by: UUID) -> None:
    if was is not None:
        await revoke(desk, was.business.id, was.counter.id, by=by)


async def counter(desk: Desk, business_id: UUID, counter_id: UUID) -> Counter:
    """A counter of this business that is not revoked. Raises NotFound."""
    for one in await desk.store.counters(business_id):
        if one.id == counter_id and one.revoked_at is None:
            return one
    raise NotFound(what=N_("counter"))


async def rename(desk: Desk, business_id: UUID, counter_id: UUID, name: str, *, by: UUID) -> None:
    """Another name, also for the machine that works there; ``by`` is who of the staff gives it. Raises NotFound."""
    renamed = await counter(desk, business_id, counter_id)
    line = audit.line(desk, by, "counter.changed", renamed, replace(renamed, name=name.strip()))
    await desk.store.change_counter(business_id, counter_id, name=name.strip(), rows=(line,))
    for machine in await _machine(desk, renamed):
        await desk.store.replace_member(replace(machine.staff, name=name.strip()), machine.login, seen=machine.login.version)


async def revoke(desk: Desk, business_id: UUID, counter_id: UUID, *, by: UUID) -> None:
    """The browser is no counter at its next request, and its machine is suspended. Revoked before: nothing. Raises NotFound."""
    there = next((one for one in await desk.store.counters(business_id) if one.id == counter_id), None)
    if there is None:
        raise NotFound(what=N_("counter"))
    now = desk.world.now()
    line = audit.line(desk, by, "counter.revoked", there, replace(there, revoked_at=now))
    await desk.store.change_counter(business_id, counter_id, revoked_at=now, rows=(line,))
    for machine in await _machine(desk, there):
        await desk.store.replace_member(
            replace(machine.staff, suspended_at=machine.staff.suspended_at or now), machine.login, seen=machine.login.version
        )


async def _machine(desk: Desk, of: Counter) -> Sequence[Member]:
    return await desk.store.members(business_id=of.business_id, staff_id=of.machine_id) if of.machine_id else ()
