"""A connection on which callers speak HTTP: how much they may say before a request is whole, and how long they may take for it."""

import asyncio
from http import HTTPStatus
from math import inf
from typing import Final

import structlog
from httptools import HttpParserError, HttpParserUpgrade
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
UNREAD: Final = 600
"""Seconds in which more of an answer must go out: the system keeps 4 MB of it ready, and takes more when a third of that is read."""
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
    _instead = b""
    """The head of a request that is read once more, without the wish for another protocol."""
    _unread = _stuck = 0
    """Bytes of answers that wait, and for how many seconds they have been just as many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """It may wait for its first request for as long as for another one."""
        super().connection_made(transport)
        self._left = self.timeout_keep_alive

    def data_received(self, data: bytes) -> None:
        """What came is read, and no more of it kept than a request may have."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._idle += len(data)
        try:
            self._read(data)
        except HttpParserError:
            self.send_400_response("")
        if self._idle and not self._refused:
            if self._idle == len(data):  # line ends in front of a request are none of it
                self._left = self.timeout_keep_alive if data.isspace() else BEGUN
            if self._idle > HEAD or len(self.headers or ()) > LINES:
                self._wrong = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.send_400_response("")

    def _read(self, data: bytes) -> None:
        """Where another protocol is wished for, the parser takes what follows for that: not for the body that it is."""
        while data:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as wished:
                data, self._instead = self._instead + data[wished.args[0] :], b""
            else:
                return

    def on_headers_complete(self) -> None:
        """A head is whole. What comes after the body as headers is none of them."""
        if len(self.headers) > LINES or (self._idle > HEAD and self._length() > HEAD) or len(self.pipeline) >= PIPELINED:
            self._wrong = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError
        method = self.parser.get_method()
        if self.parser.should_upgrade() and method != b"CONNECT":
            first = b"%s %s HTTP/%s\r\n" % (method, self.url, self.parser.get_http_version().encode())
            self._instead = first + b"".join(b"%s: %s\r\n" % one for one in self.headers if one[0] != b"upgrade") + b"\r\n"
            return
        super().on_headers_complete()
        self.headers, self._idle, self._left = [], 0, BODY

    def _length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Something of a body."""
        super().on_body(body)
        self._idle, self._left = 0, BODY

    def on_message_complete(self) -> None:
        """A request is whole. How long its answer takes is our affair, and when the next one must come uvicorn's.

        But where the answer was faster than the body.
        """
        if self._instead:
            return
        super().on_message_complete()
        self._idle, self._left = 0, self.timeout_keep_alive if self.cycle.response_complete else inf

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
        unread, before = self.transport.get_write_buffer_size(), self._unread
        self._unread, self._stuck = unread, self._stuck + 1 if unread and unread == before else 0
        if self._stuck > UNREAD:
            self.transport.abort()
