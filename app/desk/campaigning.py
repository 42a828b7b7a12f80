"""A campaign: made, tried out, sent from card to card by an errand, and stopped; each card is reached once, or not at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, audit, counting, giving, letters, portions, read
from app.desk.giving import Given
from app.store import CardFacts, Duplicate, Errand, Member, Portion, Row, Sent, Tally
from passes.businesses import Business
from passes.campaigns import Campaign, Expiring, Waiting, quiet_until
from passes.cards import Card, Customer, Event
from passes.offers import Offer
from passes.problems import Busy, ChangedMeanwhile, NotFound, Paused, PoolEmpty
from passes.words import N_

PORTION: Final = 100
"""Cards of one unit: the writer holds them for a few milliseconds, and whoever stands at a counter goes in between."""
WEEK: Final = timedelta(days=7)
REACHED: Final = "reached"
"""Under which a business's portions of campaigns and automations are counted: whoever reads the count before it looks whom it may reach,
and finds another one when it would reach them, looks again. So two at one instant do not pass the week's most, and paused is paused."""


class Meant(msgspec.Struct, frozen=True):
    """A card that a campaign reaches now, and the occasion; ``coupon_id`` is the coupon that it is about, where it is about one."""

    card: Card
    customer: Customer
    occasion: str = ""
    coupon_id: UUID | None = None


# --- Made and changed ---


async def campaign(desk: Desk, business_id: UUID, campaign_id: UUID) -> Campaign:
    """A campaign of this business. Raises NotFound."""
    found = await desk.store.campaign(business_id, campaign_id)
    if found is None:
        raise NotFound(what=N_("campaign"))
    return found


async def make(desk: Desk, actor: Member, made: Campaign) -> Campaign:
    """A new one, as it was filled in. Raises NotFound for an offer that is not this business's."""
    if made.offer_id is not None:
        await read.offer(desk, made.business_id, made.offer_id)
    await desk.commit(desk.world.now(), rows=(made, audit.line(desk, actor.staff.id, "campaign.made", None, made)))
    return made


async def change(desk: Desk, actor: Member, was: Campaign, became: Campaign) -> Campaign:
    """Another message, offer, segment or name; of one that is under way or over only the name. Raises NotFound, ChangedMeanwhile."""
    if was.trigger is None and was.state not in ("draft", "stopped"):
        became = replace(was, name=became.name)
    if became.offer_id is not None:
        await read.offer(desk, became.business_id, became.offer_id)
    await audit.revise(desk, actor.staff.id, "campaign.changed", (was, became))
    return became


async def send(desk: Desk, actor: Member, was: Campaign, *, at: datetime | None) -> Campaign:
    """Let it go now, or at a time. Raises Paused where its offer gives nothing new, ChangedMeanwhile also for one that went already."""
    if was.trigger is not None or was.state != "draft":
        raise ChangedMeanwhile
    now, business = desk.world.now(), actor.business
    await running_offer(desk, was)
    due = max(at or now, now)
    reach = await desk.store.reach(business.id, was.rules, now=now, zone=business.tz, weekly=business.weekly)
    errand = Errand(
        id=was.id,  # it goes once: a second errand of it would be a Duplicate
        business_id=business.id,
        kind="campaign",
        body=msgspec.json.encode({"campaign_id": was.id}).decode(),
        made_by=actor.staff.id,
        made_at=now,
        total=reach.reached,
        due_at=due,
    )
    became = replace(was, state="scheduled" if due > now else "sending", at=due)
    try:
        await audit.revise(desk, actor.staff.id, "campaign.sent", (was, became), rows=(errand,))
    except Duplicate:
        raise ChangedMeanwhile from None
    return became


async def stop(desk: Desk, actor: Member, was: Campaign) -> Campaign:
    """Nobody more is reached; an automation rests. Raises ChangedMeanwhile for one that has not begun, or is over.

    One that is under way is stopped before its errand, which sees it and stops, too, if we fall in between.
    """
    for _ in range(ATTEMPTS):
        if was.state not in ("scheduled", "sending", "running"):
            raise ChangedMeanwhile
        became = replace(was, state="paused" if was.state == "running" else "stopped")
        try:
            await audit.revise(desk, actor.staff.id, "campaign.stopped", (was, became))
        except ChangedMeanwhile:  # its errand has begun, or has just ended
            was = await campaign(desk, was.business_id, was.id)
            continue
        if became.state == "stopped":
            await desk.store.stop_errand(was.business_id, was.id, desk.world.now())
        await desk.commit(desk.world.now(), tallies=(_turn(was.business_id),))  # who looks whom to reach looks again, and sees it
        return became
    raise Busy(retry_after=1)


async def archive(desk: Desk, actor: Member, was: Campaign) -> None:
    """Out of sight with a draft, or with an automation that rests, until it is switched on. Raises ChangedMeanwhile for any other."""
    if was.state not in ("draft", "paused"):
        raise ChangedMeanwhile
    await audit.revise(desk, actor.staff.id, "campaign.archived", (was, replace(was, state="archived")))


async def start(desk: Desk, actor: Member, was: Campaign) -> Campaign:
    """An automation works from now on. Raises Paused for an offer that gives nothing new."""
    if was.trigger is None:
        raise ChangedMeanwhile
    await running_offer(desk, was)
    became = replace(was, state="running")
    await audit.revise(desk, actor.staff.id, "campaign.started", (was, became))
    return became


async def running_offer(desk: Desk, of: Campaign) -> Offer | None:
    """The offer that a campaign gives. Raises Paused."""
    if of.offer_id is None or isinstance(of.trigger, Waiting | Expiring):
        return None
    return await read.running(desk, of.business_id, of.offer_id)


async def try_out(desk: Desk, actor: Member, one: Campaign, which: str) -> str:
    """Its message on a card (by number) alone, and its e-mail to who tries it, at the address that is returned ("": none was sent).

    No coupon is given, and nothing is counted.

    Raises NotFound for a card, Undelivered for the e-mail.
    """
    facts = await read.card_facts(desk, one.business_id, which)
    now = desk.world.now()
    if one.message is not None:
        event = Event(
            id=desk.world.new_id(),
            business_id=one.business_id,
            card_id=facts.card.id,
            customer_id=facts.customer.id,
            kind="message",
            at=now,
            staff_id=actor.staff.id,
            campaign_id=one.id,
        )
        await desk.commit(now, rows=(event,), touches=(facts.card.id,))
    if not one.email or desk.post is None or not actor.login.email:
        return ""
    letter = letters.written(desk, one, facts, letter_id=str(desk.world.new_id()))
    await desk.post(replace(letter, to=actor.login.email))
    return actor.login.email


async def take_consent_back(desk: Desk, facts: CardFacts) -> None:
    """Who holds this card is sent no more offers, on the card or by e-mail. Whoever changes the same customer meanwhile goes first.

    Whoever they were merged with is the one who is sent them.
    """
    who = facts.customer.merged_into or facts.customer.id
    for _ in range(ATTEMPTS):
        was = await desk.store.customer(facts.business.id, who)
        if was is not None and was.merged_into is not None:
            who = was.merged_into
            continue
        if was is None or was.consent_at is None or await desk.store.revise([(was, replace(was, consent_at=None))]):
            return
    raise Busy(retry_after=1)


# --- On its way ---


async def story(desk: Desk, errand: Errand, last: Portion | None) -> Portion | timedelta:
    """The errand's next portion: reach the next cards of the segment, with all that comes to each, in one unit."""
    turn = await turns(desk, errand.business_id)
    one = await campaign(desk, errand.business_id, errand.id)
    if one.state == "stopped":
        await desk.store.stop_errand(one.business_id, errand.id, desk.world.now())
        return timedelta()
    business = await read.business(desk, errand.business_id)
    now = desk.world.now()
    if until := quiet_until(business, now):
        return until - now
    try:
        offer = await running_offer(desk, one)
    except Paused:
        await _becomes(desk, one, "stopped")  # in this order: whoever falls in between is found stopped
        await desk.store.stop_errand(business.id, errand.id, now)
        return timedelta()
    await _becomes(desk, one, "sending")
    after = UUID(last.after) if last is not None else None
    page = await desk.store.segment(business.id, one.rules, now=one.at or errand.made_at, zone=business.tz, after=after, limit=PORTION)
    meant = await _reachable(desk, business, one, page, now)
    given, failed = await given_to(desk, business, one, offer, meant, now=now)
    ends = str(page[-1][0].id if page else after or "")
    portion = portions.following(desk, errand, last, now, done=len(meant) - failed, failed=failed, after=ends, more=len(page) == PORTION)
    reached = meant[: len(meant) - failed]
    await reach(desk, business, one, reached, given, now=now, turn=turn, rows=(portion,))
    return portion


async def done(desk: Desk, errand: Errand) -> None:
    """All are reached who were meant: the campaign is over, if nobody has stopped it, and the log says so once."""
    one = await campaign(desk, errand.business_id, errand.id)
    finished = Event(
        id=desk.world.new_id(),
        business_id=one.business_id,
        card_id=None,
        customer_id=None,
        kind="finished",
        at=desk.world.now(),
        campaign_id=one.id,
    )
    await _becomes(desk, one, "done", finished)


async def _becomes(desk: Desk, one: Campaign, state: str, *rows: Row) -> None:
    """How it stands is said by the errand, unless somebody has stopped it meanwhile; with rows that are recorded then."""
    for _ in range(ATTEMPTS):
        now_is = await campaign(desk, one.business_id, one.id)
        if now_is.state == state or now_is.state not in ("scheduled", "sending"):
            return
        if await desk.store.revise([(now_is, replace(now_is, state=state))], rows):
            return
    raise Busy(retry_after=1)


async def _reachable(
    desk: Desk, business: Business, one: Campaign, page: Sequence[tuple[Card, Customer]], now: datetime
) -> Sequence[Meant]:
    """Those of a page who agreed, have not had enough this week, and whom this campaign has not reached on another card."""
    agreed = [(card, customer) for card, customer in page if customer.consent_at is not None]
    lately = await desk.store.lately([customer.id for _, customer in agreed], since=now - WEEK, campaign_id=one.id)
    found: dict[UUID, Meant] = {}
    for card, customer in agreed:
        had, again = lately.get(customer.id, (0, False))
        if had < business.weekly and not again:
            found.setdefault(customer.id, Meant(card, customer))
    return tuple(found.values())


async def given_to(
    desk: Desk, business: Business, one: Campaign, offer: Offer | None, meant: Sequence[Meant], *, now: datetime, or_mint: bool = False
) -> tuple[Given, int]:
    """A coupon for each of them, and for how many of the last ones the pool has none left."""
    wanted = len(meant) if offer is not None else 0
    if offer is not None and offer.source == "pool" and not or_mint:
        wanted = min(wanted, (await desk.store.pools(business.id)).get(offer.id, 0))
    if offer is None or not wanted:
        return Given(coupons=(), rows=(), changes=()), len(meant) if offer is not None else 0
    try:
        given = await giving.give(desk, business, [offer] * wanted, now=now, batch_id=one.id, or_mint=or_mint)
    except PoolEmpty:  # what is left of it is over
        return Given(coupons=(), rows=(), changes=()), len(meant)
    return _held(given, [each.card for each in meant[:wanted]]), len(meant) - wanted


def _held(given: Given, cards: Sequence[Card]) -> Given:
    """The same coupons, each on its card."""
    holders = {coupon.id: {"card_id": card.id, "customer_id": card.customer_id} for coupon, card in zip(given.coupons, cards, strict=True)}
    return Given(
        coupons=tuple(replace(coupon, **holders[coupon.id]) for coupon in given.coupons),
        rows=tuple(replace(coupon, **holders[coupon.id]) for coupon in given.rows),
        changes=tuple(replace(change, to={**change.to, **holders[change.id]}) for change in given.changes),
    )


async def reach(
    desk: Desk,
    business: Business,
    one: Campaign,
    meant: Sequence[Meant],
    given: Given,
    *,
    now: datetime,
    turn: int | None,
    rows: Sequence[Row] = (),
    due_at: datetime | None = None,
) -> None:
    """Make it true for all of these cards at once: what was sent, what each says now, its coupon, its e-mail. Raises Lost, Duplicate.

    ``turn`` is what ``turns`` said before they were looked for; None for what is promised, however much else they are sent.
    """
    coupons = given.coupons or (None,) * len(meant)
    recorded: list[Row] = [*rows, *given.rows]
    changes = (*giving.there(*(each.card for each in meant)), *given.changes)
    for each, coupon in zip(meant, coupons, strict=True):
        happened = Event(
            id=desk.world.new_id(),
            business_id=business.id,
            card_id=each.card.id,
            customer_id=each.customer.id,
            kind="issued",
            at=now,
            campaign_id=one.id,
        )
        if coupon is not None:
            recorded.append(replace(happened, coupon_id=coupon.id))
        if one.message is not None:  # after the coupon: of the two the card says the message
            recorded.append(replace(happened, id=desk.world.new_id(), kind="message"))
        recorded.append(
            Sent(
                id=desk.world.new_id(),
                business_id=business.id,
                campaign_id=one.id,
                card_id=each.card.id,
                customer_id=each.customer.id,
                occasion=each.occasion,
                at=now,
                coupon_id=coupon.id if coupon is not None else each.coupon_id,
                mail="due" if (mailed := _mailed(desk, one, each.customer)) else "",
                mail_at=now if mailed else None,
            )
        )
    await desk.commit(
        now,
        changes=changes,
        tallies=(_turn(business.id, turn),) if meant else (),
        counts=counting.issued(given.coupons, business.tz),
        rows=recorded,
        touches=[each.card.id for each in meant],
        due_at=due_at,
    )


async def turns(desk: Desk, business_id: UUID) -> int:
    """How many portions of a business's campaigns and automations there were: to be asked before looking whom the next one reaches."""
    return await desk.store.tallied(business_id, REACHED)


def _turn(business_id: UUID, seen: int | None = None) -> Tally:
    """One more portion; if ``seen`` says how many there were, then only if there are still as many."""
    return Tally(business_id=business_id, key=REACHED, by=1, most=None if seen is None else seen + 1)


def _mailed(desk: Desk, one: Campaign, customer: Customer) -> bool:
    """Whether an e-mail is due to this customer: only to who agreed, whatever it is about (docs/decisions/031)."""
    return one.email and desk.post is not None and bool(customer.email) and customer.consent_at is not None
