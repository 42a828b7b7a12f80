"""A person is erased: their row, their contacts, and every text that names them, also in the pages that the database has let go of."""
# ruff: noqa: S608 (what is put into these texts are names of our own tables and columns; every value is a parameter)

import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.db import sought
from app.db.conversing import Conversing, just, with_rows
from app.db.shapes import CUSTOMER, RESERVATION, as_id
from app.db.statements import Ask, Talk
from app.db.unit import Ready
from app.store import Lost, Row
from passes.cards import Customer

TEXTS: Final = (
    ("event", "reason", "customer_id"),
    ("entry", "reason", "card_id"),
    ("redemption", "reason", "customer_id"),
    ("reversal", "reason", "coupon_id"),
    ("refusal", "presented", "customer_id"),
    ("sale", "receipt", "card_id"),
    ("sale", "reference", "card_id"),
)
"""What people write themselves: the table, the column, and by which column a row is somebody's."""
UNIQUE: Final = "reference"
"""Of which nothing is left: what would be left of two of them may be the same, and no key has two transactions of one name."""
NAMED: Final = ("name", "reason")
"""What people write in the body of a campaign or a segment, and of an errand."""
RULED: Final = ("campaign", "errand", "segment")
"""What has rules in its body, and there perhaps a text to be found in people's names."""
AT_ONCE: Final = 1000
LONG_NAME: Final = 5
"""A shorter name is often a word of its own: in what is said of others it is looked for as it is written, and not in what many are told."""
SHORT_NAME: Final = 2
NUMBER: Final = 8
"""So many last digits are a phone number, however it begins."""
GONE: Final = (410, b'{"type":"about:blank","title":"Gone","status":410}')


Texts: TypeAlias = dict[str, list[UUID]]
"""What becomes of texts: the keys of the rows, by what is left."""


class Naming:
    """Whether a text names a person: one that is about them by any part of what is known, one about others only by the whole.

    ``sure``: somebody of the shop says that these are names. What anybody says of themselves could be "Free cookie", or a receipt.
    """

    def __init__(self, family: Sequence[Customer], *, sure: bool) -> None:
        self.sure = sure
        self._known = [folded for one in family for text in (one.name, one.email, one.phone) if (folded := _folded(text))]
        whole = [_folded(text) for one in family for text in (one.email, one.phone)]
        whole += [_folded(one.name) for one in family if len(one.name.strip()) >= LONG_NAME]
        self._whole = _words(whole)
        brief = [one.name for one in family if SHORT_NAME <= len(one.name.strip()) < LONG_NAME]
        self._brief = _words([unicodedata.normalize("NFC", one).strip() for one in brief])
        spelt = [unicodedata.normalize("NFC", text).strip() for one in family for text in (one.name, one.email, one.phone)]
        self._spelt = _words([one for one in spelt if len(one) >= LONG_NAME], re.IGNORECASE)
        self._numbers = [digits[-NUMBER:] for one in family if len(digits := sought.digits(one.phone)) >= NUMBER]

    def theirs(self, text: str) -> bool:
        """In a text about them."""
        folded = _folded(text)
        return any(one in folded for one in self._known) or self._dialled(text)

    def anywhere(self, text: str) -> bool:
        """In any other text."""
        return bool(self._whole and self._whole.search(_folded(text))) or self._dialled(text)

    def left_of(self, text: str, *, theirs: bool = False, told: bool = False, relied: bool = False) -> str:
        """What is left of a text: nothing of one that is ``theirs`` and names them; of any other all but the name, or "…".

        A text that many are ``told`` keeps a short name: there it is a word. One on which others ``relied`` keeps what is not sure.
        """
        if theirs:
            return "" if self.theirs(text) else text
        if relied and not self.sure:
            return text
        said = unicodedata.normalize("NFC", text)
        for pattern in (self._spelt, None if told else self._brief):
            said = pattern.sub("…", said) if pattern else said
        return "…" if self.anywhere(said) else text if said == unicodedata.normalize("NFC", text) else said

    def itself(self, text: str) -> bool:
        """Whether a text is a name, an address or a number of theirs, and nothing else."""
        digits = sought.digits(text)
        return _folded(text) in self._known or any(len(digits) >= NUMBER and digits.endswith(number) for number in self._numbers)

    def _dialled(self, text: str) -> bool:
        digits = sought.digits(text) if self._numbers else ""
        return any(number in digits for number in self._numbers)


class Forgetting(Conversing):
    """See app.store.Store."""

    async def forget(
        self, customer: Customer, *, at: datetime, also: Sequence[Customer] = (), sure: bool = True, rows: Sequence[Row] = ()
    ) -> None:
        """See app.store.Store. What names them is looked for first, so that nobody waits for the search; then all of it goes at once."""
        family = (customer, *also)
        naming = Naming(family, sure=sure)
        ids = await self._read(self._theirs([one.id for one in family]), heavy=True)
        named = [(text[0], text[1], await self._named(text, customer, ids, naming)) for text in TEXTS]
        named.append(("reservation", "body", await self._held_for(customer, ids, naming)))
        named.append(("portion", "after", await self._brought(customer, naming)))
        kept = await self._kept_about(customer, ids, naming)
        theirs = frozenset(str(one) for one in ids)
        ruled = await self._ruled(customer, theirs, naming)
        left = [
            Customer(
                id=one.id,
                business_id=one.business_id,
                name="",
                language=one.language,
                joined_at=one.joined_at,
                merged_into=one.merged_into,
                erased_at=at,
            )
            for one in sorted(family, key=lambda one: one.id)
        ]
        await self._write(self._forget(family, left, named, theirs=theirs, naming=naming, kept=kept, ruled=ruled, unit=with_rows(rows)))
        await self._wipe()

    def _theirs(self, people: list[UUID]) -> Talk[frozenset[UUID]]:
        """The ids by which they are named: theirs, and those of their cards and coupons."""
        found = list(people)
        for table in ("card", "coupon"):
            rows = yield Ask(self._say_of(f"SELECT id FROM {table} WHERE customer_id {self._dialect.listed(1)}"), (people,))
            found += [as_id(row[0]) for row in rows]
        return frozenset(found)

    async def _named(self, text: tuple[str, str, str], customer: Customer, ids: frozenset[UUID], naming: Naming) -> Texts:
        """The keys of the rows of a table whose text names them, by what is left of it."""
        table, column, whose = text
        found: Texts = {}
        async for key, said, owner in self._each(f"{column}, {whose}", f"{table} WHERE {column} <> ''", customer, UUID(int=0)):
            left = naming.left_of(said, theirs=owner is not None and as_id(owner) in ids, relied=table == "sale")
            if left != said:
                found.setdefault("" if column == UNIQUE else left, []).append(as_id(key))
        return found

    async def _held_for(self, customer: Customer, ids: frozenset[UUID], naming: Naming) -> Texts:
        """The keys of the reservations whose receipt names them, by the bodies that they have without."""
        found: Texts = {}
        async for key, body in self._each("body", """reservation WHERE body NOT LIKE '%"receipt":""%'""", customer, UUID(int=0)):
            held = RESERVATION.read((body,))
            left = naming.left_of(held.receipt, theirs=not ids.isdisjoint(held.coupon_ids), relied=True)
            if left != held.receipt:
                found.setdefault(RESERVATION.row(replace(held, receipt=left))[-1], []).append(as_id(key))
        return found

    async def _brought(self, customer: Customer, naming: Naming) -> Texts:
        """The keys of the portions of files of codes that keep lines which name them, by what they keep without."""
        found: Texts = {}
        async for key, after in self._each("after", """portion WHERE after LIKE '%"lines":[[%'""", customer, UUID(int=0)):
            been = msgspec.json.decode(after)
            left = been | {"lines": _left_of(been["lines"], naming)}
            if left != been:
                found.setdefault(msgspec.json.encode(left).decode(), []).append(as_id(key))
        return found

    async def _kept_about(self, customer: Customer, ids: frozenset[UUID], naming: Naming) -> list[int]:
        """The kept answers that are about them. One that names nobody, but only a card, says nothing (its status is 0)."""
        about, found = re.compile("|".join(map(str, ids))), []
        async for key, body in self._each("body", "kept WHERE status > 0", customer, 0):
            said = bytes(body).decode(errors="replace")
            if about.search(said) or (naming.sure and naming.anywhere(said)):
                found.append(key)
        return found

    async def _each(self, columns: str, where: str, customer: Customer, last: UUID | int) -> AsyncIterator[Sequence[Any]]:
        """The id and these columns of all such rows of the customer's business after the ``last``; between two pages others go first."""
        text = self._say_of(f"SELECT id, {columns} FROM {where} AND id > $1 AND business_id = $2 ORDER BY id LIMIT {AT_ONCE}")
        while True:
            rows = await self._read(just(Ask(text, (last, customer.business_id))), heavy=True)
            for row in rows:
                yield row
            if len(rows) < AT_ONCE:
                return
            last = rows[-1][0]

    async def _ruled(self, customer: Customer, theirs: frozenset[str], naming: Naming) -> list[tuple[str, UUID]]:
        """The segments, campaigns and errands whose rule is their name, address or number, or whose name, reason or message names them."""
        found = []
        for table in RULED:
            text = self._say_of(f"SELECT id, body FROM {table} WHERE business_id = $1")
            for key, body in await self._read(just(Ask(text, (customer.business_id,))), heavy=True):
                if _unnamed(msgspec.json.decode(body), theirs, (), naming):
                    found.append((table, as_id(key)))
        return found

    def _without_rule(self, table: str, key: UUID, theirs: frozenset[str], cards: Sequence[str], naming: Naming) -> Talk[None]:
        """Such a rule goes on to mean them: the cards that they had, which are left, and so nobody. What names them does so no more."""
        [(body,)] = yield Ask(self._say_of(f"SELECT body FROM {table} WHERE id = $1 {self._dialect.lock}"), (key,))
        now = msgspec.json.decode(body)
        now |= _unnamed(now, theirs, cards, naming)
        yield Ask(self._say_of(f"UPDATE {table} SET body = $2 WHERE id = $1"), (key, msgspec.json.encode(now).decode()))

    def _written_over(self, table: str, column: str, texts: Texts) -> Talk[None]:
        also = ", sought = ''" if table == "refusal" else ""
        text = self._say_of(f"UPDATE {table} SET {column} = $2{also} WHERE id {self._dialect.listed(1)}")
        for left, keys in texts.items():
            for at in range(0, len(keys), AT_ONCE):
                yield Ask(text, (keys[at : at + AT_ONCE], left))

    def _forget(
        self,
        family: Sequence[Customer],
        left: Sequence[Customer],
        named: Sequence[tuple[str, str, Texts]],
        *,
        theirs: frozenset[str],
        naming: Naming,
        kept: list[int],
        ruled: Sequence[tuple[str, UUID]],
        unit: Ready,
    ) -> Talk[None]:
        known = {one.id: one for one in family}
        for one in left:
            held = yield Ask(self._say.held(CUSTOMER), (one.id,))
            if not held or CUSTOMER.read(held[0]) != known[one.id]:
                raise Lost
        merged = yield Ask(self._say_of(f"SELECT id FROM customer WHERE merged_into {self._dialect.listed(1)}"), (list(known),))
        if {as_id(row[0]) for row in merged} - known.keys():
            raise Lost
        for one in left:
            yield Ask(self._say.rewritten(CUSTOMER), CUSTOMER.row(one))
            yield Ask(self._say_of("DELETE FROM contact WHERE customer_id = $1"), (one.id,))
        for table, column, texts in named:
            yield from self._written_over(table, column, texts)
        for at in range(0, len(kept), AT_ONCE):
            text = f"UPDATE kept SET status = $2, body = $3 WHERE id {self._dialect.listed(1)}"
            yield Ask(self._say_of(text), (kept[at : at + AT_ONCE], *GONE))
        if ruled:
            people = [one.id for one in left]
            cards = yield Ask(self._say_of(f"SELECT id FROM card WHERE customer_id {self._dialect.listed(1)}"), (people,))
            for table, key in ruled:
                yield from self._without_rule(table, key, theirs, [str(row[0]) for row in cards] or [str(people[0])], naming)
        yield from self._recorded(unit)

    async def _wipe(self) -> None:
        """What the database has let go of must not be readable in its file either. PostgreSQL's vacuum sees to that in time."""

    def _say_of(self, text: str) -> str:
        return self._dialect.text(text)


def _words(texts: Sequence[str], flags: int = 0) -> re.Pattern[str] | None:
    """Any of these as words of their own."""
    words = "|".join(re.escape(one) for one in sorted(filter(None, texts), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", flags) if words else None


def _unnamed(body: dict[str, Any], theirs: frozenset[str], cards: Sequence[str], naming: Naming) -> dict[str, Any]:
    """The fields of a segment, a campaign or an errand that change when somebody is forgotten: none if it does not name them.

    A rule that is their name means ``cards``. What a campaign says to ``theirs`` alone is about them; any other is told to many.
    """
    changed: dict[str, Any] = {}
    rules, message = body.get("rules") or {}, body.get("message")
    alone = bool(rules.get("cards")) and theirs.issuperset(rules["cards"])
    if naming.sure and naming.itself(rules.get("text") or ""):
        changed["rules"] = rules | {"text": "", "cards": cards}
    for field in NAMED:
        said = body.get(field) or ""
        if (left := naming.left_of(said, relied=not alone)) != said:
            changed[field] = left
    if (lines := body.get("first")) and (left_lines := _left_of(lines, naming)) != lines:
        changed["first"] = left_lines
    if message:
        by = [[language, naming.left_of(said, told=not alone, relied=not alone)] for language, said in message["by"]]
        if by != message["by"]:
            changed["message"] = {"by": by}
    return changed


def _left_of(lines: Sequence[list[Any]], naming: Naming) -> list[list[Any]]:
    """Lines of a file of codes (app.desk.imports.Line) without the name: what stood on one that was bad is its fifth field."""
    return [[*line[:4], naming.left_of(line[4]), *line[5:]] for line in lines]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()
