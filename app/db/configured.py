"""What a business has set up, written anew as a whole, and who changed it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.db import tables
from app.db.conversing import Conversing, Key, just, with_rows
from app.db.history import Query
from app.db.shapes import (
    AUDIT,
    BUSINESS,
    CAMPAIGN,
    INSERT,
    LOCATION,
    OFFER,
    PICTURE,
    PROGRAM,
    ROWS,
    SEGMENT,
    STAFF,
    Shape,
    as_id,
    checked,
)
from app.db.statements import Ask, Talk
from app.db.unit import OF_OFFER, Ready
from app.store import (
    Audit,
    Insert,
    Lost,
    Picture,
    Place,
    Revised,
    Row,
    Staff,
)
from passes.businesses import Business, Location
from passes.campaigns import Campaign, Segment
from passes.offers import Offer
from passes.programs import Program


class Configured(Conversing):
    """See app.store.Store."""

    async def program(self, business_id: UUID, program_id: UUID) -> Program | None:
        """See app.store.Store."""
        table = tables.Program
        return await self._one(PROGRAM, table.select().where((table.id == program_id) & (table.business_id == business_id)))

    async def program_with_business(self, program_id: UUID) -> tuple[Program, Business] | None:
        """See app.store.Store."""
        program = await self._one(PROGRAM, tables.Program.select().where(tables.Program.id == program_id))
        if program is None:
            return None
        business = await self._one(BUSINESS, tables.Business.select().where(tables.Business.id == program.business_id))
        return (program, business) if business is not None else None

    async def programs(self, business_id: UUID) -> Sequence[Program]:
        """See app.store.Store."""
        return await self._of_business(PROGRAM, business_id)

    async def offers(self, business_id: UUID, offer_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """See app.store.Store."""
        found = {as_id(row[0]): OFFER.read(row[1:]) for row in await self._read(just(Ask(self._say.offers, (list(offer_ids),))))}
        return {offer_id: offer for offer_id, offer in found.items() if offer.business_id == business_id}

    async def businesses(self) -> Sequence[Business]:
        """See app.store.Store."""
        return [one for one in await self._all(BUSINESS, tables.Business.select().order_by(tables.Business.created)) if not one.test_of]

    async def business(self, business_id: UUID) -> Business | None:
        """See app.store.Store."""
        return await self._one(BUSINESS, tables.Business.select().where(tables.Business.id == business_id))

    async def set_up(self, business_ids: Sequence[UUID]) -> Sequence[Business | Location | Offer | Program]:
        """See app.store.Store."""
        return await self._read(self._set_up(business_ids))

    def _set_up(self, business_ids: Sequence[UUID]) -> Talk[Sequence[Business | Location | Offer | Program]]:
        found: list[Business | Location | Offer | Program] = []
        for shape in (BUSINESS, LOCATION, OFFER, PROGRAM):
            query, whose = Query(self._dialect), "id" if shape is BUSINESS else "business_id"
            text = f"SELECT {shape.select('t')} FROM {shape.name} AS t WHERE t.{whose} {query.listed(business_ids)} ORDER BY t.created"  # noqa: S608 (columns of ours)
            found += [shape.read(row) for row in (yield query.ask(text))]
        return found

    async def staff(self, business_id: UUID) -> Sequence[Staff]:
        """See app.store.Store."""
        return await self._of_business(STAFF, business_id)

    async def locations(self, business_id: UUID) -> Sequence[Location]:
        """See app.store.Store."""
        return await self._of_business(LOCATION, business_id)

    async def all_offers(self, business_id: UUID) -> Sequence[Offer]:
        """See app.store.Store."""
        return await self._of_business(OFFER, business_id)

    async def campaigns(self, business_id: UUID) -> Sequence[Campaign]:
        """See app.store.Store."""
        return await self._of_business(CAMPAIGN, business_id)

    async def segments(self, business_id: UUID) -> Sequence[Segment]:
        """See app.store.Store."""
        return await self._of_business(SEGMENT, business_id)

    async def remove_segment(self, business_id: UUID, segment_id: UUID, rows: Sequence[Row]) -> bool:
        """See app.store.Store."""
        return await self._write(self._remove((segment_id, business_id), with_rows(rows)))

    def _remove(self, values: Key, unit: Ready) -> Talk[bool]:
        if not (yield Ask(self._say.remove_segment, values)):
            return False
        yield from self._recorded(unit)
        return True

    async def picture(self, digest: str) -> Picture | None:
        """See app.store.Store."""
        return await self._one(PICTURE, tables.Picture.select().where(tables.Picture.digest == checked(digest)))

    async def insert(self, secret_hash: bytes) -> tuple[Insert, bool] | None:
        """See app.store.Store."""
        found = await self._read(just(Ask(self._say.opened, (secret_hash,))))
        return next(((INSERT.read(row), row[-1] is not None) for row in found), None)

    async def tallied(self, business_id: UUID, key: str) -> int:
        """See app.store.Store."""
        return next((int(row[0]) for row in await self._read(just(Ask(self._say.tallied, (business_id, checked(key)))))), 0)

    async def audited(
        self,
        business_id: UUID,
        *,
        staff_id: UUID | None = None,
        what: str = "",
        of_id: UUID | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Audit]:
        """See app.store.Store."""
        query = Query(self._dialect)
        conditions = [f"a.business_id = {query.given(business_id)}"]
        conditions += [
            f"a.{name} = {query.given(value)}" for name, value in (("staff_id", staff_id), ("of_id", of_id)) if value is not None
        ]
        if what:
            conditions.append(f"substr(a.what, 1, {len(what)}) = {query.given(checked(what))}")
        if after is not None:
            conditions.append(f"(a.at, a.id) < ({query.given(checked(after.at))}, {query.given(after.id)})")
        text = f"SELECT {AUDIT.select('a')} FROM audit AS a WHERE {' AND '.join(conditions)}"  # noqa: S608 (columns of ours)
        ask = query.ask(f"{text} ORDER BY a.at DESC, a.id DESC LIMIT {query.given(limit)}")
        return [AUDIT.read(row) for row in await self._read(just(ask), heavy=True)]

    async def revise(self, pairs: Sequence[tuple[Revised, Revised]], rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store. Raises ValueError for a pair of two different things."""
        for was, became in pairs:
            if type(was) is not type(became) or was.id != became.id or _owner(was) != _owner(became):
                raise ValueError("a thing is written anew, not put in the place of another")
        anew = [(ROWS[type(was)], was, ROWS[type(was)].row(became)) for was, became in pairs]
        anew.sort(key=lambda one: (one[0].name, one[1].id))  # the order in which everybody holds them
        try:
            await self._write(self._revise(anew, with_rows(rows)))
        except Lost:
            return False
        return True

    def _revise(self, anew: Sequence[tuple[Shape[Any], Revised, Key]], unit: Ready) -> Talk[None]:
        limited = [was for _, was, values in anew if isinstance(was, Offer) and _gets_a_limit(was, OFFER.read(values[-1:]))]
        for offer in limited:
            yield Ask(self._dialect.alone, (str(offer.id),))
        for shape, was, values in anew:
            now = yield Ask(self._say.held(shape), (was.id,))
            if not now or shape.read(now[0]) != was:
                raise Lost
            yield Ask(self._say.rewritten(shape), values)
        for offer in limited:
            key = f"{OF_OFFER}{offer.id}"
            for text, values in zip(self._say.recount, ((key,), (key, offer.id), (key, offer.id)), strict=True):
                yield Ask(text, (offer.business_id, *values))
        yield from self._recorded(unit)


def _gets_a_limit(was: Offer, became: Offer) -> bool:
    """Whether an offer has a limit that it had not. While it has any, what either would count is counted (app.desk.limits.of_offer)."""
    limits = ((was.most, became.most), (was.most_each, became.most_each))
    return any(old is None and new is not None for old, new in limits)


def _owner(thing: Revised) -> UUID:
    return thing.id if isinstance(thing, Business) else thing.business_id
