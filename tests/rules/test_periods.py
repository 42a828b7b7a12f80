"""Days of a business, and charts of them."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.history import LONGEST, OnDay, begins, period
from app.web import charts

TODAY = date(2026, 11, 20)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("zone", "day", "first_moment"),
    [
        ("Asia/Ho_Chi_Minh", date(2026, 11, 20), datetime(2026, 11, 19, 17, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 3, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # the day before had 23 hours
        ("America/Havana", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC)),  # no midnight: it begins at 01:00
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),  # two midnights: it begins at the first
    ],
)
def test_a_day_begins_with_its_first_moment_in_the_zone_of_the_business(zone: str, day: date, first_moment: datetime) -> None:
    assert begins(day, ZoneInfo(zone)) == first_moment


def test_the_periods_end_today_and_are_compared_with_as_many_days_before() -> None:
    today, week, month = (period(name, today=TODAY) for name in ("today", "week", "month"))
    assert (today.first, today.last, today.before.first, today.before.last) == (TODAY, TODAY, date(2026, 11, 19), date(2026, 11, 19))
    assert (week.first, week.before.first, week.before.last) == (date(2026, 11, 14), date(2026, 11, 7), date(2026, 11, 13))
    assert (month.first, month.before.first, month.before.last) == (date(2026, 10, 22), date(2026, 9, 22), date(2026, 10, 21))
    assert [len(one.days) for one in (today, week, month)] == [1, 7, 30]


def test_a_month_is_compared_with_the_days_before_it_whatever_its_length() -> None:
    february = period("custom", today=TODAY, first=date(2026, 2, 1), last=date(2026, 2, 28))
    assert (february.before.first, february.before.last) == (date(2026, 1, 4), date(2026, 1, 31))


@given(some.dates() | some.none(), some.dates() | some.none())
def test_any_two_dates_are_a_period_of_a_year_at_most_that_does_not_end_in_the_future(first: date | None, last: date | None) -> None:
    found = period("custom", today=TODAY, first=first, last=last)
    assert found.first <= found.last <= TODAY
    assert 1 <= found.length <= LONGEST
    assert found.before.length == found.length
    assert found.before.last == found.first - timedelta(days=1)


def drawn(*counts: tuple[int, int]) -> ET.Element:
    days = [OnDay(day=TODAY - timedelta(days=len(counts) - 1 - n), redeemed=a, refused=b, goodwill=0) for n, (a, b) in enumerate(counts)]
    chart = charts.days(days, title="Days <&>", described="Bars", day=lambda day: f"{day:%d}", tip=lambda one: f"{one.day}: {one.redeemed}")
    return ET.fromstring(chart)


@given(some.lists(some.tuples(some.integers(0, 10**6), some.integers(0, 10**6)), min_size=1, max_size=LONGEST))
def test_bars_are_as_high_as_their_numbers_and_stay_inside(counts: list[tuple[int, int]]) -> None:
    chart = drawn(*counts)
    most = max(1, *(a + b for a, b in counts)) if counts else 1
    bars = [bar for bar in chart.iter(f"{SVG}rect") if bar.get("class") == "redeemed"]
    assert len(bars) == sum(1 for a, _ in counts if a)
    for bar, n in zip(bars, (a for a, _ in counts if a), strict=True):
        assert float(bar.get("height", "")) == pytest.approx(charts.PLOT * n / most, abs=0.06)
        assert 0 <= float(bar.get("x", "")[:-1]) <= 100
        assert float(bar.get("y", "")) >= charts.HEAD - 0.1


def test_a_chart_says_what_it_is_names_its_last_number_and_needs_no_style() -> None:
    chart = drawn((3, 0), (0, 2), (5, 1))
    assert chart.find(f"{SVG}title").text == "Days <&>"
    assert chart.find(f"{SVG}desc").text == "Bars"
    assert [text.text for text in chart.iter(f"{SVG}text") if text.get("class") == "last"] == ["5"]
    assert all("style" not in part.attrib for part in chart.iter())


def test_long_names_of_bars_do_not_run_into_each_other_on_a_phone_and_short_ones_are_all_there() -> None:
    def named(*names: str) -> list[str | None]:
        chart = ET.fromstring(charts.columns("c", [(name, 1, 0, name) for name in names], title="t", described="d"))
        return [text.text for text in chart.iter(f"{SVG}text") if text.get("class") == "name"]

    weeks = [f"{day} Nov" for day in range(10, 18)]
    assert named(*weeks) == weeks
    assert named(*(f"{n}–{n + 19}" for n in range(1, 160, 20))) == ["1–20", "41–60", "81–100", "121–140"]


def test_one_redemption_in_a_busy_week_is_not_drawn_as_none() -> None:
    grid = [[0] * 24 for _ in range(7)]
    grid[0][23], grid[6][9] = 1, 100
    chart = ET.fromstring(
        charts.hours(grid, weekdays=[(0, "Mon"), (6, "Sun")], title="t", described="d", tip=lambda name, hour, n: f"{name} {hour} {n}")
    )
    shades = {rect.find(f"{SVG}title").text: rect.get("class") for rect in chart.iter(f"{SVG}rect")}
    assert (shades["Mon 23 1"], shades["Sun 9 100"], shades["Mon 9 0"]) == ("heat-1", "heat-4", "heat-0")
