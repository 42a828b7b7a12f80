"""The cable between a browser and the house: it can be cut, and it can lose an answer to a request that arrived."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Wire:
    """What goes through it goes unchanged, unless it is ``cut``; ``loses`` is the beginning of a request whose answer is lost, once."""

    def __init__(self, port: int) -> None:
        self._to, self.url = port, ""
        self.cut = False
        self.loses = b""
        self.lost = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the browser, and one to the house for it."""
        if self.cut:
            writer.close()
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, outer}
        unanswered = asyncio.Event()

        async def there() -> None:
            while data := await reader.read(65536):
                if self.loses and data.startswith(self.loses):
                    unanswered.set()
                outer.write(data)

        async def back() -> None:
            while data := await inner.read(65536):
                if unanswered.is_set():  # the house has answered: what it did is done
                    self.loses = b""
                    self.lost.set()
                    return
                writer.write(data)

        with contextlib.suppress(OSError):
            tasks = [asyncio.create_task(one()) for one in (there, back)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        self._open -= {writer, outer}
        for one in (writer, outer):
            one.close()

    def pull(self) -> None:
        """Cut it, in the middle of everything."""
        self.cut = True
        for one in self._open:
            one.close()

    def mend(self) -> None:
        self.cut = False


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    wire = Wire(port)
    server = await asyncio.start_server(wire.take, "127.0.0.1", 0)
    wire.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
    yield wire
    wire.pull()
    server.close()
