"""``serve`` and ``follow``: what runs for as long as the shop is there."""

import argparse
import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from typing import Final, cast

import uvicorn

from app import asgi, credentials, settings
from app.cli import asking, opening
from app.cli.connection import Connection

SELDOM: Final = 20_000
"""Things made and not gone again, after which the garbage collector looks for circles among them."""
GRACE = 2
"""Seconds that requests under way have to finish when the service is told to stop."""
KEPT_OPEN: Final = 125
"""Seconds that a connection stays open unused: longer than proxies keep theirs (nginx 60, Caddy 120), and tills' own HTTP clients.

Whoever closes first decides: what is sent into a connection that is just being closed is lost, and a proxy tells the till 502.
"""
CONNECTIONS: Final = 10_240
"""Files and connections that the service opens at most, where the system lets it: an idle connection costs 9 KB.

systemd's own 1,024 are soon held by whoever opens connections and says nothing; then everybody else is hung up on.
"""
GENTLY: Final = 5
"""How nice followers in a process of their own are: where both want the same core, whoever stands at a counter goes first."""


def add(commands: asking.Commands) -> None:
    """``serve`` and ``follow``."""
    serve = asking.command(commands, "serve", _serve, "run the web service and its followers")
    serve.add_argument("--no-followers", action="store_true", help="only the web; run `counterpass follow` beside it")
    asking.command(commands, "follow", _follow, "run only the followers, which tell the phones; beside `serve --no-followers`")


async def _serve(asked: argparse.Namespace, known: settings.Settings) -> int:
    await opening.must_be_migrated(known, or_new=True)
    _wallets_must_open(known)
    app = asgi.create_app(known, followers=not asked.no_followers)
    settle()
    config = uvicorn.Config(
        app,
        host=known.host,
        port=known.port,
        http=Connection,
        ws="none",
        reset_contextvars=True,  # else a request that comes right behind another one is said in the log to be that one's till's
        log_level="error",  # what is no request says Connection, as every other line of the log
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEPT_OPEN,
        server_header=False,
    )
    with listening(known.host, known.port, "set COUNTERPASS_PORT") as door:
        host, port, *_ = door.getsockname()
        _take_many()
        print(f"serving on http://{host}:{port}; phones and browsers are told {known.public_url}", file=sys.stderr, flush=True)
        if await _is_empty(known):
            link = f"{known.public_url.rstrip('/')}/start/{app.state.start}"
            print(f"nobody is here yet. Begin your shop: {link}   (until somebody has)", file=sys.stderr, flush=True)
        await _Server(config).serve(sockets=[door])
    return 0


def settle() -> None:
    """What there is now stays for good; the garbage collector would walk through it again and again, 50 ms at a time.

    What a request makes goes without it, so that it need not look after every 700 things: a request makes about as many.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


class _Server(uvicorn.Server):
    """uvicorn, which waits for open answers when it stops: the live pages' never end by themselves."""

    async def on_tick(self, counter: int) -> bool:
        """A tenth of a second has passed."""
        if not counter % 10:
            for one in tuple(self.server_state.connections):
                cast("Connection", one).tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live pages, then stop."""
        self.config.app.state.live.close()  # type: ignore[union-attr] # it is ours
        await super().shutdown(sockets)


def listening(host: str, port: int, cure: str) -> socket.socket:
    """A socket bound before anything else starts. Raises ValueError if that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        door = socket.socket(family)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError:
            door.close()
            raise
    except OSError as error:
        raise ValueError(f"port {port} of {host} cannot be had ({error.strerror}): stop what listens there, or {cure}") from error
    return door


def _take_many() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _wallets_must_open(known: settings.Settings) -> None:
    """Raises ValueError for credentials that cannot be read: better now than at the first card."""
    for title, open_ in (("Apple Wallet", credentials.apple_wallet), ("Google Wallet", credentials.google_wallet)):
        try:
            open_(known)
        except (OSError, ValueError) as error:
            raise ValueError(f"{title} cannot start: {error}; `counterpass doctor` names the cure") from error


async def _follow(_: argparse.Namespace, known: settings.Settings) -> int:
    await opening.must_be_migrated(known)
    _wallets_must_open(known)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    os.nice(GENTLY)
    async with asgi.open_desk(known) as (desk, bell), asgi.following(desk, bell, lease=known.lease):
        print("following: phones are told as cards change", file=sys.stderr, flush=True)
        await stop.wait()
    return 0


async def _is_empty(known: settings.Settings) -> bool:
    async with opening.the_store(known) as (store, _):
        return not await store.businesses()
