"""Segments: which customers are meant, by rules that are filled in, with how many they are."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import Desk, segments
from app.desk.read import card_facts
from app.store import Member
from app.web.forms import Area, Line, Name, Wrong, filled_in, wrong
from app.web.pages import go, language_of, render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.campaigns import Days, Rules
from passes.problems import NotFound
from passes.words import N_

Balance = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
MOST_PICKED: Final = 200
"""Cards that are picked by hand at most."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the rules; every one may be empty. ``picked`` are numbers of cards, one a line."""

    program_id: UUID | None = None
    joined_within: Days | None = None
    joined_before: Days | None = None
    visited_within: Days | None = None
    not_visited_for: Days | None = None
    balance_from: Balance | None = None
    balance_to: Balance | None = None
    birthday_month: Annotated[int, msgspec.Meta(ge=1, le=12)] | None = None
    location_id: UUID | None = None
    language: Line = ""
    waiting: Literal["", "yes", "no"] = ""
    text: Line = ""
    picked: Area = ""


class Named(Asked, frozen=True, kw_only=True):
    """Rules with a name to keep them under."""

    name: Name


_PLAIN: Final = tuple(name for name in Asked.__struct_fields__ if name not in ("waiting", "picked"))


async def meant(request: Ask, asked: Asked) -> Rules:
    """The rules that were filled in. Raises Wrong for a card that is not there, NotFound for a program or location that is not ours."""
    desk, business = desk_of(request), me(request).business
    cards: list[UUID] = []
    numbers = asked.picked.split()
    for number in numbers[: MOST_PICKED + 1]:
        try:
            cards.append((await card_facts(desk, business.id, number)).card.id)
        except NotFound:
            raise await wrong(request, {"picked": N_("There is no card {number}.")}, number=number) from None
    if len(numbers) > MOST_PICKED:
        raise await wrong(request, {"picked": N_("{most} cards at most.")}, most=MOST_PICKED)
    given = {name: getattr(asked, name) for name in _PLAIN}
    rules = Rules(**given, waiting={"": None, "yes": True, "no": False}[asked.waiting], cards=tuple(dict.fromkeys(cards)))
    return await segments.check(desk, business.id, rules)


async def editor(request: Ask, rules: Rules) -> dict[str, Any]:
    """What the fields of rules need (segments_macros.html)."""
    desk, business = desk_of(request), me(request).business
    numbers = [facts.card.number for facts in (await desk.store.cards_facts(rules.cards)).values()] if rules.cards else []
    return {
        "rules": rules,
        "numbers": sorted(numbers),
        "programs": await desk.store.programs(business.id),
        "places": await desk.store.locations(business.id),
        "language_now": language_of(request, desk.words),
    }


async def _size(desk: Desk, member: Member, rules: Rules) -> int:
    business = member.business
    return await desk.store.segment_size(business.id, rules, now=desk.world.now(), zone=business.tz)


async def _page(request: Ask, rules: Rules, *, name: str = "", of: UUID | None = None, saved: str = "", **more: Any) -> Response[str]:
    desk, member = desk_of(request), me(request)
    known = await segments.all_of(desk, member.business.id)
    return render(
        request,
        "segments.html",
        segments=[(one, await _size(desk, member, one.rules)) for one in known],
        size=await _size(desk, member, rules),
        name=name,
        saved=saved,
        of=of,
        **await editor(request, rules),
        **more,
    )


@get("/segments", guards=[managers])
async def all_segments(request: Ask, of: FromQuery[UUID | None] = None, done: FromQuery[Literal["", "saved"]] = "") -> Response[str]:
    """The segments, and the rules of one of them (or of none) to change."""
    if of is None:
        return await _page(request, Rules())
    one = await segments.segment(desk_of(request), me(request).business.id, of)
    return await _page(request, one.rules, name=one.name, of=one.id, saved=one.name if done else "")


@post("/segments", guards=[managers])
async def save(request: Ask) -> Response[Any]:
    """Keep the rules under a name."""
    try:
        asked = await filled_in(request, Named)
        kept = await segments.save(desk_of(request), me(request), asked.name, await meant(request, asked))
    except Wrong as mistaken:
        return await _page(request, Rules(), wrong=mistaken)
    return go(f"/segments?of={kept.id}&done=saved")


@post("/segments/{segment_id:uuid}/remove", guards=[managers])
async def remove(request: Ask, segment_id: FromPath[UUID]) -> Response[Any]:
    """The name goes, and its rules; campaigns and coupons that were made with it stay as they are."""
    await segments.remove(desk_of(request), me(request), segment_id)
    return go("/segments")


@post("/segments/count", guards=[managers], status_code=200)
async def count(request: Ask) -> Response[str]:
    """How many the rules mean that are in a form now: the page's script asks while they are filled in."""
    desk, member = desk_of(request), me(request)
    business = member.business
    try:
        rules = await meant(request, await filled_in(request, Asked))
    except Wrong as mistaken:
        return render(request, "segments_count.html", reach=None, errors=list(mistaken.errors.values()))
    reach = await desk.store.reach(business.id, rules, now=desk.world.now(), zone=business.tz, weekly=business.weekly)
    return render(request, "segments_count.html", reach=reach, errors=[])


handlers: Final = (all_segments, save, remove, count)
