"""The command line: start a business, serve, follow, look after certificates, ask what is wrong, and show it all (demo)."""

import argparse
import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import uvicorn

from app import asgi, certs, credentials, db, doctor, logs, settings, world
from app.desk import Desk, examples, found, people, read, wallets
from app.desk.courtesy import Courtesy
from app.outbound import Outbound
from app.store import Member, Staff, Store
from passes.problems import NotFound, Problem

DEVELOPMENT = "pass.dev.counterpass"
GRACE = 2
"""Seconds that requests under way have to finish when the service is told to stop."""
INTERRUPTED = 130
TERMINATED = 143

Command = Callable[[argparse.Namespace, settings.Settings], Awaitable[int]]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 (argparse has no public name for it)


class Named(Protocol):
    """Something with an id and a name."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...


def parser() -> argparse.ArgumentParser:
    """Every command with its help. Settings come from the environment (docs/settings.md), not from flags."""
    top = argparse.ArgumentParser(prog="counterpass", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    init = _command(commands, "init", _init, "make the database, the first business, its owner and a token, and development certificates")
    init.add_argument("--another", action="store_true", help="begin a business beside those that there are")
    _may_name_a_certificate(init, "it signs cards with an Apple certificate of its own, that of the folder certs/apple-NAME")
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

    serve = _command(commands, "serve", _serve, "run the web service and its followers")
    serve.add_argument("--no-followers", action="store_true", help="only the web; run `counterpass follow` beside it")
    _command(commands, "follow", _follow, "run only the followers, which tell the phones; beside `serve --no-followers`")
    _command(commands, "migrate", _migrate, "bring the database's tables up to this version")
    _command(commands, "doctor", _doctor, "look for everything known to go wrong, and name the cure")

    _certs_commands(commands)
    _staff_commands(commands)

    pass_ = commands.add_parser("pass", help="a card's pass, as a phone would get it", description="A card's pass, as a phone would get it")
    pass__ = pass_.add_subparsers(dest="pass_", required=True, metavar="COMMAND")
    export = _command(pass__, "export", _export, "write a card's signed .pkpass")
    export.add_argument("card", help="the card's number or id")
    export.add_argument("--to", type=Path, default=Path("card.pkpass"), help="the file to write (%(default)s)")

    demo = _command(commands, "demo", _demo, "a demo café with sandbox phones; everything in one place, nothing leaves this machine")
    demo.add_argument(
        "--once", action="store_true", help="play the main job without a person and say whether each step was seen on the phones"
    )
    demo.add_argument("--keep", type=Path, help="with --once: the folder for the pass, the Google bodies and the transcript")
    demo.add_argument("--database", help="the database to play on, instead of a new SQLite file: it gets a demo café")
    demo.add_argument("--port", type=_port, default=8000, help="the port of the service; the phones' page is on the next one (%(default)s)")
    return top


def _command(under: Commands, name: str, run: Command, help_: str) -> argparse.ArgumentParser:
    added = under.add_parser(name, help=help_, description=help_)
    added.set_defaults(run=run)
    return added


def _may_name_a_certificate(added: argparse.ArgumentParser, help_: str) -> None:
    added.add_argument("--certificate", type=_certificate, default="", metavar="NAME", help=help_)


def _certs_commands(commands: Commands) -> None:
    cert = commands.add_parser(
        "certs", help="Apple certificates: request, import, check", description="Apple certificates: request, import, check"
    )
    certs_ = cert.add_subparsers(dest="certs", required=True, metavar="COMMAND")
    csr = _command(certs_, "csr", _csr, "make a key and the request that Apple's portal signs")
    csr.add_argument("--email", required=True, help="the e-mail address of the Apple developer account")
    csr.add_argument("--name", required=True, help="the company's or person's name")
    _may_name_a_certificate(csr, "for a business with a certificate of its own: the folder certs/apple-NAME")
    take = _command(certs_, "import", _import, "take in the certificate that Apple made, and check it")
    take.add_argument("file", type=Path, metavar="CERTIFICATE", help="the .cer from Apple's portal (or a .pem)")
    take.add_argument("--wwdr", type=Path, help="Apple's intermediate (WWDR G4), .cer or .pem, from apple.com/certificateauthority")
    take.add_argument("--key", type=Path, help="its key (.pem), if it is not that of `certs csr`")
    _may_name_a_certificate(take, "for a business with a certificate of its own: the folder certs/apple-NAME")
    use = _command(certs_, "use", _use, "let a business that no iPhone holds a card of sign with another certificate")
    use.add_argument("--business", help="the business's name or id, if there are several")
    _may_name_a_certificate(use, "that of the folder certs/apple-NAME (without it: the installation's, certs/apple)")
    _command(certs_, "check", _check, "check the installed certificates")


def _staff_commands(commands: Commands) -> None:
    staff = commands.add_parser("staff", help="people and their tokens", description="People and their tokens")
    staff_ = staff.add_subparsers(dest="staff", required=True, metavar="COMMAND")
    token = _command(staff_, "token", _token, "make a bearer token for a staff member at a location; it is shown once")
    token.add_argument("--business", help="the business's name or id, if there are several")
    token.add_argument("--name", required=True, help="the staff member's name; hired as --role if new")
    token.add_argument("--role", choices=("owner", "manager", "cashier"), default="cashier", help="the role of a new staff member")
    token.add_argument("--location", help="the location's name, if there are several")
    invite = _command(
        staff_, "invite", _invite, "print a link that works once, with which a person sets password and PIN: new, or locked out"
    )
    invite.add_argument("--business", help="the business's name or id, if there are several")
    invite.add_argument("name", metavar="NAME", help="the person's name; hired as --role if new")
    invite.add_argument("--role", choices=("owner", "manager", "cashier"), default="cashier", help="the role of a new staff member")
    revoke = _command(staff_, "revoke", _revoke, "take a staff member's tokens back, at once")
    revoke.add_argument("--business", help="the business's name or id, if there are several")
    revoke.add_argument("--name", required=True, help="the staff member's name")
    revoke.add_argument("--location", help="only the tokens for the location of this name")
    list_ = _command(staff_, "list", _list, "the people of a business, who of them cannot sign in and why, and the tokens that they have")
    list_.add_argument("--business", help="the business's name or id, if there are several")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. What an operator can cause is one line on standard error, never a traceback."""
    asked = parser().parse_args(arguments)
    logs.to_stderr()
    try:
        known = settings.read(os.environ)
        # The loop that uvicorn would take by itself: a third faster than asyncio's own.
        with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
            return int(runner.run(asked.run(asked, known)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return TERMINATED
    except Problem as problem:
        why = problem.detail(asgi.words(), "en", lambda at: f"{at:%Y-%m-%d %H:%M %Z}")
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, db.DatabaseProblem) as error:
        why = str(error)
    print(f"counterpass: {why}", file=sys.stderr)
    return 1


@contextlib.asynccontextmanager
async def _desk(known: settings.Settings) -> AsyncIterator[Desk]:
    await _must_be_migrated(known)
    async with asgi.open_desk(known) as (desk, _):
        yield desk


@contextlib.asynccontextmanager
async def _store(known: settings.Settings) -> AsyncIterator[tuple[Store, world.World]]:
    """The store, and the world with a way out: all that is needed where no card is drawn."""
    outbound = Outbound(trust=known.trust)
    store = await db.open_store(known.database_url, queue=known.queue)
    try:
        yield store, world.real(outbound)
    finally:
        await store.close()
        await outbound.close()


async def _init(asked: argparse.Namespace, known: settings.Settings) -> int:
    languages, rewards = _checked(asked)
    await _migrated(known)
    folder = _folder(known, asked.certificate)
    async with _store(known) as (store, real):
        there = [business.name for business in await store.businesses()]
        if there and not asked.another:
            print(
                f"there is a business already ({', '.join(there)}); nothing was changed. "
                "For a token: `counterpass staff token`; for a second business: --another"
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
        secret = await found.hand_out_token(
            store,
            real,
            business_id=business.id,
            staff_id=founded.owner.id,
            location_id=founded.location.id,
            name="first token",
        )
        link = await _link(store, real, known, founded.owner)
    print(f"business   {business.name} ({business.id})")
    for program in programs:
        print(f"program    {program.name.said(languages[0])} ({program.id})")
    print(f"token      {secret}   (shown once; it is the owner's)")
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


async def _serve(asked: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known, or_new=True)
    _wallets_must_open(known)
    app = asgi.create_app(known, followers=not asked.no_followers)
    # What there is now stays for good; the garbage collector would walk through it again and again, 50 ms at a time.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app, host=known.host, port=known.port, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE, server_header=False
    )
    with _listening(known.host, known.port, "set COUNTERPASS_PORT") as door:
        host, port, *_ = door.getsockname()
        print(f"serving on http://{host}:{port}; phones and browsers are told {known.public_url}", file=sys.stderr, flush=True)
        if await _is_empty(known):
            link = f"{known.public_url.rstrip('/')}/start/{app.state.start}"
            print(f"nobody is here yet. Begin your shop: {link}   (until somebody has)", file=sys.stderr, flush=True)
        await _Server(config).serve(sockets=[door])
    return 0


class _Server(uvicorn.Server):
    """uvicorn, which waits for open answers when it stops: the live pages' never end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live pages, then stop."""
        self.config.app.state.live.close()  # type: ignore[union-attr] # it is ours
        await super().shutdown(sockets)


def _listening(host: str, port: int, cure: str) -> socket.socket:
    """A socket bound before anything else starts. Raises ValueError if that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        door = socket.socket(family)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError:
            door.close()
            raise
    except OSError as error:
        raise ValueError(f"port {port} of {host} cannot be had ({error.strerror}): stop what listens there, or {cure}") from error
    return door


def _wallets_must_open(known: settings.Settings) -> None:
    """Raises ValueError for credentials that cannot be read: better now than at the first card."""
    for title, open_ in (("Apple Wallet", credentials.apple_wallet), ("Google Wallet", credentials.google_wallet)):
        try:
            open_(known)
        except (OSError, ValueError) as error:
            raise ValueError(f"{title} cannot start: {error}; `counterpass doctor` names the cure") from error


async def _follow(_: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    _wallets_must_open(known)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    courtesy = Courtesy()
    async with (
        asgi.open_desk(known, courtesy=courtesy) as (desk, bell),
        db.neighbours(known.database_url, courtesy.heard),
        asgi.following(desk, bell, lease=known.lease),
    ):
        print("following: phones are told as cards change", file=sys.stderr, flush=True)
        await stop.wait()
    return 0


async def _is_empty(known: settings.Settings) -> bool:
    async with _store(known) as (store, _):
        return not await store.businesses()


async def _must_be_migrated(known: settings.Settings, *, or_new: bool = False) -> None:
    """Raises ValueError for a database that is not as this version needs it.

    With ``or_new`` the usual one is made if it is not there. One that somebody named is not: they may have named a wrong one.
    """
    if or_new and known.database_url == settings.Settings().database_url and doctor.missing_file(known.database_url):
        await _migrated(known)
        known.certs.mkdir(mode=0o700, exist_ok=True)  # where the key of sessions is kept
    if missing := doctor.missing_file(known.database_url):
        raise ValueError(f"there is no database {missing}: run `counterpass init`, or correct DATABASE_URL")
    store = await db.open_store(known.database_url, queue=known.queue)
    try:
        lacking = await store.migrations_missing()
    finally:
        await store.close()
    if lacking:
        raise ValueError(f"the database lacks {len(lacking)} migrations: run `counterpass migrate` (a new shop: `counterpass init`)")


async def _migrated(known: settings.Settings) -> None:
    _must_have_a_folder(known.database_url)
    await db.migrate(known.database_url)


def _must_have_a_folder(url: str) -> None:
    missing = doctor.missing_file(url)
    if missing and not os.access(missing.parent, os.W_OK):
        raise ValueError(f"{missing.parent} is not a folder that can be written: no database can be made there")


async def _migrate(_: argparse.Namespace, known: settings.Settings) -> int:
    await _migrated(known)
    print("the database is up to date")
    return 0


async def _doctor(_: argparse.Namespace, known: settings.Settings) -> int:
    found_ = [finding async for finding in _told(doctor.examine(known, now=world.now()))]
    errors, warnings = (sum(finding.level == level for finding in found_) for level in ("error", "warning"))
    print(f"{errors} to correct" if errors else f"nothing to correct; {warnings} to think about" if warnings else "nothing wrong was found")
    return 1 if errors else 0


async def _told(findings: AsyncIterator[certs.Finding]) -> AsyncIterator[certs.Finding]:
    async for finding in findings:
        print(f"{finding.level:<8} {finding.problem}\n         cure: {finding.cure}", flush=True)
        yield finding


async def _csr(asked: argparse.Namespace, known: settings.Settings) -> int:
    path = certs.request(_folder(known, asked.certificate), email=asked.email, name=asked.name)
    own = f" --certificate {asked.certificate}" if asked.certificate else ""
    print(f"upload {path} at developer.apple.com (Certificates, Pass Type IDs), then `counterpass certs import{own}`")
    return 0


async def _import(asked: argparse.Namespace, known: settings.Settings) -> int:
    folder = _folder(known, asked.certificate)
    certs.take_in(folder, certificate=asked.file, wwdr=asked.wwdr, key=asked.key)
    print(f"the certificate is in {folder}; a service that runs must be restarted")
    return await _check(asked, known)


def _folder(known: settings.Settings, name: str) -> Path:
    """Where the certificate of this name lies; without a name, the installation's."""
    return known.certs / (f"apple-{name}" if name else "apple")


async def _use(asked: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    wallet = credentials.apple_wallet(known)
    certificate = wallet.certificates.get(asked.certificate) if wallet is not None else None
    if certificate is None:
        raise ValueError(f"there is no certificate in {_folder(known, asked.certificate)}: begin with `counterpass certs csr`")
    async with _store(known) as (store, _):
        business = _the_one("business", await store.businesses(), asked.business)
        await found.sign_with(store, business, asked.certificate, pass_type=certificate.pass_type)
    print(f"{business.name} signs cards of {certificate.pass_type}")
    return 0


async def _check(_: argparse.Namespace, known: settings.Settings) -> int:
    folders = doctor.certificate_folders(known)
    if not folders:
        raise ValueError(f"there are no certificates in {known.certs}: begin with `counterpass certs csr`")
    findings = [finding for folder in folders for finding in certs.check(folder, now=world.now())]
    for finding in findings:
        print(f"{finding.level:<8} {finding.problem}\n         cure: {finding.cure}")
    if not findings:
        print("the certificates are good")
    return 1 if any(finding.level == "error" for finding in findings) else 0


async def _token(asked: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    async with _store(known) as (store, real):
        business = _the_one("business", await store.businesses(), asked.business)
        location = _the_one("location", await store.locations(business.id), asked.location)
        person = next((one for one in await store.staff(business.id) if one.name == asked.name), None)
        if person is None:
            person = await found.hire(store, real, business, name=asked.name, role=asked.role)
            print(f"hired {person.name} as {person.role}", file=sys.stderr)
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
    await _must_be_migrated(known)
    async with _store(known) as (store, real):
        business = _the_one("business", await store.businesses(), asked.business)
        person = next((one for one in await store.staff(business.id) if one.name == asked.name and not one.counter), None)
        if person is None:
            if not asked.name.strip():
                raise ValueError("a person needs a name")
            person = await found.hire(store, real, business, name=asked.name, role=asked.role)
            print(f"hired {person.name} as {person.role}", file=sys.stderr)
        elif person.suspended_at is not None:
            raise ValueError(f"{person.name} is suspended: an owner or manager lets people back on the staff page")
        print(await _link(store, real, known, person))
    return 0


async def _link(store: Store, real: world.World, known: settings.Settings, person: Staff) -> str:
    """A link with which a person sets what they sign in with. The operator who prints it acts as that person."""
    (member,) = await store.members(staff_id=person.id)
    return f"{known.public_url.rstrip('/')}/invite/{await people.link(store, real, member, made_by=person.id)}"


async def _revoke(asked: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    async with _store(known) as (store, real):
        business = _the_one("business", await store.businesses(), asked.business)
        person = _the_one("name", await store.staff(business.id), asked.name)
        location = _the_one("location", await store.locations(business.id), asked.location) if asked.location else None
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
    await _must_be_migrated(known)
    async with _store(known) as (store, _):
        business = _the_one("business", await store.businesses(), asked.business)
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


def _the_one(what: str, all_: Sequence[Named], wanted: str | None) -> Any:
    """The one that is meant by name or id, or the only one. Raises ValueError that lists what there is."""
    fitting = [one for one in all_ if wanted is None or wanted in (one.name, str(one.id))]
    if len(fitting) != 1:
        names = ", ".join(one.name for one in all_) or "none: run `counterpass init`"
        raise ValueError(f"say which {what} with --{what}: {names}")
    return fitting[0]


async def _export(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with _desk(known) as desk:
        for business in await desk.store.businesses():
            with contextlib.suppress(NotFound):
                facts = await read.card_facts(desk, business.id, asked.card)
                asked.to.write_bytes(await wallets.apple_pass(desk, facts))
                print(f"wrote {asked.to}")
                return 0
    raise ValueError(f"there is no card {asked.card}")


async def _demo(asked: argparse.Namespace, _: settings.Settings) -> int:
    os.environ["COUNTERPASS_SANDBOX"] = "true"
    try:
        from app.sandbox import demo  # the sandbox refuses to be imported unless it is asked for
    except ModuleNotFoundError as error:
        raise ValueError(f"the demo needs the sandbox's packages ({error.name} is missing): pip install 'counterpass[sandbox]'") from error
    if asked.database:
        _must_have_a_folder(asked.database)
    task = asyncio.current_task()
    if task is not None:  # SIGTERM must stop the service that the demo started, too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        if asked.once:
            if asked.keep:
                asked.keep.mkdir(parents=True, exist_ok=True)
            return await demo.once(keep=asked.keep, database=asked.database)
        for port in (asked.port, asked.port + 1):
            _listening("127.0.0.1", port, "say another with --port (the next one is taken, too)").close()
        return await demo.stay(database=asked.database, port=asked.port)
    except demo.NotSeen as failure:
        raise ValueError(str(failure)) from failure


def _certificate(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of letters, digits, - and _")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65535:  # noqa: PLR2004 (the last port has no next one)
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65534")
    return int(text)
