"""Codes over HTTP: looked up, redeemed, honoured and taken back."""

from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, post
from litestar.params import FromPath, JSONBody

from app import problems
from app.desk import present, redeem, reverse
from app.desk.views import Receipt, ReversalView, Verdict
from app.problems import WrongMediaType
from app.web.api.calls import call
from app.web.wire import Ask, Maybe, Presentable, Strict, caller_of, desk_of, language_of, once
from passes import scan
from passes.problems import (
    AlreadyRedeemed,
    CardPresented,
    Expired,
    LimitReached,
    MayNotHonour,
    MistypedCode,
    NotAllowed,
    NotExpired,
    NotFound,
    NothingToReverse,
    NotYetValid,
    OutsideHours,
    Problem,
    ReasonNeeded,
    SeveralCodes,
    TooLateToReverse,
    UnknownCode,
    UnreadablePhoto,
    Voided,
    WrongLocation,
)

LARGEST_PHOTO = 20 * 1024 * 1024
PRESENTED = (
    MistypedCode,
    UnknownCode,
    CardPresented,
    Voided,
    AlreadyRedeemed,
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
    """A code as it was typed or scanned."""

    code: Presentable


class Honour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of an expired coupon, and why it is honoured."""

    code: Presentable
    reason: Maybe


class Reverse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; a manager has to say it."""

    reason: Maybe = ""


@post("/look-ups", dto=Strict[LookUp], return_dto=None, **call("redeem", "read", answers=Verdict))
async def look_up(data: JSONBody[LookUp], request: Ask) -> Verdict:
    """What redeeming a code would give now; changes nothing and records nothing."""
    desk, caller = desk_of(request), caller_of(request)
    language = language_of(request, desk.words)

    def document(problem: Problem) -> dict[str, object]:
        return problems.document(problem, desk.words, language, caller.business.tz, base=desk.public_url)

    return await present.look_up(desk, caller, data.code, language=language, problem=document)


@post(
    "/redemptions",
    dto=Strict[Redeem],
    return_dto=None,
    **call("redeem", answers=Receipt, status=201, refuses=PRESENTED, changes=True),
)
async def redeem_typed(data: JSONBody[Redeem], request: Ask) -> Response[bytes]:
    """Redeem a coupon by its code, exactly once."""
    return await once(
        request,
        201,
        lambda answer: redeem.redeem(desk_of(request), caller_of(request), data.code, channel="api", once=answer),
    )


@post(
    "/redemptions/photo",
    request_max_body_size=LARGEST_PHOTO,
    **call("redeem", answers=Receipt, status=201, refuses=(*PRESENTED, UnreadablePhoto, SeveralCodes, WrongMediaType), changes=True),
)
async def redeem_photo(request: Ask) -> Response[bytes]:
    """Redeem a coupon by a photo of its code (JPEG, PNG, WebP or HEIC as the body, up to 12 megapixels)."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise WrongMediaType(accepted="image/jpeg, image/png, image/webp, image/heic")
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
    **call("redeem", answers=Receipt, status=201, refuses=(*PRESENTED, NotExpired, MayNotHonour, ReasonNeeded), changes=True),
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


handlers = (look_up, redeem_typed, redeem_photo, honour, take_back)
