"""The keys page: with which programs speak for the business, what each may do, and the secrets that are shown once."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.desk import keys as holding
from app.desk import people, read, test_mode
from app.problems import TITLES
from app.store import ApiKey, Filter, Scope
from app.web.forms import Name, Wrong, filled_in
from app.web.pages import go, render
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import codes
from passes.problems import NotFound
from passes.words import N_

SCOPES: Final[dict[Scope, tuple[str, str]]] = {
    "read": (N_("See"), N_("Customers, cards and coupons, and what happened.")),
    "earn": (N_("Add stamps"), N_("Let customers join, add stamps or points, take a receipt back.")),
    "redeem": (N_("Redeem"), N_("Look codes up, hold them for a basket, redeem them and take that back.")),
    "issue": (N_("Give coupons"), N_("Issue coupons to customers, or to nobody in particular.")),
    "manage": (N_("Manage"), N_("Correct balances, cancel and extend coupons, change and forget customers, webhooks, files.")),
}
"""What a key may do: a word, and the sentence that explains it."""
TILL: Final = frozenset({"read", "earn", "redeem"})
"""What a till needs, and is ticked beforehand."""
SHOWN: Final = 50
"""Cards, and presentations, of test mode on its page."""
Overlap = Literal["now", "1h", "24h"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The form that makes a key."""

    name: Name
    mode: Literal["live", "test"] = "live"
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)]
    location_id: UUID
    staff_id: UUID | None = None
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=holding.MOST_PER_MINUTE)] = holding.PER_MINUTE


class Rolled(msgspec.Struct, frozen=True, kw_only=True):
    """How long the old secret goes on."""

    overlap: Overlap


async def _keys(request: Ask, *, made: ApiKey | None = None, secret: str = "") -> Response[str]:
    store, business = desk_of(request).store, me(request).business
    facts: dict[str, Any] = {
        "keys": await holding.of(store, business),
        "places": {one.id: one.name for one in await store.locations(business.id)},
        "scopes": SCOPES,
        "made": made,
        "secret": secret,
        "revoked": "revoked" in request.query_params,
    }
    return render(request, "keys.html", **facts)


@get("/keys", guards=[owners])
async def keys(request: Ask) -> Response[str]:
    """The keys of the business."""
    return await _keys(request)


async def _new(request: Ask, *, wrong: Wrong | None = None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    facts: dict[str, Any] = {
        "places": [(str(one.id), one.name) for one in await desk.store.locations(business.id) if not one.closed],
        "people": [
            (str(one.staff.id), one.staff.name) for one in await people.everybody(desk, business.id) if one.staff.suspended_at is None
        ],
        "scopes": SCOPES,
        "usual": TILL,
        "per_minute": holding.PER_MINUTE,
        "most": holding.MOST_PER_MINUTE,
    }
    return render(request, "keys_new.html", wrong=wrong, **facts)


@get("/keys/new", guards=[owners])
async def new(request: Ask) -> Response[str]:
    """The form that makes a key."""
    return await _new(request)


@post("/keys", guards=[owners], status_code=200)
async def make(request: Ask) -> Response[str]:
    """A new key. Its secret is shown in the answer only: nothing keeps it."""
    desk, owner = desk_of(request), me(request)
    try:
        said = await filled_in(request, Wanted)
    except Wrong as refused:
        return await _new(request, wrong=refused)
    place = await read.location(desk, owner.business.id, said.location_id)
    if place.closed:
        raise NotFound(what=N_("location"))
    person = await people.person(desk, owner.business.id, said.staff_id) if said.staff_id else None
    made, secret = await holding.hand_out(
        desk.store,
        desk.world,
        owner.business,
        name=said.name.strip(),
        location_id=place.id,
        made_by=owner.staff.id,
        scopes=said.scopes,
        staff_id=person.staff.id if person else None,
        per_minute=said.per_minute,
        test=said.mode == "test",
    )
    return await _keys(request, made=made, secret=secret)


@post("/keys/{key_id:uuid}/roll", guards=[owners], status_code=200)
async def roll(request: Ask, key_id: FromPath[UUID]) -> Response[str]:
    """Another secret for a key; shown in the answer only."""
    desk, owner = desk_of(request), me(request)
    said = await filled_in(request, Rolled)
    overlap = holding.OVERLAPS[said.overlap]
    made, secret = await holding.roll(desk.store, desk.world, owner.business, key_id, by=owner.staff.id, overlap=overlap)
    return await _keys(request, made=made, secret=secret)


@post("/keys/{key_id:uuid}/revoke", guards=[owners])
async def revoke(request: Ask, key_id: FromPath[UUID]) -> Response[Any]:
    """Its next request is refused."""
    desk, owner = desk_of(request), me(request)
    await holding.revoke(desk.store, desk.world, owner.business, key_id, by=owner.staff.id)
    return go("/keys?revoked")


@get("/keys/test-mode", guards=[owners])
async def in_test_mode(request: Ask) -> Response[str]:
    """What test keys did: the cards that they made up, and what was presented. The only page on which it stands."""
    store, business = desk_of(request).store, me(request).business
    twin_id = test_mode.twin_of(business.id)
    cards, _ = await store.listed_cards(twin_id, limit=SHOWN)
    facts_of = await store.cards_facts([one.id for one in cards])
    facts: dict[str, Any] = {
        "keys": any(one.test for one in await holding.of(store, business)),
        "cards": [facts_of[one.id] for one in cards if one.id in facts_of],
        "past": await store.past(twin_id, Filter(), limit=SHOWN),
        "names": {key.id: key.name for key, _ in await store.api_keys(twin_id)},
        "why": TITLES,
        "group": codes.group,
        "forgotten": "forgotten" in request.query_params,
    }
    return render(request, "keys_test_mode.html", **facts)


@post("/keys/forget-tests", guards=[owners])
async def forget_tests(request: Ask) -> Response[Any]:
    """Forget everybody whom test mode has made up."""
    desk, owner = desk_of(request), me(request)
    await test_mode.forget(desk.store, desk.world, owner.business, by=owner.staff.id)
    return go("/keys/test-mode?forgotten")


handlers: Final = (keys, new, make, roll, revoke, in_test_mode, forget_tests)
