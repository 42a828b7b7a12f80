from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.languages import load
from app.web.saying import Saying

WORDS = load(Path(__file__).parents[2] / "templates/locale")
NOW = datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)


def reader(language: str, zone: str = "Asia/Ho_Chi_Minh") -> Saying:
    return Saying(WORDS, language, ZoneInfo(zone), NOW)


@pytest.mark.parametrize(
    ("ago", "english", "vietnamese"),
    [
        (timedelta(0), "today 14:05", "hôm nay 14:05"),
        (timedelta(hours=14), "today 00:05", "hôm nay 00:05"),
        (timedelta(hours=15), "yesterday 23:05", "hôm qua 23:05"),
        (timedelta(days=2), "20 Nov 14:05", "20/11 14:05"),
        (timedelta(days=326), "31 Dec 2025 14:05", "31/12/2025 14:05"),
        (timedelta(days=-1), "tomorrow 14:05", "ngày mai 14:05"),
        (timedelta(days=-40), "1 Jan 2027 14:05", "1/1/2027 14:05"),
    ],
)
def test_a_moment_is_said_as_people_say_it(ago: timedelta, english: str, vietnamese: str) -> None:
    assert (reader("en").when(NOW - ago), reader("vi").when(NOW - ago)) == (english, vietnamese)


def test_today_is_the_shop_s_day_whatever_day_it_is_in_greenwich() -> None:
    late = NOW.replace(hour=17, minute=30)  # half past midnight of the 23rd in Saigon
    assert Saying(WORDS, "en", ZoneInfo("Asia/Ho_Chi_Minh"), late).when(NOW) == "yesterday 14:05"
    assert Saying(WORDS, "en", ZoneInfo("UTC"), late).when(NOW) == "today 07:05"


def test_yesterday_is_yesterday_when_the_clocks_change() -> None:
    autumn = Saying(WORDS, "en", ZoneInfo("Europe/Berlin"), datetime(2026, 10, 25, 22, 59, tzinfo=UTC))  # a day of 25 hours
    assert autumn.when(datetime(2026, 10, 24, 22, 0, tzinfo=UTC)) == "today 00:00"
    assert autumn.when(datetime(2026, 10, 24, 21, 59, tzinfo=UTC)) == "yesterday 23:59"


def test_the_full_moment_leaves_no_doubt() -> None:
    assert reader("en").fully(NOW) == "Sunday 22 November 2026, 14:05:09"
    assert reader("vi").fully(NOW) == "14:05:09, ngày 22/11/2026"


def test_a_day_has_its_year_when_it_is_another_one() -> None:
    assert (reader("en").day(date(2026, 3, 9)), reader("en").day(date(2025, 3, 9))) == ("9 Mar", "9 Mar 2025")
    assert (reader("vi").day(date(2026, 3, 9)), reader("vi").day(date(2025, 3, 9))) == ("9/3", "9/3/2025")
    assert reader("en").day(date(2026, 3, 9), year=True) == "9 Mar 2026", "on paper, which is read later"


def test_numbers_and_shares_are_written_as_the_reader_writes_them() -> None:
    assert (reader("en").number(1234567), reader("vi").number(1234567)) == ("1,234,567", "1.234.567")
    assert (reader("en").percent(0.1234), reader("vi").percent(0.1234)) == ("12.3%", "12,3%")
    assert reader("en").percent(0.3) == "30%"


def test_a_language_is_called_by_its_own_name() -> None:
    assert [reader("en").language(code) for code in WORDS.languages] == ["English", "Tiếng Việt"]


def test_within_a_sentence_a_moment_has_its_date() -> None:
    assert (reader("en").dated(NOW), reader("vi").dated(NOW)) == ("22 Nov 14:05", "22/11 14:05")
    assert reader("en").dated(NOW - timedelta(days=326)) == "31 Dec 2025 14:05"
