"""What the holder of a card does with it by its link: look at it, use a reward alone, open an insert, leave, be forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, SOON, Desk, Repeated, counting, earn, forgetting, leaving, redeem
from app.desk.found import secret_hash
from app.desk.views import EarnedView
from app.desk.wallets import by_key, of_card
from app.store import Caller, CardFacts, Change, Duplicate, Insert, Kept, Lost, Merge, Opened, Row, Unit
from passes.businesses import Business
from passes.cards import Card, Event
from passes.coupons import Coupon, Presented
from passes.offers import over
from passes.problems import Busy, LinkSpent, NotFound, Paused, Problem
from passes.programs import Program
from passes.words import N_

CARD: Final = N_("card")
COUPON: Final = N_("coupon")


class _Tap:
    """Each tap counts once (desk.Once): its nonce is kept with what it did, under the card that it was on."""

    def __init__(self, language: str, nonce: str) -> None:
        self.language = language
        self._nonce = nonce

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Row, ...]:  # noqa: ARG002 (desk.Once)
        return self._kept(caller, now)

    def refused(self, problem: Problem, caller: Caller, now: datetime) -> tuple[Kept, ...]:  # noqa: ARG002 (desk.Once)
        return self._kept(caller, now)

    def _kept(self, caller: Caller, now: datetime) -> tuple[Kept, ...]:
        business_id, card_id = caller.business.id, caller.person.counter_id
        return (Kept(caller_id=card_id, key=self._nonce, business_id=business_id, digest=b"", status=0, body=b"", at=now),)


class _Opening(_Tap):
    """An insert is used up with what it gives."""

    def __init__(self, language: str, insert: Insert, card: Card) -> None:
        super().__init__(language, "")
        self._insert, self._card = insert, card

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Row, ...]:  # noqa: ARG002 (desk.Once)
        return (Opened(id=self._insert.id, business_id=caller.business.id, card_id=self._card.id, at=now),)


# --- The card ---


async def opened(desk: Desk, key: str, *, held: Sequence[str] = ()) -> CardFacts:
    """The card that a link opens, or the one that it has become part of: then its key is another one.

    ``held`` are the keys that this browser has: a fresh, unused card that it was given to hide that the person is known (app.desk.join)
    becomes part of this one, which proves now that they are. Raises NotFound, also for a card of somebody who was forgotten.
    """
    facts = await by_key(desk, key)
    if facts.customer.merged_into is not None:
        facts = await _successor(desk, facts) or facts
    if facts.customer.erased_at is not None:
        raise NotFound(what=CARD)
    for one in set(held) - {facts.card.key}:
        fresh = await desk.store.card_facts(key=one)
        if fresh is not None and _is_the_same(fresh, facts):
            await _fold(desk, fresh, facts)
    return facts


async def _successor(desk: Desk, facts: CardFacts) -> CardFacts | None:
    """The card of the same program of whom this one's holder turned out to be. Merged twice, they are followed twice."""
    customer = facts.customer
    for _ in range(ATTEMPTS):
        if customer.merged_into is None:
            break
        found = await desk.store.customer(facts.business.id, customer.merged_into)
        if found is None:
            return None
        customer = found
    cards = await desk.store.cards_of(facts.business.id, customer.id)
    card = next((one for one in cards if one.program_id == facts.program.id and one.left_at is None), None)
    return await of_card(desk, card) if card else None


def _is_the_same(fresh: CardFacts, old: CardFacts) -> bool:
    unused = fresh.card.entries == 0 and all(coupon.state == "active" for coupon in fresh.coupons)
    same = fresh.program.id == old.program.id and fresh.customer.maybe_id == old.customer.id
    return same and unused and fresh.card.left_at is None and fresh.customer.merged_into is None and old.card.left_at is None


async def _fold(desk: Desk, fresh: CardFacts, old: CardFacts) -> None:
    """The fresh card goes, and its holder is the one of old. A welcome that was given twice is taken back."""
    now = desk.world.now()
    card = fresh.card
    event = Event(
        id=desk.world.new_id(), business_id=card.business_id, card_id=card.id, customer_id=card.customer_id, kind="merged", at=now
    )
    gone = Change(of=Card, id=card.id, seen={"entries": 0, "left_at": None}, to={"left_at": now})
    void = [Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "voided", "voided_at": now}) for coupon in fresh.coupons]
    counts = counting.voided(fresh.coupons, now, fresh.business.tz)
    unit = Unit(at=now, due_at=now + SOON, changes=(gone, *void), counts=counts, rows=(event,), touches=(card.id,))
    kept = replace(old.customer, consent_at=old.customer.consent_at or fresh.customer.consent_at)
    try:
        await desk.store.merge(Merge(keep=old.customer, kept=kept, other=fresh.customer, cards={card.id: old.card.id}, unit=unit))
    except (Lost, Duplicate):
        return  # it was just used, or merged by somebody else: it stays, and managers see that the two are perhaps one
    desk.bell()


async def speak(desk: Desk, facts: CardFacts, language: str) -> None:
    """The holder chose a language: what we say to them from now on is said in it."""
    if facts.customer.language != language:
        await desk.store.revise([(facts.customer, replace(facts.customer, language=language))])


async def leave(desk: Desk, facts: CardFacts) -> None:
    """The holder leaves the program: the card is void from now on, in every wallet, and what is on it is lost. Twice is once."""
    await leaving.leave(desk, facts.business, facts.card.id)


async def forget(desk: Desk, facts: CardFacts) -> None:
    """The holder wants to be forgotten, with all the cards that they have here."""
    await forgetting.forget(desk, facts.business, facts.customer.id, by=None)


# --- A reward, alone ---


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon on the holder's card, as it is. ``until``: when the countdown ends of one that was used alone (also when it has)."""

    presented: Presented
    until: datetime | None

    @property
    def coupon(self) -> Coupon:
        """The coupon."""
        return self.presented.coupon


async def own_coupon(desk: Desk, facts: CardFacts, coupon_id: UUID) -> Own:
    """A coupon of this card whose offer its holder may use alone. Raises NotFound."""
    presented = await desk.store.coupon(facts.business.id, coupon_id)
    if presented is None or presented.coupon.card_id != facts.card.id or not presented.offer.alone:
        raise NotFound(what=COUPON)
    used = presented.used
    alone = used is not None and used.redemption.channel == "alone"
    return Own(presented=presented, until=used.redemption.at + timedelta(minutes=presented.offer.alone_minutes) if used and alone else None)


async def use_alone(desk: Desk, facts: CardFacts, coupon_id: UUID, location_id: UUID | None, *, nonce: str, language: str) -> None:
    """Use a coupon up; the same tap twice is one. Raises what redeem.alone raises."""
    own = await own_coupon(desk, facts, coupon_id)
    if own.until is not None:
        return
    try:
        await redeem.alone(desk, facts.card.key, coupon_id, location_id, once=_Tap(language, nonce))
    except Repeated:
        return


# --- An insert: a one-time QR on a receipt or in a delivery ---


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An insert that can be used, with its program and business."""

    insert: Insert
    program: Program
    business: Business


async def insert(desk: Desk, secret: str) -> Found:
    """What an insert gives. Raises LinkSpent for one that was used, is over, or never was."""
    known = await desk.store.insert(secret_hash(secret))
    if known is None or known[1] or over(known[0].expires_at, desk.world.now()):
        raise LinkSpent
    found = await desk.store.program_with_business(known[0].program_id)
    if found is None:
        raise LinkSpent
    return Found(insert=known[0], program=found[0], business=found[1])


async def use_insert(desk: Desk, secret: str, facts: CardFacts, *, language: str) -> EarnedView:
    """Put what an insert gives on a card of its program, once. Raises LinkSpent, Paused, and CannotEarn."""
    found = await insert(desk, secret)
    if found.program.id != facts.program.id:
        raise NotFound(what=CARD)
    if found.program.state != "running":
        raise Paused(name=found.program.name)
    places = [one for one in await desk.store.locations(facts.business.id) if not one.closed]
    here = facts.card.location_id or facts.customer.location_id
    place = next((one for one in places if one.id == here), places[0] if places else None)
    if place is None:
        raise Busy(retry_after=1)
    caller = await redeem.own_phone(desk, facts.business, facts.card, place.id)
    once = _Opening(language, found.insert, facts.card)
    try:
        return await earn.earn(desk, caller, str(facts.card.id), count=found.insert.gives, amount=None, once=once)
    except Repeated:
        raise LinkSpent from None
