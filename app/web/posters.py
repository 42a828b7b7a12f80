"""A poster to print: whoever scans it has the card. Of a program, or of a program at one location."""

from functools import partial
from typing import Final, Literal
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from app.desk import programs, read
from app.web import brand
from app.web.pages import render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import scan
from passes.businesses import Location
from passes.colours import readable_brand
from passes.designs import dressed
from passes.words import N_

Size = Literal["a4", "a5"]
WALLETS: Final = {
    (True, True): N_("Scan with your phone’s camera. Your card goes into Apple Wallet or Google Wallet: no app."),
    (True, False): N_("Scan with your phone’s camera. Your card goes into Apple Wallet, or opens in your phone: no app."),
    (False, True): N_("Scan with your phone’s camera. Your card goes into Google Wallet, or opens in your phone: no app."),
    (False, False): N_("Scan with your phone’s camera. Your card opens in your phone: no app."),
}
"""What a poster promises, by whether this installation has credentials for the business at Apple and at Google."""


async def _poster(request: Ask, program_id: UUID, location: Location | None, size: Size) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    program = await programs.one(desk, business.id, program_id)
    wears = readable_brand(dressed(business.brand, program.design))
    link = f"{desk.public_url}/join/{program.id}" + (f"/at/{location.id}" if location else "")
    offers = await desk.store.offers(business.id, [program.goals[-1].offer_id])
    look = desk.look(business, business.languages[0], desk.world.now())
    (address,) = [check for check in await request.app.state.checks(False) if check.topic == "address"]
    return render(
        request,
        "poster.html",
        program=program,
        reward=offers[program.goals[-1].offer_id],
        location=location,
        places=[place for place in await desk.store.locations(business.id) if not place.closed],
        size=size,
        colours=brand.card_address(wears),
        shown=min(program.round - 1, max(1, program.round * 7 // 10)),
        link=link,
        wallet=WALLETS[look.apple, look.google],
        unreachable=address.findings,
        code=scan.draw_svg(link, level="q"),
        speaking=lambda language: partial(desk.words.said, language),
    )


@get("/programs/{program_id:uuid}/poster", guards=[managers])
async def poster(request: Ask, program_id: FromPath[UUID], size: FromQuery[Size] = "a4") -> Response[str]:
    """A poster for the whole business."""
    return await _poster(request, program_id, None, size)


@get("/programs/{program_id:uuid}/poster/{location_id:uuid}", guards=[managers])
async def poster_at(request: Ask, program_id: FromPath[UUID], location_id: FromPath[UUID], size: FromQuery[Size] = "a4") -> Response[str]:
    """A poster for one location: who joins by it is known to have joined there."""
    there = await read.location(desk_of(request), me(request).business.id, location_id)
    return await _poster(request, program_id, there, size)


handlers: Final = (poster, poster_at)
