"""The offers page: what can be given, on what terms, and what a change of them would do to those who have a coupon already."""

import datetime as dt
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.desk import offers, programs, read
from app.web.forms import Money, Prose, Words, Wrong, filled_in, seen, typed_in, wrong
from app.web.pages import go, language_of, render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.businesses import Business
from passes.codes import ambiguous
from passes.offers import (
    LAST_YEAR,
    AddOn,
    AmountOff,
    Benefit,
    Days,
    Format,
    FreeItem,
    Months,
    Offer,
    PercentOff,
    Unlimited,
    Until,
    Validity,
    Window,
)
from passes.problems import ChangedMeanwhile
from passes.programs import Running
from passes.words import N_

LATELY: Final = 30
"""Days of which the list says how often an offer was redeemed."""
SPARE_WINDOWS: Final = 2
"""Empty rows for hours, below those that there are."""
Most = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """Weekdays and hours."""

    days: tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...] = ()
    start: dt.time = dt.time()
    end: dt.time = dt.time()


class OfferForm(msgspec.Struct, frozen=True, kw_only=True):
    """All of an offer. ``seen`` is what the form was drawn from; ``reach`` says for whom, where that was asked."""

    title: Words
    kind: Literal["free_item", "amount_off", "percent_off", "add_on"]
    item: Words | None = None
    amount: Money | None = None
    percent: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    action: Words
    picture: tuple[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")], ...] = ()
    terms: Prose | None = None
    validity: Literal["unlimited", "days", "months", "until"]
    days: Annotated[int, msgspec.Meta(ge=0, le=3660)] | None = None
    months: Annotated[int, msgspec.Meta(ge=1, le=120)] | None = None
    until: dt.date | None = None
    until_time: dt.time | None = None
    locations: tuple[UUID, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    most: Most | None = None
    most_each: Most | None = None
    prefix: Annotated[str, msgspec.Meta(pattern="^ *[A-Za-z0-9]{0,12} *$")] = ""
    format: Format = "qr"
    at_kiosk: bool = False
    alone: bool = False
    alone_minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    source: Literal["minted", "pool"] = "minted"
    low_water: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 20
    seen: str = ""
    reach: Literal["", "new", "given"] = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Pause, resume, archive."""

    state: Running


# --- The list ---


@get("/offers", guards=[managers])
async def listed(request: Ask) -> Response[str]:
    """All offers, those that are put away last."""
    desk, business = desk_of(request), me(request).business
    now = desk.world.now()
    today = now.astimezone(business.tz).date()
    counted = await desk.store.counted(business.id, since=today - timedelta(days=LATELY - 1), until=today, by=("offer",))
    redeemed: dict[str, int] = {}
    for one in counted:
        if one.kind == "redeemed":
            redeemed[one.which] = redeemed.get(one.which, 0) + one.n
    pools = await desk.store.pools(business.id)
    there = await desk.store.all_offers(business.id)
    return render(
        request,
        "offers.html",
        offers=[one for one in there if one.state != "archived"],
        archived=[one for one in there if one.state == "archived"],
        outstanding=await desk.store.outstanding(business.id, now=now),
        redeemed=redeemed,
        pools=pools,
        low={one.id for one in there if offers.low(one, pools)},
        lately=LATELY,
    )


# --- One offer ---


async def _form(request: Ask, offer: Offer | None, **more: object) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    language = language_of(request, desk.words)
    facts: dict[str, Any] = {
        "offer": offer,
        "seen": seen(offer) if offer else "",
        "places": [
            place for place in await desk.store.locations(business.id) if not place.closed or (offer and place.id in offer.locations)
        ],
        "spare": SPARE_WINDOWS,
        "used_by": [name.said(language) for name in await programs.places_of(desk, business.id, offer.id)] if offer else [],
        "pool": (await desk.store.pools(business.id)).get(offer.id, 0) if offer else 0,
        **more,
    }
    return render(request, "offer.html", **facts)


@get("/offers/new", guards=[managers])
async def blank(request: Ask) -> Response[str]:
    """A form for a new offer."""
    return await _form(request, None)


@post("/offers", guards=[managers])
async def make(request: Ask) -> Response[Any]:
    """A new offer."""
    try:
        offer = await _said(request, None, await filled_in(request, OfferForm))
    except Wrong as mistaken:
        return await _form(request, None, wrong=mistaken)
    await offers.make(desk_of(request), me(request), offer)
    return go(f"/offers/{offer.id}")


@get("/offers/{offer_id:uuid}", guards=[managers])
async def shown(request: Ask, offer_id: FromPath[UUID]) -> Response[str]:
    """Everything of an offer, to be changed."""
    return await _form(request, await read.offer(desk_of(request), me(request).business.id, offer_id))


@post("/offers/{offer_id:uuid}", guards=[managers])
async def change(request: Ask, offer_id: FromPath[UUID]) -> Response[Any]:
    """Another offer from now on; a question first, where something was promised that it would break."""
    desk, member = desk_of(request), me(request)
    offer = await read.offer(desk, member.business.id, offer_id)
    try:
        said = await filled_in(request, OfferForm)
        became = await _said(request, offer, said)
    except Wrong as mistaken:
        return await _form(request, offer, wrong=mistaken)
    if said.seen and said.seen != seen(offer):
        raise ChangedMeanwhile
    touched = await offers.touched(desk, member.business, offer, became)
    if touched.anybody and not said.reach:
        return render(request, "offer_reach.html", offer=offer, became=became, touched=touched, typed=await typed_in(request))
    became, errand = await offers.change(desk, member, offer, became, given=said.reach == "given")
    if errand:
        return go(f"/errands/{errand.id}?offer_id={became.id}")
    return go(f"/offers/{became.id}" if became.id != offer.id else "/offers")


@post("/offers/{offer_id:uuid}/state", guards=[managers])
async def state(request: Ask, offer_id: FromPath[UUID]) -> Response[Any]:
    """Pause it, let it be given again, put it away."""
    said = await filled_in(request, State)
    await offers.set_state(desk_of(request), me(request), offer_id, said.state)
    return go("/offers" if said.state == "archived" else f"/offers/{offer_id}")


# --- What a form says, as an offer ---


async def _said(request: Ask, was: Offer | None, said: OfferForm) -> Offer:
    """The offer that was filled in. Raises Wrong, with all that is missing."""
    desk, business = desk_of(request), me(request).business
    errors: dict[str, str] = {}
    benefit = _benefit(said, business, errors)
    validity = _validity(said, errors)
    prefix = said.prefix.strip().upper()
    if ambiguous(prefix):
        errors["prefix"] = N_("A prefix of 3 characters needs a letter that codes do not have, such as A, E or U.")
    theirs = {place.id for place in await desk.store.locations(business.id)}
    if not theirs.issuperset(said.locations):
        errors["locations"] = N_("Choose one of these.")
    if any(not row.days for row in said.windows):
        errors["windows"] = N_("Choose the days of these hours.")
    if errors or benefit is None or validity is None:
        raise await wrong(request, errors)
    return Offer(
        id=was.id if was else desk.world.new_id(),
        business_id=business.id,
        title=said.title,
        benefit=benefit,
        action=said.action,
        terms=said.terms,
        validity=validity,
        locations=tuple(sorted(said.locations)),
        windows=tuple(Window(days=tuple(sorted(set(row.days))), start=row.start, end=row.end) for row in said.windows),
        most=said.most,
        most_each=said.most_each,
        prefix=prefix,
        format=said.format,
        at_kiosk=said.at_kiosk,
        alone=said.alone,
        alone_minutes=said.alone_minutes,
        source=said.source,
        low_water=said.low_water,
        picture=said.picture[-1] if said.picture else "",
        state=was.state if was else "running",
    )


def _benefit(said: OfferForm, business: Business, errors: dict[str, str]) -> Benefit | None:
    missing = {"free_item": ("item", said.item), "add_on": ("item", said.item), "amount_off": ("amount", said.amount)}
    field, value = missing.get(said.kind, ("percent", said.percent))
    if value is None:
        errors[field] = N_("Fill this in.")
        return None
    match said.kind:
        case "free_item":
            return FreeItem(item=said.item or said.title)
        case "add_on":
            return AddOn(item=said.item or said.title)
        case "amount_off":
            return AmountOff(amount=said.amount or 0, currency=business.currency)
        case "percent_off":
            return PercentOff(percent=said.percent or 0, item=said.item)


def _validity(said: OfferForm, errors: dict[str, str]) -> Validity | None:
    given: dict[str, object] = {"days": said.days, "months": said.months, "until": said.until}
    if said.validity in given and given[said.validity] is None:
        errors[said.validity] = N_("Fill this in.")
        return None
    if said.until is not None and said.until.year > LAST_YEAR:
        errors["until"] = N_("A day as late as this means never: choose that it never ends.")
        return None
    match said.validity:
        case "days":
            return Days(days=said.days or 0)
        case "months":
            return Months(months=said.months or 1)
        case "until" if said.until is not None:
            return Until(date=said.until, time=said.until_time)
        case _:
            return Unlimited()


handlers: Final = (listed, blank, make, shown, change, state)
