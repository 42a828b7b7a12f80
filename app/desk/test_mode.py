"""Test mode: a twin of the business, with its programs, offers and locations again, in which every customer is made up."""

from typing import Final
from uuid import UUID, uuid5

from msgspec.structs import replace

from app.store import Duplicate, Revised, Row, Store
from passes.businesses import Business
from passes.offers import Offer
from passes.problems import Busy
from passes.programs import Program

ATTEMPTS: Final = 10
"""How often it is caught up with again after somebody else did the same."""


def twin_of(business_id: UUID) -> UUID:
    """The id of the twin of a business."""
    return uuid5(business_id, "test mode")


def again(twin_id: UUID, live_id: UUID) -> UUID:
    """The id that a location, a program or an offer of the live business has in its twin."""
    return uuid5(twin_id, str(live_id))


async def catch_up(store: Store, business: Business) -> bool:
    """Make the twin what the live business is now; whether anything was to do. Raises Busy.

    Whatever makes a request of test mode asks for this first. So it is right whoever changed the business, and by which way: a page,
    a command, another process; and the business itself never writes anything for a test mode that nobody uses.
    """
    for _ in range(ATTEMPTS):
        wanted = await _twin(store, business)
        there = await _there(store, twin_of(business.id))
        pairs = [(was, one) for one in wanted if (was := there.get(one.id)) is not None and was != one]
        new: list[Row] = [one for one in wanted if one.id not in there]
        if not pairs and not new:
            return False
        try:
            if await store.revise(pairs, new):
                return True
        except Duplicate:
            continue  # another request of test mode was first
    raise Busy(retry_after=1)


async def _twin(store: Store, live: Business) -> list[Revised]:
    """The business, its locations, offers and programs as the twin has them."""
    twin_id = twin_of(live.id)

    def own(offer_id: UUID | None) -> UUID | None:
        return again(twin_id, offer_id) if offer_id is not None else None

    def offer(one: Offer) -> Offer:
        """With codes of its own: those of the till belong to customers who are not made up."""
        places = tuple(again(twin_id, place) for place in one.locations)
        return replace(one, id=again(twin_id, one.id), business_id=twin_id, locations=places, source="minted")

    def program(one: Program) -> Program:
        goals = tuple(replace(goal, offer_id=again(twin_id, goal.offer_id)) for goal in one.goals)
        birthday, welcome = own(one.birthday), own(one.welcome)
        return replace(one, id=again(twin_id, one.id), business_id=twin_id, goals=goals, welcome=welcome, birthday=birthday)

    return [
        replace(live, id=twin_id, test_of=live.id),
        *(replace(one, id=again(twin_id, one.id), business_id=twin_id) for one in await store.locations(live.id)),
        *(offer(one) for one in await store.all_offers(live.id)),
        *(program(one) for one in await store.programs(live.id)),
    ]


async def _there(store: Store, twin_id: UUID) -> dict[UUID, Revised]:
    """What there is of the twin already, by id."""
    twin = await store.business(twin_id)
    if twin is None:
        return {}
    things: list[Revised] = [twin, *await store.locations(twin_id), *await store.all_offers(twin_id), *await store.programs(twin_id)]
    return {one.id: one for one in things}
