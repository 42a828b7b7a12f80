"""The one way out: every request to Apple, Google or a webhook's address goes through libcurl, driven by the event loop.

One warm HTTP/2 connection per host and client certificate, as Apple wants it
(https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns).
"""

import socket
import ssl
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pycurl

from passes.wallets.base import Answer, Ask, Unreachable

LARGEST: Final = 1_000_000  # bytes of a body: no vendor sends more, and a hostile webhook must not fill the memory
LANES: Final = 64  # certificates kept warm at once
IDLE: Final = 256  # curl handles kept per lane, about 10 kB each
STREAMS: Final = 1000  # what Apple allows on one connection
PLAIN_CONNECTIONS: Final = 6  # per host, where nothing multiplexes
WARM: Final = 3600  # seconds that an idle connection may be used again; libcurl looks whether it still lives
_NAT64: Final = IPv6Network("64:ff9b::/96")
_ASSIGNED: Final = IPv4Network("192.0.0.0/24")
"""For protocols, not for hosts; a cloud's metadata answer there, and older Pythons take most of it for public."""
_GLOBAL: Final = IPv6Network("2000::/3")
"""All of IPv6 that is handed out (https://www.iana.org/assignments/ipv6-address-space); the rest leads inside, or nowhere."""
_QUIET: Final = ("Accept:", "Expect:", "Content-Type:")  # headers that libcurl would add by itself

_Key = tuple[bool, bytes, bytes, bool]


class Outbound:
    """``await outbound(ask)`` answers or raises Unreachable. It belongs to the loop in which it is first used.

    ``trust`` is a PEM file of roots to trust instead of the system's.
    """

    def __init__(self, trust: Path | None = None) -> None:
        self._trust = trust
        self._lanes: dict[_Key, _Lane] = {}
        self._retired: list[_Lane] = []
        self._closed = False

    async def __call__(self, ask: Ask) -> Answer:
        """Send one request. Redirects are not followed, proxies and ~/.netrc of the environment are not used.

        Raises Unreachable for anything but an answer, also for one larger than 1 MB. Cancelling takes the request back.
        """
        if self._closed:
            raise Unreachable("the way out is closed")
        key = (ask.http2, ask.certificate, ask.key, ask.public_only)
        lane = self._lanes.pop(key, None) or _Lane(ask, self._trust)
        self._lanes[key] = lane  # the most recently used stands last
        if len(self._lanes) > LANES:
            await self._retire(next(iter(self._lanes)))
        try:
            return await lane.send(ask)
        except _Stuck as stuck:
            # A connection whose other end has silently gone would time out everything after it, too.
            if self._lanes.get(key) is lane:
                await self._retire(key)
            raise Unreachable(str(stuck)) from None

    async def close(self) -> None:
        """Close every connection; requests under way raise Unreachable."""
        self._closed = True
        for lane in (*self._lanes.values(), *self._retired):
            await lane.close()
        self._lanes.clear()

    async def _retire(self, key: _Key) -> None:
        lane = self._lanes.pop(key)
        lane.retired = True
        await lane.close_if_idle()
        self._retired = [each for each in (*self._retired, lane) if not each.closed]


class _Stuck(Exception):
    """A multiplexed request timed out."""


class _Lane:
    """The requests that may share connections: same client certificate, same HTTP version, same rule about addresses."""

    def __init__(self, like: Ask, trust: Path | None) -> None:
        self.retired = False
        self._flying = 0
        self._like = like
        self._trust = trust
        self._idle: list[_Handle] = []
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
        # Behind one public address may be the receivers of many businesses: a slow one must not hold the others up.
        most = 1 if like.certificate else 0 if like.public_only else PLAIN_CONNECTIONS
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, most)

    async def send(self, ask: Ask) -> Answer:
        handle = self._idle.pop() if self._idle else _Handle(self._like, self._trust)
        self._flying += 1
        try:
            answer = await self._once_or_twice(handle, ask)
        except (pycurl.error, UnicodeEncodeError) as error:
            raise self._why(ask, handle, error) from None
        finally:
            self._flying -= 1
            await self.close_if_idle()
        # A cancelled or failed request does not come here: what its handle still holds is dropped with it.
        if len(self._idle) < IDLE:
            self._idle.append(handle)
        return answer

    async def _once_or_twice(self, handle: "_Handle", ask: Ask) -> Answer:
        handle.prepare(ask)
        try:
            await self._multi.add_handle(handle.curl)
        except pycurl.error as error:
            # A kept connection that died unnoticed: libcurl tries again when reading finds out (and after a GOAWAY), not when sending does.
            if handle.cut:
                return handle.answer()
            if error.args[0] != pycurl.E_SEND_ERROR or handle.curl.getinfo(pycurl.NUM_CONNECTS):
                raise
            handle.prepare(ask)
            await self._multi.add_handle(handle.curl)
        return handle.answer()

    @property
    def closed(self) -> bool:
        return bool(self._multi.closed)

    async def close(self) -> None:
        for request in self._multi.futures():
            request.set_exception(Unreachable("the way out is closed"))
        await self._multi.aclose()

    async def close_if_idle(self) -> None:
        """A retired lane ends with its last request."""
        if self.retired and not self._flying:
            await self._multi.aclose()

    def _why(self, ask: Ask, handle: "_Handle", error: Exception) -> Exception:
        try:
            host = urlsplit(ask.url).hostname or "?"
        except ValueError:
            host = "?"
        if not isinstance(error, pycurl.error):
            return Unreachable(f"{host}: the address and the headers must be ASCII")
        if handle.refused:
            return Unreachable(f"{host}: {handle.refused} is not a public address")
        code, sentence = error.args
        if code == pycurl.E_ABORTED_BY_CALLBACK:
            return Unreachable(f"{host}: its answer has no end")
        stuck = code == pycurl.E_OPERATION_TIMEDOUT and ask.http2
        return (_Stuck if stuck else Unreachable)(f"{host}: {sentence or pycurl.easy_strerror(code)}")


class _Handle:
    """One curl handle with everything set that does not change from request to request."""

    def __init__(self, like: Ask, trust: Path | None) -> None:
        self.refused = ""
        self.cut = False
        self._most = 0
        self._came = 0
        self._head: list[bytes] = []
        self._body = BytesIO()
        self.curl = curl = pycurl.Curl()
        roots = ssl.get_default_verify_paths()
        cafile, capath = (str(trust), None) if trust else (roots.cafile, roots.capath)
        options: dict[int, Any] = {
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.PROXY: "",
            pycurl.NOSIGNAL: 1,
            pycurl.TCP_KEEPALIVE: 1,
            pycurl.MAXAGE_CONN: WARM,
            pycurl.MAXFILESIZE: LARGEST,
            pycurl.USERAGENT: "counterpass",
            pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
            pycurl.CAINFO: cafile,
            pycurl.CAPATH: capath,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS if like.http2 else pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.PIPEWAIT: like.http2,
            pycurl.HEADERFUNCTION: self._head.append,
            pycurl.WRITEFUNCTION: self._write,
            pycurl.DEBUGFUNCTION: self._count,
            pycurl.XFERINFOFUNCTION: self._without_end,
        }
        if like.certificate:
            options |= {pycurl.SSLCERT_BLOB: like.certificate, pycurl.SSLKEY_BLOB: like.key}
        if like.public_only:
            options[pycurl.OPENSOCKETFUNCTION] = self._open
        for option, value in options.items():
            curl.setopt(option, value)

    def prepare(self, ask: Ask) -> None:
        self.refused = ""
        self.cut = False
        self._most = ask.most
        self._came = 0
        self._head.clear()
        self._body.seek(0)
        self._body.truncate()
        headers = [f"{name}: {value}" if value else f"{name};" for name, value in ask.headers]
        if any(mark in header for header in headers for mark in "\r\n\0"):
            raise Unreachable("a header with a line break is not sent")
        curl = self.curl
        curl.setopt(pycurl.URL, ask.url)
        curl.setopt(pycurl.HTTPHEADER, [*_QUIET, *headers])
        curl.setopt(pycurl.TIMEOUT_MS, max(1, round(ask.timeout * 1000)))
        if ask.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif ask.method == "GET":
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, ask.body)
        curl.setopt(pycurl.CUSTOMREQUEST, ask.method)
        curl.setopt(pycurl.VERBOSE, bool(ask.most))  # of whom we do not trust every byte is counted; that is what libcurl calls it
        curl.setopt(pycurl.NOPROGRESS, not ask.most)

    def answer(self) -> Answer:
        headers: dict[str, str] = {}
        for line in self._head:
            name, colon, value = line.partition(b":")
            if colon:
                headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
            elif line.startswith(b"HTTP/"):
                headers.clear()  # what came before was an interim answer, such as 103
        return Answer(status=self.curl.getinfo(pycurl.RESPONSE_CODE), headers=headers, body=self._body.getvalue())

    def _write(self, chunk: bytes) -> int:
        """Take a piece of the body; fewer bytes than there are make libcurl stop, and hang up."""
        room = self._most - self._body.tell() if self._most else len(chunk)
        self.cut = len(chunk) > room
        return self._body.write(chunk[:room])

    def _count(self, kind: int, what: bytes) -> None:
        """Bytes of an answer as they come, of which many may be no body: what stands beside the length of a chunk has no bound."""
        if kind == pycurl.INFOTYPE_DATA_IN:
            self._came += len(what)

    def _without_end(self, *_progress: int) -> bool:
        """Whether libcurl is to hang up."""
        return self._came > LARGEST

    def _open(self, _purpose: int, address: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        """Decide at connect time, on the very address: a name may resolve to something else than when it was checked."""
        family, kind, protocol, (host, *_) = address
        if not is_public(host):
            self.refused = host
            return int(pycurl.SOCKET_BAD)
        return socket.socket(family, kind, protocol)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet, looking through IPv6 that carries an IPv4 address."""
    at: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(at, IPv6Address):
        carried = at.ipv4_mapped or at.sixtofour or (at.teredo or (None, None))[1]
        at = carried or (IPv4Address(int(at) & 0xFFFF_FFFF) if at in _NAT64 else at)
        if isinstance(at, IPv6Address) and at not in _GLOBAL:
            return False
    return at.is_global and not at.is_multicast and at not in _ASSIGNED
