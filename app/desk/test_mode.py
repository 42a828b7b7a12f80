"""Test mode: a twin of the business, with its programs, offers and locations again, in which every customer is made up."""

from typing import Final, TypeAlias
from uuid import UUID, uuid5

from msgspec.structs import replace

from app.desk.audit import line_of
from app.store import Duplicate, Store, Unit
from app.world import World
from passes.businesses import Business, Location
from passes.offers import Offer
from passes.problems import Busy
from passes.programs import Program

SetUp: TypeAlias = Business | Location | Offer | Program
ATTEMPTS: Final = 10
"""How often it is caught up with again after somebody else did the same."""


def twin_of(business_id: UUID) -> UUID:
    """The id of the twin of a business."""
    return uuid5(business_id, "test mode")


def again(twin_id: UUID, live_id: UUID) -> UUID:
    """The id that a location, a program or an offer of the live business has in its twin."""
    return uuid5(twin_id, str(live_id))


async def catch_up(store: Store, business_id: UUID) -> bool:
    """Make the twin what the live business is now; whether anything was to do. Raises Busy.

    Whatever makes a request of test mode asks for this first. So it is right whoever changed the business, and by which way: a page,
    a command, another process; and the business itself never writes anything for a test mode that nobody uses.
    """
    twin_id = twin_of(business_id)
    for _ in range(ATTEMPTS):
        set_up = await store.set_up((business_id, twin_id))
        there = {one.id: one for one in set_up}
        was = there.get(twin_id)
        codes = isinstance(was, Business) and was.imported  # of a till, brought into test mode alone
        wanted = [_twin(one, twin_id, imported=codes) for one in set_up if business_id in (one.id, getattr(one, "business_id", None))]
        pairs = [(known, one) for one in wanted if (known := there.get(one.id)) is not None and known != one]
        new = [one for one in wanted if one.id not in there]
        if not pairs and not new:
            return False
        try:
            if await store.revise(pairs, new):
                return True
        except Duplicate:
            continue  # another request of test mode was first
    raise Busy(retry_after=1)


async def forget(store: Store, world: World, business: Business, *, by: UUID) -> None:
    """Forget everybody who was made up, with all that they have and did. Programs, offers and keys stay."""
    twin_id, now = twin_of(business.id), world.now()
    await store.clear(twin_id)
    line = replace(line_of(world, by, "test_mode.forgotten", business, business), name="")
    await store.commit(Unit(at=now, due_at=now, rows=(line,)))


def _twin(one: SetUp, twin_id: UUID, *, imported: bool) -> SetUp:
    """The business itself, or something that it has set up, as its twin has it."""
    match one:
        case Business():
            return replace(one, id=twin_id, test_of=one.id, imported=one.imported or imported)
        case Location():
            return replace(one, id=again(twin_id, one.id), business_id=twin_id)
        case Offer():  # with codes of its own: those of the till belong to customers who are not made up
            places = tuple(again(twin_id, place) for place in one.locations)
            return replace(one, id=again(twin_id, one.id), business_id=twin_id, locations=places, source="minted")
        case Program():
            goals = tuple(replace(goal, offer_id=again(twin_id, goal.offer_id)) for goal in one.goals)
            welcome, birthday = (again(twin_id, gift) if gift is not None else None for gift in (one.welcome, one.birthday))
            return replace(one, id=again(twin_id, one.id), business_id=twin_id, goals=goals, welcome=welcome, birthday=birthday)
