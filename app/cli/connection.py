"""A connection on which callers speak HTTP: how much they may say before a request is whole, and how long they may take for it."""

import asyncio
from http import HTTPStatus
from math import inf
from typing import Final

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

log = structlog.get_logger()

HEAD: Final = 32 * 1024
"""Bytes of a request's first line and headers, or of what follows its body: as much as nginx lets through."""
LINES: Final = 256
"""Headers of a request: in memory a short one is thirty times its bytes."""
PIPELINED: Final = 64
"""Requests that wait behind another one on their connection."""
BEGUN: Final = 30
"""Seconds until the head of a request that has begun must be whole, in which nginx would wait for 60 and Caddy for ever."""
BODY: Final = 60
"""Seconds in which something more of a body must come."""
FAREWELL: Final = 2
"""Seconds in which what is under way is thrown away: closed at once, it would take the answer along (RFC 9112, 9.6)."""


class Connection(HttpToolsProtocol):
    """uvicorn's, which by itself keeps a head however long it is, and waits for one for ever."""

    _idle = 0
    """Bytes since the last that got a request further: in the middle of a head, how long it is so far."""
    _left = inf
    """Seconds until it is closed, unless something gets a request further before."""
    _wrong = HTTPStatus.BAD_REQUEST
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """It may wait for its first request for as long as for another one."""
        super().connection_made(transport)
        self._left = self.timeout_keep_alive

    def data_received(self, data: bytes) -> None:
        """What came is read, and no more of it kept than a request may have."""
        if self._refused:
            return
        self._idle += len(data)
        super().data_received(data)
        if self._idle and not self._refused:
            if self._idle == len(data):  # line ends in front of a request are none of it
                self._left = self.timeout_keep_alive if data.isspace() else BEGUN
            if self._idle > HEAD or len(self.headers or ()) > LINES:
                self._wrong = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.send_400_response("")

    def on_headers_complete(self) -> None:
        """A head is whole. What comes after the body as headers is none of them."""
        if len(self.headers) > LINES or (self._idle > HEAD and self._length() > HEAD) or len(self.pipeline) >= PIPELINED:
            self._wrong = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError
        super().on_headers_complete()
        self.headers, self._idle, self._left = [], 0, BODY

    def _length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Something of a body."""
        super().on_body(body)
        self._idle, self._left = 0, BODY

    def on_message_complete(self) -> None:
        """A request is whole. How long its answer takes is our affair, and when the next one must come uvicorn's."""
        super().on_message_complete()
        self._idle, self._left = 0, inf

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (it always says the same)
        """What came is no request, or too much: that is the answer to it, after which nothing is read any more."""
        self._refused, cycle = True, self.cycle
        log.info("no request", status=int(self._wrong))
        if self.pipeline or (cycle and not cycle.response_complete and (cycle.response_started or not cycle.more_body)):
            self.pipeline.clear()  # the request before is answered first; what would be said now would be taken for that
            self.timeout_keep_alive, self._left = 0, inf
            return
        if cycle and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if not (cycle and cycle.response_complete and cycle.more_body):
            text = f"{self._wrong.phrase}\n".encode()
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
            self.transport.write(STATUS_LINE[self._wrong] + head + text)
        self.transport.write_eof()
        self._left = FAREWELL

    def tick(self) -> None:
        """A second has passed. While we do not read it is our turn to get on."""
        if self._refused or not self.flow.read_paused:
            self._left -= 1
        if self._left < 0:
            self.transport.close()
