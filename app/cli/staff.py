"""``staff``: people, their tokens, and the links with which they set what they sign in with."""

import argparse
import sys
from collections.abc import Iterator

from app import settings, world
from app.cli import asking, opening
from app.desk import found, people
from app.store import Member, Staff, Store
from passes.businesses import Business


def add(commands: asking.Commands) -> None:
    """``staff``."""
    staff = commands.add_parser("staff", help="people and their tokens", description="People and their tokens")
    staff_ = staff.add_subparsers(dest="staff", required=True, metavar="COMMAND")
    token = _command(staff_, "token", _token, "make a bearer token for a staff member at a location; it is shown once")
    token.add_argument("--name", required=True, help="the staff member's name; hired as --role if new")
    _may_hire(token)
    token.add_argument("--location", help="the location's name, if there are several")
    invite = _command(
        staff_, "invite", _invite, "print a link that works once, with which a person sets password and PIN: new, or locked out"
    )
    invite.add_argument("name", metavar="NAME", help="the person's name; hired as --role if new")
    _may_hire(invite)
    revoke = _command(staff_, "revoke", _revoke, "take a staff member's tokens back, at once")
    revoke.add_argument("--name", required=True, help="the staff member's name")
    revoke.add_argument("--location", help="only the tokens for the location of this name")
    _command(staff_, "list", _list, "the people of a business, who of them cannot sign in and why, and the tokens that they have")


def _command(under: asking.Commands, name: str, run: asking.Command, help_: str) -> argparse.ArgumentParser:
    added = asking.command(under, name, run, help_)
    added.add_argument("--business", help="the business's name or id, if there are several")
    return added


def _may_hire(added: argparse.ArgumentParser) -> None:
    added.add_argument("--role", choices=("owner", "manager", "cashier"), default="cashier", help="the role of a new staff member")


async def _hired(store: Store, real: world.World, business: Business, asked: argparse.Namespace) -> Staff:
    person = await found.hire(store, real, business, name=asked.name, role=asked.role)
    print(f"hired {person.name} as {person.role}", file=sys.stderr)
    return person


async def _token(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        location = asking.the_one("location", await store.locations(business.id), asked.location)
        person = next((one for one in await store.staff(business.id) if one.name == asked.name), None)
        if person is None:
            person = await _hired(store, real, business, asked)
        secret = await found.hand_out_token(
            store,
            real,
            business_id=business.id,
            staff_id=person.id,
            location_id=location.id,
            name=f"{person.name} at {location.name}",
        )
    print(secret)
    return 0


async def _invite(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        person = next((one for one in await store.staff(business.id) if one.name == asked.name and not one.counter), None)
        if person is None:
            if not asked.name.strip():
                raise ValueError("a person needs a name")
            person = await _hired(store, real, business, asked)
        elif person.suspended_at is not None:
            raise ValueError(f"{person.name} is suspended: an owner or manager lets people back on the staff page")
        print(await link(store, real, known, person))
    return 0


async def link(store: Store, real: world.World, known: settings.Settings, person: Staff) -> str:
    """A link with which a person sets what they sign in with. The operator who prints it acts as that person."""
    (member,) = await store.members(staff_id=person.id)
    return f"{known.public_url.rstrip('/')}/invite/{await people.link(store, real, member, made_by=person.id)}"


async def _revoke(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        person = asking.the_one("name", await store.staff(business.id), asked.name)
        location = asking.the_one("location", await store.locations(business.id), asked.location) if asked.location else None
        live = [
            token
            for token, _ in await store.api_keys(business.id)
            if token.staff_id == person.id and token.revoked_at is None and (location is None or token.location_id == location.id)
        ]
        for token in live:
            await found.take_back_token(store, real, token)
    where = f" at {location.name}" if location is not None else ""
    print(f"{len(live) or 'no'} token{'' if len(live) == 1 else 's'} of {person.name}{where} revoked")
    return 0


async def _list(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, _, business):
        places = {location.id: location.name for location in await store.locations(business.id)}
        tokens = [token for token, _ in await store.api_keys(business.id) if token.revoked_at is None]
        for member in await store.members(business_id=business.id):
            print(", ".join((member.staff.name, "machine" if member.staff.counter else member.staff.role, *_notes(member))))
            for token in tokens:
                if token.staff_id == member.staff.id:
                    print(f"    a token at {places[token.location_id]}, made {token.created_at.astimezone(business.tz):%Y-%m-%d %H:%M}")
    return 0


def _notes(member: Member) -> Iterator[str]:
    """What keeps a person out, or may yet: as the staff page says it."""
    if member.staff.suspended_at:
        yield "suspended"
    if member.staff.counter:
        return
    if member.login.locked_at:
        yield "PIN locked"
    if not member.login.pin:
        yield "no PIN" if member.login.password else "invited (no password or PIN yet)"
