"""Goods that come back, over HTTP."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from app.desk import returns
from app.desk.views import ReturnView
from app.web.api.calls import call
from app.web.api.sales import Currency, Receipt
from app.web.wire import Ask, Strict, caller_of, desk_of, once
from passes.problems import NothingToReturn, WrongCurrency


class Return(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receipt, and how much of it is paid back (minor units); without an amount, all that is left of it."""

    receipt: Receipt
    amount: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | None = None
    currency: Currency | None = None


@post(
    "/returns",
    dto=Strict[Return],
    return_dto=None,
    **call("earn", answers=ReturnView, status=201, refuses=(NothingToReturn, WrongCurrency), changes=True),
)
async def take_back(data: JSONBody[Return], request: Ask) -> Response[bytes]:
    """Take back what a receipt earned, or the part of it that the returned amount had earned; once."""
    return await once(
        request,
        201,
        lambda answering: returns.take_back(
            desk_of(request), caller_of(request), data.receipt.strip(), amount=data.amount, currency=data.currency or "", once=answering
        ),
    )


handlers = (take_back,)
