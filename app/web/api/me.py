"""Whom the API takes the caller for: the key, what it may do, and where it works."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get

from app.store import SCOPES, Scope
from app.web.api import lists
from app.web.wire import Ask, caller_of
from passes.businesses import Role


class OfBusiness(msgspec.Struct, frozen=True, kw_only=True):
    """The business that a key works for; its times and its money are said so."""

    id: UUID
    name: str
    zone: str
    currency: str
    languages: tuple[str, ...]


class AtLocation(msgspec.Struct, frozen=True, kw_only=True):
    """The location that a key works at."""

    id: UUID
    name: str


class WorksAs(msgspec.Struct, frozen=True, kw_only=True):
    """In whose name a key works: a person's, or its own."""

    id: UUID
    name: str
    role: Role
    person: bool


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """A key. ``test``: whatever it does is in test mode, with ids of its own. ``per_minute``: so many requests it may make in a minute."""

    id: UUID
    name: str
    test: bool
    scopes: tuple[Scope, ...]
    per_minute: int
    business: OfBusiness
    location: AtLocation
    staff: WorksAs


@get("/me", **lists.reading(answers=Me))
async def me(request: Ask) -> Response[Any]:
    """The key that this request is made with, what it may do, and where it works."""
    caller = caller_of(request)
    person, business = caller.person, caller.business
    view = Me(
        id=person.counter_id,
        name=caller.key,
        test=business.test_of is not None,
        scopes=tuple(one for one in SCOPES if one in caller.scopes),
        per_minute=caller.per_minute,
        business=OfBusiness(
            id=business.id, name=business.name, zone=business.zone, currency=business.currency, languages=business.languages
        ),
        location=AtLocation(id=person.location_id, name=person.location),
        staff=WorksAs(id=person.staff_id, name=person.staff, role=person.role, person=not person.machine),
    )
    return lists.answer(request, view)


handlers = (me,)
