"""People come, change and go: invitations, roles, suspensions, and what each person signs in with."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk, audit, found, signing_in
from app.desk.found import secret_hash
from app.desk.hashing import fits, hashed
from app.desk.signing_in import PERSON
from app.store import Duplicate, Member, Staff, Store, Ticket, Unit
from app.world import World
from passes import guesses
from passes.businesses import MANAGERS, Role
from passes.problems import Busy, EmailTaken, LastOwner, LinkSpent, NotAllowed, NotFound, RefusedSecret, WrongSignIn

INVITED: Final = timedelta(days=7)
"""How long an invitation works."""
ATTEMPTS: Final = 10
"""How often a change is tried again after somebody else changed the same person."""


async def person(desk: Desk, business_id: UUID, staff_id: UUID) -> Member:
    """A person of this business. Raises NotFound, for a machine and for somebody of another business alike."""
    there = await desk.store.members(business_id=business_id, staff_id=staff_id)
    member = next((one for one in there if not one.staff.counter), None)
    if member is None:
        raise NotFound(what=PERSON)
    return member


async def everybody(desk: Desk, business_id: UUID) -> Sequence[Member]:
    """The people of a business by age, without its machines."""
    return [one for one in await desk.store.members(business_id=business_id) if not one.staff.counter]


def may_touch(actor: Member, staff: Staff) -> bool:
    """Whether the one may change the other: owners everybody, managers everybody but owners."""
    return actor.staff.role == "owner" or (actor.staff.role == "manager" and staff.role != "owner")


# --- Invitations ---


async def invite(desk: Desk, actor: Member, *, name: str, email: str, role: Role) -> tuple[Staff, str]:
    """A new person, and the secret of the link with which they set what they sign in with.

    Raises NotAllowed for a manager who would make an owner, EmailTaken.
    """
    if role == "owner" and actor.staff.role != "owner":
        raise NotAllowed
    staff = Staff(id=desk.world.new_id(), business_id=actor.business.id, name=name.strip(), email=email.strip(), role=role)
    try:
        line = audit.line(desk, actor.staff.id, "staff.invited", None, staff)
        await desk.commit(desk.world.now(), rows=(staff, found.login(staff), line))
    except Duplicate:
        raise EmailTaken from None
    member = await person(desk, actor.business.id, staff.id)
    return staff, await link(desk.store, desk.world, member, made_by=actor.staff.id)


async def link(store: Store, world: World, member: Member, *, made_by: UUID) -> str:
    """The secret of a link that lets this person set password and PIN, once.

    It holds for the login as it is now: whatever changes there ends it, so that of several links the first one used is the last.
    """
    now, secret = world.now(), world.token()
    ticket = Ticket(
        id=world.new_id(),
        business_id=member.business.id,
        kind="person",
        secret_hash=secret_hash(secret),
        made_by=made_by,
        made_at=now,
        expires_at=now + INVITED,
        staff_id=member.staff.id,
        name=str(member.login.version),
    )
    await store.commit(Unit(at=now, due_at=now, rows=(ticket,)))
    return secret


async def new_link(desk: Desk, actor: Member, staff_id: UUID) -> tuple[Staff, str]:
    """Another link for somebody who lost theirs, or their password. Raises NotFound or NotAllowed."""
    member = await person(desk, actor.business.id, staff_id)
    if not may_touch(actor, member.staff):
        raise NotAllowed
    return member.staff, await link(desk.store, desk.world, member, made_by=actor.staff.id)


async def invited(desk: Desk, secret: str) -> tuple[Ticket, Member]:
    """Whose link this is. Raises LinkSpent, also if who made it may not make it any more (the command line: in the person's own name)."""
    ticket = await desk.store.ticket(secret_hash(secret))
    if ticket is None or ticket.kind != "person" or ticket.used_at is not None or ticket.expires_at <= desk.world.now():
        raise LinkSpent
    there = await desk.store.members(business_id=ticket.business_id, staff_id=ticket.staff_id)
    member = next(iter(there), None)
    if member is None or member.staff.suspended_at is not None or str(member.login.version) != ticket.name:
        raise LinkSpent
    if ticket.made_by != member.staff.id:
        maker = next(iter(await desk.store.members(business_id=ticket.business_id, staff_id=ticket.made_by)), None)
        if maker is None or maker.staff.suspended_at is not None or not may_touch(maker, member.staff):
            raise LinkSpent
    return ticket, member


async def objections(desk: Desk, member: Member, *, email: str, password: str, pin: str) -> dict[str, RefusedSecret | EmailTaken]:
    """All that stands against what a person chose, by the field of the form: what is said at once is corrected at once."""
    against: dict[str, RefusedSecret | EmailTaken] = {}
    if member.staff.role in MANAGERS:
        address = member.login.email or email.strip().lower()
        colleagues = await desk.store.members(business_id=member.business.id, email=address)
        if any(one.staff.id != member.staff.id for one in colleagues):
            against["email"] = EmailTaken()
        try:
            guesses.check_password(password, _names(member, address))
        except RefusedSecret as refused:
            against["password"] = refused
    if pin or member.staff.role not in MANAGERS:
        try:
            guesses.check_pin(pin)
        except RefusedSecret as refused:
            against["pin"] = refused
    return against


async def accept(desk: Desk, secret: str, *, email: str, password: str, pin: str) -> Member:
    """A person sets what they sign in with: a PIN, and who has pages to see also address and password.

    The link is used up first, so that two who hold it cannot both. Raises LinkSpent, and the first objection: RefusedSecret, EmailTaken.
    """
    ticket, member = await invited(desk, secret)
    for refused in (await objections(desk, member, email=email, password=password, pin=pin)).values():
        raise refused
    staff, login = member.staff, member.login
    if staff.role in MANAGERS:
        staff = replace(staff, email=staff.email or email.strip())
        login = replace(login, email=login.email or email.strip().lower(), password=await hashed(desk.world, password))
    if pin or staff.role not in MANAGERS:
        login = replace(login, pin=await hashed(desk.world, pin))
    if not await desk.store.use_ticket(ticket.id, at=desk.world.now()):
        raise LinkSpent
    changed = Member(staff=staff, login=replace(login, version=login.version + 1, locked_at=None), business=member.business)
    line = audit.line(desk, staff.id, "staff.accepted", member.staff, staff)
    if not await desk.store.replace_member(changed.staff, changed.login, seen=member.login.version, rows=(line,)):
        raise LinkSpent
    await signing_in.forgive_pins(desk, staff.id)
    await desk.store.forgive(signing_in.account_of(changed))
    return changed


# --- What owners and managers change about others ---


async def _change(desk: Desk, actor: Member, staff_id: UUID, change: Callable[[Member], Member], what: str = "") -> Member:
    """Read, change, and write (with a line of the audit: ``what``) unless somebody was first; then again."""
    for _ in range(ATTEMPTS):
        member = await person(desk, actor.business.id, staff_id)
        changed = change(member)
        line = (audit.line(desk, actor.staff.id, what, member.staff, changed.staff),) if what else ()
        if await desk.store.replace_member(changed.staff, changed.login, seen=member.login.version, rows=line):
            return changed
    raise Busy(retry_after=1)


def _with(member: Member, staff: Staff) -> Member:
    """The person, changed so that their sessions end."""
    return Member(staff=staff, login=replace(member.login, version=member.login.version + 1), business=member.business)


def _must_reach(actor: Member, staff: Staff) -> None:
    if not may_touch(actor, staff):
        raise NotAllowed


async def change_role(desk: Desk, actor: Member, staff_id: UUID, role: Role) -> Member:
    """Another role; its sessions end. Raises NotFound, NotAllowed (only owners may), LastOwner."""

    def change(member: Member) -> Member:
        if actor.staff.role != "owner":
            raise NotAllowed
        return _with(member, replace(member.staff, role=role))

    return await _keeping_an_owner(desk, actor, staff_id, change, "staff.changed")


async def suspend(desk: Desk, actor: Member, staff_id: UUID) -> Member:
    """They can do nothing from now on, by session, PIN or key. Raises NotFound, NotAllowed (also for oneself), LastOwner."""
    now = desk.world.now()

    def change(member: Member) -> Member:
        _must_reach(actor, member.staff)
        if member.staff.id == actor.staff.id and actor.staff.role != "owner":
            raise NotAllowed
        return _with(member, replace(member.staff, suspended_at=member.staff.suspended_at or now))

    return await _keeping_an_owner(desk, actor, staff_id, change, "staff.suspended")


async def _keeping_an_owner(desk: Desk, actor: Member, staff_id: UUID, change: Callable[[Member], Member], what: str) -> Member:
    before = await person(desk, actor.business.id, staff_id)
    was_owner = _owns(before)
    if was_owner and not _owns(change(before)) and not await _owners(desk, actor.business.id, but=staff_id):
        raise LastOwner
    changed = await _change(desk, actor, staff_id, change, what)
    if was_owner and not await _owners(desk, actor.business.id):
        # Two owners took the role from each other at the same moment: both get it back, for there must be one.
        def restore(member: Member) -> Member:
            return _with(member, replace(member.staff, role="owner", suspended_at=None))

        await _change(desk, actor, staff_id, restore, "staff.changed")
        raise LastOwner
    return changed


def _owns(member: Member) -> bool:
    return member.staff.role == "owner" and member.staff.suspended_at is None


async def _owners(desk: Desk, business_id: UUID, *, but: UUID | None = None) -> Sequence[Member]:
    return [one for one in await everybody(desk, business_id) if _owns(one) and one.staff.id != but]


async def resume(desk: Desk, actor: Member, staff_id: UUID) -> Member:
    """They are back, with the role, password and PIN of before. Raises NotFound or NotAllowed."""

    def change(member: Member) -> Member:
        _must_reach(actor, member.staff)
        return _with(member, replace(member.staff, suspended_at=None))

    return await _change(desk, actor, staff_id, change, "staff.resumed")


async def unlock(desk: Desk, actor: Member, staff_id: UUID) -> Member:
    """The PIN works again. Raises NotFound or NotAllowed."""

    def change(member: Member) -> Member:
        _must_reach(actor, member.staff)
        return replace(member, login=replace(member.login, locked_at=None))

    changed = await _change(desk, actor, staff_id, change, "staff.unlocked")
    await signing_in.forgive_pins(desk, staff_id)
    return changed


# --- What people change about themselves ---


async def rename(desk: Desk, me: Member, name: str) -> Member:
    """Another name, here and in what is recorded from now on."""
    return await _change(desk, me, me.staff.id, lambda one: replace(one, staff=replace(one.staff, name=name.strip())), "staff.changed")


async def change_password(desk: Desk, me: Member, *, present: str, new: str) -> Member:
    """Another password; all sessions end. Raises TooManyGuesses, WrongSignIn (not the present one), RefusedSecret."""
    account = signing_in.account_of(me)
    await signing_in.count(desk, account, guesses.ACCOUNT)
    if not await fits(me.login.password, present):
        raise WrongSignIn
    await desk.store.forgive(account)
    guesses.check_password(new, _names(me, me.login.email))
    phc = await hashed(desk.world, new)
    return await _change(
        desk, me, me.staff.id, lambda one: _with(replace(one, login=replace(one.login, password=phc)), one.staff), "staff.password"
    )


async def change_pin(desk: Desk, me: Member, pin: str) -> Member:
    """Another PIN, unlocked; all sessions end. Raises RefusedSecret."""
    phc = await hashed(desk.world, guesses.check_pin(pin))

    def change(one: Member) -> Member:
        return _with(replace(one, login=replace(one.login, pin=phc, locked_at=None)), one.staff)

    changed = await _change(desk, me, me.staff.id, change, "staff.pin")
    await signing_in.forgive_pins(desk, me.staff.id)
    return changed


async def sign_out_everywhere(desk: Desk, me: Member) -> Member:
    """All sessions of this person end, at the next request of each."""
    return await _change(desk, me, me.staff.id, lambda one: _with(one, one.staff))


def _names(member: Member, email: str) -> Sequence[str]:
    """What somebody who knows the person or the shop would try."""
    return (member.staff.name, member.business.name, email, email.partition("@")[0])
