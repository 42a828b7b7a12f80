"""What lines come to, and why one is not brought in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeVar
from uuid import UUID

import msgspec

from app.store import Change, Count, Row, Tally
from passes.words import N_

Wrong = Literal[
    "encoding",
    "columns",
    "cells",
    "unreadable",
    "program",
    "offer",
    "location",
    "card",
    "customer",
    "coupon",
    "number",
    "code",
    "redemption",
]
WRONG: Final[Mapping[Wrong, str]] = {
    "encoding": N_("The file is no text in UTF-8: save it in the spreadsheet once more, as “CSV UTF-8”."),
    "columns": N_("The first line does not name the columns of such a file."),
    "cells": N_("This line has more or fewer cells than the first one."),
    "unreadable": N_("What stands in this column cannot be read."),
    "program": N_("There is no program of this id or name."),
    "offer": N_("There is no offer of this id or title."),
    "location": N_("There is no location of this id or name."),
    "card": N_("There is no such card here: bring the customers first."),
    "customer": N_("There is no such customer here: bring the customers first."),
    "coupon": N_("There is no such coupon here: bring the coupons first."),
    "number": N_("No card's number, or another card's."),
    "code": N_("No redeem code, or another coupon's."),
    "redemption": N_("The coupon does not wait for this redemption."),
}
"""Why a line is not brought in."""

R = TypeVar("R", bound=msgspec.Struct)


class Bad(msgspec.Struct, frozen=True, array_like=True):
    """A line of the file (counted from 1, where the columns are named) that is not brought in, and why; never what stands there."""

    line: int
    word: Wrong
    column: str = ""


class Refused(Exception):
    """This line is not brought in."""

    def __init__(self, word: Wrong, column: str = "") -> None:
        self.word, self.column = word, column
        super().__init__(word)


class Laid(msgspec.Struct, kw_only=True):
    """What some lines come to: what must become true, how many were there already, and which are bad."""

    rows: list[Row] = []
    changes: list[Change] = []
    tallies: list[Tally] = []
    counts: list[Count] = []
    touches: set[UUID] = set()
    done: int = 0
    skipped: int = 0
    bad: list[Bad] = []
    foreign_codes: bool = False
    """A code is among them that was not minted by this house."""


def each(lines: Sequence[tuple[int, R]], laid: Laid, new: Callable[[R], bool]) -> None:
    """Lay each line down; ``new`` does it, and says whether it was."""
    for number, line in lines:
        try:
            if new(line):
                laid.done += 1
            else:
                laid.skipped += 1
        except Refused as refused:
            laid.bad.append(Bad(number, refused.word, refused.column))
