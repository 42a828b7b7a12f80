"""``keys``: with which programs speak for a business."""

import argparse

from app import settings
from app.cli import asking, opening
from app.desk import keys
from app.store import SCOPES, Staff, Store
from passes.businesses import Business


def add(commands: asking.Commands) -> None:
    """``keys``."""
    under = commands.add_parser("keys", help="keys of programs", description="Keys with which programs speak for a business")
    keys_ = under.add_subparsers(dest="keys", required=True, metavar="COMMAND")
    make = _command(keys_, "make", _make, "make a key for a location; its secret is printed once")
    make.add_argument("--name", required=True, help="what the key is called: Till 1")
    make.add_argument("--location", help="the location's name, if there are several")
    make.add_argument("--scopes", type=_scopes, default=SCOPES, help=f"what it may do, with commas: {','.join(SCOPES)} (all of it)")
    make.add_argument("--person", help="the name of the member of staff for whom it works; else it works by itself")
    make.add_argument("--per-minute", type=_count, default=keys.PER_MINUTE, help="requests in a minute (%(default)s)")
    make.add_argument("--test", action="store_true", help="for test mode: with customers that are made up, and nothing of it counts")
    _command(keys_, "list", _list, "the keys that work: what each may do, where, and when it was last used")
    roll = _command(keys_, "roll", _roll, "another secret for a key; it is printed once")
    roll.add_argument("--name", required=True, help="the key's name or id")
    roll.add_argument(
        "--overlap", choices=tuple(keys.OVERLAPS), default="24h", help="how long the old secret works beside it (%(default)s)"
    )
    revoke = _command(keys_, "revoke", _revoke, "take a key back, at once")
    revoke.add_argument("--name", required=True, help="the key's name or id")


def _command(under: asking.Commands, name: str, run: asking.Command, help_: str) -> argparse.ArgumentParser:
    added = asking.command(under, name, run, help_)
    added.add_argument("--business", help="the business's name or id, if there are several")
    return added


def _scopes(text: str) -> tuple[str, ...]:
    said = tuple(text.replace(",", " ").split())
    if not said or not set(said) <= set(SCOPES):
        raise argparse.ArgumentTypeError(f"{text!r} is not some of {','.join(SCOPES)}")
    return said


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= keys.MOST_PER_MINUTE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {keys.MOST_PER_MINUTE}")
    return int(text)


async def _make(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        if not asked.name.strip():
            raise ValueError("a key needs a name")
        location = asking.the_one("location", await store.locations(business.id), asked.location)
        person = None
        if asked.person:
            there = [one for one in await store.staff(business.id) if not one.counter and one.suspended_at is None]
            person = asking.the_one("person", there, asked.person)
        _, secret = await keys.hand_out(
            store,
            real,
            business,
            name=asked.name.strip(),
            location_id=location.id,
            made_by=(await _operator(store, business)).id,
            scopes=asked.scopes,
            staff_id=person.id if person else None,
            per_minute=asked.per_minute,
            test=asked.test,
        )
    print(secret)
    return 0


async def _operator(store: Store, business: Business) -> Staff:
    """In whose name the operator of this machine works: the first owner's."""
    return next(one for one in await store.staff(business.id) if one.role == "owner" and not one.counter)


class _Meant:
    """A key as one is named on the command line."""

    def __init__(self, listed: keys.Listed) -> None:
        self.id, self.name = listed.key.id, listed.key.name


async def _the_key(store: Store, business: Business, wanted: str) -> _Meant:
    there = [_Meant(one) for one in await keys.of(store, business)]
    if not there:
        raise ValueError("there is no key")
    meant: _Meant = asking.the_one("name", there, wanted)
    return meant


async def _list(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        places = {location.id: location.name for location in await store.locations(business.id)}
        for one in await keys.of(store, business):
            key, hint = one.key, one.secrets[0].hint if one.secrets else ""
            used = f"last used {key.used_at.astimezone(business.tz):%Y-%m-%d %H:%M}" if key.used_at else "never used"
            place = places[one.location_id] + (" (closed)" if one.closed else "")
            facts = [key.name, *(["test"] if one.test else []), *([f"…{hint}"] if hint else []), key.scopes, place, used]
            facts += [f"for {one.person.name}" + (" (suspended)" if one.person.suspended_at else "")] if one.person else []
            if one.old and one.old.until and one.old.until > real.now():
                facts.append(f"…{one.old.hint} works too until {one.old.until.astimezone(business.tz):%Y-%m-%d %H:%M}")
            print(f"{', '.join(facts)}  ({key.id})")
    return 0


async def _roll(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        meant, by = await _the_key(store, business, asked.name), await _operator(store, business)
        _, secret = await keys.roll(store, real, business, meant.id, by=by.id, overlap=keys.OVERLAPS[asked.overlap])
    print(secret)
    return 0


async def _revoke(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, real, business):
        meant, by = await _the_key(store, business, asked.name), await _operator(store, business)
        await keys.revoke(store, real, business, meant.id, by=by.id)
    print(f"revoked {meant.name}")
    return 0
