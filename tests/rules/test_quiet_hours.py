"""When a message may reach a customer, and whose birthday it is: by the wall clock of the shop, whatever it does at night."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from passes.businesses import Business
from passes.campaigns import addressed, born_on, first_moment, quiet_until
from passes.words import text


def shop(zone: str, since: str = "21:00", until: str = "08:00") -> Business:
    quiet = {"quiet_from": time.fromisoformat(since), "quiet_until": time.fromisoformat(until)}
    return Business(id=uuid4(), name="Café", zone=zone, currency="EUR", **quiet)


def wall(zone: str, at: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-20T20:59:59", None),
        ("2026-11-20T21:00:00", "2026-11-21T08:00:00"),
        ("2026-11-21T00:00:00", "2026-11-21T08:00:00"),
        ("2026-11-21T07:59:59", "2026-11-21T08:00:00"),
        ("2026-11-21T08:00:00", None),
    ],
)
def test_it_is_quiet_from_evening_until_morning(at: str, until: str | None) -> None:
    for zone in ("Asia/Ho_Chi_Minh", "America/New_York"):
        assert quiet_until(shop(zone), wall(zone, at)) == (wall(zone, until) if until else None)


def test_quiet_hours_may_lie_within_a_day_or_never_be() -> None:
    assert quiet_until(shop("UTC", "12:00", "14:00"), wall("UTC", "2026-11-20T13:00")) == wall("UTC", "2026-11-20T14:00")
    assert quiet_until(shop("UTC", "12:00", "14:00"), wall("UTC", "2026-11-20T11:59")) is None
    assert quiet_until(shop("UTC", "08:00", "08:00"), wall("UTC", "2026-11-20T08:00")) is None


def test_the_night_in_which_the_clock_changes_is_an_hour_shorter_or_longer() -> None:
    berlin = shop("Europe/Berlin")
    for evening, hours in (("2026-03-28T21:00", 10), ("2026-10-24T21:00", 12), ("2026-10-26T21:00", 11)):
        at = wall("Europe/Berlin", evening)
        assert quiet_until(berlin, at) == at + timedelta(hours=hours)


def test_an_end_that_the_clock_shows_twice_or_never_comes_once() -> None:
    berlin = shop("Europe/Berlin", "22:00", "02:30")
    skipped = quiet_until(berlin, wall("Europe/Berlin", "2026-03-29T01:00"))
    assert skipped == wall("Europe/Berlin", "2026-03-29T03:30")
    assert quiet_until(berlin, wall("Europe/Berlin", "2026-10-25T02:10")) == wall("Europe/Berlin", "2026-10-25T02:30")
    again = wall("Europe/Berlin", "2026-10-25T02:10", fold=1)
    assert quiet_until(berlin, again) == wall("Europe/Berlin", "2026-10-25T02:30", fold=1)


def test_who_was_born_on_29_february_celebrates_on_the_28th_where_there_is_none() -> None:
    assert born_on(date(2027, 2, 28)) == ("02-28", "02-29")
    assert born_on(date(2028, 2, 28)) == ("02-28",)
    assert born_on(date(2028, 2, 29)) == ("02-29",)
    assert born_on(date(2027, 3, 1)) == ("03-01",)


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Ho_Chi_Minh", date(2026, 11, 21), "2026-11-20T17:00:00+00:00"),
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00:00+00:00"),  # its clock skips midnight
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00+00:00"),
        ("Pacific/Kiritimati", date(2027, 1, 1), "2026-12-31T10:00:00+00:00"),
    ],
)
def test_a_day_begins_when_the_wall_clock_of_the_shop_says_so(zone: str, day: date, begins: str) -> None:
    assert first_moment(day, ZoneInfo(zone)) == datetime.fromisoformat(begins)


def test_a_message_names_the_customer_and_nothing_else_in_braces_means_anything() -> None:
    said = addressed(text(en="{name}: {0} {business.id} {{name}}", vi="{name} ơi"), "Hoa {name}")
    assert said == text(en="Hoa {name}: {0} {business.id} {Hoa {name}}", vi="Hoa {name} ơi")
