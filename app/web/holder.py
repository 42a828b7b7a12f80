"""The holder's own page of a card (``/c/{key}``): the same face as in the wallets, live, and what its holder may do with it."""

import hashlib
import re
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery

from app.desk import holder
from app.desk.join import own_card
from app.desk.wallets import by_key, draw
from app.problems import STATUS
from app.store import CardFacts
from app.web import brand
from app.web.forms import Line, filled_in, path_within, remembered
from app.web.pages import HEADERS, LANGUAGE, document, go, language_of, render, shown_by
from app.web.wire import Ask, bare, desk_of
from passes import artwork, scan
from passes.cards import Event
from passes.face import HAPPENED, Face
from passes.problems import LinkSpent, NotFound, Problem
from passes.programs import Program
from passes.words import N_

PRIVATE: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}
"""Whoever has the address has the card: no other site is told, and no search engine keeps it."""
HEADS: Final = "card-"
"""How the cookies begin that hold the keys of this browser's own cards, one a program."""
MOST_HELD: Final = 8
KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a card's key looks like: a cookie with anything else holds none."""
SHOWN: Final = 30
"""Lines of a card's history."""
Nonce = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{20,64}$")]
Platform = Literal["apple", "google", ""]


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """The choice of a language."""

    language: Line
    to: Line = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether offers are wanted."""

    wanted: bool = False


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """A reward is used alone: where, and the nonce of the page."""

    location_id: UUID
    nonce: Nonce


# --- What the pages of a card have in common ---


def held(request: Ask, program: Program | None = None) -> tuple[str, ...]:
    """The keys of the cards that this browser was given, that of ``program`` in front."""
    own = f"{HEADS}{program.id.hex}" if program else ""
    keys = {name: key for name, key in request.cookies.items() if name.startswith(HEADS) and KEY.fullmatch(key)}
    names = sorted(keys, key=lambda name: name != own)
    return tuple(keys[name] for name in names[:MOST_HELD])


def cookie(request: Ask, program: Program, key: str) -> Cookie:
    """What makes this browser known again for the holder of a card: for a year, and no script can read it."""
    return remembered(desk_of(request), f"{HEADS}{program.id.hex}", key)


def platform(request: Ask) -> Platform:
    """The wallet of the phone at hand, or "" where both may be meant (a desk, or a phone that we do not know)."""
    agent = request.headers.get("user-agent", "")
    if "iPhone" in agent or "iPod" in agent:
        return "apple"
    return "google" if "Android" in agent else ""


def pictures(face: Face) -> dict[str, Any]:
    """Where the logo and the strip of a face are: the pictures that Google fetches too, under addresses that tell what they show."""
    version = hashlib.sha256(msgspec.json.encode((face.brand, face.goals))).hexdigest()[:8]
    strip = artwork.hero_name(artwork.progress(face.unit, face.goals, face.balance), face.balance)
    return {name: f"/art/{face.program_id}/{file}.png?v={version}" for name, file in (("logo", "logo"), ("strip", strip))}


def _said(event: Event, facts: CardFacts, language: str) -> str:
    """A message in its own words, in the page's language if it has it; "" for anything else, which has words of its kind."""
    text = facts.messages.get(event.campaign_id) if event.campaign_id and event.kind == "message" else None
    return text.said(language).replace("{name}", facts.customer.name) if text else ""


async def _drawn(request: Ask, facts: CardFacts) -> dict[str, Any]:
    """What a template needs to draw a card with its rewards and its history."""
    desk = desk_of(request)
    language = language_of(request, desk.words)
    face = draw(facts, desk.words, desk.world.now())
    offers = {coupon.id: facts.offers[coupon.offer_id] for coupon in facts.coupons}
    history = await desk.store.card_history(facts.business.id, facts.card.id, limit=SHOWN)
    return {
        "facts": facts,
        "face": face,
        "offers": offers,
        "running": await holder.running(desk, facts, history),
        "codes": {one.coupon_id: scan.draw_barcode(offers[one.coupon_id].format, one.code) for one in face.ready[1:]},
        "code": scan.draw_barcode(face.barcode.format, face.barcode.message),
        "history": [(event, HAPPENED[event.kind], _said(event, facts, language)) for event in history],
        "colours": brand.card_address(face.brand),
        "page": f"/c/{facts.card.key}",
        **pictures(face),
    }


async def _of(request: Ask, key: str, *, own: tuple[str, ...] = (), letter: str = "") -> CardFacts:
    """The card of a link, on a page in its business's colours. Raises NotFound, LinkSpent. ``own``, ``letter``: see holder.opened."""
    facts = await holder.opened(desk_of(request), key, held=own, letter=letter)
    shown_by(request, facts.business)
    return facts


# --- The page ---


@get("/c/{key:str}")
async def card(
    request: Ask,
    key: FromPath[str],
    *,
    welcome: FromQuery[bool] = False,
    added: FromQuery[bool] = False,
    about: FromQuery[bool] = False,
    letter: FromQuery[str] = "",
) -> Response[Any]:
    """The card, live, with the right wallet's button in front. ``letter``: what the link of a letter has in it."""
    desk = desk_of(request)
    try:
        facts = await _of(request, key, own=held(request), letter=letter)
    except LinkSpent:
        shown_by(request, (await by_key(desk, key)).business)
        return render(request, "card_merged.html", status=STATUS[LinkSpent], headers=PRIVATE)
    if facts.card.key != key or letter:
        return go(f"/c/{facts.card.key}")
    look = desk.look(facts.business, language_of(request, desk.words), desk.world.now())
    here = platform(request)
    answer: Response[Any] = render(
        request,
        "card.html",
        headers=PRIVATE,
        welcome=welcome,
        added=added,
        about=about,
        apple=look.apple and here != "google",
        google=look.google and here != "apple",
        other="" if here else scan.draw_svg(f"{desk.public_url}/c/{key}"),
        **await _drawn(request, facts),
    )
    own = request.cookies.get(f"{HEADS}{facts.program.id.hex}", "")
    if KEY.fullmatch(own) and own != key and facts.card.left_at is None and await own_card(desk, facts.program, (own,)) is None:
        answer.set_cookie(cookie(request, facts.program, key))  # what this browser had has become part of this card, or is gone
    return answer


@get("/c/{key:str}/now")
async def now(request: Ask, key: FromPath[str]) -> Response[Any]:
    """What of the page changes by itself, if it is not what the page has already (If-None-Match)."""
    facts = await _of(request, key)
    if facts.card.key != key:
        raise NotFound(what=N_("card"))
    answer = render(request, "card_now.html", **await _drawn(request, facts))
    tag = f'"{hashlib.sha256(answer.content.encode()).hexdigest()[:20]}"'
    headers = {**HEADERS, **PRIVATE, "ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return bare(304, headers)
    answer.headers.update(headers)
    return answer


@post("/c/{key:str}/language")
async def language(request: Ask, key: FromPath[str]) -> Response[Any]:
    """Another language: of these pages on this browser, and of what the holder is told."""
    said = await filled_in(request, Spoken)
    facts = await _of(request, key)
    answer = go(path_within(said.to))
    if said.language in facts.business.languages:
        await holder.speak(desk_of(request), facts, said.language)
        answer.set_cookie(remembered(desk_of(request), LANGUAGE, said.language))
    return answer


@post("/c/{key:str}/offers")
async def offers(request: Ask, key: FromPath[str]) -> Response[Any]:
    """Whether the holder wants to be sent offers, as they were asked when they joined."""
    said = await filled_in(request, Wanted)
    await holder.offers(desk_of(request), await _of(request, key), wanted=said.wanted)
    return go(f"/c/{key}?about=true#about")


# --- A reward, alone ---


async def _alone(request: Ask, key: str, coupon_id: UUID, *, problem: Problem | None = None) -> Response[str]:
    desk = desk_of(request)
    facts = await _of(request, key)
    own = await holder.own_coupon(desk, facts, coupon_id)
    offer = own.presented.offer
    places = [one for one in await desk.store.locations(facts.business.id) if not one.closed]
    return render(
        request,
        "card_alone.html",
        headers=PRIVATE,
        status=409 if problem else 200,
        page=f"/c/{key}",
        facts=facts,
        own=own,
        offer=offer,
        places=[(one.id, one.name) for one in places if not offer.locations or one.id in offer.locations],
        usual=facts.card.location_id or facts.customer.location_id,
        nonce=desk.world.token(),
        problem=document(request, problem) if problem else None,
        colours=brand.card_address(draw(facts, desk.words, desk.world.now()).brand),
    )


@get("/c/{key:str}/use/{coupon_id:uuid}")
async def alone(request: Ask, key: FromPath[str], coupon_id: FromPath[UUID]) -> Response[Any]:
    """Before: what will happen, and that staff must see it. After: the countdown, and then that it is used."""
    return await _alone(request, key, coupon_id)


@post("/c/{key:str}/use/{coupon_id:uuid}")
async def use_alone(request: Ask, key: FromPath[str], coupon_id: FromPath[UUID]) -> Response[Any]:
    """The reward is used up now; the countdown begins."""
    said = await filled_in(request, Used)
    desk = desk_of(request)
    facts = await _of(request, key)
    try:
        await holder.use_alone(desk, facts, coupon_id, said.location_id, nonce=said.nonce, language=language_of(request, desk.words))
    except NotFound:
        raise
    except Problem as problem:
        return await _alone(request, key, coupon_id, problem=problem)
    return go(f"/c/{key}/use/{coupon_id}")


# --- Leaving ---


@get("/c/{key:str}/leave")
async def leaving(request: Ask, key: FromPath[str]) -> Response[Any]:
    """What leaving and being forgotten mean, and the buttons that do it."""
    return render(request, "card_leave.html", headers=PRIVATE, **await _drawn(request, await _of(request, key)))


@post("/c/{key:str}/leave")
async def leave(request: Ask, key: FromPath[str]) -> Response[Any]:
    """The holder leaves: the card is void in every wallet."""
    await holder.leave(desk_of(request), await _of(request, key))
    return go(f"/c/{key}")


@post("/c/{key:str}/forget")
async def forget(request: Ask, key: FromPath[str]) -> Response[Any]:
    """The holder is forgotten. The answer is the last that this link says."""
    facts = await _of(request, key)
    await holder.forget(desk_of(request), facts)
    answer: Response[Any] = render(request, "card_forgotten.html", headers=PRIVATE, program=facts.program)
    for name, value in request.cookies.items():
        if name.startswith(HEADS) and value == key:
            answer.delete_cookie(name)
    return answer


handlers: Final = (card, now, language, offers, alone, use_alone, leaving, leave, forget)
