"""A shop served by a process that can be killed, with Apple, Google and phones that go on living outside it."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from servers import Answer, Broken, Launcher, Server
from shop import Clock, Shop, open_shop

from app import world
from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from app.sandbox.google import GoogleSandbox
from app.sandbox.phone import Phone
from app.store import Unit
from passes import codes, coupons
from passes.coupons import Redemption
from passes.wallets.base import Ask

LEASE = "1"


class Customer(NamedTuple):
    """Somebody with the card in both wallets."""

    card: dict
    phone: Phone
    google: str


class Promise:
    """One request and its key: it is sent until it is answered for good, by whichever process, and then has one answer."""

    def __init__(self, premises: "Premises", path: str, body: dict) -> None:
        self.path, self.body, self.key = path, body, f"promise-{uuid4()}"
        self.answer: Answer | None = None
        self._premises = premises

    async def send(self) -> None:
        """Once more. What is not an answer for good (the connection broke, 409 in flight, 503) leaves it open."""
        try:
            answer = await self._premises.ask(self.path, self.body, key=self.key)
        except Broken:
            return
        if answer.status == 503 or answer.body.get("word") == "idempotency_key_in_flight":
            assert int(answer.headers["retry-after"]) > 0
            return
        self.answer = answer

    async def keep(self) -> None:
        while self.answer is None:
            await self.send()


class Premises:
    """The shop, whose data this process may look at, its server, and the world around it."""

    def __init__(self, shop: Shop, server: Server) -> None:
        self.shop, self.server = shop, server
        self.apns: ApnsSandbox
        self.google: GoogleSandbox
        self.root: bytes
        self.http = Outbound(None)
        self._keys = (f"premises-{number}" for number in itertools.count())

    async def ask(self, path: str, body: dict | None = None, *, key: str = "", method: str = "POST") -> Answer:
        secret = self.shop.secrets["An"]
        return await self.server.ask(method, path, secret=secret, key=key or next(self._keys), body=body if method == "POST" else None)

    async def done(self, path: str, body: dict) -> Any:
        answer = await self.ask(path, body)
        assert answer.status == 201, answer
        return answer.body

    async def coupons(self, count: int) -> list[tuple[UUID, str]]:
        """Anonymous cookies: their ids and codes."""
        now = world.now()
        issued = [
            coupons.issue(
                self.shop.offers["cookie"],
                coupon_id=uuid4(),
                code=codes.mint(self.shop.desk.world.pick),
                now=now,
                zone=self.shop.business.tz,
            )
            for _ in range(count)
        ]
        await self.shop.desk.store.commit(Unit(at=now, due_at=now, rows=tuple(issued)))
        return [(coupon.id, coupon.code) for coupon in issued]

    async def customer(self, name: str) -> Customer:
        """Joins with five stamps, and has the card in both wallets: a cookie is ready."""
        joined = await self.done("join", {"program_id": str(self.shop.program.id), "name": name})
        card = (await self.done(f"cards/{joined['card']['id']}/earnings", {"count": 5}))["card"]
        phone = Phone(name, world=world.real(self.http), root=self.root, apns=self.apns)
        await phone.add((await self.http(Ask(method="GET", url=card["links"]["apple"]))).body)
        link = await self.ask(f"cards/{card['id']}/google", method="GET")
        (saved,) = await self.google.save(link.body["save_link"], user=name)
        return Customer(card, phone, saved)

    async def redemptions(self, coupon_id: UUID) -> Sequence[Redemption]:
        history = await self.shop.desk.store.coupon_history(self.shop.business.id, coupon_id)
        return [one for one in history if isinstance(one, Redemption)]

    async def everyone_sees(self, customers: Sequence[Customer]) -> None:
        """Both phones of each come to show the card as it is now; one that asked a dead server asks again, as phones do."""
        for customer in customers:
            await customer.phone.retry()
            card = (await self.ask(f"cards/{customer.card['id']}", method="GET")).body
            progress = f"{card['balance']}/{card['goal']}"
            code = card["ready"][0]["code"] if card["ready"] else card["number"]

            def apple(phone: Phone = customer.phone, progress: str = progress, code: str = code) -> bool:
                (shown,) = phone.passes.values()
                return shown.fields["progress"].value == progress and shown.barcode is not None and shown.barcode.message == code

            def google(name: str = customer.google, progress: str = progress, code: str = code) -> bool:
                shown = self.google.objects[name]
                return shown["loyaltyPoints"]["balance"]["string"] == progress and shown["barcode"]["value"] == code

            await customer.phone.until(apple)
            await self.google.until(google)


@asynccontextmanager
async def open_premises(
    database_url: str, launcher: Launcher, folder: Path, chain: Path | None = None, **settings: str
) -> AsyncIterator[Premises]:
    """With a ``chain`` of certificates there are Apple and Google, too; with the server's ``settings``."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, clock=Clock(world.now())))
        settings = {"database_url": database_url, "lease": LEASE, **settings}
        if chain is not None:
            apns = await stack.enter_async_context(ApnsSandbox(chain, now=world.now))
            google = await stack.enter_async_context(GoogleSandbox(folder))
            google.rate = None  # nobody may wait here for what only a crowd would
            settings |= {
                "certs": str(chain.parent),
                "trust": str(chain / "root.pem"),
                "apns_url": apns.url,
                "google_url": google.url,
                "google_account": str(google.account_path),
                "google_issuer": google.issuer,
                "google_keys_url": google.keys_url,
                "google_save_url": google.save_url,
            }
        server = Server(launcher, folder, **settings)
        premises = Premises(shop, server)
        if chain is not None:
            premises.apns, premises.google, premises.root = apns, google, (chain / "root.pem").read_bytes()
        await server.start()
        yield premises
        await server.stop()
        await premises.http.close()
