"""The command line: start a business, serve, follow, look after certificates, ask what is wrong, and show it all (demo)."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

import uvicorn

from app import asgi, certs, db, doctor, logs, settings, world
from app.desk import Desk, examples, found, read, wallets
from passes.problems import NotFound, Problem

DEVELOPMENT = "pass.dev.counterpass"

Command = Callable[[argparse.Namespace, settings.Settings], Awaitable[int]]


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

    def command(
        name: str, run: Command, help_: str, under: "argparse._SubParsersAction[argparse.ArgumentParser]" = commands
    ) -> argparse.ArgumentParser:
        added = under.add_parser(name, help=help_, description=help_)
        added.set_defaults(run=run)
        return added

    init = command("init", _init, "make the database, the first business, its owner and a token, and development certificates")
    init.add_argument("--name", default="My café", help="the business's name")
    init.add_argument("--zone", default="UTC", help="its time zone, as in the tz database: Asia/Ho_Chi_Minh")
    init.add_argument("--currency", default="EUR", help="its currency, three letters of ISO 4217")
    init.add_argument("--languages", default="en,vi", help="its languages, the first is the default")
    init.add_argument("--location", default="Main counter", help="its first location")
    init.add_argument("--owner", default="Owner", help="the owner's name")

    serve = command("serve", _serve, "run the web service and its followers")
    serve.add_argument("--no-followers", action="store_true", help="only the web; run `counterpass follow` beside it")
    command("follow", _follow, "run only the followers, which tell the phones")
    command("migrate", _migrate, "bring the database's tables up to this version")
    command("doctor", _doctor, "look for everything known to go wrong, and name the cure")

    cert = commands.add_parser(
        "certs", help="Apple certificates: request, import, check", description="Apple certificates: request, import, check"
    )
    certs_ = cert.add_subparsers(dest="certs", required=True, metavar="COMMAND")
    csr = command("csr", _csr, "make a key and the request that Apple's portal signs", certs_)
    csr.add_argument("--email", required=True, help="the e-mail address of the Apple developer account")
    csr.add_argument("--name", required=True, help="the company's or person's name")
    take = command("import", _import, "take in the certificate that Apple made, and check it", certs_)
    take.add_argument("certificate", type=Path, help="the .cer from Apple's portal (or a .pem)")
    take.add_argument("--wwdr", type=Path, help="Apple's intermediate (WWDR G4), .cer or .pem, from apple.com/certificateauthority")
    command("check", _check, "check the installed certificates", certs_)

    staff = commands.add_parser("staff", help="people and their tokens", description="People and their tokens")
    staff_ = staff.add_subparsers(dest="staff", required=True, metavar="COMMAND")
    token = command("token", _token, "make a bearer token for a staff member at a location; it is shown once", staff_)
    token.add_argument("--business", help="the business's name or id, if there are several")
    token.add_argument("--name", required=True, help="the staff member's name; hired as --role if new")
    token.add_argument("--role", choices=("owner", "manager", "cashier"), default="cashier", help="the role of a new staff member")
    token.add_argument("--location", help="the location's name, if there are several")

    pass_ = commands.add_parser("pass", help="passes", description="Passes")
    pass__ = pass_.add_subparsers(dest="pass_", required=True, metavar="COMMAND")
    export = command("export", _export, "write a card's signed .pkpass", pass__)
    export.add_argument("card", help="the card's number or id")
    export.add_argument("--to", type=Path, default=Path("card.pkpass"), help="the file to write")

    demo = command("demo", _demo, "a demo café with sandbox phones; everything in one place, nothing leaves this machine")
    demo.add_argument(
        "--once", action="store_true", help="play the main job without a person and say whether each step was seen on the phones"
    )
    demo.add_argument("--keep", type=Path, help="with --once: the folder for the pass, the Google bodies and the transcript")
    demo.add_argument("--database", help="the database to play on, instead of a new SQLite file")
    demo.add_argument("--port", type=int, default=8000, help="the port of the service; the phones' page is on the next one")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    asked = parser().parse_args(arguments)
    logs.to_stderr()
    try:
        known = settings.read(os.environ)
        status: int = asyncio.run(asked.run(asked, known))
    except KeyboardInterrupt:
        return 130
    except (ValueError, LookupError, OSError, db.DatabaseProblem, Problem) as error:
        print(f"counterpass: {error}", file=sys.stderr)
        return 1
    return status


@contextlib.asynccontextmanager
async def _desk(known: settings.Settings) -> AsyncIterator[Desk]:
    async with asgi.open_desk(known) as (desk, _):
        yield desk


async def _init(asked: argparse.Namespace, known: settings.Settings) -> int:
    await db.migrate(known.database_url)
    folder = known.certs / "apple"
    now = world.now()
    if not (folder / "certificate.pem").exists():
        certs.make_development_chain(folder, pass_type=DEVELOPMENT, team="DEVELOPER1", organization=asked.name, now=now)
        print(f"development certificates in {folder}: good for the sandbox, not for real phones (see `counterpass certs csr`)")
    async with _desk(known) as desk:
        if await desk.store.businesses():
            print("there is a business already; nothing was changed")
            return 1
        try:
            founded = await found.found(
                desk.store,
                desk.world,
                name=asked.name,
                zone=asked.zone,
                currency=asked.currency,
                languages=tuple(asked.languages.split(",")),
                location=asked.location,
                owner=asked.owner,
            )
        except ZoneInfoNotFoundError as error:
            raise ValueError(f"there is no time zone {asked.zone!r}; names are like Europe/Berlin") from error
        business = await examples.cafe(desk.store, desk.world, founded.business)
        programs = await desk.store.programs(business.id)
        secret = await found.hand_out_token(
            desk.store,
            desk.world,
            business_id=business.id,
            staff_id=founded.owner.id,
            location_id=founded.location.id,
            name="first token",
        )
    print(f"business   {business.name} ({business.id})")
    for program in programs:
        print(f"program    {program.name.said('en')} ({program.id})")
    print(f"token      {secret}   (shown once; it is the owner's)")
    print("next       counterpass serve")
    return 0


async def _serve(asked: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    app = asgi.create_app(known, followers=not asked.no_followers)
    # An open event stream would hold the shutdown for as long as somebody watches.
    config = uvicorn.Config(
        app, host=known.host, port=known.port, log_level="warning", access_log=False, timeout_graceful_shutdown=3, server_header=False
    )
    print(f"serving {known.public_url} on {known.host}:{known.port}", file=sys.stderr)
    await uvicorn.Server(config).serve()
    return 0


async def _follow(_: argparse.Namespace, known: settings.Settings) -> int:
    await _must_be_migrated(known)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with asgi.open_desk(known) as (desk, bell), asgi.following(desk, bell):
        print("following; phones are told as cards change", file=sys.stderr)
        await stop.wait()
    return 0


async def _must_be_migrated(known: settings.Settings) -> None:
    store = await db.open_store(known.database_url, queue=known.queue)
    try:
        missing = await store.migrations_missing()
    finally:
        await store.close()
    if missing:
        raise ValueError(f"the database lacks {', '.join(missing)}: run `counterpass init` (new) or `counterpass migrate`")


async def _migrate(_: argparse.Namespace, known: settings.Settings) -> int:
    await db.migrate(known.database_url)
    print("the database is up to date")
    return 0


async def _doctor(_: argparse.Namespace, known: settings.Settings) -> int:
    errors = 0
    async for finding in doctor.examine(known, now=world.now()):
        errors += finding.level == "error"
        print(f"{finding.level:<8} {finding.problem}")
        print(f"         cure: {finding.cure}")
    print("nothing wrong was found" if not errors else f"{errors} to correct")
    return 1 if errors else 0


async def _csr(asked: argparse.Namespace, known: settings.Settings) -> int:
    path = certs.request(known.certs / "apple", email=asked.email, name=asked.name)
    print(f"upload {path} at developer.apple.com (Certificates, Pass Type IDs), then `counterpass certs import`")
    return 0


async def _import(asked: argparse.Namespace, known: settings.Settings) -> int:
    certs.take_in(known.certs / "apple", certificate=asked.certificate, wwdr=asked.wwdr)
    return await _check(asked, known)


async def _check(_: argparse.Namespace, known: settings.Settings) -> int:
    folders = sorted(folder for folder in known.certs.glob("apple*") if folder.is_dir())
    findings = [finding for folder in folders for finding in certs.check(folder, now=world.now())]
    for finding in findings:
        print(f"{finding.level:<8} {finding.problem}")
        print(f"         cure: {finding.cure}")
    if not folders:
        print(f"there are no certificates in {known.certs}: begin with `counterpass certs csr`")
    elif not findings:
        print("the certificates are good")
    return 1 if not folders or any(finding.level == "error" for finding in findings) else 0


async def _token(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with _desk(known) as desk:
        store = desk.store
        business = _the_one("business", await store.businesses(), asked.business)
        location = _the_one("location", await store.locations(business.id), asked.location)
        person = next((one for one in await store.staff(business.id) if one.name == asked.name), None)
        if person is None:
            person = await found.hire(store, desk.world, business, name=asked.name, role=asked.role)
            print(f"hired {person.name} as {person.role}", file=sys.stderr)
        secret = await found.hand_out_token(
            store,
            desk.world,
            business_id=business.id,
            staff_id=person.id,
            location_id=location.id,
            name=f"{person.name} at {location.name}",
        )
    print(secret)
    return 0


def _the_one(what: str, all_: Sequence[Named], wanted: str | None) -> Any:
    """The one that is meant by name or id, or the only one. Raises LookupError that lists what there is."""
    fitting = [one for one in all_ if wanted is None or wanted in (one.name, str(one.id))]
    if len(fitting) != 1:
        names = ", ".join(one.name for one in all_) or "none: run `counterpass init`"
        raise LookupError(f"say which {what} with --{what}: {names}")
    return fitting[0]


async def _export(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with _desk(known) as desk:
        for business in await desk.store.businesses():
            with contextlib.suppress(NotFound):
                facts = await read.card_facts(desk, business.id, asked.card)
                asked.to.write_bytes(await wallets.apple_pass(desk, facts))
                print(f"wrote {asked.to}")
                return 0
    raise LookupError(f"there is no card {asked.card}")


async def _demo(asked: argparse.Namespace, _: settings.Settings) -> int:
    os.environ["COUNTERPASS_SANDBOX"] = "true"
    from app.sandbox import demo  # the sandbox refuses to be imported unless it is asked for

    if asked.once:
        return await demo.once(keep=asked.keep, database=asked.database)
    return await demo.stay(database=asked.database, port=asked.port)
