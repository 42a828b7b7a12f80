"""A card's stamps or points are put right: more or fewer, with a reason, as a line of the ledger that everybody can read."""

from collections.abc import Sequence

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, limits
from app.desk.read import card_facts
from app.desk.views import EarnedView
from app.store import Caller, CardFacts, Change, Duplicate, Lost
from passes import cards
from passes.businesses import MANAGERS
from passes.cards import Card, Earned, Entry, Event
from passes.coupons import Coupon
from passes.problems import Busy, NotAllowed, ReasonNeeded


async def correct(desk: Desk, caller: Caller, which: str, *, amount: int, reason: str, once: Once) -> EarnedView:
    """Add ``amount`` stamps or points to a card (by id or number), or take some away. It is no visit.

    What is added earns as it would have; what is taken away takes no coupon back. Raises NotAllowed below a manager, ReasonNeeded,
    NotFound, CannotEarn, and LimitReached where the business limits how often one person may.
    """
    business, person = caller.business, caller.person
    if person.role not in MANAGERS or person.kiosk:
        raise NotAllowed
    why = reason.strip()
    if not why:
        raise ReasonNeeded
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await card_facts(desk, business.id, which)
        card = facts.card
        corrected = cards.correct(card, facts.program, amount=amount)
        tallies = await limits.within(desk, caller, "corrections", now)
        rewards = [facts.offers[goal.offer_id] for goal in corrected.goals]
        given = await giving.give(desk, business, rewards, now=now, card=card, or_mint=True)
        event = Event(
            id=desk.world.new_id(),
            business_id=business.id,
            card_id=card.id,
            customer_id=card.customer_id,
            kind="corrected",
            at=now,
            amount=amount,
            reason=why,
            staff_id=person.staff_id,
        )
        events = (event, *earnings(desk, event, given.coupons))
        like = Entry(
            id=event.id,
            business_id=business.id,
            card_id=card.id,
            number=card.entries,
            kind="corrected",
            amount=0,
            balance=0,
            at=now,
            location_id=person.location_id,
            staff_id=person.staff_id,
            reason=why,
        )
        lines = ledger(desk, like, corrected)
        look = desk.look(business, once.language, now)
        view = EarnedView(
            added=amount,
            earned=tuple(look.coupon(coupon, facts.offers[coupon.offer_id]) for coupon in given.coupons),
            card=look.card(_after(facts, corrected, given.coupons, events)),
        )
        try:
            await desk.commit(
                now,
                changes=(balanced(card, corrected), *given.changes),
                tallies=tallies,
                counts=(
                    *counting.corrected(business.id, now, business.tz, location_id=person.location_id, staff_id=person.staff_id),
                    *counting.issued(given.coupons, business.tz),
                ),
                rows=(*lines, *given.rows, *events, *once.done(view, caller, now)),
                touches=(card.id,),
            )
        except Lost:
            continue  # a stamp was added at that moment, or the limit was reached: both are seen by whoever reads again
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # a code that exists: draw again
        return view
    raise Busy(retry_after=1)


def balanced(card: Card, earned: Earned, **more: object) -> Change:
    """The card with its new balance, if nothing was written into its ledger meanwhile and it was not left."""
    to = {"entries": card.entries + len(earned.lines), "balance": earned.balance, **more}
    return Change(of=Card, id=card.id, seen={"entries": card.entries, "left_at": None}, to=to)


def ledger(desk: Desk, like: Entry, earned: Earned) -> tuple[Entry, ...]:
    """The lines of a ledger after ``like.number`` lines; whatever they have in common is as in ``like``."""
    return tuple(
        replace(like, id=desk.world.new_id(), number=like.number + number, kind=kind, amount=amount, balance=balance)
        for number, (kind, amount, balance) in enumerate(earned.lines, 1)
    )


def earnings(desk: Desk, because: Event, coupons: Sequence[Coupon]) -> tuple[Event, ...]:
    """The rewards that something earned by the way."""
    return tuple(
        replace(because, id=desk.world.new_id(), kind="earned", amount=0, reason="", coupon_id=coupon.id, staff_id=None)
        for coupon in coupons
    )


def _after(facts: CardFacts, earned: Earned, issued: Sequence[Coupon], events: Sequence[Event]) -> CardFacts:
    card = replace(facts.card, balance=earned.balance, entries=facts.card.entries + len(earned.lines))
    return replace(facts, card=card, coupons=(*issued, *facts.coupons), events=(*events[::-1], *facts.events))
