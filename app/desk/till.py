"""What a till asks that speaks of transactions: who is this, what would this bill get, what did that transaction do, and take it back."""

from asyncio import gather
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from app.desk import Desk, Once, basket, find, limits, present, read, redeem, returns, reverse
from app.desk.sales import Told
from app.desk.views import BasketView, CardView, EarnedView, OfferView, Verdict
from app.store import Caller, Return, Sale
from passes import cards, codes
from passes.businesses import Business
from passes.codes import Number
from passes.problems import MistypedCode, NotFound, Problem
from passes.programs import BySpend
from passes.words import N_

MOST: Final = 20
"""Cards that a search answers with: whoever is among more says something else of themselves."""
Document = Callable[[Problem], dict[str, object]]
"""Writes a problem as it is sent."""


class WouldEarn(msgspec.Struct, frozen=True, kw_only=True):
    """What a bill would add to a card, and the offers that it would earn; ``problem`` is why it would add nothing."""

    added: int
    offers: tuple[OfferView, ...]
    problem: dict[str, object] | None = None


async def search(
    desk: Desk, caller: Caller, *, card: str = "", code: str = "", phone: str = "", email: str = "", name: str = "", language: str
) -> tuple[CardView, ...]:
    """Cards, not left, that any of these names: a number or id, a coupon's code, whole addresses and phone numbers, a part of a name."""
    found: list[CardView] = []
    with suppress(NotFound):
        found += [await read.card(desk, caller, card, language=language)] if card else ()
    for printed, address, number in ((code, "", ""), ("", email, ""), ("", "", phone)):
        with suppress(MistypedCode):
            if printed or address or number:
                found += await find.cards(desk, caller, printed=printed, email=address, phone=number, language=language)
    if any(char.isalpha() for char in name):  # digits alone would find parts of phone numbers
        hits = await find.find(desk, caller, name, language=language)
        found += await gather(*(read.card(desk, caller, str(hit.card_id), language=language) for hit in hits))
    return tuple({one.id: one for one in found if one.left_at is None}.values())[:MOST]


async def would_earn(
    desk: Desk, caller: Caller, which: str, *, count: int | None, amount: int | None, language: str, document: Document
) -> tuple[CardView, WouldEarn]:
    """A card, and what a bill would add to it now; changes nothing. Raises NotFound."""
    facts = await read.card_facts(desk, caller.business.id, which, story=False)
    now = desk.world.now()
    look = desk.look(caller.business, language, now)
    try:
        spending = isinstance(facts.program.earning, BySpend)  # elsewhere an amount is only what is paid
        added = facts.program.worth(count=count, amount=amount if spending else None)
        earned = cards.earn(facts.card, facts.program, count=added)
        await limits.within(desk, caller, "stamps", now)
    except Problem as problem:
        return look.card(facts), WouldEarn(added=0, offers=(), problem=document(problem))
    offers = tuple(look.offer(facts.offers[goal.offer_id]) for goal in earned.goals)
    return look.card(facts), WouldEarn(added=added, offers=offers)


async def would_redeem(desk: Desk, caller: Caller, typed: Sequence[str], *, language: str, document: Document) -> tuple[Verdict, ...]:
    """The verdict of each code, in their order; changes nothing."""
    return tuple(await gather(*(present.look_up(desk, caller, one, language=language, problem=document) for one in typed)))


async def give(desk: Desk, caller: Caller, typed: Sequence[str], *, told: Told, once: Once) -> None:
    """Use these codes up, all or none. One by itself is refused for its own reason; raises Twice, too."""
    if len(typed) == 1:
        await redeem.redeem(desk, caller, typed[0], channel="api", told=told, once=once)
    else:
        await basket.redeem_all(desk, caller, basket.showing(desk, caller, typed), channel="api", told=told, once=once)


class Otherwise(Exception):
    """The transaction of this name did something else."""


async def done(
    desk: Desk, caller: Caller, *, typed: Sequence[str] = (), which: str = "", count: int | None = None, told: Told, language: str
) -> BasketView | EarnedView | None:
    """What the transaction ``told.reference`` of this key did, however long ago; None if it did nothing, or there was none.

    It redeemed these codes, or a card earned by it; the card is as it is now. Raises Otherwise if that was not what is said now.
    """
    found = await desk.store.transaction(caller.person.counter_id, told.reference)
    if found is None:
        return None
    sale, _ = found
    if (sale.receipt, sale.amount) != (told.receipt, told.amount) or told.currency not in ("", caller.business.currency):
        raise Otherwise
    if typed:
        return await _given(desk, caller, sale, typed, language=language)
    return await _earned(desk, caller, sale, which, count=count, language=language)


async def _given(desk: Desk, caller: Caller, sale: Sale, typed: Sequence[str], *, language: str) -> BasketView:
    basket = await desk.store.basket(caller.business.id, sale.basket_id) if sale.basket_id else ()
    named = [_named(caller.business, one) for one in typed]
    if sale.basket_id is None or len(basket) != len(typed) or not all(any(of.coupon.code in one for one in named) for _, of in basket):
        raise Otherwise
    receipts = (redeem.receipt_of(desk, caller, of, redemption, language=language, sale=sale) for redemption, of in basket)
    return BasketView(basket_id=sale.basket_id, redemptions=tuple(receipts))


def _named(business: Business, typed: str) -> set[str]:
    """The codes that a typed text may be."""
    try:
        read = codes.read(typed, prefixes=business.prefixes, imported=business.imported)
    except Problem:
        return set()
    return {read.also} if isinstance(read, Number) else {read.value, read.also}


async def _earned(desk: Desk, caller: Caller, sale: Sale, which: str, *, count: int | None, language: str) -> EarnedView:
    if sale.event_id is None or sale.card_id is None or count not in (None, sale.earned):
        raise Otherwise
    try:
        facts = await read.card_facts(desk, caller.business.id, which)
    except NotFound:
        raise Otherwise from None
    if facts.card.id != (await read.card_facts(desk, caller.business.id, str(sale.card_id))).card.id:
        raise Otherwise
    since = await desk.store.earned_since(caller.business.id, [sale.event_id], [sale.card_id, facts.card.id])
    look = desk.look(caller.business, language, desk.world.now())
    earned = tuple(look.coupon(one, facts.offers[one.offer_id]) for one in reversed(since) if one.issued_at == sale.at)
    return EarnedView(added=sale.earned, earned=earned, card=look.card(facts))


async def take_back(desk: Desk, caller: Caller, reference: str, *, reason: str, once: Once) -> None:
    """Take back all that a transaction of this key did: its redemptions, or what it added to a card. Whoever did it may undo it.

    Raises NotFound, NothingToReverse, NothingToReturn, and what a reversal raises.
    """

    async def sold() -> Sequence[tuple[Sale, Sequence[Return]]]:
        found = await desk.store.transaction(caller.person.counter_id, reference)
        return [found] if found else []

    done = await sold()
    if not done:
        raise NotFound(what=N_("transaction"))
    [(sale, _)] = done
    if sale.basket_id is not None:
        await reverse.reverse_basket(desk, caller, sale.basket_id, None, reason=reason, once=once)
    else:
        await returns.take_back(desk, caller, sale.receipt or reference, amount=None, sold=sold, once=once)
