"""The stage of the demo: a real service in its own process, Apple's and Google's stand-ins and phones around it, and a café."""

import asyncio
import json
import os
import random
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
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
from app.sandbox.page import CannotOpen, Holder
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
