"""The counters page: which browsers are counters, and the links that make one of another."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from msgspec.structs import replace

from app.desk import enrolment
from app.desk.audit import revise
from app.desk.found import secret_hash
from app.store import CounterKind, Counting
from app.web import join
from app.web.forms import Name, filled_in, remembered
from app.web.pages import go, render
from app.web.sessions import COUNTER, known, managers, owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import scan


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The form that makes a counter."""

    location_id: UUID
    name: Name
    kind: CounterKind = "staff"


class Renamed(msgspec.Struct, frozen=True, kw_only=True):
    """Another name for a counter."""

    name: Name


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """Whether counters ask before they redeem."""

    asks_first: bool


async def _here(request: Ask) -> Counting | None:
    """The counter that this browser is already."""
    secret = request.cookies.get(COUNTER, "")
    return await desk_of(request).store.counting(secret_hash(secret)) if secret else None


def _cookie(request: Ask, secret: str) -> Cookie:
    """What makes this browser a counter: for a year, for this site alone, and no script can read it."""
    return remembered(desk_of(request), COUNTER, secret, samesite="strict")


async def _counters(request: Ask, **more: object) -> Response[str]:
    store, business = desk_of(request).store, me(request).business
    places = await store.locations(business.id)
    here = await _here(request)
    facts: dict[str, Any] = {
        "counters": [one for one in await store.counters(business.id) if one.revoked_at is None],
        "places": [place for place in places if not place.closed],
        "place_names": {place.id: place.name for place in places},
        "here": here.counter if here else None,
        "owner": me(request).staff.role == "owner",
        "wanted": None,
        "link": "",
        "code": "",
        "doors": await join.doors(desk_of(request), business, [place for place in places if not place.closed]),
        **more,
    }
    return render(request, "counters.html", **facts)


@get("/counters", guards=[managers])
async def counters(request: Ask) -> Response[str]:
    """The counters of the business."""
    return await _counters(request)


@post("/counters", guards=[managers], status_code=200)
async def make_link(request: Ask) -> Response[str]:
    """A link that makes the browser that opens it a counter. It is shown in the answer only: nothing keeps it."""
    said = await filled_in(request, Wanted)
    desk = desk_of(request)
    wanted, secret = await enrolment.link(desk, me(request), location_id=said.location_id, name=said.name, kind=said.kind)
    link = f"{desk.public_url}/enrol/{secret}"
    return await _counters(request, wanted=wanted, link=link, code=scan.draw_svg(link))


@post("/counters/here", guards=[managers])
async def enrol_here(request: Ask) -> Response[Any]:
    """This browser becomes a counter."""
    said = await filled_in(request, Wanted)
    _, secret = await enrolment.enrol_here(
        desk_of(request), me(request), location_id=said.location_id, name=said.name, kind=said.kind, was=await _here(request)
    )
    answer = go("/counter")
    answer.set_cookie(_cookie(request, secret))
    return answer


@post("/counters/mode", guards=[owners])
async def mode(request: Ask) -> Response[Any]:
    """Whether the counters of the business ask before they redeem."""
    said = await filled_in(request, Mode)
    was = me(request).business
    await revise(desk_of(request), me(request).staff.id, "business.changed", (was, replace(was, asks_first=said.asks_first)))
    return go("/counters")


@post("/counters/{counter_id:uuid}/name", guards=[managers])
async def rename(request: Ask, counter_id: FromPath[UUID]) -> Response[Any]:
    """Another name."""
    said = await filled_in(request, Renamed)
    await enrolment.rename(desk_of(request), me(request).business.id, counter_id, said.name, by=me(request).staff.id)
    return go("/counters")


@post("/counters/{counter_id:uuid}/revoke", guards=[managers])
async def revoke(request: Ask, counter_id: FromPath[UUID]) -> Response[Any]:
    """That browser is no counter any more, at its next request."""
    await enrolment.revoke(desk_of(request), me(request).business.id, counter_id, by=me(request).staff.id)
    return go("/counters")


@get("/enrol/{secret:str}", guards=[known])
async def offered(request: Ask, secret: FromPath[str]) -> Response[str]:
    """What the link would make of this browser. Opening it changes nothing: a messenger that looks into links must not use it up."""
    return render(request, "enrol.html", offered=await enrolment.offered(desk_of(request), secret), secret=secret, was=await _here(request))


@post("/enrol/{secret:str}", guards=[known])
async def enrol(request: Ask, secret: FromPath[str]) -> Response[Any]:
    """This browser is a counter from now on."""
    _, cookie = await enrolment.enrol(desk_of(request), secret, was=await _here(request))
    answer = go("/counter")
    answer.set_cookie(_cookie(request, cookie))
    return answer


handlers: Final = (counters, make_link, enrol_here, mode, rename, revoke, offered, enrol)
