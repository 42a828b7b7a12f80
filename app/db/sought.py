"""Texts as they are looked for: names without accents, phones without signs, codes without dashes."""

import unicodedata
from typing import Final

from passes import codes
from passes.problems import UnknownCode

_APART: Final = str.maketrans({"đ": "d", "ð": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode takes for whole ones, and people type without the stroke."""
_DROPPED: Final = frozenset("'’ʼ`´‘")
SHORTEST: Final = 3
"""Characters that a trigram index needs; a shorter text is the beginning of a word, together with the space before it."""


def fold(text: str) -> str:
    """Small letters and digits without accents, one space between words: ``Nguyễn Thị  Đào`` is ``nguyen thi dao``."""
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_APART)
    kept = [char if char.isalnum() else " " for char in plain if char not in _DROPPED and not unicodedata.combining(char)]
    return " ".join("".join(kept).split())


def person(name: str, phone: str) -> str:
    """What a customer is found by: a space before each word of the name, and on a second line the phone's digits."""
    return f" {fold(name)}\n{digits(phone)}"


def digits(phone: str) -> str:
    """The digits of a phone number or a part of one."""
    return "".join(char for char in unicodedata.normalize("NFKC", phone) if char.isdecimal())


def part(text: str) -> str:
    """What the first line of ``person`` must contain; empty for what no index can find."""
    folded = fold(text)
    part = folded if len(folded) >= SHORTEST else f" {folded}"
    return part if len(part) >= SHORTEST else ""


def code(text: str) -> str:
    """A presented text as minted codes are kept; empty for what can be no code."""
    try:
        return codes.as_minted(codes.clean(text))
    except UnknownCode:
        return ""
