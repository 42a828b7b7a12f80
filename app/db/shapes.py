"""How a Struct becomes a row and a row a Struct again: the same values for both databases, checked before they may wait."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from piccolo import columns
from piccolo.table import Table

from app import store
from app.db import sought, tables
from passes.businesses import Business, Location
from passes.campaigns import Campaign, Segment
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Redemption, Refusal, Reversal
from passes.offers import Offer
from passes.programs import Program
from passes.wallets.base import Installation

T = TypeVar("T", bound=msgspec.Struct)
Values = tuple[Any, ...]

_MOST: Final = 2**63
_TYPES: Final[Mapping[type[columns.Column], str]] = {
    columns.UUID: "uuid",
    columns.Text: "text",
    columns.Timestamptz: "timestamptz",
    columns.Bytea: "bytea",
    columns.Boolean: "boolean",
    columns.BigInt: "bigint",
    columns.Date: "date",
}
"""PostgreSQL's names, for the arrays that rows travel in."""
_BODIES: Final = 4096
"""Decoded bodies that are remembered: the same text is the same Struct, and decoding an offer costs more than finding it."""


def _text(value: str) -> str:
    if "\0" in value:
        raise store.Unstorable("a text contains the character NUL, which cannot be stored")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise store.Unstorable("a text contains surrogates by themselves, which cannot be stored") from None
    return value


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {value}")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _number(value: int) -> int:
    if not -_MOST <= value < _MOST:
        raise ValueError("a number is larger than 64 bits")
    return value


_CHECKS: Final[Mapping[type, Callable[[Any], Any]]] = {str: _text, datetime: _moment, int: _number}
_CHECKED: Final[Mapping[str, Callable[[Any], Any]]] = {"text": _text, "timestamptz": _moment, "bigint": _number}


def checked(value: Any) -> Any:
    """The value as both databases keep it, times in UTC.

    Raises ValueError for a time without a zone, a text with NUL or half a surrogate pair and a number beyond 64 bits:
    each database refuses others of these, and a unit that waits in a group must not be able to spoil it.
    """
    check = _CHECKS.get(type(value))
    return value if check is None else check(value)


def as_id(value: UUID | str) -> UUID:
    """An id; SQLite gives it back as the text that it keeps."""
    return msgspec.convert(value, UUID) if isinstance(value, str) else value


def as_day(value: date | str) -> date:
    """A day, likewise."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def as_moment(value: datetime | str) -> datetime:
    """A moment, likewise."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class Shape(Generic[T]):
    """One Struct and its table. ``row`` gives the values of ``columns``, and ``read`` takes the values of ``names``."""

    def __init__(self, of: type[T], table: type[Table]) -> None:
        """Raises KeyError for a column of a type that we do not use."""
        described = table._meta  # noqa: SLF001 (Piccolo's public description of a table)
        kept = [column for column in described.columns if not isinstance(column, columns.Serial)]
        self.of = of
        self.table = table
        self.name: str = described.tablename
        self.columns: tuple[str, ...] = tuple(column._meta.name for column in kept)  # noqa: SLF001
        self.types: tuple[str, ...] = tuple(_TYPES[type(column)] for column in kept)
        self.names: tuple[str, ...] = of.__struct_fields__
        self._checks = [(at, _CHECKED[kind]) for at, kind in enumerate(self.types) if kind in _CHECKED]
        self._flags = [name for name, kind in zip(self.columns, self.types, strict=True) if kind == "boolean" and name in self.names]
        self.ordered = self.columns[-1] in {"seq", "created"}
        """Whether each row takes a place of its own on the clock of changes, in its last column."""

    def row(self, struct: T) -> Values:
        """The values of a row, without its place on the clock. Raises ValueError for what cannot be stored."""
        return self._checked(msgspec.structs.astuple(struct))

    def _checked(self, values: Sequence[Any]) -> Values:
        row = list(values)
        for at, check in self._checks:
            if at < len(row) and row[at] is not None:
                row[at] = check(row[at])
        return tuple(row)

    def read(self, values: Sequence[Any]) -> T:
        """The Struct of a row, whose ids and times may be the text that SQLite keeps; values after the last name are left alone."""
        facts = dict(zip(self.names, values, strict=False))
        for name in self._flags:  # SQLite keeps them as 0 and 1
            facts[name] = bool(facts[name])
        return msgspec.convert(facts, self.of)

    def select(self, alias: str) -> str:
        """The columns of ``read`` for a SELECT, of the table under this alias."""
        return ", ".join(f"{alias}.{name}" for name in self.names)


class BodyShape(Shape[T]):
    """A Struct kept as JSON; ``beside`` gives the values between its id and its body."""

    def __init__(self, of: type[T], table: type[Table], beside: Callable[[T], Values]) -> None:
        """The decoder remembers what it decoded."""
        super().__init__(of, table)
        self.names = ("body",)
        self._beside = beside
        self._decode: Callable[[str], T] = lru_cache(_BODIES)(msgspec.json.Decoder(of).decode)

    def row(self, struct: T) -> Values:
        """Its id, what is searched, and all of it as JSON."""
        body = msgspec.json.encode(struct).decode()
        return self._checked((struct.id, *self._beside(struct), body))  # type: ignore[attr-defined]

    def read(self, values: Sequence[Any]) -> T:
        """The Struct of a body."""
        return self._decode(values[0])


class InstallationShape(Shape[Installation]):
    """An installation, whose list of times is one text."""

    _at: Final = Installation.__struct_fields__.index("notified_at")
    _times: Final = msgspec.json.Decoder(tuple[datetime, ...])

    def row(self, struct: Installation) -> Values:
        """The values of a row."""
        values = list(msgspec.structs.astuple(struct))
        values[self._at] = msgspec.json.encode([checked(time) for time in struct.notified_at]).decode()
        return self._checked(values)

    def read(self, values: Sequence[Any]) -> Installation:
        """The installation of a row."""
        known = list(values)
        known[self._at] = self._times.decode(known[self._at])
        return super().read(known)


class SoughtShape(Shape[T]):
    """A Struct with one column more, last: the text by which it is found."""

    def __init__(self, of: type[T], table: type[Table], sought: Callable[[T], str]) -> None:
        """``sought`` gives that text."""
        super().__init__(of, table)
        self._sought = sought

    def row(self, struct: T) -> Values:
        """The values of a row."""
        return (*super().row(struct), self._sought(struct))


BUSINESS: Final = BodyShape(Business, tables.Business, lambda _: ())
LOCATION: Final = BodyShape(Location, tables.Location, lambda row: (row.business_id, row.name))
STAFF: Final = BodyShape(store.Staff, tables.Staff, lambda row: (row.business_id, row.name, row.suspended_at))
LOGIN: Final = Shape(store.Login, tables.Login)
PASSKEY: Final = Shape(store.Passkey, tables.Passkey)
COUNTER: Final = Shape(store.Counter, tables.Counter)
TICKET: Final = Shape(store.Ticket, tables.Ticket)
PROGRAM: Final = BodyShape(Program, tables.Program, lambda row: (row.business_id,))
OFFER: Final = BodyShape(Offer, tables.Offer, lambda row: (row.business_id, row.limited))
API_KEY: Final = Shape(store.ApiKey, tables.ApiKey)
API_SECRET: Final = Shape(store.ApiSecret, tables.ApiSecret)
SALE: Final = Shape(store.Sale, tables.Sale)
RETURN: Final = Shape(store.Return, tables.Return)
RESERVATION: Final = BodyShape(store.Reservation, tables.Reservation, lambda row: (row.business_id, row.at))
ENDPOINT: Final = Shape(store.Endpoint, tables.Endpoint)
DELIVERY: Final = Shape(store.Delivery, tables.Delivery)
CUSTOMER: Final = SoughtShape(Customer, tables.Customer, lambda row: sought.person(row.name, row.phone))
CARD: Final = Shape(Card, tables.Card)
COUPON: Final = Shape(Coupon, tables.Coupon)
REDEMPTION: Final = Shape(Redemption, tables.Redemption)
REVERSAL: Final = Shape(Reversal, tables.Reversal)
REFUSAL: Final = SoughtShape(Refusal, tables.Refusal, lambda row: "" if row.coupon_id else sought.code(row.presented))
ENTRY: Final = Shape(Entry, tables.Entry)
EVENT: Final = Shape(Event, tables.Event)
KEPT: Final = Shape(store.Kept, tables.Kept)
INSTALLATION: Final = InstallationShape(Installation, tables.Installation)
GOOGLE_CLASS: Final = Shape(store.GoogleClass, tables.GoogleClass)
STRIKE: Final = Shape(store.Strikes, tables.Strike)
DAY_COUNT: Final = Shape(store.Count, tables.DayCount)
ALARM: Final = Shape(store.Alarm, tables.Alarm)
CONTACT: Final = Shape(store.Contact, tables.Contact)
PICTURE: Final = Shape(store.Picture, tables.Picture)
ERRAND: Final = Shape(store.Errand, tables.Errand)
PORTION: Final = Shape(store.Portion, tables.Portion)
SHEET: Final = Shape(store.Sheet, tables.Sheet)
SENT: Final = Shape(store.Sent, tables.Sent)
INSERT: Final = Shape(store.Insert, tables.Insert)
OPENED: Final = Shape(store.Opened, tables.Opened)
AUDIT: Final = Shape(store.Audit, tables.Audit)
CAMPAIGN: Final = BodyShape(Campaign, tables.Campaign, lambda row: (row.business_id,))
SEGMENT: Final = BodyShape(Segment, tables.Segment, lambda row: (row.business_id,))

ROWS: Final[Mapping[type, Shape[Any]]] = {
    shape.of: shape
    for shape in (
        BUSINESS,
        LOCATION,
        STAFF,
        LOGIN,
        PASSKEY,
        COUNTER,
        TICKET,
        PROGRAM,
        OFFER,
        API_KEY,
        API_SECRET,
        SALE,
        RETURN,
        RESERVATION,
        ENDPOINT,
        DELIVERY,
        CUSTOMER,
        CARD,
        COUPON,
        REDEMPTION,
        REVERSAL,
        REFUSAL,
        ENTRY,
        EVENT,
        KEPT,
        INSTALLATION,
        CONTACT,
        PICTURE,
        ERRAND,
        PORTION,
        SHEET,
        SENT,
        INSERT,
        OPENED,
        AUDIT,
        CAMPAIGN,
        SEGMENT,
    )
}
"""Every kind of row that a unit may bring."""

CHANGING: Final[Mapping[type, tuple[str, ...]]] = {
    Card: ("balance", "entries", "key", "left_at", "visited_at", "visits", "location_id"),
    Coupon: (
        "card_id",
        "customer_id",
        "state",
        "issued_at",
        "valid_from",
        "expires_at",
        "redemption_id",
        "voided_at",
        "batch_id",
        "held_by",
        "held_until",
    ),
}
"""The columns that a Change may set; everything else of a card or a coupon never changes, or by a unit's touch."""
SEEN: Final[Mapping[type, tuple[str, ...]]] = {Card: (*CHANGING[Card], "changed_at"), Coupon: CHANGING[Coupon]}
"""The columns that a Change may compare: with ``changed_at``, that nothing at all has happened to a card."""

KINDS: Final[Mapping[str, str]] = {shape.name: shape.of.__name__ for shape in ROWS.values()}
"""What a duplicate is called, by the table that refused it."""
