"""The page on which somebody joins a program (``/join/{program_id}``), and an insert that gives a stamp to whoever opens it."""

import calendar
import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import Desk, holder, read
from app.desk import join as joining
from app.desk.join import Newcomer
from app.desk.wallets import draw
from app.problems import STATUS
from app.store import CardFacts
from app.web import brand
from app.web.forms import Line, Name, Wrong, address_of, filled_in, wrong
from app.web.holder import PRIVATE, Nonce, cookie, held, pictures
from app.web.pages import document, go, language_of, render, shown_by
from app.web.wire import Ask, desk_of
from passes import contacts, scan
from passes.businesses import Business, Location
from passes.cards import Card, Customer
from passes.problems import LinkSpent, Problem, TooManyGuesses
from passes.programs import Program
from passes.words import N_, Text

SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What an insert's secret looks like: anything else that stands in an address is nobody's, and is not repeated."""


class Joining(msgspec.Struct, frozen=True, kw_only=True):
    """The form. ``website`` is seen by programs only; ``another`` wants another card than this browser has; ``insert`` is used at once."""

    name: Name
    nonce: Nonce
    email: Line = ""
    phone: Line = ""
    day: Line = ""
    month: Line = ""
    consent: bool = False
    website: Line = ""
    another: bool = False
    insert: Line = ""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where one joins a program at a location: the link, and its QR code as <svg>."""

    program: Text
    location: str
    link: str
    code: str


async def doors(desk: Desk, business: Business, places: Sequence[Location]) -> tuple[Door, ...]:
    """The links of each program that takes customers, at each of these locations."""
    running = [program for program in await desk.store.programs(business.id) if program.state == "running"]
    at = [(program, place, f"{desk.public_url}/join/{program.id}/at/{place.id}") for place in places for program in running]
    return tuple(Door(program=program.name, location=place.name, link=link, code=scan.draw_svg(link)) for program, place, link in at)


async def _there(request: Ask, program_id: UUID, location_id: UUID | None) -> tuple[Program, Business, UUID | None]:
    """The program, its business, and where one joins (None where that location is closed). Raises NotFound."""
    desk = desk_of(request)
    program, business = await joining.program_of(desk, program_id)
    shown_by(request, business)
    place = await read.location(desk, business.id, location_id) if location_id else None
    return program, business, place.id if place and not place.closed else None


async def _sample(desk: Desk, program: Program, business: Business, language: str, name: str) -> CardFacts:
    """A card as it will look, of nobody."""
    now = desk.world.now()
    nobody = Customer(id=program.id, business_id=business.id, name=name, language=language, joined_at=now)
    card = Card(
        id=program.id,
        business_id=business.id,
        program_id=program.id,
        customer_id=program.id,
        number="0" * 12,
        serial="",
        token="",
        key="",
        joined_at=now,
        changed_at=now,
    )
    offers = await desk.store.offers(business.id, [goal.offer_id for goal in program.goals])
    return CardFacts(card=card, customer=nobody, program=program, business=business, offers=offers, coupons=(), events=())


async def _page(
    request: Ask,
    program: Program,
    business: Business,
    *,
    wrong: Wrong | None = None,
    problem: Problem | None = None,
    typed: Joining | None = None,
    another: bool = False,
    insert: str = "",
) -> Response[str]:
    desk = desk_of(request)
    language = language_of(request, desk.words)
    name = desk.words.said(language, N_("Your name"))
    face = draw(await _sample(desk, program, business, language, name), desk.words, desk.world.now())
    welcome = (await desk.store.offers(business.id, [program.welcome])).get(program.welcome) if program.welcome else None
    return render(
        request,
        "join.html",
        status=STATUS[type(problem)] if problem else 200,
        headers={"Retry-After": str(problem.facts["retry_after"])} if problem and "retry_after" in problem.facts else {},
        wrong=wrong,
        wait=document(request, problem)["facts"] if isinstance(problem, TooManyGuesses) else None,
        typed=typed,
        program=program,
        paused=program.state != "running",
        welcome=welcome if welcome and welcome.state == "running" else None,
        face=face,
        nonce=typed.nonce if typed else desk.world.token(),
        another=another,
        insert=insert,
        gives=await _gives(desk, program, insert) if insert else 0,
        colours=brand.card_address(face.brand),
        **pictures(face),
    )


async def _gives(desk: Desk, program: Program, insert: str) -> int:
    """What an insert adds to a card of this program; nothing where it can add nothing any more."""
    try:
        found = await holder.insert(desk, insert)
    except LinkSpent:
        return 0
    return found.insert.gives if found.program.id == program.id else 0


def _spent(request: Ask) -> Response[str]:
    """What an insert gave is gone; whoever has one card here finds back to it."""
    own = held(request)
    return render(request, "insert_spent.html", status=STATUS[LinkSpent], headers=PRIVATE, own=own[0] if len(own) == 1 else "")


async def _offered(request: Ask, program_id: UUID, location_id: UUID | None, *, another: bool, insert: str) -> Response[Any]:
    program, business, _ = await _there(request, program_id, location_id)
    insert = insert if SECRET.fullmatch(insert) else ""
    own = None if another else await joining.own_card(desk_of(request), program, held(request, program))
    if own is not None:
        return go(f"/i/{insert}" if insert else f"/c/{own.card.key}")
    return await _page(request, program, business, another=another, insert=insert)


async def _joined(request: Ask, program_id: UUID, location_id: UUID | None) -> Response[Any]:
    desk = desk_of(request)
    program, business, here = await _there(request, program_id, location_id)
    try:
        said = await filled_in(request, Joining)
        newcomer = await _newcomer(request, program, business, said)
    except Wrong as refused:
        another, insert = bool(refused.value("another")), str(refused.value("insert"))
        return await _page(request, program, business, wrong=refused, another=another, insert=insert)
    if said.website:  # nobody sees this field: it was a program that filled it in, and it is not told
        return go(request.scope["path"])
    keys = () if said.another else held(request, program)
    try:
        facts, _ = await joining.come(
            desk, program, business, newcomer, nonce=said.nonce, address=address_of(request), keys=keys, location_id=here
        )
    except TooManyGuesses as problem:
        return await _page(request, program, business, problem=problem, typed=said, another=said.another, insert=said.insert)
    added = await _added(desk, said.insert, facts, language_of(request, desk.words)) if said.insert else ""
    answer = go(f"/c/{facts.card.key}?welcome=true{added}")
    answer.set_cookie(cookie(request, program, facts.card.key))
    return answer


async def _newcomer(request: Ask, program: Program, business: Business, said: Joining) -> Newcomer:
    """What was said, as far as the program asks for it. Raises Wrong."""
    asks, errors = program.asks, {}
    email, phone = (value.strip() if asked != "no" else "" for value, asked in ((said.email, asks.email), (said.phone, asks.phone)))
    if email and not contacts.value_of(email=email):
        errors["email"] = N_("This is no e-mail address: something like lan@example.com.")
    if phone and not contacts.value_of(phone=phone, country=contacts.country_of(business)):
        errors["phone"] = N_("This is no phone number: digits only, with its country if it is from abroad, like +84 901 234 567.")
    birthday = ""
    if asks.birthday != "no" and (said.day or said.month):
        birthday = f"{said.month:0>2}-{said.day:0>2}"
        month = int(said.month) if said.month.isdecimal() and len(said.month) <= 2 else 0  # noqa: PLR2004
        day = int(said.day) if said.day.isdecimal() and len(said.day) <= 2 else 0  # noqa: PLR2004
        if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(LEAP, month)[1]:  # noqa: PLR2004
            errors["day"] = N_("There is no such day: choose day and month.")
    given = {"email": email, "phone": phone, "day": birthday}
    errors |= {
        field: N_("Fill this in.")
        for field, asked in (("email", asks.email), ("phone", asks.phone), ("day", asks.birthday))
        if asked == "required" and not given[field]
    }
    if errors:
        raise await wrong(request, errors)
    language = language_of(request, desk_of(request).words)
    return Newcomer(name=said.name.strip(), email=email, phone=phone, birthday=birthday, language=language, consent=said.consent)


LEAP: Final = 2024
"""A year in which every birthday is a day."""


async def _added(desk: Desk, insert: str, facts: CardFacts, language: str) -> str:
    """What the card's page is told of an insert that was opened: somebody else may have been first, and the card is there anyhow."""
    try:
        await holder.use_insert(desk, insert, facts, language=language)
    except Problem:
        return ""
    return "&added=true"


@get("/join/{program_id:uuid}")
async def page(request: Ask, program_id: FromPath[UUID], *, another: FromQuery[bool] = False, insert: FromQuery[str] = "") -> Response[Any]:
    """The card as it will look, and what is asked; a browser that has a card already is shown that."""
    return await _offered(request, program_id, None, another=another, insert=insert)


@post("/join/{program_id:uuid}")
async def join(request: Ask, program_id: FromPath[UUID]) -> Response[Any]:
    """Somebody joins."""
    return await _joined(request, program_id, None)


@get("/join/{program_id:uuid}/at/{location_id:uuid}")
async def page_at(
    request: Ask, program_id: FromPath[UUID], location_id: FromPath[UUID], *, another: FromQuery[bool] = False
) -> Response[Any]:
    """The same, from a poster or a counter of a location."""
    return await _offered(request, program_id, location_id, another=another, insert="")


@post("/join/{program_id:uuid}/at/{location_id:uuid}")
async def join_at(request: Ask, program_id: FromPath[UUID], location_id: FromPath[UUID]) -> Response[Any]:
    """Somebody joins at a location."""
    return await _joined(request, program_id, location_id)


# --- An insert ---


@get("/i/{secret:str}")
async def insert(request: Ask, secret: FromPath[str]) -> Response[Any]:
    """What an insert gives. Opening it changes nothing: a messenger that looks into links must not use it up."""
    desk = desk_of(request)
    try:
        found = await holder.insert(desk, secret)
    except LinkSpent:
        return _spent(request)
    shown_by(request, found.business)
    own = await joining.own_card(desk, found.program, held(request, found.program))
    if own is None:
        return go(f"/join/{found.program.id}?insert={secret}")
    face = draw(own, desk.words, desk.world.now())
    return render(
        request,
        "insert.html",
        headers=PRIVATE,
        found=found,
        face=face,
        secret=secret,
        colours=brand.card_address(face.brand),
        **pictures(face),
    )


@post("/i/{secret:str}")
async def open_insert(request: Ask, secret: FromPath[str]) -> Response[Any]:
    """What it gives is on the card of this browser."""
    desk = desk_of(request)
    try:
        found = await holder.insert(desk, secret)
        shown_by(request, found.business)
        own = await joining.own_card(desk, found.program, held(request, found.program))
        if own is None:
            return go(f"/join/{found.program.id}?insert={secret}")
        await holder.use_insert(desk, secret, own, language=language_of(request, desk.words))
    except LinkSpent:
        return _spent(request)
    return go(f"/c/{own.card.key}?added=true")


handlers: Final = (page, join, page_at, join_at, insert, open_insert)
