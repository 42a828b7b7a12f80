"""Real server processes for tests: each is ``python -m app serve`` of its own, with its own socket, and can be killed."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

WARM = """
import gc, importlib, json, os, pkgutil, signal, sys
import anyio._backends._asyncio, uvicorn
from app import asgi, cli, settings
from app.db import migrations
uvicorn.Config(asgi.create_app(settings.Settings())).load()  # it imports the rest, and opens nothing
for one in pkgutil.iter_modules(migrations.__path__):
    importlib.import_module(f"{migrations.__name__}.{one.name}")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
gc.collect()
gc.freeze()  # or each server would walk through all of it and make pages of its own of what it shares
print("warm", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(order["environment"])
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        os._exit(cli.main(["serve"]))
    print(pid, flush=True)
"""
"""A process that has imported everything and forks a server for each line that it is given: a start costs a tenth of a second."""


PATIENCE = 60
"""Seconds until a server that should be there, or gone, is given up: a busy machine is slow, not wrong."""


class Launcher:
    """Starts servers. One for a whole session of tests."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERPASS_") and name != "DATABASE_URL"}
        self._process = subprocess.Popen([sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._said()

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """The process id of a server with these settings."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"environment": dict(environment), "log": str(log)}).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._said())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _said(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class Answer(NamedTuple):
    """What came back over the wire."""

    status: int
    headers: dict[str, str]
    body: Any


class Broken(Exception):
    """No answer: the connection was refused, or broke before the answer was whole."""


class Server:
    """One process that serves. It is started again on the same address."""

    def __init__(self, launcher: Launcher, folder: Path, **settings: str) -> None:
        self._launcher, self._settings = launcher, settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"server-{self.port}.log"
        self.pid = 0

    async def start(self) -> None:
        """It answers from now on."""
        settings = {"public_url": self.url, "certs": "/nonexistent", **self._settings, "port": str(self.port)}
        environment = {f"COUNTERPASS_{name.upper()}": value for name, value in settings.items()}
        self.pid = self._launcher.start(environment, self.log)
        async with asyncio.timeout(PATIENCE):
            while not await self._listens():  # noqa: ASYNC110 (nothing tells when another process listens)
                await asyncio.sleep(0.01)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            os.kill(self.pid, 0)
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """As kill -9, a power cut, or the kernel that is out of memory."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """As whoever operates it stops it."""
        if self.pid:
            await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        ended, process = asyncio.Event(), os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(process, ended.set)
        try:
            os.kill(self.pid, how)
            async with asyncio.timeout(PATIENCE):
                await ended.wait()
        finally:
            asyncio.get_running_loop().remove_reader(process)
            os.close(process)
            self.pid = 0

    async def ask(
        self, method: str, path: str, *, secret: str = "", key: str = "", body: object = None, photo: bytes = b"", language: str = "en"
    ) -> Answer:
        """One call of the API over a connection of its own. Raises Broken."""
        sent = photo or (json.dumps(body).encode() if body is not None else b"")
        headers = {
            "Host": "counter",
            "Connection": "close",
            "Authorization": f"Bearer {secret}",
            "Idempotency-Key": key,
            "Accept-Language": language,
            "Content-Type": "image/png" if photo else "application/json",
            "Content-Length": str(len(sent)),
        }
        lines = [f"{method} /api/v1/{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value), "", ""]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write("\r\n".join(lines).encode() + sent)
            raw = await reader.read()
            writer.close()
        except OSError as error:
            raise Broken(str(error)) from error
        return _answer(raw)


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if len(body) != int(headers.get("content-length", -1)):
        raise Broken("the answer is not whole")
    return Answer(int(first.split()[1]), headers, json.loads(body) if "json" in headers.get("content-type", "") else body)


_OURS = 20_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 6 * 2000
_PORTS = (_OURS + number % 2000 for number in itertools.count(os.getpid()))


def free_port() -> int:
    """A port that is free until it is used, and while its server is down: other workers have other ones, and the system gives none
    of them to whoever connects or wants any port (net.ipv4.ip_local_port_range begins above)."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()
