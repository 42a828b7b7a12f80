"""What there is at a business for lines to name, and under which ids records stand here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from app.desk import Desk
from app.desk.exporting import counters
from app.desk.laying.laid import Refused, Wrong
from app.store import Record
from passes.businesses import Business, Location
from passes.offers import Offer
from passes.programs import Program
from passes.words import Text

T = TypeVar("T")


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who brings a file, where, and by which key: what the file does not say itself was done by them."""

    staff_id: UUID
    location_id: UUID
    counter_id: UUID


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What there is at this business for lines to name, by id, else by name."""

    business: Business
    by: By
    programs: Mapping[UUID, Program]
    offers: Mapping[UUID, Offer]
    locations: Mapping[UUID, Location]
    staff: Mapping[UUID, str]
    counters: Mapping[UUID, str]

    def program(self, id_: UUID | None, name: str) -> Program:
        """Raises Refused."""
        return _named(self.programs, id_, name, lambda one: one.name) or _no("program")

    def offer(self, id_: UUID | None, title: str) -> Offer:
        """Raises Refused."""
        return _named(self.offers, id_, title, lambda one: one.title) or _no("offer")

    def location_id(self, id_: UUID | None, name: str) -> UUID | None:
        """None if none is named. Raises Refused for one that is not here."""
        if id_ is None and not name:
            return None
        found = _named(self.locations, id_, name, lambda one: one.name) or _no("location")
        return found.id

    def staff_id(self, id_: UUID | None, name: str) -> UUID:
        """Who did it; whoever is not known here is taken to be who brings the file."""
        return _called(self.staff, id_, name) or self.by.staff_id

    def counter_id(self, id_: UUID | None, name: str) -> UUID:
        """Through which counter or key it was; one that is not here stays what the file says, or the one through which that came."""
        return _called(self.counters, id_, name) or id_ or self.by.counter_id


def _named(known: Mapping[UUID, T], id_: UUID | None, name: str, called: Callable[[T], str | Text]) -> T | None:
    if id_ in known:
        return known[id_]  # type: ignore[index]

    def fits(one: T) -> bool:
        said = called(one)
        return name in ([words for _, words in said.by] if isinstance(said, Text) else [said])

    return next((one for one in known.values() if name and fits(one)), None)


def _called(known: Mapping[UUID, str], id_: UUID | None, name: str) -> UUID | None:
    return id_ if id_ in known else next((one for one, called in known.items() if name and called == name), None)


def _no(word: Wrong) -> Any:
    raise Refused(word, word)


async def here(desk: Desk, business: Business, by: By) -> Here:
    """What there is now."""
    store = desk.store
    return Here(
        business=business,
        by=by,
        programs={one.id: one for one in await store.programs(business.id)},
        offers={one.id: one for one in await store.all_offers(business.id)},
        locations={one.id: one for one in await store.locations(business.id)},
        staff={one.id: one.name for one in await store.staff(business.id)},
        counters=await counters(desk, business),
    )


class Places(msgspec.Struct, frozen=True):
    """Under which ids records of one kind stand here, and which of them are there."""

    business_id: UUID
    owners: Mapping[UUID, UUID]

    def placed(self, id_: UUID) -> UUID:
        """The id itself; or, if it is a record of another business, one that is made from it."""
        return id_ if self.owners.get(id_, self.business_id) == self.business_id else uuid5(self.business_id, str(id_))

    def has(self, id_: UUID | None) -> bool:
        """Whether the record is there."""
        return id_ is not None and self.owners.get(self.placed(id_)) == self.business_id

    def named(self, id_: UUID | None, word: Wrong, column: str) -> UUID | None:
        """The id under which a record stands here that must be there, if one is named. Raises Refused."""
        if id_ is not None and not self.has(id_):
            raise Refused(word, column)
        return self.placed(id_) if id_ else None

    def perhaps(self, id_: UUID | None) -> UUID | None:
        """The id under which a record stands here, or would."""
        return self.placed(id_) if id_ else None


async def places(desk: Desk, business: Business, of: type[Record], ids: Sequence[UUID | None]) -> Places:
    """Where the records of one kind stand that lines name."""
    wanted = {one for one in ids if one is not None}
    owners = dict(await desk.store.whose(of, list(wanted)))
    made = [uuid5(business.id, str(one)) for one in wanted if owners.get(one, business.id) != business.id]
    return Places(business.id, owners | (dict(await desk.store.whose(of, made)) if made else {}))
