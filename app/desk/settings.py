"""What an owner decides about the business itself, and where it is: each change is in the audit."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit, designs, enrolment, read
from app.store import Errand, Member
from passes.businesses import Business, Location
from passes.offers import AmountOff, Offer
from passes.programs import BySpend, Program

ON_CARDS: Final = ("name", "zone", "languages", "contact")
"""What a card shows of its business, besides the brand."""


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """What another time zone or currency would change the meaning of."""

    zone: bool
    currency: bool
    coupons: int
    """Coupons that are out: their last second stays, and is another time of the day in the new zone."""
    programs: Sequence[Program]
    """Those that count amounts, which are kept as numbers."""
    offers: Sequence[Offer]
    """Those that take an amount off, in the currency that they were made in."""

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return self.zone or self.currency


async def touched(desk: Desk, was: Business, became: Business) -> Touched:
    """What a change of these would touch."""
    zone, currency = was.zone != became.zone, was.currency != became.currency
    now = desk.world.now()
    active = await desk.store.active_coupons(was.id, now=now, expired_since=now) if zone else (0, 0)
    programs = [one for one in await desk.store.programs(was.id) if isinstance(one.earning, BySpend)] if currency else []
    offers = [one for one in await desk.store.all_offers(was.id) if isinstance(one.benefit, AmountOff)] if currency else []
    return Touched(zone=zone, currency=currency, coupons=active[0], programs=programs, offers=offers)


async def change(desk: Desk, member: Member, **changes: object) -> Business:
    """Other settings; where a card shows them, it is drawn again. Raises ChangedMeanwhile."""
    was, became = member.business, replace(member.business, **changes)
    redraw = await _redrawing(desk, member) if any(getattr(was, field) != getattr(became, field) for field in ON_CARDS) else None
    await audit.revise(desk, member.staff.id, "business.changed", (was, became), rows=(redraw,) if redraw else ())
    await designs.instead_of_older(desk, redraw)
    return became


async def _redrawing(desk: Desk, member: Member) -> Errand | None:
    """What brings a change to all cards, to be committed with it: whoever falls in between leaves neither, or both."""
    programs = await desk.store.programs(member.business.id)
    return await designs.redrawing(desk, member.business.id, [one.id for one in programs], member.staff.id)


# --- Locations ---


async def add_location(desk: Desk, member: Member, **said: object) -> Location:
    """A new branch."""
    place = Location(id=desk.world.new_id(), business_id=member.business.id, **said)  # type: ignore[arg-type] # the form's fields
    redraw = await _redrawing(desk, member) if place.latitude is not None else None
    line = audit.line(desk, member.staff.id, "location.made", None, place)
    await desk.commit(desk.world.now(), rows=(place, line, redraw) if redraw else (place, line))
    await designs.instead_of_older(desk, redraw)
    return place


async def change_location(desk: Desk, member: Member, location_id: UUID, **changes: object) -> Location:
    """Another name, address or place on the map. Raises NotFound, ChangedMeanwhile."""
    was = await read.location(desk, member.business.id, location_id)
    became = replace(was, **changes)
    moved = (was.latitude, was.longitude, was.closed) != (became.latitude, became.longitude, became.closed)
    redraw = await _redrawing(desk, member) if moved else None
    await audit.revise(desk, member.staff.id, "location.changed", (was, became), rows=(redraw,) if redraw else ())
    await designs.instead_of_older(desk, redraw)
    return became


async def close_location(desk: Desk, member: Member, location_id: UUID) -> Location:
    """No counter works there any more: those that are there are revoked; its keys wait until it is open again.

    Raises NotFound, ChangedMeanwhile.
    """
    closed = await change_location(desk, member, location_id, closed=True)
    for counter in await desk.store.counters(member.business.id):
        if counter.location_id == location_id and counter.revoked_at is None:
            await enrolment.revoke(desk, member.business.id, counter.id, by=member.staff.id)
    return closed
