"""Redeem codes and card numbers: mint them, read what people type, group them for the eye, catch a wrong character.

A redeem code is 8 random characters and a check character (``K7QM4XRT3``, shown ``K7Q-M4X-RT3``); a card's number is
11 and a check character. Both use ISO 7064 MOD 37-2, which catches every single wrong character and every swap of two
neighbours (its cousin MOD 37,36 misses 1 swap in 700: J and K, say, after a certain beginning). The alphabet has no
vowels (no words by accident) and none of the letters that look like a digit.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final

import msgspec
from stdnum.iso7064 import mod_37_2

from passes.problems import MistypedCode, UnknownCode

ALPHABET: Final = "0123456789CDFGHJKMNPQRTVWXY"
CODE_LENGTH: Final = 9
NUMBER_LENGTH: Final = 12
LONGEST: Final = 64
GROUP: Final = 3
_WORTH: Final = {char: int(char, 36) for char in ALPHABET}
_LOOK_ALIKE: Final = str.maketrans("OILSZB", "011528")
# Some scanners announce the symbology (AIM: "]Q1" for a QR code) and the character set (ECI: "\000026" for UTF-8).
_ANNOUNCED: Final = re.compile(r"(?:\][A-Za-z][0-9A-Za-z])?(?:\\[0-9]{6})?")
# A Vietnamese keyboard left in Telex mode turns two letters of our alphabet into these.
_TELEX: Final = str.maketrans({"Đ": "DD", "Ư": "W"})

Pick = Callable[[str], str]
"""Draws one character of the given alphabet, unpredictably (``secrets.choice`` in production)."""


class Code(msgspec.Struct, frozen=True):
    """A text that may be a redeem code: minted (``value`` is its 9 characters) or imported (``value`` is all of it).

    ``mistyped`` says what it is if no imported code is like it: a minted one with a wrong character. ``also`` is the whole
    text, to be looked up if nothing is known under ``value``: 1 in 37 of a till's own codes of 9 characters looks minted.
    It is empty for a business that brought no codes.
    """

    value: str
    prefix: str = ""
    mistyped: bool = False
    also: str = ""


class Number(msgspec.Struct, frozen=True):
    """A text that is a card's own number (12 characters), or a code of the till that looks like one (``also``, see Code)."""

    value: str
    also: str = ""


def mint(pick: Pick) -> str:
    """A new redeem code, 9 characters: about 2 × 10¹¹ of them, so that guessing is hopeless at any rate limit."""
    return _mint(pick, CODE_LENGTH)


def mint_number(pick: Pick) -> str:
    """A new card number, 12 characters; its length tells it from a redeem code."""
    return _mint(pick, NUMBER_LENGTH)


def _mint(pick: Pick, length: int) -> str:
    while True:
        body = "".join(pick(ALPHABET) for _ in range(length - 1))
        check = mod_37_2.calc_check_digit(body)
        if check in ALPHABET:  # else draw again: 10 of 37 check characters are not ours
            return body + check


def group(value: str, prefix: str = "") -> str:
    """For the eye: ``K7Q-M4X-RT3``, ``COFFEE-K7Q-M4X-RT3``; an imported code is shown as the till knows it."""
    if len(value) not in (CODE_LENGTH, NUMBER_LENGTH) or not _checks(value):
        return value
    size = GROUP if len(value) == CODE_LENGTH else 4
    return "-".join(([prefix] if prefix else []) + [value[at : at + size] for at in range(0, len(value), size)])


def joined(value: str, prefix: str = "") -> str:
    """For a scanner: ``K7QM4XRT3``, ``COFFEEK7QM4XRT3``; an imported code as the till knows it, without a prefix of ours."""
    return prefix + value if len(value) == CODE_LENGTH and _checks(value) else value


def clean(typed: str) -> str:
    """What people and scanners send, as plain capitals: no spaces, dashes, accents, full-width forms or scanner prefixes.

    What is clean stays as it is when it is cleaned again, so imported codes are stored clean.
    Raises UnknownCode for what cannot be a code at all (nothing left, or longer than 64 characters).
    """
    if len(typed) > 4 * LONGEST:
        raise UnknownCode
    value = typed.upper() if typed.isascii() and typed.isalnum() else _plain(typed)
    if not value or len(value) > LONGEST:
        raise UnknownCode
    return value


def _plain(typed: str) -> str:
    body = typed.strip()
    announced = _ANNOUNCED.match(body)
    body = body[announced.end() :] if announced else body
    capitals = unicodedata.normalize("NFKC", body).upper().translate(_TELEX)
    plain = unicodedata.normalize("NFKD", capitals).upper()
    return "".join(char for char in plain if char.isalnum())


def as_minted(whole: str) -> str:
    """A clean text, or the beginning of one, with the look-alikes of our alphabet read as what they stand for."""
    return whole.translate(_LOOK_ALIKE)


def read(typed: str, *, prefixes: Collection[str] = (), imported: bool = False) -> Code | Number:
    """What a typed or scanned text means, without a look-up.

    ``prefixes`` are those of the business's offers, in capitals; ``imported`` says that it also has codes of its till,
    which have no check character: then a text with a wrong one is looked up before it is called mistyped.
    Raises MistypedCode when the check character is wrong and UnknownCode when the text cannot be a code here.
    """
    whole = clean(typed)
    plain = as_minted(whole)
    prefix = _prefix(whole, plain, prefixes)
    body = plain[len(prefix) :]
    also = whole if imported else ""
    if len(body) == CODE_LENGTH and _checks(body):
        return Code(body, prefix, also=also)
    if len(plain) == NUMBER_LENGTH and _checks(plain):
        return Number(plain, also=also)
    # A character from outside the alphabet is one wrong character too, if all the others could be ours.
    mistyped = len(body) in (CODE_LENGTH, NUMBER_LENGTH) and sum(char not in ALPHABET for char in body) <= 1
    if imported:
        return Code(whole, mistyped=mistyped)
    raise MistypedCode if mistyped else UnknownCode


def _prefix(whole: str, plain: str, prefixes: Collection[str]) -> str:
    """The prefix that a text starts with, as it is written or as it looks (``C0FFEE``), with a code's length after it."""
    fitting = [head for head in prefixes if len(whole) == len(head) + CODE_LENGTH and plain.startswith(head.translate(_LOOK_ALIKE))]
    return next((head for head in fitting if whole.startswith(head)), fitting[0] if fitting else "")


def ambiguous(prefix: str) -> bool:
    """Whether a card's number could begin with this prefix and be taken for a code: 3 characters, all of them of codes."""
    return len(prefix) == NUMBER_LENGTH - CODE_LENGTH and all(char in ALPHABET for char in prefix.translate(_LOOK_ALIKE))


@lru_cache(4096)  # the code that was read is soon shown again
def _checks(value: str) -> bool:
    """Whether all characters are ours and the check character is right: mod_37_2.is_valid, at a fifth of its time."""
    total = 0
    for char in value:
        worth = _WORTH.get(char)
        if worth is None:
            return False
        total = 2 * total + worth
    return total % 37 == 1
