"""A card's stamps or points are put right: more or fewer, with a reason, as a line of the ledger that everybody can read."""

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, ledger, limits
from app.desk.read import card_facts
from app.desk.views import EarnedView
from app.store import Caller, Duplicate, Lost
from passes import cards
from passes.problems import Busy


async def correct(desk: Desk, caller: Caller, which: str, *, amount: int, reason: str, once: Once) -> EarnedView:
    """Add ``amount`` stamps or points to a card (by id or number), or take some away. It is no visit.

    What is added earns as it would have; what is taken away takes no coupon back. Raises NotAllowed below a manager, ReasonNeeded,
    NotFound, CannotEarn, and LimitReached where the business limits how often one person may.
    """
    business, person = caller.business, caller.person
    why = limits.explained(caller, reason)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await card_facts(desk, business.id, which)
        card = facts.card
        corrected = cards.correct(card, facts.program, amount=amount)
        tallies = await limits.within(desk, caller, "corrections", now)
        rewards = [facts.offers[goal.offer_id] for goal in corrected.goals]
        given = await giving.give(desk, business, rewards, now=now, card=card, or_mint=True)
        event = ledger.corrected(desk, card, amount, reason=why, at=now, by=person.staff_id, location_id=person.location_id)
        events = (event, *ledger.rewards(desk, event, given.coupons))
        lines = ledger.lines(desk, event, card, corrected, staff_id=person.staff_id, location_id=person.location_id)
        look = desk.look(business, once.language, now)
        view = EarnedView(
            added=amount,
            earned=tuple(look.coupon(coupon, facts.offers[coupon.offer_id]) for coupon in given.coupons),
            card=look.card(ledger.after(facts, corrected, given.coupons, events)),
        )
        try:
            await desk.commit(
                now,
                changes=(ledger.balanced(card, corrected), *given.changes),
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
