"""What a till says of a sale, where it earns, redeems, or comes back."""

from typing import Annotated, Final, Protocol

import msgspec

from app.desk.basket import Twice
from app.desk.sales import Told
from app.problems import InvalidRequest
from app.web.wire import NOT_ONLY_SPACES, TEXT, Presentable

MOST_CODES: Final = 20
"""Codes of one basket."""

Receipt = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=TEXT, description=NOT_ONLY_SPACES)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="three capital letters, as VND")]
Codes = Annotated[tuple[Presentable, ...], msgspec.Meta(min_length=1, max_length=MOST_CODES)]


class Saying(Protocol):
    """A body that may say something of a sale."""

    @property
    def receipt(self) -> str | None:
        """The receipt's number."""

    @property
    def amount(self) -> int | None:
        """What was paid, in minor units."""

    @property
    def currency(self) -> str | None:
        """In which currency."""


def told_of(data: Saying) -> Told | None:
    """What it says, or None."""
    if data.receipt is None and data.amount is None and data.currency is None:
        return None
    return Told(receipt=(data.receipt or "").strip(), amount=data.amount, currency=data.currency or "")


def same(twice: Twice) -> InvalidRequest:
    """The mistake of who presents one coupon twice in one basket."""
    first, second = twice.places
    return InvalidRequest(errors=f"codes[{first}] and codes[{second}] are the same coupon")
