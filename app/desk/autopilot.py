"""Nobody looks at the screen: a coupon is redeemed, and a card's own number earns one visit."""

from app.desk import Desk, Once
from app.desk.earn import earn
from app.desk.redeem import redeem
from app.desk.views import EarnedView, Receipt
from app.store import Caller
from passes import codes
from passes.codes import Number
from passes.coupons import Channel
from passes.problems import Problem


async def present(desk: Desk, caller: Caller, typed: str, *, channel: Channel, once: Once) -> Receipt | EarnedView:
    """One scan. Raises what redeeming or earning raises."""
    if await _is_card(desk, caller, typed):
        return await earn(desk, caller, typed, count=None, amount=None, once=once)
    return await redeem(desk, caller, typed, channel=channel, once=once)


async def _is_card(desk: Desk, caller: Caller, typed: str) -> bool:
    """Whether this is the number of a card of this business (and not a code of its till that only looks like one)."""
    business = caller.business
    try:
        read = codes.read(typed, prefixes=business.prefixes, imported=business.imported)
    except Problem:  # redeeming says what it is, and records it
        return False
    return isinstance(read, Number) and await desk.store.card_facts(business_id=business.id, number=read.value) is not None
