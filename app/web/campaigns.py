"""Campaigns: what is said to whom, tried out, sent now or later, and what came of it; and those that come by themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from msgspec.structs import replace

from app.desk import campaigning, designs, segments, wallets
from app.post import Undelivered
from app.store import CardFacts, Results
from app.web import errands
from app.web.design import drawings
from app.web.forms import Line, Name, Wrong, filled_in, fresh, seen, wrong
from app.web.pages import go, is_fragment, render, shown_by
from app.web.segments import MOST_PICKED, Asked, editor, meant
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.campaigns import Birthday, Campaign, Expiring, Rules, Trigger, Waiting, WinBack, quiet_until
from passes.offers import Offer
from passes.problems import NotFound
from passes.words import N_, Text

Kind = Literal["birthday", "win_back", "waiting", "expiring"]
KINDS: Final[Mapping[Kind, tuple[type[Trigger], str]]] = {
    "birthday": (Birthday, "before"),
    "win_back": (WinBack, "after"),
    "waiting": (Waiting, "after"),
    "expiring": (Expiring, "before"),
}
"""The automations, each with what its days are called."""
Said = Annotated[Text, msgspec.Meta(max_length=300)]
"""A phone shows about four lines of it."""


class Filled(Asked, frozen=True, kw_only=True):
    """The form of a campaign. ``days`` are those of an automation."""

    name: Name
    message: Said | None = None
    offer_id: UUID | None = None
    email: bool = False
    days: Annotated[int, msgspec.Meta(ge=0, le=730)] | None = None


class Time(msgspec.Struct, frozen=True, kw_only=True):
    """When it is sent: empty is now, else a time on the wall in the business's zone."""

    at: Line = ""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """The number of the card on which it is tried."""

    number: Line


def kind_of(trigger: Trigger | None) -> Kind | None:
    """The word of an automation."""
    return next((word for word, (kind, _) in KINDS.items() if isinstance(trigger, kind)), None)


def _days(trigger: Trigger | None) -> int:
    word = kind_of(trigger)
    return int(getattr(trigger, KINDS[word][1])) if word else 0


@get("/campaigns", guards=[managers])
async def all_campaigns(request: Ask) -> Response[str]:
    """All campaigns, the newest first, with what came of them; the automations; and those that are archived."""
    desk, business = desk_of(request), me(request).business
    known = list(reversed(await desk.store.campaigns(business.id)))
    results = await desk.store.results([one.id for one in known]) if known else {}
    came = [(one, results.get(one.id, Results())) for one in known]
    return render(
        request,
        "campaigns.html",
        campaigns=[pair for pair in came if pair[0].trigger is None and pair[0].state != "archived"],
        automations={
            word: [(*pair, _days(pair[0].trigger)) for pair in came if kind_of(pair[0].trigger) == word and pair[0].state != "archived"]
            for word in KINDS
        },
        archived=[pair for pair in came if pair[0].state == "archived"],
        mail=desk.post is not None,
    )


async def _edit(
    request: Ask, one: Campaign | None, rules: Rules, *, kind: Kind | None, like: Campaign | None = None, **more: Any
) -> Response[str]:
    """The form of one, or of another one, which may begin ``like`` one that there was."""
    desk, business = desk_of(request), me(request).business
    offers = [offer for offer in await desk.store.all_offers(business.id) if offer.state == "running" or (one and offer.id == one.offer_id)]
    trigger = one.trigger if one else None
    return render(
        request,
        "campaign_edit.html",
        one=one or like,
        drawn_from=seen(one) if one else "",
        kind=kind,
        days=_days(trigger) if trigger else _days(KINDS[kind][0]()) if kind else 0,
        offers=offers,
        segments=await segments.all_of(desk, business.id),
        mail=desk.post is not None,
        **await editor(request, rules),
        **more,
    )


@get("/campaigns/new", guards=[managers])
async def new(
    request: Ask,
    kind: FromQuery[Kind | None] = None,
    of: FromQuery[UUID | None] = None,
    card: FromQuery[UUID | None] = None,
    like: FromQuery[UUID | None] = None,
) -> Response[str]:
    """The form for another one: an automation of a kind, for a segment, for one card, or what was written once, again."""
    if like is not None:
        known = await _one(request, like)
        return await _edit(request, None, known.rules, kind=None, like=known)
    rules = Rules(cards=(card,) if card else ())
    if of is not None:
        rules = (await segments.segment(desk_of(request), me(request).business.id, of)).rules
    return await _edit(request, None, rules, kind=kind)


class Picked(msgspec.Struct, frozen=True, kw_only=True):
    """Customers who were ticked in a list."""

    customers: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=MOST_PICKED)] = ()


@post("/campaigns/picked", guards=[managers], status_code=200)
async def picked(request: Ask) -> Response[Any]:
    """The form for another one to those who were picked by hand; back to the list when nobody was, for no rule at all means everybody."""
    asked, desk, business = await filled_in(request, Picked), desk_of(request), me(request).business
    known = await desk.store.people(business.id, ids=asked.customers, limit=MOST_PICKED) if asked.customers else ()
    if len(known) < len(set(asked.customers)):
        raise NotFound(what=N_("customer"))
    cards = tuple(card.id for one in known for card in one.cards if card.left_at is None)
    return await _edit(request, None, Rules(cards=cards), kind=None) if cards else go("/customers?unpicked=true")


async def _filled(request: Ask, kind: Kind | None) -> dict[str, Any]:
    """What the form says, as fields of a campaign. Raises Wrong."""
    said = await filled_in(request, Filled)
    about_a_coupon = kind in ("waiting", "expiring")
    if said.message is None and (said.offer_id is None or about_a_coupon):
        raise await wrong(
            request, {"message": N_("Say something.") if about_a_coupon else N_("Say something, or give something: one of the two.")}
        )
    trigger: Trigger | None = None
    if kind is not None:
        made, days = KINDS[kind]
        try:
            trigger = msgspec.convert({"kind": kind, days: said.days or 0}, made)
        except msgspec.ValidationError:
            raise await wrong(request, {"days": N_("So many days are not possible here.")}) from None
    return {
        "name": said.name.strip(),
        "message": said.message,
        "offer_id": None if about_a_coupon else said.offer_id,
        "email": said.email,
        "rules": await meant(request, said),
        "trigger": trigger,
    }


@post("/campaigns", guards=[managers])
async def make(request: Ask, kind: FromQuery[Kind | None] = None) -> Response[Any]:
    """Another one, as a draft; an automation is off until it is switched on."""
    desk, member = desk_of(request), me(request)
    try:
        filled = await _filled(request, kind)
    except Wrong as mistaken:
        return await _edit(request, None, Rules(), kind=kind, wrong=mistaken)
    made = Campaign(
        id=desk.world.new_id(),
        business_id=member.business.id,
        state="paused" if kind else "draft",
        made_at=desk.world.now(),
        made_by=member.staff.id,
        **filled,
    )
    await campaigning.make(desk, member, made)
    return go(f"/campaigns/{made.id}")


async def _one(request: Ask, campaign_id: UUID) -> Campaign:
    return await campaigning.campaign(desk_of(request), me(request).business.id, campaign_id)


@get("/campaigns/{campaign_id:uuid}/edit", guards=[managers])
async def edit(request: Ask, campaign_id: FromPath[UUID]) -> Response[str]:
    """The form of one that can still be changed."""
    one = await _one(request, campaign_id)
    return await _edit(request, one, one.rules, kind=kind_of(one.trigger))


@post("/campaigns/{campaign_id:uuid}/edit", guards=[managers])
async def change(request: Ask, campaign_id: FromPath[UUID]) -> Response[Any]:
    """Change it."""
    one = await _one(request, campaign_id)
    await fresh(request, one)
    try:
        filled = await _filled(request, kind_of(one.trigger))
    except Wrong as mistaken:
        return await _edit(request, one, one.rules, kind=kind_of(one.trigger), wrong=mistaken)
    await campaigning.change(desk_of(request), me(request), one, replace(one, **filled))
    return go(f"/campaigns/{one.id}")


async def _looked_at(request: Ask, one: Campaign, **more: Any) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    now = desk.world.now()
    found = await desk.store.errand(business.id, one.id) if one.trigger is None and one.state != "draft" else None
    offers: Mapping[UUID, Offer] = await desk.store.offers(business.id, [one.offer_id]) if one.offer_id else {}
    fresh = one.state in ("draft", "scheduled") or one.trigger is not None
    facts: dict[str, Any] = {
        "one": one,
        "kind": kind_of(one.trigger),
        "days": _days(one.trigger),
        "state": one.state,
        "errand": errands.view(*found) if found and one.state != "scheduled" else None,
        "results": (await desk.store.results([one.id])).get(one.id, Results()),
        "offer": next(iter(offers.values()), None),
        "reach": await desk.store.reach(business.id, one.rules, now=now, zone=business.tz, weekly=business.weekly) if fresh else None,
        "quiet": quiet_until(business, now),
        "mail": desk.post is not None,
        "tried": "",
        "mailed_to": "",
        "drawn_from": seen(one),
        **more,
    }
    if is_fragment(request) and request.method == "GET":
        return render(request, "campaign_results.html", **facts)
    return render(request, "campaign.html", drawn=await _drawn(request, one, offers), **facts)


async def _drawn(request: Ask, one: Campaign, gift: Mapping[UUID, Offer]) -> list[dict[str, Any]]:
    """A card of the program that it is about, or of any, as each wallet draws it then, in each language. None without a program."""
    desk, business = desk_of(request), me(request).business
    programs = await desk.store.programs(business.id)
    program = next((each for each in programs if each.id == one.rules.program_id), programs[0] if programs else None)
    if program is None:
        return []
    state: designs.State = "ready" if isinstance(one.trigger, Waiting | Expiring) else "half"
    offers = {**await designs.offers_of(desk, program), **gift}
    return await drawings(request, business, designs.example(desk, business, program, offers, state, says=one), business.languages)


@get("/campaigns/{campaign_id:uuid}", guards=[managers])
async def campaign(request: Ask, campaign_id: FromPath[UUID]) -> Response[str]:
    """One campaign: whom it would reach, how far it is, what came of it. As a fragment, only what came of it."""
    return await _looked_at(request, await _one(request, campaign_id))


@post("/campaigns/{campaign_id:uuid}/test", guards=[managers], status_code=200)
async def try_out(request: Ask, campaign_id: FromPath[UUID]) -> Response[str]:
    """Try it on one card, and by e-mail to oneself."""
    one = await _one(request, campaign_id)
    try:
        number = (await filled_in(request, Tried)).number
        try:
            mailed_to = await campaigning.try_out(desk_of(request), me(request), one, number)
        except NotFound:
            raise await wrong(request, {"number": N_("There is no card {number}.")}, number=number) from None
        except Undelivered as undelivered:
            raise await wrong(request, {"number": N_("The card has it; the e-mail was not taken: {why}.")}, why=undelivered.why) from None
    except Wrong as mistaken:
        return await _looked_at(request, one, wrong=mistaken)
    return await _looked_at(request, one, tried=number, mailed_to=mailed_to)


@post("/campaigns/{campaign_id:uuid}/send", guards=[managers])
async def send(request: Ask, campaign_id: FromPath[UUID]) -> Response[Any]:
    """Send it, now or at a time; an automation is switched on."""
    desk, member = desk_of(request), me(request)
    one = await _one(request, campaign_id)
    await fresh(request, one)
    if one.trigger is not None:
        await campaigning.start(desk, member, one)
        return go(f"/campaigns/{one.id}")
    try:
        said = (await filled_in(request, Time)).at.strip()
        at: datetime | None = None
        if said:
            at = _moment(said, member.business.tz)
            if at is None or at <= desk.world.now():
                raise await wrong(request, {"at": N_("A time that is still to come, such as 2026-12-24 09:30.")})
    except Wrong as mistaken:
        return await _looked_at(request, one, wrong=mistaken)
    await campaigning.send(desk, member, one, at=at)
    return go(f"/campaigns/{one.id}")


def _moment(said: str, zone: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(said).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@post("/campaigns/{campaign_id:uuid}/stop", guards=[managers])
async def stop(request: Ask, campaign_id: FromPath[UUID]) -> Response[Any]:
    """Stop it; an automation rests."""
    one = await _one(request, campaign_id)
    await campaigning.stop(desk_of(request), me(request), one)
    return go(f"/campaigns/{one.id}")


@post("/campaigns/{campaign_id:uuid}/archive", guards=[managers])
async def archive(request: Ask, campaign_id: FromPath[UUID]) -> Response[Any]:
    """Put a draft away, or an automation that rests."""
    await campaigning.archive(desk_of(request), me(request), await _one(request, campaign_id))
    return go("/campaigns")


# --- No more e-mail ---


async def _sent_to(request: Ask, key: str) -> CardFacts:
    """The card that an e-mail was about, by its id, which unlike its key opens nothing else and never changes; or by its key."""
    desk = desk_of(request)
    try:
        facts = await desk.store.card_facts(card_id=UUID(key))
    except ValueError:
        facts = None
    facts = facts or await wallets.by_key(desk, key)
    shown_by(request, facts.business)
    return facts


@get("/leave-mail/{key:str}")
async def leaving(request: Ask, key: FromPath[str]) -> Response[str]:
    """What the link of an e-mail asks: a messenger that looks into links must not answer it."""
    facts = await _sent_to(request, key)
    return render(request, "leave_mail.html", key=key, shop=facts.business.name, left=facts.customer.consent_at is None)


@post("/leave-mail/{key:str}", status_code=200)
async def leave(request: Ask, key: FromPath[str]) -> Response[str]:
    """No more offers for this customer. Mail programs send this by themselves when somebody says so there (RFC 8058)."""
    facts = await _sent_to(request, key)
    await campaigning.take_consent_back(desk_of(request), facts)
    return render(request, "leave_mail.html", key=key, shop=facts.business.name, left=True)


handlers: Final = (all_campaigns, new, picked, make, edit, change, campaign, try_out, send, stop, archive)
public: Final = (leaving, leave)
