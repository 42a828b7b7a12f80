"""Programs, offers and locations over HTTP, as the business has made them; the oldest first, archived and closed ones too."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from app.desk import catalogue, read
from app.desk.catalogue import CatalogueOffer, LocationView, ProgramView
from app.desk.views import Look
from app.web.api import lists
from app.web.api.lists import After, Limit, answer, page_of, reading
from app.web.wire import Ask, caller_of, desk_of, language_of
from passes.problems import NotFound
from passes.words import N_

T = TypeVar("T")


def _look(request: Ask) -> Look:
    desk = desk_of(request)
    return desk.look(caller_of(request).business, language_of(request, desk.words), desk.world.now())


def _page(request: Ask, rows: Sequence[T], view: Callable[[T], msgspec.Struct], after: str, limit: int) -> Response[Any]:
    """Nothing of the catalogue is ever removed, so that a place in it is a number."""
    begin = lists.number_asked(request, after)
    some = list(enumerate(rows[begin : begin + limit + 1], begin + 1))
    return page_of(request, some, lambda one: view(one[1]), lambda one: one[0])


@get("/programs", **reading("read", "earn", answers=lists.page(ProgramView)))
async def programs(request: Ask, limit: Limit = lists.USUAL, after: After = "") -> Response[Any]:
    """The programs: how their cards earn, and towards what."""
    store, business = desk_of(request).store, caller_of(request).business
    offers = {one.id: one for one in await store.all_offers(business.id)}
    view = partial(catalogue.program, _look(request), offers=offers)
    return _page(request, await store.programs(business.id), view, after, limit)


@get("/programs/{program_id:uuid}", **reading("read", "earn", answers=ProgramView, refuses=(NotFound,)))
async def program(program_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A program."""
    store, business = desk_of(request).store, caller_of(request).business
    found = await store.program(business.id, program_id)
    if found is None:
        raise NotFound(what=N_("program"))
    offers = await store.offers(business.id, [goal.offer_id for goal in found.goals])
    return answer(request, catalogue.program(_look(request), found, offers))


@get("/offers", **reading("read", "redeem", "issue", answers=lists.page(CatalogueOffer)))
async def offers(request: Ask, limit: Limit = lists.USUAL, after: After = "") -> Response[Any]:
    """The offers: what is given, what staff do to give it, and when and where it may be."""
    found = await desk_of(request).store.all_offers(caller_of(request).business.id)
    return _page(request, found, partial(catalogue.offer, _look(request)), after, limit)


@get("/offers/{offer_id:uuid}", **reading("read", "redeem", "issue", answers=CatalogueOffer, refuses=(NotFound,)))
async def offer(offer_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """An offer."""
    found = await read.offer(desk_of(request), caller_of(request).business.id, offer_id)
    return answer(request, catalogue.offer(_look(request), found))


@get("/locations", **reading("read", "redeem", "earn", answers=lists.page(LocationView)))
async def locations(request: Ask, limit: Limit = lists.USUAL, after: After = "") -> Response[Any]:
    """The locations."""
    found = await desk_of(request).store.locations(caller_of(request).business.id)
    return _page(request, found, partial(catalogue.location, _look(request)), after, limit)


@get("/locations/{location_id:uuid}", **reading("read", "redeem", "earn", answers=LocationView, refuses=(NotFound,)))
async def location(location_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A location."""
    found = await read.location(desk_of(request), caller_of(request).business.id, location_id)
    return answer(request, catalogue.location(_look(request), found))


handlers = (programs, program, offers, offer, locations, location)
