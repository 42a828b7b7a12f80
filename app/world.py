"""The world: the clock, new ids, randomness and the one way out. All that differs by the second or by the machine."""

import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from passes.wallets.base import Http

_LOW: Final = 2**62 - 1
_BITS: Final = 74
_STEP: Final = 2**32 - 1
_WIDTH: Final = 10
_AT_ONCE: Final = 256
_drawn: list[int] = []
"""Random numbers of 80 bits that nobody has taken yet: each visit to the kernel lets go of the interpreter, and costs more than the id."""
_latest = [0]
"""Milliseconds, and 74 random bits, of the id that was made last."""
os.register_at_fork(after_in_child=_drawn.clear)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a story may ask of the world. Tests pass another clock; nothing else ever calls the real one."""

    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    pick: Callable[[str], str]
    token: Callable[[], str]
    uniform: Callable[[], float]
    http: Http


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562): ids made later sort later, which keeps indexes and pages in order.

    Those of one process do so also within a millisecond, and while the clock is set back: then it is a random step beyond the last one
    (section 6.2, method 2).
    """
    random = _random()
    drawn = time.time_ns() // 1_000_000 << _BITS | random >> 6
    _latest[0] = latest = max(drawn, _latest[0] + 1 + (random & _STEP))
    return UUID(int=(latest >> _BITS << 80) | (0x7 << 76) | (latest >> 62 & 0xFFF) << 64 | (0b10 << 62) | (latest & _LOW))


def _random() -> int:
    try:
        return _drawn.pop()
    except IndexError:
        drawn = os.urandom(_WIDTH * _AT_ONCE)
        _drawn.extend([int.from_bytes(drawn[at : at + _WIDTH], "big") for at in range(_WIDTH, len(drawn), _WIDTH)])
        return int.from_bytes(drawn[:_WIDTH], "big")


def token() -> str:
    """160 random bits, URL-safe: for what must not be guessed."""
    return secrets.token_urlsafe(20)


def real(http: Http) -> World:
    """The world as it is."""
    return World(now=now, new_id=new_id, pick=secrets.choice, token=token, uniform=secrets.SystemRandom().random, http=http)
