"""Passwords and PINs are kept as Argon2id hashes, made and compared in a thread: they are meant to take long."""

import hashlib
from typing import Final

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.world import World
from passes.guesses import folded

MEMORY: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
"""The least that OWASP's Password Storage Cheat Sheet advises for Argon2id: 19 MiB, two passes, one lane."""
AT_ONCE: Final = 1
"""Hashes made at one time in each line: each takes 19 MiB and a core for 35 ms, and the others can wait."""
NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$Wf6BwiZ/eKfngKH/q3wrrg$IZGML+B5c31TBGVOuqTXlDsgNkksiV6UxdB+Gnl7vus"
"""Compared with where there is nothing to compare with, so that nobody learns from the time that nobody is there."""

Line = RunVar[CapacityLimiter]
AT_THE_DOOR: Final[Line] = RunVar("at the door")
AT_COUNTER: Final[Line] = RunVar("at a counter")
"""Where hashes wait: however many strangers try passwords at the door, a PIN at a counter does not wait for them."""


def waiting(line: Line) -> int:
    """How many wait in a line."""
    return _limiter(line).statistics().tasks_waiting


async def hashed(world: World, secret: str) -> str:
    """What is kept of a password or PIN: Argon2id with a new salt, in PHC format."""
    salt = hashlib.sha256(world.token().encode()).digest()[:16]
    kdf = Argon2id(salt=salt, length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY)
    return await to_thread.run_sync(kdf.derive_phc_encoded, folded(secret).encode(), limiter=_limiter(AT_COUNTER))


async def fits(phc: str, secret: str, *, line: Line = AT_THE_DOOR) -> bool:
    """Whether this is the secret behind a hash. Takes as long with an empty one, which nothing fits."""
    same = await to_thread.run_sync(_same, phc or NOBODY, folded(secret).encode(), limiter=_limiter(line))
    return same and phc != ""


def _same(phc: str, secret: bytes) -> bool:
    try:
        Argon2id.verify_phc_encoded(secret, phc)
    except InvalidKey:
        return False
    return True


def _limiter(line: Line) -> CapacityLimiter:
    """One line for everybody in this loop."""
    try:
        return line.get()
    except LookupError:
        limiter = CapacityLimiter(AT_ONCE)
        line.set(limiter)
        return limiter
