"""What callers may say on a connection before a request is whole, and how long they may take: against a server, and by the second."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from servers import PATIENCE, Launcher, Server
from uvicorn.server import ServerState

from app.cli.connection import BEGUN, BODY, FAREWELL, HEAD, LINES, PIPELINED, UNREAD, Connection
from app.cli.serving import KEPT_OPEN

ASKED = b"GET /health HTTP/1.1\r\nHost: x\r\n"
SENT = b"POST /api/v1/join HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
LONG = 4 * 1024 * 1024


@pytest.fixture(scope="module")
async def server(sqlite_template: Path, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("connections")
    one = Server(launcher, folder, database_url=f"sqlite:///{shutil.copy(sqlite_template, folder / 'counterpass.db')}")
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def answer(server: Server, *said: bytes) -> bytes:
    """All that is answered until the connection ends, while this is said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answered = asyncio.create_task(reader.read(1 << 16))
    with contextlib.suppress(ConnectionError):
        for piece in said:
            writer.write(piece)
            await writer.drain()
    async with asyncio.timeout(PATIENCE):
        first = await answered
        with contextlib.suppress(ConnectionError):
            first += await reader.read()
    writer.close()
    return first


def memory(server: Server) -> int:
    """Bytes that the process has had at most."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (ASKED, b"a: b\r\n"),
        (ASKED + b"a: ", b"bbbbbb"),
        (ASKED, b"bbbbbb"),
        (b"GET /", b"bbbbbb"),
        (b"", b"\r\n\r\n"),
    ],
    ids=["lines", "a line", "a name", "an address", "line ends"],
)
async def test_a_head_without_end_is_refused_and_kept_nowhere(server: Server, begins: bytes, goes_on: bytes) -> None:
    await answer(server, ASKED + b"Connection: close\r\n\r\n")
    before = memory(server)
    said = await answer(server, begins, *[goes_on * 4096] * (LONG // len(goes_on) // 4096))
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert said.endswith(b"\r\n\r\nRequest Header Fields Too Large\n")
    assert memory(server) - before < 4 * LONG, "in memory the lines take twenty times their bytes"


@pytest.mark.parametrize("begins", [b"0\r\n", b"0\r\na: ", b"1;"], ids=["lines", "a line", "an extension"])
async def test_what_follows_a_body_without_end_is_kept_nowhere(server: Server, begins: bytes) -> None:
    before = memory(server)
    said = await answer(server, SENT + begins, *[b"a: b\r\n" * 4096 if begins == b"0\r\n" else b"b" * 24576] * (LONG // 24576))
    assert said.startswith((b"HTTP/1.1 431", b"HTTP/1.1 401")), "this call may be answered before its body has come"
    assert said.count(b"HTTP/1.1 ") == 1
    assert memory(server) - before < 4 * LONG


async def test_as_much_is_taken_as_a_request_may_have_and_not_a_byte_more(server: Server) -> None:
    fixed = len("/health") + len("Host: x\r\nConnection: close\r\nA: \r\n")
    for length, status in ((HEAD, b"200"), (HEAD + 1, b"431")):
        head = ASKED + b"Connection: close\r\nA: " + b"b" * (length - fixed) + b"\r\n\r\n"
        assert (await answer(server, head)).split()[1] == status
    for lines, status in ((LINES, b"200"), (LINES + 1, b"431")):
        head = ASKED + b"Connection: close\r\n" + b"a:b\r\n" * (lines - 2) + b"\r\n"
        assert (await answer(server, head)).split()[1] == status


async def test_a_request_is_answered_before_what_comes_behind_it_is_refused(server: Server) -> None:
    said = await answer(server, ASKED + b"\r\n" + b"\0\1\2")
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.count(b"HTTP/1.1 ") == 1, "what would be said now would be taken for the answer"
    last = ASKED + b"Connection: close\r\n\r\n"
    assert (await answer(server, (ASKED + b"\r\n") * PIPELINED + last)).count(b"HTTP/1.1 200 OK") == PIPELINED + 1
    assert (await answer(server, (ASKED + b"\r\n") * 1000 + last)).count(b"HTTP/1.1 200 OK") < 1000


async def test_a_line_of_the_log_tells_nothing_of_the_request_before_on_the_same_connection(server: Server) -> None:
    said = await answer(server, b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 ") == 2
    (of_a_browser,) = [line for line in server.log.read_text().splitlines() if "word=not_found" in line]
    assert of_a_browser.endswith("word=not_found"), "and not the id of what the till asked"


# --- By the second ---


class Line(asyncio.Transport):
    """The other end of a connection: what was said to it, and whether it is still open."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.open, self.unread = b"", True, 0

    def write(self, data: Any) -> None:
        self.said += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.open = bool(self.unread)

    def abort(self) -> None:
        self.open = False

    def is_closing(self) -> bool:
        return not self.open


class Caller:
    """A connection with somebody who says things on it."""

    def __init__(self) -> None:
        self.asked = asyncio.Queue[tuple[list[tuple[bytes, bytes]], bytes]]()
        config = uvicorn.Config(self._app, interface="asgi3", log_config=None, timeout_keep_alive=KEPT_OPEN)
        self._connection, self.line = Connection(config, ServerState(), {}), Line()
        self._connection.connection_made(self.line)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", not scope["path"].startswith("/at-once")
        while more:
            came = await receive()
            body, more = body + came["body"], came["more_body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        self.asked.put_nowait((scope["headers"], body))

    def says(self, *data: bytes) -> None:
        for piece in data:
            self._connection.data_received(piece)

    async def was_heard(self) -> tuple[list[bytes], bytes]:
        """The names of the headers, and the body, of the next request that was answered."""
        headers, body = await asyncio.wait_for(self.asked.get(), PATIENCE)
        return [name for name, _ in headers], body

    def waits(self, seconds: int) -> None:
        for _ in range(seconds):
            self._connection.tick()

    def keeps_it_for(self, seconds: int) -> bool:
        """Whether it is open after so long, and no longer."""
        self.waits(seconds)
        was = self.line.open
        self.waits(1)
        return was and not self.line.open


async def test_who_says_nothing_is_hung_up_on_when_no_proxy_would_keep_the_connection() -> None:
    assert Caller().keeps_it_for(KEPT_OPEN)


async def test_a_head_that_comes_drop_by_drop_does_not_come_for_ever() -> None:
    caller = Caller()
    caller.says(ASKED)
    for _ in range(BEGUN - 1):
        caller.waits(1)
        caller.says(b"a: b\r\n")
    assert caller.keeps_it_for(1)


async def test_a_body_may_take_its_time_as_long_as_it_goes_on() -> None:
    caller = Caller()
    caller.says(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
    for _ in range(3):
        caller.waits(BODY)
        caller.says(b"b")
    assert caller.keeps_it_for(BODY)


async def test_how_long_an_answer_takes_is_not_the_callers_fault() -> None:
    caller = Caller()
    caller.says(ASKED + b"\r\n")
    assert not caller.keeps_it_for(10 * KEPT_OPEN)


async def test_who_was_told_has_a_moment_to_read_it() -> None:
    caller = Caller()
    caller.says(b"\0\1\2")
    caller.says(ASKED + b"\r\n")
    assert caller.line.said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert caller.line.said.count(b"HTTP/1.1 ") == 1
    assert caller.keeps_it_for(FAREWELL)


async def test_what_comes_after_a_body_is_no_header_of_the_request() -> None:
    caller = Caller()
    caller.says(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")
    assert await caller.was_heard() == ([b"host", b"transfer-encoding"], b"")


@pytest.mark.parametrize("pieces", [1, 7, 200])
async def test_who_would_rather_speak_another_protocol_is_answered_in_this_one(pieces: int) -> None:
    """As Java's own client does, with every request: https://docs.oracle.com/en/java/javase/17/docs/api/java.net.http/"""
    caller = Caller()
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAI\r\nUpgrade: h2c\r\n"
    bodies = (b"Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    said = b"".join(b"POST / HTTP/1.1\r\nHost: x\r\n" + wish + one for one in bodies) + b"GET / HTTP/1.1\r\n" + wish + b"\r\n"
    caller.says(*(said[at : at + -(-len(said) // pieces)] for at in range(0, len(said), -(-len(said) // pieces))))
    heard = [await caller.was_heard() for _ in range(3)]
    assert [body for _, body in heard] == [b"GET / HTTP/1.1\r\n\r\n", b"{}", b""]
    assert not any(b"upgrade" in names for names, _ in heard)
    assert caller.line.said.count(b"HTTP/1.1 204") == 3
    assert caller.line.open


async def test_who_was_answered_before_a_body_is_hung_up_on_as_everybody() -> None:
    caller = Caller()
    caller.says(b"POST /at-once HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
    await caller.was_heard()
    caller.says(b"bb", b"bb")
    assert caller.keeps_it_for(KEPT_OPEN)


async def test_who_reads_nothing_of_an_answer_is_hung_up_on() -> None:
    caller = Caller()
    caller.says(ASKED + b"\r\n")
    for caller.line.unread in range(3, 0, -1):
        caller.waits(UNREAD)
    assert caller.keeps_it_for(1)
