"""The drawn images of a program, for wallets that fetch their own (Google): its logo and its strip of stamps."""

from uuid import UUID

from anyio.to_thread import run_sync

from app.desk import Desk
from passes import artwork
from passes.problems import NotFound
from passes.words import N_

STAMPS = "stamps-"


async def picture(desk: Desk, program_id: UUID, name: str) -> bytes:
    """A PNG by its name: ``logo.png`` or ``stamps-7.png``. Raises NotFound."""
    stem, dot, kind = name.partition(".")
    found = await desk.store.program_with_business(program_id)
    if found is None or kind != "png" or not dot:
        raise NotFound(what=N_("picture"))
    program, business = found
    if stem == "logo":
        return await run_sync(artwork.program_logo, business.brand)
    count = stem.removeprefix(STAMPS)
    if stem.startswith(STAMPS) and count.isascii() and count.isdigit() and len(count) < 8 and int(count) <= program.round:  # noqa: PLR2004
        goals = tuple(goal.at for goal in program.goals)
        return await run_sync(artwork.hero, business.brand, program.unit, goals, int(count))
    raise NotFound(what=N_("picture"))
