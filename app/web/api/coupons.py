"""Coupons over HTTP: listed, given, cancelled and extended."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.desk import coupons as changing
from app.desk import issue, read
from app.desk.issue import GivenView
from app.desk.views import CouponStory, CouponView
from app.problems import InvalidRequest
from app.store import GivenState, Place
from app.web.api.calls import call
from app.web.api.history import moment
from app.web.api.lists import USUAL, After, Limit, answer, page, page_of, place_asked, reading
from app.web.wire import Ask, Maybe, Short, Strict, caller_of, desk_of, language_of, once
from passes.coupons import Coupon
from passes.offers import LAST_YEAR
from passes.problems import (
    AlreadyRedeemed,
    LimitReached,
    NotAllowed,
    NotFound,
    NotLater,
    Paused,
    PoolEmpty,
    ReasonNeeded,
    Voided,
)

MOST_GIVEN = 100
"""Coupons that are given at once: they are one unit."""
Standing = Annotated[
    GivenState | None, QueryParameter(name="state", description="How they stand now; one whose time is over is `expired`.")
]


class Give(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coupon of an offer for a card, or for a customer (on the card that they used last); or `count` that are nobody's. One of the three.

    With a `reason`, one on a card is a compensation. ``valid_from``: not before then.
    """

    offer_id: UUID
    card_id: UUID | None = None
    customer_id: UUID | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_GIVEN)] | None = None
    valid_from: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    reason: Maybe = ""


class Void(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Short


class Extend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new last day, and why."""

    until: date
    reason: Short


@get("/coupons", **reading("read", answers=page(CouponView)))
async def coupons(
    request: Ask,
    *,
    limit: Limit = USUAL,
    after: After = "",
    standing: Standing = None,
    offer_id: FromQuery[UUID | None] = None,
    batch_id: FromQuery[UUID | None] = None,
    card_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
) -> Response[Any]:
    """Coupons that were given, the newest first; those of a customer or card that was merged are now of whom they became.

    A page may hold fewer than `limit`, or none, and still have a `next`.
    """
    desk, business, now = desk_of(request), caller_of(request).business, desk_of(request).world.now()
    place = place_asked(request, after)
    if customer_id is not None and (person := await desk.store.customer(business.id, customer_id)) is not None:
        customer_id = person.merged_into or customer_id
    if card_id is not None:  # by the customer there is an index, and nobody has many
        facts = await desk.store.card_facts(business_id=business.id, card_id=card_id)
        card = (await read.followed(desk, facts)).card if facts else None
        card_id, customer_id = card.id if card else card_id, customer_id or (card.customer_id if card else card_id)
    rows, ended = await desk.store.listed_coupons(
        business.id,
        now=now,
        state=standing,
        offer_id=offer_id,
        batch_id=batch_id,
        card_id=card_id,
        customer_id=customer_id,
        after=place,
        limit=limit + 1,
    )
    offers = await desk.store.offers(business.id, list({one.offer_id for one in rows})) if rows else {}
    look = desk.look(business, language_of(request, desk.words), now)

    def given(one: Coupon) -> Place:
        return Place(one.issued_at, one.id)

    return page_of(request, rows, lambda one: look.coupon(one, offers[one.offer_id]), given, ended=ended)


@get("/coupons/{coupon_id:uuid}", **reading("read", "redeem", "issue", answers=CouponStory, refuses=(NotFound,)))
async def coupon(coupon_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A coupon and everything that happened to it at a counter."""
    desk = desk_of(request)
    return answer(request, await read.coupon(desk, caller_of(request), coupon_id, language=language_of(request, desk.words)))


@post(
    "/coupons",
    dto=Strict[Give],
    return_dto=None,
    **call("issue", answers=GivenView, status=201, refuses=(NotFound, NotAllowed, Paused, PoolEmpty, LimitReached), changes=True),
)
async def give(data: JSONBody[Give], request: Ask) -> Response[bytes]:
    """Give a coupon to somebody, or up to 100 to whoever has their codes."""
    if sum(one is not None for one in (data.card_id, data.customer_id, data.count)) != 1:  # nothing is minted for nobody by an oversight
        raise InvalidRequest(errors="exactly one of card_id, customer_id, count")
    valid_from = moment("valid_from", data.valid_from)
    if valid_from is not None and valid_from.year > LAST_YEAR:
        raise InvalidRequest(errors="valid_from: no time that there is")
    return await once(
        request,
        201,
        lambda answer: issue.give(
            desk_of(request),
            caller_of(request),
            data.offer_id,
            card=str(data.card_id) if data.card_id else "",
            customer_id=data.customer_id,
            count=data.count or 1,
            valid_from=valid_from,
            reason=data.reason,
            once=answer,
        ),
    )


@post(
    "/coupons/{coupon_id:uuid}/void",
    dto=Strict[Void],
    return_dto=None,
    **call("manage", answers=CouponView, refuses=(NotFound, NotAllowed, Voided, AlreadyRedeemed, ReasonNeeded), changes=True),
)
async def void(coupon_id: FromPath[UUID], data: JSONBody[Void], request: Ask) -> Response[bytes]:
    """Cancel a coupon that was not used."""
    return await once(
        request,
        200,
        lambda answer: changing.change_once(desk_of(request), caller_of(request), coupon_id, until=None, reason=data.reason, once=answer),
    )


@post(
    "/coupons/{coupon_id:uuid}/extend",
    dto=Strict[Extend],
    return_dto=None,
    **call("manage", answers=CouponView, refuses=(NotFound, NotAllowed, Voided, AlreadyRedeemed, NotLater, ReasonNeeded), changes=True),
)
async def extend(coupon_id: FromPath[UUID], data: JSONBody[Extend], request: Ask) -> Response[bytes]:
    """A coupon is good to the end of a later day; one that had expired can be used again."""
    return await once(
        request,
        200,
        lambda answer: changing.change_once(
            desk_of(request), caller_of(request), coupon_id, until=data.until, reason=data.reason, once=answer
        ),
    )


handlers = (coupons, coupon, give, void, extend)
