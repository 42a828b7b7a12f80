"""How pages say moments, numbers and languages: in the reader's language, in the business's zone."""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_month_names
from babel.numbers import format_decimal, format_percent

from app import money
from passes.offers import DAYS
from passes.words import N_, Words

TODAY: Final = N_("today {at:%H:%M}")
YESTERDAY: Final = N_("yesterday {at:%H:%M}")
TOMORROW: Final = N_("tomorrow {at:%H:%M}")
THIS_YEAR: Final = N_("{at:%-d %b %H:%M}")
ANY_YEAR: Final = N_("{at:%-d %b %Y %H:%M}")
FULLY: Final = N_("{at:%A %-d %B %Y, %H:%M:%S}")
DAY_THIS_YEAR: Final = N_("{on:%-d %b}")
DAY: Final = N_("{on:%-d %b %Y}")


class Saying:
    """One reader: the language, the zone of the business, and now."""

    def __init__(self, words: Words, language: str, zone: ZoneInfo, now: datetime) -> None:
        self._words = words
        self._language = language
        self._zone = zone
        self._now = now.astimezone(zone)

    def when(self, moment: datetime) -> str:
        """A moment as people say it: "today 14:05", "yesterday 09:12", "12 Nov 14:05", "12 Nov 2025 14:05"."""
        at = moment.astimezone(self._zone)
        near = {0: TODAY, -1: YESTERDAY, 1: TOMORROW}.get((at.date() - self._now.date()) // timedelta(days=1))
        return self._words.said(self._language, near, at=at) if near else self.dated(at)

    def dated(self, moment: datetime) -> str:
        """The same within a sentence, where "today" does not fit: "12 Nov 14:05", "12 Nov 2025 14:05"."""
        at = moment.astimezone(self._zone)
        return self._words.said(self._language, THIS_YEAR if at.year == self._now.year else ANY_YEAR, at=at)

    def fully(self, moment: datetime) -> str:
        """The same moment beyond doubt: "Thursday 12 November 2026, 14:05:09"."""
        return self._words.said(self._language, FULLY, at=moment.astimezone(self._zone))

    def day(self, on: date, *, year: bool = False) -> str:
        """A day of the business's calendar: "12 Nov", with the year when it is another one, or when asked for: paper is read later."""
        return self._words.said(self._language, DAY_THIS_YEAR if on.year == self._now.year and not year else DAY, on=on)

    def weekday(self, day: int) -> str:
        """A day of the week (0 is Monday), short: "Mon", "T2"."""
        return DAYS.get(self._language, DAYS["en"])[day]

    def number(self, value: float) -> str:
        """A number with its groups: "1,234" or "1.234"."""
        said: str = format_decimal(value, locale=self._language)
        return said

    def count(self, n: int, one: str, many: str, **facts: object) -> str:
        """One or many, as a sentence of the catalogue says it: ``one`` of 1, else ``many``, in which ``{n}`` is the number."""
        return self._words.said(self._language, one if n == 1 else many, n=self.number(n), **facts)

    def percent(self, share: float) -> str:
        """A share of one as a percentage of at most one decimal: 0.1234 is "12.3%"."""
        said: str = format_percent(share, locale=self._language, format="#,##0.#%")
        return said

    def money(self, amount: int, currency: str) -> str:
        """Minor units of a currency as people write them: "₫10,000", "10.000 ₫"."""
        return money.said(amount, currency, self._language)

    def amount(self, amount: int, currency: str) -> str:
        """The same as somebody would type it into a field: "10000", "4.50"."""
        return money.typed(amount, currency)

    def months(self) -> tuple[str, ...]:
        """The months by their names, January first."""
        return tuple(name for _, name in sorted(get_month_names("wide", context="stand-alone", locale=self._language).items()))

    def language(self, code: str) -> str:
        """A language under its own name: "English", "Tiếng Việt"."""
        return str(Locale.parse(code).get_display_name(code))
