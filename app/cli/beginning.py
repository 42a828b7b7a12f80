"""``init``: the first business, or one more."""

import argparse
import re
from zoneinfo import ZoneInfo

from app import asgi, certs, settings, world
from app.cli import asking, certificates, opening, staff
from app.desk import examples, found, keys

DEVELOPMENT = "pass.dev.counterpass"


def add(commands: asking.Commands) -> None:
    """``init``."""
    init = asking.command(
        commands, "init", _init, "make the database, the first business, its owner and a key, and development certificates"
    )
    init.add_argument("--another", action="store_true", help="begin a business beside those that there are")
    asking.may_name_a_certificate(init, "it signs cards with an Apple certificate of its own, that of the folder certs/apple-NAME")
    init.add_argument("--name", default="My café", help="the business's name (%(default)s)")
    init.add_argument("--zone", default="UTC", help="its time zone, as in the tz database: Asia/Ho_Chi_Minh (%(default)s)")
    init.add_argument("--currency", default="EUR", help="its currency, three letters of ISO 4217 (%(default)s)")
    init.add_argument("--languages", default="en,vi", help="its languages, the first is the default (%(default)s)")
    init.add_argument("--contact", default="", help="what the back of a card says about reaching it: a phone number, an address")
    init.add_argument("--location", default="Main counter", help="its first location (%(default)s)")
    init.add_argument("--owner", default="Owner", help="the owner's name (%(default)s)")
    init.add_argument(
        "--reward",
        action="append",
        metavar="STAMPS=REWARD",
        help="at so many stamps, this: `--reward 5='Free cookie' --reward 10='Free coffee'`; the last ends a round "
        "(without any: exactly these two, in English and Vietnamese)",
    )
    init.add_argument("--days", type=int, default=90, help="with --reward: the days for which a reward is valid (%(default)s)")


async def _init(asked: argparse.Namespace, known: settings.Settings) -> int:
    languages, rewards = _checked(asked)
    await opening.migrated(known)
    folder = certificates.folder_of(known, asked.certificate)
    async with opening.the_store(known) as (store, real):
        there = [business.name for business in await store.businesses()]
        if there and not asked.another:
            print(
                f"there is a business already ({', '.join(there)}); nothing was changed. "
                "For a key: `counterpass keys make`; for a second business: --another"
            )
            return 1
        if asked.name in there:
            raise ValueError(f"there is a business called {asked.name} already: say another --name")
        if asked.certificate:
            if not (folder / "certificate.pem").exists():
                print(f"no certificate in {folder} yet: `counterpass certs csr --certificate {asked.certificate}` comes first, then serve")
        elif not (folder / "certificate.pem").exists():
            certs.make_development_chain(folder, pass_type=DEVELOPMENT, team="DEVELOPER1", organization=asked.name, now=world.now())
            print(f"development certificates in {folder}: good for the sandbox, not for real phones (see `counterpass certs csr`)")
        founded = await found.found(
            store,
            real,
            name=asked.name,
            zone=asked.zone,
            currency=asked.currency,
            languages=languages,
            location=asked.location,
            owner=asked.owner,
            contact=asked.contact,
            apple=asked.certificate,
        )
        if rewards:
            business = await examples.stamps(store, real, founded.business, rewards, days=asked.days)
        else:
            business = await examples.cafe(store, real, founded.business)
        programs = await store.programs(business.id)
        _, secret = await keys.hand_out(
            store,
            real,
            business,
            name="first key",
            location_id=founded.location.id,
            made_by=founded.owner.id,
            staff_id=founded.owner.id,
        )
        link = await staff.link(store, real, known, founded.owner)
    print(f"business   {business.name} ({business.id})")
    for program in programs:
        print(f"program    {program.name.said(languages[0])} ({program.id})")
    print(f"key        {secret}   (shown once; it works for the owner)")
    print(f"sign in    {link}   (works once, for 7 days, while the service runs: the owner sets a password)")
    print("next       counterpass serve")
    return 0


def _checked(asked: argparse.Namespace) -> tuple[tuple[str, ...], dict[int, str]]:
    """The languages and the rewards of a new business. Raises ValueError, before anything was made."""
    if not all(value.strip() for value in (asked.name, asked.location, asked.owner)):
        raise ValueError("the business, its location and its owner each need a name")
    try:
        ZoneInfo(asked.zone)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {asked.zone!r}; names are like Europe/Berlin") from error
    if not re.fullmatch("[A-Z]{3}", asked.currency):
        raise ValueError(f"{asked.currency!r} is not a currency; they are like EUR or VND")
    languages, spoken = tuple(asked.languages.split(",")), asgi.words().languages
    if unknown := [language for language in languages if language not in spoken]:
        raise ValueError(f"cards do not speak {', '.join(map(repr, unknown))}; they speak {', '.join(spoken)}")
    if not 0 <= asked.days <= 3660:  # noqa: PLR2004 (what passes.offers.Days takes)
        raise ValueError(f"{asked.days} days are not between 0 and 3660")
    rewards = {}
    for reward in asked.reward or ():
        count, _, what = reward.partition("=")
        if not count.isdecimal() or not int(count) or not what.strip():
            raise ValueError(f"--reward is like 10='Free coffee', not {reward!r}")
        rewards[int(count)] = what.strip()
    return languages, rewards
