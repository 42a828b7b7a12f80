"""``staff``: people, and the links with which they set what they sign in with."""

import argparse
import sys
from collections.abc import Iterator

from app import settings, world
from app.cli import asking, opening
from app.desk import found, people
from app.store import Member, Staff, Store


def add(commands: asking.Commands) -> None:
    """``staff``."""
    staff = commands.add_parser("staff", help="people", description="People")
    staff_ = staff.add_subparsers(dest="staff", required=True, metavar="COMMAND")
    invite = _command(
        staff_, "invite", _invite, "print a link that works once, with which a person sets password and PIN: new, or locked out"
    )
    invite.add_argument("name", metavar="NAME", help="the person's name; hired as --role if new")
    invite.add_argument("--role", choices=("owner", "manager", "cashier"), default="cashier", help="the role of a new staff member")
    _command(staff_, "list", _list, "the people of a business, and who of them cannot sign in and why")


def _command(under: asking.Commands, name: str, run: asking.Command, help_: str) -> argparse.ArgumentParser:
    added = asking.command(under, name, run, help_)
    added.add_argument("--business", help="the business's name or id, if there are several")
    return added


async def _invite(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        person = next((one for one in await store.staff(business.id) if one.name == asked.name and not one.counter), None)
        if person is None:
            if not asked.name.strip():
                raise ValueError("a person needs a name")
            person = await found.hire(store, real, business, name=asked.name, role=asked.role)
            print(f"hired {person.name} as {person.role}", file=sys.stderr)
        elif person.suspended_at is not None:
            raise ValueError(f"{person.name} is suspended: an owner or manager lets people back on the staff page")
        print(await link(store, real, known, person))
    return 0


async def link(store: Store, real: world.World, known: settings.Settings, person: Staff) -> str:
    """A link with which a person sets what they sign in with. The operator who prints it acts as that person."""
    (member,) = await store.members(staff_id=person.id)
    return f"{known.public_url.rstrip('/')}/invite/{await people.link(store, real, member, made_by=person.id)}"


async def _list(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, _, business):
        for member in await store.members(business_id=business.id):
            print(", ".join((member.staff.name, "machine" if member.staff.counter else member.staff.role, *_notes(member))))
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
