"""Keeping customers coming back: whom a message is for, when it may reach them, and how often."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from passes.businesses import Business
from passes.offers import SECOND, end_of_day
from passes.words import Text

Days = Annotated[int, msgspec.Meta(ge=0, le=3660)]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Which cards are meant: those for which everything said here is true. Cards that were left are never meant."""

    program_id: UUID | None = None
    cards: tuple[UUID, ...] = ()
    """Picked by hand."""
    joined_within: Days | None = None
    """Days."""
    joined_before: Days | None = None
    """More than so many days ago."""
    visited_within: Days | None = None
    not_visited_for: Days | None = None
    """Days since the last visit (or, without one, since joining)."""
    balance_from: int | None = None
    balance_to: int | None = None
    birthday_month: Annotated[int, msgspec.Meta(ge=1, le=12)] | None = None
    location_id: UUID | None = None
    """Where they were last, or joined."""
    language: str = ""
    waiting: bool | None = None
    """Whether a reward is ready on the card."""
    text: str = ""
    """Part of the name, e-mail address or phone."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Rules under a name."""

    id: UUID
    business_id: UUID
    name: str
    rules: Rules


class Birthday(msgspec.Struct, frozen=True, tag="birthday", tag_field="kind"):
    """On the customer's birthday, or so many days before it."""

    before: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0


class WinBack(msgspec.Struct, frozen=True, tag="win_back", tag_field="kind"):
    """So many days after the last visit, once until they come again."""

    after: Annotated[int, msgspec.Meta(ge=1, le=730)] = 30


class Waiting(msgspec.Struct, frozen=True, tag="waiting", tag_field="kind"):
    """A reward has been ready for so many days and nobody has come for it."""

    after: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7


class Expiring(msgspec.Struct, frozen=True, tag="expiring", tag_field="kind"):
    """A reward's last day is so many days away."""

    before: Annotated[int, msgspec.Meta(ge=0, le=90)] = 3


Trigger = Birthday | WinBack | Waiting | Expiring


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A message and/or a coupon for a segment: once, now or at a time; or, with a ``trigger``, whenever it is time for a card.

    A campaign without a trigger is a ``draft`` until it is sent, ``scheduled`` until its time, ``sending`` while its errand
    goes from card to card, then ``done`` (or ``stopped``). One with a trigger is ``running`` or ``paused``.
    """

    id: UUID
    business_id: UUID
    name: str
    rules: Rules = Rules()
    trigger: Trigger | None = None
    message: Text | None = None
    """What the card says; ``{name}`` is the customer's."""
    offer_id: UUID | None = None
    email: bool = False
    """Also by e-mail, where there is an address."""
    state: Literal["draft", "scheduled", "sending", "done", "stopped", "running", "paused", "archived"] = "draft"
    at: datetime | None = None
    made_at: datetime
    made_by: UUID


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone, in UTC: the second after the day before has ended, whatever its clocks do at midnight."""
    return end_of_day(day - timedelta(days=1), zone) + SECOND


def born_on(day: date) -> tuple[str, ...]:
    """The birthdays (``MM-DD``) that are celebrated on a day: 29 February on the 28th where the year has none."""
    leapless = (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).day == 1
    return (f"{day:%m-%d}", "02-29") if leapless else (f"{day:%m-%d}",)


def quiet_until(business: Business, now: datetime) -> datetime | None:
    """When the business's quiet hours end that hold at ``now``, in UTC; None outside them.

    The hours are those of the wall clock in its zone. An end that the clock skips comes as much later as it skips.
    """
    since, until = business.quiet_from, business.quiet_until
    local = now.astimezone(business.tz)
    hour = local.time()
    quiet = since <= hour < until if since <= until else hour >= since or hour < until
    if not quiet:
        return None
    day = local.date() + timedelta(days=1 if hour >= until else 0)
    wall = datetime.combine(day, until)
    ends = (wall.replace(tzinfo=business.tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return min(end for end in ends if end > now and end.astimezone(business.tz).replace(tzinfo=None) >= wall)


def addressed(message: Text, name: str) -> Text:
    """A message with the customer's name where it says ``{name}``. Nothing else in it means anything."""
    return Text(tuple((language, words.replace("{name}", name)) for language, words in message.by))
