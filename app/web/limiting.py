"""How often a key may ask, and how often somebody may try keys: counted in this process, and refused past it."""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from litestar.types import Message, Scope

WINDOW: Final = 60
"""Seconds for which a key's number of requests is."""
GUESSES: Final = 600
"""Secrets that nobody here has been right with, which are looked up for one address in a minute."""
REMEMBERED: Final = 10_000
"""So many right secrets, and so many who ask, are known at once."""
MICROS: Final = 1_000_000
_WHOLE: Final = WINDOW * MICROS
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
_MICRO: Final = timedelta(microseconds=1)


class Left(msgspec.Struct, frozen=True):
    """What a key has left of its ``most`` requests, and in how many seconds all of them again; with -1, the next one."""

    most: int
    requests: int
    seconds: int


class Limits:
    """The generic cell rate algorithm: a request borrows its share of the minute from the time that comes.

    It keeps one number a key, lets a whole minute's requests come at once, and after that as many as time gives back; there is no
    minute's end at which twice as many get through. Every process counts by itself.
    """

    def __init__(self) -> None:
        self.noted: dict[UUID, datetime] = {}
        """When each key's use was last written down."""
        self._paid_until: dict[Hashable, int] = {}
        self._right: dict[bytes, None] = {}
        """The hashes of secrets that were right lately."""

    def take(self, who: Hashable, most: int, now: datetime) -> Left:
        """Count one request of a key that may make so many in a minute; what it has left then, less than nothing if it may not."""
        share, at = _WHOLE // most, (now - _BEGINNING) // _MICRO
        was = max(self._paid_until.get(who, 0), at)
        ahead = was + share - at
        if ahead > _WHOLE:
            return Left(most, -1, _up(ahead - _WHOLE))
        if len(self._paid_until) > REMEMBERED:  # who has all of it again is as good as new
            self._paid_until = {one: until for one, until in self._paid_until.items() if until > at}
        self._paid_until[who] = was + share
        return Left(most, (_WHOLE - ahead) // share, _up(ahead))

    def knows(self, hashed: bytes) -> bool:
        """Whether this secret was right lately: it is no guess then.

        So it never waits: a shop whose tills share an address with a stranger (or with a program that goes on with a revoked key)
        works on.
        """
        return hashed in self._right

    def guess(self, network: str, now: datetime) -> int:
        """Whole seconds until a secret that is not known may be looked up for this address; 0 is now."""
        left = self.take(network, GUESSES, now)
        return left.seconds if left.requests < 0 else 0

    def was_right(self, network: str, hashed: bytes) -> None:
        """It works, so it was no guess."""
        self._paid_until[network] = self._paid_until.get(network, 0) - _WHOLE // GUESSES
        if len(self._right) >= REMEMBERED:
            del self._right[next(iter(self._right))]
        self._right[hashed] = None

    def was_wrong(self, hashed: bytes) -> None:
        """It does not work, or not any more: from now on it is a guess."""
        self._right.pop(hashed, None)


def _up(micros: int) -> int:
    return -(-micros // MICROS)


async def told(message: Message, scope: Scope) -> None:
    """Before the answer to a call is sent: which request it was, and what its key has left (draft-ietf-httpapi-ratelimit-headers)."""
    if message["type"] != "http.response.start":
        return
    state = scope.get("state", {})
    if "request_id" in state:
        message["headers"] = [*message["headers"], (b"request-id", state["request_id"].encode())]
    left: Left | None = state.get("left")
    if left is not None:
        message["headers"] = [
            *message["headers"],
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (left.most, WINDOW)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (max(left.requests, 0), left.seconds)),
        ]
