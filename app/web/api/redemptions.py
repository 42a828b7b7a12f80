"""Codes over HTTP: looked up, redeemed, honoured and taken back."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, post
from litestar.params import FromPath, JSONBody

from app import problems
from app.desk import basket, present, redeem, reserve, reverse, views
from app.desk.basket import Twice
from app.desk.views import BasketReversalView, BasketView, ResultsView, ReversalView, Verdict
from app.problems import InvalidRequest, WrongMediaType
from app.web.api.calls import call
from app.web.api.sales import MOST_CODES, Amount, Codes, Currency, Receipt, same, told_of
from app.web.wire import JSON, Answering, Ask, Maybe, Presentable, Strict, caller_of, desk_of, language_of, once
from passes import scan
from passes.problems import (
    AlreadyRedeemed,
    AnotherTill,
    BasketRefused,
    CardPresented,
    Expired,
    LimitReached,
    MayNotHonour,
    MistypedCode,
    NotAllowed,
    NotExpired,
    NotFound,
    NotHeld,
    NothingToReverse,
    NotYetValid,
    OutsideHours,
    Problem,
    ReasonNeeded,
    Reserved,
    SeveralCodes,
    TooLateToReverse,
    UnknownCode,
    UnreadablePhoto,
    Voided,
    WrongCurrency,
    WrongLocation,
)

LARGEST_PHOTO = 20 * 1024 * 1024
PHOTOS = ("image/jpeg", "image/png", "image/webp", "image/heic")
PRESENTED = (
    MistypedCode,
    UnknownCode,
    CardPresented,
    Voided,
    AlreadyRedeemed,
    Reserved,
    NotYetValid,
    Expired,
    WrongLocation,
    OutsideHours,
    LimitReached,
)
"""Why a code that was presented is not redeemed."""


class LookUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as it was typed or scanned."""

    code: Presentable


class Redeem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of these: a code as it was typed or scanned; the codes of a basket; or a reservation, to redeem what it holds.

    ``mode`` is for a basket: ``all`` or nothing (so if it is not said), or ``each`` by itself. The till may say the sale's receipt, and
    what was paid.
    """

    code: Presentable | None = None
    codes: Codes | None = None
    mode: Literal["all", "each"] | None = None
    reservation_id: UUID | None = None
    receipt: Receipt | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class Honour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of an expired coupon, and why it is honoured."""

    code: Presentable
    reason: Maybe


class Reverse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; a manager has to say it."""

    reason: Maybe = ""


class ReverseBasket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which redemptions of the basket, all that still hold if it does not say; and why, which a manager has to say."""

    redemption_ids: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=MOST_CODES)] | None = None
    reason: Maybe = ""


@post("/look-ups", dto=Strict[LookUp], return_dto=None, **call("redeem", "read", answers=Verdict))
async def look_up(data: JSONBody[LookUp], request: Ask) -> Response[bytes]:
    """What redeeming a code would give now; changes nothing and records nothing."""
    desk, caller = desk_of(request), caller_of(request)
    language = language_of(request, desk.words)

    def document(problem: Problem) -> dict[str, object]:
        return problems.document(problem, desk.words, language, caller.business.tz, base=desk.public_url)

    verdict = await present.look_up(desk, caller, data.code, language=language, problem=document)
    return Response(msgspec.json.encode(verdict), media_type=JSON)


@post(
    "/redemptions",
    dto=Strict[Redeem],
    return_dto=None,
    **call(
        "redeem",
        answers=views.Receipt | BasketView | ResultsView,
        status=201,
        also=(200,),
        refuses=(*PRESENTED, BasketRefused, NotFound, NotHeld, AnotherTill, WrongCurrency),
        changes=True,
    ),
)
async def redeem_typed(data: JSONBody[Redeem], request: Ask) -> Response[bytes]:
    """Redeem a coupon by its code, exactly once; or a basket of codes; or what a reservation holds.

    A basket with `mode` `each` answers 200 if none of its codes could be redeemed.
    """
    desk, caller, told = desk_of(request), caller_of(request), told_of(data)
    said = [name for name in ("code", "codes", "reservation_id") if getattr(data, name) is not None]
    if len(said) != 1:
        raise InvalidRequest(errors="send exactly one of code, codes, reservation_id")
    if data.mode is not None and data.codes is None:
        raise InvalidRequest(errors="mode: only with codes")
    language = language_of(request, desk.words)

    def document(problem: Problem) -> dict[str, object]:
        return problems.document(problem, desk.words, language, caller.business.tz, base=desk.public_url)

    async def story(answering: Answering) -> object:
        if data.code is not None:
            return await redeem.redeem(desk, caller, data.code, channel="api", once=answering, told=told)
        if data.reservation_id is not None:
            return await reserve.redeem(desk, caller, data.reservation_id, told=told, once=answering)
        shown = basket.showing(desk, caller, data.codes or ())
        try:
            if data.mode != "each":
                return await basket.redeem_all(desk, caller, shown, channel="api", once=answering, told=told)
            return await basket.redeem_each(desk, caller, shown, channel="api", once=answering, problem=document, told=told)
        except Twice as twice:
            raise same(twice) from None

    return await once(request, 201, story, language=language, at_a_stroke=data.code is not None)


@post(
    "/redemptions/photo",
    request_max_body_size=LARGEST_PHOTO,
    **call(
        "redeem",
        answers=views.Receipt,
        status=201,
        takes=PHOTOS,
        refuses=(*PRESENTED, UnreadablePhoto, SeveralCodes, WrongMediaType),
        changes=True,
    ),
)
async def redeem_photo(request: Ask) -> Response[bytes]:
    """Redeem a coupon by a photo of its code (JPEG, PNG, WebP or HEIC as the body, up to 12 megapixels)."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise WrongMediaType(accepted=", ".join(PHOTOS))
    photo = await request.body()

    return await once(
        request,
        201,
        lambda answer: redeem.redeem_photo(
            desk_of(request), caller_of(request), run_sync(scan.read_photo, photo, limiter=request.app.state.photos), once=answer
        ),
    )


@post(
    "/goodwill",
    dto=Strict[Honour],
    return_dto=None,
    **call("redeem", answers=views.Receipt, status=201, refuses=(*PRESENTED, NotExpired, MayNotHonour, ReasonNeeded), changes=True),
)
async def honour(data: JSONBody[Honour], request: Ask) -> Response[bytes]:
    """Honour an expired coupon, with a reason; never counted as a redemption."""
    return await once(
        request,
        201,
        lambda answer: redeem.honour(desk_of(request), caller_of(request), data.code, reason=data.reason, channel="api", once=answer),
    )


@post(
    "/redemptions/{redemption_id:uuid}/reversal",
    dto=Strict[Reverse],
    return_dto=None,
    **call(
        "redeem",
        answers=ReversalView,
        status=201,
        refuses=(NotFound, NothingToReverse, TooLateToReverse, NotAllowed, ReasonNeeded),
        changes=True,
    ),
)
async def take_back(redemption_id: FromPath[UUID], data: JSONBody[Reverse], request: Ask) -> Response[bytes]:
    """Take a redemption back: within 15 minutes by the same key, later by a manager with a reason."""
    return await once(
        request,
        201,
        lambda answer: reverse.reverse(desk_of(request), caller_of(request), redemption_id, reason=data.reason, once=answer),
    )


@post(
    "/baskets/{basket_id:uuid}/reversal",
    dto=Strict[ReverseBasket],
    return_dto=None,
    **call(
        "redeem",
        answers=BasketReversalView,
        status=201,
        refuses=(NotFound, NothingToReverse, TooLateToReverse, NotAllowed, ReasonNeeded),
        changes=True,
    ),
)
async def take_basket_back(basket_id: FromPath[UUID], data: JSONBody[ReverseBasket], request: Ask) -> Response[bytes]:
    """Take back what still holds of a basket, or some redemptions of it: all of these or none, by the rule of a single one."""
    return await once(
        request,
        201,
        lambda answer: reverse.reverse_basket(
            desk_of(request), caller_of(request), basket_id, data.redemption_ids, reason=data.reason, once=answer
        ),
    )


handlers = (look_up, redeem_typed, redeem_photo, honour, take_back, take_basket_back)
