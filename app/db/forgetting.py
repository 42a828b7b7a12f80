"""A person is erased: their row, their contacts, and every text that names them, also in the pages that the database has let go of."""
# ruff: noqa: S608 (what is put into these texts are names of our own tables and columns; every value is a parameter)

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from app.db import sought
from app.db.conversing import Conversing, just, with_rows
from app.db.shapes import CUSTOMER, as_id
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
NAMED: Final = ("name", "reason")
"""What people write in the body of a campaign or a segment, and of an errand."""
RULED: Final = ("campaign", "errand", "segment")
"""What has rules in its body, and there perhaps a text to be found in people's names."""
AT_ONCE: Final = 1000
LONG_NAME: Final = 5
"""A shorter name is a word of its own too often to be looked for in what is said of others."""
NUMBER: Final = 8
"""So many last digits are a phone number, however it begins."""
GONE: Final = (410, b'{"type":"about:blank","title":"Gone","status":410}')


class Naming:
    """Whether a text names a person: one that is about them by any part of what is known, one about others only by the whole."""

    def __init__(self, family: Sequence[Customer]) -> None:
        self._known = [folded for one in family for text in (one.name, one.email, one.phone) if (folded := _folded(text))]
        whole = [_folded(text) for one in family for text in (one.email, one.phone)]
        whole += [_folded(one.name) for one in family if len(one.name.strip()) >= LONG_NAME]
        words = "|".join(re.escape(one) for one in whole if one)
        self._whole = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
        self._numbers = [digits[-NUMBER:] for one in family if len(digits := sought.digits(one.phone)) >= NUMBER]

    def theirs(self, text: str) -> bool:
        """In a text about them."""
        folded = _folded(text)
        return any(one in folded for one in self._known) or self._dialled(text)

    def anywhere(self, text: str) -> bool:
        """In any other text."""
        return bool(self._whole and self._whole.search(_folded(text))) or self._dialled(text)

    def itself(self, text: str) -> bool:
        """Whether a text is a name, an address or a number of theirs, and nothing else."""
        digits = sought.digits(text)
        return _folded(text) in self._known or any(len(digits) >= NUMBER and digits.endswith(number) for number in self._numbers)

    def _dialled(self, text: str) -> bool:
        digits = sought.digits(text) if self._numbers else ""
        return any(number in digits for number in self._numbers)


class Forgetting(Conversing):
    """See app.store.Store."""

    async def forget(self, customer: Customer, *, at: datetime, also: Sequence[Customer] = (), rows: Sequence[Row] = ()) -> None:
        """See app.store.Store. What names them is looked for first, so that nobody waits for the search; then all of it goes at once."""
        family = (customer, *also)
        naming = Naming(family)
        ids = await self._read(self._theirs([one.id for one in family]), heavy=True)
        named = [(text[0], text[1], await self._named(text, customer, ids, naming)) for text in TEXTS]
        kept = await self._kept_about(customer, ids, naming)
        ruled = await self._ruled(customer, naming)
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
        await self._write(self._forget(family, left, named, kept=kept, ruled=ruled, unit=with_rows(rows)))
        await self._wipe()

    def _theirs(self, people: list[UUID]) -> Talk[frozenset[UUID]]:
        """The ids by which they are named: theirs, and those of their cards and coupons."""
        found = list(people)
        for table in ("card", "coupon"):
            rows = yield Ask(self._say_of(f"SELECT id FROM {table} WHERE customer_id {self._dialect.listed(1)}"), (people,))
            found += [as_id(row[0]) for row in rows]
        return frozenset(found)

    async def _named(self, text: tuple[str, str, str], customer: Customer, ids: frozenset[UUID], naming: Naming) -> list[UUID]:
        """The keys of the rows of a table whose text names them."""
        table, column, whose = text
        asked = self._say_of(
            f"SELECT id, {column}, {whose} FROM {table} WHERE id > $1 AND business_id = $2 AND {column} <> '' ORDER BY id LIMIT {AT_ONCE}"
        )
        found, last = [], UUID(int=0)
        while True:
            rows = await self._read(just(Ask(asked, (last, customer.business_id))), heavy=True)
            for key, said, owner in rows:
                theirs = owner is not None and as_id(owner) in ids
                if naming.theirs(said) if theirs else naming.anywhere(said):
                    found.append(as_id(key))
            if len(rows) < AT_ONCE:
                return found
            last = as_id(rows[-1][0])

    async def _kept_about(self, customer: Customer, ids: frozenset[UUID], naming: Naming) -> list[int]:
        """The kept answers that are about them. One that names nobody, but only a card, says nothing (its status is 0)."""
        text = self._say_of(f"SELECT id, body FROM kept WHERE id > $1 AND business_id = $2 AND status > 0 ORDER BY id LIMIT {AT_ONCE}")
        about = re.compile("|".join(map(str, ids)))
        found, last = [], 0
        while True:
            rows = await self._read(just(Ask(text, (last, customer.business_id))), heavy=True)
            for key, body in rows:
                said = bytes(body).decode(errors="replace")
                if about.search(said) or naming.anywhere(said):
                    found.append(key)
            if len(rows) < AT_ONCE:
                return found
            last = rows[-1][0]

    async def _ruled(self, customer: Customer, naming: Naming) -> list[tuple[str, UUID]]:
        """The segments, campaigns and errands whose rule is their name, address or number, or whose name or reason names them."""
        found = []
        for table in RULED:
            text = self._say_of(f"SELECT id, body FROM {table} WHERE business_id = $1")
            for key, body in await self._read(just(Ask(text, (customer.business_id,))), heavy=True):
                known = msgspec.json.decode(body)
                said = (known.get("rules") or {}).get("text")
                if (said and naming.itself(said)) or any(naming.anywhere(known.get(field) or "") for field in NAMED):
                    found.append((table, as_id(key)))
        return found

    def _without_rule(self, table: str, key: UUID, cards: Sequence[str], naming: Naming) -> Talk[None]:
        """Such a rule goes on to mean them: the cards that they had, which are left, and so nobody. What names them says nothing."""
        [(body,)] = yield Ask(self._say_of(f"SELECT body FROM {table} WHERE id = $1 {self._dialect.lock}"), (key,))
        now = msgspec.json.decode(body)
        if naming.itself((now.get("rules") or {}).get("text") or ""):
            now["rules"] |= {"text": "", "cards": cards}
        now |= {field: "…" for field in NAMED if naming.anywhere(now.get(field) or "")}
        yield Ask(self._say_of(f"UPDATE {table} SET body = $2 WHERE id = $1"), (key, msgspec.json.encode(now).decode()))

    def _forget(
        self,
        family: Sequence[Customer],
        left: Sequence[Customer],
        named: Sequence[tuple[str, str, list[UUID]]],
        *,
        kept: list[int],
        ruled: Sequence[tuple[str, UUID]],
        unit: Ready,
    ) -> Talk[None]:
        known, naming = {one.id: one for one in family}, Naming(family)
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
        for table, column, keys in named:
            also = ", sought = ''" if table == "refusal" else ""
            for at in range(0, len(keys), AT_ONCE):
                text = f"UPDATE {table} SET {column} = ''{also} WHERE id {self._dialect.listed(1)}"
                yield Ask(self._say_of(text), (keys[at : at + AT_ONCE],))
        for at in range(0, len(kept), AT_ONCE):
            text = f"UPDATE kept SET status = $2, body = $3 WHERE id {self._dialect.listed(1)}"
            yield Ask(self._say_of(text), (kept[at : at + AT_ONCE], *GONE))
        if ruled:
            people = [one.id for one in left]
            cards = yield Ask(self._say_of(f"SELECT id FROM card WHERE customer_id {self._dialect.listed(1)}"), (people,))
            for table, key in ruled:
                yield from self._without_rule(table, key, [str(row[0]) for row in cards] or [str(people[0])], naming)
        yield from self._recorded(unit)

    async def _wipe(self) -> None:
        """What the database has let go of must not be readable in its file either. PostgreSQL's vacuum sees to that in time."""

    def _say_of(self, text: str) -> str:
        return self._dialect.text(text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()
