"""The webhooks pages: which addresses are told what happens, how they are, what was said to them, and their secrets."""

from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import test_mode, webhooks
from app.desk.telling import SENTENCES, EventType
from app.store import BEHIND, Endpoint, Place
from app.web.forms import Line, Wrong, against, filled_in, fresh, seen
from app.web.lists import begins_after, place_of
from app.web.pages import go, render
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.problems import NotFound, WebhookRefused

PAGE: Final = 50
"""Deliveries of one page."""
Went = Literal["", "due", "sent", "failed"]
Done = Literal["", "saved"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The form of an address."""

    url: Line
    description: Line = ""
    types: tuple[EventType, ...] = ()
    mode: Literal["live", "test"] = "live"


class Rolled(msgspec.Struct, frozen=True, kw_only=True):
    """How long the old secret goes on signing."""

    overlap: Literal["now", "1h", "24h"]


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """On or off."""

    on: bool


async def _endpoint(request: Ask, webhook_id: UUID) -> Endpoint:
    """An address of this business, live or of its test mode. Raises NotFound."""
    desk, business_id = desk_of(request), me(request).business.id
    try:
        return await webhooks.endpoint(desk, business_id, webhook_id)
    except NotFound:
        return await webhooks.endpoint(desk, test_mode.twin_of(business_id), webhook_id)


@get("/webhooks", guards=[owners])
async def all_webhooks(request: Ask) -> Response[str]:
    """The addresses, those of test mode after the live ones."""
    store, business = desk_of(request).store, me(request).business
    live, test = await store.endpoints(business.id), await store.endpoints(test_mode.twin_of(business.id))
    return render(request, "webhooks.html", endpoints=[(one, webhooks.state(one), one in test) for one in (*live, *test)])


def _form(request: Ask, *, one: Endpoint | None = None, wrong: Wrong | None = None) -> Response[str]:
    said = seen(_said(one)) if one is not None else ""
    return render(request, "webhooks_form.html", one=one, types=SENTENCES, drawn_from=said, wrong=wrong)


def _said(one: Endpoint) -> webhooks.Wanted:
    return webhooks.Wanted(url=one.url, types=tuple(one.types.split()), description=one.description)  # type: ignore[arg-type]


@get("/webhooks/new", guards=[owners])
async def new(request: Ask) -> Response[str]:
    """The form of another address."""
    return _form(request)


@post("/webhooks", guards=[owners], status_code=200)
async def make(request: Ask) -> Response[str]:
    """Another address is told from now on; its page shows the secret at once."""
    desk, owner = desk_of(request), me(request)
    business_id = owner.business.id
    try:
        said = await filled_in(request, Wanted)
        wanted = webhooks.Wanted(url=said.url, types=said.types, description=said.description)
        if said.mode == "test":
            webhooks.check(desk, wanted.url)
            await test_mode.begin(desk.store, owner.business.id)
            business_id = test_mode.twin_of(business_id)
        one = await webhooks.make(desk, business_id, owner.staff.id, wanted)
    except WebhookRefused as problem:
        return _form(request, wrong=await against(request, "url", problem))
    except Wrong as refused:
        return _form(request, wrong=refused)
    return await _page(request, one, secret=one.secret)


async def _page(
    request: Ask,
    one: Endpoint,
    *,
    secret: str = "",
    went: Went = "",
    after: Place | None = None,
    done: Done = "",
    sent: UUID | None = None,
) -> Response[str]:
    store = desk_of(request).store
    log = await store.deliveries(one.id, state=went, after=after, limit=PAGE + 1)
    shown = log[:PAGE]
    more = place_of(Place(shown[-1].at, shown[-1].id)) if len(log) > PAGE else ""
    return render(
        request,
        "webhooks_one.html",
        one=one,
        state=webhooks.state(one),
        test=one.business_id != me(request).business.id,
        types=SENTENCES,
        log=shown,
        behind=BEHIND,
        went=went,
        after=more,
        secret=secret,
        done=done,
        sent=await store.delivery(one.id, sent) if sent else None,
        pretty=_pretty,
    )


def _pretty(body: str) -> str:
    """What was sent, for eyes: in lines."""
    return msgspec.json.format(body, indent=2)


@get("/webhooks/{webhook_id:uuid}", guards=[owners])
async def webhook(
    request: Ask,
    webhook_id: FromPath[UUID],
    *,
    went: FromQuery[Went] = "",
    after: FromQuery[str] = "",
    done: FromQuery[Done] = "",
    sent: FromQuery[UUID | None] = None,
) -> Response[str]:
    """One address: how it is, and what was and will be said to it; what came of what was just ``sent``."""
    return await _page(request, await _endpoint(request, webhook_id), went=went, after=begins_after(after), done=done, sent=sent)


@get("/webhooks/{webhook_id:uuid}/edit", guards=[owners])
async def edit(request: Ask, webhook_id: FromPath[UUID]) -> Response[str]:
    """Its form."""
    return _form(request, one=await _endpoint(request, webhook_id))


@post("/webhooks/{webhook_id:uuid}", guards=[owners])
async def change(request: Ask, webhook_id: FromPath[UUID]) -> Response[Any]:
    """Another address, other types."""
    one = await _endpoint(request, webhook_id)
    await fresh(request, _said(one))
    try:
        said = await filled_in(request, Wanted)
        wanted = webhooks.Wanted(url=said.url, types=said.types, description=said.description)
        await webhooks.change(desk_of(request), me(request).staff.id, one, wanted)
    except WebhookRefused as problem:
        return _form(request, one=one, wrong=await against(request, "url", problem))
    except Wrong as refused:
        return _form(request, one=one, wrong=refused)
    return go(f"/webhooks/{one.id}?done=saved")


@post("/webhooks/{webhook_id:uuid}/secret", guards=[owners], status_code=200)
async def show_secret(request: Ask, webhook_id: FromPath[UUID]) -> Response[str]:
    """The secret; in the answer only."""
    one = await _endpoint(request, webhook_id)
    return await _page(request, one, secret=one.secret)


@post("/webhooks/{webhook_id:uuid}/roll", guards=[owners], status_code=200)
async def roll(request: Ask, webhook_id: FromPath[UUID]) -> Response[str]:
    """Another secret, shown in the answer."""
    one, said = await _endpoint(request, webhook_id), await filled_in(request, Rolled)
    became = await webhooks.roll(desk_of(request), me(request).staff.id, one, webhooks.OVERLAPS[said.overlap])
    return await _page(request, became, secret=became.secret)


@post("/webhooks/{webhook_id:uuid}/switch", guards=[owners])
async def switch(request: Ask, webhook_id: FromPath[UUID]) -> Response[Any]:
    """Told nothing for now, or told again."""
    one, said = await _endpoint(request, webhook_id), await filled_in(request, Switched)
    await webhooks.switch(desk_of(request), me(request).staff.id, one, on=said.on)
    return go(f"/webhooks/{one.id}?done=saved")


@post("/webhooks/{webhook_id:uuid}/test", guards=[owners])
async def try_out(request: Ask, webhook_id: FromPath[UUID]) -> Response[Any]:
    """Send something that has not happened."""
    one = await _endpoint(request, webhook_id)
    sent = await webhooks.try_out(desk_of(request), one)
    return go(f"/webhooks/{one.id}?sent={sent.id}")


@post("/webhooks/{webhook_id:uuid}/remove", guards=[owners])
async def remove(request: Ask, webhook_id: FromPath[UUID]) -> Response[Any]:
    """It is told nothing any more."""
    one = await _endpoint(request, webhook_id)
    await webhooks.remove(desk_of(request), me(request).staff.id, one)
    return go("/webhooks")


@post("/webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay", guards=[owners])
async def replay(request: Ask, webhook_id: FromPath[UUID], delivery_id: FromPath[UUID]) -> Response[Any]:
    """Say it again."""
    one = await _endpoint(request, webhook_id)
    await webhooks.repeat(desk_of(request), one, delivery_id)
    return go(f"/webhooks/{one.id}?sent={delivery_id}")


handlers: Final = (all_webhooks, new, make, webhook, edit, change, show_secret, roll, switch, try_out, remove, replay)
