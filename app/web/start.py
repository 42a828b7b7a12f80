"""The first evening: an empty installation is claimed, and one step leads to the next until customers can come."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import starting
from app.desk.starting import Beginning
from app.web import lands
from app.web.forms import Line, Name, Secret, filled_in, wrong
from app.web.forms import Wrong as WrongForm
from app.web.pages import document, go, language_of, render
from app.web.sessions import known, managers
from app.web.settings import against_the_place, spoken
from app.web.signing_in import me, remember
from app.web.wire import Ask, desk_of
from passes.guesses import LEAST, PIN_RULE
from passes.problems import RefusedSecret

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=200, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """The form with which a business begins."""

    name: Name
    zone: Line
    currency: Line
    languages: tuple[Line, ...] = ()
    owner: Name
    email: Email
    password: Secret
    pin: Secret


def _start(request: Ask, secret: str, *, wrong: WrongForm | None = None) -> Response[str]:
    language = language_of(request, desk_of(request).words)
    places: dict[str, Any] = {"zones": lands.zones(), "currencies": lands.currencies(language)}
    return render(request, "start.html", secret=secret, wrong=wrong, least=LEAST, pins=PIN_RULE, **places)


@get("/start/{secret:str}", guards=[known])
async def start(request: Ask, secret: FromPath[str]) -> Response[str]:
    """What is asked of whoever claims an empty installation."""
    await starting.claim(desk_of(request), request.app.state.start, secret)
    return _start(request, secret)


@post("/start/{secret:str}", guards=[known])
async def begin(request: Ask, secret: FromPath[str]) -> Response[Any]:
    """The business begins, and its owner is signed in."""
    desk, key = desk_of(request), request.app.state.start
    await starting.claim(desk, key, secret)
    try:
        said = await filled_in(request, Begun)
        beginning = Beginning(
            name=said.name,
            zone=lands.zone_of(said.zone.strip()),
            currency=said.currency,
            languages=spoken(request, said.languages, first=language_of(request, desk.words)),
            owner=said.owner,
            email=said.email,
            password=said.password,
            pin=said.pin,
        )
        if against := against_the_place(beginning.zone, beginning.currency, beginning.languages):
            raise await wrong(request, against)
        remember(request, await starting.begin(desk, key, beginning))
    except WrongForm as refused:
        return _start(request, secret, wrong=refused)
    except RefusedSecret:
        sentences = {field: str(document(request, problem)["detail"]) for field, problem in starting.objections(beginning).items()}
        return _start(request, secret, wrong=await wrong(request, sentences))
    return go("/setup")


@get("/setup", guards=[managers])
async def setup(request: Ask, checks: FromQuery[Literal["", "all"]] = "") -> Response[str]:
    """What is done and what comes next; and what stands between this installation and customers' phones."""
    member = me(request)
    steps = await starting.steps(desk_of(request), member.business)
    programs = await desk_of(request).store.programs(member.business.id)
    found = await request.app.state.checks(checks == "all") if member.staff.role == "owner" else ()
    return render(
        request,
        "setup.html",
        steps=steps,
        following=next((step.name for step in steps if not step.done), ""),
        program=next(iter(programs), None),
        checks=found,
        asked=checks == "all",
    )


handlers: Final = (start, begin, setup)
