"""Somebody says who they are: with a password on a page, or with a PIN at a counter. Guesses are counted before they are tried."""

import hashlib
import math
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk
from app.desk.hashing import AT_COUNTER, AT_THE_DOOR, fits, waiting
from app.store import Counting, Member
from passes import guesses
from passes.businesses import MANAGERS
from passes.guesses import Patience
from passes.problems import Busy, NotFound, PinLocked, TooManyGuesses, WrongPin, WrongSignIn
from passes.words import N_

PERSON: Final = N_("person")
AT_LEAST: Final = 2
"""Hashes compared at each sign-in, so that an address of nobody, of one shop and of two shops takes equally long."""
LONGEST_LINE: Final = 50
"""Passwords that wait to be compared, some two seconds' worth: whoever comes then is told so at once, and it is no guess."""
MINUTE: Final = 60


def key(what: str, of: str) -> str:
    """Under which guesses are counted: no address of anybody is kept for it."""
    return hashlib.sha256(f"{what}:{of}".encode()).hexdigest()


def network(address: str) -> str:
    """The address that guesses are counted for: of IPv6 the /64, which is what one connection is given."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    return str(known.ipv4_mapped or ip_network((known, 64), strict=False))


async def count(desk: Desk, under: str, patience: Patience) -> None:
    """Count a guess before it is tried. Raises TooManyGuesses if it is too early, and for all but one of those that come at once."""
    now = desk.world.now()
    seen = await desk.store.strikes(under)
    if wait := guesses.wait(patience, seen.n, seen.last, now):
        raise too_many(wait)
    struck = await desk.store.strike(under, at=now, fresh=now - patience.fresh)
    if struck.n > max(patience.free, guesses.counted(patience, seen.n, seen.last, now) + 1):
        raise too_many(guesses.wait(patience, struck.n, now, now))


def too_many(wait: timedelta) -> TooManyGuesses:
    """That the next guess may be made then."""
    seconds = math.ceil(wait.total_seconds())
    if seconds == 1:
        said, count_ = N_("1 second"), 1
    elif seconds < MINUTE:
        said, count_ = N_("{count} seconds"), seconds
    elif seconds == MINUTE:
        said, count_ = N_("1 minute"), 1
    else:
        said, count_ = N_("{count} minutes"), math.ceil(seconds / MINUTE)
    return TooManyGuesses(wait=said, count=count_, retry_after=seconds)


def account_of(member: Member) -> str:
    """Under which guesses at a person's password are counted: one shop's, for in another one anybody may have the same address."""
    return key("sign-in", str(member.staff.id))


def may_sign_in(member: Member) -> bool:
    """Whether the pages of the business are for this person: an owner or manager who is not suspended."""
    staff = member.staff
    return staff.role in MANAGERS and not staff.counter and staff.suspended_at is None


async def sign_in(desk: Desk, email: str, password: str, *, address: str) -> Sequence[Member]:
    """Who this is: one person, or one in each of several shops with the same address and password.

    Raises Busy, TooManyGuesses or WrongSignIn, and the latter takes equally long for an address that nobody has.
    """
    if waiting(AT_THE_DOOR) >= LONGEST_LINE:
        raise Busy(retry_after=2)
    email = email.strip().lower()
    await count(desk, key("address", network(address)), guesses.ADDRESS)
    there = [one for one in await desk.store.members(email=email) if may_sign_in(one)] if email else []
    accounts: dict[str, Member | None] = {account_of(one): one for one in there}
    tried, early = [], None
    for account, one in (accounts or {key("sign-in", email): None}).items():
        try:
            await count(desk, account, guesses.ACCOUNT)
        except TooManyGuesses as problem:
            early = problem
        else:
            tried.append(one)
    if early is not None and not tried:
        raise early
    hashes = [*(one.login.password if one else "" for one in tried), *[""] * (AT_LEAST - len(tried))]
    fitting = [await fits(phc, password) for phc in hashes]
    found = [one for one, fit in zip(tried, fitting, strict=False) if one and fit]
    if not found:
        raise WrongSignIn
    for one in found:
        await desk.store.forgive(account_of(one))
    return found


async def people_at(desk: Desk, counting: Counting) -> Sequence[Member]:
    """Who may say at this counter that it is them: the people of the business with a PIN, by name."""
    there = await desk.store.members(business_id=counting.business.id)
    return sorted((one for one in there if _works(one)), key=lambda one: one.staff.name.casefold())


def _works(member: Member) -> bool:
    return not member.staff.counter and member.staff.suspended_at is None and member.login.pin != ""


def _pins_of(staff_id: UUID) -> str:
    return key("pin", str(staff_id))


async def take_the_counter(desk: Desk, counting: Counting, staff_id: UUID, pin: str) -> Member:
    """Who stands at the counter from now on. Raises NotFound, PinLocked, TooManyGuesses or WrongPin."""
    found = await desk.store.members(business_id=counting.business.id, staff_id=staff_id)
    member = next((one for one in found if _works(one)), None)
    if member is None:
        raise NotFound(what=PERSON)
    if member.login.locked_at is not None:
        raise PinLocked(staff=member.staff.name)
    counter = key("counter", str(counting.counter.id))
    await count(desk, counter, guesses.COUNTER)
    now, pins = desk.world.now(), _pins_of(staff_id)
    struck = await desk.store.strike(pins, at=now, fresh=now - guesses.REMEMBERED)
    right = struck.n <= guesses.PINS and await fits(member.login.pin, pin, line=AT_COUNTER)
    if right:
        await desk.store.forgive(pins)
        await desk.store.forgive(counter)
        return member
    if struck.n >= guesses.PINS:
        # The version stays: whoever works under this name at another counter is not to suffer from somebody's guesses.
        # Lost to another change of the same login, it is locked by the next guess: the strikes are still there.
        await desk.store.replace_member(member.staff, replace(member.login, locked_at=now), seen=member.login.version)
        raise PinLocked(staff=member.staff.name)
    raise WrongPin


async def forgive_pins(desk: Desk, staff_id: UUID) -> None:
    """Forget the wrong PINs of a person."""
    await desk.store.forgive(_pins_of(staff_id))
