"""Coupons: what was given, one for a customer who is looked for, many for a segment, sheets to print, and what takes them back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from litestar.status_codes import HTTP_400_BAD_REQUEST

from app import printing
from app.desk import Desk, coupons, issue, read
from app.desk.coupons import ToPrint, ToSegment, ToVoid, about
from app.store import Errand, GivenState, Place, Portion
from app.web import errands
from app.web.forms import Line, Wrong, against, filled_in
from app.web.lists import as_csv, asked_for, begins_after, place_of
from app.web.pages import HEADERS, go, language_of, render
from app.web.saying import Saying
from app.web.sessions import managers, once_at
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import codes
from passes.businesses import Business
from passes.campaigns import Rules
from passes.coupons import Coupon
from passes.offers import Offer
from passes.problems import LimitReached, NotFound, NotLater, Paused, PoolEmpty, Problem, ReasonNeeded
from passes.words import N_

PAGE: Final = 50
FOUND: Final = 20
ON_A_SHEET: Final = 1000
"""Coupons of one PDF: 125 pages, a few seconds to draw."""
COLUMNS: Final = (N_("Code"), N_("To be scanned"), N_("Offer"), N_("Valid until"), N_("Status"))
STATES: Final = (
    ("active", N_("Active")),
    ("redeemed", N_("Redeemed")),
    ("expired", N_("Expired")),
    ("voided", N_("Voided")),
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the list is asked for."""

    offer: UUID | None = None
    state: GivenState | None = None
    batch: UUID | None = None
    after: str = ""

    def link(self, **other: object) -> str:
        """The address of the list with something else."""
        pairs = {name: other.get(name, getattr(self, name)) for name in ("offer", "state", "batch")} | {"after": other.get("after", "")}
        query = urlencode({name: str(value) for name, value in pairs.items() if value})
        return f"/coupons?{query}" if query else "/coupons"


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's name, e-mail address or phone, or the number of their card."""

    q: Line


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon for a card, and why. ``nonce``: the same form, sent twice, gives one."""

    card_id: UUID
    offer_id: UUID
    reason: Line = ""
    nonce: Line


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon for each card of a segment or of a program. ``id`` is the errand's, drawn with the form."""

    id: UUID
    offer_id: UUID
    whom: Line
    sure: bool = False


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """So many coupons to print."""

    id: UUID
    offer_id: UUID
    count: Annotated[int, msgspec.Meta(ge=1, le=coupons.MOST)]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is taken back."""

    reason: Line = ""


class WhyAll(Why, frozen=True, kw_only=True):
    """Why all coupons of a batch are. ``id`` is the errand's, drawn with the form."""

    id: UUID


class Later(Why, frozen=True, kw_only=True):
    """A later last day, and why."""

    until: date


# --- The list ---


@get("/coupons", guards=[managers])
async def page(request: Ask) -> Response[str]:
    """What was given, the newest first."""
    return await _page(request)


async def _page(request: Ask, **more: object) -> Response[str]:
    desk, business, asked = desk_of(request), me(request).business, asked_for(Asked, request.query_params)
    now, language = desk.world.now(), language_of(request, desk.words)
    found = await desk.store.given(
        business.id, now=now, offer_id=asked.offer, batch_id=asked.batch, state=asked.state, after=begins_after(asked.after), limit=PAGE + 1
    )
    rows = found[:PAGE]
    offers = {one.id: one for one in await desk.store.all_offers(business.id)}
    look = desk.look(business, language, now)
    last = rows[-1][0] if len(found) > PAGE else None
    long = [errands.view(*one) for kind in ("issue", "import") for one in await desk.store.errands(business.id, kind=kind, limit=3)]
    facts: dict[str, Any] = {
        "asked": asked,
        "rows": [(look.coupon(coupon, offers[coupon.offer_id]), name, coupon.batch_id) for coupon, name in rows],
        "after": place_of(Place(last.issued_at, last.id) if last else None),
        "offers": [(str(one.id), one.title.said(language)) for one in offers.values()],
        "said_states": [(name, desk.words.said(language, words)) for name, words in STATES],
        "goes": [one for one in long if not one.over and not (one.kind == "import" and one.state == "waits")],
        "left_by": await desk.store.pools(business.id),
        "low": [one for one in offers.values() if one.source == "pool" and one.state == "running"],
        **more,
    }
    return render(request, "coupons.html", **facts)


# --- One for a customer ---


@post("/coupons/find", guards=[managers], status_code=200)
async def find(request: Ask) -> Response[str]:
    """Customers who may be meant, to give one of them a coupon. What was searched for stands in no address."""
    return await _found(request, (await filled_in(request, Sought)).q)


async def _found(request: Ask, text: str, *, gift: Gift | None = None, refused: Wrong | None = None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    sought = "".join(char for char in text if char.isprintable()).strip()
    ids = list(await desk.store.people_like(business.id, sought, limit=FOUND)) if sought else []
    if gift is not None:
        facts = await desk.store.card_facts(business_id=business.id, card_id=gift.card_id)
    else:
        facts = await _by_number(desk, business, sought)
    if facts is not None:
        ids = [facts.customer.id]
    people = await desk.store.people(business.id, ids=ids, limit=FOUND) if ids else ()
    language = language_of(request, desk.words)
    return render(
        request,
        "coupons_found.html",
        q=sought,
        people=[(one, [card for card in one.cards if card.left_at is None]) for one in people],
        programs={one.id: one.name.said(language) for one in await desk.store.programs(business.id)},
        offers=await _offers(desk, business, language),
        nonce=str(desk.world.new_id()),
        gift=gift,
        wrong=refused,
    )


async def _by_number(desk: Desk, business: Business, text: str) -> Any:
    try:
        read = codes.read(text)
    except Problem:
        return None
    return await desk.store.card_facts(business_id=business.id, number=read.value) if isinstance(read, codes.Number) else None


async def _offers(desk: Desk, business: Business, language: str) -> list[tuple[str, str]]:
    """The offers of which something new may be given, for a select."""
    return [(str(one.id), one.title.said(language)) for one in await desk.store.all_offers(business.id) if one.state == "running"]


@post("/coupons/give", guards=[managers])
async def give(request: Ask) -> Response[Any]:
    """Put a coupon on a card, with a reason."""
    desk, actor, said = desk_of(request), me(request), await filled_in(request, Gift)
    facts = await desk.store.card_facts(business_id=actor.business.id, card_id=said.card_id)
    if facts is None:
        raise NotFound(what=N_("card"))
    try:
        answer = await once_at(
            request,
            actor,
            facts.card.location_id,
            lambda caller, answering: issue.issue(desk, caller, said.card_id, said.offer_id, reason=said.reason, once=answering),
            key=said.nonce,
        )
    except (LimitReached, ReasonNeeded, PoolEmpty, Paused) as problem:
        field = "reason" if isinstance(problem, ReasonNeeded) else "offer_id"
        return await _found(request, "", gift=said, refused=await against(request, field, problem))
    given = msgspec.json.decode(answer.content)
    if (answer.status_code or 0) >= HTTP_400_BAD_REQUEST:  # refused before, and the same form came again
        return await _found(request, "", gift=said, refused=await against(request, "offer_id", given["detail"]))
    return go(f"/redemptions/coupons/{given['coupon']['id']}")


# --- Many ---


@get("/coupons/many", guards=[managers])
async def many(request: Ask) -> Response[str]:
    """Whom shall have one."""
    return await _many(request)


async def _many(request: Ask, *, refused: Wrong | None = None, **more: object) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    language = language_of(request, desk.words)
    facts: dict[str, Any] = {
        "offers": await _offers(desk, business, language),
        "whom": [
            *((f"program:{one.id}", one.name.said(language)) for one in await desk.store.programs(business.id)),
            *((f"segment:{one.id}", one.name) for one in await desk.store.segments(business.id)),
        ],
        "id": str(desk.world.new_id()),
        "wrong": refused,
        "said": None,
        "reached": 0,
        "left": None,
        **more,
    }
    return render(request, "coupons_many.html", **facts)


@post("/coupons/many", guards=[managers], status_code=200)
async def issue_many(request: Ask) -> Response[Any]:
    """First how many that would be; then, if somebody is sure, an errand."""
    desk, actor = desk_of(request), me(request)
    try:
        said = await filled_in(request, Many)
        rules = await _meant(desk, actor.business, said.whom)
        if not said.sure:
            offer = await read.running(desk, actor.business.id, said.offer_id)
            reached = await desk.store.segment_size(actor.business.id, rules, now=desk.world.now(), zone=actor.business.tz)
            left = (await desk.store.pools(actor.business.id)).get(offer.id, 0) if offer.source == "pool" else None
            return await _many(request, said=said, reached=reached, left=left)
        await coupons.to_segment(desk, actor, said.id, said.offer_id, rules)
    except Paused as problem:
        return await _many(request, refused=await against(request, "offer_id", problem))
    except Wrong as refused:
        return await _many(request, refused=refused)
    return go(f"/coupons/batches/{said.id}")


async def _meant(desk: Desk, business: Business, whom: str) -> Rules:
    kind, _, which = whom.partition(":")
    if kind == "segment":
        for segment in await desk.store.segments(business.id):
            if str(segment.id) == which:
                return segment.rules
    for program in await desk.store.programs(business.id):
        if kind == "program" and str(program.id) == which:
            return Rules(program_id=program.id)
    raise NotFound(what=N_("segment"))


# --- To print ---


@get("/coupons/print", guards=[managers])
async def to_print(request: Ask) -> Response[str]:
    """How many of which."""
    return await _to_print(request)


async def _to_print(request: Ask, *, refused: Wrong | None = None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    offers = await _offers(desk, business, language_of(request, desk.words))
    return render(
        request,
        "coupons_print.html",
        offers=offers,
        id=str(desk.world.new_id()),
        most=coupons.MOST,
        wrong=refused,
    )


@post("/coupons/print", guards=[managers])
async def make(request: Ask) -> Response[Any]:
    """Make them, one portion after the other."""
    try:
        said = await filled_in(request, Printed)
        await coupons.to_print(desk_of(request), me(request), said.id, said.offer_id, said.count)
    except (Paused, PoolEmpty) as problem:
        return await _to_print(request, refused=await against(request, "offer_id", problem))
    except Wrong as refused:
        return await _to_print(request, refused=refused)
    return go(f"/coupons/batches/{said.id}")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """An errand about coupons: what it is about and how far it is."""

    errand: Errand
    portion: Portion | None
    what: coupons.About
    offer: Offer | None


async def _batch(request: Ask, errand_id: UUID) -> Batch:
    desk, business = desk_of(request), me(request).business
    found = await desk.store.errand(business.id, errand_id)
    if found is None or found[0].kind != "issue":
        raise NotFound(what=N_("batch"))
    what = about(found[0])
    offer_id = what.offer_id if isinstance(what, ToSegment | ToPrint) else None
    offer = (await desk.store.offers(business.id, [offer_id])).get(offer_id) if offer_id else None
    return Batch(errand=found[0], portion=found[1], what=what, offer=offer)


@get("/coupons/batches/{batch_id:uuid}", guards=[managers])
async def batch(request: Ask, batch_id: FromPath[UUID]) -> Response[str]:
    """How far it is; then the sheets to print, and the way back."""
    return await _shown(request, await _batch(request, batch_id))


async def _shown(request: Ask, it: Batch, refused: Wrong | None = None) -> Response[str]:
    desk, view = desk_of(request), errands.view(it.errand, it.portion)
    parts = range(1, -(-view.done // ON_A_SHEET) + 1) if isinstance(it.what, ToPrint) and view.over else ()
    good, late = [await _any(request, it.errand.id, state) for state in ("active", "expired")]
    return render(
        request,
        "coupons_batch.html",
        errand=view,
        kind="void" if isinstance(it.what, ToVoid) else "print" if isinstance(it.what, ToPrint) else "segment",
        offer=it.offer,
        reason=it.what.reason if isinstance(it.what, ToVoid) else "",
        at=it.errand.made_at,
        batch_id=it.what.batch_id if isinstance(it.what, ToVoid) else it.errand.id,
        parts=[(part, (part - 1) * ON_A_SHEET + 1, min(part * ON_A_SHEET, view.done)) for part in parts],
        void_id=str(desk.world.new_id()),
        good=good,
        open=good or late,
        wrong=refused,
    )


async def _any(request: Ask, batch_id: UUID, state: GivenState) -> bool:
    """Whether any coupon of a batch is in a state."""
    desk = desk_of(request)
    some, _ = await desk.store.listed_coupons(me(request).business.id, now=desk.world.now(), state=state, batch_id=batch_id, limit=1)
    return bool(some)


@get("/coupons/batches/{batch_id:uuid}/sheets.pdf", guards=[managers])
async def sheets(request: Ask, batch_id: FromPath[UUID], part: FromQuery[int] = 1) -> Response[bytes]:
    """A thousand of the batch's coupons as a PDF to print and cut."""
    it = await _batch(request, batch_id)
    if it.offer is None or not isinstance(it.what, ToPrint) or part < 1:
        raise NotFound(what=N_("sheet"))
    desk, business = desk_of(request), me(request).business
    wanted: Sequence[Coupon] = ()
    number = 0
    async for some in _portions(desk, business, batch_id):
        number += 1
        if number == part:
            wanted = some
            break
    if not wanted:
        raise NotFound(what=N_("sheet"))
    offer, language = it.offer, business.languages[0]
    t, say = partial(desk.words.said, language), Saying(desk.words, language, business.tz, desk.world.now())
    slips = [
        printing.Slip(
            code=codes.joined(one.code, offer.prefix),
            shown=codes.group(one.code, offer.prefix),
            title=offer.title.said(language),
            until=t("Valid until {day}", day=say.day(one.expires_at.astimezone(business.tz).date(), year=True)) if one.expires_at else "",
            terms=offer.terms.said(language) if offer.terms else "",
        )
        for one in wanted
        if one.state == "active"
    ]
    if not slips:
        raise NotFound(what=N_("sheet"))
    return await printed(request, slips, f"coupons-{part}.pdf")


async def printed(request: Ask, slips: Sequence[printing.Slip], name: str) -> Response[bytes]:
    """Slips as a PDF, drawn in a thread: a counter does not wait for it."""
    business = me(request).business
    look = printing.Look(name=business.name, background=business.brand.background, foreground=business.brand.foreground)
    body = await run_sync(printing.sheets, slips, look, limiter=request.app.state.photos)
    return Response(body, media_type="application/pdf", headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'})


async def _portions(desk: Desk, business: Business, batch_id: UUID) -> AsyncIterator[Sequence[Coupon]]:
    after = None
    while some := await desk.store.coupons(business.id, batch_id=batch_id, after=after, limit=ON_A_SHEET):
        yield some
        after = some[-1].id


@get("/coupons/batches/{batch_id:uuid}/codes.csv", guards=[managers])
async def codes_csv(request: Ask, batch_id: FromPath[UUID]) -> Stream:
    """All coupons of a batch as CSV, streamed."""
    it = await _batch(request, batch_id)
    if it.offer is None:
        raise NotFound(what=N_("batch"))
    desk, business = desk_of(request), me(request).business
    t, offer, language = partial(desk.words.said, language_of(request, desk.words)), it.offer, language_of(request, desk.words)
    look = desk.look(business, language, desk.world.now())
    said = dict(STATES)

    async def rows() -> AsyncIterator[Sequence[str]]:
        yield [t(column) for column in COLUMNS]
        async for some in _portions(desk, business, batch_id):
            for one in some:
                view = look.coupon(one, offer)
                ends = view.expires_at.date().isoformat() if view.expires_at else ""
                yield (view.shown, view.code, view.offer.title, ends, t(said[view.state]))

    return as_csv(rows(), f"coupons-{it.errand.made_at.astimezone(business.tz):%Y-%m-%d}.csv")


# --- Taken back, made longer ---


@post("/coupons/batches/{batch_id:uuid}/void", guards=[managers])
async def void_batch(request: Ask, batch_id: FromPath[UUID]) -> Response[Any]:
    """Cancel what was not used of a batch."""
    said = await filled_in(request, WhyAll)
    try:
        await coupons.void_batch(desk_of(request), me(request), said.id, batch_id, reason=said.reason)
    except ReasonNeeded as problem:
        refused = await against(request, "reason", problem)
        return await _shown(request, await _batch(request, batch_id), refused)
    return go(f"/coupons/batches/{said.id}")


Undo = Callable[[], Awaitable[Coupon]]


@post("/coupons/{given_id:uuid}/void", guards=[managers])
async def void(request: Ask, given_id: FromPath[UUID]) -> Response[Any]:
    """Cancel one."""
    said = await filled_in(request, Why)
    desk, actor = desk_of(request), me(request)
    return await _changed(
        request, given_id, lambda: coupons.void(desk, actor.business, actor.staff.id, given_id, reason=said.reason), "void_reason"
    )


@post("/coupons/{given_id:uuid}/extend", guards=[managers])
async def extend(request: Ask, given_id: FromPath[UUID]) -> Response[Any]:
    """Make one good for longer."""
    try:
        said = await filled_in(request, Later)
    except Wrong as refused:
        return await _change(request, given_id, refused)
    desk, actor = desk_of(request), me(request)
    return await _changed(
        request, given_id, lambda: coupons.extend(desk, actor.business, actor.staff.id, given_id, said.until, reason=said.reason), "reason"
    )


async def _changed(request: Ask, coupon_id: UUID, change: Undo, field: str) -> Response[Any]:
    try:
        await change()
    except (ReasonNeeded, NotLater) as problem:
        at = "until" if isinstance(problem, NotLater) else field
        return await _change(request, coupon_id, await against(request, at, problem))
    return go(f"/redemptions/coupons/{coupon_id}")


@get("/coupons/{given_id:uuid}/change", guards=[managers])
async def change(request: Ask, given_id: FromPath[UUID]) -> Response[str]:
    """Cancel a coupon, or make it good for longer."""
    return await _change(request, given_id, None)


async def _change(request: Ask, coupon_id: UUID, refused: Wrong | None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    presented = await desk.store.coupon(business.id, coupon_id)
    if presented is None or presented.coupon.state == "pooled":
        raise NotFound(what=N_("coupon"))
    look = desk.look(business, language_of(request, desk.words), desk.world.now())
    coupon = look.presented(presented)
    return render(request, "coupon_change.html", coupon=coupon, customer=presented.customer, wrong=refused)


handlers: Final = (
    page,
    find,
    give,
    many,
    issue_many,
    to_print,
    make,
    batch,
    sheets,
    codes_csv,
    void_batch,
    void,
    extend,
    change,
)
