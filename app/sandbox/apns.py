"""Apple's push service on a loopback socket: HTTP/2 over TLS with client certificates, its checks, its answers, its silences.

Requests and reasons: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns and
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import asyncio
import base64
import binascii
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, cast
from uuid import UUID, uuid5

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from app import certs
from app.sandbox.watched import Watched

LARGEST: Final = 4096  # bytes of a payload
STREAMS: Final = 1000
PUSH_TYPES: Final = frozenset(
    {"alert", "background", "controls", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk", "widgets"}
)
PRIORITIES: Final = frozenset({"1", "5", "10"})
LONGEST_COLLAPSE_ID: Final = 64
TOKEN_LIFE: Final = (
    3600  # seconds; https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
)
TOKEN_REST: Final = 1200  # seconds before a provider token may be renewed
IDS: Final = UUID("5f0f7c0e-0d5e-4f0e-9a53-1d4f3e7a1c90")

How = Literal["answer", "goaway", "close", "silence"]


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived and what it got: status 0 when the connection broke or nothing was said."""

    at: datetime
    connection: int
    token: str
    topic: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    reason: str


class _Line(msgspec.Struct, kw_only=True):
    """One line of a script."""

    token: str | None
    status: int
    reason: str
    times: int
    retry_after: int | None
    timestamp: int | None
    slow: float | asyncio.Event
    how: How


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class ApnsSandbox(Watched):
    """``async with ApnsSandbox(folder, now=now) as apns``: Apple's push service at ``apns.url``.

    ``folder`` holds a development chain (app.certs): its root and intermediate decide which client certificates are let in, and
    sign the server's own; ``others`` are folders of further chains that are let in. ``keys`` are provider keys,
    {key id: (team, public key as PEM)}: with them, a bearer token is taken instead of a client certificate for ``pass_types``.
    ``throttled`` answers 200 and delivers nothing, as Apple does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime],
        others: Collection[Path] = (),
        pass_types: Collection[str] = (),
        keys: Mapping[str, tuple[str, bytes]] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__()
        self.pushes: list[Push] = []
        self.connections = 0
        self.throttled = False
        self.host, self.port = host, port
        self.now = now
        self._pass_types = frozenset(pass_types)
        self._keys = {kid: (team, _public(pem)) for kid, (team, pem) in (keys or {}).items()}
        self._renewed: dict[str, int] = {}
        self._script: list[_Line] = []
        self._phones: dict[str, Callable[[str], None]] = {}
        self._gone: dict[str, datetime] = {}
        self._held: dict[str, dict[str, float]] = {}
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._tls = self._context(folder, others)

    @property
    def url(self) -> str:
        """Where it listens, for ``Settings.apns_url``."""
        return f"https://{self.host}:{self.port}"

    @property
    def sent(self) -> Counter[str]:
        """How many pushes each token got a 200 for."""
        return Counter(push.token for push in self.pushes if push.status == 200)  # noqa: PLR2004

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stop listening and break every connection, as a data centre that goes dark."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._open):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    def goaway(self) -> None:
        """Ask every client to open a new connection, as Apple does before maintenance."""
        for connection in tuple(self._open):
            connection.goaway()

    def script(
        self,
        token: str | None,
        status: int,
        reason: str = "",
        *,
        times: int = 1,
        retry_after: int | None = None,
        timestamp: int | None = None,
        slow: float | asyncio.Event = 0.0,
        how: How = "answer",
    ) -> None:
        """Answer the next ``times`` good pushes for ``token`` (None: any) so; ``slow`` seconds later, or then; or break off (``how``).

        "goaway" says that the push was not processed, "close" breaks the connection in the middle, "silence" never answers.
        """
        self._script.append(
            _Line(token=token, status=status, reason=reason, times=times, retry_after=retry_after, timestamp=timestamp, slow=slow, how=how)
        )

    def connect(self, push_token: str, pushed: Callable[[str], None]) -> None:
        """A phone is reachable: ``pushed(topic)`` is called soon after each accepted push, and now for what was kept for it."""
        self._phones[push_token] = pushed
        for topic, expires in self._held.pop(push_token, {}).items():
            if expires > self.now().timestamp():
                asyncio.get_running_loop().call_soon(pushed, topic)

    def disconnect(self, push_token: str, *, gone: bool = False) -> None:
        """A phone is off; or its token is ``gone`` for good, and pushes get 410 from now on."""
        self._phones.pop(push_token, None)
        if gone:
            self._gone[push_token] = self.now()

    def so_far(self) -> str:
        """The pushes, newest last."""
        return f"{len(self.pushes)} pushes: " + ", ".join(f"{push.status} {push.reason}".strip() for push in self.pushes[-20:])

    def receive(self, connection: "_Connection", headers: Mapping[str, str], body: bytes) -> _Line:
        """Judge one request, note it, deliver it if it is accepted; what to answer comes back."""
        path = headers.get(":path", "")
        token = path.removeprefix("/3/device/")
        topic = headers.get("apns-topic", "")
        try:
            self._check(connection, headers, body)
            line = self._scripted(token)
        except _Refused as refused:
            line = _answer(refused.status, refused.reason)
        if line.status == 0 and line.how == "answer" and token in self._gone:
            line = _answer(410, "Unregistered", timestamp=int(self._gone[token].timestamp() * 1000))
        elif line.status == 0 and line.how == "answer":
            line = msgspec.structs.replace(line, status=200)
        if line.status == 200 and not self.throttled:  # noqa: PLR2004
            self._deliver(token, topic, headers.get("apns-expiration", ""))
        self.pushes.append(
            Push(
                at=self.now(),
                connection=connection.number,
                token=token,
                topic=topic,
                headers=headers,
                body=body,
                status=line.status if line.how == "answer" else 0,
                reason=line.reason if line.how == "answer" else line.how,
            )
        )
        self.changes()
        return line

    def entered(self, connection: "_Connection") -> int:
        """A connection whose handshake is done; its number."""
        self._open.add(connection)
        self.connections += 1
        return self.connections

    def left(self, connection: "_Connection") -> None:
        """A connection that is over."""
        self._open.discard(connection)

    def _context(self, folder: Path, others: Collection[Path]) -> ssl.SSLContext:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        tls.set_alpn_protocols(["h2"])
        tls.load_cert_chain(*certs.make_server_certificate(folder, host=self.host, now=self.now()))
        tls.verify_mode = ssl.CERT_OPTIONAL if self._keys else ssl.CERT_REQUIRED
        for chain in (folder, *others):
            tls.load_verify_locations(chain / "root.pem")
            tls.load_verify_locations(chain / "wwdr.pem")  # a provider need not send the intermediate: Apple knows its own
        return tls

    def _check(self, connection: "_Connection", headers: Mapping[str, str], body: bytes) -> None:
        """What Apple refuses before it looks for the phone."""
        if not headers.get(":path", "").startswith("/3/device/"):
            raise _Refused(404, "BadPath")
        if headers.get(":method") != "POST":
            raise _Refused(405, "MethodNotAllowed")
        self._check_provider(connection, headers)
        token = headers[":path"].removeprefix("/3/device/")
        if not token:
            raise _Refused(400, "MissingDeviceToken")
        if not _is_hex(token):
            raise _Refused(400, "BadDeviceToken")
        for wrong, reason in (
            (headers.get("apns-push-type", "background") not in PUSH_TYPES, "InvalidPushType"),
            (headers.get("apns-priority", "5") not in PRIORITIES, "BadPriority"),
            (headers.get("apns-push-type") == "background" and headers.get("apns-priority", "5") != "5", "BadPriority"),
            (not headers.get("apns-expiration", "0").isdecimal(), "BadExpirationDate"),
            (len(headers.get("apns-collapse-id", "")) > LONGEST_COLLAPSE_ID, "BadCollapseId"),
            (not _is_uuid(headers.get("apns-id", str(IDS))), "BadMessageId"),
        ):
            if wrong:
                raise _Refused(400, reason)
        if len(body) > LARGEST:
            raise _Refused(413, "PayloadTooLarge")
        try:
            msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            raise _Refused(400, "PayloadEmpty") from None

    def _check_provider(self, connection: "_Connection", headers: Mapping[str, str]) -> None:
        """Whether this provider may push to this topic, by the certificate of its connection or by its token."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        topic = headers.get("apns-topic", "")
        if scheme.lower() == "bearer":
            self._check_bearer(bearer)
            topics: Collection[str] = self._pass_types
        elif connection.pass_type:
            topics = {connection.pass_type}
        else:
            raise _Refused(403, "MissingProviderToken")
        if not topic:
            raise _Refused(400, "MissingTopic")  # Apple's web service page demands it; a stand-in that forgave would hide its loss
        if topic not in topics:
            raise _Refused(400, "TopicDisallowed")

    def _check_bearer(self, bearer: str) -> None:
        try:
            signed, _, signature = bearer.rpartition(".")
            head, claims = (msgspec.json.decode(_unbase64(part)) for part in signed.split("."))
            pair = _unbase64(signature)
            team, key = self._keys[head["kid"]]
            issued = int(claims["iat"])
            key.verify(
                encode_dss_signature(int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")), signed.encode(), ECDSA(SHA256())
            )
        except (ValueError, KeyError, TypeError, InvalidSignature):
            raise _Refused(403, "InvalidProviderToken") from None
        age = self.now().timestamp() - issued
        if head.get("alg") != "ES256" or claims.get("iss") != team or age < 0:
            raise _Refused(403, "InvalidProviderToken")
        if age > TOKEN_LIFE:
            raise _Refused(403, "ExpiredProviderToken")
        if 0 < issued - self._renewed.get(head["kid"], issued) < TOKEN_REST:
            raise _Refused(429, "TooManyProviderTokenUpdates")
        self._renewed[head["kid"]] = max(issued, self._renewed.get(head["kid"], issued))

    def _scripted(self, token: str) -> _Line:
        for line in self._script:
            if line.token in (None, token):
                line.times -= 1
                if not line.times:
                    self._script.remove(line)
                return line
        return _answer(0, "")

    def _deliver(self, token: str, topic: str, expiration: str) -> None:
        if token in self._phones:
            asyncio.get_running_loop().call_soon(self._phones[token], topic)
        elif int(expiration or "0") > self.now().timestamp():
            self._held.setdefault(token, {})[topic] = float(expiration)  # the latest only: Apple keeps no queue


class _Connection(asyncio.Protocol):
    """One client's HTTP/2 connection."""

    def __init__(self, apns: ApnsSandbox) -> None:
        self.number = 0
        self.pass_type = ""
        self._apns = apns
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._newest = 0
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.local_settings.update({SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":
            self._transport.abort()
            return
        der = tls.getpeercert(binary_form=True)
        names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.USER_ID) if der else []
        self.pass_type = str(names[0].value) if names else ""
        self.number = self._apns.entered(self)
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                match event:
                    case RequestReceived(stream_id=stream, headers=headers):
                        self._asked[stream] = ({str(name): str(value) for name, value in headers}, bytearray())
                    case DataReceived(stream_id=stream, data=part, flow_controlled_length=length):
                        self._asked[stream][1].extend(part)
                        self._h2.acknowledge_received_data(length, stream)
                    case StreamEnded(stream_id=stream):
                        self._judge(stream)
                    case StreamReset(stream_id=stream):
                        self._asked.pop(stream, None)
                    case _:
                        pass
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._apns.left(self)

    def abort(self) -> None:
        self._transport.abort()

    def goaway(self, *, last: int | None = None) -> None:
        """Say that nothing after stream ``last`` was looked at, and hang up."""
        self._h2.close_connection(last_stream_id=self._newest if last is None else last)
        self._flush()
        self._transport.close()

    def _judge(self, stream: int) -> None:
        if self._transport.is_closing():
            return
        headers, body = self._asked[stream]
        line = self._apns.receive(self, headers, bytes(body))
        match line.how:
            case "goaway":
                self.goaway(last=stream - 2)
            case "close":
                self.abort()
            case "silence":
                pass
            case "answer" if isinstance(line.slow, asyncio.Event):
                asyncio.ensure_future(line.slow.wait()).add_done_callback(lambda _: self._answer(stream, line))
            case "answer" if line.slow:
                asyncio.get_running_loop().call_later(line.slow, self._answer, stream, line)
            case "answer":
                self._answer(stream, line)

    def _answer(self, stream: int, line: _Line) -> None:
        asked = self._asked.pop(stream, None)
        if asked is None or self._transport.is_closing():
            return
        self._newest = max(self._newest, stream)
        message = asked[0].get("apns-id") or str(uuid5(IDS, f"{self.number}.{stream}")).upper()
        headers = [(":status", str(line.status)), ("apns-id", message)]
        if line.retry_after is not None:
            headers.append(("retry-after", str(line.retry_after)))
        said = {"reason": line.reason} | ({"timestamp": line.timestamp} if line.timestamp is not None else {})
        self._h2.send_headers(stream, headers, end_stream=not line.reason)
        if line.reason:
            self._h2.send_data(stream, msgspec.json.encode(said), end_stream=True)
        self._flush()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._transport.write(data)


def _answer(status: int, reason: str, *, timestamp: int | None = None) -> _Line:
    return _Line(token=None, status=status, reason=reason, times=1, retry_after=None, timestamp=timestamp, slow=0.0, how="answer")


def _public(pem: bytes) -> EllipticCurvePublicKey:
    key = load_pem_public_key(pem)
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("a provider key is an elliptic curve key (ES256)")
    return key


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_hex(text: str) -> bool:
    try:
        binascii.unhexlify(text)
    except ValueError:
        return False
    return True


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
