"""Who stands at the counter: people choose their name and type their PIN."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.status_codes import HTTP_204_NO_CONTENT

from app.desk import signing_in
from app.problems import NotACounter
from app.store import Member
from app.web.forms import Secret, filled_in, kept
from app.web.pages import HEADERS, counting_of, go, is_fragment
from app.web.sessions import AT_COUNTER, enrolled
from app.web.wire import Ask, bare, desk_of


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is, and their PIN."""

    staff_id: UUID
    pin: Secret


async def people_here(request: Ask) -> Sequence[Member]:
    """Who may work at this counter, by name: what counter_people.html calls ``people``. For handlers behind ``enrolled``."""
    counting = counting_of(request)
    if counting is None:
        raise NotACounter
    return await signing_in.people_at(desk_of(request), counting)


@post("/counter/person", guards=[enrolled])
async def person(request: Ask) -> Response[Any]:
    """Somebody takes the counter."""
    said = await filled_in(request, Person)
    counting = counting_of(request)
    if counting is None or counting.counter.kind != "staff":
        raise NotACounter
    member = await signing_in.take_the_counter(desk_of(request), counting, said.staff_id, said.pin)
    request.session[AT_COUNTER] = kept(desk_of(request), member)
    return bare(HTTP_204_NO_CONTENT, dict(HEADERS)) if is_fragment(request) else go("/counter")


@post("/counter/leave", guards=[enrolled])
async def leave(request: Ask) -> Response[Any]:
    """Nobody is at the counter; the next one says who they are."""
    request.session.pop(AT_COUNTER, None)
    return go("/counter")


handlers: Final = (person, leave)
