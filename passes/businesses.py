"""Who is at the counter: the business (one tenant), its look, its locations and the people who work there."""

from datetime import time
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

Role = Literal["owner", "manager", "cashier"]
MANAGERS: Final = frozenset({"owner", "manager"})


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """How a business looks: colours as ``#rrggbb``, a drawn symbol, and the card design (a folder in templates/cards).

    Pictures are named by the SHA-256 (hex) of their bytes; "" is the drawn one. See passes.designs.dressed.
    """

    background: str = "#2b1d14"
    foreground: str = "#ffffff"
    label: str = "#e8d3b0"
    symbol: Literal["cup", "bag", "scissors", "car", "star"] = "star"
    design: str = "classic"
    logo: str = ""
    strip: str = ""
    """What lies behind the stamps."""
    stamp: str = ""
    place: str = ""
    """A stamp's place before it is stamped."""


Most = Annotated[int, msgspec.Meta(ge=0)] | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How often one member of staff may do something on one day (in the business's zone); None is as often as they like."""

    redemptions: Most = None
    stamps: Most = None
    """Actions that add stamps or points, not how many they add."""
    corrections: Most = None
    goodwill: Most = None
    compensations: Most = None


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
    limits: Limits = Limits()
    quiet_from: time = time(21)
    quiet_until: time = time(8)
    """Between these hours (in its zone) no message of ours reaches a customer; equal hours mean never quiet."""
    weekly: Annotated[int, msgspec.Meta(ge=0, le=21)] = 2
    """Messages that one customer gets in seven days at most, campaigns and automations together."""
    test_of: UUID | None = None
    """The business whose test mode this is: its programs, offers and locations again, with customers that are made up."""

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
    address: str = ""
    closed: bool = False
    """No counter works here any more; what happened here stays."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff at work: who, in which role, where, and through which counter or key."""

    staff_id: UUID
    staff: str
    role: Role
    location_id: UUID
    location: str
    counter_id: UUID
    kiosk: bool = False
    """Nobody of the staff looks on: a customer stands at a kiosk."""
    machine: bool = False
    """Nobody in person: a kiosk, an autopilot, or a customer's own phone. What limits a person in a day does not limit it."""
    alone: bool = False
    """The customer, on the page of their own card."""
