"""A code is redeemed, exactly once; or an expired one is honoured, with a reason. Every refusal is recorded."""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid5

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, limits, sales
from app.desk.found import login
from app.desk.present import Found, find, one_code
from app.desk.sales import Told
from app.desk.views import Receipt
from app.store import Caller, Change, Count, Duplicate, Lost, Row, Sale, Staff, Tally
from passes import codes, coupons
from passes.businesses import Business, Person
from passes.cards import Card, Event
from passes.coupons import Channel, Coupon, Presented, Redemption, Refusal, Used
from passes.problems import Busy, CardPresented, NotFound, Problem, SeveralCodes, UnreadablePhoto
from passes.words import N_

LONGEST_PRESENTED: Final = 64

Decide = Callable[[Found, datetime, UUID], Redemption]


async def redeem(desk: Desk, caller: Caller, typed: str, *, channel: Channel, once: Once, told: Told | None = None) -> Receipt:
    """Use a coupon up; ``told`` is what a till says of the sale.

    Raises the first Problem of the order, after recording the refusal; WrongCurrency; Busy if the house is overrun.
    """

    def decide(found: Found, now: datetime, redemption_id: UUID) -> Redemption:
        return coupons.redeem(
            found.presented,
            prefix=found.prefix,
            business=caller.business,
            person=caller.person,
            channel=channel,
            now=now,
            redemption_id=redemption_id,
        )

    return await _use(desk, caller, typed, decide, kind="redemptions", channel=channel, once=once, told=told)


async def redeem_photo(desk: Desk, caller: Caller, reading: Awaitable[tuple[str, ...]], *, once: Once) -> Receipt:
    """Use up the coupon whose code a photo shows. Raises UnreadablePhoto or SeveralCodes too, after recording the refusal."""
    try:
        typed = one_code(await reading, caller)
    except (UnreadablePhoto, SeveralCodes) as problem:
        await refuse(desk, caller, "", problem, coupon=None, channel="photo", once=once, now=desk.world.now())
        raise
    return await redeem(desk, caller, typed, channel="photo", once=once)


async def honour(desk: Desk, caller: Caller, typed: str, *, reason: str, channel: Channel, once: Once) -> Receipt:
    """Goodwill: use an expired coupon up, if this person may. Raises the Problem that forbids it, after recording it."""

    def decide(found: Found, now: datetime, redemption_id: UUID) -> Redemption:
        return coupons.honour(
            found.presented,
            prefix=found.prefix,
            business=caller.business,
            person=caller.person,
            channel=channel,
            now=now,
            redemption_id=redemption_id,
            reason=reason,
        )

    return await _use(desk, caller, typed, decide, kind="goodwill", channel=channel, once=once)


# --- By the customer alone, on the page of their own card ---


async def own_phone(desk: Desk, business: Business, card: Card, location_id: UUID | None) -> Caller:
    """Who redeems on the page of a card: the business's one row for customers' own phones, made when it is first needed.

    The card itself is the counter, so that the nonces of its page are its own. ``location_id`` may be left out where there is one
    location only. Raises NotFound.
    """
    places = [place for place in await desk.store.locations(business.id) if not place.closed]
    here = next((place for place in places if place.id == location_id or (location_id is None and len(places) == 1)), None)
    if here is None:
        raise NotFound(what=N_("location"))
    phone = Staff(
        id=uuid5(business.id, "a customer's own phone"),
        business_id=business.id,
        name=desk.words.said(business.languages[0], N_("the customer's own phone")),
        role="cashier",
        counter=True,
    )
    if not await desk.store.members(staff_id=phone.id):
        with contextlib.suppress(Duplicate):  # two customers at once: one row
            await desk.commit(desk.world.now(), rows=(phone, login(phone)))
    person = Person(
        staff_id=phone.id,
        staff=phone.name,
        role=phone.role,
        location_id=here.id,
        location=here.name,
        counter_id=card.id,
        machine=True,
        alone=True,
    )
    return Caller(person=person, business=business)


async def alone(desk: Desk, key: str, coupon_id: UUID, location_id: UUID | None, *, once: Once) -> Receipt:
    """A customer redeems a coupon of their own card (by the holder's ``key``), where its offer allows it.

    Raises NotFound for a card, a coupon that is not on it, or a location; StaffNeeded where the offer does not; and what redeem raises.
    """
    facts = await desk.store.card_facts(key=key)
    presented = await desk.store.coupon(facts.business.id, coupon_id) if facts else None
    if facts is None or presented is None or presented.coupon.card_id != facts.card.id:
        raise NotFound(what=N_("coupon"))
    caller = await own_phone(desk, facts.business, facts.card, location_id)
    return await redeem(desk, caller, codes.joined(presented.coupon.code, presented.offer.prefix), channel="alone", once=once)


async def _use(
    desk: Desk,
    caller: Caller,
    typed: str,
    decide: Decide,
    *,
    kind: Literal["redemptions", "goodwill"],
    channel: Channel,
    once: Once,
    told: Told | None = None,
) -> Receipt:
    if told:
        sales.fits(caller, told.currency)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        coupon: Coupon | None = None
        try:
            found = await find(desk, caller, typed, now, kind=kind)
            presented, coupon = found.presented, found.presented.coupon
            redemption = decide(found, now, desk.world.new_id())
            sale = sales.row(desk, caller, told, now, basket_id=desk.world.new_id()) if told else ()
        except Problem as problem:
            await refuse(desk, caller, typed, problem, coupon=coupon, channel=channel, once=once, now=now)
            raise
        if sale:
            redemption = replace(redemption, basket_id=sale[0].basket_id)
        receipt = receipt_of(desk, caller, presented, redemption, language=once.language, sale=sale[0] if sale else None)
        rows = (*sale, *once.done(receipt, caller, now))
        try:
            await record(desk, caller, [(presented, redemption)], kind=kind, rows=rows, now=now)
        except Lost:
            continue  # somebody was first: read again, and the rule says who and when
        return receipt
    raise Busy(retry_after=1)


async def record(
    desk: Desk,
    caller: Caller,
    uses: Sequence[tuple[Presented, Redemption]],
    *,
    kind: Literal["redemptions", "goodwill"],
    rows: tuple[Row, ...],
    now: datetime,
    counts: tuple[Count, ...] = (),
) -> None:
    """Make redemptions true, with ``rows`` (the answer among them) and ``counts``. Raises Lost; Repeated if it was answered already."""
    changes: list[Change] = []
    tallies: list[Tally] = []
    limited = len(uses) > 1 and any(presented.offer.limited for presented, _ in uses)
    for presented, redemption in uses:
        coupon = presented.coupon
        freed = {"held_by": None, "held_until": None} if coupon.held_by else {}
        changes.append(
            Change(
                of=Coupon,
                id=coupon.id,
                seen={"state": "active", "customer_id": coupon.customer_id, "held_by": coupon.held_by},
                to={"state": "redeemed", "redemption_id": redemption.id, **freed},
            )
        )
        counts = (*counts, *counting.redeemed(redemption, coupon, caller.business.tz))
        by: Literal[0, 1] = 0 if coupon.held_by else 1  # what is held was counted when it was held
        tallies += [*limits.of_offer(presented.offer, coupon, by=by, always=limited), *limits.tally(caller, kind, now)]
        event = Event(
            id=desk.world.new_id(),
            business_id=coupon.business_id,
            card_id=coupon.card_id,
            customer_id=coupon.customer_id,
            coupon_id=coupon.id,
            kind="redeemed" if redemption.kind == "redemption" else "goodwill",
            at=now,
            staff_id=caller.person.staff_id,
        )
        rows = (redemption, event, *rows)
    touches = tuple(dict.fromkeys([presented.coupon.card_id for presented, _ in uses if presented.coupon.card_id]))
    was_here = {"visited_at": now, "location_id": caller.person.location_id}
    changes += [Change(of=Card, id=card_id, seen={}, to=was_here) for card_id in touches]
    try:
        await desk.commit(now, changes=changes, tallies=tallies, counts=counts, rows=rows, touches=touches)
    except Duplicate as duplicate:
        raise Repeated from duplicate


async def refuse(
    desk: Desk,
    caller: Caller,
    typed: str,
    problem: Problem,
    *,
    coupon: Coupon | None,
    channel: Channel,
    once: Once,
    now: datetime,
) -> None:
    """Record that a code was presented and not redeemed, together with the answer."""
    rows, counts = refused(desk, caller, [(typed, problem, coupon)], channel=channel, now=now)
    try:
        await desk.commit(now, counts=counts, rows=(*rows, *once.refused(problem, caller, now)))
    except Duplicate as duplicate:
        raise Repeated from duplicate


def refused(
    desk: Desk, caller: Caller, codes: Iterable[tuple[str, Problem, Coupon | None]], *, channel: Channel, now: datetime
) -> tuple[tuple[Row, ...], tuple[Count, ...]]:
    """What is recorded and counted of presented codes that are refused. A card's own number is no refusal."""
    rows: list[Row] = []
    counts: list[Count] = []
    person = caller.person
    for typed, problem, coupon in codes:
        if isinstance(problem, CardPresented):
            continue
        refusal = Refusal(
            id=desk.world.new_id(),
            business_id=caller.business.id,
            presented="".join(char for char in typed if char.isprintable())[:LONGEST_PRESENTED],
            coupon_id=coupon.id if coupon else None,
            word=problem.word,
            at=now,
            location_id=person.location_id,
            staff_id=person.staff_id,
            counter_id=person.counter_id,
            channel=channel,
            offer_id=coupon.offer_id if coupon else None,
            customer_id=coupon.customer_id if coupon else None,
        )
        happened = Event(  # for those who follow the log from outside; whose coupon it is, the refusal knows
            id=desk.world.new_id(),
            business_id=caller.business.id,
            card_id=None,
            customer_id=None,
            coupon_id=refusal.coupon_id,
            kind="refused",
            at=now,
            reason=problem.word,
            staff_id=person.staff_id,
        )
        rows += [refusal, happened]
        counts += counting.refused(refusal, caller.business.tz)
    return tuple(rows), tuple(counts)


def receipt_of(
    desk: Desk, caller: Caller, presented: Presented, redemption: Redemption, *, language: str, sale: Sale | None = None
) -> Receipt:
    """What to give to whom, once the redemption is recorded."""
    look = desk.look(caller.business, language, redemption.at)
    used = Used(redemption=redemption, location=caller.person.location, staff=caller.person.staff)
    after = look.coupon(coupons.redeemed(presented.coupon, redemption), presented.offer, used, sale)
    return Receipt(redemption=after.redemption or look.redemption(used, sale), coupon=after, customer=presented.customer)
