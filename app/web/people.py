"""The staff page, and the links with which people set what they sign in with."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.desk import people
from app.problems import STATUS
from app.store import Member, Staff
from app.web.forms import Line, Name, Secret, filled_in
from app.web.pages import document, go, render
from app.web.sessions import known, managers
from app.web.signing_in import HOME, me, remember
from app.web.wire import Ask, desk_of
from passes import scan
from passes.businesses import MANAGERS, Role
from passes.guesses import LEAST, PIN_RULE
from passes.problems import EmailTaken, Problem, RefusedSecret


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """The form that invites a person."""

    name: Name
    email: Line = ""
    role: Role


class NewRole(msgspec.Struct, frozen=True, kw_only=True):
    """Another role."""

    role: Role


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What an invited person chose."""

    email: Line = ""
    password: Secret = ""
    pin: Secret = ""


async def _staff(request: Ask, *, problem: Problem | None = None, **more: object) -> Response[str]:
    actor = me(request)
    there = await people.everybody(desk_of(request), actor.business.id)
    facts: dict[str, Any] = {
        "people": there,
        "mine": {one.staff.id for one in there if people.may_touch(actor, one.staff)},
        "owner": actor.staff.role == "owner",
        "problem": document(request, problem) if problem else None,
        "invitation": None,
        "invited": None,
        "link": "",
        "code": "",
        **more,
    }
    return render(request, "staff.html", status=STATUS[type(problem)] if problem else 200, **facts)


@get("/staff", guards=[managers])
async def staff(request: Ask) -> Response[str]:
    """The people of the business."""
    return await _staff(request)


async def _with_link(request: Ask, invited: Staff, secret: str) -> Response[str]:
    """The page with a link to hand over. It is shown in the answer to the form only: nothing keeps it."""
    link = f"{desk_of(request).public_url}/invite/{secret}"
    return await _staff(request, invited=invited, link=link, code=scan.draw_svg(link))


@post("/staff", guards=[managers], status_code=200)
async def invite(request: Ask) -> Response[str]:
    """A new person, and the link for them."""
    said = await filled_in(request, Invitation)
    try:
        new, secret = await people.invite(desk_of(request), me(request), name=said.name, email=said.email, role=said.role)
    except EmailTaken as problem:
        return await _staff(request, problem=problem, invitation=said)
    return await _with_link(request, new, secret)


@post("/staff/{staff_id:uuid}/link", guards=[managers], status_code=200)
async def new_link(request: Ask, staff_id: FromPath[UUID]) -> Response[str]:
    """Another link for a person."""
    return await _with_link(request, *await people.new_link(desk_of(request), me(request), staff_id))


@post("/staff/{staff_id:uuid}/role", guards=[managers])
async def role(request: Ask, staff_id: FromPath[UUID]) -> Response[Any]:
    """Another role."""
    said = await filled_in(request, NewRole)
    await people.change_role(desk_of(request), me(request), staff_id, said.role)
    return go("/staff")


Act = Literal["suspend", "resume", "unlock"]


@post("/staff/{staff_id:uuid}/{act:str}", guards=[managers])
async def change(request: Ask, staff_id: FromPath[UUID], act: FromPath[Act]) -> Response[Any]:
    """Suspend a person, let them back, unlock their PIN."""
    acts = {"suspend": people.suspend, "resume": people.resume, "unlock": people.unlock}
    await acts[act](desk_of(request), me(request), staff_id)
    return go("/staff")


@get("/invite/{secret:str}", guards=[known])
async def invitation(request: Ask, secret: FromPath[str]) -> Response[str]:
    """What a person who was invited has to set."""
    _, member = await people.invited(desk_of(request), secret)
    return _invite(request, member, secret)


def _invite(request: Ask, invited: Member, secret: str, *, email: str = "", against: Mapping[str, Problem] | None = None) -> Response[str]:
    refused = against or {}
    status = max((STATUS[type(problem)] for problem in refused.values()), default=200)
    pages = invited.staff.role in MANAGERS
    errors = {field: document(request, problem)["detail"] for field, problem in refused.items()}
    return render(
        request,
        "invite.html",
        status=status,
        invited=invited,
        secret=secret,
        pages=pages,
        least=LEAST,
        email=email,
        errors=errors,
        pins=PIN_RULE,
    )


@post("/invite/{secret:str}", guards=[known])
async def accept(request: Ask, secret: FromPath[str]) -> Response[Any]:
    """What they set. Who has pages to see is signed in on this browser; a cashier goes to the counter."""
    desk = desk_of(request)
    said = await filled_in(request, Accepted)
    try:
        member = await people.accept(desk, secret, email=said.email, password=said.password, pin=said.pin)
    except (RefusedSecret, EmailTaken):
        _, invited = await people.invited(desk, secret)
        against = await people.objections(desk, invited, email=said.email, password=said.password, pin=said.pin)
        return _invite(request, invited, secret, email=said.email, against=against)
    if member.staff.role not in MANAGERS:
        return render(request, "invite_done.html", invited=member)
    remember(request, member)
    return go(HOME)


handlers: Final = (staff, invite, new_link, role, change, invitation, accept)
