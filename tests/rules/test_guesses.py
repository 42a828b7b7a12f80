import re
from datetime import UTC, datetime, timedelta

import pytest

from passes.guesses import ACCOUNT, PIN, check_password, check_pin, counted, folded, wait
from passes.problems import RefusedSecret

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


def test_five_guesses_are_free_then_each_wait_is_twice_the_last_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait(ACCOUNT, n, NOW, NOW).total_seconds() for n in (0, 4, 5, 6, 7, 8, 9, 10, 11, 5000)]
    assert waits == [0, 0, 30, 60, 120, 240, 480, 900, 900, 900]


def test_a_wait_runs_from_the_last_guess_and_ends() -> None:
    assert wait(ACCOUNT, 5, NOW - timedelta(seconds=29), NOW) == timedelta(seconds=1)
    assert wait(ACCOUNT, 5, NOW - timedelta(seconds=31), NOW) == timedelta(0)


def test_after_a_day_without_a_guess_counting_begins_anew() -> None:
    assert counted(ACCOUNT, 40, NOW - timedelta(hours=25), NOW) == 0
    assert counted(ACCOUNT, 40, NOW - timedelta(hours=23), NOW) == 40


def test_a_clock_that_is_set_back_makes_nobody_wait_longer_than_the_longest() -> None:
    assert wait(ACCOUNT, 40, NOW + timedelta(seconds=5), NOW) == ACCOUNT.longest
    assert wait(ACCOUNT, 40, NOW + timedelta(days=300), NOW) == timedelta(0)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "Password-Password",
        "matkhau2026!",
        "Mật khẩu 1234567",
        "Cà Phê Sáng 2026",
        "caphesang@example.com",
        "aaaaaaaaaaaaaaa",
        "abababababab",
        "123456789012",
        "098765432109",
        "qwertyuiopasdfghjkl",
    ],
)
def test_a_password_that_is_short_or_tried_first_is_refused(password: str) -> None:
    with pytest.raises(RefusedSecret) as refused:
        check_password(password, ("Lan", "Cà Phê Sáng", "caphesang@example.com", "caphesang", "Mật khẩu"))
    assert refused.value.facts["field"] == "password"


@pytest.mark.parametrize("password", ["seven quiet herons", "lan likes coffee", "ba con vịt xoè ra hai cái cánh", "82 41 93 07 16"])
def test_any_long_password_will_do(password: str) -> None:
    check_password(password, ("Lan", "Cà Phê Sáng"))


def test_of_four_digits_those_are_refused_that_are_one_digit_a_pair_twice_or_a_run() -> None:
    tried_first = {f"{n:02}" * 2 for n in range(100)} | {
        "".join(str((n + step * i) % 10) for i in range(4)) for n in range(10) for step in (1, -1)
    }
    assert {pin for n in range(10000) if not re.fullmatch(PIN, pin := f"{n:04}")} == tried_first


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "0000", "1111", "1234", "4321", "2345", "8901", "1212", "121212", "999999"])
def test_a_pin_that_is_none_or_is_tried_first_is_refused(pin: str) -> None:
    with pytest.raises(RefusedSecret):
        check_pin(pin)


def test_a_pin_in_full_width_digits_is_the_same_pin() -> None:
    assert check_pin("２５８０") == check_pin("2580") == "2580"
    assert folded("Phê") == folded("Phê")
