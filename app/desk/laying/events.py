"""The log that comes back, with what it alone counts."""

from collections.abc import Sequence
from uuid import UUID

from app.desk import Desk, counting
from app.desk.laying.here import Here, places
from app.desk.laying.laid import Laid, each
from app.desk.lines import EventLine
from app.desk.telling import EVENT_KINDS
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon


async def lay(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, EventLine]]) -> None:
    """Events, and the visits that they count."""
    business = here.business
    said = [line for _, line in lines]
    there = await places(desk, business, Event, [line.event_id for line in said])
    people = await places(desk, business, Customer, [line.customer_id for line in said])
    cards = await places(desk, business, Card, [line.card_id for line in said])
    coupons = await places(desk, business, Coupon, [line.coupon_id for line in said])
    visited = set(await desk.store.have_visited([cards.placed(line.card_id) for line in said if line.card_id]))
    laid_down: set[UUID] = set()

    def new(line: EventLine) -> bool:
        id_ = there.placed(line.event_id)
        if there.has(line.event_id) or id_ in laid_down:
            return False
        event = Event(
            id=id_,
            business_id=business.id,
            card_id=cards.perhaps(line.card_id),
            customer_id=people.perhaps(line.customer_id),
            coupon_id=coupons.perhaps(line.coupon_id),
            kind=EVENT_KINDS[line.type],
            at=line.at,
            amount=line.count,
            wallet=line.wallet,
            reason=line.reason,
            staff_id=here.staff_id(line.staff_id, line.staff) if line.staff_id or line.staff else None,
            campaign_id=line.campaign_id,
            location_id=here.location_id(line.location_id, line.location),
        )
        laid_down.add(id_)
        laid.rows.append(event)
        laid.counts += counting.logged(event, business.tz, first=event.card_id is not None and event.card_id not in visited)
        if event.kind == "stamped" and event.card_id:
            visited.add(event.card_id)
        return True

    each(lines, laid, new)
