"""Cards brought up to date per second against the bare HTTP client on the same sink, and against aioapns alone.

Brought up to date: claimed, pushed, acknowledged in the database.

The sink is nghttpd (HTTP/2 over TLS, answers every POST with 200), or the sandbox's own APNs where nghttpd is not installed: then
the sink is slower than the client, and the ratio to the bare client flatters; the line says which it was.
"""

import asyncio
import logging
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import uvloop
from cards import PASS_TYPE, member, phone
from msgspec.structs import replace

os.environ.setdefault("COUNTERPASS_SANDBOX", "true")

from app import asgi, certs, db, logs, settings, world
from app.desk import examples, found
from app.followers import Followers
from app.sandbox.apns import ApnsSandbox
from app.store import Unit
from passes.cards import Card, Event
from passes.wallets.base import Ask, Http

CARDS, ROUNDS, AT_ONCE = 2000, 5, 200
BARE_GOAL, AIOAPNS_GOAL = 0.3, 2.0


@asynccontextmanager
async def sink(folder: Path):  # type: ignore[no-untyped-def]
    """A push service that takes everything: (its address, its name)."""
    if shutil.which("nghttpd") is None:
        async with ApnsSandbox(folder, now=world.now) as apns:
            yield apns.url.replace("127.0.0.1", "localhost"), "the sandbox's APNs (h2, Python)"
        return
    certificate, key = certs.make_server_certificate(folder, host="localhost", now=world.now())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: ASYNC220 (it outlives this line)
        ["nghttpd", "-a", "127.0.0.1", "--echo-upload", "--verify-client", "-n1", str(port), str(key), str(certificate)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.05)
        yield f"https://localhost:{port}", "nghttpd (C)"
    finally:
        process.terminate()
        process.wait()


async def crowd(total: int, one: Callable[[int], Awaitable[object]]) -> float:
    """Do it ``total`` times, AT_ONCE at a time; how many a second."""
    numbers = iter(range(total))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return total / (time.perf_counter() - begun)


async def open_shop(desk, count: int) -> list[Card]:  # type: ignore[no-untyped-def]
    """Cards with a phone each."""
    store, here = desk.store, desk.world
    shop = await found.found(
        store, here, name="Bench", zone="Europe/Berlin", currency="EUR", languages=("en", "vi"), location="Counter", owner="Owner"
    )
    business = await examples.cafe(store, here, shop.business)
    program, now, cards = (await store.programs(business.id))[0], here.now(), []
    for _ in range(count):
        customer, card = member(here, program, now)
        event = Event(id=here.new_id(), business_id=business.id, card_id=card.id, customer_id=customer.id, kind="joined", at=now)
        await store.commit(Unit(at=now, due_at=now, rows=(customer, card, event, phone(here, card, now))))
        cards.append(card)
    return cards


async def followed(desk, clock: list[timedelta], cards: list[Card]) -> float:  # type: ignore[no-untyped-def]
    """Every card changes; how many a second are brought up to date."""
    clock[0] += timedelta(seconds=10)  # past the rest between two pushes for one card
    now = desk.world.now()
    await desk.store.commit(Unit(at=now, due_at=now, touches=tuple(card.id for card in cards)))
    followers = Followers(desk, asyncio.Event())
    begun = time.perf_counter()
    while await followers.round():
        pass
    took = time.perf_counter() - begun
    if await desk.store.lagging():
        raise SystemExit("a card was not brought up to date")
    return len(cards) / took


async def measure(folder: Path) -> None:
    chain = folder / "apple"
    certs.make_development_chain(chain, pass_type=PASS_TYPE, team="DEVELOPER1", organization="Bench", now=world.now())
    certificate, key = (chain / "certificate.pem").read_bytes(), (chain / "key.pem").read_bytes()
    clock = [timedelta()]

    def shifted(http: Http) -> world.World:
        return replace(world.real(http), now=lambda: world.now() + clock[0])

    async with sink(chain) as (url, name):
        both = folder / "client.pem"
        both.write_bytes(certificate + key)
        database = f"sqlite:///{folder}/bench.db"
        await db.migrate(database)
        known = settings.read(
            {
                "DATABASE_URL": database,
                "COUNTERPASS_CERTS": str(folder),
                "COUNTERPASS_APNS_URL": url,
                "COUNTERPASS_TRUST": str(chain / "root.pem"),
            }
        )
        async with asgi.open_desk(known, world=shifted) as (desk, _):
            cards = await open_shop(desk, CARDS)
            peer = aioapns(url, both, chain / "root.pem")

            async def bare(number: int) -> None:
                token = f"{number:064x}"
                headers = (("apns-topic", PASS_TYPE), ("apns-push-type", "background"), ("apns-priority", "5"))
                ask = Ask(
                    method="POST",
                    url=f"{url}/3/device/{token}",
                    headers=headers,
                    body=b"{}",
                    certificate=certificate,
                    key=key,
                    http2=True,
                )
                if (await desk.world.http(ask)).status != 200:
                    raise SystemExit("the sink refused")

            await crowd(500, bare)
            await crowd(200, peer)
            await followed(desk, clock, cards)
            rows = [(await crowd(CARDS, bare), await crowd(CARDS // 2, peer), await followed(desk, clock, cards)) for _ in range(ROUNDS)]
    print(f"sink: {name}; {CARDS} cards, {AT_ONCE} requests in flight, SQLite, medians of {ROUNDS} rounds")
    print(f"{'':<42} {'per second':>10}")
    for label, column in zip(("bare client (libcurl)", "aioapns alone", "cards brought up to date"), zip(*rows, strict=True), strict=True):
        print(f"{label:<42} {statistics.median(column):>10.0f}")
    print(f"RESULT name=push_vs_bare ratio={statistics.median(done / raw for raw, _, done in rows):.2f} goal={BARE_GOAL}")
    print(f"RESULT name=push_vs_aioapns ratio={statistics.median(done / other for _, other, done in rows):.2f} goal={AIOAPNS_GOAL}")


def aioapns(url: str, certificate: Path, root: Path) -> Callable[[int], Awaitable[None]]:
    """One push through aioapns on one connection, to the same sink."""
    import ssl
    from urllib.parse import urlsplit

    from aioapns import APNs, NotificationRequest, PushType
    from aioapns.connection import APNsCertConnectionPool, APNsTLSClientProtocol

    class Sink(APNsTLSClientProtocol):  # the address is a class attribute there
        APNS_SERVER = "localhost"
        APNS_PORT = urlsplit(url).port

        def on_response_received(self, headers: dict[bytes, bytes]) -> None:
            """A sink that does not repeat the apns-id answers in order, and all its answers are alike."""
            super().on_response_received({b"apns-id": next(iter(self.requests)).encode(), **headers})

    logging.getLogger("aioapns").setLevel(logging.CRITICAL)
    client = APNs(client_cert=str(certificate), topic=PASS_TYPE, max_connections=1)
    context = ssl.create_default_context(cafile=str(root))
    context.load_cert_chain(str(certificate))
    context.set_alpn_protocols(["h2"])
    pool: APNsCertConnectionPool = client.pool
    pool.protocol_class, pool.ssl_context = Sink, context

    async def push(number: int) -> None:
        request = NotificationRequest(device_token=f"{number:064x}", message={}, push_type=PushType.BACKGROUND, priority=5)
        answer = await client.send_notification(request)
        if not answer.is_successful:
            raise SystemExit(f"aioapns: {answer.description}")

    return push


def main() -> None:
    logs.to_stderr()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
