"""A shop to test in: the whole application over a real database, asked through its own HTTP, with a clock that is moved by hand."""

import contextlib
import copy
import functools
import itertools
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from litestar import Litestar
from msgspec.structs import replace

from app import asgi, settings, world
from app.certs import make_development_chain
from app.desk import Desk, enrolment, examples, found, keys
from app.followers import Followers
from app.store import ApiKey, Filter, Past, Staff
from passes.businesses import Brand, Business, Location
from passes.offers import Offer
from passes.programs import Program
from passes.wallets.base import Http

PASS_TYPE = "pass.dev.counterpass"
NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # a Friday, noon in Hồ Chí Minh City


PASSWORD = "seven quiet herons"
PIN = "2580"


def email_of(who: str) -> str:
    plain = unicodedata.normalize("NFD", who).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}@example.com"


@functools.cache
def hash_of(secret: str) -> str:
    """A hash like those of app.desk.hashing, made once."""
    return Argon2id(salt=b"the same for all", length=32, iterations=1, lanes=1, memory_cost=64).derive_phc_encoded(secret.encode())


class Clock:
    """Time stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Shop:
    """A café in Vietnam with two branches, an owner, a manager and two cashiers, and its program of ten stamps."""

    def __init__(self, client: httpx.AsyncClient, desk: Desk, clock: Clock, followers: Followers) -> None:
        self.client, self.desk, self.clock, self.followers = client, desk, clock, followers
        self._keys = itertools.count()
        self.secrets: dict[str, str] = {}
        self.staff: dict[str, Staff] = {}
        self.business: Business
        self.locations: dict[str, Location] = {}
        self.program: Program
        self.offers: dict[str, Offer] = {}

    async def open(self, name: str = "Cà Phê Sáng", **settings: object) -> "Shop":
        store, here = self.desk.store, self.desk.world
        founded = await found.found(
            store,
            here,
            name=name,
            zone="Asia/Ho_Chi_Minh",
            currency="VND",
            languages=("vi", "en"),
            location="Bến Thành",
            owner="Lan",
            contact="028 1234 5678",
            brand=Brand(symbol="cup"),
        )
        business = replace(founded.business, **settings)
        assert await store.revise([(founded.business, business)])
        self.business = await examples.cafe(store, here, business)
        thao_dien = await found.add_location(store, here, business, name="Thảo Điền")
        self.locations = {"Bến Thành": founded.location, "Thảo Điền": thao_dien}
        self.program = (await store.programs(business.id))[0]
        offers = await store.offers(business.id, [goal.offer_id for goal in self.program.goals])
        self.offers = dict(zip(("cookie", "coffee"), (offers[goal.offer_id] for goal in self.program.goals), strict=True))
        self.staff["Lan"] = founded.owner
        for who, role in (("Minh", "manager"), ("An", "cashier"), ("Bình", "cashier")):
            self.staff[who] = await found.hire(store, here, business, name=who, role=role)
        for who, staff in self.staff.items():
            await self.hand_out(who, staff_id=staff.id)
        await self.hand_out("An in Thảo Điền", "Thảo Điền", staff_id=self.staff["An"].id)
        return self

    def moved(self, client: httpx.AsyncClient, desk: Desk, followers: Followers, clock: Clock) -> "Shop":
        """The same shop over a copy of its database."""
        there = copy.copy(self)
        there.client, there.desk, there.followers, there.clock = client, desk, followers, clock
        return there

    async def hand_out(self, name: str, where: str = "Bến Thành", **more: Any) -> ApiKey:
        """A key that Lan makes; requests of ``who`` that has its name have its secret."""
        made, self.secrets[name] = await keys.hand_out(
            self.desk.store,
            self.desk.world,
            self.business,
            name=name,
            location_id=self.locations[where].id,
            made_by=self.staff["Lan"].id,
            **more,
        )
        return made

    def headers(self, who: str = "An", *, key: str | None = None, language: str = "en") -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.secrets[who]}",
            "Idempotency-Key": key or f"key-{next(self._keys)}",
            "Accept-Language": language,
        }

    async def post(
        self, path: str, body: object = None, *, who: str = "An", key: str | None = None, language: str = "en"
    ) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/{path}", json={} if body is None else body, headers=self.headers(who, key=key, language=language)
        )

    async def get(self, path: str, *, who: str = "An", language: str = "en") -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", headers=self.headers(who, language=language))

    async def join(self, name: str = "Hoa", **more: str) -> dict:
        joined = await self.post("join", {"program_id": str(self.program.id), "name": name, **more})
        assert joined.status_code == 201, joined.text
        return joined.json()["card"]

    async def stamp(self, card: dict, count: int = 1, *, who: str = "An") -> dict:
        earned = await self.post(f"cards/{card['id']}/earnings", {"count": count}, who=who)
        assert earned.status_code == 201, earned.text
        return earned.json()

    async def card_with_cookie(self, name: str = "Hoa") -> dict:
        """A new card with a cookie ready on it."""
        return (await self.stamp(await self.join(name), 5))["card"]

    async def cookie(self, name: str = "Hoa") -> str:
        """The code of a cookie that is ready on a new card."""
        return (await self.card_with_cookie(name))["ready"][0]["shown"]

    async def change_offer(self, which: str, **changes: object) -> None:
        """An offer with other terms, for the coupons that there are and for those to come."""
        was, self.offers[which] = self.offers[which], replace(self.offers[which], **changes)
        assert await self.desk.store.revise([(was, self.offers[which])])

    async def change_business(self, **changes: object) -> None:
        """The business with other settings."""
        (was,) = [one for one in await self.desk.store.businesses() if one.id == self.business.id]
        self.business = replace(was, **changes)
        assert await self.desk.store.revise([(was, self.business)])

    async def revoke(self, who: str) -> None:
        """The key of this person stands for nobody from now on."""
        caller = await self.desk.store.caller(found.secret_hash(self.secrets[who]))
        assert caller is not None
        await self.desk.store.change_key(caller.business.id, caller.person.counter_id, revoked_at=self.clock())

    async def redeem(self, code: str, *, who: str = "An", key: str | None = None, language: str = "en") -> httpx.Response:
        return await self.post("redemptions", {"code": code}, who=who, key=key, language=language)

    async def refused(self) -> list[Past]:
        """What was presented and not redeemed, the newest first."""
        return list(await self.desk.store.past(self.business.id, Filter(statuses=("refused",))))

    async def redeem_photo(self, photo: bytes, *, who: str = "An", kind: str = "image/png") -> httpx.Response:
        headers = {**self.headers(who), "Content-Type": kind}
        return await self.client.post("/api/v1/redemptions/photo", content=photo, headers=headers)

    # --- Browsers ---

    def browser(self, *, language: str = "en") -> httpx.AsyncClient:
        """A new browser: cookies of its own, and the secret of forms in every request that it makes, as our scripts do."""

        async def with_csrf(request: httpx.Request) -> None:
            if request.method != "GET" and "csrf" in browser.cookies:
                request.headers.setdefault("X-CSRFToken", browser.cookies["csrf"])

        browser = httpx.AsyncClient(
            transport=self.client._transport,
            base_url="https://cards.example",
            headers={"Accept-Language": language, "Accept": "text/html"},
            event_hooks={"request": [with_csrf]},
        )
        return browser

    async def give(self, who: str, *, password: str = "", pin: str = "") -> None:
        """What this person signs in with from now on. The address is "name@example.com", in letters of ASCII."""
        (member,) = await self.desk.store.members(staff_id=self.staff[who].id)
        login = replace(
            member.login,
            email=email_of(who),
            password=hash_of(password) if password else member.login.password,
            pin=hash_of(pin) if pin else member.login.pin,
            version=member.login.version + 1,
        )
        assert await self.desk.store.replace_member(member.staff, login, seen=member.login.version)

    async def sign_in(self, who: str = "Lan", *, language: str = "en") -> httpx.AsyncClient:
        """A browser on which this person is signed in, with cookies and the secret of forms ready."""
        await self.give(who, password=PASSWORD)
        browser = self.browser(language=language)
        await browser.get("/")
        answer = await browser.post("/sign-in", data={"email": email_of(who), "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    async def enrol(
        self, where: str = "Bến Thành", kind: str = "staff", *, name: str = "Till 1", language: str = "en"
    ) -> httpx.AsyncClient:
        """A browser that is a counter of this location; nobody is at it yet (a kiosk and an autopilot need nobody)."""
        (owner,) = await self.desk.store.members(staff_id=self.staff["Lan"].id)
        _, secret = await enrolment.link(self.desk, owner, location_id=self.locations[where].id, name=name, kind=kind)
        browser = self.browser(language=language)
        await browser.get("/")
        answer = await browser.post(f"/enrol/{secret}")
        assert answer.status_code == 303, answer.text
        return browser

    async def at_counter(self, who: str = "An", where: str = "Bến Thành", *, language: str = "en") -> httpx.AsyncClient:
        """A browser that is a counter, with this person at it."""
        await self.give(who, pin=PIN)
        browser = await self.enrol(where, language=language)
        answer = await browser.post("/counter/person", data={"staff_id": str(self.staff[who].id), "pin": PIN})
        assert answer.status_code == 303, answer.text
        return browser

    async def settle(self) -> None:
        """Let the followers work until nothing is due now."""
        while await self.followers.round():
            pass


class _Premises:
    """An application that is built once and opened for one shop after the other: to register all routes takes 150 ms.

    It reads its settings and its world when it opens, so both are those of the shop that opens in it now, but for the key of its
    sessions and whether it is at an https address: these it has from the beginning.
    """

    def __init__(self) -> None:
        self._app: Litestar | None = None
        self._settings: settings.Settings
        self._world: Callable[[Http], world.World]

    def __getattr__(self, name: str) -> object:
        return getattr(self._settings, name)

    def opened(self, known: settings.Settings, here: Callable[[Http], world.World]) -> Litestar:
        self._settings, self._world = known, here
        self._app = self._app or asgi.create_app(self, followers=False, world=self._here)
        return self._app

    def _here(self, http: Http) -> world.World:
        return self._world(http)


_IDLE: defaultdict[tuple[Path, bool], list[_Premises]] = defaultdict(list)
"""Those in which no shop is open, by what each has from the beginning."""


@contextlib.asynccontextmanager
async def application(database_url: str, clock: Clock, **environment: str) -> AsyncIterator[tuple[httpx.AsyncClient, Desk, Followers]]:
    """The application in this process; its followers are driven by hand. Exceptions of ours would surface as 500."""
    known = settings.read(
        {
            "DATABASE_URL": database_url,
            "COUNTERPASS_PUBLIC_URL": "https://cards.example",
            "COUNTERPASS_CERTS": "/nonexistent",
            **{f"COUNTERPASS_{name.upper()}": value for name, value in environment.items()},
        }
    )
    idle = _IDLE[known.certs, known.public_url.startswith("https:")]
    premises = idle.pop() if idle else _Premises()
    app = premises.opened(known, lambda http: replace(world.real(http), now=clock, pick=secrets.choice, uniform=lambda: 0.5))
    async with app.lifespan():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://counter") as client:
            yield client, app.state.desk, Followers(app.state.desk, app.state.bell)
    idle.append(premises)


@contextlib.asynccontextmanager
async def open_shop(database_url: str, *, clock: Clock | None = None, **environment: str) -> AsyncIterator[Shop]:
    """A café that is open."""
    clock = clock or Clock()
    async with application(database_url, clock, **environment) as (client, desk, followers):
        yield await Shop(client, desk, clock, followers).open()


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of development certificates: what COUNTERPASS_CERTS names."""
    folder = tmp_path_factory.mktemp("certs")
    make_development_chain(folder / "apple", pass_type=PASS_TYPE, team="DEVELOPER1", organization="Cà Phê Sáng", now=NOON)
    return folder
