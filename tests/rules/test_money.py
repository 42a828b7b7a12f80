import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("4.50", "USD", 450),
        ("4,5", "EUR", 450),
        ("10.000 ₫", "VND", 10_000),
        ("10,000", "VND", 10_000),
        ("1,000.00", "USD", 100_000),
        ("1.000,00 €", "EUR", 100_000),
        ("$12", "USD", 1200),
        ("1.250", "KWD", 1_250_000),  # three decimals there: who means less writes 1.25
        ("1.25", "KWD", 1250),
        ("4.567", "USD", 456_700),
        ("", "USD", None),
        ("-5", "USD", None),
        ("4.5.6", "USD", None),
        ("5.5", "VND", None),
        ("9" * 40, "USD", None),
    ],
)
def test_money_is_read_as_people_type_it(text: str, currency: str, minor: int | None) -> None:
    assert money.read(text, currency) == minor


@given(st.integers(0, 10**12), st.sampled_from(["VND", "USD", "EUR", "JPY"]))
def test_what_is_put_into_a_field_is_read_as_the_same_amount(amount: int, currency: str) -> None:
    assert money.read(money.typed(amount, currency), currency) == amount
