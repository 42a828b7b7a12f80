"""What a business chooses from when it says where it is: time zones, currencies and languages, by their names."""

from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_name, get_territory_currencies

NOWHERE: Final = "001"


@lru_cache(1)
def zones() -> tuple[tuple[str, str], ...]:
    """Every time zone of a place, with the currency that is paid with there (or ""), by name; and UTC."""
    there, places = available_timezones(), get_global("zone_territories")
    known = ((zone, places[zone]) for zone in there if places.get(zone, NOWHERE) != NOWHERE)
    return (*sorted((zone, next(iter(get_territory_currencies(place)), "")) for zone, place in known), ("UTC", ""))


def zone_of(said: str) -> str:
    """The time zone that is meant, or "" if there is none: browsers still say some by names of the past (Asia/Saigon)."""
    name = str(get_global("zone_aliases").get(said, said))
    there = available_timezones()
    return name if name in there else said if said in there else ""


@lru_cache(8)
def currencies(language: str) -> tuple[tuple[str, str], ...]:
    """Every currency that is paid with somewhere today: (VND, "VND – Vietnamese Dong")."""
    codes = {code for place in get_global("territory_currencies") for code in get_territory_currencies(place)}
    return tuple((code, f"{code} – {get_currency_name(code, locale=language)}") for code in sorted(codes))


def language(code: str, within: str) -> str:
    """The name of a language in a language: (vi, en) is Vietnamese."""
    return str(Locale.parse(code).get_display_name(within))
