"""The desk over HTTP (``/api/v1``): JSON in, JSON out, problem+json for what cannot be done."""

from litestar import Router

from app.web.api import (
    cards,
    catalogue,
    coupons,
    customers,
    events,
    exports,
    history,
    me,
    redemptions,
    requests,
    reservations,
    returns,
    till,
    webhooks,
)
from app.web.api.calls import keyed
from app.web.api.described import only_what_is_described

LARGEST_BODY = 64 * 1024

router = Router(
    "/api/v1",
    guards=[keyed],
    before_request=only_what_is_described,
    request_max_body_size=LARGEST_BODY,
    route_handlers=[
        *me.handlers,
        *cards.handlers,
        *customers.handlers,
        *redemptions.handlers,
        *reservations.handlers,
        *returns.handlers,
        *coupons.handlers,
        *catalogue.handlers,
        *events.handlers,
        *history.handlers,
        *requests.handlers,
        *exports.handlers,
        *till.handlers,
        *webhooks.handlers,
    ],
)
