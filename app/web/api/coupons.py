"""Coupons over HTTP."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath

from app.desk import read
from app.desk.views import CouponStory
from app.web.api.calls import call
from app.web.wire import Ask, caller_of, desk_of, language_of
from passes.problems import NotFound


@get("/coupons/{coupon_id:uuid}", **call("read", "redeem", answers=CouponStory, refuses=(NotFound,)))
async def coupon(coupon_id: FromPath[UUID], request: Ask) -> CouponStory:
    """A coupon and everything that happened to it at a counter."""
    desk = desk_of(request)
    return await read.coupon(desk, caller_of(request), coupon_id, language=language_of(request, desk.words))


handlers = (coupon,)
