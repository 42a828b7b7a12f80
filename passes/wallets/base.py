"""What every wallet is: somewhere a face lives, that can be told of a newer one, and four things that may come of it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from passes.face import Face


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One outbound HTTP request. ``certificate`` and ``key`` are PEM bytes of a TLS client certificate.

    ``http2`` asks for HTTP/2 over TLS and one warm, multiplexed connection per (host, certificate).
    ``public_only`` refuses addresses that are not public, at connect time. ``most``: so many bytes of the answer's body are read, and
    the rest is left where it is; 0 is all of it.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    http2: bool = False
    timeout: float = 10.0
    public_only: bool = False
    most: int = 0

    def __repr__(self) -> str:
        """Without headers, body and key, which are secrets; the address may be one too."""
        return f"Ask({self.method}, {self.url.partition('://')[0]})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Unreachable(Exception):
    """No answer: refused, timed out, TLS failed, or the connection broke. The text says which."""


Http = Callable[[Ask], Awaitable[Answer]]
"""The one outbound client (world.http). Raises Unreachable."""


class Delivered(msgspec.Struct, frozen=True):
    """The wallet's service has taken it. ``notified`` says whether the person may see a notification of it."""

    notified: bool = False


class Gone(msgspec.Struct, frozen=True):
    """The place exists no longer (APNs 410, 400 BadDeviceToken). ``since`` is when, if the vendor said so."""

    since: datetime | None = None


class Later(msgspec.Struct, frozen=True):
    """Not now: try again after so many seconds (Retry-After), or when the back-off says so if ``after`` is None."""

    why: str
    after: float | None = None


class Misconfigured(msgspec.Struct, frozen=True):
    """Credentials or our own request are wrong: stop for this wallet, raise an alarm, delete nothing.

    ``one_card``: the credentials are good, and what this card says is refused; the other cards go on.
    """

    why: str
    one_card: bool = False


Outcome = Delivered | Gone | Later | Misconfigured


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """A face living somewhere: an Apple device registration (address = device library id) or a Google object (= its id).

    ``credential`` says through whose credentials it is told: the pass type identifier, or Google's issuer id.

    ``told`` is the card version that the vendor last accepted; ``asked_at`` and ``fetched_at`` are Apple's device asking
    what changed and fetching the pass. ``due_at`` is when the followers should look at it; None when it is up to date.
    ``notified_at`` holds the times of the last three notifying updates (Google allows three in 24 hours).
    """

    id: UUID
    business_id: UUID
    card_id: UUID
    wallet: Literal["apple", "google"]
    address: str
    credential: str = ""
    push_token: str = ""
    registered_at: datetime
    told: int = 0
    told_at: datetime | None = None
    asked_at: datetime | None = None
    fetched: int = 0
    fetched_at: datetime | None = None
    saved_at: datetime | None = None
    notified_at: tuple[datetime, ...] = ()
    due_at: datetime | None = None
    tries: int = 0
    lease_until: datetime | None = None
    gone_at: datetime | None = None


class Wallet(Protocol):
    """A platform on which cards live."""

    name: ClassVar[Literal["apple", "google"]]
    draws: ClassVar[bool]
    """Whether ``tell`` sends the face; else it only tells the phone to come, and is given None."""

    async def tell(self, installation: Installation, face: Face | None, *, http: Http, now: datetime) -> Outcome:
        """Bring one installation up to the face (or tell its device to come and fetch). Never raises for a vendor's answer."""
        ...
