"""A card earns stamps or points; every goal reached is a coupon with its own code."""

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, giving, ledger, limits, sales
from app.desk.read import card_facts
from app.desk.sales import Told
from app.desk.views import EarnedView
from app.store import Caller, Duplicate, Lost
from passes import cards
from passes.cards import Event
from passes.problems import Busy
from passes.programs import BySpend


async def earn(
    desk: Desk, caller: Caller, which: str, *, count: int | None, amount: int | None, once: Once, told: Told | None = None
) -> EarnedView:
    """Add stamps or points to a card (by id or number): ``count`` of them, or what an ``amount`` (minor units) is worth, or one visit.

    ``told`` is what a till says of the sale. With its receipt (or its own name of it) an amount is what was paid, which earns only
    where spending does.

    Raises NotFound for a card that is not this business's, Paused while its program gives nothing new, CannotEarn for what cannot be
    added, LimitReached for who has stamped as often today as one may, and WrongCurrency. A goal is a promise: its offer is given also
    while it is paused, and from an empty pool a minted code.
    """
    business, person = caller.business, caller.person
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        facts = await card_facts(desk, business.id, which, story=False)
        card, program = facts.card, facts.program
        paid_only = told is not None and (told.receipt or told.reference) and not isinstance(program.earning, BySpend)
        added = program.worth(count=count, amount=None if paid_only else amount)
        earned = cards.earn(card, program, count=added)
        tallies = await limits.within(desk, caller, "stamps", now)
        rewards = [facts.offers[goal.offer_id] for goal in earned.goals]
        given = await giving.give(desk, business, rewards, now=now, card=card, or_mint=True)
        issued = given.coupons
        stamped = Event(
            id=desk.world.new_id(),
            business_id=business.id,
            card_id=card.id,
            customer_id=card.customer_id,
            kind="stamped",
            at=now,
            amount=added,
            staff_id=person.staff_id,
            location_id=person.location_id,
        )
        sale = sales.row(desk, caller, told, now, card_id=card.id, event_id=stamped.id, earned=added) if told else ()
        events = (stamped, *ledger.rewards(desk, stamped, issued, by=person.staff_id))
        lines = ledger.lines(desk, stamped, card, earned, staff_id=person.staff_id, location_id=person.location_id)
        look = desk.look(business, once.language, now)
        view = EarnedView(
            added=added,
            earned=tuple(look.coupon(coupon, facts.offers[coupon.offer_id]) for coupon in issued),
            card=look.card(ledger.after(facts, earned, issued, events)),
        )
        counted = ledger.balanced(card, earned, visits=card.visits + 1, visited_at=now, location_id=person.location_id)
        try:
            await desk.commit(
                now,
                changes=(counted, *given.changes),
                tallies=tallies,
                counts=(
                    *counting.issued(issued, business.tz),
                    *counting.visit(card, now, business.tz, location_id=person.location_id, staff_id=person.staff_id),
                ),
                rows=(*lines, *given.rows, *events, *sale, *once.done(view, caller, now)),
                touches=(card.id,),
            )
        except Lost:
            continue
        except Duplicate as duplicate:
            if duplicate.of in ("Kept", "Opened", "Sale"):
                raise Repeated from duplicate
            continue  # a code that exists: draw again
        return view
    raise Busy(retry_after=1)
