"""The lines of the files in which a business takes along all that it has recorded: what is written is what is read again.

The columns of each file are the fields of its lines, and never change their names or their order. Ids and names stand side by side, so
that a spreadsheet can be read and an installation with other ids knows what is meant.
"""

import codecs
import csv
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from app.desk.telling import EventType
from passes import contacts
from passes.coupons import Channel, State

What = Literal["customers", "coupons", "redemptions", "events"]
FORMULAS: Final = (*"=+-@\t\r\n", *"＝＋－＠")
"""How a cell begins that a spreadsheet would run (https://owasp.org/www-community/attacks/CSV_Injection)."""
_NEGATIVE: Final = re.compile("-[0-9]+")
_QUOTED: Final = re.compile('"[^"]*"')

CHUNK: Final = 1 << 16
"""Characters of a file that are sent at a time."""


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front says that it is text.

    One that looks as if this had been done to it gets one more, so that ``armed`` always gives back what it was. A number below zero
    stays a number: it runs nothing, and a spreadsheet adds it up.
    """
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULAS) and not _NEGATIVE.fullmatch(cell) else cell


def armed(cell: str) -> str:
    """What a cell was before it was defused."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS) else cell


def encoding_of(head: bytes) -> str:
    """How a file that begins so is written.

    UTF-8, with or without a mark; UTF-16 with one, or with the zeros that Latin letters have in it.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[:2].find(b"\0") >= 0:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def separator_of(first: str) -> str:
    """What stands between the cells of a file with this first line, "" if there is only one.

    Where numbers have a decimal comma spreadsheets write semicolons, and tabs as "Unicode text".
    """
    between = _QUOTED.sub("", first)
    separator = max("\t;,", key=between.count)
    return separator if separator in between else ""


async def in_pieces(rows: AsyncIterable[Sequence[str]], *, mark: str = "") -> AsyncIterator[bytes]:
    """A file of these rows (RFC 4180), every cell defused, so much at a time; with a ``mark`` in front for programs that want one."""
    text = io.StringIO(newline="")
    text.write(mark)
    written = csv.writer(text)
    async for row in rows:
        written.writerow([defused(cell) for cell in row])
        if text.tell() > CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Short = Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^[^\x00]*$")]
Many = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class CustomerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of customers: a person, and one of their cards."""

    customer_id: UUID
    name: Short = ""
    email: Short = ""
    phone: Short = ""
    language: Annotated[str, msgspec.Meta(pattern=contacts.LANGUAGE, min_length=2, max_length=contacts.LONGEST_LANGUAGE)] = "en"
    birthday: Annotated[str, msgspec.Meta(pattern=contacts.BIRTHDAY)] = ""
    consent_at: Moment | None = None
    note: Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[^\x00]*$")] = ""
    joined_at: Moment
    location_id: UUID | None = None
    location: Short = ""
    merged_into: UUID | None = None
    erased_at: Moment | None = None
    card_id: UUID | None = None
    program_id: UUID | None = None
    program: Short = ""
    number: Short = ""
    balance: Many = 0
    visits: Many = 0
    card_joined_at: Moment | None = None
    visited_at: Moment | None = None
    visited_location_id: UUID | None = None
    visited_location: Short = ""
    left_at: Moment | None = None


class CouponLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of coupons."""

    coupon_id: UUID
    code: Short
    state: State
    offer_id: UUID | None = None
    offer: Short = ""
    card_id: UUID | None = None
    customer_id: UUID | None = None
    issued_at: Moment
    valid_from: Moment | None = None
    expires_at: Moment | None = None
    redemption_id: UUID | None = None
    voided_at: Moment | None = None
    batch_id: UUID | None = None


class RedemptionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of redemptions, with what took it back."""

    redemption_id: UUID
    kind: Literal["redemption", "goodwill"]
    at: Moment
    coupon_id: UUID
    offer_id: UUID | None = None
    offer: Short = ""
    card_id: UUID | None = None
    customer_id: UUID | None = None
    location_id: UUID | None = None
    location: Short = ""
    staff_id: UUID | None = None
    staff: Short = ""
    channel: Channel
    reason: Short = ""
    basket_id: UUID | None = None
    reversal_id: UUID | None = None
    reversed_at: Moment | None = None
    reversal_location_id: UUID | None = None
    reversal_location: Short = ""
    reversal_staff_id: UUID | None = None
    reversal_staff: Short = ""
    reversal_reason: Short = ""
    receipt: Short = ""
    amount: Many | None = None
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?$(?!\n)")] = ""
    counter_id: UUID | None = None
    """Of what a till did the id of its key; on the page of a card or of the business whose page it was."""
    counter: Short = ""


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the log."""

    event_id: UUID
    type: EventType
    at: Moment
    customer_id: UUID | None = None
    card_id: UUID | None = None
    coupon_id: UUID | None = None
    count: Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)] = 0
    wallet: Literal["", "apple", "google"] = ""
    reason: Short = ""
    staff_id: UUID | None = None
    staff: Short = ""
    campaign_id: UUID | None = None
    location_id: UUID | None = None
    location: Short = ""


FORMS: Final[Mapping[What, type[msgspec.Struct]]] = {
    "customers": CustomerLine,
    "coupons": CouponLine,
    "redemptions": RedemptionLine,
    "events": EventLine,
}

COLUMNS: Final[Mapping[What, tuple[str, ...]]] = {what: form.__struct_fields__ for what, form in FORMS.items()}
"""What stands in each file, in this order."""
