"""How often: what an offer's limits count; what one member of staff may do, with a reason, and on one day as often as the business says."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk
from app.store import Caller, Tally
from passes.businesses import MANAGERS, Business
from passes.coupons import Coupon
from passes.offers import Offer
from passes.problems import LimitReached, NotAllowed, ReasonNeeded
from passes.words import N_

Limited = Literal["redemptions", "stamps", "corrections", "goodwill", "compensations"]
"""The fields of passes.businesses.Limits."""


def of_offer(offer: Offer, coupon: Coupon, *, by: Literal[1, 0, -1], always: bool = False) -> tuple[Tally, ...]:
    """The counts that an offer's limits need, both if it has either; an offer without limits costs nothing here, but ``always``.

    Held for a basket counts one more, and so does redeemed; 0 says that it is counted already.
    """
    if not (offer.limited or always):
        return ()
    in_all = Tally(business_id=offer.business_id, key=f"offer:{offer.id}", by=by, most=offer.most if by > 0 else None)
    if coupon.customer_id is None:
        return (in_all,)
    return (in_all, replace(in_all, key=f"{in_all.key}:{coupon.customer_id}", most=offer.most_each if by > 0 else None))


def managing(caller: Caller) -> Caller:
    """Who asks, if it is a manager, and nobody at a kiosk; whatever the scopes of a key that works for a person. Raises NotAllowed."""
    if caller.person.role not in MANAGERS or caller.person.kiosk:
        raise NotAllowed
    return caller


def explained(caller: Caller, reason: str) -> str:
    """Why a manager does it: nobody below one may, and nobody without a reason. Raises NotAllowed, ReasonNeeded."""
    managing(caller)
    if not (why := reason.strip()):
        raise ReasonNeeded
    return why


async def within(desk: Desk, caller: Caller, kind: Limited, now: datetime) -> tuple[Tally, ...]:
    """The tally for the unit that does it once more. Raises LimitReached for who has done it as often today as one may."""
    tallies = tally(caller, kind, now)
    for one in tallies:
        if one.most is not None and await done(desk, caller, kind, now) >= one.most:
            raise LimitReached(of=N_("staff member"), most=one.most)
    return tallies


def tally(caller: Caller, kind: Limited, now: datetime) -> tuple[Tally, ...]:
    """What counts one more in the unit that makes it true; nothing for a machine, or where the business sets no limit.

    What is taken back later counts all the same: a limit is on what is done, and doing and undoing all day long is what it is for.
    """
    most, person = getattr(caller.business.limits, kind), caller.person
    if most is None or person.machine:
        return ()
    return (Tally(business_id=caller.business.id, key=_key(caller.business, person.staff_id, kind, now), by=1, most=most),)


async def done(desk: Desk, caller: Caller, kind: Limited, now: datetime) -> int:
    """How often this person has done it today; 0, without asking, where nothing limits it."""
    tallies = tally(caller, kind, now)
    return await desk.store.tallied(caller.business.id, tallies[0].key) if tallies else 0


def _key(business: Business, staff_id: UUID, kind: Limited, now: datetime) -> str:
    return f"staff:{staff_id}:{kind}:{now.astimezone(business.tz).date()}"
