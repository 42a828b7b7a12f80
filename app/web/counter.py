"""The screen at the counter (``/counter``): a code is presented, and the answer is drawn as one panel that owns the screen."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, Router, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from app import money, problems
from app.desk import autopilot, find, issue, pictures, present, read, redeem, reverse
from app.desk import earn as earning
from app.desk.issue import IssuedView
from app.desk.views import EarnedView, Receipt, ReversalView, Verdict
from app.problems import KeyInFlight, KeyMissing, KeyReused, NotACounter, WrongMediaType
from app.store import Caller, Counting, Filter
from app.web import at_counter, join, pages
from app.web.pages import Connection, counting_of, render
from app.web.sessions import enrolled, staffed
from app.web.wire import Ask, Maybe, Presentable, Story, Strict, caller_of, desk_of, log, once
from passes import artwork, codes, coupons, scan
from passes.businesses import MANAGERS
from passes.problems import Busy, NotAllowed, NotFound, Problem
from passes.programs import BySpend
from passes.words import N_

LARGEST_BODY: Final = 64 * 1024
LARGEST_PHOTO: Final = 20 * 1024 * 1024
LAST: Final = 10
"""How many of their own redemptions a person sees again."""
NAMES_A_COUPON: Final = frozenset(
    {
        "voided",
        "already_redeemed",
        "reserved",
        "not_yet_valid",
        "expired",
        "wrong_location",
        "outside_hours",
        "staff_needed",
        "limit_reached",
    }
)
"""Refusals of a coupon that we know: the panel says whose it is and what it would have given."""
Document = dict[str, Any]
"""A problem's document (app.problems.document), as JSON has it: fresh and replayed ones look the same."""

Seen = Literal["typed", "camera", "scanner", "photo"]


class Present(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as it was typed or scanned. ``sure``: it was shown what it would give, and somebody said yes."""

    code: Presentable
    channel: Seen = "typed"
    sure: bool = False


class Honour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of an expired coupon, and why it is honoured."""

    code: Presentable
    reason: Maybe
    channel: Seen = "typed"


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; a manager who takes back what a colleague redeemed, or later, has to say it."""

    reason: Maybe = ""


class Earn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A count of stamps or points, or the amount spent in minor units; neither means one visit."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    amount: Annotated[int, msgspec.Meta(ge=0, le=10**12)] | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of a customer's name or phone number."""

    text: Maybe


class Compensate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which offer somebody gets, on which card, and why."""

    card_id: UUID
    offer_id: UUID
    reason: Maybe


# --- Who may do what on which counter ---


async def by_people(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard: somebody of the staff stands here; no kiosk and no autopilot. Raises NotAllowed."""
    if here(connection).counter.kind != "staff":
        raise NotAllowed


def here(connection: Connection) -> Counting:
    """The counter that this browser is; every call here is guarded by ``enrolled``."""
    counting = counting_of(connection)
    if counting is None:
        raise NotACounter
    return counting


def asks_first(connection: Connection) -> bool:
    """Whether a code is first shown. At a kiosk always: a customer who wants to see their progress shall not use up a reward by it."""
    kind = here(connection).counter.kind
    return kind == "kiosk" or (kind == "staff" and caller_of(connection).business.asks_first)


async def by_staff_only(request: Ask) -> frozenset[UUID]:
    """The offers that this counter may not give although their code is ready on a card: at a kiosk, those that want staff."""
    counting = here(request)
    if counting.counter.kind != "kiosk":
        return frozenset()
    return frozenset(offer.id for offer in await desk_of(request).store.all_offers(counting.business.id) if not offer.at_kiosk)


# --- The page ---


@get("/", guards=[enrolled])
async def counter(request: Ask) -> Response[str]:
    """The screen: who is here, the camera, the field, and the answer."""
    caller: Caller | None = request.scope["state"]["caller"]
    people = () if caller else await at_counter.people_here(request)
    counting = here(request)
    doors = await join.doors(desk_of(request), counting.business, [counting.location]) if counting.counter.kind != "autopilot" else ()
    return render(request, "counter.html", caller=caller, people=people, doors=doors[:1])


@get("/offline", guards=[enrolled])
async def offline(request: Ask) -> Response[str]:
    """What the service worker shows when the page cannot be had."""
    return render(request, "counter_offline.html")


@get("/worker.js", sync_to_thread=False)
def worker(request: Ask) -> Response[str]:
    """The service worker: it keeps nothing but the page that says that there is no connection."""
    drawn = render(request, "counter_worker.js", headers={"Service-Worker-Allowed": "/counter"})
    drawn.media_type = "text/javascript"
    return drawn


@get("/manifest.webmanifest", guards=[enrolled])
async def manifest(request: Ask) -> Response[bytes]:
    """How the counter is installed on a home screen."""
    business = here(request).business
    said = {
        "name": business.name,
        "short_name": business.name,
        "id": "/counter",
        "start_url": "/counter",
        "scope": "/counter",
        "display": "standalone",
        "background_color": business.brand.background,
        "theme_color": business.brand.background,
        "icons": [{"src": "/counter/icon.png", "sizes": "660x660", "type": "image/png", "purpose": "any"}],
    }
    return Response(msgspec.json.encode(said), media_type="application/manifest+json", headers=pages.HEADERS)


@get("/icon.png", guards=[enrolled])
async def icon(request: Ask) -> Response[bytes]:
    """The business's mark on the home screen."""
    brand = here(request).business.brand
    drawn = await run_sync(artwork.program_logo, brand, await pictures.art(desk_of(request), brand))
    return Response(drawn, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


# --- The answer panels ---


def language_of(request: Ask) -> str:
    """The language of this page."""
    return pages.language_of(request, desk_of(request).words)


def document(request: Ask, problem: Problem) -> Document:
    """A problem's document as JSON has it."""
    said: Document = msgspec.json.decode(msgspec.json.encode(pages.document(request, problem)))
    return said


async def settled(request: Ask, story: Story) -> tuple[bytes, Document | None]:
    """Run a story once per key: its answer as JSON, or the document of its refusal. A request that is no presentation raises."""
    try:
        answer = await once(request, HTTP_201_CREATED, story, language=language_of(request), moment=pages.saying_of(request).dated)
    except (Busy, KeyInFlight, KeyMissing, KeyReused):
        raise
    except Problem as problem:
        log.info("refused", word=problem.word)
        return b"", document(request, problem)
    if answer.status_code and answer.status_code >= HTTPStatus.BAD_REQUEST:
        return b"", msgspec.json.decode(answer.content)
    return answer.content, None


async def refused(
    request: Ask, said: Document, *, typed: str = "", channel: Seen = "typed", verdict: Verdict | None = None
) -> Response[str]:
    """Why not, what to say to the customer, and what can be done about it. A card's own number is no refusal: it shows the card."""
    word: str = said["word"]
    facts: dict[str, Any] = said["facts"]
    if word == "card_presented":
        return await card_panel(request, UUID(facts["card_id"]))
    desk, caller = desk_of(request), caller_of(request)
    if verdict is None and typed and word in NAMES_A_COUPON:
        verdict = await present.look_up(desk, caller, typed, language=language_of(request), problem=lambda _: {})
    return render(
        request,
        "counter_refused.html",
        status=said["status"],
        headers={"X-Problem": word},
        kind=here(request).counter.kind,
        problem=said,
        moments={name: datetime.fromisoformat(facts[name]) for name in ("at", "expired_at", "valid_from") if facts.get(name)},
        tone="decide" if word in ("expired", "staff_needed", "reserved") else "refused",
        coupon=verdict.coupon if verdict else None,
        customer=verdict.customer if verdict else "",
        card=verdict.card if verdict else None,
        typed=typed,
        channel=channel,
        by_staff_only=await by_staff_only(request),
    )


async def looked(request: Ask, typed: str, *, channel: Seen) -> Response[str]:
    """What a code would give, before somebody says yes."""
    desk, caller = desk_of(request), caller_of(request)
    verdict = await present.look_up(desk, caller, typed, language=language_of(request), problem=lambda problem: document(request, problem))
    if verdict.problem is not None:
        return await refused(request, verdict.problem, typed=typed, channel=channel, verdict=verdict)
    if verdict.coupon is None:
        if verdict.card is None:
            raise NotFound(what=N_("card"))
        return await card_panel(request, verdict.card.id)
    return render(
        request,
        "counter_look.html",
        kind=here(request).counter.kind,
        coupon=verdict.coupon,
        customer=verdict.customer,
        card=verdict.card,
        typed=typed,
        channel=channel,
        by_staff_only=await by_staff_only(request),
    )


async def given(request: Ask, body: bytes) -> Response[str]:
    """What to give, to whom, and what to press; it can be taken back for 15 minutes."""
    desk, caller = desk_of(request), caller_of(request)
    receipt = msgspec.json.decode(body, type=Receipt)
    coupon = receipt.coupon
    card = await read.card(desk, caller, str(coupon.card_id), language=language_of(request)) if coupon.card_id else None
    return render(
        request,
        "counter_given.html",
        kind=here(request).counter.kind,
        receipt=receipt,
        card=card,
        by_staff_only=await by_staff_only(request),
        left=max(0, int((receipt.redemption.at + coupons.UNDO - desk.world.now()).total_seconds())),
    )


async def card_panel(request: Ask, card_id: UUID, *, earned: EarnedView | None = None, issued: IssuedView | None = None) -> Response[str]:
    """A card as it is now: progress, what is ready, and what staff may add. ``earned`` and ``issued`` say what has just happened."""
    desk, caller = desk_of(request), caller_of(request)
    business = caller.business
    facts = await read.card_facts(desk, business.id, str(card_id))
    look = desk.look(business, language_of(request), desk.world.now())
    by_people_ = here(request).counter.kind == "staff"
    offers = await desk.store.all_offers(business.id) if by_people_ and caller.person.role in MANAGERS else ()
    return render(
        request,
        "counter_card.html",
        kind=here(request).counter.kind,
        card=look.card(facts),
        by_staff_only=await by_staff_only(request),
        by_spend=isinstance(facts.program.earning, BySpend),
        each=facts.program.earning.each,
        cents=money.digits(business.currency),
        offers=[(str(offer.id), look.offer(offer).title) for offer in offers],
        earned=earned,
        issued=issued,
    )


# --- What can be asked at a counter ---


@post("/present", guards=[staffed], dto=Strict[Present], return_dto=None, status_code=HTTP_200_OK)
async def present_code(data: JSONBody[Present], request: Ask) -> Response[str]:
    """A code is presented: redeemed at once, or shown first where the business wants that."""
    desk, caller = desk_of(request), caller_of(request)
    if asks_first(request) and not data.sure:
        return await looked(request, data.code, channel=data.channel)
    if here(request).counter.kind == "autopilot":
        body, problem = await settled(request, lambda once: autopilot.present(desk, caller, data.code, channel=data.channel, once=once))
        if problem is None and b'"added":' in body:
            return await earned(request, body)
    else:
        body, problem = await settled(request, lambda once: redeem.redeem(desk, caller, data.code, channel=data.channel, once=once))
    if problem is not None:
        return await refused(request, problem, typed=data.code, channel=data.channel)
    return await given(request, body)


async def earned(request: Ask, body: bytes) -> Response[str]:
    """The card after something was added to it."""
    view = msgspec.json.decode(body, type=EarnedView)
    return await card_panel(request, view.card.id, earned=view)


@post("/photo", guards=[staffed], request_max_body_size=LARGEST_PHOTO, status_code=HTTP_200_OK)
async def photo(request: Ask) -> Response[str]:
    """A photo of a code, where the camera is not allowed."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise WrongMediaType(accepted="image/jpeg, image/png, image/webp, image/heic")
    desk, caller, picture = desk_of(request), caller_of(request), await request.body()
    texts: list[str] = []

    async def reading() -> tuple[str, ...]:
        texts[:] = await run_sync(scan.read_photo, picture, limiter=request.app.state.photos)
        return tuple(texts)

    if asks_first(request):
        try:
            typed = present.one_code(await reading(), caller)
        except Problem as problem:
            return await refused(request, document(request, problem))
        return await looked(request, typed, channel="photo")
    body, problem_ = await settled(request, lambda once: redeem.redeem_photo(desk, caller, reading(), once=once))
    if problem_ is None:
        return await given(request, body)
    typed = present.one_code(tuple(texts) or await reading(), caller) if problem_["word"] in NAMES_A_COUPON else ""
    return await refused(request, problem_, typed=typed, channel="photo")


@post("/honour", guards=[staffed, by_people], dto=Strict[Honour], return_dto=None, status_code=HTTP_200_OK)
async def honour(data: JSONBody[Honour], request: Ask) -> Response[str]:
    """Goodwill: an expired coupon is honoured, with a reason."""
    desk, caller = desk_of(request), caller_of(request)
    body, problem = await settled(
        request, lambda once: redeem.honour(desk, caller, data.code, reason=data.reason, channel=data.channel, once=once)
    )
    return await given(request, body) if problem is None else await refused(request, problem, typed=data.code, channel=data.channel)


@post("/reversal/{redemption_id:uuid}", guards=[staffed, by_people], dto=Strict[TakeBack], return_dto=None, status_code=HTTP_200_OK)
async def take_back(redemption_id: FromPath[UUID], data: JSONBody[TakeBack], request: Ask) -> Response[str]:
    """Undo: for 15 minutes, or as a manager with a reason."""
    desk, caller = desk_of(request), caller_of(request)
    body, problem = await settled(request, lambda once: reverse.reverse(desk, caller, redemption_id, reason=data.reason, once=once))
    if problem is not None:
        return await refused(request, problem)
    return render(request, "counter_undone.html", view=msgspec.json.decode(body, type=ReversalView))


@post("/earn/{card_id:uuid}", guards=[staffed, by_people], dto=Strict[Earn], return_dto=None, status_code=HTTP_200_OK)
async def earn(card_id: FromPath[UUID], data: JSONBody[Earn], request: Ask) -> Response[str]:
    """Add a visit's stamps, a count, or what an amount is worth."""
    desk, caller = desk_of(request), caller_of(request)
    body, problem = await settled(
        request, lambda once: earning.earn(desk, caller, str(card_id), count=data.count, amount=data.amount, once=once)
    )
    return await earned(request, body) if problem is None else await refused(request, problem)


@post("/compensation", guards=[staffed, by_people], dto=Strict[Compensate], return_dto=None, status_code=HTTP_200_OK)
async def compensate(data: JSONBody[Compensate], request: Ask) -> Response[str]:
    """A manager puts a coupon on a card, with a reason."""
    desk, caller = desk_of(request), caller_of(request)
    body, problem = await settled(
        request, lambda once: issue.issue(desk, caller, data.card_id, data.offer_id, reason=data.reason, once=once)
    )
    if problem is not None:
        return await refused(request, problem)
    view = msgspec.json.decode(body, type=IssuedView)
    return await card_panel(request, view.card_id, issued=view)


@post("/cards/{card_id:uuid}", guards=[staffed, by_people], status_code=HTTP_200_OK)
async def card(card_id: FromPath[UUID], request: Ask) -> Response[str]:
    """The card of somebody who was found."""
    return await card_panel(request, card_id)


@post("/find", guards=[staffed, by_people], dto=Strict[Search], return_dto=None, status_code=HTTP_200_OK)
async def search(data: JSONBody[Search], request: Ask) -> Response[str]:
    """Customers by part of a name or a phone number."""
    hits = await find.find(desk_of(request), caller_of(request), data.text, language=language_of(request))
    return render(request, "counter_hits.html", hits=hits, enough=len(data.text.strip()) >= find.LEAST, least=find.LEAST)


@post("/last", guards=[staffed, by_people], status_code=HTTP_200_OK)
async def last(request: Ask) -> Response[str]:
    """My own last presentations on this counter."""
    desk, caller = desk_of(request), caller_of(request)
    person = caller.person
    mine = Filter(counters=(person.counter_id,), staff=(person.staff_id,))
    past = await desk.store.past(caller.business.id, mine, limit=LAST)
    now, language = desk.world.now(), language_of(request)
    rows = [
        (
            one,
            codes.group(one.code, one.prefix) if one.code else one.presented,
            one.title.said(language) if one.title else "",
            desk.words.said(language, problems.TITLES[one.word]) if one.word else "",
            one.status in ("redeemed", "goodwill") and now <= one.at + coupons.UNDO,
        )
        for one in past
    ]
    return render(request, "counter_last.html", rows=rows)


handlers = [
    Router(
        "/counter",
        route_handlers=[
            counter,
            offline,
            worker,
            manifest,
            icon,
            present_code,
            photo,
            honour,
            take_back,
            earn,
            compensate,
            card,
            search,
            last,
        ],
        request_max_body_size=LARGEST_BODY,
    )
]
