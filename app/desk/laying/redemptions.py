"""Redemptions that come back, with what took them back: each uses the coupon that waits for it."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from msgspec.structs import replace

from app.desk import Desk, counting
from app.desk.laying.here import Here, Places, places
from app.desk.laying.laid import Laid, Refused, each
from app.desk.limits import of_offer
from app.desk.lines import RedemptionLine
from app.store import Change, Sale
from passes.cards import Card, Customer
from passes.coupons import Coupon, Redemption, Reversal


async def lay(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, RedemptionLine]]) -> None:
    """Redemptions and what took them back, on coupons that are there."""
    business = here.business
    said = [line for _, line in lines]
    coupons = await places(desk, business, Coupon, [line.coupon_id for line in said])
    known = await desk.store.coupons_of(business.id, [coupons.placed(line.coupon_id) for line in said])
    there = await places(desk, business, Redemption, [line.redemption_id for line in said])
    back = await places(desk, business, Reversal, [line.reversal_id for line in said])
    people = await places(desk, business, Customer, [line.customer_id for line in said])
    cards = await places(desk, business, Card, [line.card_id for line in said])
    sold: set[UUID | None] = set(await desk.store.sales_of(business.id, [_basket(line, there) for line in said if _is_sold(line)]))
    laid_down: set[UUID] = set()

    def new(line: RedemptionLine) -> bool:
        id_ = there.placed(line.redemption_id)
        if there.has(line.redemption_id) or id_ in laid_down:
            return False
        coupon = known.get(coupons.placed(line.coupon_id))
        if coupon is None:
            raise Refused("coupon", "coupon_id")
        redemption = Redemption(
            id=id_,
            business_id=business.id,
            coupon_id=coupon.id,
            card_id=cards.perhaps(line.card_id),
            kind=line.kind,
            at=line.at,
            location_id=here.location_id(line.location_id, line.location) or here.by.location_id,
            staff_id=here.staff_id(line.staff_id, line.staff),
            counter_id=here.counter_id(line.counter_id, line.counter),
            channel=line.channel,
            reason=line.reason,
            offer_id=coupon.offer_id,
            customer_id=people.perhaps(line.customer_id),
            basket_id=_basket(line, there) if _is_sold(line) else line.basket_id,
        )
        reversal = _reversal(here, back, laid_down, line, redemption)
        waits = coupon.state == "active" and coupon.held_by == id_
        if reversal is None and not waits and coupon.redemption_id != id_:
            raise Refused("redemption", "coupon_id")  # it would have been used twice
        laid_down.add(id_)
        laid.rows.append(redemption)
        if _is_sold(line) and redemption.basket_id not in sold:
            sold.add(redemption.basket_id)
            laid.rows.append(_sale(here, line, redemption))
        if reversal is not None:
            laid.rows.append(reversal)
            return True
        if waits:
            seen = {"state": "active", "held_by": id_}
            to = {"state": "redeemed", "redemption_id": id_, "held_by": None, "held_until": None}
            laid.changes.append(Change(of=Coupon, id=coupon.id, seen=seen, to=to))
        laid.counts += counting.redeemed(redemption, coupon, business.tz)
        laid.tallies += (replace(one, most=None) for one in of_offer(here.offers[coupon.offer_id], coupon, by=1))
        if coupon.card_id:
            laid.touches.add(coupon.card_id)
        return True

    each(lines, laid, new)


def _is_sold(line: RedemptionLine) -> bool:
    """Whether a till said something of the sale."""
    return bool(line.receipt) or line.amount is not None


def _basket(line: RedemptionLine, there: Places) -> UUID:
    """What the sale of a line is known by."""
    return line.basket_id or there.placed(line.redemption_id)


def _sale(here: Here, line: RedemptionLine, redemption: Redemption) -> Sale:
    """What a till said of the sale, one of each basket."""
    return Sale(
        id=uuid5(here.business.id, f"sale of {redemption.basket_id}"),
        business_id=here.business.id,
        at=line.at,
        location_id=redemption.location_id,
        staff_id=redemption.staff_id,
        key_id=redemption.counter_id,
        receipt=line.receipt,
        amount=line.amount,
        currency=line.currency or (here.business.currency if line.amount is not None else ""),
        basket_id=redemption.basket_id,
    )


def _reversal(here: Here, back: Places, laid_down: set[UUID], line: RedemptionLine, redemption: Redemption) -> Reversal | None:
    """What took a redemption back, if something did. Raises Refused for what has taken another one back."""
    if line.reversal_id is None or line.reversed_at is None:
        return None
    id_ = back.placed(line.reversal_id)
    if back.has(line.reversal_id) or id_ in laid_down:
        raise Refused("redemption", "reversal_id")
    laid_down.add(id_)
    return Reversal(
        id=id_,
        business_id=redemption.business_id,
        redemption_id=redemption.id,
        coupon_id=redemption.coupon_id,
        at=line.reversed_at,
        location_id=here.location_id(line.reversal_location_id, line.reversal_location) or here.by.location_id,
        staff_id=here.staff_id(line.reversal_staff_id, line.reversal_staff),
        counter_id=here.by.counter_id,
        reason=line.reversal_reason,
        redeemed_at=redemption.at,
    )
