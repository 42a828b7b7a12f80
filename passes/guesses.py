"""What can be guessed: which passwords and PINs are too easy, and how long somebody who guesses must wait."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from passes.problems import RefusedSecret
from passes.words import N_

LEAST: Final = 12
"""Characters of a password. Length is all that is asked for: rules of composition make people write ``Coffee2026!``."""
OBVIOUS: Final = (
    "password",
    "passwort",
    "matkhau",
    "counterpass",
    "qwerty",
    "qwertyuiop",
    "qwertyuiopasdfghjkl",
    "abcdef",
    "abcdefghijkl",
    "abcdefghijklmnopqrstuvwxyz",
    "iloveyou",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "changeme",
)
_RUN: Final = "0123456789" * 3
_UP, _DOWN = ("|".join(f"{n}(?={(n + step) % 10}|$)" for n in range(10)) for step in (1, -1))
PIN: Final = rf"(?!([0-9])\1+$)(?!([0-9][0-9])\2+$)(?!(?:{_UP})+$)(?!(?:{_DOWN})+$)[0-9]{{4,6}}"
"""A PIN that is not tried first: not one digit, not two digits again and again, no run up or down. For a page's ``pattern``, too."""
NO_PIN: Final = N_("A PIN has four to six digits")
EASY_PIN: Final = N_("This PIN is among the first that somebody would try: choose another one")
PIN_RULE: Final = {"pattern": PIN, "none": NO_PIN, "easy": EASY_PIN}
"""What a page says about a PIN before it is sent: what it must be like, and the sentences for what is none and for what is too easy."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How many guesses are free, how long the next one waits (doubling from ``first`` to ``longest``), and when all is forgotten."""

    free: int
    first: timedelta
    longest: timedelta
    fresh: timedelta


ACCOUNT: Final = Patience(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15), fresh=timedelta(days=1))
ADDRESS: Final = Patience(free=20, first=timedelta(seconds=30), longest=timedelta(minutes=15), fresh=timedelta(minutes=15))
COUNTER: Final = Patience(free=20, first=timedelta(minutes=1), longest=timedelta(minutes=10), fresh=timedelta(minutes=10))
PINS: Final = 5
"""Wrong PINs in a row that lock it until a manager unlocks it: four digits must not be searched through."""
REMEMBERED: Final = timedelta(days=30)
"""For how long wrong PINs are in a row."""


def counted(patience: Patience, n: int, last: datetime | None, now: datetime) -> int:
    """How many of ``n`` guesses, the last one then, still count now. One from far ahead is from before the clock was set back."""
    return 0 if last is None or not now - patience.fresh <= last <= now + patience.longest else n


def wait(patience: Patience, n: int, last: datetime | None, now: datetime) -> timedelta:
    """How long until the next guess may be made, after ``n`` of them; zero if at once."""
    over = counted(patience, n, last, now) - patience.free
    if over < 0 or last is None:
        return timedelta(0)
    pause = patience.longest if over > 10 else min(patience.first * 2**over, patience.longest)  # noqa: PLR2004 (2^10 is past any longest)
    return min(max(last + pause - now, timedelta(0)), patience.longest)


def folded(secret: str) -> str:
    """The same secret however it was typed: an accent may be one character or two, a digit half or full width."""
    return unicodedata.normalize("NFKC", secret)


def check_password(password: str, names: Iterable[str]) -> None:
    """Raises RefusedSecret for a password that is short, or that somebody who knows the ``names`` would try first."""
    said = folded(password)
    if len(said) < LEAST:
        raise RefusedSecret(
            field="password", why=N_("Use at least {least} characters: three or four words are easy to remember"), least=LEAST
        )
    letters = _letters(said)
    obvious = {*OBVIOUS, *(_letters(folded(name)) for name in names)} - {""}
    repeated = any(re.fullmatch(f"(?:{re.escape(word)})+", letters) for word in obvious)
    run = said in _RUN * 2 or said in (_RUN * 2)[::-1]
    if repeated or run or len(set(said)) < 4:  # noqa: PLR2004 (aaaabbbbcccc)
        raise RefusedSecret(field="password", why=N_("This is among the first that somebody would try: choose another one"), least=LEAST)


def check_pin(pin: str) -> str:
    """The PIN as it is kept: four to six digits. Raises RefusedSecret for anything else, and for those that are tried first."""
    said = folded(pin)
    if not re.fullmatch("[0-9]{4,6}", said):
        raise RefusedSecret(field="pin", why=NO_PIN, least=4)
    if not re.fullmatch(PIN, said):
        raise RefusedSecret(field="pin", why=EASY_PIN, least=4)
    return said


def _letters(text: str) -> str:
    return "".join(one for one in text.casefold() if one.isalpha())
