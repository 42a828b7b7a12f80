"""Test mode: a twin of the business, with its programs, offers and locations again, in which every customer is made up."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TypeAlias
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from app.desk import Desk, changing, designs
from app.desk.audit import line_of
from app.store import Duplicate, Errand, Store, Unit
from app.world import World
from passes.businesses import Business, Location
from passes.offers import Offer
from passes.problems import Busy, StillReaching
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


async def begin(store: Store, business_id: UUID) -> None:
    """The twin has whatever the live business has, so that a key can be made for it; what differs is for its first request."""
    _, new, _ = await _behind(store, business_id)
    if new:
        with suppress(Duplicate):  # another one was first
            await store.revise((), new)


async def catch_up(desk: Desk, twin: Business) -> bool:
    """Make a twin what the live business is now; whether it was anything else, for somebody who had read this of it. Raises Busy.

    Whatever makes a request of test mode asks for this first. So it is right whoever changed the business, and by which way: a page,
    a command, another process; and the business itself never writes anything for a test mode that nobody uses. What a change brings
    to the cards and coupons of the live business it brings to those of test mode, by an errand as there.
    """
    business_id = twin.test_of or twin.id
    for _ in range(ATTEMPTS):
        pairs, new, is_now = await _behind(desk.store, business_id)
        if not pairs and not new:
            return is_now != twin
        brought = await _brought(desk, business_id, pairs)
        try:
            if await desk.store.revise(pairs, (*new, *brought)):
                for errand in brought:
                    await designs.instead_of_older(desk, errand)
                return True
        except Duplicate:
            continue  # another request of test mode was first
    raise Busy(retry_after=1)


async def _behind(store: Store, business_id: UUID) -> tuple[list[tuple[SetUp, SetUp]], list[SetUp], SetUp | None]:
    """What of the twin differs from the live business, what of that it has not, and the twin itself, if there is one."""
    twin_id = twin_of(business_id)
    set_up = await store.set_up((business_id, twin_id))
    there = {one.id: one for one in set_up}
    was = there.get(twin_id)
    codes = isinstance(was, Business) and was.imported  # of a till, brought into test mode alone
    wanted = [_twin(one, twin_id, imported=codes) for one in set_up if business_id in (one.id, getattr(one, "business_id", None))]
    pairs = [(known, one) for one in wanted if (known := there.get(one.id)) is not None and known != one]
    return pairs, [one for one in wanted if one.id not in there], was


async def _brought(desk: Desk, business_id: UUID, pairs: Sequence[tuple[SetUp, SetUp]]) -> list[Errand]:
    """What brings these changes to the cards and coupons of test mode, as what brings them to the live ones says."""
    if not pairs:
        return []
    store, twin_id, now = desk.store, twin_of(business_id), desk.world.now()
    live = [(one, msgspec.json.decode(one.body, type=changing.About)) for one, _ in await store.errands(business_id, kind="change")]
    brought = []
    for was, became in pairs:
        if isinstance(was, Program) and isinstance(became, Program) and was.goals != became.goals:
            same = ((one, about) for one, about in live if isinstance(about, changing.Goals) and again(twin_id, about.program_id) == was.id)
            one, about = next(same, (None, None))
            try:
                await changing.settled(desk, twin_id, [was.id])
            except StillReaching:
                continue  # the one before brings its cards to these goals
            keep = about.keep if about else True
            goals = changing.Goals(program_id=was.id, was=was.goals, keep=keep, tick=await store.tick())
            total = sum((await store.balances(twin_id, was.id)).values())
            brought.append(changing.errand(desk, twin_id, one.made_by if one else changing.NOBODY, goals, total=total))
        elif isinstance(was, Offer) and isinstance(became, Offer) and was.validity != became.validity:
            for one, about in live:  # where the coupons that are out keep their ends, there is none
                if isinstance(about, changing.Expiry) and (again(twin_id, about.offer_id), about.was) == (was.id, was.validity):
                    coupons, _ = (await store.outstanding(twin_id, now=now)).get(was.id, (0, 0))
                    ends = changing.Expiry(offer_id=was.id, was=was.validity)
                    brought.append(changing.errand(desk, twin_id, one.made_by, ends, total=coupons))
                    break
    brought.append(await designs.redrawing(desk, twin_id, [one.id for one in await store.programs(twin_id)], changing.NOBODY))
    return [one for one in brought if one]


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
