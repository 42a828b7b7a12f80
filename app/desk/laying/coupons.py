"""Coupons that come back; one that was redeemed is held for its redemption until that comes, too."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from app.desk import Desk, counting
from app.desk.laying.here import Here, places
from app.desk.laying.laid import Laid, Refused, each
from app.desk.lines import CouponLine
from passes import codes
from passes.cards import Card, Customer
from passes.codes import Code
from passes.coupons import Coupon, Redemption
from passes.offers import LAST_YEAR
from passes.problems import Problem, UnknownCode

FOREVER: Final = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
"""Until when a redeemed coupon is held for its redemption, which comes with another file."""


async def lay(desk: Desk, here: Here, laid: Laid, lines: Sequence[tuple[int, CouponLine]]) -> None:
    """Coupons, given or in a pool."""
    business = here.business
    said = [line for _, line in lines]
    taken = set(await desk.store.known_codes(business.id, [line.code for line in said]))
    there = await places(desk, business, Coupon, [line.coupon_id for line in said])
    people = await places(desk, business, Customer, [line.customer_id for line in said])
    cards = await places(desk, business, Card, [line.card_id for line in said])
    used = await places(desk, business, Redemption, [line.redemption_id for line in said])
    laid_down: set[UUID] = set()

    def new(line: CouponLine) -> bool:
        id_ = there.placed(line.coupon_id)
        if there.has(line.coupon_id) or id_ in laid_down:
            return False
        minted = _minted(line.code)
        if minted is None or line.code in taken:
            raise Refused("code", "code")
        if line.state == "voided" and line.voided_at is None:
            raise Refused("unreadable", "voided_at")
        if line.state == "redeemed" and line.redemption_id is None:
            raise Refused("unreadable", "redemption_id")
        coupon = Coupon(
            id=id_,
            business_id=business.id,
            offer_id=here.offer(line.offer_id, line.offer).id,
            card_id=cards.named(line.card_id, "card", "card_id"),
            customer_id=people.named(line.customer_id, "customer", "customer_id"),
            code=line.code,
            state=line.state,
            issued_at=line.issued_at,
            valid_from=line.valid_from,
            expires_at=line.expires_at,
            redemption_id=used.perhaps(line.redemption_id),
            voided_at=line.voided_at,
            batch_id=line.batch_id,
        )
        if coupon.state == "redeemed" and not used.has(line.redemption_id):
            coupon = replace(coupon, state="active", redemption_id=None, held_by=coupon.redemption_id, held_until=FOREVER)
        laid_down.add(id_)
        taken.add(line.code)
        laid.foreign_codes = laid.foreign_codes or not minted
        laid.rows.append(coupon)
        if line.state != "pooled":
            laid.counts += counting.issued((coupon,), business.tz)
        if line.state == "voided" and line.voided_at and line.redemption_id is None:
            laid.counts += counting.voided((replace(coupon, state="active"),), line.voided_at, business.tz)
        if line.state == "active" and coupon.card_id:
            laid.touches.add(coupon.card_id)
        return True

    each(lines, laid, new)


def _minted(code: str) -> bool | None:
    """Whether a code was minted by this house or brought to it; None if it is none."""
    try:
        if codes.clean(code) != code:
            return None
        read = codes.read(code)
    except UnknownCode:
        return None if not code or len(code) > codes.LONGEST else False
    except Problem:
        return False
    return isinstance(read, Code) and read.value == code
