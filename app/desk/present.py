"""A code is presented: what is it, and what would redeeming it give?"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, limits
from app.desk.read import followed
from app.desk.views import Verdict
from app.store import Caller, CardFacts, Change, Lost
from passes import codes, coupons
from passes.cards import ready
from passes.codes import Code, Number
from passes.coupons import Coupon, Presented
from passes.offers import Offer
from passes.problems import Busy, CardPresented, MistypedCode, Problem, SeveralCodes, UnknownCode, UnreadablePhoto
from passes.words import N_


class Found(msgspec.Struct, frozen=True):
    """The coupon that a text names, and the prefix that was given with it."""

    presented: Presented
    prefix: str


async def find(
    desk: Desk, caller: Caller, typed: str, now: datetime, *, kind: Literal["redemptions", "goodwill"] = "redemptions", along: int = 0
) -> Found:
    """The coupon behind a presented text, and how often today the caller has done this ``kind`` of thing, where that is limited.

    ``along`` is how many others come along with it. Raises MistypedCode, UnknownCode, or CardPresented for a card's own number.
    """
    found = await card_or_coupon(desk, caller, typed, now, kind=kind, along=along)
    if isinstance(found, CardFacts):
        waiting = ready(found.coupons, now)
        shown = tuple(codes.group(one.code, found.offers[one.offer_id].prefix) for one in waiting)
        raise CardPresented(card_id=found.card.id, ready=shown)
    return found


async def card_or_coupon(
    desk: Desk, caller: Caller, typed: str, now: datetime, *, kind: Literal["redemptions", "goodwill"] = "redemptions", along: int = 0
) -> Found | CardFacts:
    """The card (without its story) whose number a presented text is, or what ``find`` finds. Raises MistypedCode or UnknownCode."""
    business = caller.business
    read = codes.read(typed, prefixes=business.prefixes, imported=business.imported)
    if isinstance(read, Number):
        facts = await desk.store.card_facts(business_id=business.id, number=read.value, story=False)
        if facts is not None:
            return await followed(desk, facts)
        read = Code("", also=read.also)
    presented = await desk.store.presented(business.id, read.value) if read.value else None
    prefix = read.prefix
    if presented is None and read.also:
        presented, prefix = await desk.store.presented(business.id, read.also), ""
    if presented is None:
        raise MistypedCode if read.mistyped else UnknownCode
    if coupons.full(presented, along=along):
        await _free(desk, presented.offer, now)
        presented = await desk.store.coupon(business.id, presented.coupon.id) or presented
    done = await limits.done(desk, caller, kind, now)
    return Found(replace(presented, redeemed_by_staff=done) if done else presented, prefix)


async def _free(desk: Desk, offer: Offer, now: datetime) -> None:
    """Holds of this offer that are over are not counted any more.

    A hold ends by time alone, and whoever finds a limit used up is the first to whom it matters that one has.
    """
    free = {"held_by": None, "held_until": None}
    for _ in range(ATTEMPTS):
        if not (lapsed := await desk.store.lapsed(offer.id, now=now)):
            return
        seen = [{"held_by": one.held_by, "customer_id": one.customer_id} for one in lapsed]
        changes = [Change(of=Coupon, id=one.id, seen=was, to=free) for one, was in zip(lapsed, seen, strict=True)]
        with contextlib.suppress(Lost):  # somebody else has just done the same, or uses one of them
            await desk.commit(now, changes=changes, tallies=[tally for one in lapsed for tally in limits.of_offer(offer, one, by=-1)])
    raise Busy(retry_after=1)


def one_code(texts: tuple[str, ...], caller: Caller) -> str:
    """The one text of a photo that can be a code here. Raises UnreadablePhoto for none and SeveralCodes for several."""
    if not texts:
        raise UnreadablePhoto(why=N_("it shows no QR code or barcode"))
    ours: dict[Code | Number, str] = {}
    for text in texts:
        try:
            ours.setdefault(codes.read(text, prefixes=caller.business.prefixes, imported=caller.business.imported), text)
        except (MistypedCode, UnknownCode):  # a poster's web address beside the phone is no reason to refuse the phone
            continue
    if len(ours) > 1:
        raise SeveralCodes(count=len(ours))
    return next(iter(ours.values()), texts[0])


async def look_up(desk: Desk, caller: Caller, typed: str, *, language: str, problem: Callable[[Problem], dict[str, object]]) -> Verdict:
    """The verdict that redeeming would give now; changes nothing. ``problem`` writes a problem's document."""
    now = desk.world.now()
    look = desk.look(caller.business, language, now)
    try:
        found = await card_or_coupon(desk, caller, typed, now)
    except Problem as refusal:
        return Verdict(verdict=refusal.word, problem=problem(refusal))
    if isinstance(found, CardFacts):
        return Verdict(verdict="card", card=look.card(found))
    presented = found.presented
    refused: Problem | None = None
    try:
        coupons.look_up(presented, prefix=found.prefix, business=caller.business, person=caller.person, now=now)
    except UnknownCode as refusal:  # a wrong prefix: exactly what a code that does not exist gives
        return Verdict(verdict=refusal.word, problem=problem(refusal))
    except Problem as refusal:
        refused = refusal
    card_id = presented.coupon.card_id
    card = await desk.store.card_facts(business_id=caller.business.id, card_id=card_id, story=False) if card_id else None
    return Verdict(
        verdict=refused.word if refused else "redeemable",
        problem=problem(refused) if refused else None,
        coupon=look.presented(presented),
        customer=presented.customer,
        card=look.card(card) if card else None,
    )
