"""Programs begin from an example, change, pause and are archived; a change of goals says beforehand whom it touches."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit, changing, designs, examples
from app.store import Errand, Member
from passes import cards
from passes.cards import Card
from passes.problems import CannotEarn, NotFound
from passes.programs import Goal, Program, Running
from passes.words import N_, Text

FACE = ("name", "unit", "goals", "terms")
"""What a card shows of its program, besides its design."""


async def one(desk: Desk, business_id: UUID, program_id: UUID) -> Program:
    """A program of this business. Raises NotFound."""
    program = await desk.store.program(business_id, program_id)
    if program is None:
        raise NotFound(what=N_("program"))
    return program


async def begin(desk: Desk, actor: Member, word: str) -> Program:
    """A new program with its offers, as an example has them. Raises NotFound."""
    example = next((each for each in examples.EXAMPLES if each.word == word), None)
    if example is None:
        raise NotFound(what=N_("program"))
    program, offers = example.make(desk.world, actor.business)
    made = [audit.line(desk, actor.staff.id, "offer.made", None, offer) for offer in offers]
    made.append(audit.line(desk, actor.staff.id, "program.made", None, program))
    await desk.commit(desk.world.now(), rows=(*offers, program, *made))
    return program


class Instead(msgspec.Struct, frozen=True):
    """A goal that is another reward from now on, or none, and how many cards are on their way to it."""

    at: int
    was: UUID
    becomes: UUID | None
    cards: int


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """Whom other goals touch, of the cards that have stamps or points (from ``least`` to ``most`` of them)."""

    cards: int
    least: int
    most: int
    nearer: int
    farther: int
    at_once: int
    """So many earn a reward at once if the new goals hold for what they have."""
    helped: int
    """So many are given stamps or points if nobody is to be farther."""
    at_once_kept: int
    """And so many of all earn a reward at once even then, because a goal has come nearer than they are."""
    instead: tuple[Instead, ...]

    @property
    def anybody(self) -> bool:
        """Whether it matters to somebody."""
        return bool(self.cards or self.instead)


def touched(was: Program, became: Program, balances: Mapping[int, int]) -> Touched:
    """Whom another set of goals touches; ``balances`` says how many cards have how much (Store.balances)."""
    nearer = farther = at_once = helped = at_once_kept = count = 0
    held: list[int] = []
    for balance, n in sorted(balances.items()):
        if not balance:
            continue
        plain, kept = (_moved(was, became, balance, keep=keep) for keep in (False, True))
        before = was.next_goal(balance).at - balance
        after = became.next_goal(plain.balance).at - plain.balance if plain else before
        earns = bool(plain and plain.goals)
        at_once += n * earns
        nearer += n * (not earns and after < before)
        farther += n * (not earns and after > before)
        at_once_kept += n * bool(kept and kept.goals)
        helped += n * bool(kept and kept.lines and kept.lines[0][0] == "corrected")
        if earns or after != before:
            count += n
            held.append(balance)
    now_at = {goal.at: goal.offer_id for goal in became.goals}
    still = {goal.offer_id for goal in became.goals}
    instead = [
        Instead(goal.at, goal.offer_id, now_at.get(goal.at), sum(n for balance, n in balances.items() if 0 < balance < goal.at))
        for goal in was.goals
        if goal.offer_id not in still
    ]
    return Touched(
        cards=count,
        least=min(held, default=0),
        most=max(held, default=0),
        nearer=nearer,
        farther=farther,
        at_once=at_once,
        helped=helped,
        at_once_kept=at_once_kept,
        instead=tuple(each for each in instead if each.cards),
    )


def _moved(was: Program, became: Program, balance: int, *, keep: bool) -> cards.Earned | None:
    try:
        return cards.moved(_with(was, balance), was, became, keep=keep)
    except CannotEarn:  # more rewards at once than anybody is given: such a card stays as it is
        return None


def _with(program: Program, balance: int) -> Card:
    nobody, never = program.id, changing.NEVER
    return Card(
        id=nobody,
        business_id=program.business_id,
        program_id=program.id,
        customer_id=nobody,
        number="",
        serial="",
        token="",
        key="",
        balance=balance,
        joined_at=never,
        changed_at=never,
    )


async def change(desk: Desk, actor: Member, was: Program, became: Program, *, keep: bool = True) -> Errand | None:
    """Another program from now on; the errand that brings it to the cards, if they show it.

    Where goals have moved, ``keep`` sees to it that no card is farther from its next reward than before; without, the new goals hold
    for what the cards have. Raises ChangedMeanwhile, and StillReaching while the goals of the last change have not reached all cards.
    """
    if became.unit != was.unit and await desk.store.balances(was.business_id, was.id):
        became = replace(became, unit=was.unit)
    errand = None
    if became.goals != was.goals:
        await changing.settled(desk, was.business_id, [was.id])
        goals = changing.Goals(program_id=was.id, was=was.goals, keep=keep, tick=await desk.store.tick())
        total = sum((await desk.store.balances(was.business_id, was.id)).values())
        errand = changing.errand(desk, actor.business.id, actor.staff.id, goals, total=total)
    elif any(getattr(was, name) != getattr(became, name) for name in FACE):
        errand = await designs.redrawing(desk, was.business_id, [was.id], actor.staff.id)
    await audit.revise(desk, actor.staff.id, "program.changed", (was, became), rows=(errand,) if errand else ())
    await designs.instead_of_older(desk, errand)
    return errand


async def set_state(desk: Desk, actor: Member, program_id: UUID, state: Running) -> Program:
    """Pause a program, let it run again, or put it away. Raises NotFound and ChangedMeanwhile."""
    program = await one(desk, actor.business.id, program_id)
    became = replace(program, state=state)
    await audit.revise(desk, actor.staff.id, "program.changed", (program, became))
    return became


def uses(program: Program, offer_id: UUID) -> bool:
    """Whether a program gives this offer: at a goal, as a welcome or on a birthday."""
    return offer_id in (program.welcome, program.birthday, *(goal.offer_id for goal in program.goals))


def with_offer(program: Program, was: UUID, becomes: UUID) -> Program:
    """The program with one offer in another's place."""
    goals = tuple(Goal(goal.at, becomes) if goal.offer_id == was else goal for goal in program.goals)
    welcome, birthday = (becomes if each == was else each for each in (program.welcome, program.birthday))
    return replace(program, goals=goals, welcome=welcome, birthday=birthday)


async def places_of(desk: Desk, business_id: UUID, offer_id: UUID) -> Sequence[Text]:
    """The names of the programs that give this offer and are not archived."""
    return [each.name for each in await desk.store.programs(business_id) if each.state != "archived" and uses(each, offer_id)]
