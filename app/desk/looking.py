"""Whoever looks again and again for what is to do (phones, errands, automations, e-mails) outlives every failure of a look."""

from collections.abc import Awaitable, Callable

import structlog

from app.store import DatabaseProblem

log = structlog.get_logger()


async def keep_looking(who: str, look: Callable[[], Awaitable[int]], rest: Callable[[int], Awaitable[None]]) -> None:
    """Look and rest until cancelled; ``rest`` is told how much the look found to do.

    A look that fails is logged and has found nothing: the next one starts from the truth again. What keeps it waiting is
    said once: a database that is away for a night would fill the log.
    """
    known = ""
    while True:
        found = 0
        try:
            found = await look()
            known = ""
        except DatabaseProblem as problem:
            if (why := str(problem)) != known:
                log.warning("a look waits for the database", who=who, why=why)
            known = why
        except Exception:
            log.exception("a look failed", who=who)
        await rest(found)
