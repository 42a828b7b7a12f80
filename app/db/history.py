"""The history of presentations, and customers by name: conversations of a handful of index reads, however much there is.

Redemptions and refusals are walked newest first along the index that fits the filter best, a portion of each, and merged.
A text is looked for in three ways: coupons whose code begins with it, offers that are called so, and customers whose name
contains it. Of a name that many have, the newest presentations are found by walking them; of a rare one, by its customers:
which it is shows after a short walk.
"""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.db import sought
from app.db.shapes import CARD, CUSTOMER, OFFER, as_id, as_moment
from app.db.statements import Ask, Dialect, Talk
from app.store import Filter, Past, Place, Status
from passes import codes
from passes.cards import Card, Customer
from passes.offers import Offer
from passes.problems import UnknownCode

Of = Literal["redemption", "refusal"]
Statuses = frozenset[Status]

WALKS: Final = (1000, 4000)
"""How many presentations are walked in search of a name: first a few, and on if it seems that so many will do."""
SHORTEST_CODE: Final = 2
FOUND_AT_MOST: Final = 1000
"""Customers of a name that are put in order; where there are more, some of them are."""
_ALL: Final[Statuses] = frozenset({"redeemed", "reversed", "goodwill", "refused"})
_REDEMPTIONS: Final[Statuses] = _ALL - {"refused"}
_FILTERS: Final = {"offer_id": "offers", "staff_id": "staff", "location_id": "locations", "counter_id": "counters"}
"""What a filter says about which column."""
_LEADING: Final = ("offer_id", "staff_id")
"""The columns that lead an index of their own. A business has few locations and counters: on the way through time they are met soon."""


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """A way through one table, newest first: along the index of a ``column``'s value, of reversals, or of time."""

    of: Of
    statuses: Statuses
    column: str = ""
    value: UUID | None = None


class Found(msgspec.Struct, frozen=True, order=True):
    """A presentation, at its place in the history."""

    at: datetime
    id: UUID
    of: Of


class Query:
    """One statement while it is put together."""

    def __init__(self, say: Dialect) -> None:
        self._say = say
        self._values: list[Any] = []

    def given(self, value: Any) -> str:
        """The parameter that this value becomes."""
        self._values.append(value)
        return f"${len(self._values)}"

    def listed(self, values: Iterable[Any]) -> str:
        """After a column: it is one of these."""
        self._values.append(list(values))
        return self._say.listed(len(self._values))

    def ask(self, text: str) -> Ask:
        """The statement."""
        return Ask(self._say.text(text), self._values)


class History:
    """One page of a business's history, as its database is asked for it."""

    def __init__(self, say: Dialect, business_id: UUID, wanted: Filter, *, after: Place | None, limit: int) -> None:
        self._say = say
        self._business_id = business_id
        self._wanted = wanted
        self._after = after
        self._limit = limit

    def page(self) -> Talk[Sequence[Past]]:
        """The presentations, newest first."""
        found = (yield from self._searched()) if self._wanted.text.strip() else (yield from self._newest(self._wanted))
        page = sorted(set(found), reverse=True)[: self._limit]
        told: dict[UUID, Past] = {}
        for of in _COLUMNS:
            ids = [one.id for one in page if one.of == of]
            if ids:
                told.update((past.id, past) for past in (yield from told_of(self._say, self._business_id, of, ids)))
        return [told[one.id] for one in page]

    # --- By the filter alone ---

    def _newest(self, wanted: Filter) -> Talk[list[Found]]:
        found: list[Found] = []
        for walk in _walks(wanted):
            query = Query(self._say)
            found += _found(walk.of, (yield query.ask(self._walk(query, wanted, walk, self._after, self._limit))))
        return found

    def _walk(self, query: Query, wanted: Filter, walk: Walk, after: Place | None, limit: int) -> str:
        """The newest of a walk: when, id, customer."""
        source, at, id_ = f"{walk.of} AS t", "t.at", "t.id"
        mine = query.given(self._business_id)
        if walk.column:  # said so that no database takes the index of the business's whole time
            conditions = [f"t.{walk.column} = {query.given(walk.value)}", f"NOT (t.business_id <> {mine})"]
        elif walk.statuses == {"reversed"}:
            source, at, id_ = "reversal AS w JOIN redemption AS t ON t.id = w.redemption_id", "w.redeemed_at", "w.redemption_id"
            conditions = [f"w.business_id = {mine}"]
        else:
            conditions = [f"t.business_id = {mine}"]
        conditions += _conditions(query, wanted, walk, after, at=at, id_=id_)
        return (
            f"SELECT {at} AS at, {id_} AS id, t.customer_id FROM {source} WHERE {' AND '.join(conditions)}"
            f" ORDER BY {at} DESC, {id_} DESC LIMIT {query.given(limit)}"
        )

    # --- By a text ---

    def _searched(self) -> Talk[list[Found]]:
        wanted = self._wanted
        query = Query(self._say)
        offers = [
            OFFER.read(row) for row in (yield query.ask(f"SELECT body FROM offer WHERE business_id = {query.given(self._business_id)}"))
        ]
        found: list[Found] = []
        called = {offer.id for offer in offers if _is_called(offer, wanted.text)}
        if within := _within(wanted, called):
            found += yield from self._newest(within)
        for beginning, having in _beginnings(wanted.text, offers).items():
            if within := wanted if having is None else _within(wanted, having):
                found += yield from self._by_code(within, beginning)
        if part := sought.part(wanted.text):
            found += yield from self._by_name(f"%{part}%\n%")
        return found

    def _by_code(self, wanted: Filter, beginning: str) -> Talk[list[Found]]:
        found: list[Found] = []
        for walk in _lookups(wanted):
            query = Query(self._say)
            coupons = f"SELECT id FROM coupon WHERE {self._begins(query, 'code', beginning)}"
            found += _found(walk.of, (yield query.ask(self._of_these(query, wanted, walk, coupons, "coupon_id"))))
            if walk.of == "refusal":  # and what was presented and is nobody's
                query = Query(self._say)
                conditions = [self._begins(query, "sought", beginning), "sought <> ''", *_conditions(query, wanted, walk, self._after)]
                text = f"SELECT t.at, t.id FROM refusal AS t WHERE {' AND '.join(conditions)}"
                found += _found(walk.of, (yield query.ask(f"{text} ORDER BY t.at DESC, t.id DESC LIMIT {query.given(self._limit)}")))
        return found

    def _by_name(self, pattern: str) -> Talk[list[Found]]:
        found: list[Found] = []
        wanted = self._wanted
        for lookup in _lookups(wanted):
            rare = False
            for walk in (walk for walk in _walks(wanted) if walk.of == lookup.of):
                newest, enough = yield from self._walked(wanted, walk, pattern)
                found += newest
                rare = rare or not enough
            if rare:
                query = Query(self._say)
                customers = _customers(self._say, query, self._business_id, pattern)
                found += _found(lookup.of, (yield query.ask(self._of_these(query, wanted, lookup, customers, "customer_id"))))
            if len(page := sorted(set(found), reverse=True)[: self._limit]) == self._limit:  # nothing older can be on it
                wanted = replace(wanted, since=page[-1].at)
        return found

    def _walked(self, wanted: Filter, walk: Walk, pattern: str) -> Talk[tuple[list[Found], bool]]:
        """The newest of customers whose name is like the pattern, and whether that is all of the page."""
        found: list[Found] = []
        after = self._after
        for length in WALKS:
            query = Query(self._say)
            rows = yield query.ask(f"""
                WITH walked AS MATERIALIZED ({self._walk(query, wanted, walk, after, length)})
                SELECT at, id, 0 FROM walked
                WHERE (SELECT u.sought FROM customer AS u WHERE u.id = walked.customer_id) LIKE {query.given(pattern)}
                UNION ALL SELECT * FROM (
                    SELECT at, id, (SELECT count(*) FROM walked) FROM walked ORDER BY at, id LIMIT 1) AS oldest""")
            found += _found(walk.of, (row for row in rows if not row[2]))
            ends = [row for row in rows if row[2]]
            if len(found) >= self._limit or not ends or ends[0][2] < length:
                return found, True
            if len(found) * sum(WALKS) < self._limit * length:
                break
            (end,) = _found(walk.of, ends)
            after = Place(end.at, end.id)
        return found, False

    def _of_these(self, query: Query, wanted: Filter, walk: Walk, these: str, column: str) -> str:
        """The newest presentations of these coupons or customers."""
        conditions = " AND ".join(("true", *_conditions(query, wanted, walk, self._after)))
        return f"""
            WITH these AS MATERIALIZED ({these})
            SELECT t.at, t.id FROM these JOIN {walk.of} AS t ON t.{column} = these.id WHERE {conditions}
            ORDER BY t.at DESC, t.id DESC LIMIT {query.given(self._limit)}"""

    def _begins(self, query: Query, column: str, beginning: str) -> str:
        after = beginning[:-1] + chr(ord(beginning[-1]) + 1)
        return (
            f"business_id = {query.given(self._business_id)} AND {column} {self._say.from_} {query.given(beginning)}"
            f" AND {column} {self._say.below} {query.given(after)}"
        )


def told_of(say: Dialect, business_id: UUID, of: Of, ids: Sequence[UUID]) -> Talk[Sequence[Past]]:
    """These presentations of a business, with their names."""
    query, columns = Query(say), _COLUMNS[of]
    text = f"SELECT {', '.join(columns.values())} {_JOINED[of]} WHERE t.id {query.listed(ids)}"
    return [_past(columns, row) for row in (yield query.ask(f"{text} AND NOT (t.business_id <> {query.given(business_id)})"))]


def customers_like(say: Dialect, business_id: UUID, text: str, *, limit: int) -> Talk[Sequence[tuple[Card, Customer]]]:
    """Cards that are not left, of customers whose name or phone contains the text, by name."""
    name, digits = sought.fold(text), sought.digits(text).lstrip("0")
    patterns = [f"%{name}%\n%"] if len(name) >= sought.SHORTEST else []
    if len(digits) >= sought.SHORTEST and not any(char.isalpha() for char in text):
        patterns.append(f"%\n%{digits}%")
    found: dict[UUID, tuple[Card, Customer]] = {}
    for pattern in patterns:
        query = Query(say)
        rows = yield query.ask(f"""
            WITH these AS MATERIALIZED ({_customers(say, query, business_id, pattern)} LIMIT {query.given(FOUND_AT_MOST)})
            SELECT {CARD.select("c")}, {CUSTOMER.select("u")} FROM these
            JOIN card AS c ON c.customer_id = these.id AND c.left_at IS NULL
            JOIN customer AS u ON u.id = these.id
            ORDER BY u.sought {say.bytewise}, c.id LIMIT {query.given(limit)}""")
        for row in rows:
            card, customer = CARD.read(row), CUSTOMER.read(row[len(CARD.names) :])
            found[card.id] = (card, customer)
    return sorted(found.values(), key=lambda one: (sought.person(one[1].name, one[1].phone), one[0].id))[:limit]


def _customers(say: Dialect, query: Query, business_id: UUID, pattern: str) -> str:
    like = f"{say.sought} LIKE {query.given(pattern)}"
    return f"SELECT u.id FROM {say.customers} WHERE {like} AND NOT (u.business_id <> {query.given(business_id)})"


def _walks(wanted: Filter) -> Iterator[Walk]:
    """The ways that lead to all that a filter lets through, each thing by one of them."""
    statuses = frozenset(wanted.statuses) or _ALL
    column = next((column for column in _LEADING if getattr(wanted, _FILTERS[column])), "")
    values: Sequence[UUID | None] = getattr(wanted, _FILTERS[column]) if column else (None,)
    for value in dict.fromkeys(values):
        if "redeemed" in statuses:
            yield Walk(of="redemption", statuses=statuses & _REDEMPTIONS, column=column, value=value)
        elif "goodwill" in statuses:
            yield Walk(of="redemption", statuses=frozenset({"goodwill"}), column=column, value=value)
        if "refused" in statuses:
            yield Walk(of="refusal", statuses=frozenset({"refused"}), column=column, value=value)
    if "reversed" in statuses and "redeemed" not in statuses:  # so few that they are walked by themselves
        yield Walk(of="redemption", statuses=frozenset({"reversed"}))


def _lookups(wanted: Filter) -> Iterator[Walk]:
    statuses = frozenset(wanted.statuses) or _ALL
    if statuses & _REDEMPTIONS:
        yield Walk(of="redemption", statuses=statuses & _REDEMPTIONS)
    if "refused" in statuses:
        yield Walk(of="refusal", statuses=frozenset({"refused"}))


def _conditions(query: Query, wanted: Filter, walk: Walk, after: Place | None, *, at: str = "t.at", id_: str = "t.id") -> Iterator[str]:
    """What a filter asks of a row of this walk, beside what the way itself tells."""
    if wanted.since is not None:
        yield f"{at} >= {query.given(wanted.since)}"
    if wanted.until is not None:
        yield f"{at} < {query.given(wanted.until)}"
    if after is not None:
        yield f"({at}, {id_}) < ({query.given(after.at)}, {query.given(after.id)})"
    for column, name in _FILTERS.items():
        values = getattr(wanted, name)
        if values and column != walk.column:
            yield f"t.{column} {query.listed(values)}"
    if walk.of == "redemption" and walk.statuses != _REDEMPTIONS and at == "t.at":
        yield _standing(walk.statuses)


def _standing(statuses: Statuses) -> str:
    """Some, but not all, of redeemed, reversed and goodwill, as a condition."""
    taken_back = "EXISTS (SELECT 1 FROM reversal AS v WHERE v.redemption_id = t.id)"
    kinds = [kind for kind, status in (("redemption", "redeemed"), ("goodwill", "goodwill")) if status in statuses]
    if not kinds:
        return taken_back
    of_kind = f"t.kind = '{kinds[0]}'" if len(kinds) == 1 else "true"
    return f"({of_kind} OR {taken_back})" if "reversed" in statuses else f"{of_kind} AND NOT {taken_back}"


def _within(wanted: Filter, offers: set[UUID]) -> Filter | None:
    """The filter for these offers, whatever the text; None if it wants none of them."""
    both = offers & set(wanted.offers) if wanted.offers else offers
    return replace(wanted, text="", offers=tuple(sorted(both))) if both else None


def _is_called(offer: Offer, text: str) -> bool:
    part = sought.part(text).strip()
    return bool(part) and (part == sought.fold(offer.prefix) or any(part in sought.fold(words) for _, words in offer.title.by))


def _beginnings(text: str, offers: Sequence[Offer]) -> Mapping[str, set[UUID] | None]:
    """What a code may begin with, and of which offers it must be then (None: of any)."""
    try:
        whole = codes.clean(text)
    except UnknownCode:
        return {}
    plain = codes.as_minted(whole)
    found: dict[str, set[UUID] | None] = {}
    for offer in offers:
        rest = plain[len(offer.prefix) :]
        if offer.prefix and plain.startswith(codes.as_minted(offer.prefix)) and len(rest) >= SHORTEST_CODE:
            found[rest] = (found.get(rest) or set()) | {offer.id}
    if len(whole) >= SHORTEST_CODE:
        found |= {whole: None, plain: None}
    return found


def _found(of: Of, rows: Iterable[Sequence[Any]]) -> list[Found]:
    return [Found(as_moment(row[0]), as_id(row[1]), of) for row in rows]


_OFFER_ID: Final = "coalesce(t.offer_id, c.offer_id)"
_CUSTOMER_ID: Final = "coalesce(t.customer_id, c.customer_id)"
_ALIKE: Final = {
    "id": "t.id",
    "at": "t.at",
    "coupon_id": "t.coupon_id",
    "code": "c.code",
    "offer_id": _OFFER_ID,
    "offer": "o.body",
    "customer": "u.name",
    "location_id": "t.location_id",
    "location": "l.name",
    "staff_id": "t.staff_id",
    "staff": "s.name",
    "counter_id": "t.counter_id",
    "channel": "t.channel",
}
_NAMES: Final = f"""
    LEFT JOIN coupon AS c ON c.id = t.coupon_id
    LEFT JOIN offer AS o ON o.id = {_OFFER_ID}
    LEFT JOIN customer AS u ON u.id = {_CUSTOMER_ID}
    LEFT JOIN location AS l ON l.id = t.location_id
    LEFT JOIN staff AS s ON s.id = t.staff_id"""
_COLUMNS: Final[Mapping[Of, Mapping[str, str]]] = {
    "redemption": {
        **_ALIKE,
        "card_id": "t.card_id",
        "status": "CASE WHEN v.id IS NOT NULL THEN 'reversed' WHEN t.kind = 'goodwill' THEN t.kind ELSE 'redeemed' END",
        "reason": "CASE WHEN v.id IS NULL THEN t.reason ELSE v.reason END",
        "reversed_at": "v.at",
        "basket_id": "t.basket_id",
    },
    "refusal": {**_ALIKE, "card_id": "c.card_id", "status": "'refused'", "word": "t.word", "presented": "t.presented"},
}
_JOINED: Final[Mapping[Of, str]] = {
    "redemption": f"FROM redemption AS t {_NAMES} LEFT JOIN reversal AS v ON v.redemption_id = t.id",
    "refusal": f"FROM refusal AS t {_NAMES}",
}


def _past(columns: Iterable[str], row: Sequence[Any]) -> Past:
    facts = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
    if "offer" in facts:
        offer = OFFER.read((facts.pop("offer"),))
        facts |= {"prefix": offer.prefix, "title": offer.title}
    return msgspec.convert({"code": "", "location": "", "staff": "", **facts}, Past)
