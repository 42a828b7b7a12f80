"""What somebody gets and what staff must do to give it: benefits, validity, places, hours and limits."""

import datetime as dt
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from passes.codes import ambiguous
from passes.programs import Running
from passes.words import Text

SECOND: Final = timedelta(seconds=1)
LAST_YEAR: Final = 9000
Format = Literal["qr", "code128", "pdf417", "aztec"]
DAYS: Final = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"),
}


# --- Benefits: a new one is one class here and a word in Benefit ---


class FreeItem(msgspec.Struct, frozen=True, tag="free_item", tag_field="kind"):
    """One thing for nothing."""

    item: Text


class AmountOff(msgspec.Struct, frozen=True, tag="amount_off", tag_field="kind"):
    """So much off the bill, in integer minor units of ``currency`` (ISO 4217)."""

    amount: Annotated[int, msgspec.Meta(ge=1)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class PercentOff(msgspec.Struct, frozen=True, tag="percent_off", tag_field="kind"):
    """So many percent off the bill, or off ``item``."""

    percent: Annotated[int, msgspec.Meta(ge=1, le=100)]
    item: Text | None = None


class AddOn(msgspec.Struct, frozen=True, tag="add_on", tag_field="kind"):
    """Something on top of a purchase."""

    item: Text


Benefit = FreeItem | AmountOff | PercentOff | AddOn


# --- Validity: counted from the moment of issue, ending with the day in the business's zone ---


class Unlimited(msgspec.Struct, frozen=True, tag="unlimited", tag_field="kind"):
    """It never ends."""


class Days(msgspec.Struct, frozen=True, tag="days", tag_field="kind"):
    """The day of issue and so many days after it."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3660)]


class Months(msgspec.Struct, frozen=True, tag="months", tag_field="kind"):
    """Until the same day so many months later, or the last day of a shorter month."""

    months: Annotated[int, msgspec.Meta(ge=1, le=120)]


class Until(msgspec.Struct, frozen=True, tag="until", tag_field="kind"):
    """Until the end of a date, or until a time on it (the second it names is the last)."""

    date: dt.date
    time: Annotated[dt.time, msgspec.Meta(tz=False)] | None = None

    def __post_init__(self) -> None:
        if self.date.year > LAST_YEAR:  # tills write 9999-12-31 for never; the day after it does not exist
            raise ValueError("a date as late as this means never: say unlimited")


Validity = Unlimited | Days | Months | Until


def end_of_day(day: dt.date, zone: ZoneInfo) -> datetime:
    """The last second of a day in a zone, in UTC, also where the day has 23 or 25 hours, no midnight, or two of them.

    Where the clock is put back just after midnight (St John's until 2011), the day goes on after its first end.
    """
    midnight = datetime.combine(day + timedelta(days=1), dt.time(), tzinfo=zone)
    ends = [midnight.replace(fold=fold).astimezone(UTC) - SECOND for fold in (0, 1)]
    return max(end for end in ends if end.astimezone(zone).date() <= day)


def expiry(validity: Validity, *, issued_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The last second (UTC) at which a coupon issued then is valid, or None if it never ends."""
    today = issued_at.astimezone(zone).date()
    match validity:
        case Unlimited():
            return None
        case Days(days):
            return end_of_day(today + timedelta(days=days), zone)
        case Months(months):
            year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
            return end_of_day(dt.date(year, month + 1, min(today.day, monthrange(year, month + 1)[1])), zone)
        case Until(day, at):
            return end_of_day(day, zone) if at is None else datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a coupon that is valid to the end of the second ``expires_at`` is expired."""
    return expires_at is not None and now >= expires_at + SECOND


class Window(msgspec.Struct, frozen=True):
    """Weekdays (0 is Monday) and hours in the business's zone; an end at or before the start is on the next day."""

    days: tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...]
    start: Annotated[dt.time, msgspec.Meta(tz=False)] = dt.time()
    end: Annotated[dt.time, msgspec.Meta(tz=False)] = dt.time()

    def holds(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether ``now`` lies in the window; the hours after midnight belong to the day on which they began."""
        local = now.astimezone(zone)
        clock, day = local.time(), local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= clock < self.end
        return (day in self.days and clock >= self.start) or ((day - 1) % 7 in self.days and clock < self.end)

    def said(self) -> Text:
        """``Mon, Tue 14:00–17:00`` in every language that we know the weekdays of."""
        hours = "" if self.start == self.end == dt.time() else f" {self.start:%H:%M}–{self.end:%H:%M}"
        return Text(tuple((language, ", ".join(names[day] for day in self.days) + hours) for language, names in sorted(DAYS.items())))


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gets. ``action`` is what staff press or do ("press FREE COFFEE")."""

    id: UUID
    business_id: UUID
    title: Text
    benefit: Benefit
    action: Text
    terms: Text | None = None
    validity: Validity = Unlimited()
    locations: tuple[UUID, ...] = ()
    windows: tuple[Window, ...] = ()
    most: Annotated[int, msgspec.Meta(ge=1)] | None = None
    most_each: Annotated[int, msgspec.Meta(ge=1)] | None = None
    prefix: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]{0,12}$")] = ""
    format: Format = "qr"
    at_kiosk: bool = False
    """A customer may redeem it at a kiosk, without staff."""
    alone: bool = False
    """A customer may redeem it on their own phone, and show the countdown to staff."""
    alone_minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    source: Literal["minted", "pool"] = "minted"
    """Where its codes come from: minted here, or brought by the business (each is given out once)."""
    low_water: Annotated[int, msgspec.Meta(ge=0)] = 20
    """The owner is warned when so few codes are left in its pool."""
    picture: str = ""
    """The SHA-256 (hex) of its picture."""
    state: Running = "running"

    def __post_init__(self) -> None:
        if ambiguous(self.prefix):
            raise ValueError("a prefix of 3 characters needs a letter that codes do not have, such as A, E or U")

    @property
    def limited(self) -> bool:
        """Whether anything limits how often it is redeemed."""
        return self.most is not None or self.most_each is not None

    def open_at(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether the hours allow it now; no windows means always."""
        return not self.windows or any(window.holds(now, zone) for window in self.windows)

    @property
    def hours(self) -> Text:
        """The windows, for a person."""
        said = [window.said() for window in self.windows]
        return Text(tuple((language, "; ".join(one.said(language) for one in said)) for language in sorted(DAYS)))
