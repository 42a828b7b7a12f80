"""What was presented, over HTTP: redemptions (also taken back, and goodwill) and refusals, the newest first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from app.problems import InvalidRequest
from app.store import Filter, Past, Place, Sale, Status
from app.web.api import lists
from app.web.api.lists import After, Limit, answer, page_of, reading
from app.web.wire import Ask, caller_of, desk_of, language_of
from passes import codes
from passes.coupons import Channel
from passes.problems import NotFound
from passes.words import N_

Since = Annotated[datetime | None, QueryParameter(description="From this moment on.")]
Until = Annotated[datetime | None, QueryParameter(description="Before this moment.")]
Used = Literal["redeemed", "reversed", "goodwill"]
Standing = Annotated[Used | None, QueryParameter(name="state", description="How they stand now.")]
USED: Sequence[Status] = ("redeemed", "reversed", "goodwill")


class RedemptionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption as it stands: ``reversed`` once it was taken back. ``reason`` says why it was honoured, or taken back.

    ``receipt``, ``amount`` (minor units) and ``currency`` are what the till said of the sale; ``counter_id`` is then the id of its key.
    """

    id: UUID
    state: Used
    at: datetime
    code: str
    coupon_id: UUID | None
    card_id: UUID | None
    customer: str
    offer_id: UUID | None
    offer: str
    location_id: UUID
    location: str
    staff_id: UUID
    staff: str
    channel: Channel
    reason: str
    basket_id: UUID | None
    receipt: str
    amount: int | None
    currency: str
    counter_id: UUID
    reversed_at: datetime | None


class RefusalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was presented and not redeemed: what it was, and why (``word``)."""

    id: UUID
    at: datetime
    word: str
    presented: str
    coupon_id: UUID | None
    card_id: UUID | None
    customer: str
    offer_id: UUID | None
    offer: str
    location_id: UUID
    location: str
    staff_id: UUID
    staff: str
    channel: Channel


def moment(name: str, at: datetime | None) -> datetime | None:
    """A moment that was asked for, in UTC. Raises InvalidRequest for one without its offset, or beyond the calendar."""
    try:
        if at is not None and at.tzinfo is None:
            raise InvalidRequest(errors=f"{name}: a time needs its offset, as in 2026-11-22T14:05:00Z")
        return at.astimezone(UTC) if at else None
    except OverflowError:
        raise InvalidRequest(errors=f"{name}: no time that there is") from None


async def _sales(request: Ask, found: Sequence[Past]) -> Mapping[UUID, Sale]:
    """What tills said of the sales of redemptions, by basket."""
    baskets = {past.basket_id for past in found if past.basket_id}
    return await desk_of(request).store.sales_of(caller_of(request).business.id, list(baskets)) if baskets else {}


def _line(request: Ask, sales: Mapping[UUID, Sale], past: Past) -> RedemptionLine:
    zone, sale = caller_of(request).business.tz, sales.get(past.basket_id) if past.basket_id else None
    return RedemptionLine(
        id=past.id,
        state=past.status,  # type: ignore[arg-type]
        at=past.at.astimezone(zone),
        code=codes.joined(past.code, past.prefix),
        coupon_id=past.coupon_id,
        card_id=past.card_id,
        customer=past.customer,
        offer_id=past.offer_id,
        offer=_offer(request, past),
        location_id=past.location_id,
        location=past.location,
        staff_id=past.staff_id,
        staff=past.staff,
        channel=past.channel,
        reason=past.reason,
        basket_id=past.basket_id,
        receipt=sale.receipt if sale else "",
        amount=sale.amount if sale else None,
        currency=sale.currency if sale else "",
        counter_id=past.counter_id,
        reversed_at=past.reversed_at.astimezone(zone) if past.reversed_at else None,
    )


def _refusal(request: Ask, past: Past) -> RefusalLine:
    return RefusalLine(
        id=past.id,
        at=past.at.astimezone(caller_of(request).business.tz),
        word=past.word,
        presented=past.presented,
        coupon_id=past.coupon_id,
        card_id=past.card_id,
        customer=past.customer,
        offer_id=past.offer_id,
        offer=_offer(request, past),
        location_id=past.location_id,
        location=past.location,
        staff_id=past.staff_id,
        staff=past.staff,
        channel=past.channel,
    )


def _offer(request: Ask, past: Past) -> str:
    return past.title.said(language_of(request, desk_of(request).words)) if past.title else ""


def _wanted(
    statuses: Sequence[Status],
    *,
    location_id: UUID | None,
    offer_id: UUID | None,
    staff_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
) -> Filter:
    return Filter(
        statuses=tuple(statuses),
        locations=(location_id,) if location_id else (),
        offers=(offer_id,) if offer_id else (),
        staff=(staff_id,) if staff_id else (),
        since=moment("since", since),
        until=moment("until", until),
    )


async def _past(request: Ask, wanted: Filter, after: str, limit: int) -> Sequence[Past]:
    place = lists.place_asked(request, after)
    return await desk_of(request).store.past(caller_of(request).business.id, wanted, after=place, limit=limit + 1)


def _place(past: Past) -> Place:
    return Place(past.at, past.id)


@get("/redemptions", **reading("read", answers=lists.page(RedemptionLine)))
async def redemptions(
    request: Ask,
    *,
    standing: Standing = None,
    location_id: FromQuery[UUID | None] = None,
    offer_id: FromQuery[UUID | None] = None,
    staff_id: FromQuery[UUID | None] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = lists.USUAL,
    after: After = "",
) -> Response[Any]:
    """Redemptions, those that were taken back and goodwill, the newest first."""
    wanted = _wanted(
        (standing,) if standing else USED, location_id=location_id, offer_id=offer_id, staff_id=staff_id, since=since, until=until
    )
    found = await _past(request, wanted, after, limit)
    return page_of(request, found, partial(_line, request, await _sales(request, found)), _place)


@get("/redemptions/{redemption_id:uuid}", **reading("read", "redeem", answers=RedemptionLine, refuses=(NotFound,)))
async def redemption(redemption_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A redemption as it stands now."""
    found = await desk_of(request).store.presentation(caller_of(request).business.id, redemption_id)
    if found is None or found.status == "refused":
        raise NotFound(what=N_("redemption"))
    return answer(request, _line(request, await _sales(request, [found]), found))


@get("/refusals", **reading("read", answers=lists.page(RefusalLine)))
async def refusals(
    request: Ask,
    *,
    location_id: FromQuery[UUID | None] = None,
    offer_id: FromQuery[UUID | None] = None,
    staff_id: FromQuery[UUID | None] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = lists.USUAL,
    after: After = "",
) -> Response[Any]:
    """Codes that were presented and not redeemed, the newest first."""
    wanted = _wanted(("refused",), location_id=location_id, offer_id=offer_id, staff_id=staff_id, since=since, until=until)
    return page_of(request, await _past(request, wanted, after, limit), partial(_refusal, request), _place)


handlers = (redemptions, redemption, refusals)
