"""The demo: a real service in its own process, Apple's and Google's stand-ins and phones around it, and a café to play in."""

import asyncio
import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from app import asgi, certs, db
from app.desk import Desk, enrolment, examples, found, keys
from app.desk.hashing import hashed
from app.outbound import Outbound
from app.sandbox import past
from app.sandbox.apns import ApnsSandbox
from app.sandbox.evenings import Evenings
from app.sandbox.google import GoogleSandbox, NotSaved
from app.sandbox.mail import MailSandbox
from app.sandbox.page import CannotOpen, Door, Holder, SandboxPage, Shelf, Try
from app.sandbox.passfile import Rejected, Shown
from app.sandbox.phone import Phone
from app.store import SCOPES, CounterKind, Staff, Store
from app.world import World, now, real
from passes.businesses import Brand
from passes.wallets.base import Answer, Ask, Unreachable

ZONE: Final = "Asia/Ho_Chi_Minh"
PASS_TYPE: Final = "pass.dev.counterpass"
PATIENCE: Final = 15.0
"""Seconds in which a phone must have seen a change; it usually takes one."""
CREATED: Final = 201
READY_BY: Final = 20.0
DOMAIN: Final = "caphesang.example"
PASSWORD: Final = "tea with milk and honey"
"""The demo owner's. The demo answers on this machine only, and forgets everything in the end."""
PAST: Final = 30
"""Days that lie behind the café when somebody comes to look."""
HIDDEN: Final = r'name="%s" value="([^"]+)"'
"""A field that a form brings along."""
ALLOWED: Final = {"COUNTERPASS_WEBHOOKS_PRIVATE": "true"}
"""What the service may here and nowhere else: tell a till on this machine."""
COUNTERS: Final[Mapping[CounterKind, str]] = {"staff": "Till by the door", "kiosk": "Kiosk at the window"}
PINS: Final = {"Lan": "7413", "An": "2580", "Thu": "3690"}


class NotSeen(Exception):
    """A step of the demo did not come out as it must. The text says which and why."""


class Till:
    """Somebody with a key, asking the service as curl would."""

    def __init__(self, http: Outbound, url: str, secret: str) -> None:
        self._http, self.url, self.secret = http, url, secret

    async def ask(self, method: str, path: str, body: object = None, *, photo: bytes = b"") -> tuple[int, Any]:
        """One call of the API: the status, and the body (decoded if it is JSON)."""
        headers = (
            ("Authorization", f"Bearer {self.secret}"),
            ("Idempotency-Key", str(uuid4())),
            ("Content-Type", "image/png" if photo else "application/json"),
        )
        sent = photo or (b"" if body is None else msgspec.json.encode(body))
        answer = await self._http(Ask(method=method, url=f"{self.url}/api/v1/{path}", headers=headers, body=sent))  # type: ignore[arg-type]
        return answer.status, json.loads(answer.body) if "json" in answer.headers.get("content-type", "") else answer.body

    async def done(self, path: str, body: object = None, *, photo: bytes = b"") -> Any:
        """A POST that must succeed."""
        status, answer = await self.ask("POST", path, {} if body is None else body, photo=photo)
        if status != CREATED:
            raise NotSeen(f"POST {path} was answered {status}: {answer}")
        return answer


class Customer(msgspec.Struct):
    """A person of the demo: a phone with Apple Wallet, and the same card at Google."""

    card: dict[str, Any]
    phone: Phone
    google: str

    @property
    def apple(self) -> Shown:
        """The card on the Apple phone."""
        return next(iter(self.phone.passes.values()))


class Stage:
    """Everything of a demo while it runs: stand-ins, the service, the café, its people."""

    def __init__(self, folder: Path, *, database: str | None, port: int | None, days: int = 0) -> None:
        self.folder = folder
        self.days = days
        self.database = database or f"sqlite:///{folder}/counterpass.db"
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.customers: dict[str, Customer] = {}
        self.phones: list[Phone] = []
        self.doors: dict[CounterKind, str] = {}
        self.till: Till
        self.manager: Till
        self.test_key: str
        self.looking_key: str
        self.apns: ApnsSandbox
        self.google: GoogleSandbox
        self.mail: MailSandbox
        self.http: Outbound

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Stage"]:
        """Start it all; in the end stop it all."""
        chain = self.folder / "certs" / "apple"
        if not (chain / "certificate.pem").exists():
            certs.make_development_chain(chain, pass_type=PASS_TYPE, team="DEVELOPER1", organization="Counterpass demo", now=now())
        self.root = (chain / "root.pem").read_bytes()
        async with AsyncExitStack() as stack:
            self.http = Outbound(None)
            stack.push_async_callback(self.http.close)
            self.apns = await stack.enter_async_context(ApnsSandbox(chain, now=now))
            self.google = await stack.enter_async_context(GoogleSandbox(self.folder))
            self.mail = await stack.enter_async_context(MailSandbox())
            await self.open_the_cafe()
            await stack.enter_async_context(self._service(chain))
            yield self
            for phone in self.phones:
                await phone.close()

    async def open_the_cafe(self) -> None:
        """The café in its database, as the service will find it: with its people, its counters, and its past."""
        await db.migrate(self.database)
        store, world = await db.open_store(self.database, queue=100), real(self.http)
        try:
            founded = await found.found(
                store,
                world,
                name="Cà Phê Sáng",
                zone=ZONE,
                currency="VND",
                languages=("en", "vi"),
                location="Bến Thành",
                owner="Lan",
                email=f"lan@{DOMAIN}",
                contact=f"028 1234 5678 · xinchao@{DOMAIN}",
                brand=Brand(background="#5b3a29", foreground="#fff8ef", label="#f0cfa0", symbol="cup"),
            )
            business = await examples.cafe(store, world, founded.business)
            self.location_id = founded.location.id
            self.program_id = str((await store.programs(business.id))[0].id)
            cashier = await found.hire(store, world, business, name="An", role="cashier")
            secrets = [
                (
                    await keys.hand_out(
                        store,
                        world,
                        business,
                        name=f"Key of {who.name}",
                        location_id=founded.location.id,
                        made_by=founded.owner.id,
                        staff_id=who.id,
                    )
                )[1]
                for who in (cashier, founded.owner)
            ]
            self.test_key, self.looking_key = [
                (
                    await keys.hand_out(
                        store,
                        world,
                        business,
                        name=name,
                        location_id=founded.location.id,
                        made_by=founded.owner.id,
                        scopes=scopes,
                        test=True,
                    )
                )[1]
                for name, scopes in (("Till in test mode", SCOPES), ("Till that only looks, in test mode", ("read",)))
            ]
            for who in (founded.owner, cashier):
                await _let_in(store, world, who)
            for kind, name in COUNTERS.items():
                _, secret = await enrolment.hand_out(
                    store, world, founded.owner, founded.location, name=name, kind=kind, works=timedelta(days=1)
                )
                self.doors[kind] = f"{self.url}/enrol/{secret}"
            if self.days:
                await self._have_a_past(store, world, secrets)
        finally:
            await store.close()
        self.till, self.manager = (Till(self.http, self.url, secret) for secret in secrets)

    async def _have_a_past(self, store: Store, world: World, secrets: Sequence[str]) -> None:
        """So that the owner's pages have something to show."""
        callers = [caller for secret in secrets if (caller := await store.caller(found.secret_hash(secret)))]
        an, lan = [replace(one, person=replace(one.person, counter_id=one.person.staff_id)) for one in callers]  # at no till
        manager = await found.hire(store, world, lan.business, name="Thu", role="manager")
        await _let_in(store, world, manager)
        thu = replace(lan, person=replace(lan.person, staff_id=manager.id, staff=manager.name, role=manager.role))
        (program,) = await store.programs(lan.business.id)
        desk = Desk(store=store, world=world, words=asgi.words(), apple=None, google=None, public_url=self.url, bell=lambda: None)
        evening = Evenings(owner=lan, manager=thu, cashier=an, program_id=program.id)
        await past.live(
            desk, program, (an, an, thu, lan), manager=lan, until=now(), days=self.days, chance=random.Random(), evening=evening
        )

    @asynccontextmanager
    async def _service(self, chain: Path) -> AsyncIterator[None]:
        """The service itself, as it would run in production: its own process, told of the stand-ins only by its settings."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COUNTERPASS_")},
            **ALLOWED,
            "DATABASE_URL": self.database,
            "COUNTERPASS_PUBLIC_URL": self.url,
            "COUNTERPASS_PORT": str(self.port),
            "COUNTERPASS_CERTS": str(chain.parent),
            "COUNTERPASS_TRUST": str(chain / "root.pem"),
            "COUNTERPASS_APNS_URL": self.apns.url,
            "COUNTERPASS_SMTP_URL": self.mail.url,
            "COUNTERPASS_MAIL_FROM": "card@cards.example",
            "COUNTERPASS_GOOGLE_URL": self.google.url,
            "COUNTERPASS_GOOGLE_ACCOUNT": str(self.google.account_path),
            "COUNTERPASS_GOOGLE_ISSUER": self.google.issuer,
            "COUNTERPASS_GOOGLE_KEYS_URL": self.google.keys_url,
            "COUNTERPASS_GOOGLE_SAVE_URL": self.google.save_url,
        }
        log = (self.folder / "service.log").open("wb")
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", "serve", env=environment, stdout=log, stderr=log)
        try:
            await self._answers(process)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            log.close()

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        until = time.monotonic() + READY_BY
        while process.returncode is None and time.monotonic() < until:
            try:
                answer: Answer = await self.http(Ask(method="GET", url=f"{self.url}/health"))
            except Unreachable:
                await asyncio.sleep(0.05)
            else:
                if answer.status == 200:  # noqa: PLR2004
                    return
        raise NotSeen("the service did not start:\n" + (self.folder / "service.log").read_text())

    async def join(self, name: str, language: str) -> Customer:
        """A customer joins, adds the card to Apple Wallet and saves it to Google Wallet."""
        joined = await self.till.done("join", {"program_id": self.program_id, "name": name, "language": language})
        card = joined["card"]
        phone, google = await self._hold(name, language, apple=card["links"]["apple"], google=await self.link(card))
        customer = Customer(card, phone, google)
        self.customers[name] = customer
        return customer

    async def _hold(self, name: str, language: str, *, apple: str, google: str) -> tuple[Phone, str]:
        """A new phone takes a card into Apple Wallet, by its link; and Google Wallet, by its save link."""
        phone = Phone(name, world=real(self.http), root=self.root, apns=self.apns, language=language, zone=ZoneInfo(ZONE))
        self.phones.append(phone)
        downloaded = await self.http(Ask(method="GET", url=apple))
        await phone.add(downloaded.body)
        (object_id,) = await self.google.save(google, user=name)
        return phone, object_id

    @property
    def poster(self) -> str:
        """Where the code on the café's poster leads."""
        return f"{self.url}/join/{self.program_id}/at/{self.location_id}"

    async def scan(self, name: str, language: str, link: str) -> Holder:
        """Somebody opens a poster's link with a new phone, and joins as in a browser; or the link of a card that they have.

        Raises CannotOpen.
        """
        parts = urlsplit(link)
        match [*parts.path.split("/")[1:], f"{parts.scheme}://{parts.netloc}"]:
            case ["join", *_, self.url]:
                key = await self._filled_in(name, language, link)
            case ["c", key, self.url]:
                pass
            case _:
                raise CannotOpen(f"This is no link of {self.url}: neither a poster's (/join/…) nor a card's (/c/…).")
        card = f"{self.url}/c/{key}"
        sent_on = await self.http(Ask(method="GET", url=f"{card}/google"))
        if not (save := sent_on.headers.get("location")):
            raise CannotOpen(f"There is no such card: {card} was answered {sent_on.status}.")
        try:
            phone, google = await self._hold(name, language, apple=f"{card}/card.pkpass", google=save)
        except (Rejected, NotSaved) as why:
            raise CannotOpen(str(why)) from why
        return Holder(name=name, language=language, phone=phone, google=google)

    async def _filled_in(self, name: str, language: str, link: str) -> str:
        """The key of the card of somebody who has filled in the page that a poster leads to."""
        page = await self.http(Ask(method="GET", url=link, headers=(("Accept-Language", language),)))
        hidden = {field: found[1] for field in ("nonce", "_csrf_token") if (found := re.search(HIDDEN % field, page.body.decode()))}
        headers = (
            ("Accept-Language", language),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Cookie", page.headers.get("set-cookie", "").partition(";")[0]),
        )
        sent = urlencode({**hidden, "name": name, "consent": "on"}).encode()
        answer = await self.http(Ask(method="POST", url=link, headers=headers, body=sent))
        card = re.fullmatch(r"/c/([^?/]+).*", answer.headers.get("location", ""))
        if card is None:
            raise CannotOpen(f"Joining as “{name}” was answered {answer.status}.")
        return card[1]

    async def link(self, card: Mapping[str, Any]) -> str:
        """The save link of a card."""
        status, answer = await self.till.ask("GET", f"cards/{card['id']}/google")
        if status != 200:  # noqa: PLR2004
            raise NotSeen(f"no Google link: {answer}")
        return str(answer["save_link"])

    async def shown(self, customer: Customer, what: str, *, progress: str, ready: str | None) -> float:
        """Wait until both wallets show this progress and this ready code (or none); the seconds that it took.

        ``ready`` is the plain code, which the barcode must be; with None it must be the card's own number.
        """
        begun = time.monotonic()
        code = ready or customer.card["number"]

        def apple() -> bool:
            fields, barcode = customer.apple.fields, customer.apple.barcode
            right = fields["progress"].value == progress and barcode is not None and barcode.message == code
            return right and ("status" in fields) == (ready is not None)

        def google() -> bool:
            card = self.google.objects[customer.google]
            return bool(card["loyaltyPoints"]["balance"]["string"] == progress and card["barcode"]["value"] == code)

        try:
            await customer.phone.until(apple, PATIENCE)
            await self.google.until(google, PATIENCE)
        except (TimeoutError, AssertionError) as late:
            raise NotSeen(f"{what}: a phone of {customer.phone.name} does not show {progress} with {code}: {late}") from late
        return time.monotonic() - begun


async def _let_in(store: Store, world: World, who: Staff) -> None:
    """What this person of the demo signs in with, as if they had opened their invitation."""
    (member,) = await store.members(staff_id=who.id)
    password = await hashed(world, PASSWORD) if who.role == "owner" else ""
    login = replace(member.login, password=password, pin=await hashed(world, PINS[who.name]), version=1)
    await store.replace_member(who, login, seen=0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- Without a person ---


async def once(*, keep: Path | None, database: str | None) -> int:
    """Play the main job and say whether each step was seen on the phones' side; 0 only if every one was."""
    begun = time.monotonic()
    transcript: list[str] = []

    def say(step: str) -> None:
        transcript.append(f"{time.monotonic() - begun:6.2f} s  {step}")
        print(transcript[-1], flush=True)

    with tempfile.TemporaryDirectory(prefix="counterpass-demo-") as folder:
        stage = Stage(Path(folder), database=database, port=None)
        try:
            async with stage.open():
                say(f"the service answers at {stage.url} on {stage.database.partition(':')[0]}")
                await _play(stage, say, keep)
            status = 0
        except (NotSeen, Unreachable) as failure:
            say(f"NOT SEEN: {failure}")
            status = 1
        if keep:
            _write_down(transcript, keep, log=Path(folder) / "service.log" if status else None)
    return status


def _write_down(transcript: list[str], folder: Path, *, log: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transcript.txt").write_text("\n".join(transcript) + "\n")
    if log is not None and log.exists():
        shutil.copy(log, folder / "service.log")


async def _play(stage: Stage, say: Callable[[str], None], keep: Path | None) -> None:
    till = stage.till
    ann, hoa = await stage.join("Ann", "en"), await stage.join("Hoa", "vi")
    say("Ann (English) and Hoa (Vietnamese) joined; both have the card in Apple Wallet and in Google Wallet")
    for customer in (ann, hoa):
        took = await stage.shown(customer, "joined", progress="0/5", ready=None)
        say(f"{customer.phone.name}'s phones show 0/5 and the card's number ({took:.2f} s)")

    codes: dict[str, str] = {}
    for customer in (ann, hoa):
        for _ in range(4):
            await till.done(f"cards/{customer.card['id']}/earnings", {"count": 1})
        took = await stage.shown(customer, "four stamps", progress="4/5", ready=None)
        say(f"{customer.phone.name} got four stamps, one by one; both phones show 4/5 ({took:.2f} s)")
        earned = await till.done(f"cards/{customer.card['id']}/earnings", {"count": 1})
        codes[customer.phone.name] = earned["earned"][0]["code"]
        took = await stage.shown(customer, "reward", progress="5/10", ready=codes[customer.phone.name])
        status = customer.apple.fields["status"].value
        say(f"the fifth stamp: a reward is ready; both phones show {status!r} and its code ({took:.2f} s)")
    note = ann.phone.notifications[-1].text
    say(f"Ann's lock screen said: {note!r}; Hoa's: {hoa.phone.notifications[-1].text!r}")
    if keep:
        _keep(stage, ann, keep, link=await stage.link(ann.card), pkpass=await _pass_of(stage, ann))

    status_, verdict = await till.ask("POST", "look-ups", {"code": codes["Ann"]})
    _must(verdict["verdict"] == "redeemable", f"the look-up said {verdict}", status_)
    say("looked up: redeemable; nothing changed")

    typed = ann.apple.barcode.text.lower() if ann.apple.barcode else ""
    receipt = await till.done("redemptions", {"code": typed})
    say(f"Ann's code, typed as {_hidden(typed)}: {receipt['coupon']['offer']['action']!r}")
    photo = hoa.phone.drawing(hoa.apple.serial)
    by_photo = await till.done("redemptions/photo", photo=photo)
    say(f"Hoa's code, by a photo of her phone ({len(photo) // 1024} KB): {by_photo['coupon']['offer']['action']!r}")

    refused_status, refused = await till.ask("POST", "redemptions", {"code": codes["Ann"]})
    _must(refused.get("word") == "already_redeemed", f"the second try was answered {refused}", refused_status)
    _must(refused["facts"]["at"] == receipt["redemption"]["at"], "the refusal names another time", refused_status)
    say(f"the second try is refused: {refused['detail']!r}")

    for customer in (ann, hoa):
        took = await stage.shown(customer, "redeemed", progress="5/10", ready=None)
        say(f"{customer.phone.name}'s phones show the new face, without the reward ({took:.2f} s)")

    await till.done(f"redemptions/{receipt['redemption']['id']}/reversal", {})
    took = await stage.shown(ann, "reversed", progress="5/10", ready=codes["Ann"])
    say(f"taken back: both of Ann's phones show the reward again ({took:.2f} s)")

    _, story = await till.ask("GET", f"cards/{ann.card['id']}/story")
    apple = next(one for one in story["installations"] if one["wallet"] == "apple")
    _must(apple["up_to_date"], "the story does not say that the phone is up to date", 0)
    say(f"proof: told {apple['told_at'][11:23]} → asked {apple['asked_at'][11:23]} → fetched {apple['fetched_at'][11:23]}")
    chi = await stage.scan("Chi", "vi", stage.poster)
    shown = next(iter(chi.phone.passes.values())) if chi.phone else None
    _must(shown is not None and shown.fields["progress"].value == "0/5", "the poster's card is not on Chi's phone", 0)
    say("Chi scanned the poster: filled in the page, and has the card in both wallets")
    complaints = [line for phone in stage.phones for line in phone.logs]
    _must(not complaints, f"the phones complained: {complaints}", 0)
    say("no phone complained; every step was seen on the phones")


def _must(holds: bool, what: str, status: int) -> None:  # noqa: FBT001 (reads like an assertion)
    if not holds:
        raise NotSeen(f"{what} ({status})")


def _hidden(code: str) -> str:
    return code[:4] + "…"


async def _pass_of(stage: Stage, customer: Customer) -> bytes:
    answer = await stage.http(Ask(method="GET", url=customer.card["links"]["apple"]))
    return answer.body


def _keep(stage: Stage, customer: Customer, folder: Path, *, link: str, pkpass: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "apple.pkpass").write_bytes(pkpass)
    (folder / "phone.png").write_bytes(customer.phone.drawing(customer.apple.serial))
    (folder / "root.pem").write_bytes(stage.root)
    card = stage.google.objects[customer.google]
    for name, body in (("google-class.json", stage.google.classes[card["classId"]]), ("google-object.json", card)):
        (folder / name).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    (folder / "save-link.txt").write_text(link + "\n")


# --- To look at and to play with ---


async def stay(*, database: str | None, port: int) -> int:
    """The café with its customers, until somebody presses Ctrl-C; prints where to look and what to try."""
    print(f"Making a café with {PAST} days of visits behind it: this takes a moment …", flush=True)
    with tempfile.TemporaryDirectory(prefix="counterpass-demo-") as folder:
        stage = Stage(Path(folder), database=database, port=port, days=PAST)
        async with stage.open():
            shelf = Shelf(title="Cà Phê Sáng", google=stage.google)

            async def opened(name: str, language: str, link: str) -> None:
                shelf.show(await stage.scan(name, language, link))

            shelf.door = Door(link=stage.poster, open=opened)
            async with SandboxPage(shelf, http=stage.http, port=port + 1) as page:
                tries = await _people(stage, shelf)
                shelf.tries[:] = tries
                shelf.changes()
                print(f"\nThe phones of the demo:  {page.url}\nThe service:             {stage.url}")
                print(f"The poster to print:     {stage.url}/programs/{stage.program_id}/poster\nWhere it leads:          {stage.poster}\n")
                for one in tries:
                    print(f"# {one.what}\n{one.command}\n")
                print(f"A key, live:             {stage.till.secret}\nA key of test mode:      {stage.test_key}\n")
                print("Ctrl-C ends the demo" + (" and forgets everything." if database is None else "; the database stays."), flush=True)
                await asyncio.Event().wait()
    return 0


async def _people(stage: Stage, shelf: Shelf) -> list[Try]:
    """Customers in every state: new, half-way, ready, and with two rewards; in English and in Vietnamese."""
    ready: dict[str, Customer] = {}
    for name, language, stamps in (("Ann", "en", 5), ("Hoa", "vi", 10), ("Ben", "en", 7), ("Minh", "vi", 3)):
        customer = await stage.join(name, language)
        earned = await stage.till.done(f"cards/{customer.card['id']}/earnings", {"count": stamps})
        customer.card = earned["card"]
        ready[name] = customer
        shelf.show(Holder(name=name, language=language, phone=customer.phone, google=customer.google))

    def curl(path: str, body: Mapping[str, object]) -> str:
        return (
            f"curl -s {stage.url}/api/v1/{path} -H 'Authorization: Bearer {stage.till.secret}' "
            f"-H \"Idempotency-Key: $(date +%s%N)\" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        )

    ann, ben = ready["Ann"], ready["Ben"]
    code = ann.card["ready"][0]["shown"]
    return [
        Try(
            "Be a customer: join on the page that the poster leads to (or scan it with a new phone, on the page of the phones)",
            stage.poster,
        ),
        Try(f"Be the counter: make a browser one, choose An, PIN {PINS['An']}, then scan or type {code}", stage.doors["staff"]),
        Try(
            f"Be the owner: sign in as lan@{DOMAIN} with “{PASSWORD}”; Campaigns → Write to customers, then Insight", f"{stage.url}/sign-in"
        ),
        Try("Be a kiosk in another browser (or a private window)", stage.doors["kiosk"]),
        Try("Redeem Ann's cookie: watch both of her cards change", curl("redemptions", {"code": code})),
        Try("Try it once more: refused, with the time of the first", curl("redemptions", {"code": code})),
        Try("Give Ben a stamp (three to his coffee)", curl(f"cards/{ben.card['number']}/earnings", {"count": 1})),
        Try("What would this card give?", curl("look-ups", {"code": ready["Hoa"].card["shown"]})),
        Try(
            "See what a till can rely on: every published scenario, in test mode",
            f"counterpass scenarios {stage.url} {stage.test_key} --read-only {stage.looking_key} --live-card {ann.card['number']}",
        ),
    ]
