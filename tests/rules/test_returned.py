"""What a receipt earned is taken back: as far as the card has it, and never what was used."""

from typing import Any

import pytest
from counter_cafe import NOON, an_id, card, coupon, offer, program
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from passes import cards
from passes.coupons import Coupon
from passes.programs import BySpend, Program

COOKIE, COFFEE = offer(), offer()
CAFE = program((5, COOKIE), (10, COFFEE))
SPEND = program((10, COFFEE), unit="points", earning=BySpend(amount=50_000))


class Life:
    """A card that earns, and gives back."""

    def __init__(self, of: Program = CAFE, balance: int = 0) -> None:
        self.program = of
        self.card = card(balance=balance)
        self.rewards: list[Coupon] = []
        self.rounds: list[int] = []

    def earn(self, count: int) -> "Life":
        earned = cards.earn(self.card, self.program, count=count)
        self.card = replace(self.card, balance=earned.balance)
        self.rewards = [*(coupon(id=an_id(), offer_id=goal.offer_id) for goal in reversed(earned.goals)), *self.rewards]
        self.rounds = [*(-amount for kind, amount, _ in reversed(earned.lines) if kind == "round"), *self.rounds]
        return self

    def use(self, place: int = 0) -> "Life":
        self.rewards[place] = replace(self.rewards[place], state="redeemed", redemption_id=an_id())
        return self

    def back(self, count: int) -> tuple[int, int, int, list[Any]]:
        """The balance, what was taken, what is short, and the offers of what is void."""
        back = cards.take_back(self.card, self.program, count=count, rewards=self.rewards, rounds=self.rounds)
        assert back.taken + back.short == count
        assert [line[1] for line in back.earned.lines] == [back.earned.balance - self.card.balance] * bool(back.earned.lines)
        return back.earned.balance, back.taken, back.short, [one.offer_id for one in back.void]


def test_stamps_that_earned_nothing_are_taken_off() -> None:
    assert Life().earn(4).back(3) == (1, 3, 0, [])


def test_a_reward_that_nobody_used_is_void_and_the_stamps_are_where_they_were() -> None:
    assert Life(balance=3).earn(3).back(3) == (3, 3, 0, [COOKIE.id])
    assert Life(balance=8).earn(3).back(3) == (8, 3, 0, [COFFEE.id])
    assert Life(balance=3).earn(14).back(14) == (3, 14, 0, [COOKIE.id, COFFEE.id, COOKIE.id])


def test_a_reward_that_later_stamps_reach_anyhow_stays() -> None:
    assert Life(balance=3).earn(3).earn(3).back(3) == (6, 3, 0, [])
    assert Life(balance=3).earn(3).earn(5).back(3) == (8, 3, 0, [COFFEE.id])


def test_of_a_reward_that_was_used_the_stamps_are_taken_down_to_where_it_was_earned_and_the_rest_is_short() -> None:
    assert Life(balance=3).earn(3).use().back(3) == (5, 1, 2, [])
    assert Life(balance=8).earn(3).use().back(3) == (0, 1, 2, [])
    assert Life(balance=8).earn(7).use().back(7) == (5, 0, 7, [])


def test_what_was_dropped_at_the_end_of_a_round_comes_back_with_it() -> None:
    drops = replace(CAFE, remainder="drop")
    assert Life(drops, balance=8).earn(5).back(5) == (8, 5, 0, [COFFEE.id])
    assert Life(drops, balance=8).earn(5).back(1) == (0, 1, 0, [])


def test_a_card_that_was_left_gives_nothing_back() -> None:
    life = Life(balance=3).earn(3)
    life.card = replace(life.card, left_at=NOON)
    assert life.back(3) == (6, 0, 3, [])


@given(st.integers(0, 9), st.lists(st.integers(1, 25), min_size=1, max_size=4), st.data())
def test_whatever_was_earned_and_given_back_is_as_if_it_had_not_been(before: int, earned: list[int], data: Any) -> None:
    life = Life(balance=before)
    for count in earned:
        life.earn(count)
    returned = data.draw(st.sampled_from(earned))
    balance, taken, short, void = life.back(returned)
    rest = Life(balance=before)
    if sum(earned) > returned:
        rest.earn(sum(earned) - returned)
    assert (balance, taken, short) == (rest.card.balance, returned, 0)
    assert sorted(map(str, [one.offer_id for one in life.rewards])) == sorted(map(str, [*void, *(one.offer_id for one in rest.rewards)]))


@given(st.integers(0, 9), st.integers(1, 40), st.data())
def test_nothing_that_was_used_is_taken_back_and_the_balance_never_says_less_than_nothing(before: int, count: int, data: Any) -> None:
    life = Life(balance=before).earn(count)
    for place in data.draw(st.sets(st.integers(0, max(0, len(life.rewards) - 1)))) if life.rewards else ():
        life.use(place)
    back = cards.take_back(life.card, life.program, count=count, rewards=life.rewards, rounds=life.rounds)
    assert 0 <= back.earned.balance < life.program.round
    assert back.taken + back.short == count
    assert all(one.state == "active" for one in back.void)


@pytest.mark.parametrize(
    ("paid", "earned", "back", "left"),
    [
        (120_000, 2, 10_000, 2),  # 110,000 is still worth two
        (120_000, 2, 30_000, 1),
        (120_000, 2, 120_000, 0),
        (120_000, 2, None, 0),
        (120_000, 3, 60_000, 1),  # said by hand, or by another program: in proportion
        (None, 2, 10_000, 2),
        (0, 2, 10_000, 2),
    ],
)
def test_a_sale_by_spending_is_worth_what_its_rest_is_worth(paid: int | None, earned: int, back: int | None, left: int) -> None:
    assert cards.worth_left(SPEND, earned=earned, paid=paid, back=back) == left


def test_a_visit_of_which_a_part_is_kept_was_a_visit() -> None:
    assert cards.worth_left(CAFE, earned=1, paid=90_000, back=60_000) == 1
    assert cards.worth_left(CAFE, earned=1, paid=90_000, back=90_000) == 0
