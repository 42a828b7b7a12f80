import pytest
from counter_cafe import DAY, NOON, an_id, card, coupon, offer, outcome, program
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from passes import cards
from passes.cards import MOST_GOALS_AT_ONCE, Card, Earned, earn, ready
from passes.problems import CannotEarn, Paused, Problem
from passes.programs import BySpend, ByVisit, Goal, Program

COOKIE, COFFEE = offer(), offer()
CAFE_CARD = program((3, COOKIE), (10, COFFEE))

programs = st.builds(lambda goals: program(*((at, offer()) for at in sorted(goals))), st.sets(st.integers(1, 60), min_size=1, max_size=8))


def refused(ask: object, **given_: object) -> CannotEarn:
    with pytest.raises(CannotEarn) as refusal:
        ask(**given_)  # type: ignore[operator]
    return refusal.value


def offers_of(earned: Earned) -> list[object]:
    return [goal.offer_id for goal in earned.goals]


def test_stamps_add_up_and_a_goal_earns_its_offer_once() -> None:
    balance, reached = 0, []
    for _ in range(10):
        earned = earn(card(balance=balance), CAFE_CARD, count=1)
        reached.append(offers_of(earned))
        balance = earned.balance
    assert reached == [[], [], [COOKIE.id], [], [], [], [], [], [], [COFFEE.id]]
    assert balance == 0


def test_what_is_over_a_full_round_carries_into_the_next() -> None:
    earned = earn(card(balance=9), CAFE_CARD, count=5)
    assert earned.balance == 4
    assert offers_of(earned) == [COFFEE.id, COOKIE.id]
    assert earned.lines == (("earned", 5, 14), ("round", -10, 4))


def test_several_rounds_at_once_earn_every_goal_of_each_in_order() -> None:
    earned = earn(card(balance=2), CAFE_CARD, count=28)
    assert offers_of(earned) == [COOKIE.id, COFFEE.id] * 3
    assert earned.lines == (("earned", 28, 30), ("round", -10, 20), ("round", -10, 10), ("round", -10, 0))


@given(programs, st.lists(st.integers(1, 40), max_size=30))
def test_no_stamp_is_lost_and_the_balance_is_provable_from_the_ledger(of: Program, counts: list[int]) -> None:
    held, ledger, rewards = card(), [], 0
    for count in counts:
        earned = outcome(earn, held, of, count=count)
        if isinstance(earned, Problem):
            assert isinstance(earned, CannotEarn)
            continue
        for _, amount, balance in earned.lines:
            ledger.append(amount)
            assert sum(ledger) == balance >= 0
        rewards += len(earned.goals)
        held = replace(held, balance=earned.balance)
        assert 0 <= held.balance < of.round
        stamped = sum(amount for amount in ledger if amount > 0)
        rounds, rest = divmod(stamped, of.round)
        assert held.balance == rest
        assert rewards == rounds * len(of.goals) + sum(goal.at <= rest for goal in of.goals)


@given(programs, st.integers(0, 59), st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_stamps_one_by_one_earn_what_they_earn_at_once(of: Program, balance: int, counts: list[int]) -> None:
    held = start = card(balance=balance % of.round)
    reached: list[object] = []
    for count in counts:
        earned = earn(held, of, count=count)
        held = replace(held, balance=earned.balance)
        reached += offers_of(earned)
    together = outcome(earn, start, of, count=sum(counts))
    if isinstance(together, Problem):
        assert len(reached) > MOST_GOALS_AT_ONCE
    else:
        assert (together.balance, offers_of(together)) == (held.balance, reached)


@given(programs, st.integers(0, 59), st.integers(1, 10**9))
def test_one_action_never_earns_absurdly_many_rewards_and_says_how_many_it_may(of: Program, balance: int, count: int) -> None:
    held = card(balance=balance % of.round)
    earned = outcome(earn, held, of, count=count)
    if isinstance(earned, Problem):
        most = earned.facts["most"]
        assert isinstance(most, int)
        assert 1 <= most < count
        assert len(earn(held, of, count=most).goals) == MOST_GOALS_AT_ONCE
        assert refused(earn, card=held, program=of, count=most + 1)
    else:
        assert len(earned.goals) <= MOST_GOALS_AT_ONCE


def test_a_million_points_at_once_are_refused_at_once() -> None:
    assert refused(earn, card=card(), program=program((1, COOKIE), unit="points"), count=1_000_000).facts["most"] == 50
    assert len(earn(card(), program((1_000_000, COFFEE), unit="points"), count=1_000_000).goals) == 1
    assert refused(earn, card=card(), program=program(*((at, offer()) for at in range(1, 1000))), count=10**9).facts["most"] == 50


def test_a_program_with_more_goals_than_one_action_may_earn_can_still_be_finished() -> None:
    many = program(*((at, offer()) for at in range(1, 101)))
    first = earn(card(), many, count=50)
    assert earn(card(balance=first.balance), many, count=50).balance == 0


@pytest.mark.parametrize("count", [0, -1, -(10**9)])
def test_nothing_and_less_cannot_be_earned(count: int) -> None:
    refused(earn, card=card(), program=CAFE_CARD, count=count)


def test_a_card_that_was_left_earns_nothing() -> None:
    refused(earn, card=card(left_at=NOON), program=CAFE_CARD, count=1)


# --- What an action is worth ---


def test_a_visit_is_worth_what_the_program_gives_for_it() -> None:
    assert program(earning=ByVisit(each=2)).worth() == 2
    assert program(earning=ByVisit()).worth(count=3) == 3
    refused(program(earning=ByVisit()).worth, amount=50_000)


def test_an_amount_is_worth_its_full_steps() -> None:
    spend = program(unit="points", earning=BySpend(amount=10_000, each=3))
    assert [spend.worth(amount=amount) for amount in (0, 9_999, 10_000, 29_999, 1_000_000)] == [0, 0, 3, 6, 300]
    assert spend.worth(count=7) == 7
    refused(spend.worth)
    refused(spend.worth, count=1, amount=10_000)


@pytest.mark.parametrize("amount", [-1, -(10**12), 10**30])
def test_an_absurd_amount_is_worth_nothing(amount: int) -> None:
    refused(program(unit="points", earning=BySpend(amount=1)).worth, amount=amount)


def test_one_action_adds_a_hundred_stamps_or_a_million_points_at_most() -> None:
    assert program().worth(count=100) == 100
    assert refused(program().worth, count=101).facts["most"] == 100
    assert program(unit="points").worth(count=1_000_000) == 1_000_000
    assert refused(program(unit="points").worth, count=1_000_001).facts["most"] == 1_000_000


@pytest.mark.parametrize("steps", [(), (0,), (-3,), (3, 3), (10, 3)])
def test_goals_rise_from_one(steps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="goal"):
        replace(CAFE_CARD, goals=tuple(Goal(at=at, offer_id=an_id()) for at in steps))


@pytest.mark.parametrize("broken", [{"each": 0}, {"each": -1}])
def test_a_visit_is_worth_at_least_one(broken: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="each"):
        ByVisit(**broken)
    with pytest.raises(ValueError, match="at least 1"):
        BySpend(**{"amount": 1, **broken})


def test_a_card_works_towards_the_next_goal() -> None:
    assert [CAFE_CARD.next_goal(balance).at for balance in (0, 2, 3, 9)] == [3, 3, 10, 10]


# --- What is ready ---


def test_the_coupon_that_expires_first_stands_in_front() -> None:
    late, soon = coupon(expires_at=NOON + 9 * DAY), coupon(expires_at=NOON + DAY)
    never, older = coupon(), coupon(issued_at=NOON - DAY)
    assert ready([never, late, older, soon], NOON) == (soon, late, older, never)


@given(st.permutations(range(6)))
def test_the_order_of_ready_coupons_does_not_depend_on_the_order_they_come_in(order: list[int]) -> None:
    same = [coupon(id=an_id(), expires_at=NOON + DAY) for _ in order]
    assert ready([same[place] for place in order], NOON) == tuple(same)


def test_used_voided_expired_and_later_coupons_are_not_ready() -> None:
    not_ready = [
        coupon(state="redeemed", redemption_id=an_id()),
        coupon(state="voided", voided_at=NOON),
        coupon(expires_at=NOON - DAY),
        coupon(valid_from=NOON + DAY),
    ]
    assert ready(not_ready, NOON) == ()


def test_a_card_with_thousands_of_coupons_is_read_quickly() -> None:
    many = [coupon(expires_at=NOON + DAY * (number % 97)) for number in range(5000)]
    assert len(ready(many, NOON)) == len([one for one in many if one.expires_at and one.expires_at >= NOON])


def test_a_card_knows_no_time_and_no_chance() -> None:
    """The same card, program and count earn the same, always: the shell brings ids, codes and times."""
    held: Card = card(balance=4)
    assert cards.earn(held, CAFE_CARD, count=9) == cards.earn(held, CAFE_CARD, count=9)


# --- A program that is set up by its owner ---


@given(programs, st.integers(0, 59), st.integers(1, 200))
def test_what_is_over_a_full_round_may_be_dropped(of: Program, balance: int, count: int) -> None:
    held, of = card(balance=balance % of.round), replace(of, remainder="drop")
    earned = earn(held, of, count=count)
    assert sum(amount for _, amount, _ in earned.lines) == earned.balance - held.balance
    full = held.balance + count >= of.round
    assert earned.balance == (0 if full else held.balance + count)
    assert [goal.at for goal in earned.goals] == [goal.at for goal in of.goals if held.balance < goal.at <= held.balance + count]


def test_a_card_with_more_than_a_round_on_it_has_the_last_goal_still_to_come() -> None:
    earned = earn(card(balance=8), program((5, COFFEE)), count=1)
    assert (offers_of(earned), earned.balance) == ([COFFEE.id], 4)


@pytest.mark.parametrize("state", ["paused", "archived"])
def test_a_program_that_does_not_run_gives_nothing_new(state: str) -> None:
    with pytest.raises(Paused):
        replace(CAFE_CARD, state=state).worth(count=1)


@given(programs, programs, st.integers(0, 59), st.booleans())
def test_goals_that_move_take_nothing_that_was_given_and_the_ledger_proves_the_rest(
    was: Program, became: Program, balance: int, keep: bool
) -> None:
    same = tuple(Goal(goal.at, was.goals[n % len(was.goals)].offer_id) for n, goal in enumerate(became.goals))
    became, held = replace(became, goals=same), card(balance=balance % was.round)
    moved = outcome(cards.moved, held, was, became, keep=keep)
    if isinstance(moved, Problem):
        assert isinstance(moved, CannotEarn)
        return
    assert held.balance + sum(amount for _, amount, _ in moved.lines) == moved.balance
    assert 0 <= moved.balance < became.round
    assert all(kind in {"corrected", "round"} for kind, _, _ in moved.lines)


def test_nobody_is_farther_from_the_next_reward_than_was_promised() -> None:
    was = program((3, COOKIE), (10, COFFEE))
    later = replace(was, goals=(Goal(3, COOKIE.id), Goal(12, COFFEE.id)))
    kept = {balance: cards.moved(card(balance=balance), was, later, keep=True) for balance in range(10)}
    assert [kept[balance].balance for balance in (0, 2, 3, 9)] == [0, 2, 5, 11]
    assert not any(one.goals for one in kept.values())
    assert cards.moved(card(balance=9), was, later, keep=False) == Earned(balance=9, lines=(), goals=())
    sooner = replace(was, goals=(Goal(3, COOKIE.id), Goal(8, COFFEE.id)))
    for keep in (True, False):
        moved = cards.moved(card(balance=9), was, sooner, keep=keep)
        assert (offers_of(moved), moved.balance, moved.lines) == ([COFFEE.id], 1, (("round", -8, 1),))
    tea = offer()
    more = replace(was, goals=(Goal(2, tea.id), *was.goals))
    assert offers_of(cards.moved(card(balance=5), was, more, keep=False)) == [tea.id]
    assert offers_of(cards.moved(card(balance=5), was, more, keep=True)) == []


spots = st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(sorted)
some = st.lists(st.integers(1, 9), max_size=3)
TEA = offer()


@given(old=spots, new=spots, before=some, between=some, keep=st.booleans(), drop=st.booleans())
def test_when_a_change_reaches_a_card_makes_no_difference_to_what_it_earns(
    *, old: list[int], new: list[int], before: list[int], between: list[int], keep: bool, drop: bool
) -> None:
    def goals_at(at: list[int]) -> Program:
        goals = tuple(Goal(at=one, offer_id=offer.id) for one, offer in zip(at, (COOKIE, COFFEE, TEA), strict=False))
        return replace(CAFE_CARD, goals=goals, remainder="drop" if drop else "carry")

    was, became, nobody = goals_at(old), goals_at(new), card()

    def step_of(balance: int, count: int, under: Program) -> Earned:
        return earn(replace(nobody, balance=balance), under, count=count)

    held = 0
    for count in before:
        held = step_of(held, count, was).balance
    now, had = held, []
    for count in between:
        step = step_of(now, count, became)
        now, had = step.balance, [*had, *(goal.offer_id for goal in step.goals)]
    try:
        late = cards.caught_up(replace(nobody, balance=now), was, became, keep=keep, held=held, added=between, given=had)
        at_once = cards.moved(replace(nobody, balance=held), was, became, keep=keep)
    except CannotEarn:
        return
    balance, meant = at_once.balance, [goal.offer_id for goal in at_once.goals]
    for count in between:
        step = step_of(balance, count, became)
        balance, meant = step.balance, [*meant, *(goal.offer_id for goal in step.goals)]
    assert late.balance == balance
    assert now + sum(amount for _, amount, _ in late.lines) == balance
    got = [*had, *(goal.offer_id for goal in late.goals)]
    assert all(got.count(offer) == max(meant.count(offer), had.count(offer)) for offer in (COOKIE.id, COFFEE.id, TEA.id))
