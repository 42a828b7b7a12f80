"""How often a key may ask: counted in this process, told with every answer, and refused past it."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from litestar.types import Message, Scope

WINDOW: Final = 60
"""Seconds for which a key's number of requests is."""
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
        self._paid_until: dict[UUID, int] = {}

    def take(self, key_id: UUID, most: int, now: datetime) -> Left:
        """Count one request of a key that may make so many in a minute; what it has left then, less than nothing if it may not."""
        share, at = _WHOLE // most, (now - _BEGINNING) // _MICRO
        was = max(self._paid_until.get(key_id, 0), at)
        ahead = was + share - at
        if ahead > _WHOLE:
            return Left(most, -1, _up(ahead - _WHOLE))
        self._paid_until[key_id] = was + share
        return Left(most, (_WHOLE - ahead) // share, _up(ahead))


def _up(micros: int) -> int:
    return -(-micros // MICROS)


async def told(message: Message, scope: Scope) -> None:
    """Before an answer is sent: what its key has left (draft-ietf-httpapi-ratelimit-headers)."""
    left: Left | None = scope.get("state", {}).get("left")
    if left is not None and message["type"] == "http.response.start":
        message["headers"] = [
            *message["headers"],
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (left.most, WINDOW)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (max(left.requests, 0), left.seconds)),
        ]
