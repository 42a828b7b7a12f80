"""What the holder of a card does with it by its link: look at it, use a reward alone, open an insert, leave, be forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import SOON, Desk, Repeated, campaigning, counting, earn, forgetting, leaving, redeem
from app.desk.found import secret_hash
from app.desk.views import EarnedView
from app.desk.wallets import by_key
from app.store import Caller, CardFacts, Change, Duplicate, Insert, Kept, Lost, Merge, Opened, Row, Unit
from passes import contacts
from passes.businesses import Business
from passes.cards import Card, Event
from passes.coupons import Coupon, Presented
from passes.offers import over
from passes.problems import Busy, ChangedMeanwhile, LinkSpent, NotFound, Paused, Problem
from passes.programs import Program
from passes.words import N_

CARD: Final = N_("card")
COUPON: Final = N_("coupon")
LONGEST: Final = timedelta(hours=1)
"""No countdown is longer (Offer.alone_minutes)."""


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


async def opened(desk: Desk, key: str, *, held: Sequence[str] = (), letter: str = "") -> CardFacts:
    """The card that a link opens.

    ``held`` are the keys that this browser has, ``letter`` is what stands in the link of a letter: whoever opens it with a card on
    which they gave that address has proven that it is theirs. A fresh, unused card that they were given to hide that the person is
    known (app.desk.join) becomes part of the one that it turns out to be. The link of a card that was merged into another one leads
    there in a browser that has that one's key anyhow: that two are one person gives nobody what they could not open before.
    Raises NotFound, also for a card of somebody who was forgotten, and LinkSpent for a card that was merged.
    """
    facts = await by_key(desk, key)
    if facts.customer.erased_at is not None:
        raise NotFound(what=CARD)
    has = [one for one in [await desk.store.card_facts(key=one) for one in held if one != key] if one is not None]
    into = facts.customer.merged_into
    if into is not None:
        became = next((one for one in has if one.customer.id == into and _is_one(one, facts)), None)
        if became is None:
            raise LinkSpent
        facts = became
    proven = await _prove(desk, letter, [facts, *has] if key in held else has) if letter else None
    if proven is not None and _is_one(proven, facts):
        return proven
    for fresh in has:
        if await _is_the_same(desk, fresh, facts):
            await _fold(desk, fresh, facts)
    return facts


def _is_one(one: CardFacts, other: CardFacts) -> bool:
    return one.program.id == other.program.id and one.card.left_at is None


async def _prove(desk: Desk, letter: str, has: Sequence[CardFacts]) -> CardFacts | None:
    """The card of this browser on which the address was given that the letter came to.

    The address is its holder's from now on, unless it is proven to be somebody's already: before it may be anybody's who typed it.
    """
    for one in has:
        contact = await desk.store.contact(one.business.id, contacts.value_of(email=one.customer.email))
        if contact is None or contact.id.hex != letter or one.customer.merged_into or one.customer.erased_at or one.card.left_at:
            continue
        if contact.proven or await desk.store.revise([(contact, replace(contact, customer_id=one.customer.id, proven=True))]):
            return one
    return None


async def _is_the_same(desk: Desk, fresh: CardFacts, old: CardFacts) -> bool:
    """The holder of fresh gave an address or number that is proven to be the one's of old, and has used nothing yet."""
    unused = fresh.card.entries == 0 and all(coupon.state == "active" for coupon in fresh.coupons)
    same = fresh.customer.maybe_id == old.customer.id and _is_one(fresh, old)
    if not (same and unused and fresh.customer.merged_into is None and old.card.left_at is None):
        return False
    values = contacts.values(old.business, email=fresh.customer.email, phone=fresh.customer.phone)
    known = [await desk.store.contact(old.business.id, value) for value in values]
    return any(one is not None and one.proven and one.customer_id == old.customer.id for one in known)


async def _fold(desk: Desk, fresh: CardFacts, old: CardFacts) -> None:
    """The fresh card goes, and its holder is the one of old. A welcome that was given twice is taken back."""
    now = desk.world.now()
    card = fresh.card
    both = [one for who in (old, fresh) for one in await desk.store.cards_of(card.business_id, who.customer.id)]
    held = [one.program_id for one in both if one.left_at is None and one.id != card.id]
    if len(held) > len(set(held)):
        return  # there is another card to be joined with one of theirs, which managers do
    event = Event(
        id=desk.world.new_id(), business_id=card.business_id, card_id=card.id, customer_id=card.customer_id, kind="merged", at=now
    )
    gone = Change(of=Card, id=card.id, seen={"entries": 0, "left_at": None}, to={"left_at": now})
    void = [Change(of=Coupon, id=coupon.id, seen={"state": "active"}, to={"state": "voided", "voided_at": now}) for coupon in fresh.coupons]
    counts = counting.voided(fresh.coupons, now, fresh.business.tz)
    unit = Unit(at=now, due_at=now + SOON, changes=(gone, *void), counts=counts, rows=(event,), touches=tuple(one.id for one in both))
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


async def offers(desk: Desk, facts: CardFacts, *, wanted: bool) -> None:
    """The holder wants to be sent offers, or no more. Raises ChangedMeanwhile, Busy."""
    if not wanted:
        await campaigning.take_consent_back(desk, facts)
        return
    agreed = replace(facts.customer, consent_at=facts.customer.consent_at or desk.world.now())
    if agreed != facts.customer and not await desk.store.revise([(facts.customer, agreed)]):
        raise ChangedMeanwhile


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


async def running(desk: Desk, facts: CardFacts, history: Sequence[Event]) -> list[Own]:
    """What was used alone, of this card's history, and is being shown to staff right now: its countdown has not ended."""
    now = desk.world.now()
    found = []
    for event in history:
        if event.kind == "redeemed" and event.coupon_id and event.at > now - LONGEST:
            try:
                own = await own_coupon(desk, facts, event.coupon_id)
            except NotFound:
                continue  # its offer is not used alone
            if own.until and own.until > now:
                found.append(own)
    return found


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
