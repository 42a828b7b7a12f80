"""How far an errand has come: the next of its portions, to be recorded in the unit that makes it true."""

from datetime import datetime

from app.desk import Desk
from app.store import Errand, Portion


def following(
    desk: Desk, errand: Errand, last: Portion | None, now: datetime, *, done: int, failed: int = 0, after: str = "", more: bool = False
) -> Portion:
    """The portion after the ``last`` one, if there was one; ``done`` and ``failed`` are this portion's own.

    ``after`` is where the one after it begins, if there are ``more``.
    """
    return Portion(
        id=desk.world.new_id(),
        business_id=errand.business_id,
        errand_id=errand.id,
        number=last.number + 1 if last else 0,
        after=after,
        done=(last.done if last else 0) + done,
        failed=(last.failed if last else 0) + failed,
        last=not more,
        at=now,
    )
