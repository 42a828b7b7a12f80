"""Inserts: QR codes for receipts and deliveries, made and handed over in one answer, since nothing keeps their links."""

from datetime import date
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post

from app import printing
from app.desk import inserts
from app.web.coupons import printed
from app.web.forms import Wrong, against, filled_in
from app.web.lists import as_csv
from app.web.pages import language_of, render
from app.web.saying import Saying
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.problems import CannotEarn, Paused
from passes.words import N_


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """So many inserts of a program."""

    program_id: UUID
    count: Annotated[int, msgspec.Meta(ge=1, le=inserts.MOST)]
    gives: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    until: date | None = None
    form: Literal["pdf", "csv"] = "pdf"


@get("/inserts", guards=[managers])
async def page(request: Ask) -> Response[str]:
    """How many of which; what was made before."""
    return await _page(request)


async def _page(request: Ask, *, refused: Wrong | None = None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    language = language_of(request, desk.words)
    people = {one.id: one.name for one in await desk.store.staff(business.id)}
    lines = await desk.store.audited(business.id, what="inserts.made", limit=20)
    return render(
        request,
        "inserts.html",
        programs=[(str(one.id), one.name.said(language)) for one in await desk.store.programs(business.id) if one.state == "running"],
        most=inserts.MOST,
        made=[(line.at, line.name, msgspec.json.decode(line.became), people.get(line.staff_id, "")) for line in lines],
        wrong=refused,
    )


@post("/inserts", guards=[managers], status_code=200)
async def make(request: Ask) -> Response[Any]:
    """Make them: the answer is the file."""
    desk, actor = desk_of(request), me(request)
    try:
        said = await filled_in(request, Wanted)
        made = await inserts.make(desk, actor, said.program_id, count=said.count, gives=said.gives, until=said.until)
    except (Paused, CannotEarn) as problem:
        field = "program_id" if isinstance(problem, Paused) else "gives"
        return await _page(request, refused=await against(request, field, problem))
    except Wrong as refused:
        return await _page(request, refused=refused)
    if said.form == "csv":
        return as_csv([(link,) for link in made.links], "inserts.csv")
    business = actor.business
    language = business.languages[0]
    t, say = partial(desk.words.said, language), Saying(desk.words, language, business.tz, desk.world.now())
    unit = made.program.unit
    stamps, points = (
        (N_("A stamp for your card"), N_("{n} stamps for your card")),
        (N_("A point for your card"), N_("{n} points for your card")),
    )
    gift = say.count(said.gives, *(stamps if unit == "stamps" else points))
    until = t("Valid until {day}", day=say.day(said.until, year=True)) if said.until else ""
    slips = [
        printing.Slip(code=link, shown=t(N_("Scan it with your phone")), title=made.program.name.said(language), until=gift, terms=until)
        for link in made.links
    ]
    return await printed(request, slips, "inserts.pdf")


handlers: Final = (page, make)
