"""One customer's membership of one program: what it has earned, and which coupons are ready on it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from passes.coupons import Coupon
from passes.offers import over
from passes.problems import CannotEarn
from passes.programs import BySpend, Goal, Program
from passes.words import N_


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person known to one business."""

    id: UUID
    business_id: UUID
    name: str
    email: str = ""
    phone: str = ""
    language: str = "en"
    joined_at: datetime
    birthday: str = ""
    """``MM-DD``, or "" if they did not say. Who was born on 29 February has it on 28 February in other years."""
    consent_at: datetime | None = None
    """When they agreed to be sent offers; None if they did not."""
    note: str = ""
    location_id: UUID | None = None
    """Where they joined, if that is known."""
    maybe_id: UUID | None = None
    """A customer who gave the same e-mail address or phone before: perhaps the same person, which nobody has proved."""
    merged_into: UUID | None = None
    erased_at: datetime | None = None
    """Since when nothing is known of the person any more but what they did."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What sits in the wallet. ``balance`` is the stamps or points of the present round, 0 … round - 1.

    ``entries`` counts the lines of its ledger (the last line's balance is the balance); ``version`` is the moment, on the
    installation's one clock of changes, at which its face last changed; ``key`` opens the holder's own page and
    ``token`` is what Apple's devices authenticate with: they never change, but the key of a card that staff give to another customer.
    """

    id: UUID
    business_id: UUID
    program_id: UUID
    customer_id: UUID
    number: str
    serial: str
    token: str
    key: str
    balance: int = 0
    entries: int = 0
    version: int = 0
    joined_at: datetime
    changed_at: datetime
    left_at: datetime | None = None
    visited_at: datetime | None = None
    """When it last earned or redeemed."""
    visits: int = 0
    """How many actions added stamps or points."""
    location_id: UUID | None = None
    """Where it last earned or redeemed."""


EntryKind = Literal["earned", "round", "corrected", "merged"]
EventKind = Literal[
    "joined",
    "saved",
    "stamped",
    "earned",
    "issued",
    "redeemed",
    "reversed",
    "goodwill",
    "message",
    "removed",
    "corrected",
    "voided",
    "extended",
    "merged",
    "left",
    "refused",
    "expiring",
    "expired",
    "finished",
]
"""``refused`` (a code, whose card is not said), ``expiring`` and ``expired`` (a coupon, by time alone) and ``finished`` (a campaign)
are there for those who follow the log from outside (app.herald)."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a card's ledger, numbered from 1: ``amount`` was added (or spent on a full round), ``balance`` stood after."""

    id: UUID
    business_id: UUID
    card_id: UUID
    number: int
    kind: EntryKind
    amount: int
    balance: int
    at: datetime
    location_id: UUID
    staff_id: UUID
    reason: str = ""
    """Why it was corrected."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a customer's engagement. ``amount`` is stamps or points, where the kind has some."""

    id: UUID
    business_id: UUID
    card_id: UUID | None
    customer_id: UUID | None
    coupon_id: UUID | None = None
    kind: EventKind
    at: datetime
    amount: int = 0
    wallet: Literal["", "apple", "google"] = ""
    reason: str = ""
    """Why a coupon was issued as compensation, voided or extended, or stamps were corrected; of a refusal its word."""
    staff_id: UUID | None = None
    """By whom, where somebody of the staff did it."""
    campaign_id: UUID | None = None
    """The campaign whose message it is, or which gave the coupon."""
    location_id: UUID | None = None
    """Where stamps or points came or went, or a compensation was given, as far as it is known."""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What earning comes to: the new balance, the ledger's new lines as (kind, amount, balance after), the goals reached."""

    balance: int
    lines: tuple[tuple[EntryKind, int, int], ...]
    goals: tuple[Goal, ...]


MOST_GOALS_AT_ONCE: Final = 50


def earn(card: Card, program: Program, *, count: int) -> Earned:
    """Add stamps or points: every goal passed is reached once; what is over a full round carries into the next, or is dropped.

    A card with more than a round on it (its program became shorter, and nobody has seen to the card yet) has the last goal still to come.
    Raises CannotEarn for less than one, for a card that was left, and when one action would give more than 50 rewards.
    """
    if count < 1:
        raise CannotEarn(why=N_("it comes to nothing"))
    if card.left_at is not None:
        raise CannotEarn(why=N_("the customer has left this program"))
    before, total = min(card.balance, program.round - 1), card.balance + count
    drops = program.remainder == "drop"
    passed = sum(goal.at <= before for goal in program.goals)
    laps, goal_too_many = divmod(passed + MOST_GOALS_AT_ONCE, len(program.goals))
    most = laps * program.round + program.goals[goal_too_many].at - card.balance - 1
    if count > most and not (drops and laps):
        raise CannotEarn(why=N_("one action adds 1 to {most}"), most=most)
    rounds, balance = divmod(total, program.round)
    lines: list[tuple[EntryKind, int, int]] = [("earned", count, total)]
    if rounds and drops:
        lines += [("round", -total, 0)]
        rounds, balance, total = 0, 0, program.round
    lines += [("round", -program.round, total - number * program.round) for number in range(1, rounds + 1)]
    reached = [goal for number in range(rounds + 1) for goal in program.goals if before < number * program.round + goal.at <= total]
    return Earned(balance=balance, lines=tuple(lines), goals=tuple(reached))


def correct(card: Card, program: Program, *, amount: int) -> Earned:
    """Stamps or points that were forgotten are added, and earn as they would have; too many are taken away, and no coupon with them.

    Raises CannotEarn for nothing, for more than are on the card, and as ``earn`` does.
    """
    if amount >= 0:
        return _as("corrected", earn(card, program, count=amount))
    if card.left_at is not None:
        raise CannotEarn(why=N_("the customer has left this program"))
    if card.balance + amount < 0:
        raise CannotEarn(why=N_("no more can be taken away than the {most} that are on it"), most=card.balance)
    return Earned(balance=card.balance + amount, lines=(("corrected", amount, card.balance + amount),), goals=())


def worth_left(program: Program, *, earned: int, paid: int | None, back: int | None) -> int:
    """What is left of the stamps or points that a sale ``earned`` when ``back`` of what was ``paid`` is paid back (None: all of it).

    In a program by spending, what the rest is worth; by visits, all of it for as long as a part is kept: the visit was one.
    """
    if back is None or (paid and back >= paid):
        return 0
    if not paid or not isinstance(program.earning, BySpend):
        return earned
    if program.earning.worth(paid) == earned:
        return program.earning.worth(paid - back)
    return earned * (paid - back) // paid  # the program has changed since, or somebody said how many


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What taking back comes to: the card's new balance and line, the coupons that are void by it, and what could not be taken."""

    earned: Earned
    taken: int
    short: int
    void: tuple[Coupon, ...]


def take_back(card: Card, program: Program, *, count: int, rewards: Sequence[Coupon], rounds: Sequence[int]) -> TakenBack:
    """Take stamps or points off again that a sale has earned, back to where they were before it.

    ``rewards`` are the coupons that the card earned with that sale and since, ``rounds`` what its full rounds took off it (more than
    nothing each); both the newest first. A reward that the rest does not reach any more is void if nobody has used it, and the round
    that it ended is open again. One that was used stays: nothing is taken below the place at which it was earned, so that
    it is not earned again by the same stamps. What is missing then is ``short``.
    """
    if card.left_at is not None:
        return TakenBack(earned=Earned(balance=card.balance, lines=(), goals=()), taken=0, short=count, void=())
    here, left, void, last = card.balance, count, list[Coupon](), program.goals[-1]
    unused, opened = list(rewards), iter(rounds)

    def gave(goal: Goal) -> Coupon | None:
        """The newest coupon that this goal gave and that is not spoken for yet."""
        coupon = next((one for one in unused if one.offer_id == goal.offer_id), None)
        if coupon is not None:
            unused.remove(coupon)
        return coupon

    while left:
        floor = 0
        for goal in [goal for goal in reversed(program.goals[:-1]) if here - left < goal.at <= here]:
            coupon = gave(goal)
            if coupon is not None and coupon.state == "redeemed":
                floor = goal.at
                break
            if coupon is not None and coupon.state == "active":
                void.append(coupon)
        step = min(left, here - floor)
        here, left = here - step, left - step
        size = 0 if floor or not left else next(opened, 0)
        if size - left >= program.round:  # so much was dropped at the end of the round that it is full all the same
            left = 0
        coupon = gave(last) if size and left else None
        if coupon is None or coupon.state != "active":
            break
        void.append(coupon)
        here = size
    lines: tuple[tuple[EntryKind, int, int], ...] = (("corrected", here - card.balance, here),) if here != card.balance else ()
    return TakenBack(earned=Earned(balance=here, lines=lines, goals=()), taken=count - left, short=left, void=tuple(void))


def merge(kept: Card, other: Card, program: Program) -> Earned:
    """What is on another card of the same program and person comes to this one.

    It earns what one card would have earned from the beginning, less what the two have earned by themselves: a goal that the other
    has passed is not reached a second time by the same stamps.
    """
    if not other.balance:
        return Earned(balance=kept.balance, lines=(), goals=())
    earned = _as("merged", earn(kept, program, count=other.balance))
    goals = list(earned.goals)
    for goal in program.goals:
        if goal.at <= other.balance and goal in goals:
            goals.remove(goal)
    return msgspec.structs.replace(earned, goals=tuple(goals))


def caught_up(card: Card, was: Program, became: Program, *, keep: bool, held: int, added: Sequence[int], given: Sequence[UUID]) -> Earned:
    """``moved`` for a card that went on before anybody saw to it: it had ``held`` when the goals moved, then these were ``added``.

    It gets what it would have if it had been seen to at once, less the offers that it was ``given`` since.
    """
    at_once = moved(msgspec.structs.replace(card, balance=held), was, became, keep=keep)
    goals, balance = list(at_once.goals), at_once.balance
    for amount in added:
        if amount > 0:
            step = earn(msgspec.structs.replace(card, balance=balance), became, count=amount)
            goals, balance = [*goals, *step.goals], step.balance
        else:
            balance = max(0, balance + amount)
    for offer_id in given:
        same = next((goal for goal in goals if goal.offer_id == offer_id), None)
        if same:
            goals.remove(same)
    extra = sum(amount for kind, amount, _ in at_once.lines if kind == "corrected")
    extra = max(extra, balance - card.balance)
    lines: list[tuple[EntryKind, int, int]] = [("corrected", extra, card.balance + extra)] if extra else []
    if card.balance + extra != balance:
        lines.append(("round", balance - card.balance - extra, balance))
    return Earned(balance=balance, lines=tuple(lines), goals=tuple(goals))


def moved(card: Card, was: Program, became: Program, *, keep: bool) -> Earned:
    """What becomes of a card whose program's goals have moved. What it was given in this round is not given again.

    With ``keep`` nobody is farther from the next reward than before: where that would be, stamps or points are added, and a goal
    that has come nearer than the card already is, is reached at once. Without, the stamps stay as they are and the new goals hold
    for them, also those that are new below.
    """
    held = card.balance
    if keep:
        towards = was.next_goal(held)
        now_at = next((goal.at for goal in became.goals if goal.offer_id == towards.offer_id), became.next_goal(held).at)
        held = max(held, now_at - (towards.at - held)) if held else 0
    if not held:
        return Earned(balance=0, lines=(), goals=())
    earned = earn(msgspec.structs.replace(card, balance=0), became, count=held)
    goals = [goal for goal in earned.goals if not keep or any(goal.offer_id == one.offer_id for one in was.goals)]
    for given in was.goals:
        same = next((goal for goal in goals if given.at <= card.balance and goal.offer_id == given.offer_id), None)
        if same:
            goals.remove(same)
    added: tuple[tuple[EntryKind, int, int], ...] = (("corrected", held - card.balance, held),) if held > card.balance else ()
    return Earned(balance=earned.balance, lines=(*added, *earned.lines[1:]), goals=tuple(goals))


def _as(kind: EntryKind, earned: Earned) -> Earned:
    (_, amount, balance), *rounds = earned.lines
    return msgspec.structs.replace(earned, lines=((kind, amount, balance), *rounds))


def ready(coupons: Iterable[Coupon], now: datetime) -> tuple[Coupon, ...]:
    """The coupons that could be redeemed now by their time, the one that expires first in front."""
    valid = [
        coupon
        for coupon in coupons
        if coupon.state == "active" and not over(coupon.expires_at, now) and (coupon.valid_from is None or coupon.valid_from <= now)
    ]
    return tuple(
        sorted(valid, key=lambda coupon: (coupon.expires_at is None, coupon.expires_at or coupon.issued_at, coupon.issued_at, coupon.id))
    )
