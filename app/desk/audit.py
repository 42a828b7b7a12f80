"""Who changed what: a line of the audit is recorded with the change itself."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from app.desk import Desk
from app.store import Audit, Revised, Row
from app.world import World
from passes.businesses import Business
from passes.campaigns import Campaign, Segment
from passes.cards import Customer
from passes.problems import ChangedMeanwhile
from passes.words import Text


async def revise(desk: Desk, staff_id: UUID, what: str, *pairs: tuple[Revised, Revised], rows: Sequence[Row] = ()) -> None:
    """Write things anew, with a line of the audit for each that differs (``offer.changed``). Raises ChangedMeanwhile and Duplicate."""
    lines = tuple(line(desk, staff_id, what, was, became) for was, became in pairs if was != became)
    if (lines or rows) and not await desk.store.revise([pair for pair in pairs if pair[0] != pair[1]], (*rows, *lines)):
        raise ChangedMeanwhile


async def exported(desk: Desk, business: Business, staff_id: UUID, what: str) -> None:
    """Somebody, or a key, begins to take out a file of what was recorded."""
    said = done(desk, staff_id, "business.exported", business, file=what)
    await desk.commit(said.at, rows=(said,))


def done(
    desk: Desk, staff_id: UUID, what: str, business: Business, *, of_id: UUID | None = None, name: str | None = None, **facts: object
) -> Audit:
    """A line of the audit about what is no change of a thing, with a few facts; of the business itself, if nothing else is named."""
    return Audit(
        id=desk.world.new_id(),
        business_id=business.id,
        at=desk.world.now(),
        staff_id=staff_id,
        what=what,
        of_id=of_id or business.id,
        name=business.name if name is None else name,
        became=msgspec.json.encode(facts).decode(),
    )


HIDDEN: Final = frozenset({"id", "business_id", "secret_hash"})
"""What of a thing is no business of whoever reads this."""


def line(desk: Desk, staff_id: UUID, what: str, was: msgspec.Struct | None, became: msgspec.Struct | None) -> Audit:
    """A line of the audit: the fields that differ, as they were and as they are; a thing that is new or gone has None.

    Of a customer only the names of the fields are kept, of rules not the text, and not what a segment or a campaign is called or says: who
    is forgotten must not live on here.
    """
    return line_of(desk.world, staff_id, what, was, became)


def line_of(world: World, staff_id: UUID, what: str, was: msgspec.Struct | None, became: msgspec.Struct | None) -> Audit:
    """The same, for the command line, which has no desk."""
    old, new = (msgspec.to_builtins(one) if one is not None else {} for one in (was, became))
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name) and name not in HIDDEN]
    thing = became if became is not None else was
    secret = isinstance(thing, Customer)

    called = isinstance(thing, Campaign | Segment)  # perhaps after a person, and a rule may be a person's name
    for values in (old, new):
        if rules := values.get("rules"):
            values["rules"] = {**rules, "text": "…" if rules["text"] else ""}
        if called and values:
            values["name"] = "…"
        if values.get("message"):
            values["message"] = "…"

    def kept(values: dict[str, object]) -> str:
        return msgspec.json.encode({name: "…" if secret else values[name] for name in differ if name in values}).decode()

    return Audit(
        id=world.new_id(),
        business_id=getattr(thing, "business_id", None) or thing.id,  # type: ignore[union-attr]
        at=world.now(),
        staff_id=staff_id,
        what=what,
        of_id=thing.id,  # type: ignore[union-attr]
        name="" if secret or called else _name(thing),
        was=kept(old),
        became=kept(new),
    )


def _name(thing: object) -> str:
    name = getattr(thing, "title", None) or getattr(thing, "name", "")
    return name.by[0][1] if isinstance(name, Text) else str(name)
