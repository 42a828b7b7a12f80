"""Where the business is: its branches, each with an address and a place on the map."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.desk import read
from app.desk import settings as deciding
from app.web.forms import Line, Name, Wrong, filled_in, wrong
from app.web.pages import HEADERS, go, render
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.words import N_

HERE: Final = {"Permissions-Policy": HEADERS["Permissions-Policy"].replace("geolocation=()", "geolocation=(self)")}
"""On this page alone the browser may be asked where it is."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a location; the place on the map is in degrees."""

    name: Name
    address: Line = ""
    latitude: Line = ""
    longitude: Line = ""


async def _locations(request: Ask, *, wrong: Wrong | None = None, which: UUID | None = None) -> Response[str]:
    store, business = desk_of(request).store, me(request).business
    counters = [one.location_id for one in await store.counters(business.id) if one.revoked_at is None]
    places = sorted(await store.locations(business.id), key=lambda place: place.closed)
    facts: dict[str, Any] = {"places": places, "counters": {place.id: counters.count(place.id) for place in places}, "which": which}
    return render(request, "locations.html", headers=HERE, wrong=wrong, programs=await store.programs(business.id), **facts)


def _degrees(typed: str, most: int) -> float | None:
    """Degrees as people type them, or None for an empty field. Raises ValueError."""
    if not typed.strip():
        return None
    degrees = float(typed.strip().replace(",", "."))
    if not -most <= degrees <= most:
        raise ValueError(typed)
    return degrees


async def _said(request: Ask) -> dict[str, Any]:
    said = await filled_in(request, Place)
    degrees: dict[str, float | None] = {}
    against = {}
    for field, typed, most in (("latitude", said.latitude, 90), ("longitude", said.longitude, 180)):
        try:
            degrees[field] = _degrees(typed, most)
        except ValueError:
            against[field] = N_("Degrees, such as 10.7769.")
    if not against and (degrees["latitude"] is None) != (degrees["longitude"] is None):
        against["latitude" if degrees["latitude"] is None else "longitude"] = N_("Both numbers, or neither.")
    if against:
        raise await wrong(request, against)
    return {"name": said.name.strip(), "address": said.address.strip(), **degrees}


@get("/locations", guards=[owners])
async def locations(request: Ask) -> Response[str]:
    """The locations of the business."""
    return await _locations(request)


@post("/locations", guards=[owners])
async def add(request: Ask) -> Response[Any]:
    """Another location."""
    try:
        await deciding.add_location(desk_of(request), me(request), **await _said(request))
    except Wrong as refused:
        return await _locations(request, wrong=refused)
    return go("/locations")


@post("/locations/{location_id:uuid}", guards=[owners])
async def change(request: Ask, location_id: FromPath[UUID]) -> Response[Any]:
    """Another name, address or place on the map."""
    await read.location(desk_of(request), me(request).business.id, location_id)
    try:
        await deciding.change_location(desk_of(request), me(request), location_id, **await _said(request))
    except Wrong as refused:
        return await _locations(request, wrong=refused, which=location_id)
    return go("/locations")


@post("/locations/{location_id:uuid}/close", guards=[owners])
async def close(request: Ask, location_id: FromPath[UUID]) -> Response[Any]:
    """No counter works there any more."""
    await deciding.close_location(desk_of(request), me(request), location_id)
    return go("/locations")


@post("/locations/{location_id:uuid}/reopen", guards=[owners])
async def reopen(request: Ask, location_id: FromPath[UUID]) -> Response[Any]:
    """Counters may work there again."""
    await deciding.change_location(desk_of(request), me(request), location_id, closed=False)
    return go("/locations")


handlers: Final = (locations, add, change, close, reopen)
