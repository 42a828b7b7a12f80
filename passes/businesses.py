"""Who is at the counter: the business (one tenant), its look, its locations and the people who work there."""

from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

Role = Literal["owner", "manager", "cashier"]
MANAGERS: Final = frozenset({"owner", "manager"})


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """How a business looks: colours as ``#rrggbb``, a drawn symbol, and the card design (a folder in templates/cards)."""

    background: str = "#2b1d14"
    foreground: str = "#ffffff"
    label: str = "#e8d3b0"
    symbol: Literal["cup", "bag", "scissors", "car", "star"] = "star"
    design: str = "classic"


class Business(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant. ``honour`` says who may honour an expired coupon, up to ``honour_days`` days after its expiry.

    ``prefixes`` are those of its offers and ``imported`` says that some codes come from its till (see codes.read).
    """

    id: UUID
    name: str
    zone: str
    currency: str
    languages: tuple[str, ...] = ("en",)
    contact: str = ""
    honour: Literal["nobody", "managers", "everyone"] = "managers"
    honour_days: int = 7
    prefixes: tuple[str, ...] = ()
    imported: bool = False
    asks_first: bool = False
    """A counter shows what a code would give and waits for a tap, instead of redeeming at once."""
    brand: Brand = Brand()
    apple: str = ""
    """The name of its own Apple certificate; empty for the installation's."""

    @property
    def tz(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.zone)


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A branch or till position of a business."""

    id: UUID
    business_id: UUID
    name: str
    latitude: float | None = None
    longitude: float | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff at work: who, in which role, where, and through which counter or token."""

    staff_id: UUID
    staff: str
    role: Role
    location_id: UUID
    location: str
    counter_id: UUID
    kiosk: bool = False
    """Nobody of the staff looks on: a customer stands at a kiosk."""
