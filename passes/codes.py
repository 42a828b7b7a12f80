"""Redeem codes and card numbers: mint them, read what people type, group them for the eye, catch a wrong character.

A redeem code is 8 random characters and a check character (``K7QM4XRT9``, shown ``K7Q-M4X-RT9``); a card's number is
11 and a check character. Both use ISO 7064 MOD 37,36, which catches every single wrong character and every swap of two
neighbours. The alphabet has no vowels (no words by accident) and none of the letters that look like a digit.
"""

import unicodedata
from collections.abc import Callable, Collection
from typing import Final

import msgspec
from stdnum.iso7064 import mod_37_36

from passes.problems import MistypedCode, UnknownCode

ALPHABET: Final = "0123456789CDFGHJKMNPQRTVWXY"
CODE_LENGTH: Final = 9
NUMBER_LENGTH: Final = 12
LONGEST: Final = 64
GROUP: Final = 3
_LOOK_ALIKE: Final = str.maketrans("OILSZB", "011528")
_ECI: Final = "\\000"  # some scanners announce a character set: \000026 for UTF-8, \000001 for Latin-1
_ECI_LENGTH: Final = 7

Pick = Callable[[str], str]
"""Draws one character of the given alphabet, unpredictably (``secrets.choice`` in production)."""


class Code(msgspec.Struct, frozen=True):
    """A text that may be a redeem code: minted (``value`` is its 9 characters) or imported (``value`` is all of it).

    ``mistyped`` says what it is if no imported code is like it: a minted one with a wrong character.
    """

    value: str
    prefix: str = ""
    mistyped: bool = False


class Number(msgspec.Struct, frozen=True):
    """A text that is a card's own number (12 characters)."""

    value: str


def mint(pick: Pick) -> str:
    """A new redeem code, 9 characters: about 2.8 × 10¹¹ of them, so that guessing is hopeless at any rate limit."""
    return _mint(pick, CODE_LENGTH)


def mint_number(pick: Pick) -> str:
    """A new card number, 12 characters; its length tells it from a redeem code."""
    return _mint(pick, NUMBER_LENGTH)


def _mint(pick: Pick, length: int) -> str:
    while True:
        body = "".join(pick(ALPHABET) for _ in range(length - 1))
        check = mod_37_36.calc_check_digit(body)
        if check in ALPHABET:  # else draw again: 9 of 36 check characters are not ours
            return body + check


def group(value: str, prefix: str = "") -> str:
    """For the eye: ``K7Q-M4X-RT9``, ``COFFEE-K7Q-M4X-RT9``; an imported code is shown as the till knows it."""
    if len(value) not in (CODE_LENGTH, NUMBER_LENGTH) or not _checks(value):
        return value
    size = GROUP if len(value) == CODE_LENGTH else 4
    return "-".join(([prefix] if prefix else []) + [value[at : at + size] for at in range(0, len(value), size)])


def clean(typed: str) -> str:
    """What people and scanners send, as plain capitals: no spaces, dashes, full-width forms or scanner prefixes.

    Raises UnknownCode for what cannot be a code at all (empty, or longer than 64 characters).
    """
    if len(typed) > 4 * LONGEST:
        raise UnknownCode
    body = typed.strip()
    if body.startswith(_ECI) and body[1:_ECI_LENGTH].isdigit():
        body = body[_ECI_LENGTH:]
    plain = unicodedata.normalize("NFKC", body).upper()
    value = "".join(char for char in plain if char.isalnum())
    if not value or len(value) > LONGEST:
        raise UnknownCode
    return value


def read(typed: str, *, prefixes: Collection[str] = (), imported: bool = False) -> Code | Number:
    """What a typed or scanned text means, without a look-up.

    ``prefixes`` are those of the business's offers, in capitals; ``imported`` says that it also has codes of its till,
    which have no check character: then a text with a wrong one is looked up before it is called mistyped.
    Raises MistypedCode when the check character is wrong and UnknownCode when the text cannot be a code here.
    """
    value = clean(typed)
    prefix = next((head for head in prefixes if value.startswith(head) and len(value) == len(head) + CODE_LENGTH), "")
    body = value[len(prefix) :].translate(_LOOK_ALIKE)
    ours = all(char in ALPHABET for char in body)
    if len(body) == CODE_LENGTH and ours and _checks(body):
        return Code(body, prefix)
    if len(body) == NUMBER_LENGTH and ours and _checks(body):
        return Number(body)
    # A character from outside the alphabet is one wrong character too, if all the others could be ours.
    mistyped = len(body) in (CODE_LENGTH, NUMBER_LENGTH) and sum(char not in ALPHABET for char in body) <= 1
    if imported:
        return Code(value, mistyped=mistyped)
    raise MistypedCode if mistyped else UnknownCode


def _checks(value: str) -> bool:
    return all(char in ALPHABET for char in value) and bool(mod_37_36.is_valid(value))
