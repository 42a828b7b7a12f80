"""How a card earns: stamps or points, by visit or by amount spent, and the goals at which it earns an offer."""

from typing import Final, Literal
from uuid import UUID

import msgspec

from passes.designs import Design
from passes.problems import CannotEarn, Paused
from passes.words import N_, Text

Unit = Literal["stamps", "points"]
MOST_AT_ONCE: Final = {"stamps": 100, "points": 1_000_000}


class ByVisit(msgspec.Struct, frozen=True, tag="by_visit", tag_field="kind"):
    """So many stamps or points for each visit."""

    each: int = 1

    def __post_init__(self) -> None:
        _positive(each=self.each)


class BySpend(msgspec.Struct, frozen=True, tag="by_spend", tag_field="kind"):
    """So many stamps or points for every full ``amount`` spent (integer minor units of the business's currency)."""

    amount: int
    each: int = 1

    def __post_init__(self) -> None:
        _positive(amount=self.amount, each=self.each)

    def worth(self, paid: int) -> int:
        """What a sum earns."""
        return paid // self.amount * self.each


Earning = ByVisit | BySpend
Running = Literal["running", "paused", "archived"]
"""``paused``: nothing new is given, what was promised is kept. ``archived``: the same, and out of sight."""
Asked = Literal["no", "optional", "required"]


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """What a program asks for on joining, besides the name."""

    email: Asked = "no"
    phone: Asked = "no"
    birthday: Asked = "no"


class Goal(msgspec.Struct, frozen=True):
    """At ``at`` stamps or points the card earns a coupon of the offer."""

    at: int
    offer_id: UUID


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One way for a business's cards to earn. The last goal ends a round; what is over carries into the next one."""

    id: UUID
    business_id: UUID
    name: Text
    unit: Unit
    earning: Earning
    goals: tuple[Goal, ...]
    terms: Text | None = None
    state: Running = "running"
    remainder: Literal["carry", "drop"] = "carry"
    """What is over a full round: carried into the next one, or dropped."""
    welcome: UUID | None = None
    """The offer that a new card has a coupon of."""
    birthday: UUID | None = None
    """The offer of which a card gets a coupon on its customer's birthday."""
    asks: Asks = Asks()
    intro: Text | None = None
    """A sentence on the page on which one joins."""
    design: Design = Design()

    def __post_init__(self) -> None:
        if not self.goals:
            raise ValueError("a program needs at least one goal")
        steps = [goal.at for goal in self.goals]
        if steps[0] < 1 or sorted(set(steps)) != steps:
            raise ValueError("goals rise from 1, each higher than the one before")

    @property
    def round(self) -> int:
        """The stamps or points of a full round: the last goal."""
        return self.goals[-1].at

    def next_goal(self, balance: int) -> Goal:
        """The goal that a card with this balance (0 … round - 1) works towards; more than a round, towards the last."""
        return next((goal for goal in self.goals if goal.at > balance), self.goals[-1])

    def worth(self, *, count: int | None = None, amount: int | None = None) -> int:
        """How many stamps or points an action earns: ``count`` as given, or for an ``amount`` spent, or one visit.

        Raises Paused while nothing new is given, and CannotEarn for both at once, for an amount in a program by visit, and beyond
        what one action may earn.
        """
        if self.state != "running":
            raise Paused(name=self.name)
        if count is not None and amount is not None:
            raise CannotEarn(why=N_("give either a count or an amount, not both"))
        if amount is not None:
            if not isinstance(self.earning, BySpend):
                raise CannotEarn(why=N_("this program counts visits, not amounts"))
            count = self.earning.worth(amount)
        elif count is None:
            if not isinstance(self.earning, ByVisit):
                raise CannotEarn(why=N_("this program needs the amount that was spent"))
            count = self.earning.each
        most = MOST_AT_ONCE[self.unit]
        if not 0 <= count <= most:
            raise CannotEarn(why=N_("one action adds 1 to {most}"), most=most)
        return count


def _positive(**amounts: int) -> None:
    for name, amount in amounts.items():
        if amount < 1:
            raise ValueError(f"{name} must be at least 1")
