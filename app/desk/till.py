"""What a till asks that speaks of transactions: who is this, what would this bill get, and take back what that transaction did."""

from asyncio import gather
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from app.desk import Desk, Once, basket, limits, present, read, redeem, returns, reverse
from app.desk.sales import Told
from app.desk.views import CardView, OfferView, Verdict
from app.store import Caller, CardFacts, Return, Sale, Scope
from passes import cards, contacts
from passes.problems import NotFound, Problem
from passes.programs import BySpend
from passes.words import N_

MOST: int = 20
"""Cards that a search answers with: whoever is among more says something else of themselves."""
LEAST: int = 3
"""Characters of a name: with fewer it would list everybody."""

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
    """Cards that any of these names: a number or id, a coupon's code, whole phone numbers and addresses, or a part of a name."""
    business, now = caller.business, desk.world.now()
    found: dict[UUID, CardFacts] = {}
    if card:
        try:
            facts = await read.card_facts(desk, business.id, card)
            found[facts.card.id] = facts
        except NotFound:
            pass
    wanted = [*await _on_which(desk, caller, code), *await _of_whom(desk, caller, phone=phone, email=email)]
    if len(name.strip()) >= LEAST:
        wanted += [one.id for one, customer in await desk.store.find_cards(business.id, name.strip(), limit=MOST) if customer.name]
    found |= {one: facts for one, facts in (await desk.store.cards_facts(wanted[:MOST])).items() if facts.business.id == business.id}
    look = desk.look(business, language, now)
    return tuple(look.card(facts) for facts in found.values() if facts.card.left_at is None)[:MOST]


async def _on_which(desk: Desk, caller: Caller, code: str) -> Sequence[UUID]:
    """The card on which the coupon with this code is."""
    if not code:
        return ()
    try:
        coupon = (await present.find(desk, caller, code, desk.world.now())).presented.coupon
    except Problem:  # also a card's own number: that is asked for as a card
        return ()
    return () if coupon.card_id is None else (coupon.card_id,)


async def _of_whom(desk: Desk, caller: Caller, *, phone: str, email: str) -> Sequence[UUID]:
    """The cards of the customers whose address or number this is."""
    found: list[UUID] = []
    for value in contacts.values(caller.business, email=email, phone=phone):
        contact = await desk.store.contact(caller.business.id, value)
        if contact is not None:
            found += [one.id for one in await desk.store.cards_of(caller.business.id, contact.customer_id)]
    return found


async def would_earn(
    desk: Desk, caller: Caller, which: str, *, count: int | None, amount: int | None, language: str, document: Document
) -> tuple[CardView, WouldEarn]:
    """A card, and what a bill would add to it now; changes nothing. Raises NotFound."""
    facts = await read.card_facts(desk, caller.business.id, which)
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


async def take_back(
    desk: Desk, caller: Caller, reference: str, *, reason: str, may: Callable[[tuple[Scope, ...]], None], once: Once
) -> None:
    """Take back all that a transaction of this till did: its redemptions, or what it added to a card. ``may`` raises for a lacking scope.

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
        may(("redeem",))
        await reverse.reverse_basket(desk, caller, sale.basket_id, None, reason=reason, once=once)
    else:
        may(("earn",))
        await returns.take_back(desk, caller, sale.receipt or reference, amount=None, sold=sold, once=once)
