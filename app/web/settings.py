"""What an owner decides about the business: who and where it is, when it is quiet, what a counter may honour."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery
from msgspec.structs import replace

from app.desk import importing
from app.desk import settings as deciding
from app.desk.settings import Touched
from app.web import lands
from app.web.exports import FILES
from app.web.forms import Line, Name, Wrong, filled_in, fresh, seen, wrong
from app.web.pages import go, language_of, render
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.businesses import Business
from passes.words import N_

Done = Literal["", "saved"]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the settings. ``sure``: that what another zone or currency touches was read."""

    name: Name
    zone: Line
    currency: Line
    languages: tuple[Line, ...] = ()
    first: Line = ""
    contact: Line = ""
    quiet_from: dt.time
    quiet_until: dt.time
    weekly: Annotated[int, msgspec.Meta(ge=0, le=21)]
    honour: Literal["nobody", "managers", "everyone"]
    honour_days: Annotated[int, msgspec.Meta(ge=0, le=365)]
    asks_first: bool = False
    sure: bool = False


def spoken(request: Ask, ticked: Sequence[str], *, first: str) -> tuple[str, ...]:
    """The languages that were ticked and that we speak, the first one in front."""
    known = [language for language in desk_of(request).words.languages if language in ticked]
    return tuple(sorted(known, key=lambda language: language != first))


def against_the_place(zone: str, currency: str, languages: Sequence[str]) -> Mapping[str, str]:
    """What is wrong with where a business says it is, by field."""
    found = {
        "zone": N_("There is no such time zone. Names are like Asia/Ho_Chi_Minh or Europe/Berlin.") if not zone else "",
        "currency": N_("Choose one of these.") if currency not in dict(lands.currencies("en")) else "",
        "languages": N_("Choose at least one language.") if not languages else "",
    }
    return {field: sentence for field, sentence in found.items() if sentence}


async def _settings(request: Ask, *, wrong: Wrong | None = None, touched: Touched | None = None, done: bool = False) -> Response[str]:
    desk = desk_of(request)
    language = language_of(request, desk.words)
    return render(
        request,
        "settings.html",
        drawn_from=seen(me(request).business),
        wrong=wrong,
        touched=touched,
        done=done,
        zones=lands.zones(),
        currencies=lands.currencies(language),
        firsts=[(one, lands.language(one, one)) for one in desk.words.languages],
        files=FILES,
        imports=await importing.lately(desk, me(request).business, language=language),
    )


@get("/settings", guards=[owners])
async def settings(request: Ask, done: FromQuery[Done] = "") -> Response[str]:
    """The settings of the business."""
    return await _settings(request, done=done != "")


@post("/settings", guards=[owners])
async def decide(request: Ask) -> Response[Any]:
    """Other settings. What changes the meaning of what was given says so first."""
    desk, member = desk_of(request), me(request)
    await fresh(request, member.business)
    try:
        said = await filled_in(request, Decided)
        changes = _changes(request, said)
        became = replace(member.business, **changes)
        if against := against_the_place(became.zone, became.currency, became.languages):
            raise await wrong(request, against)
        if not said.sure and (touched := await deciding.touched(desk, member.business, became)):
            return await _settings(request, wrong=await wrong(request, {}), touched=touched)
        await deciding.change(desk, member, **changes)
    except Wrong as refused:
        return await _settings(request, wrong=refused)
    return go("/settings?done=saved")


def _changes(request: Ask, said: Decided) -> dict[str, Any]:
    fields = set(msgspec.structs.asdict(said)) & {field.name for field in msgspec.structs.fields(Business)}
    return {
        **{field: getattr(said, field) for field in fields},
        "name": said.name.strip(),
        "zone": lands.zone_of(said.zone.strip()),
        "languages": spoken(request, said.languages, first=said.first),
    }


handlers: Final = (settings, decide)
