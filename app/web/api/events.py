"""The log of what happened, over HTTP: every event in its order, for whoever keeps books or follows along."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from app.desk.telling import EVENT_KINDS, EVENT_TYPES, EventType
from app.web.api import lists
from app.web.api.lists import After, Limit, cursor, page_of, reading
from app.web.wire import Ask, caller_of, desk_of
from passes.businesses import Business
from passes.cards import Event

Types = Annotated[list[EventType] | None, QueryParameter(name="type", description="Only events of this type; may be said several times.")]


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. ``count`` is stamps or points where the type has some; a refusal's ``reason`` is its word.

    ``cursor`` is where the log goes on after this line: ask with it as ``after`` for what happened since.
    """

    id: UUID
    type: EventType
    at: datetime
    customer_id: UUID | None
    card_id: UUID | None
    coupon_id: UUID | None
    campaign_id: UUID | None
    location_id: UUID | None
    staff_id: UUID | None
    count: int
    wallet: str
    reason: str
    cursor: str


def logged(business: Business, line: tuple[int, Event]) -> LoggedEvent:
    """A line of the log, with its time in the business's zone."""
    seq, event = line
    return LoggedEvent(
        id=event.id,
        type=EVENT_TYPES[event.kind],
        at=event.at.astimezone(business.tz),
        customer_id=event.customer_id,
        card_id=event.card_id,
        coupon_id=event.coupon_id,
        campaign_id=event.campaign_id,
        location_id=event.location_id,
        staff_id=event.staff_id,
        count=event.amount,
        wallet=event.wallet,
        reason=event.reason,
        cursor=cursor(seq),
    )


@get("/events", **reading("read", answers=lists.page(LoggedEvent)))
async def events(
    request: Ask,
    *,
    types: Types = None,
    card_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    limit: Limit = lists.USUAL,
    after: After = "",
) -> Response[Any]:
    """What happened, the oldest first. Whoever follows along asks with the ``cursor`` of the last line that they have."""
    business = caller_of(request).business
    found = await desk_of(request).store.happened(
        business.id,
        after=lists.seq_asked(after),
        kinds=[EVENT_KINDS[one] for one in types or ()],
        card_id=card_id,
        customer_id=customer_id,
        limit=limit + 1,
    )
    return page_of(request, found, partial(logged, business), lambda line: line[0], log=True)


handlers = (events,)
