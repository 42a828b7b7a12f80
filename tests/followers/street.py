"""A street: a shop at its real address, Apple and Google beside it, people with phones; time stands until it is moved."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import uvicorn
from msgspec.structs import replace
from servers import free_port
from shop import Clock, Shop, open_shop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app import world
from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from app.sandbox.google import GoogleSandbox
from app.sandbox.passfile import Shown
from app.sandbox.phone import Phone
from passes.wallets.base import Ask, Installation


class Street:
    """What a test may do, and see."""

    def __init__(self, shop: Shop, apns: ApnsSandbox, google: GoogleSandbox, *, http: Outbound, root: bytes) -> None:
        self.shop, self.apns, self.google, self.clock = shop, apns, google, shop.clock
        self._http, self._root = http, root
        self.phones: list[Phone] = []

    async def download(self, card: dict) -> bytes:
        return (await self._http(Ask(method="GET", url=card["links"]["apple"]))).body

    def phone(self, name: str = "Hoa") -> Phone:
        """A phone with nothing on it, in the time of this street."""
        here = replace(world.real(self._http), now=self.clock)
        phone = Phone(name, world=here, root=self._root, apns=self.apns)
        self.phones.append(phone)
        return phone

    async def carry(self, card: dict, name: str = "Hoa") -> Phone:
        """A phone that has the card, was told of it once after registering, and has asked and fetched, a minute ago."""
        phone = self.phone(name)
        await phone.add(await self.download(card))
        await self.settle()
        await phone.until(lambda: times(phone, "shows") == 1)
        self.clock.forward(minutes=1)
        return phone

    async def save(self, card: dict) -> str:
        """The card in somebody's Google Wallet, since a minute: its object."""
        link = (await self.shop.get(f"cards/{card['id']}/google")).json()["save_link"]
        (object_id,) = await self.google.save(link)
        self.clock.forward(minutes=1)
        return object_id

    async def settle(self, **after: float) -> None:
        """Let time pass (a second, unless it is said), and the followers work until nothing is due."""
        self.clock.forward(**(after or {"seconds": 1}))
        await self.shop.settle()

    async def installation(self, card: dict, wallet: str = "apple") -> Installation:
        (found,) = [one for one in await self.shop.desk.store.installations(card["id"]) if one.wallet == wallet]
        return found

    def patches(self, object_id: str = "", status: int = 200) -> int:
        """How many PATCHes of an object (or of any) were answered so."""
        return sum(one.method == "PATCH" and one.path.endswith(object_id) and one.status == status for one in self.google.requests)

    def balance(self, object_id: str) -> str:
        return self.google.objects[object_id]["loyaltyPoints"]["balance"]["string"]


def noon() -> datetime:
    """Of yesterday: certificates are good then, and also now, for the machine's own clock judges those of connections."""
    return (world.now() - timedelta(days=1)).replace(hour=5, minute=0, second=0, microsecond=0)


def shown(phone: Phone) -> Shown:
    return next(iter(phone.passes.values()))


def progress(phone: Phone) -> str:
    return shown(phone).fields["progress"].value


def times(phone: Phone, what: str) -> int:
    """How often something stands in a phone's story."""
    return sum(moment.what.startswith(what) for moment in phone.story)


@contextlib.asynccontextmanager
async def open_street(database_url: str, folder: Path, chain: Path) -> AsyncIterator[Street]:
    """Open for business at noon of yesterday, with the certificates in ``chain``."""
    clock = Clock(noon())
    listening = socket.create_server(("127.0.0.1", 0))
    http = Outbound(None)
    async with (
        ApnsSandbox(chain, now=clock, port=free_port()) as apns,
        GoogleSandbox(folder, now=clock) as google,
        open_shop(
            database_url,
            clock=clock,
            public_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            certs=str(chain.parent),
            trust=str(chain / "root.pem"),
            apns_url=apns.url,
            google_url=google.url,
            google_account=str(google.account_path),
            google_issuer=google.issuer,
            google_keys_url=google.keys_url,
            google_save_url=google.save_url,
        ) as shop,
        served(shop.client, listening),
    ):
        street = Street(shop, apns, google, http=http, root=(chain / "root.pem").read_bytes())
        yield street
        for phone in street.phones:
            await phone.close()
        await http.close()


@contextlib.asynccontextmanager
async def served(client: httpx.AsyncClient, listening: socket.socket) -> AsyncIterator[None]:
    """The client's application, also at a real address."""
    assert isinstance(client._transport, httpx.ASGITransport)
    config = uvicorn.Config(client._transport.app, interface="asgi3", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    connections = ServerState()
    protocol = partial(HttpToolsProtocol, config=config, server_state=connections, app_state={})
    server = await asyncio.get_running_loop().create_server(protocol, sock=listening)
    yield
    server.close()
    for connection in list(connections.connections):
        connection.shutdown()
