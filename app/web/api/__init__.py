"""The desk over HTTP (``/api/v1``): JSON in, JSON out, problem+json for what cannot be done."""

from litestar import Router

from app.web.api import cards, catalogue, coupons, events, history, me, redemptions, requests
from app.web.api.calls import keyed

LARGEST_BODY = 64 * 1024

router = Router(
    "/api/v1",
    guards=[keyed],
    request_max_body_size=LARGEST_BODY,
    route_handlers=[
        *me.handlers,
        *cards.handlers,
        *redemptions.handlers,
        *coupons.handlers,
        *catalogue.handlers,
        *events.handlers,
        *history.handlers,
        *requests.handlers,
    ],
)
