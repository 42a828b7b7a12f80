"""The programs page: how cards earn and what they earn, begun from an example; and what other goals would do to those with stamps."""

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from msgspec.structs import replace

from app.desk import examples, programs
from app.web.forms import Money, Prose, Words, Wrong, filled_in, seen, typed_in, wrong
from app.web.offers import State
from app.web.pages import go, render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.problems import ChangedMeanwhile
from passes.programs import MOST_AT_ONCE, Asked, Asks, BySpend, ByVisit, Earning, Goal, Program, Unit
from passes.words import N_

HIGHEST: Final = 1_000_000
"""Stamps or points of a goal."""
SPARE_GOALS: Final = 2
"""Empty rows below the goals that there are."""


class GoalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A goal. A row without a number is none."""

    at: Annotated[int, msgspec.Meta(ge=1, le=HIGHEST)] | None = None
    offer_id: UUID | None = None


class ProgramForm(msgspec.Struct, frozen=True, kw_only=True):
    """All of a program but its design. ``seen`` is what the form was drawn from; ``reach`` says for whom, where that was asked."""

    name: Words
    unit: Unit | None = None
    earning: Literal["by_visit", "by_spend"]
    each: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    amount: Money | None = None
    goals: tuple[GoalRow, ...] = ()
    remainder: Literal["carry", "drop"] = "carry"
    welcome: UUID | None = None
    birthday: UUID | None = None
    asks_email: Asked = "no"
    asks_phone: Asked = "no"
    asks_birthday: Asked = "no"
    intro: Prose | None = None
    terms: Prose | None = None
    seen: str = ""
    reach: Literal["", "keep", "all"] = ""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which example to begin with."""

    example: str


@get("/programs", guards=[managers])
async def listed(request: Ask) -> Response[str]:
    """All programs, those that are put away last, and the examples to begin another one."""
    desk, business = desk_of(request), me(request).business
    there = await desk.store.programs(business.id)
    return render(
        request,
        "programs.html",
        programs=[one for one in there if one.state != "archived"],
        archived=[one for one in there if one.state == "archived"],
        cards={one.id: sum((await desk.store.balances(business.id, one.id)).values()) for one in there},
        offers={one.id: one for one in await desk.store.all_offers(business.id)},
        examples=examples.EXAMPLES,
    )


@post("/programs", guards=[managers])
async def begin(request: Ask) -> Response[Any]:
    """A new program, as an example has it; then it is changed to fit."""
    said = await filled_in(request, Chosen)
    program = await programs.begin(desk_of(request), me(request), said.example)
    return go(f"/programs/{program.id}")


async def _form(request: Ask, program: Program, **more: object) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    every = await desk.store.all_offers(business.id)
    facts: dict[str, Any] = {
        "program": program,
        "seen": seen(program),
        "offers": {one.id: one for one in every},
        "choice": [one for one in every if one.state != "archived" or programs.uses(program, one.id)],
        "cards": sum((await desk.store.balances(business.id, program.id)).values()),
        "spare": SPARE_GOALS,
        **more,
    }
    return render(request, "program.html", **facts)


@get("/programs/{program_id:uuid}", guards=[managers])
async def shown(request: Ask, program_id: FromPath[UUID]) -> Response[str]:
    """Everything of a program, to be changed."""
    return await _form(request, await programs.one(desk_of(request), me(request).business.id, program_id))


@post("/programs/{program_id:uuid}", guards=[managers])
async def change(request: Ask, program_id: FromPath[UUID]) -> Response[Any]:
    """Another program from now on; a question first, where cards have stamps and the goals have moved."""
    desk, member = desk_of(request), me(request)
    program = await programs.one(desk, member.business.id, program_id)
    try:
        said = await filled_in(request, ProgramForm)
        became = await _said(request, program, said)
    except Wrong as mistaken:
        return await _form(request, program, wrong=mistaken)
    if said.seen and said.seen != seen(program):
        raise ChangedMeanwhile
    if became.goals != program.goals and not said.reach:
        touched = programs.touched(program, became, await desk.store.balances(member.business.id, program.id))
        if touched.anybody:
            every = {one.id: one for one in await desk.store.all_offers(member.business.id)}
            typed = await typed_in(request)
            return render(request, "program_reach.html", program=program, became=became, touched=touched, offers=every, typed=typed)
    errand = await programs.change(desk, member, program, became, keep=said.reach != "all")
    return go(f"/errands/{errand.id}" if errand else "/programs")


@post("/programs/{program_id:uuid}/state", guards=[managers])
async def state(request: Ask, program_id: FromPath[UUID]) -> Response[Any]:
    """Pause it, let it run again, put it away."""
    said = await filled_in(request, State)
    await programs.set_state(desk_of(request), me(request), program_id, said.state)
    return go("/programs" if said.state == "archived" else f"/programs/{program_id}")


async def _said(request: Ask, was: Program, said: ProgramForm) -> Program:
    """The program that was filled in. Raises Wrong, with all that is missing."""
    desk, business = desk_of(request), me(request).business
    theirs = {one.id for one in await desk.store.all_offers(business.id)}
    cards = await desk.store.balances(business.id, was.id)
    errors: dict[str, str] = {}
    goals = _goals(said, theirs, errors)
    for field in ("welcome", "birthday"):
        if getattr(said, field) not in {None, *theirs}:
            errors[field] = N_("Choose one of these.")
    if said.birthday and said.asks_birthday == "no":
        errors["asks_birthday"] = N_("A birthday reward needs the birthday.")
    if said.earning == "by_spend" and said.amount is None:
        errors["amount"] = N_("Fill this in.")
    unit = was.unit if cards or said.unit is None else said.unit
    if said.each > MOST_AT_ONCE[unit]:
        errors["each"] = N_("This cannot stand here.")
    if errors:
        raise await wrong(request, errors)
    by_spend = said.earning == "by_spend" and said.amount
    earning: Earning = BySpend(amount=said.amount or 1, each=said.each) if by_spend else ByVisit(each=said.each)
    return replace(
        was,
        name=said.name,
        unit=unit,
        earning=earning,
        goals=goals,
        terms=said.terms,
        remainder=said.remainder,
        welcome=said.welcome,
        birthday=said.birthday,
        asks=Asks(email=said.asks_email, phone=said.asks_phone, birthday=said.asks_birthday),
        intro=said.intro,
    )


def _goals(said: ProgramForm, theirs: Collection[UUID], errors: dict[str, str]) -> tuple[Goal, ...]:
    goals = sorted((Goal(row.at, row.offer_id) for row in said.goals if row.at and row.offer_id), key=lambda goal: goal.at)
    if any(row.at and row.offer_id not in theirs for row in said.goals):
        errors["goals"] = N_("Choose what each goal gives.")
    elif not goals:
        errors["goals"] = N_("A program needs at least one goal.")
    elif len({goal.at for goal in goals}) < len(goals):
        errors["goals"] = N_("Each goal needs a number of its own.")
    return tuple(goals)


handlers: Final = (listed, begin, shown, change, state)
