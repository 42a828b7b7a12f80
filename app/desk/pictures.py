"""Pictures: those that a business brought, and those that are drawn of a program for wallets that fetch their own (Google)."""

import hashlib
from collections import OrderedDict
from typing import Final
from uuid import UUID

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from app.desk import Desk
from app.store import Picture
from passes import artwork
from passes.artwork import Art
from passes.businesses import Brand
from passes.designs import dressed
from passes.pictures import fit
from passes.problems import NotFound
from passes.words import N_

STAMPS: Final = "stamps-"
BAR: Final = "bar-"
KEPT: Final = 32 * 1024 * 1024
"""Bytes of brought pictures that are kept in memory: a card needs up to four of them each time that it is drawn."""


class _Kept:
    """What was read lately, the oldest forgotten first. A picture never changes, so nothing of it is ever wrong."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()

    def get(self, digest: str) -> Picture | None:
        found = self._pictures.get(digest)
        if found is not None:
            self._pictures.move_to_end(digest)
        return found

    def put(self, picture: Picture) -> None:
        if picture.digest in self._pictures:
            return
        self._pictures[picture.digest] = picture
        self._size += len(picture.content)
        while self._size > self._most and len(self._pictures) > 1:
            _, oldest = self._pictures.popitem(last=False)
            self._size -= len(oldest.content)


_KEPT: Final = _Kept(KEPT)


async def bring(desk: Desk, business_id: UUID, data: bytes, *, limiter: CapacityLimiter | None = None) -> Picture:
    """Take a picture that somebody brought: checked, made fit (passes.pictures.fit) and kept under the hash of what it became.

    Raises UnusablePicture.
    """
    kind, content = await run_sync(fit, data, limiter=limiter)
    digest = hashlib.sha256(content).hexdigest()
    known = await desk.store.picture(digest)
    if known is not None:
        return known
    now = desk.world.now()
    picture = Picture(id=desk.world.new_id(), business_id=business_id, digest=digest, kind=kind, content=content, at=now)
    await desk.commit(now, rows=(picture,))
    return picture


async def brought(desk: Desk, digest: str) -> Picture:
    """A picture by its digest. Raises NotFound."""
    found = _KEPT.get(digest) or await desk.store.picture(digest)
    if found is None:
        raise NotFound(what=N_("picture"))
    _KEPT.put(found)
    return found


async def art(desk: Desk, brand: Brand) -> Art:
    """The bytes of a (dressed) brand's own pictures; one that is gone is drawn instead."""

    async def content(digest: str) -> bytes:
        try:
            return (await brought(desk, digest)).content if digest else b""
        except NotFound:
            return b""

    if not (brand.logo or brand.strip or brand.stamp or brand.place):
        return artwork.DRAWN
    return Art(*[await content(digest) for digest in (brand.logo, brand.strip, brand.stamp, brand.place)])


async def picture(desk: Desk, program_id: UUID, name: str, *, limiter: CapacityLimiter | None = None) -> bytes:
    """A PNG of a program by its name: ``logo.png``, ``stamps-7.png``, or ``bar-20.png`` (steps of a bar). Raises NotFound.

    Only what a card of this program can show is drawn: stamps or a bar.
    """
    stem, dot, kind = name.partition(".")
    found = await desk.store.program_with_business(program_id)
    if found is None or kind != "png" or not dot:
        raise NotFound(what=N_("picture"))
    program, business = found
    brand = dressed(business.brand, program.design)
    own = await art(desk, brand)
    if stem == "logo":
        return await run_sync(artwork.program_logo, brand, own, limiter=limiter)
    goals = tuple(goal.at for goal in program.goals)
    whole = artwork.progress(program.unit, goals, 0)
    count = _count(stem, STAMPS, program.round) if whole.stamps else None
    steps = None if whole.stamps else _count(stem, BAR, artwork.STEPS)
    if count is not None:
        return await run_sync(artwork.hero, brand, artwork.progress(program.unit, goals, count), own, limiter=limiter)
    if steps is not None:
        bar = artwork.Progress(steps, whole.places, whole.goals, stamps=False)
        return await run_sync(artwork.hero, brand, bar, own, limiter=limiter)
    raise NotFound(what=N_("picture"))


def _count(stem: str, head: str, most: int) -> int | None:
    count = stem.removeprefix(head)
    fine = stem.startswith(head) and count.isascii() and count.isdigit() and len(count) < 8 and int(count) <= most  # noqa: PLR2004
    return int(count) if fine else None
