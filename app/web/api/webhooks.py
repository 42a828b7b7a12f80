"""Webhooks over HTTP: which addresses are told what happens, their secrets, and what was said to them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from app.desk import Once, limits, webhooks
from app.desk.telling import EventType
from app.store import BEHIND, Caller, Delivery, Endpoint, Kept, Place
from app.web.api.calls import Nothing, call
from app.web.api.lists import USUAL, After, Limit, answer, page, page_of, place_asked, reading
from app.web.wire import Ask, Maybe, Strict, caller_of, desk_of, once
from passes.problems import ChangedMeanwhile, NotAllowed, NotFound, WebhookRefused

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=webhooks.LONGEST_URL, pattern=r"^[^\x00]*$")]
Went = Annotated[Literal["due", "sent", "failed"] | None, QueryParameter(name="state", description="Only these.")]


class MakeWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that begins with https://, and the types of events that it is told; none are all of them."""

    url: Url
    types: tuple[EventType, ...] = ()
    description: Maybe = ""


class ChangeWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays as it is. ``enabled``: told again, where it was, or nothing for now."""

    url: Url | None = None
    types: tuple[EventType, ...] | None = None
    description: Maybe | None = None
    enabled: bool | None = None


class RollSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old secret signs beside the new one."""

    overlap: Literal["now", "1h", "24h"] = "24h"


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told what happens. One that answers nobody is ``resting``: a delivery now and then probes it.

    ``failures`` in a row since ``failing_since``; ``disabled_why`` is ``gone`` (it answered 410), ``silent`` (nothing was taken for a
    week), or "" where somebody switched it off.
    """

    id: UUID
    url: str
    types: tuple[EventType, ...]
    description: str
    state: webhooks.State
    failures: int
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    made_at: datetime


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The secret that signs, as the libraries of Standard Webhooks take it; the old one signs beside it until then."""

    webhook: WebhookView
    secret: str
    old_until: datetime | None


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """What is said to an address: its id is the header ``webhook-id``, also when it is said again.

    ``status`` and ``said`` are how the last try was answered (or why it was not). ``next_try_at`` is null for one that is through, and
    for one that waits behind another of the same card.
    """

    id: UUID
    type: EventType | Literal["webhook.test"]
    event_id: UUID | None
    at: datetime
    state: Literal["due", "sent", "failed"]
    tries: int
    tried_at: datetime | None
    status: int | None
    said: str
    next_try_at: datetime | None


def endpoint_view(zone: ZoneInfo, one: Endpoint) -> WebhookView:
    """An endpoint, in the business's zone."""
    return WebhookView(
        id=one.id,
        url=one.url,
        types=tuple(one.types.split()),  # type: ignore[arg-type]
        description=one.description,
        state=webhooks.state(one),
        failures=one.failures,
        failing_since=one.failed_at and one.failed_at.astimezone(zone),
        disabled_at=one.disabled_at and one.disabled_at.astimezone(zone),
        disabled_why=one.disabled_why,
        made_at=one.made_at.astimezone(zone),
    )


def delivery_view(zone: ZoneInfo, one: Delivery) -> DeliveryView:
    """A delivery, in the business's zone."""
    waits = one.state == "due" and one.due_at != BEHIND
    return DeliveryView(
        id=one.id,
        type=one.type,  # type: ignore[arg-type]
        event_id=one.event_id if one.type != webhooks.TEST else None,
        at=one.at.astimezone(zone),
        state=one.state,
        tries=one.tries,
        tried_at=one.tried_at and one.tried_at.astimezone(zone),
        status=one.status,
        said=one.said,
        next_try_at=one.due_at.astimezone(zone) if waits else None,
    )


async def _asked(request: Ask, webhook_id: UUID) -> tuple[Caller, Endpoint]:
    caller = limits.managing(caller_of(request))
    return caller, await webhooks.endpoint(desk_of(request), caller.business.id, webhook_id)


@get("/webhooks", **reading("manage", answers=page(WebhookView), refuses=(NotAllowed,)))
async def all_webhooks(request: Ask, limit: Limit = USUAL, after: After = "") -> Response[Any]:
    """The addresses that are told what happens, the newest first."""
    caller, place = limits.managing(caller_of(request)), place_asked(request, after)
    known = await desk_of(request).store.endpoints(caller.business.id)
    rows = [one for one in reversed(known) if place is None or (one.made_at, one.id) < (place.at, place.id)]
    zone = caller.business.tz
    return page_of(request, rows[: limit + 1], lambda one: endpoint_view(zone, one), lambda one: Place(one.made_at, one.id))


@get("/webhooks/{webhook_id:uuid}", **reading("manage", answers=WebhookView, refuses=(NotFound, NotAllowed)))
async def webhook(webhook_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """One of them, and how it is."""
    caller, one = await _asked(request, webhook_id)
    return answer(request, endpoint_view(caller.business.tz, one))


@post(
    "/webhooks",
    dto=Strict[MakeWebhook],
    return_dto=None,
    **call("manage", answers=WebhookSecret, status=201, refuses=(WebhookRefused, NotAllowed), changes=True),
)
async def make_webhook(data: JSONBody[MakeWebhook], request: Ask) -> Response[bytes]:
    """An address is told what happens from now on. The answer has the secret by which it knows that it is us."""
    desk, caller = desk_of(request), limits.managing(caller_of(request))
    wanted = webhooks.Wanted(url=data.url, types=data.types, description=data.description)

    async def story(answering: Once) -> None:
        await webhooks.make(desk, caller.business.id, caller.person.staff_id, wanted, also=lambda one: _kept(request, answering, one))

    return await once(request, 201, story)


def _kept(request: Ask, answering: Once, one: Endpoint) -> tuple[Kept, ...]:
    """The answer with the secret."""
    caller = caller_of(request)
    zone = caller.business.tz
    view = WebhookSecret(webhook=endpoint_view(zone, one), secret=one.secret, old_until=one.old_until and one.old_until.astimezone(zone))
    return answering.done(view, caller, desk_of(request).world.now())  # type: ignore[return-value]


@patch(
    "/webhooks/{webhook_id:uuid}",
    dto=Strict[ChangeWebhook],
    return_dto=None,
    **call("manage", answers=WebhookView, refuses=(NotFound, NotAllowed, WebhookRefused, ChangedMeanwhile), changes=True),
)
async def change_webhook(webhook_id: FromPath[UUID], data: JSONBody[ChangeWebhook], request: Ask) -> Response[bytes]:
    """Another address, other types; switched off, or on again: then it goes on where it was."""

    async def story(answering: Once) -> None:
        caller, one = await _asked(request, webhook_id)
        desk, types = desk_of(request), data.types if data.types is not None else one.types.split()
        wanted = webhooks.Wanted(
            url=data.url if data.url is not None else one.url,
            types=tuple(types),  # type: ignore[arg-type]
            description=data.description if data.description is not None else one.description,
        )
        await webhooks.change(
            desk,
            caller.person.staff_id,
            one,
            wanted,
            on=data.enabled,
            also=lambda became: answering.done(endpoint_view(caller.business.tz, became), caller, desk.world.now()),
        )

    return await once(request, 200, story)


@delete(
    "/webhooks/{webhook_id:uuid}", **call("manage", answers=WebhookView, refuses=(NotFound, NotAllowed, ChangedMeanwhile), changes=True)
)
async def remove_webhook(webhook_id: FromPath[UUID], request: Ask) -> Response[bytes]:
    """It is told nothing any more, and what was said to it is forgotten. The answer is how it was."""

    async def story(answering: Once) -> None:
        caller, one = await _asked(request, webhook_id)
        desk, was = desk_of(request), endpoint_view(caller.business.tz, one)
        await webhooks.remove(desk, caller.person.staff_id, one, also=lambda _: answering.done(was, caller, desk.world.now()))

    return await once(request, 200, story)


@post(
    "/webhooks/{webhook_id:uuid}/secret",
    dto=Strict[RollSecret],
    return_dto=None,
    **call("manage", answers=WebhookSecret, status=201, refuses=(NotFound, NotAllowed, ChangedMeanwhile), changes=True),
)
async def roll_secret(webhook_id: FromPath[UUID], data: JSONBody[RollSecret], request: Ask) -> Response[bytes]:
    """A new secret. Until the overlap is over there are two signatures in the header, and a library that knows either is content."""

    async def story(answering: Once) -> None:
        caller, one = await _asked(request, webhook_id)
        overlap = webhooks.OVERLAPS[data.overlap]
        desk = desk_of(request)
        await webhooks.roll(desk, caller.person.staff_id, one, overlap, also=lambda became: _kept(request, answering, became))

    return await once(request, 201, story)


@post(
    "/webhooks/{webhook_id:uuid}/test",
    dto=Strict[Nothing],
    return_dto=None,
    **call("manage", answers=DeliveryView, status=202, refuses=(NotFound, NotAllowed), changes=True),
)
async def test_webhook(webhook_id: FromPath[UUID], data: JSONBody[Nothing], request: Ask) -> Response[bytes]:  # noqa: ARG001 (read, and empty)
    """Send a `webhook.test`, about nothing that has happened; what came of it stands among the deliveries."""

    async def story(answering: Once) -> None:
        caller, one = await _asked(request, webhook_id)
        await webhooks.try_out(desk_of(request), one, also=lambda sent: _sent(request, answering, caller, sent))

    return await once(request, 202, story)


def _sent(request: Ask, answering: Once, caller: Caller, sent: Delivery) -> tuple[Kept, ...]:
    view = delivery_view(caller.business.tz, sent)
    return answering.done(view, caller, desk_of(request).world.now())  # type: ignore[return-value]


@get(
    "/webhooks/{webhook_id:uuid}/deliveries",
    **reading("manage", answers=page(DeliveryView), refuses=(NotFound, NotAllowed)),
)
async def deliveries(webhook_id: FromPath[UUID], request: Ask, went: Went = None, limit: Limit = USUAL, after: After = "") -> Response[Any]:
    """What was and will be said to an address in the last 30 days, the newest first."""
    caller, one = await _asked(request, webhook_id)
    rows = await desk_of(request).store.deliveries(one.id, state=went or "", after=place_asked(request, after), limit=limit + 1)
    zone = caller.business.tz
    return page_of(request, rows, lambda each: delivery_view(zone, each), lambda each: Place(each.at, each.id))


@post(
    "/webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay",
    dto=Strict[Nothing],
    return_dto=None,
    **call("manage", answers=DeliveryView, status=202, refuses=(NotFound, NotAllowed), changes=True),
)
async def replay(
    webhook_id: FromPath[UUID],
    delivery_id: FromPath[UUID],
    data: JSONBody[Nothing],  # noqa: ARG001 (read, and empty)
    request: Ask,
) -> Response[bytes]:
    """Say it again, under the same id, in front of what waits for the same card; what waits for a later try is tried now."""

    async def story(answering: Once) -> None:
        caller, one = await _asked(request, webhook_id)
        await webhooks.repeat(desk_of(request), one, delivery_id, also=lambda sent: _sent(request, answering, caller, sent))

    return await once(request, 202, story)


handlers = (
    all_webhooks,
    webhook,
    make_webhook,
    change_webhook,
    remove_webhook,
    roll_secret,
    test_webhook,
    deliveries,
    replay,
)
