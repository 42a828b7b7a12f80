import datetime as dt
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest
from counter_cafe import DAY, HOUR, NOON, SAIGON, offer
from hypothesis import assume, given
from hypothesis import strategies as st

from passes.offers import Days, Months, Offer, Unlimited, Until, Window, end_of_day, expiry, over
from passes.words import text

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
WHERE_THE_CLOCK_CHANGES = [
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Ho_Chi_Minh",
    "Atlantic/Azores",
    "America/Havana",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Beirut",
    "Asia/Tehran",
    "America/Asuncion",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Europe/Chisinau",
    "Asia/Gaza",
]
SECOND = timedelta(seconds=1)


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("Asia/Ho_Chi_Minh", "2026-03-31", "2026-03-31 16:59:59"),
        ("UTC", "2026-12-31", "2026-12-31 23:59:59"),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04 02:59:59"),  # the next day begins at one: it has no midnight
        ("America/Sao_Paulo", "2018-11-04", "2018-11-05 01:59:59"),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-18 02:59:59"),  # the last hour before midnight comes twice
        ("America/Sao_Paulo", "2026-02-17", "2026-02-18 02:59:59"),  # no summer time any more
        ("Africa/Cairo", "2024-04-25", "2024-04-25 21:59:59"),
        ("Africa/Cairo", "2024-04-26", "2024-04-26 20:59:59"),
        ("Africa/Cairo", "2024-10-31", "2024-10-31 21:59:59"),
        ("Atlantic/Azores", "2024-03-30", "2024-03-31 00:59:59"),
        ("Atlantic/Azores", "2024-03-31", "2024-03-31 23:59:59"),
        ("Atlantic/Azores", "2024-10-26", "2024-10-26 23:59:59"),  # the next day has two midnights: the first one ends this day
        ("Atlantic/Azores", "2024-10-27", "2024-10-28 00:59:59"),
        ("America/Havana", "2024-03-09", "2024-03-10 04:59:59"),
        ("America/Havana", "2024-03-10", "2024-03-11 03:59:59"),
        ("America/Havana", "2024-11-02", "2024-11-03 03:59:59"),
        ("America/Havana", "2024-11-03", "2024-11-04 04:59:59"),
        ("America/St_Johns", "2010-11-06", "2010-11-07 03:29:59"),  # put back a minute after midnight: the day goes on
        ("Europe/Berlin", "2026-03-29", "2026-03-29 21:59:59"),
        ("Asia/Kathmandu", "2026-01-31", "2026-01-31 18:14:59"),
        ("Pacific/Apia", "2011-12-29", "2011-12-30 09:59:59"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30 09:59:59"),  # a day that Samoa skipped ends with the one before
        ("Pacific/Kiritimati", "2026-01-01", "2026-01-01 09:59:59"),
    ],
)
def test_a_coupon_lasts_until_the_last_second_of_the_day_where_the_shop_is(zone: str, day: str, end: str) -> None:
    validity = Until(dt.date.fromisoformat(day))
    assert expiry(validity, issued_at=NOON, zone=ZoneInfo(zone)) == utc(end)


def holds(day: dt.date, zone: ZoneInfo) -> None:
    """Nothing after the end is still that day, and the end itself is not after it."""
    end = end_of_day(day, zone)
    local = end.astimezone(zone)
    assert local.date() <= day
    noon = datetime.combine(day, dt.time(12), tzinfo=zone)
    if noon.astimezone(UTC).astimezone(zone) == noon:  # else the zone skipped that day
        assert (local.date(), local.time()) == (day, dt.time(23, 59, 59))
    for step in range(1, 100):
        assert (end + SECOND + step * timedelta(minutes=15)).astimezone(zone).date() > day
    assert (end + SECOND).astimezone(zone).date() > day


@pytest.mark.parametrize(
    "zone",
    WHERE_THE_CLOCK_CHANGES,
)
def test_every_day_on_which_the_clock_changes_ends_once(zone: str) -> None:
    here = ZoneInfo(zone)
    days = [dt.date(1995, 1, 1) + DAY * number for number in range(366 * 45)]
    offsets = [datetime.combine(day, dt.time(12), tzinfo=here).utcoffset() for day in days]
    for day, today, tomorrow in zip(days, offsets, offsets[1:], strict=False):
        if today != tomorrow:
            for near in (day - DAY, day, day + DAY):
                holds(near, here)


@given(st.dates(dt.date(1975, 1, 1), dt.date(2037, 1, 1)), st.sampled_from(ZONES))
def test_any_day_ends_once_in_any_zone(day: dt.date, zone: str) -> None:
    holds(day, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("issued", "months", "last"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
    ],
)
def test_months_end_on_the_same_day_or_the_last_of_a_shorter_month(issued: str, months: int, last: str) -> None:
    at = datetime.fromisoformat(issued).replace(hour=20, tzinfo=SAIGON)
    assert expiry(Months(months), issued_at=at, zone=SAIGON) == end_of_day(dt.date.fromisoformat(last), SAIGON)


def test_days_are_counted_where_the_shop_is_not_where_the_server_is() -> None:
    late = utc("2026-11-20 18:30")  # already the 21st in Saigon
    assert expiry(Days(0), issued_at=late, zone=SAIGON) == utc("2026-11-21 16:59:59")
    assert expiry(Days(7), issued_at=late, zone=SAIGON) == utc("2026-11-28 16:59:59")


def test_seven_days_across_a_change_of_the_clock_are_seven_days_of_the_calendar() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    issued = datetime(2026, 3, 27, 18, tzinfo=berlin)
    assert expiry(Days(7), issued_at=issued, zone=berlin) == datetime(2026, 4, 3, 23, 59, 59, tzinfo=berlin)


def test_unlimited_never_ends() -> None:
    assert expiry(Unlimited(), issued_at=NOON, zone=SAIGON) is None
    assert not over(None, datetime.max.replace(tzinfo=UTC))


def test_until_a_time_ends_with_that_second() -> None:
    end = expiry(Until(dt.date(2026, 11, 20), dt.time(18)), issued_at=NOON, zone=SAIGON)
    assert end == utc("2026-11-20 11:00:00")
    assert not over(end, end + timedelta(milliseconds=999))
    assert over(end, end + SECOND)


def test_never_is_said_as_unlimited_and_not_as_the_last_date_there_is() -> None:
    with pytest.raises(ValueError, match="unlimited"):
        Until(dt.date(9999, 12, 31))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)), st.sampled_from(ZONES), st.data())  # noqa: DTZ001
def test_a_coupon_is_never_issued_expired_and_lives_as_long_as_it_says(issued_at: datetime, zone: str, data: st.DataObject) -> None:
    here = ZoneInfo(zone)
    validity = data.draw(st.one_of(st.builds(Days, st.integers(0, 3660)), st.builds(Months, st.integers(1, 120))))
    end = expiry(validity, issued_at=issued_at, zone=here)
    assert end is not None
    assert not over(end, issued_at)
    lived = end.astimezone(here).date() - issued_at.astimezone(here).date()
    if isinstance(validity, Days):
        assume(end.astimezone(here).date() == issued_at.astimezone(here).date() + DAY * validity.days)  # Samoa skipped a day
        assert lived == DAY * validity.days
    else:
        assert timedelta(days=28 * validity.months) <= lived <= timedelta(days=31 * validity.months)


# --- Hours ---

FRIDAY_NOON = datetime(2026, 11, 20, 12, tzinfo=SAIGON)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    """A time on that Friday, or days after it."""
    return FRIDAY_NOON.replace(hour=hour, minute=minute) + DAY * days


def test_a_window_opens_with_its_first_minute_and_closes_before_its_last() -> None:
    window = Window((4,), dt.time(14), dt.time(17))
    assert [window.holds(moment, SAIGON) for moment in (at(13, 59), at(14), at(16, 59), at(17))] == [False, True, True, False]
    assert not window.holds(at(15, days=1), SAIGON)


def test_hours_after_midnight_belong_to_the_evening_on_which_they_began() -> None:
    window = Window((4,), dt.time(22), dt.time(2))
    assert window.holds(at(23), SAIGON)
    assert window.holds(at(1, 59, days=1), SAIGON)
    assert not window.holds(at(2, days=1), SAIGON)
    assert not window.holds(at(1), SAIGON)  # Thursday's evening has no window
    sunday = Window((6,), dt.time(22), dt.time(2))
    assert sunday.holds(at(1, days=3), SAIGON)  # in the night to Monday


def test_a_window_without_hours_is_the_whole_day() -> None:
    window = Window((4, 5))
    assert all(window.holds(at(hour, days=day), SAIGON) for hour in (0, 12, 23) for day in (0, 1))
    assert not window.holds(at(0, days=2), SAIGON)
    assert not window.holds(at(23, days=-1), SAIGON)


def test_hours_are_those_of_the_shop_not_of_the_caller() -> None:
    window = Window((4,), dt.time(12), dt.time(13))
    assert window.holds(FRIDAY_NOON.astimezone(ZoneInfo("America/Havana")), SAIGON)
    assert not window.holds(datetime(2026, 11, 20, 12, tzinfo=UTC), SAIGON)


def test_an_offer_without_windows_is_always_open_and_with_several_in_any_of_them() -> None:
    happy = offer(windows=(Window((4,), dt.time(8), dt.time(9)), Window((4,), dt.time(12), dt.time(13))))
    assert offer().open_at(FRIDAY_NOON, SAIGON)
    assert happy.open_at(FRIDAY_NOON, SAIGON)
    assert not happy.open_at(FRIDAY_NOON + HOUR, SAIGON)


def test_hours_are_said_in_every_language() -> None:
    happy = offer(windows=(Window((0, 4), dt.time(14), dt.time(17)), Window((5,), dt.time(6), dt.time(6)), Window((6,))))
    assert happy.hours == text(en="Mon, Fri 14:00–17:00; Sat 06:00–06:00; Sun", vi="T2, T6 14:00–17:00; T7 06:00–06:00; CN")


# --- Offers as they come over the wire ---


@pytest.mark.parametrize(
    "broken",
    [
        {"validity": {"kind": "until", "date": "9999-12-31"}},
        {"validity": {"kind": "until", "date": "2026-12-31", "time": "18:00:00+07:00"}},
        {"validity": {"kind": "days", "days": -1}},
        {"validity": {"kind": "months", "months": 0}},
        {"validity": {"kind": "forever"}},
        {"windows": [{"days": [7]}]},
        {"windows": [{"days": [1], "start": "18:00:00Z"}]},
        {"benefit": {"kind": "percent_off", "percent": 101}},
        {"benefit": {"kind": "amount_off", "amount": 0, "currency": "VND"}},
        {"benefit": {"kind": "amount_off", "amount": 10.5, "currency": "VND"}},
        {"benefit": {"kind": "amount_off", "amount": 1000, "currency": "đồng"}},
        {"prefix": "coffee"},
        {"prefix": "CDF"},
        {"prefix": "THIRTEENCHARS"},
        {"most": 0},
        {"format": "ean13"},
    ],
)
def test_an_offer_that_could_not_work_is_not_taken(broken: dict[str, object]) -> None:
    good = msgspec.to_builtins(offer(most=5, prefix="TEA"))
    assert msgspec.convert(good, Offer)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, **broken}, Offer)


@pytest.mark.parametrize(
    "least_or_most",
    [
        {"validity": {"kind": "days", "days": 0}},
        {"validity": {"kind": "days", "days": 3660}},
        {"validity": {"kind": "months", "months": 1}},
        {"validity": {"kind": "months", "months": 120}},
        {"benefit": {"kind": "percent_off", "percent": 1}},
        {"benefit": {"kind": "percent_off", "percent": 100}},
        {"benefit": {"kind": "amount_off", "amount": 1, "currency": "VND"}},
        {"prefix": ""},
        {"prefix": "TWELVECHARS0"},
        {"most": 1, "most_each": 1},
    ],
)
def test_an_offer_at_its_bounds_is_taken(least_or_most: dict[str, object]) -> None:
    assert msgspec.convert({**msgspec.to_builtins(offer()), **least_or_most}, Offer)
