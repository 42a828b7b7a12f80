"""Coupons held for a basket over HTTP."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from app.desk import reserve
from app.desk.basket import Twice
from app.desk.views import ReservationView
from app.store import Place
from app.web.api.calls import Nothing, call
from app.web.api.lists import USUAL, After, Limit, answer, page, page_of, place_asked, reading
from app.web.api.sales import Codes, Receipt, same
from app.web.wire import Answering, Ask, Strict, caller_of, desk_of, language_of, once
from passes.coupons import LONGEST_HOLD
from passes.problems import AnotherTill, NotFound, NotHeld, ReservationRefused

MOST: Final = int(LONGEST_HOLD.total_seconds()) // 60
"""Minutes that a reservation holds, unless it says fewer."""


class Reserve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes as they were typed or scanned, for how many minutes they are held, and the receipt of the basket, if it is known."""

    codes: Codes
    minutes: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = MOST
    receipt: Receipt | None = None


@post(
    "/reservations",
    dto=Strict[Reserve],
    return_dto=None,
    **call("redeem", answers=ReservationView, status=201, refuses=(ReservationRefused,), changes=True),
)
async def hold(data: JSONBody[Reserve], request: Ask) -> Response[bytes]:
    """Hold coupons for a basket: nobody else redeems them until it is redeemed or released, or its minutes are over. All or nothing.

    What is held counts for limits, so that it can be redeemed. A coupon is held for 15 minutes of any half hour at the most.
    """

    async def story(answering: Answering) -> object:
        desk, caller = desk_of(request), caller_of(request)
        try:
            return await reserve.hold(desk, caller, data.codes, minutes=data.minutes, receipt=(data.receipt or "").strip(), once=answering)
        except Twice as twice:
            raise same(twice) from None

    return await once(request, 201, story)


@get("/reservations", **reading("redeem", "read", answers=page(ReservationView)))
async def holding(request: Ask, limit: Limit = USUAL, after: After = "") -> Response[Any]:
    """What is held now, the newest first: for a till that has forgotten."""
    desk = desk_of(request)
    language = language_of(request, desk.words)
    held = await reserve.holding(desk, caller_of(request), language=language, after=place_asked(request, after), limit=limit + 1)
    return page_of(request, held, lambda view: view, lambda view: Place(view.at, view.id))


@get("/reservations/{reservation_id:uuid}", **reading("redeem", "read", answers=ReservationView, refuses=(NotFound,)))
async def reservation(reservation_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A reservation, and how it stands: held, redeemed, released, or ended by time."""
    desk = desk_of(request)
    return answer(request, await reserve.reservation(desk, caller_of(request), reservation_id, language=language_of(request, desk.words)))


@post(
    "/reservations/{reservation_id:uuid}/release",
    dto=Strict[Nothing],
    return_dto=None,
    **call("redeem", answers=ReservationView, refuses=(NotFound, AnotherTill, NotHeld), changes=True),
)
async def release(reservation_id: FromPath[UUID], data: JSONBody[Nothing], request: Ask) -> Response[bytes]:  # noqa: ARG001 (the body is empty)
    """Let go what is held before its time is over: with the key that made it, one of its location, or one that may manage."""
    return await once(request, 200, lambda answering: reserve.release(desk_of(request), caller_of(request), reservation_id, once=answering))


handlers = (hold, holding, reservation, release)
