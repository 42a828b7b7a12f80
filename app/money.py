"""Money as people write and type it: integer minor units of a currency, which knows how many decimals it has."""

import re
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision


def digits(currency: str) -> int:
    """How many decimals a currency (ISO 4217) has: 2 for USD, 0 for VND."""
    return int(get_currency_precision(currency))


def said(amount: int, currency: str, language: str) -> str:
    """Minor units as people write them in a language: "₫10,000", "10.000 ₫"."""
    written: str = format_currency(Decimal(amount).scaleb(-digits(currency)), currency, locale=language)
    return written


def typed(amount: int, currency: str) -> str:
    """The same as somebody would type it into a field: "10000", "4.50"."""
    return f"{Decimal(amount).scaleb(-digits(currency)):f}"


def read(text: str, currency: str) -> int | None:
    """What somebody typed ("4.50", "4,5", "10.000 ₫", "1,000.00") in minor units; None for what is no amount.

    Points and commas with three digits after them group; what comes after the last of others are decimals.
    """
    places = digits(currency)
    decimals = f"(?:[.,]([0-9]{{1,{places}}}))?" if places else "()"
    found = re.fullmatch(rf"([0-9]{{1,15}}(?:[.,][0-9]{{3}}){{0,5}}){decimals}", re.sub(r"[^0-9.,-]", "", text))
    return int(re.sub(r"[.,]", "", found[1]) + (found[2] or "").ljust(places, "0")) if found else None
