"""A till's own server, as webhooks know it: on a real socket, with the reference library."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """A till's own server: it verifies what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.secret = ""
        self.got: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.signatures: list[str] = []
        self.answer: Callable[[dict[str, Any]], bytes | None] = lambda _: said(204)
        self.url = ""
        self.up = True
        self.answers = asyncio.Event()
        """While it is not set, whoever tells something waits for its answer."""
        self.answers.set()
        self._came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not self.up:
                    break
                told = Webhook(self.secret).verify(body, headers)
                self.ids.append(headers["webhook-id"])
                self.signatures.append(headers["webhook-signature"])
                self.got.append({"path": first.split()[1], **told})
                self._came.set()
                await self.answers.wait()
                answer = self.answer(told)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait for deliveries until it is enough."""
        async with asyncio.timeout(60):
            while not enough():
                self._came.clear()
                await self._came.wait()

    def types(self) -> list[str]:
        return [one["type"] for one in self.got]


def said(status: int, body: bytes = b"", **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that is there."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver
