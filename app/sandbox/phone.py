"""A phone with passes in its wallet: it accepts, registers, asks, fetches, compares and complains as Apple's devices do.

https://developer.apple.com/library/archive/documentation/PassKit/Reference/PassKit_WebService/WebService.html
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from cryptography import x509

from app.sandbox import drawing
from app.sandbox.passfile import PassFile, Rejected, Shown, open_pass
from app.sandbox.watched import Watched
from app.world import World
from passes.wallets.base import Answer, Ask, Unreachable

AGENT: Final = "passd/1.0 CFNetwork/1568.200.51 Darwin/24.1.0"
MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
MOST_TRIES: Final = 5  # Apple says "several times"
EVERY_HEAD: Final = 3  # each third fetch is preceded by a HEAD, as servers see it happen
GENERIC: Final = "%s: card changed"
OK, CREATED, NO_CONTENT, NOT_MODIFIED = 200, 201, 204, 304

_Key = tuple[str, str]


class Pushes(Protocol):
    """The push service, as a phone knows it."""

    def connect(self, push_token: str, pushed: Callable[[str], None]) -> None:
        """Be reachable under a token."""

    def disconnect(self, push_token: str, *, gone: bool = False) -> None:
        """Be off, or never again reachable under it."""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What came down on the lock screen. ``messages`` are all change messages; with several of them Wallet shows none."""

    at: datetime
    serial: str
    title: str
    text: str
    messages: tuple[str, ...]


class Moment(msgspec.Struct, frozen=True):
    """One line of a phone's story."""

    at: datetime
    what: str


class _Held:
    """One pass in the wallet and what the phone knows about its server."""

    def __init__(self, file: PassFile, shown: Shown, modified: str) -> None:
        self.file, self.shown, self.modified = file, shown, modified
        self.registered = False

    @property
    def key(self) -> _Key:
        return self.file.pass_type, self.file.serial


class _Service:
    """One server of passes: another device id for each, and one tag per pass type."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.tags: dict[str, str] = {}


class Phone(Watched):
    """A phone in somebody's hand. It speaks through ``world.http`` and lives in ``world``'s time.

    ``root`` is the authority that it trusts, as PEM. ``developer`` allows web services without TLS. ``double_slash`` makes it
    ask ``//v1``, as phones do whose webServiceURL ends with a slash.
    """

    def __init__(
        self,
        name: str,
        *,
        world: World,
        root: bytes,
        apns: Pushes | None = None,
        language: str = "en",
        zone: ZoneInfo | None = None,
        developer: bool = True,
        double_slash: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.language, self.zone = name, language, zone
        self.notifications: list[Notification] = []
        self.story: list[Moment] = []
        self.logs: list[str] = []
        self.fetches = 0
        self._world, self._apns = world, apns
        self._root = x509.load_pem_x509_certificate(root)
        self._developer, self._double_slash = developer, double_slash
        self._held: dict[_Key, _Held] = {}
        self._services: dict[str, _Service] = {}
        self._to_ask: dict[_Key, int] = {}
        self._to_fetch: dict[_Key, int] = {}
        self._to_register: dict[_Key, int] = {}
        self._told: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self.push_token = self._new_id(64)
        self._connect()

    # --- What a person does with it ---

    @property
    def passes(self) -> Mapping[str, Shown]:
        """What the wallet shows, by serial number, in this phone's language."""
        return {held.file.serial: held.shown for held in self._held.values()}

    async def add(self, pkpass: bytes) -> Shown:
        """Take a pass into the wallet, over one of the same type and serial. Raises Rejected with the reason, keeping what there was."""
        file = open_pass(pkpass, root=self._root, now=self._world.now(), developer=self._developer)
        held = _Held(file, file.shown(self.language, self.zone), "")
        self._held[held.key] = held
        self._tell(f"added {file.serial}")
        async with self._one_at_a_time:
            await self._register(held)
        return held.shown

    async def remove(self, serial: str) -> None:
        """Throw a pass away and tell its server."""
        held = next(held for held in self._held.values() if held.file.serial == serial)
        del self._held[held.key]
        self._forget(held.key)
        self._tell(f"removed {serial}")
        async with self._one_at_a_time:
            if held.file.web_service:
                answer = await self._ask("DELETE", held.file.web_service, self._registration(held), token=held.file.token)
                self._tell(f"unregistered {serial}: {_said(answer)}")

    async def refresh(self) -> None:
        """Pull to refresh: ask every server, without having been told."""
        async with self._one_at_a_time:
            for service, pass_type in self._lists():
                await self._what_changed(service, pass_type)

    async def retry(self) -> None:
        """Try again whatever failed; after five tries the phone gives up until the next push."""
        async with self._one_at_a_time:
            for key in [*self._to_register]:
                await self._register(self._held[key])
            for service, pass_type in [*self._to_ask]:
                await self._what_changed(service, pass_type)
            for key in [*self._to_fetch]:
                await self._fetch(self._held[key])

    async def rotate_push_token(self) -> None:
        """Apple gives this phone a new push token: the old one is gone, and every server is told."""
        if self._apns is not None:
            self._apns.disconnect(self.push_token, gone=True)
        self.push_token = self._new_id(64)
        self._connect()
        await self._register_all()

    async def rotate_device_id(self) -> None:
        """The phone gets new device ids (a restored backup): it is a stranger to every server, and knows no tags."""
        for service in self._services.values():
            service.device, service.tags = self._new_id(32), {}
        await self._register_all()

    def drawing(self, serial: str) -> bytes:
        """A PNG of the open card, as the phone's screen shows it: a scanner can read it."""
        return drawing.card(self.passes[serial])

    # --- What happens to it ---

    def pushed(self, pass_type: str) -> None:
        """APNs has told the phone that passes of this type changed. Several pushes before it gets around to asking count once."""
        self._tell(f"was told of {pass_type}")
        if pass_type not in self._told:
            self._told.add(pass_type)
            self._spawn(self._update(pass_type))

    async def until(self, true: Callable[[], bool], timeout: float = 30.0) -> None:  # noqa: ASYNC109 (the waiter's patience, in seconds)
        """Wait until ``true()``. Raises TimeoutError with the phone's story, or the error that broke it."""

        def look() -> bool:
            if self._broken is not None:
                raise self._broken
            return true()

        await super().until(look, timeout)

    async def close(self) -> None:
        """Switch the phone off."""
        if self._apns is not None:
            self._apns.disconnect(self.push_token)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def so_far(self) -> str:
        """The story, in lines."""
        return f"{self.name}: " + "; ".join(moment.what for moment in self.story[-20:])

    # --- How ---

    async def _update(self, pass_type: str) -> None:
        async with self._one_at_a_time:
            self._told.discard(pass_type)
            for service, kind in self._lists():
                if kind == pass_type:
                    await self._what_changed(service, kind, told=True)

    async def _register_all(self) -> None:
        async with self._one_at_a_time:
            for held in [*self._held.values()]:
                held.registered = False
                await self._register(held)

    async def _register(self, held: _Held) -> None:
        if not held.file.web_service:
            return
        body = msgspec.json.encode({"pushToken": self.push_token})
        answer = await self._ask("POST", held.file.web_service, self._registration(held), token=held.file.token, body=body)
        self._tell(f"registered {held.file.serial}: {_said(answer)}")
        held.registered = isinstance(answer, Answer) and answer.status in (OK, CREATED)
        if held.registered:
            self._to_register.pop(held.key, None)
        else:
            await self._later(self._to_register, held.key, f"Register task for {held.file.serial} failed: {_said(answer)}", held)

    async def _what_changed(self, url: str, pass_type: str, *, told: bool = False) -> None:
        """Ask one server which passes changed since the tag that it gave last, and fetch them."""
        service = self._service(url)
        tag = service.tags.get(pass_type, "")
        path = f"/devices/{quote(service.device, safe='')}/registrations/{quote(pass_type, safe='')}"
        answer = await self._ask("GET", url, path + (f"?passesUpdatedSince={quote(tag, safe='')}" if tag else ""))
        if not isinstance(answer, Answer) or answer.status not in (OK, NO_CONTENT):
            await self._later(self._to_ask, (url, pass_type), f"Get serial numbers task failed: {_said(answer)}", None)
            return
        self._to_ask.pop((url, pass_type), None)
        if answer.status == NO_CONTENT:
            self._tell(f"asked since “{tag}”: nothing")
            if told:
                empty = f"Request for passesUpdatedSince '{tag}' returned no serial numbers. (Device = {service.device})"
                await self._complain(url, f"Device received spurious push. {empty}")
            return
        try:
            listed = msgspec.json.decode(answer.body, type=_Listed)
        except msgspec.DecodeError as error:
            await self._complain(url, f"Response to 'What changed?' request is not understood and ignored: {error}")
            return
        self._tell(f"asked since “{tag}”: {len(listed.serials)} changed, now “{listed.tag}”")
        if listed.tag == tag and listed.serials:
            await self._complain(
                url,
                f"Response to 'What changed?' request included {len(listed.serials)} serial numbers "
                f"but the lastUpdated tag ({tag}) remained the same.",
            )
        service.tags[pass_type] = listed.tag
        for serial in listed.serials:
            if held := self._held.get((pass_type, serial)):
                await self._fetch(held)

    async def _fetch(self, held: _Held) -> None:
        """Get one pass if it is newer than ours; show it if it is good, keep ours if it is not."""
        file = held.file
        path = f"/passes/{quote(file.pass_type, safe='')}/{quote(file.serial, safe='')}"
        self.fetches += 1
        since = (("If-Modified-Since", held.modified),) if held.modified else ()
        if self.fetches % EVERY_HEAD == 0:
            answer = await self._ask("HEAD", file.web_service, path, token=file.token, more=since)
            self._tell(f"looked at {file.serial}: {_said(answer)}")
        answer = await self._ask("GET", file.web_service, path, token=file.token, more=since)
        self._tell(f"fetched {file.serial}: {_said(answer)}")
        if not isinstance(answer, Answer) or answer.status not in (OK, NOT_MODIFIED):
            await self._later(self._to_fetch, held.key, f"Get pass task ({file.serial}) encountered error: {_said(answer)}", held)
            return
        self._to_fetch.pop(held.key, None)
        if answer.status == OK:
            try:
                self._take(held, answer)
            except Rejected as why:
                await self._complain(
                    file.web_service, f"Get pass task ({file.serial}) encountered error: Received invalid pass data ({why})"
                )

    def _take(self, held: _Held, answer: Answer) -> None:
        if answer.headers.get("content-type", "").partition(";")[0] != MEDIA_TYPE:
            raise Rejected(f"its type is {answer.headers.get('content-type')}")
        if not answer.headers.get("last-modified"):
            raise Rejected("it has no Last-Modified")
        fresh = open_pass(answer.body, root=self._root, now=self._world.now(), developer=self._developer)
        if (fresh.pass_type, fresh.serial) != held.key:
            raise Rejected("it is another pass")
        if fresh.token != held.file.token:
            raise Rejected("its authenticationToken changed")
        before, held.shown = held.shown, fresh.shown(self.language, self.zone)
        held.file, held.modified = fresh, answer.headers["last-modified"]
        self._compare(before, held.shown)

    def _compare(self, before: Shown, after: Shown) -> None:
        """Say on the lock screen what changed: one message as it is, of several only that something did."""
        old = before.fields
        messages = tuple(
            field.message.replace("%@", field.value)
            for field in after.fields.values()
            if field.message and field.key in old and old[field.key].raw != field.raw
        )
        if messages:
            text = messages[0] if len(messages) == 1 else GENERIC % after.organization
            self.notifications.append(
                Notification(at=self._world.now(), serial=after.serial, title=after.organization, text=text, messages=messages)
            )
            self._tell(f"showed “{text}”")
        self._tell(f"shows {after.serial} anew")

    async def _later(self, pending: dict[_Key, int], key: _Key, why: str, held: _Held | None) -> None:
        """Note that something failed, to be tried again a few times."""
        pending[key] = pending.get(key, 0) + 1
        if pending[key] >= MOST_TRIES:
            del pending[key]
            self._tell(f"gave up: {why}")
        await self._complain(held.file.web_service if held else key[0], why)

    async def _complain(self, url: str, what: str) -> None:
        self.logs.append(what)
        line = f"[{self._world.now():%Y-%m-%d %H:%M:%S} +0000] {what}"
        answer = await self._ask("POST", url, "/log", body=msgspec.json.encode({"logs": [line]}))
        heard = isinstance(answer, Answer) and answer.status == OK
        self._tell(f"complained: {what}" + ("" if heard else f" (but nobody heard: {_said(answer)})"))

    async def _ask(
        self, method: Any, url: str, path: str, *, token: str = "", body: bytes = b"", more: tuple[tuple[str, str], ...] = ()
    ) -> Answer | Unreachable:
        headers = [("User-Agent", AGENT), ("Accept", "*/*"), ("Accept-Language", self.language), *more]
        if token:
            headers.append(("Authorization", f"ApplePass {token}"))
        if body:
            headers.append(("Content-Type", "application/json"))
        base = url + "/" if self._double_slash and not url.endswith("/") else url
        try:
            return await self._world.http(Ask(method=method, url=f"{base}/v1{path}", headers=tuple(headers), body=body))
        except Unreachable as unreachable:
            return unreachable

    def _registration(self, held: _Held) -> str:
        device = self._service(held.file.web_service).device
        return "/".join(("/devices", quote(device, safe=""), "registrations", *(quote(part, safe="") for part in held.key)))

    def _service(self, url: str) -> _Service:
        if url not in self._services:
            self._services[url] = _Service(self._new_id(32))
        return self._services[url]

    def _lists(self) -> Iterator[_Key]:
        """(web service, pass type) of everything that can be asked about."""
        return iter(dict.fromkeys((held.file.web_service, held.file.pass_type) for held in self._held.values() if held.registered))

    def _forget(self, key: _Key) -> None:
        for pending in (self._to_fetch, self._to_register):
            pending.pop(key, None)

    def _connect(self) -> None:
        if self._apns is not None:
            self._apns.connect(self.push_token, self.pushed)

    def _spawn(self, story: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(story)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._broken = error
            self.changes()

    def _tell(self, what: str) -> None:
        self.story.append(Moment(self._world.now(), what))
        self.changes()

    def _new_id(self, length: int) -> str:
        return hashlib.sha256(self._world.token().encode()).hexdigest()[:length]


class _Listed(msgspec.Struct, frozen=True):
    """Which passes changed. A tag that is a number makes a phone ignore all of it (https://developer.apple.com/forums/thread/694992)."""

    serials: list[str] = msgspec.field(name="serialNumbers")
    tag: str = msgspec.field(name="lastUpdated")


def _said(answer: Answer | Unreachable) -> str:
    return str(answer.status) if isinstance(answer, Answer) else str(answer)
