"""How somebody is reached, written the one way in which it is compared: two ways to write a number are one number."""

import re
import unicodedata
from typing import Final

from passes.businesses import Business

LEAST_DIGITS: Final = 6
MOST_DIGITS: Final = 15
"""Of a telephone number with its country (ITU-T E.164)."""
LONGEST: Final = 254
"""Characters of an address that mail can be sent to (RFC 5321, 4.5.3.1.3)."""
BIRTHDAY: Final = r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))?$(?!\n)"
"""A day and month that exist, ``MM-DD``, or nothing. (In Python `$` lets a line end follow.)"""
LANGUAGE: Final = r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$(?!\n)"
"""A language (BCP 47), or nothing."""
LONGEST_LANGUAGE: Final = 35
"""Characters of one (RFC 5646, 4.4.1)."""
_ADDRESS: Final = re.compile(
    r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]+@[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f.]+(?:\.[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f.]+)+"
)
_PHONE: Final = re.compile(r"\+?[0-9 ()./\u00a0\-\u2010-\u2015]+")
_CALLING: Final = (
    "VND:84 USD:1 CAD:1 GBP:44 AUD:61 NZD:64 SGD:65 MYR:60 THB:66 IDR:62 PHP:63 JPY:81 KRW:82 CNY:86 HKD:852 TWD:886 INR:91 "
    "LAK:856 KHR:855 CHF:41 SEK:46 NOK:47 DKK:45 PLN:48 CZK:420 HUF:36 RON:40 TRY:90 UAH:380 BRL:55 MXN:52 ARS:54 CLP:56 "
    "COP:57 PEN:51 ZAR:27 EGP:20 AED:971 ILS:972 Europe/Vienna:43 Europe/Brussels:32 Europe/Zagreb:385 Asia/Nicosia:357 "
    "Europe/Tallinn:372 Europe/Helsinki:358 Europe/Paris:33 Europe/Berlin:49 Europe/Athens:30 Europe/Dublin:353 "
    "Europe/Riga:371 Europe/Vilnius:370 Europe/Luxembourg:352 Europe/Malta:356 Europe/Amsterdam:31 Europe/Rome:39 "
    "Europe/Lisbon:351 Europe/Bratislava:421 Europe/Ljubljana:386 Europe/Madrid:34 Europe/Sofia:359"
)
CALLING: Final = dict(each.split(":") for each in _CALLING.split())
"""What a country is called under (ITU-T E.164), by its currency, and by time zone where several countries share one."""
ITALY: Final = "39"
"""The one country in which the 0 in front stays when its own number is put before it."""


def country_of(business: Business) -> str:
    """What the country of a business is called under, without the +, or "" if its zone and currency do not tell."""
    return CALLING.get(business.zone) or CALLING.get(business.currency, "")


def value_of(*, email: str = "", phone: str = "", country: str = "") -> str:
    """``mailto:lan@x.vn`` or ``tel:+84901234567``, or "" for what is no address or number. ``country``: see country_of.

    A number without its country is taken to be of ``country``; if that is not known either, its digits stand as they are.
    """
    if email:
        said = unicodedata.normalize("NFC", email.strip()).lower()
        return f"mailto:{said}" if len(said) <= LONGEST and _ADDRESS.fullmatch(said) else ""
    said = unicodedata.normalize("NFKC", phone).strip()
    digits = "".join(char for char in said if char.isascii() and char.isdigit())
    if not _PHONE.fullmatch(said) or not LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        return ""
    if said.startswith("+"):
        return f"tel:+{digits}"
    if digits.startswith("00"):
        return f"tel:+{digits[2:]}"
    if not country:
        return f"tel:{digits}"
    return f"tel:+{country}{digits if country == ITALY else digits.removeprefix('0')}"


def values(business: Business, *, email: str, phone: str) -> tuple[str, ...]:
    """Under what somebody is known to a business: the values of the address and the number, of those that are some."""
    found = (value_of(email=email), value_of(phone=phone, country=country_of(business)))
    return tuple(value for value in found if value)
