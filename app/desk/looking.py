"""Whoever looks again and again for what is to do (phones, errands, automations, e-mails) outlives every failure of a look."""

from collections.abc import Awaitable, Callable

import structlog

from app.store import DatabaseProblem

log = structlog.get_logger()


async def keep_looking(who: str, look: Callable[[], Awaitable[int]], rest: Callable[[int], Awaitable[None]]) -> None:
    """Look and rest until cancelled; ``rest`` is told how much the look found to do.

    A look that fails is logged and has found nothing: the next one starts from the truth again.
    """
    while True:
        found = 0
        try:
            found = await look()
        except DatabaseProblem as problem:
            log.warning("a look waits for the database", who=who, why=str(problem))
        except Exception:
            log.exception("a look failed", who=who)
        await rest(found)
