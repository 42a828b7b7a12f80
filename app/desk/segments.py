"""Segments: rules under a name, so that the same customers can be meant again."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk, audit, read
from app.store import Member
from passes.campaigns import Rules, Segment
from passes.problems import NotFound
from passes.words import N_


async def all_of(desk: Desk, business_id: UUID) -> Sequence[Segment]:
    """A business's segments by name."""
    return sorted(await desk.store.segments(business_id), key=lambda one: (one.name.casefold(), one.id))


async def segment(desk: Desk, business_id: UUID, segment_id: UUID) -> Segment:
    """One of them. Raises NotFound."""
    found = next((one for one in await desk.store.segments(business_id) if one.id == segment_id), None)
    if found is None:
        raise NotFound(what=N_("segment"))
    return found


async def check(desk: Desk, business_id: UUID, rules: Rules) -> Rules:
    """The same rules. Raises NotFound for a program or a location that is not this business's."""
    if rules.program_id is not None and await desk.store.program(business_id, rules.program_id) is None:
        raise NotFound(what=N_("program"))
    if rules.location_id is not None:
        await read.location(desk, business_id, rules.location_id)
    return rules


async def remove(desk: Desk, actor: Member, segment_id: UUID) -> None:
    """Forget rules that had a name; whatever was made of them has its own copy. Raises NotFound."""
    one = await segment(desk, actor.business.id, segment_id)
    line = audit.line(desk, actor.staff.id, "segment.removed", one, None)
    if not await desk.store.remove_segment(actor.business.id, one.id, (line,)):
        raise NotFound(what=N_("segment"))


async def save(desk: Desk, actor: Member, name: str, rules: Rules) -> Segment:
    """Keep rules under a name; who has that name already means these from now on. Raises ChangedMeanwhile."""
    was = next((one for one in await desk.store.segments(actor.business.id) if one.name.casefold() == name.strip().casefold()), None)
    if was is not None:
        became = replace(was, rules=rules)
        await audit.revise(desk, actor.staff.id, "segment.changed", (was, became))
        return became
    made = Segment(id=desk.world.new_id(), business_id=actor.business.id, name=name.strip(), rules=rules)
    await desk.commit(desk.world.now(), rows=(made, audit.line(desk, actor.staff.id, "segment.made", None, made)))
    return made
