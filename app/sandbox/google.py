"""Google Wallet's stand-in: token endpoint, REST, save page, signed callbacks and its quotas, over a real socket.

What it does and refuses is what the vendor's pages say: developers.google.com/wallet/reference/rest/v1,
developers.google.com/wallet/retail/loyalty-cards/use-cases, developers.google.com/identity/protocols/oauth2/service-account.
One thing is more lenient than Google: pictures and the callback may have plain http addresses, because they are on this machine.
"""

import asyncio
import re
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections import deque
from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, partial
from hashlib import sha256
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.outbound import Outbound
from app.sandbox.walletobjects import Body, judge
from app.sandbox.watched import Watched
from passes.wallets.base import Ask, Unreachable

SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
PROTOCOL: Final = "ECv2SigningOnly"
SENDER: Final = "GooglePayPasses"
LIFE: Final = timedelta(seconds=3599)
SKEW: Final = timedelta(minutes=5)
DAY: Final = timedelta(hours=24)
MOST_NOTIFICATIONS: Final = 3
LARGEST: Final = 1_000_000
LONGEST_LINK: Final = 1800
NOTIFYING: Final = {
    "loyaltyClass": ("rewardsTier", "secondaryRewardsTier", "programName"),
    "loyaltyObject": ("loyaltyPoints.balance", "secondaryLoyaltyPoints.balance"),
}
SCHEMA: Final = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}
LINKED: Final = {"loyaltyClasses": "loyaltyClass", "loyaltyObjects": "loyaltyObject"}
GOOGLES_OWN: Final = frozenset({"hasUsers", "hasLinkedDevice", "classReference", "review", "kind", "version"})
"""Fields that the platform sets; what an issuer sends in them is ignored."""
STATUSES: Final = {"draft": "DRAFT", "underReview": "UNDER_REVIEW"}

Reply = tuple[int, str, bytes, dict[str, str]]
"""Status, content type, body, more headers."""
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered. A save link's path is not kept whole: it can be used."""

    at: datetime
    method: str
    path: str
    status: int


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sees on the lock screen."""

    at: datetime
    object_id: str
    title: str
    text: str


class Delivery(msgspec.Struct, kw_only=True):
    """A callback on its way: the body as signed, and the answer's status, or None as long as there was none."""

    url: str
    body: bytes
    status: int | None = None


class Fault(msgspec.Struct, kw_only=True):
    """An answer by script, ``times`` more times, instead of the true one."""

    on: Literal["api", "token", "keys"]
    status: int
    reason: str
    message: str
    retry_after: str | None
    times: int


class Refused(Exception):
    """An error in Google's words."""

    def __init__(self, status: int, reason: str, message: str, retry_after: str | None = None) -> None:
        self.status, self.reason, self.message, self.retry_after = status, reason, message, retry_after
        super().__init__(message)


class NoToken(Exception):
    """The token endpoint refuses (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        self.error, self.description = error, description
        super().__init__(description)


class NotSaved(Exception):
    """The save page says that something went wrong. The text says what."""


class GoogleSandbox(Watched):
    """``async with GoogleSandbox(folder) as google``: Google, on a loopback socket, with one issuer and its service account.

    ``now`` is its clock for tokens, callbacks and the notification budget; the rate limit goes by real time.
    ``trust`` is a PEM file of roots for the issuer's own callback address, if that has TLS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        issuer: str = "3388000000022000001",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        port: int = 0,
        trust: Path | None = None,
    ) -> None:
        super().__init__()
        self.issuer = issuer
        self.account_path = folder / "google-account.json"
        self.email = "counterpass@counterpass-sandbox.iam.gserviceaccount.com"
        self.url = ""
        self.classes: dict[str, Body] = {}
        self.objects: dict[str, Body] = {}
        self.notifications: list[Notification] = []
        self.warnings: list[str] = []
        self.requests: list[Asked] = []
        self.deliveries: list[Delivery] = []
        self.invited = True
        """Whether the service account is a user of the issuer; without that everything is 403."""
        self.down = False
        """Everything is 503, as from a load balancer with nobody behind it."""
        self.rate: int | None = 20
        """Requests a second, or None for no limit."""
        self._now = now
        self._port = port
        self._judge = judge()
        self._http = Outbound(trust)
        self._faults: list[Fault] = []
        self._tokens: dict[str, datetime] = {}
        self._users: dict[str, set[str]] = {}
        self._told: dict[tuple[str, str], list[datetime]] = {}
        self._recent: deque[float] = deque()
        self._connections = ServerState()
        self._key = _account_key()
        self._root = ec.generate_private_key(ec.SECP256R1())
        self._between = ec.generate_private_key(ec.SECP256R1())

    async def __aenter__(self) -> Self:
        """Open the socket and write the service account's file."""
        config = uvicorn.Config(self._app, interface="asgi3", log_config=None, access_log=False, date_header=False, proxy_headers=False)
        config.load()
        # Uvicorn's protocol without its Server, which would take the process's signals, and minds a clock of its own.
        protocol = partial(HttpToolsProtocol, config=config, server_state=self._connections, app_state={})
        self._server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.account_path.touch(mode=0o600)
        self.account_path.write_bytes(self._account())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self._server.close()
        for connection in list(self._connections.connections):
            connection.shutdown()
        await self._http.close()

    @property
    def keys_url(self) -> str:
        """Where the root keys of the callbacks are."""
        return f"{self.url}/gp/m/issuer/keys"

    @property
    def save_url(self) -> str:
        """What stands before the JWT in a save link of this Google."""
        return f"{self.url}/gp/v/save/"

    # --- For whoever plays with it ---

    def script(
        self,
        *,
        status: int,
        times: int = 1,
        retry_after: float | str | None = None,
        reason: str = "",
        message: str = "",
        on: Literal["api", "token", "keys"] = "api",
    ) -> None:
        """Answer the next ``times`` requests to the API (the token endpoint, the root keys) with this error."""
        usual = {
            401: ("authError", "Request had invalid authentication credentials."),
            403: ("permissionDenied", "Permission denied."),
            409: ("conflict", "The resource was changed at the same time."),
            429: ("rateLimitExceeded", "Quota exceeded for quota metric 'Requests' and limit 'Requests per second'."),
            500: ("internalError", "Internal error encountered."),
            503: ("backendError", "The service is currently unavailable."),
        }.get(status, ("invalid", HTTPStatus(status).phrase))
        after = None if retry_after is None else str(retry_after)
        self._faults.append(
            Fault(on=on, status=status, reason=reason or usual[0], message=message or usual[1], retry_after=after, times=times)
        )

    def revoke_tokens(self) -> None:
        """No access token that was given out is good any more."""
        self._tokens.clear()

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after every change of a class, an object or the notifications; the answer ends it."""
        self.changed.append(changed)
        return lambda: self.changed.remove(changed)

    def so_far(self) -> str:
        """The last requests and notifications, for whoever waited in vain."""
        asked = ", ".join(f"{one.method} {one.path} {one.status}" for one in self.requests[-5:])
        return f"Google was asked {asked or 'nothing'}; notified {[one.text for one in self.notifications[-3:]]}"

    # --- The person with the phone ---

    async def save(self, link: str, *, user: str = "the customer") -> tuple[str, ...]:
        """The person opens a save link (or its JWT) and presses the button: the ids of the cards that are on the phone now.

        Raises NotSaved as the page would show it.
        """
        saved = []
        for one in self._linked(link):
            object_id = one["id"]
            users = self._users.setdefault(object_id, set())
            holders = self.classes[self.objects[object_id]["classId"]].get("multipleDevicesAndHoldersAllowedStatus", "MULTIPLE_HOLDERS")
            if holders not in ("MULTIPLE_HOLDERS", "multipleHolders") and users - {user}:
                raise NotSaved("this card is saved by somebody else already")
            users.add(user)
            self.objects[object_id]["hasUsers"] = True
            saved.append(object_id)
        self.changes()
        for object_id in saved:
            await self._call_back(object_id, "save")
        return tuple(saved)

    async def delete(self, object_id: str, *, user: str = "the customer") -> None:
        """The person removes the card from the phone."""
        self._users.get(object_id, set()).discard(user)
        self.objects[object_id]["hasUsers"] = bool(self._users.get(object_id))
        self.changes()
        await self._call_back(object_id, "del")

    def _linked(self, link: str) -> list[Body]:
        """The objects of a save link, made first if the link brings them whole. Raises NotSaved."""
        if len(link) > LONGEST_LINK:
            self.warnings.append(f"a save link has {len(link)} characters: browsers may cut it above {LONGEST_LINK}")
        try:
            claims = self._read_jwt(link.rstrip("/").rpartition("/")[2])
        except ValueError as error:
            raise NotSaved(str(error)) from error
        payload = claims.get("payload")
        for name, right in {
            "iss": claims.get("iss") == self.email,
            "aud": claims.get("aud") == "google",
            "typ": claims.get("typ") == "savetowallet",
            "iat": isinstance(claims.get("iat"), int) and claims["iat"] <= (self._now() + SKEW).timestamp(),
            "origins": isinstance(claims.get("origins"), list),
            "payload": isinstance(payload, dict) and bool(payload.get("loyaltyObjects")),
        }.items():
            if not right:
                raise NotSaved(f"the claim {name} is not right")
        try:
            for name, kind in LINKED.items():
                for one in claims["payload"].get(name, []):
                    body = self._checked(SCHEMA[kind], one)
                    if body.get("id") not in self._all(kind):
                        self._insert(kind, body)
        except Refused as refused:
            raise NotSaved(refused.message) from refused
        return list(claims["payload"]["loyaltyObjects"])

    def _read_jwt(self, token: str) -> dict[str, Any]:
        """The claims of a JWT (RS256) of the service account. Raises ValueError."""
        parts = token.split(".")
        if len(parts) != 3:  # noqa: PLR2004 (header, claims, signature)
            raise ValueError("it is not a JWT")
        header, claims, signature = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        if msgspec.json.decode(header, type=dict[str, Any]).get("alg") != "RS256":
            raise ValueError("it is not signed with RS256")
        try:
            self._key.public_key().verify(signature, token.rpartition(".")[0].encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            raise ValueError("Invalid JWT Signature.") from None
        return msgspec.json.decode(claims, type=dict[str, Any])

    # --- Callbacks ---

    def callback(
        self,
        object_id: str,
        event: str,
        *,
        class_id: str = "",
        issuer: str = "",
        nonce: str = "",
        expires_in: timedelta = timedelta(hours=1),
        key_expires_in: timedelta = timedelta(days=7),
    ) -> bytes:
        """A callback as Google signs it; for another issuer, or past its end, if so wanted."""
        message = {
            "classId": class_id or self.objects[object_id]["classId"],
            "objectId": object_id,
            "eventType": event,
            "expTimeMillis": _milliseconds(self._now() + expires_in),
            "count": 1,
            "nonce": nonce or str(uuid4()),
        }
        key = {"keyValue": _spki(self._between), "keyExpiration": str(_milliseconds(self._now() + key_expires_in))}
        # Google's own writer escapes "=", so whoever writes the text anew before verifying it gets another text.
        signed_key = msgspec.json.encode(key).decode().replace("=", "\\u003d")
        signed_message = msgspec.json.encode(message).decode()
        return msgspec.json.encode(
            {
                "signature": _sign(self._between, SENDER, issuer or self.issuer, PROTOCOL, signed_message),
                "intermediateSigningKey": {"signedKey": signed_key, "signatures": [_sign(self._root, SENDER, PROTOCOL, signed_key)]},
                "protocolVersion": PROTOCOL,
                "signedMessage": signed_message,
            }
        )

    async def _call_back(self, object_id: str, event: str) -> None:
        url = self.classes[self.objects[object_id]["classId"]].get("callbackOptions", {}).get("url")
        if url:
            delivery = Delivery(url=url, body=self.callback(object_id, event))
            self.deliveries.append(delivery)
            await self.deliver(delivery)

    async def deliver(self, delivery: Delivery) -> None:
        """POST a callback to an address on this machine; one that was answered may be sent again, as Google does at times."""
        if urlsplit(delivery.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            return  # a stand-in speaks to nobody but this machine
        headers = (("content-type", "application/json"), ("user-agent", "Googlebot"))
        try:
            answer = await self._http(Ask(method="POST", url=delivery.url, headers=headers, body=delivery.body))
        except Unreachable:
            return
        delivery.status = answer.status

    async def retry_callbacks(self) -> None:
        """Send the callbacks again that were not answered with 200: what Google does by itself for a while."""
        for delivery in self.deliveries:
            if delivery.status != HTTPStatus.OK:
                await self.deliver(delivery)

    # --- HTTP ---

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, kind, body, more = await self._answer(method, path, scope["query_string"].decode(), headers, await _read(receive))
        shown = re.sub("^(/gp/v/save/).+", r"\1…", path)
        self.requests.append(Asked(at=self._now(), method=method, path=shown, status=status))
        date = format_datetime(self._now().astimezone(UTC), usegmt=True)
        fields = {"content-type": kind, "content-length": str(len(body)), "date": date, **more}
        await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in fields.items()]})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        if self.down:
            return 503, "text/html", b"<h1>Error: Server Error</h1>", {}
        try:
            if path.startswith("/gp/v/save/"):
                return await self._page(method, path)
            return _json(200, self._found(method, path, query, headers, body))
        except NoToken as no:
            return _json(400, {"error": no.error, "error_description": no.description})
        except Refused as refused:
            more = {} if refused.retry_after is None else {"retry-after": refused.retry_after}
            error = {"message": refused.message, "domain": "walletobjects", "reason": refused.reason}
            return _json(refused.status, {"error": {"code": refused.status, "message": refused.message, "errors": [error]}}, more)

    def _found(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Body:
        if path == "/token":
            self._stumble("token")
            return self._token(method, body)
        if path == "/gp/m/issuer/keys":
            self._stumble("keys")
            return self._keys()
        self._limit()
        self._authorize(headers)
        self._stumble("api")
        return self._rest(method, path, query, body)

    def _stumble(self, on: str) -> None:
        for fault in self._faults:
            if fault.on == on and fault.times > 0:
                fault.times -= 1
                raise Refused(fault.status, fault.reason, fault.message, fault.retry_after)

    def _limit(self) -> None:
        """So many requests a second, as a window that slides."""
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if self.rate is not None and len(self._recent) >= self.rate:
            raise Refused(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Requests' and limit 'Requests per second'.")
        self._recent.append(now)

    def _authorize(self, headers: dict[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._tokens.get(token, datetime.min.replace(tzinfo=UTC)) <= self._now():
            raise Refused(401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        if not self.invited:
            raise Refused(403, "permissionDenied", "Permission denied.")

    # --- The token endpoint ---

    def _account(self) -> bytes:
        return msgspec.json.encode(
            {
                "type": "service_account",
                "project_id": "counterpass-sandbox",
                "private_key_id": sha256(_spki(self._key).encode()).hexdigest()[:40],
                "private_key": self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
                "client_email": self.email,
                "client_id": "100000000000000000001",
                "token_uri": f"{self.url}/token",
                "universe_domain": "googleapis.com",
            }
        )

    def _token(self, method: str, body: bytes) -> Body:
        form = {name: values[0] for name, values in parse_qs(body.decode("ascii", "replace")).items()}
        if method != "POST" or form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise NoToken("unsupported_grant_type", "Invalid grant_type")
        try:
            claims = self._read_jwt(form.get("assertion", ""))
        except ValueError as error:
            raise NoToken("invalid_grant", str(error)) from error
        if claims.get("iss") != self.email:
            raise NoToken("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") != f"{self.url}/token":
            raise NoToken("invalid_grant", f"Invalid JWT: Failed audience check. The right audience is {self.url}/token")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise NoToken("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        start, end, now = claims.get("iat"), claims.get("exp"), self._now().timestamp()
        if not (isinstance(start, int) and isinstance(end, int) and start <= now + SKEW.seconds and now < end <= start + 3600):
            raise NoToken(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        token = "ya29." + secrets.token_urlsafe(48)
        self._tokens[token] = self._now() + LIFE
        return {"access_token": token, "expires_in": LIFE.seconds, "token_type": "Bearer"}

    def _keys(self) -> Body:
        end = str(_milliseconds(self._now() + timedelta(days=3650)))
        root = _spki(self._root)
        # Google's list holds keys of other protocols, too.
        return {
            "keys": [{"keyValue": root, "protocolVersion": "ECv1"}, {"keyValue": root, "keyExpiration": end, "protocolVersion": PROTOCOL}]
        }

    # --- REST ---

    def _all(self, kind: str) -> dict[str, Body]:
        return self.classes if kind == "loyaltyClass" else self.objects

    def _rest(self, method: str, path: str, query: str, body: bytes) -> Body:
        found = re.fullmatch(r"/walletobjects/v1/(loyaltyClass|loyaltyObject)(?:/([^/]+)(/addMessage)?)?", path)
        if found is None:
            raise Refused(404, "notFound", "Not Found")
        kind, name, message = found.groups()
        match method, name, message:
            case "POST", None, _:
                return self._shown(self._insert(kind, self._body(SCHEMA[kind], body)))
            case "GET", None, _:
                return self._list(kind, {one: values[0] for one, values in parse_qs(query).items()})
            case "GET", str(), None:
                return self._shown(self._existing(kind, name))
            case (("PATCH" | "PUT"), str(), None):
                return self._shown(self._update(kind, name, self._body(SCHEMA[kind], body), replace=method == "PUT"))
            case "POST", str(), str():
                return {"resource": self._shown(self._add_message(kind, name, self._body("AddMessageRequest", body)))}
            case _:
                raise Refused(404, "notFound", "Not Found")

    def _body(self, schema: str, body: bytes) -> Body:
        try:
            return self._checked(schema, msgspec.json.decode(body))
        except msgspec.DecodeError as error:
            raise Refused(400, "parseError", f"Invalid JSON payload received. {error}") from error

    def _checked(self, schema: str, given: Any) -> Body:
        if wrong := self._judge.malformed(schema, given):
            raise Refused(400, "invalid", "\n".join(wrong))
        return {name: value for name, value in given.items() if value is not None and name not in GOOGLES_OWN}

    def _shown(self, resource: Body) -> Body:
        if "classId" not in resource:
            return resource
        return {**resource, "classReference": self.classes[resource["classId"]]}

    def _existing(self, kind: str, name: str) -> Body:
        self._ours(name)
        if name not in self._all(kind):
            raise Refused(404, "resourceNotFound", f"{SCHEMA[kind]} {name} not found.")
        return self._all(kind)[name]

    def _ours(self, name: object) -> None:
        if not isinstance(name, str) or not re.fullmatch(r"\d+\.[A-Za-z0-9._-]+", name):
            raise Refused(400, "invalidResource", f"Invalid resource ID: {name}.")
        if name.partition(".")[0] != self.issuer:
            raise Refused(403, "permissionDenied", "Permission denied.")

    def _list(self, kind: str, query: dict[str, str]) -> Body:
        """All of an issuer's classes or a class's objects; in pages only if ``maxResults`` is given."""
        if kind == "loyaltyClass":
            self._ours(f"{query.get('issuerId', '')}.x")
            found = [one for _, one in sorted(self.classes.items())]
        else:
            self._existing("loyaltyClass", query.get("classId", ""))
            found = [self._shown(one) for _, one in sorted(self.objects.items()) if one["classId"] == query["classId"]]
        try:
            start = int(b64decode(query.get("token", "")) or 0)
            page = found[start : start + int(query["maxResults"])] if "maxResults" in query else found[start:]
        except ValueError as error:
            raise Refused(400, "invalidParameter", "Invalid value for maxResults or token.") from error
        pagination: Body = {"resultsPerPage": len(page)}
        if start + len(page) < len(found):
            pagination["nextPageToken"] = b64encode(str(start + len(page)).encode()).decode()
        return {"resources": page, "pagination": pagination}

    def _insert(self, kind: str, body: Body) -> Body:
        self._ours(body.get("id"))
        if body["id"] in self._all(kind):
            raise Refused(409, "existingResource", f"{SCHEMA[kind]} {body['id']} already exists.")
        return self._store(kind, {}, body, body)

    def _update(self, kind: str, name: str, body: Body, *, replace: bool) -> Body:
        old = self._existing(kind, name)
        if body.get("id", name) != name:
            raise Refused(400, "invalidResource", "The id of the body is not the id of the address.")
        return self._store(kind, old, body, {"id": name, **body} if replace else _merged(old, body))

    def _store(self, kind: str, old: Body, given: Body, wanted: Body) -> Body:
        """Make ``wanted`` of ``old`` if the rules of the resource allow it, and notify if that was asked for."""
        if wrong := self._judge.refused(SCHEMA[kind], wanted):
            raise Refused(400, "invalidResource", "\n".join(wrong))
        notify = wanted.pop("notifyPreference", "") == "NOTIFY_ON_UPDATE"  # it holds for this request and is not kept
        if kind == "loyaltyClass":
            wanted["reviewStatus"] = self._reviewed(old, given)
        else:
            self._usable(wanted["classId"])
            wanted["hasUsers"] = bool(self._users.get(wanted["id"]))
        self.warnings += [doubt for doubt in self._judge.doubtful(SCHEMA[kind], given) if doubt not in self.warnings]
        self._all(kind)[wanted["id"]] = wanted
        if old and notify:
            self._notify(kind, old, wanted)
        self.changes()
        return wanted

    def _reviewed(self, old: Body, given: Body) -> str:
        """Google approves at once what asks for review; what is approved must ask again with every change."""
        asked = given.get("reviewStatus", "DRAFT" if _is_draft(old) else "")
        asked = STATUSES.get(asked, asked)
        if asked not in ("DRAFT", "UNDER_REVIEW") or (asked == "DRAFT" and old and not _is_draft(old)):
            raise Refused(400, "invalidResource", f"Invalid review status '{asked}': set reviewStatus to UNDER_REVIEW.")
        return "APPROVED" if asked == "UNDER_REVIEW" else "DRAFT"

    def _usable(self, class_id: str) -> None:
        self._ours(class_id)
        if class_id not in self.classes:
            raise Refused(404, "classNotFound", f"LoyaltyClass {class_id} not found.")
        if _is_draft(self.classes[class_id]):
            raise Refused(400, "invalidResource", f"LoyaltyClass {class_id} is a draft and cannot have objects.")

    def _notify(self, kind: str, old: Body, new: Body) -> None:
        """A field update on the lock screen, if it is an allow-listed field, somebody has the card, and the day's three are not used up."""
        changes = [f"{_at(old, path)} → {_at(new, path)}" for path in NOTIFYING[kind] if _at(old, path) != _at(new, path)]
        concerned = [new] if kind == "loyaltyObject" else [one for one in self.objects.values() if one["classId"] == new["id"]]
        for one in concerned if changes else []:
            if one["hasUsers"] and self._budget("update", one["id"]):
                self._show(one, ", ".join(changes))

    def _budget(self, what: str, name: str) -> bool:
        """Take one of three in 24 hours."""
        recent = [at for at in self._told.get((what, name), []) if at > self._now() - DAY]
        left = len(recent) < MOST_NOTIFICATIONS
        self._told[what, name] = [*recent, self._now()] if left else recent
        return left

    def _show(self, card: Body, text: str) -> None:
        title = self.classes[card["classId"]]["programName"]
        self.notifications.append(Notification(at=self._now(), object_id=card["id"], title=title, text=text))

    def _add_message(self, kind: str, name: str, body: Body) -> Body:
        resource, message = self._existing(kind, name), body.get("message")
        if not message:
            raise Refused(400, "invalid", "message is required.")
        aloud = message.get("messageType") == "TEXT_AND_NOTIFY"
        if aloud and not self._budget("message", name):
            raise Refused(403, "quotaExceeded", "QuotaExceededException: at most 3 messages with a notification in 24 hours.")
        resource["messages"] = [*resource.get("messages", []), message]
        concerned = [resource] if kind == "loyaltyObject" else [one for one in self.objects.values() if one["classId"] == name]
        for one in concerned if aloud else []:
            if one["hasUsers"]:
                self._show(one, f"{message.get('header', '')}: {message.get('body', '')}")
        self.warnings += self._judge.doubtful(SCHEMA[kind], {"messages": resource["messages"]})
        self.changes()
        return resource

    # --- The page behind the button ---

    async def _page(self, method: str, path: str) -> Reply:
        safe = {"content-security-policy": "default-src 'none'; form-action 'self'", "cache-control": "no-store"}
        try:
            cards = [self.objects[one["id"]] for one in self._linked(path)]
            names = ", ".join(escape(self.classes[card["classId"]]["programName"]) for card in cards)
            if method == "POST":
                await self.save(path)
                said = f"<p>{names}: in your wallet.</p>"
            else:
                said = f'<p>{names}</p><form method="post"><button>Add to Google Wallet</button></form>'
            status = 200
        except NotSaved as why:
            status, said = 400, f"<p>Something went wrong. Please try again. ({escape(str(why))})</p>"
        page = f'<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Wallet (sandbox)</title>{said}'
        return status, "text/html; charset=utf-8", page.encode(), safe


@cache
def _account_key() -> rsa.RSAPrivateKey:
    """The service account's key, new in every process: making one takes longer than all the rest."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LARGEST:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _json(status: int, body: Body, more: dict[str, str] | None = None) -> Reply:
    return status, "application/json; charset=UTF-8", msgspec.json.encode(body), more or {}


def _merged(old: Body, new: Body) -> Body:
    """PATCH: objects are merged, lists and plain values replaced, what is left out stays."""
    result = deepcopy(old)
    for name, value in new.items():
        if value is not None:
            both = isinstance(value, dict) and isinstance(result.get(name), dict)
            result[name] = _merged(result[name], value) if both else value
    return result


def _is_draft(resource: Body) -> bool:
    return resource.get("reviewStatus") == "DRAFT"


def _at(resource: Body, path: str) -> str:
    """A field as a person reads it: a balance is its only value."""
    value: Any = resource
    for name in path.split("."):
        value = value.get(name, {})
    return str(next(iter(value.values()), "") if isinstance(value, dict) else value)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _sign(key: ec.EllipticCurvePrivateKey, *parts: str) -> str:
    """ECDSA over each part's length in bytes (little-endian) and the part."""
    signed = b"".join(len(part.encode()).to_bytes(4, "little") + part.encode() for part in parts)
    return b64encode(key.sign(signed, ec.ECDSA(SHA256()))).decode()
