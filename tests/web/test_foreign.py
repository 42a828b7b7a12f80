"""Another business does not exist: whatever of it is named, on any address that there is, the answer is that of a name made up."""

import io
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import cookies
import httpx
import pytest
import segno
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec.structs import replace
from shop import Clock, Shop, application

from app import asgi, settings, world
from app.desk import coupons as printing
from app.desk import enrolment, found, imports, webhooks
from app.errands import Errands
from app.store import Passkey
from passes import codes, coupons
from passes.campaigns import Campaign, Rules, Segment
from passes.words import text

Things = Mapping[str, str]
"""What somebody may name in a request: ids and codes of one business, or made up."""
Request = Callable[[Things], dict[str, Any]]


def photo(code: str) -> bytes:
    file = io.BytesIO()
    segno.make(code).save(file, kind="png", scale=8, border=4)
    return file.getvalue()


def form(**fields: str) -> Request:
    return lambda it: {"data": {name: it.get(value, value) for name, value in fields.items()}}


def said(**fields: str) -> Request:
    return lambda it: {"json": {name: it.get(value, value) for name, value in fields.items()}}


def pictured(it: Things) -> dict[str, Any]:
    return {"content": photo(it["code"]), "headers": {"Content-Type": "image/png"}}


def zipped(**said: object) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("design.json", json.dumps({"format": "counterpass-design-1", "design": said}))
    return file.getvalue()


OFFER: Final = {
    "title.en": "Free tea",
    "kind": "free_item",
    "item.en": "Tea",
    "action.en": "Press TEA",
    "validity": "unlimited",
    "locations": "location_id",
}
DESIGN: Final = zipped(folder="paper")
PIN: Final = Argon2id(salt=b"a pinch of it", length=32, iterations=1, lanes=1, memory_cost=8).derive_phc_encoded(b"2580")
NAMES: Final = {
    "which": "card_id",
    "act": "suspend",
    "POST /api/v1/coupons/{coupon_id:uuid}/void": "given_id",
    "POST /api/v1/coupons/{coupon_id:uuid}/extend": "given_id",
    "GET /api/v1/imports/{import_id:uuid}": "brought_id",
    "GET /api/v1/imports/{import_id:uuid}/bad": "brought_id",
    "GET /settings/imports/{import_id:uuid}": "brought_id",
    "GET /settings/imports/{import_id:uuid}/bad.csv": "brought_id",
    "POST /campaigns/{campaign_id:uuid}/stop": "scheduled_id",
}
"""What stands in an address under another name than the thing's own: everywhere, or at one of them."""
WITH: Final[dict[str, Request]] = {
    "GET /api/v1/cards/{which:str}": said(),
    "GET /api/v1/cards/{which:str}/story": said(),
    "GET /api/v1/coupons/{coupon_id:uuid}": said(),
    "GET /api/v1/imports/{import_id:uuid}": said(),
    "GET /api/v1/imports/{import_id:uuid}/bad": said(),
    "GET /api/v1/locations/{location_id:uuid}": said(),
    "GET /api/v1/offers/{offer_id:uuid}": said(),
    "GET /api/v1/programs/{program_id:uuid}": said(),
    "GET /api/v1/redemptions/{redemption_id:uuid}": said(),
    "GET /api/v1/customers/{customer_id:uuid}": said(),
    "PATCH /api/v1/customers/{customer_id:uuid}": said(name="Nguyệt"),
    "POST /api/v1/cards/search": said(code="code"),
    "POST /api/v1/cards/{which:str}/corrections": lambda _: {"json": {"count": 1, "reason": "forgotten"}},
    "POST /api/v1/coupons": said(offer_id="offer_id", card_id="card_id", reason="rain"),
    "POST /api/v1/coupons/{coupon_id:uuid}/extend": said(until="2028-01-01", reason="rain"),
    "POST /api/v1/coupons/{coupon_id:uuid}/void": said(reason="rain"),
    "POST /api/v1/customers/search": said(name="who"),
    "POST /api/v1/customers/{customer_id:uuid}/erasure": said(),
    "GET /insight/staff/{staff_id:uuid}": form(),
    "POST /account/passkeys/{passkey_id:uuid}/remove": form(),
    "POST /api/v1/cards/{which:str}/earnings": lambda _: {"json": {"count": 1}},
    "POST /api/v1/goodwill": said(code="expired_code", reason="rain"),
    "POST /api/v1/join": said(program_id="program_id", name="Tú"),
    "POST /api/v1/look-ups": said(code="code"),
    "GET /api/v1/reservations/{reservation_id:uuid}": said(),
    "POST /api/v1/baskets/{basket_id:uuid}/reversal": lambda it: {"json": {"redemption_ids": [it["redemption_id"]], "reason": "a mistake"}},
    "POST /api/v1/redemptions": said(code="code"),
    "POST /api/v1/reservations": lambda it: {"json": {"codes": [it["code"]]}},
    "POST /api/v1/reservations/{reservation_id:uuid}/release": said(),
    "POST /api/v1/returns": said(receipt="receipt"),
    "POST /api/v1/redemptions/photo": pictured,
    "POST /api/v1/redemptions/{redemption_id:uuid}/reversal": said(reason="a mistake"),
    "POST /api/v1/till": lambda it: {"json": {"action": "redeem", "transaction_id": it["new_id"], "codes": [it["code"]]}},
    "POST /counter/cards/{card_id:uuid}": said(),
    "POST /counter/compensation": said(card_id="card_id", offer_id="offer_id", reason="rain"),
    "POST /counter/earn/{card_id:uuid}": lambda _: {"json": {"count": 1}},
    "POST /counter/honour": said(code="expired_code", reason="rain"),
    "POST /counter/person": form(staff_id="staff_id", pin="2580"),
    "POST /counter/photo": pictured,
    "POST /counter/present": said(code="code"),
    "POST /counter/reversal/{redemption_id:uuid}": said(reason="a mistake"),
    "POST /counters": form(location_id="location_id", name="Window", kind="staff"),
    "POST /counters/here": form(location_id="location_id", name="Window", kind="staff"),
    "POST /counters/{counter_id:uuid}/name": form(name="Window"),
    "POST /counters/{counter_id:uuid}/revoke": form(),
    "GET /api/v1/webhooks/{webhook_id:uuid}": said(),
    "GET /api/v1/webhooks/{webhook_id:uuid}/deliveries": said(),
    "PATCH /api/v1/webhooks/{webhook_id:uuid}": said(description="Books"),
    "DELETE /api/v1/webhooks/{webhook_id:uuid}": said(),
    "POST /api/v1/webhooks/{webhook_id:uuid}/secret": said(),
    "POST /api/v1/webhooks/{webhook_id:uuid}/test": said(),
    "POST /api/v1/webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay": said(),
    "GET /webhooks/{webhook_id:uuid}": said(),
    "GET /webhooks/{webhook_id:uuid}/edit": said(),
    "POST /webhooks/{webhook_id:uuid}": form(url="https://till.example/new"),
    "POST /webhooks/{webhook_id:uuid}/secret": form(),
    "POST /webhooks/{webhook_id:uuid}/roll": form(overlap="1h"),
    "POST /webhooks/{webhook_id:uuid}/switch": form(on="false"),
    "POST /webhooks/{webhook_id:uuid}/test": form(),
    "POST /webhooks/{webhook_id:uuid}/remove": form(),
    "POST /webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay": form(),
    "POST /keys": form(name="Till", location_id="location_id", staff_id="staff_id", scopes="read"),
    "POST /keys/{key_id:uuid}/roll": form(overlap="1h"),
    "POST /keys/{key_id:uuid}/revoke": form(),
    "GET /campaigns/{campaign_id:uuid}": said(),
    "GET /campaigns/{campaign_id:uuid}/edit": said(),
    "POST /campaigns/picked": form(customers="customer_id"),
    "POST /campaigns": form(**{"name": "Rain", "message.en": "Tea?", "offer_id": "offer_id", "program_id": "program_id"}),
    "POST /campaigns/{campaign_id:uuid}/edit": form(**{"name": "Rain", "message.en": "Tea?", "picked": "card_id"}),
    "POST /campaigns/{campaign_id:uuid}/send": form(),
    "POST /campaigns/{campaign_id:uuid}/stop": form(),
    "POST /campaigns/{campaign_id:uuid}/archive": form(),
    "POST /campaigns/{campaign_id:uuid}/test": form(number="card_id"),
    "POST /segments": form(name="Near", location_id="location_id"),
    "POST /segments/count": form(program_id="program_id"),
    "GET /programs/{program_id:uuid}/poster": said(),
    "GET /programs/{program_id:uuid}/poster/{location_id:uuid}": said(),
    "POST /locations/{location_id:uuid}": form(name="By the river"),
    "POST /locations/{location_id:uuid}/close": form(),
    "POST /locations/{location_id:uuid}/reopen": form(),
    "GET /redemptions/coupons/{coupon_id:uuid}": said(),
    "GET /programs/{program_id:uuid}/design": said(),
    "GET /programs/{program_id:uuid}/design.zip": said(),
    "POST /programs/{program_id:uuid}/design": form(background="#123456", foreground="#ffffff", label="#ffffff"),
    "POST /programs/{program_id:uuid}/design.zip": lambda _: {"content": DESIGN, "headers": {"Content-Type": "application/zip"}},
    "GET /programs/{program_id:uuid}": said(),
    "POST /programs/{program_id:uuid}": form(
        **{"name.en": "Tea card", "earning": "by_visit", "goals.0.at": "5", "goals.0.offer_id": "used_offer_id", "welcome": "offer_id"}
    ),
    "POST /programs/{program_id:uuid}/state": form(state="paused"),
    "GET /offers/{offer_id:uuid}": said(),
    "POST /offers": form(**OFFER),
    "POST /offers/{offer_id:uuid}": form(**OFFER),
    "POST /offers/{offer_id:uuid}/state": form(state="paused"),
    "POST /redemptions/export.csv": form(offer="used_offer_id"),
    "POST /redemptions/rows": form(offer="used_offer_id"),
    "POST /redemptions/{redemption_id:uuid}/reversal": form(reason="a mistake"),
    "GET /coupons/batches/{batch_id:uuid}": said(),
    "GET /coupons/batches/{batch_id:uuid}/codes.csv": said(),
    "GET /coupons/batches/{batch_id:uuid}/sheets.pdf": said(),
    "GET /coupons/imports/{import_id:uuid}": said(),
    "GET /coupons/imports/{import_id:uuid}/bad.csv": said(),
    "GET /settings/imports/{import_id:uuid}": said(),
    "GET /settings/imports/{import_id:uuid}/bad.csv": said(),
    "GET /coupons/{given_id:uuid}/change": said(),
    "GET /errands/{errand_id:uuid}": said(),
    "POST /coupons/batches/{batch_id:uuid}/void": form(id="new_id", reason="wet"),
    "POST /coupons/find": form(q="who"),
    "POST /coupons/give": form(card_id="card_id", offer_id="offer_id", reason="rain", nonce="n"),
    "POST /coupons/import": form(offer_id="offer_id", codes="TET1"),
    "POST /coupons/import/{offer_id:uuid}": lambda _: {"content": b"TET1", "headers": {"Content-Type": "text/csv"}},
    "POST /coupons/imports/{import_id:uuid}/confirm": form(),
    "POST /coupons/imports/{import_id:uuid}/discard": form(),
    "POST /coupons/many": lambda it: {"data": {"id": it["new_id"], "offer_id": it["offer_id"], "whom": f"program:{it['program_id']}"}},
    "POST /coupons/print": form(id="new_id", offer_id="offer_id", count="1"),
    "POST /coupons/{given_id:uuid}/extend": form(until="2028-01-01", reason="rain"),
    "POST /coupons/{given_id:uuid}/void": form(reason="rain"),
    "POST /errands/{errand_id:uuid}/stop": form(),
    "POST /inserts": form(program_id="program_id", count="1", form="csv"),
    "GET /customers/{customer_id:uuid}": said(),
    "GET /customers/{customer_id:uuid}/merge/{other_id:uuid}": said(),
    "GET /customers/{customer_id:uuid}/record": said(),
    "GET /customers/{customer_id:uuid}/record.json": said(),
    "POST /customers": form(segment="segment_id"),
    "POST /customers/export.csv": form(segment="segment_id"),
    "POST /customers/{customer_id:uuid}": form(name="Nguyệt", language="vi"),
    "POST /customers/{customer_id:uuid}/cards/{card_id:uuid}/correction": form(way="more", amount="1", reason="forgotten", nonce="n"),
    "POST /customers/{customer_id:uuid}/cards/{card_id:uuid}/stamps": form(count="1", nonce="n"),
    "POST /customers/{customer_id:uuid}/erase": form(sure="true"),
    "POST /customers/{customer_id:uuid}/merge/{other_id:uuid}": form(),
    "POST /customers/{customer_id:uuid}/note": form(note="Nuts"),
    "POST /segments/{segment_id:uuid}/remove": form(),
    "POST /staff/{staff_id:uuid}/link": form(),
    "POST /staff/{staff_id:uuid}/role": form(role="manager"),
    "POST /staff/{staff_id:uuid}/{act:str}": form(),
}
"""Every address at which something is named, with a request that does its work for one's own things."""
NAMING_NOTHING: Final = {
    "GET /",
    "GET /api/v1/cards",
    "GET /api/v1/coupons",
    "GET /api/v1/customers",
    "GET /api/v1/events",
    "GET /api/v1/locations",
    "GET /api/v1/offers",
    "GET /api/v1/programs",
    "GET /api/v1/redemptions",
    "GET /api/v1/refusals",
    "GET /api/v1/reservations",
    "GET /account",
    "GET /api/v1/me",
    "GET /api/v1/webhooks",
    "GET /webhooks",
    "GET /webhooks/new",
    "GET /keys",
    "GET /keys/new",
    "GET /keys/test-mode",
    "GET /campaigns",
    "GET /campaigns/new",
    "GET /segments",
    "GET /counter",
    "GET /counter/offline",
    "GET /counters",
    "GET /settings/brand",
    "GET /locations",
    "GET /offers",
    "GET /offers/new",
    "GET /programs",
    "GET /insight",
    "GET /insight/export.csv",
    "GET /redemptions",
    "GET /redemptions/numbers",
    "GET /redemptions/trends",
    "GET /settings",
    "GET /settings/coupons.csv",
    "GET /settings/customers.csv",
    "GET /settings/events.csv",
    "GET /settings/redemptions.csv",
    "GET /setup",
    "GET /audit",
    "GET /audit/export.csv",
    "GET /coupons",
    "GET /coupons/import",
    "GET /coupons/many",
    "GET /coupons/print",
    "GET /inserts",
    "GET /customers",
    "GET /customers/duplicates",
    "GET /staff/limits",
    "GET /staff",
    "POST /counter/find",
    "POST /counter/last",
}
"""Pages of one's own business: nothing of another one stands in them."""
ONES_OWN: Final = {
    "POST /account/name",
    "POST /account/passkeys",
    "POST /account/passkeys/options",
    "POST /account/password",
    "POST /account/pin",
    "POST /account/sign-out-everywhere",
    "GET /redemptions/live",
    "POST /counter/leave",
    "POST /counters/mode",
    "POST /keys/forget-tests",
    "POST /pictures",
    "POST /api/v1/webhooks",
    "POST /webhooks",
    "POST /programs",
    "POST /settings/brand",
    "POST /locations",
    "POST /settings",
    "POST /sign-out",
    "POST /staff",
    "POST /staff/limits",
}
"""They say nothing but what was just written, or that something changed."""
OPEN: Final = re.compile(
    r"GET /api/v1/cards/\{which:str\}/(apple|google)"  # wallets are closed here: tests/wallets
    r"|GET /api/v1/requests/|GET /api/v1/exports/\{what:str\}|POST /api/v1/imports$"  # nothing is named: test_log, test_exports
    r"|\w+ /(api(/openapi.json|/scenarios|/\{path:str\})?$|apple/|google/|c/|i/|join/|leave-mail/|art/|brand/|pictures/)"  # public
    r"|\w+ /(static|problems)(/|$)"
    r"|POST /settings/imports/\{what:str\}"  # the page of its answer names it
    r"|GET /(style.css|health)|\w+ /(enrol|invite|start)/\{secret:str\}|\w+ /sign-in.*|POST /language"
    r"|GET /counter/(worker.js|manifest.webmanifest|icon.png)"
)
"""Addresses that need nobody's session, or a secret that says whose they are."""


def addresses() -> dict[str, HTTPRouteHandler]:
    """Everything that can be asked over HTTP: method and path."""
    app = asgi.create_app(settings.read({"DATABASE_URL": "sqlite:////nonexistent/none.db", "COUNTERPASS_CERTS": "/nonexistent"}))
    return {
        f"{method} {route.path}": handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method not in ("OPTIONS", "HEAD")
    }


class Town:
    """Two businesses in one house: our own, and the one next door. Each has one of everything."""

    def __init__(self, ours: Shop, theirs: Shop, certs: Path, has: tuple[Things, Things]) -> None:
        self.ours, self.theirs, self.certs = ours, theirs, certs
        self.has_ours, self.has_theirs = has

    async def browser(self) -> httpx.AsyncClient:
        """Lan of our shop is signed in, on a browser that is a counter where Minh stands."""
        owner, manager = await cookies.member(self.ours, "Lan"), await cookies.member(self.ours, "Minh")
        now = self.ours.clock()
        counter = await cookies.enrolled(self.ours, self.certs)
        session = cookies.session(self.certs, signed_in=(owner, now), at_counter=(manager, now))
        client = httpx.AsyncClient(transport=self.ours.client._transport, base_url="https://counter.example")
        for name, value in {**counter.cookies, **session}.items():
            client.cookies.set(name, value, domain="counter.example")
        await client.get("/")
        client.headers.update(
            {"X-CSRFToken": client.cookies["csrf"], "Authorization": f"Bearer {self.ours.secrets['Minh']}", "Accept-Language": "en"}
        )
        return client


async def things(shop: Shop, who: str) -> Things:
    """One of everything that a business has, for requests to name."""
    store, now = shop.desk.store, shop.clock()
    card = await shop.card_with_cookie(who)
    receipt = str(uuid4())
    used = (await shop.post("redemptions", {"code": await shop.cookie(), "receipt": receipt})).json()
    await shop.post(f"cards/{card['id']}/earnings", {"count": 1, "receipt": receipt})
    held = (await shop.post("reservations", {"codes": [await shop.cookie("Held")]})).json()
    late = coupons.issue(shop.offers["cookie"], coupon_id=uuid4(), code=codes.mint(shop.desk.world.pick), now=now, zone=shop.business.tz)
    member = await cookies.member(shop, "Lan")
    hired = await found.hire(store, shop.desk.world, shop.business, name="Quỳnh", role="cashier")
    await store.replace_member(hired, replace(found.login(hired), pin=PIN), seen=0)
    counter, _ = await enrolment.enrol_here(
        shop.desk, member, location_id=shop.locations["Bến Thành"].id, name="Back door", kind="staff", was=None
    )
    passkey = Passkey(
        id=uuid4(),
        business_id=shop.business.id,
        staff_id=member.staff.id,
        credential=uuid4().bytes,
        public_key=b"key",
        sign_count=0,
        name="Lan's laptop",
        created_at=now,
    )
    campaign = Campaign(id=uuid4(), business_id=shop.business.id, name="Sun", message=text(en="Ice?"), made_at=now, made_by=member.staff.id)
    scheduled = replace(campaign, id=uuid4(), state="scheduled")
    await shop.desk.commit(now, rows=(passkey, campaign, scheduled, replace(late, expires_at=now - timedelta(days=1))))
    segment = Segment(id=uuid4(), business_id=shop.business.id, name="All", rules=Rules())
    known = await store.card_facts(card_id=UUID(card["id"]))
    other = await store.card_facts(card_id=UUID(used["coupon"]["card_id"]))
    assert known
    assert other
    await shop.desk.commit(now, rows=(segment,))
    by = member.staff.id
    hook = await webhooks.make(shop.desk, shop.business.id, by, webhooks.Wanted(url="https://till.example/hook"))
    tried = await webhooks.try_out(shop.desk, hook)
    key = await shop.hand_out("Web shop")
    batch_id, errand_id = uuid4(), uuid4()
    await printing.to_print(shop.desk, member, batch_id, shop.offers["coffee"].id, 1)
    while await Errands(shop.desk).step():
        pass
    await printing.to_print(shop.desk, member, errand_id, shop.offers["coffee"].id, 1)

    async def file() -> AsyncIterator[bytes]:
        yield b"TET2026"

    import_id = await imports.bring(shop.desk, member, shop.offers["coffee"].id, file())
    csv = {**shop.headers("Lan"), "Content-Type": "text/csv"}
    brought = (await shop.client.post("/api/v1/imports?what=customers", content=b"customer_id,joined_at", headers=csv)).json()
    return {
        "who": who,
        "new_id": str(uuid4()),
        "batch_id": str(batch_id),
        "import_id": str(import_id),
        "brought_id": brought["id"],
        "errand_id": str(errand_id),
        "key_id": str(key.id),
        "webhook_id": str(hook.id),
        "delivery_id": str(tried.id),
        "given_id": card["ready"][0]["id"],
        "campaign_id": str(campaign.id),
        "scheduled_id": str(scheduled.id),
        "segment_id": str(segment.id),
        "customer_id": str(known.customer.id),
        "other_id": str(other.customer.id),
        "card_id": card["id"],
        "code": card["ready"][0]["code"],
        "expired_code": late.code,
        "coupon_id": used["coupon"]["id"],
        "redemption_id": used["redemption"]["id"],
        "basket_id": used["redemption"]["basket_id"],
        "reservation_id": held["id"],
        "receipt": receipt,
        "program_id": str(shop.program.id),
        "offer_id": str(shop.offers["coffee"].id),
        "used_offer_id": str(shop.offers["cookie"].id),
        "location_id": str(shop.locations["Thảo Điền"].id),
        "staff_id": str(hired.id),
        "counter_id": str(counter.id),
        "passkey_id": str(passkey.id),
    }


def made_up(shop: Shop) -> Things:
    """The same, of nobody."""
    ids = (
        "new",
        "batch",
        "import",
        "brought",
        "errand",
        "given",
        "campaign",
        "scheduled",
        "segment",
        "customer",
        "other",
        "card",
        "coupon",
        "redemption",
        "basket",
        "reservation",
        "program",
        "offer",
        "used_offer",
        "location",
        "staff",
        "counter",
        "passkey",
        "key",
        "webhook",
        "delivery",
    )
    minted = {name: codes.mint(shop.desk.world.pick) for name in ("code", "expired_code")}
    return {"who": "Vô Danh", "receipt": str(uuid4()), **minted, **{f"{name}_id": str(world.new_id()) for name in ids}}


async def ask(client: httpx.AsyncClient, address: str, it: Things) -> tuple[int, str]:
    """The status, and the body with the name of each thing instead of the thing itself."""
    method, path = address.split()

    def thing(match: re.Match[str]) -> str:
        name = NAMES.get(address) or NAMES.get(match[1], match[1])
        return it.get(name, name)

    asked = WITH[address](it) if address in WITH else {}
    headers = {"Idempotency-Key": str(uuid4()), **asked.pop("headers", {})}
    if method == "GET":
        asked = {}
    answer = await client.request(method, re.sub(r"\{(\w+):\w+\}", thing, path), headers=headers, **asked)
    text = answer.text
    for name, value in it.items():
        for shown in (value, codes.group(value), value.lower()) if "code" in name else (value,):
            text = text.replace(shown, f"<{name}>")
    return answer.status_code, text


@pytest.fixture(scope="module")
async def built(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Town]:
    """A town as it is before anybody asks: a file to be copied, for to build it takes half a second."""
    folder = tmp_path_factory.mktemp("town")
    path, certs, clock = folder / "town.db", folder / "certs", Clock()
    certs.mkdir()
    shutil.copy(sqlite_template, path)
    async with application(f"sqlite:///{path}", clock, certs=str(certs)) as (client, desk, followers):
        ours, theirs = [await Shop(client, desk, clock, followers).open(name) for name in ("Cà Phê Sáng", "Tiệm Bánh Nguyệt")]
        town = Town(ours, theirs, certs, (await things(ours, "Hằng"), await things(theirs, "Nguyệt")))
    return path, town


@pytest.fixture
async def town(built: tuple[Path, Town], tmp_path: Path) -> AsyncIterator[Town]:
    path, was = built
    shutil.copy(path, tmp_path / "counterpass.db")
    clock = Clock()
    async with application(f"sqlite:///{tmp_path}/counterpass.db", clock, certs=str(was.certs)) as around:
        ours, theirs = (one.moved(*around, clock) for one in (was.ours, was.theirs))
        yield Town(ours, theirs, was.certs, (was.has_ours, was.has_theirs))


def everything_of(shop: Shop, database: Path) -> dict[str, list[Any]]:
    """All rows of a business."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in tables}
        return {
            name: connection.execute(f"SELECT * FROM {name} WHERE business_id = ?", (str(shop.business.id),)).fetchall()
            for name in tables
            if "business_id" in columns[name]
        }


def test_every_address_is_known_here() -> None:
    known = WITH | dict.fromkeys(NAMING_NOTHING | ONES_OWN)
    served = addresses()
    assert [one for one in known if one not in served] == []
    unknown = [one for one in served if one not in known and not OPEN.match(one)]
    assert unknown == [], "say in this file what these name: WITH, NAMING_NOTHING, ONES_OWN or OPEN"
    named = [one for one in NAMING_NOTHING | ONES_OWN if "{" in one]
    assert named == []


@pytest.mark.parametrize("address", sorted(WITH))
async def test_what_is_next_door_is_not_there(address: str, town: Town, tmp_path: Path) -> None:
    client, theirs, database = await town.browser(), town.has_theirs, tmp_path / "counterpass.db"
    before = everything_of(town.theirs, database)
    foreign, nobody = await ask(client, address, theirs), await ask(client, address, made_up(town.ours))
    assert foreign == nobody
    assert everything_of(town.theirs, database) == before
    assert not any(value in foreign[1] for value in theirs.values())

    status, text = await ask(await town.browser(), address, town.has_ours)
    assert status < 400, text
    assert (status, text) != nobody


@pytest.mark.parametrize("address", sorted(NAMING_NOTHING))
async def test_nothing_of_next_door_is_shown(address: str, town: Town) -> None:
    client = await town.browser()
    method, path = address.split()
    sought = {"json": {"text": town.has_theirs["who"]}} if "find" in path else {}
    answer = await client.request(method, path, headers={"Accept": "text/html"}, **sought)
    assert answer.status_code < 400, answer.text
    business = town.theirs.business
    assert [value for value in (*town.has_theirs.values(), str(business.id), business.name) if value in answer.text] == []
