"""The sandbox's page: everybody's wallets side by side, drawn from the real pass files and Google objects, live."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import msgspec
import uvicorn
from jinja2 import Environment, FileSystemLoader
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.sandbox import drawing
from app.sandbox.passfile import Barcode, Shown
from app.sandbox.phone import Phone
from app.sandbox.watched import Watched
from passes.wallets.base import Ask, Http, Unreachable

ROOT: Final = Path(__file__).parent.parent
TEMPLATES: Final = ROOT.parent / "templates" / "pages"
STATIC: Final = ROOT / "static"
FILES: Final = (
    "css/05-fonts.css",
    "sandbox.css",
    "sandbox.js",
    *(f"vendor/inter/inter-{part}.woff2" for part in ("latin", "latin-ext", "vietnamese")),
)
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2"}
HTML: Final = "text/html; charset=utf-8"
PICTURES: Final = ("image/png", "image/jpeg", "image/webp")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PING: Final = 15.0  # seconds; proxies and browsers drop a stream that is silent
BREATH: Final = 0.05  # seconds: what changes together is shown together
KEPT: Final = 64  # pictures fetched for Google's cards
LATEST: Final = 2  # notifications on a screen
LINES: Final = 8  # of a phone's story
OK: Final = 200
LARGEST: Final = 4096  # bytes of the form
DARK_INK, LIGHT_INK = "rgb(32, 33, 36)", "rgb(255, 255, 255)"
SYMBOLOGIES: Final = {"QR_CODE": "QR", "AZTEC": "Aztec", "PDF_417": "PDF417", "CODE_128": "Code128"}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Note(Protocol):
    """A notification on a phone."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def title(self) -> str:
        """Its first line."""

    @property
    def text(self) -> str:
        """Its second."""


class GoogleNote(Note, Protocol):
    """One of Google's."""

    @property
    def object_id(self) -> str:
        """Of which card."""


class GoogleLike(Protocol):
    """Google Wallet as far as this page looks at it."""

    @property
    def classes(self) -> Mapping[str, Mapping[str, Any]]:
        """LoyaltyClass by id."""

    @property
    def objects(self) -> Mapping[str, Mapping[str, Any]]:
        """LoyaltyObject by id."""

    @property
    def notifications(self) -> Sequence[GoogleNote]:
        """All that people saw, newest last."""

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after every change; the answer ends it."""


class Try(msgspec.Struct, frozen=True):
    """Something to try, and the command that does it."""

    what: str
    command: str


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the demo, with a phone of Apple's, a card at Google, or both."""

    name: str
    language: str = "en"
    phone: Phone | None = None
    google: str = ""

    @property
    def zone(self) -> ZoneInfo | None:
        """Where the person is; None is wherever this machine is."""
        return self.phone.zone if self.phone else None


class CannotOpen(Exception):
    """A link that a phone did not get a card from. The text says why."""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """The link of a poster; ``open`` (name, language, link) is what happens when somebody opens it, or a card's, with a new phone.

    It raises CannotOpen.
    """

    link: str
    open: Callable[[str, str, str], Awaitable[None]]


class Shelf(Watched):
    """What the page shows. ``holders`` and ``tries`` may be changed at any time; call ``changes()`` afterwards."""

    def __init__(self, *, title: str, google: GoogleLike | None = None, tries: Sequence[Try] = (), door: Door | None = None) -> None:
        super().__init__()
        self.title, self.google, self.door = title, google, door
        self.tries = list(tries)
        self.holders: list[Holder] = []
        if google is not None:
            google.subscribe(self.changes)

    def show(self, holder: Holder) -> None:
        """Put a person's wallets on the page."""
        self.holders.append(holder)
        if holder.phone is not None:
            holder.phone.changed.append(self.changes)
        self.changes()


class SandboxPage:
    """``async with SandboxPage(shelf, http=http) as page``: the page is at ``page.url``.

    ``http`` fetches the pictures of Google's cards from where the cards say they are, as Google does.
    """

    def __init__(self, shelf: Shelf, *, http: Http, host: str = "127.0.0.1", port: int = 0) -> None:
        self.url = ""
        self._shelf, self._http = shelf, http
        self._host, self._port = host, port
        self._over = asyncio.Event()
        self._connections = ServerState()
        self._pictures: dict[str, tuple[str, bytes]] = {}
        self._files = {f"/static/{name}": (TYPES[Path(name).suffix], (STATIC / name).read_bytes()) for name in FILES}
        self._templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(self._app, interface="asgi3", log_config=None, access_log=False, proxy_headers=False)
        config.load()
        # Uvicorn's protocol without its Server, which would take the process's signals.
        protocol = partial(HttpToolsProtocol, config=config, server_state=self._connections, app_state={})
        server = await asyncio.get_running_loop().create_server(protocol, self._host, self._port)
        self.url = f"http://{self._host}:{server.sockets[0].getsockname()[1]}"
        self._stack.callback(server.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        if tasks := tuple(self._connections.tasks):
            await asyncio.wait(tasks, timeout=1)  # live streams end by themselves now
        for connection in tuple(self._connections.connections):
            connection.shutdown()
        await self._stack.aclose()

    # --- HTTP ---

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and scope["path"] == "/join" and self._shelf.door is not None:
            await self._join(self._shelf.door, scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _say(send, 405, "text/plain", b"This page is only looked at.")
        elif scope["path"] == "/events":
            await self._live(receive, send)
        else:
            status, kind, body = await self._found(scope["path"])
            versioned = scope["query_string"].startswith(b"v=")
            await _say(send, status, kind, b"" if scope["method"] == "HEAD" else body, keep=versioned and status == OK)

    async def _found(self, path: str) -> tuple[int, str, bytes]:  # noqa: C901, PLR0911 (a table of addresses)
        match path.split("/")[1:]:
            case [""]:
                return 200, HTML, self._draw("sandbox.html")
            case ["cards"]:
                return 200, HTML, self._draw("sandbox_cards.html")
            case ["favicon.ico"]:
                return 204, "image/x-icon", b""
            case ["paint.css"]:
                return 200, TYPES[".css"], _paint(self._cards()).encode()
            case ["apple", number, serial, name]:
                shown = self._passes(number).get(serial)
                if shown is not None and name in shown.images:
                    return 200, "image/png", shown.images[name]
            case ["screen", number, serial]:
                shown = self._passes(number).get(serial.removesuffix(".png"))
                if shown is not None:
                    return 200, "image/png", await asyncio.to_thread(drawing.card, shown)
            case ["google", number, which]:
                if address := self._address(number, which):
                    return await self._picture(address)
            case _ if path in self._files:
                return 200, *self._files[path]
        return 404, "text/plain", b"There is nothing here."

    async def _join(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        """The form: a new phone opens a link. No other site's page may send it."""
        headers = dict(scope["headers"])
        if headers.get(b"origin", b"") != b"http://" + headers.get(b"host", b""):
            await _say(send, 403, "text/plain", b"This form is sent from its own page only.")
            return
        body, more = b"", True
        while more and len(body) <= LARGEST:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        said = {name: values[0].strip() for name, values in parse_qs(body.decode(errors="replace")).items()}
        try:
            await door.open(said.get("name", ""), said.get("language", "en"), said.get("link", ""))
        except CannotOpen as why:
            await _say(send, 422, HTML, self._draw("sandbox.html", refused=str(why)))
        else:
            await _say(send, 303, "text/plain", b"", location="/")

    async def _live(self, receive: Receive, send: Send) -> None:
        """Server-sent events: one for every change, until the browser goes away or the page is over."""
        changed = asyncio.Event()
        self._shelf.changed.append(changed.set)
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_disconnected(receive))
        over = asyncio.ensure_future(self._over.wait())
        try:
            await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
            while not (gone.done() or over.done()):
                something = asyncio.ensure_future(changed.wait())
                await asyncio.wait({something, gone, over}, timeout=PING, return_when=asyncio.FIRST_COMPLETED)
                something.cancel()
                if changed.is_set():
                    await asyncio.wait({over}, timeout=BREATH)
                    changed.clear()
                    await send({"type": "http.response.body", "body": b"data: changed\n\n", "more_body": True})
                else:
                    await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._shelf.changed.remove(changed.set)
            gone.cancel()
            over.cancel()

    # --- What it shows ---

    def _draw(self, template: str, *, refused: str = "") -> bytes:
        cards = self._cards()
        paint = hashlib.sha256(_paint(cards).encode()).hexdigest()[:12]
        door = self._shelf.door
        facts = {
            "title": self._shelf.title,
            "tries": self._shelf.tries,
            "holders": cards,
            "paint": paint,
            "door": door,
            "poster": _svg("QR", door.link) if door else None,
            "refused": refused,
        }
        return self._templates.get_template(template).render(facts).encode()

    def _cards(self) -> list[dict[str, Any]]:
        """Each holder with the cards of both wallets, as the templates want them."""
        return [
            {
                "name": holder.name,
                "language": holder.language,
                "phone": None if holder.phone is None else [_apple(number, holder.phone, shown) for shown in holder.phone.passes.values()],
                "story": []
                if holder.phone is None
                else [(each.at.astimezone(holder.zone), each.what) for each in holder.phone.story[-LINES:]],
                "google": self._google(number, holder) if holder.google else None,
                "number": number,
            }
            for number, holder in enumerate(self._shelf.holders)
        ]

    def _google(self, number: int, holder: Holder) -> dict[str, Any]:
        google = self._shelf.google
        card = google.objects.get(holder.google) if google else None
        if google is None or card is None or not card.get("hasUsers"):
            return {"key": f"google-{number}", "digest": "empty", "card": None}
        kind = google.classes.get(card["classId"], {})
        said = partial(_said, language=holder.language)
        code = card.get("barcode") or {}
        background = _hex(kind.get("hexBackgroundColor", "#ffffff"))
        hero, logo = card.get("heroImage") or kind.get("heroImage"), kind.get("programLogo")
        drawn = {
            "issuer": said(kind, "issuerName"),
            "program": said(kind, "programName"),
            "points": [_points(card[name], holder.language) for name in ("loyaltyPoints", "secondaryLoyaltyPoints") if name in card],
            "symbol": _svg(SYMBOLOGIES.get(code.get("type", ""), "QR"), code["value"]) if code.get("value") else None,
            "code": code.get("alternateText", ""),
            "rows": [
                (said(module, "header"), said(module, "body"))
                for module in (*card.get("textModulesData", ()), *kind.get("textModulesData", ()))
            ],
            "account": [(said(kind, "accountNameLabel"), card.get("accountName")), (said(kind, "accountIdLabel"), card.get("accountId"))],
            "hero": _link(number, "hero", hero),
            "hero_said": _described(hero, holder.language),
            "logo": _link(number, "logo", logo),
            "state": card.get("state", "ACTIVE"),
            "paint": _class(background, _ink(background), _ink(background)),
            "colours": (background, _ink(background), _ink(background)),
            "notes": _newest([note for note in google.notifications if note.object_id == holder.google], holder.zone),
        }
        return {"key": f"google-{number}", "digest": _digest(drawn), "card": drawn}

    def _passes(self, number: str) -> Mapping[str, Shown]:
        holder = self._holder(number)
        return holder.phone.passes if holder and holder.phone else {}

    def _holder(self, number: str) -> Holder | None:
        index = int(number) if number.isascii() and number.isdecimal() else -1
        return self._shelf.holders[index] if 0 <= index < len(self._shelf.holders) else None

    def _address(self, number: str, which: str) -> str:
        """Where a picture of Google's card is: the page only fetches what the card itself names."""
        holder, google = self._holder(number), self._shelf.google
        card = google.objects.get(holder.google) if google and holder else None
        if google is None or card is None:
            return ""
        kind = google.classes.get(card["classId"], {})
        image = {"hero": card.get("heroImage") or kind.get("heroImage"), "logo": kind.get("programLogo")}.get(which) or {}
        address = str(image.get("sourceUri", {}).get("uri", ""))
        return address if urlsplit(address).scheme in ("http", "https") else ""

    async def _picture(self, address: str) -> tuple[int, str, bytes]:
        """A picture, fetched once, as Google does."""
        if address not in self._pictures:
            try:
                answer = await self._http(Ask(method="GET", url=address))
            except Unreachable as unreachable:
                return 502, "text/plain", str(unreachable).encode()
            kind = answer.headers.get("content-type", "").partition(";")[0]
            if answer.status != OK or kind not in PICTURES:
                return 502, "text/plain", f"{address} answers {answer.status} with {kind or 'nothing'}".encode()
            while len(self._pictures) >= KEPT:
                del self._pictures[next(iter(self._pictures))]
            self._pictures[address] = kind, answer.body
        return 200, *self._pictures[address]


def _apple(number: int, phone: Phone, shown: Shown) -> dict[str, Any]:
    def link(name: str) -> str:
        image = shown.images.get(name)
        return f"/apple/{number}/{quote(shown.serial)}/{name}?v={hashlib.sha256(image).hexdigest()[:12]}" if image else ""

    drawn = {
        "shown": msgspec.structs.replace(shown, images={}),
        "images": {name: link(name) for name in ("icon", "logo", "strip")},
        "strip_said": ", ".join(f"{field.label}: {field.value}" for field in shown.header),
        "symbol": _svg(shown.barcode.format, shown.barcode.message, shown.barcode.encoding) if shown.barcode else None,
        "screen": f"/screen/{number}/{quote(shown.serial)}.png",
        "paint": _class(*(f"rgb{colour}" for colour in (shown.background, shown.foreground, shown.label))),
        "colours": tuple(f"rgb{colour}" for colour in (shown.background, shown.foreground, shown.label)),
        "notes": _newest([note for note in phone.notifications if note.serial == shown.serial], phone.zone),
    }
    return {"key": f"apple-{number}-{shown.serial}", "digest": _digest(drawn), "card": drawn}


def _newest(notes: Sequence[Note], zone: ZoneInfo | None) -> list[dict[str, str]]:
    """The last notifications, newest first, with the time on the phone's clock."""
    return [
        {
            "id": hashlib.sha256(f"{number} {note.at.isoformat()} {note.title} {note.text}".encode()).hexdigest()[:12],
            "title": note.title,
            "text": note.text,
            "time": f"{note.at.astimezone(zone):%H:%M}",
        }
        for number, note in [*enumerate(notes)][: -LATEST - 1 : -1]
    ]


def _digest(drawn: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(drawn).encode()).hexdigest()[:16]


def _svg(symbology: str, message: str, encoding: str = "utf-8") -> dict[str, Any]:
    """A barcode as one SVG path: its width and height in modules, and the path."""
    image = drawing.symbol(Barcode(format=symbology, message=message, encoding=encoding, text=""))
    dark = image.point(lambda grey: 0 if grey > 127 else 1)  # noqa: PLR2004
    pixels = dark.tobytes()
    runs = []
    for y in range(image.height):
        row = pixels[y * image.width : (y + 1) * image.width]
        runs += [f"M{found.start()} {y}h{found.end() - found.start()}v1H{found.start()}z" for found in re.finditer(b"\x01+", row)]
    return {"width": image.width, "height": image.height, "path": "".join(runs), "flat": symbology in ("PDF417", "Code128")}


def _said(thing: Mapping[str, Any], name: str, *, language: str) -> str:
    """``name`` of a thing of Google's, or its localized sibling in ``language``."""
    localized = thing.get("localized" + name[0].upper() + name[1:])
    return _localized(localized, language) if localized else str(thing.get(name, ""))


def _localized(words: Mapping[str, Any], language: str) -> str:
    for translated in words.get("translatedValues", ()):
        if translated["language"].partition("-")[0] == language.partition("-")[0]:
            return str(translated["value"])
    return str(words["defaultValue"]["value"])


def _points(points: Mapping[str, Any], language: str) -> tuple[str, str]:
    balance = points.get("balance", {})
    return _said(points, "label", language=language), str(next(iter(balance.values()), ""))


def _described(image: Mapping[str, Any] | None, language: str) -> str:
    words = (image or {}).get("contentDescription")
    return _localized(words, language) if words else ""


def _link(number: int, which: str, image: Mapping[str, Any] | None) -> str:
    address = (image or {}).get("sourceUri", {}).get("uri", "")
    return f"/google/{number}/{which}?v={hashlib.sha256(address.encode()).hexdigest()[:12]}" if address else ""


def _hex(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"


def _ink(background: str) -> str:
    """Black or white, whichever reads better on a colour (WCAG's relative luminance)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", background)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)  # noqa: PLR2004
    return DARK_INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else LIGHT_INK  # noqa: PLR2004


def _class(*colours: str) -> str:
    """The name of a card's colours: style attributes are not allowed here, so each set has a class in paint.css."""
    return "paint-" + "-".join("".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)) for colour in colours)


def _paint(cards: Sequence[Mapping[str, Any]]) -> str:
    drawn = [each["card"] for holder in cards for each in [*(holder["phone"] or ()), *([holder["google"]] if holder["google"] else ())]]
    sets = dict.fromkeys((card["paint"], card["colours"]) for card in drawn if card)
    return "\n".join(f".{name} {{ --card: {card}; --ink: {ink}; --label: {label}; }}" for name, (card, ink, label) in sets)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, status: int, kind: str, body: bytes, *, keep: bool = False, **more: str) -> None:
    fields = {
        **more,
        "content-type": kind,
        "content-length": str(len(body)),
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # with none, a browser does not say that a form comes from this page
        "cache-control": "max-age=86400" if keep else "no-cache",
    }
    await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in fields.items()]})
    await send({"type": "http.response.body", "body": body})
