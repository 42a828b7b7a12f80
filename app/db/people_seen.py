"""Customers as those who look after them see them: lists, a search, a whole life, who may be the same person, and two made one."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from app.db import sought
from app.db.conversing import Conversing, Key, with_rows
from app.db.history import Query
from app.db.shapes import CARD, CONTACT, COUPON, CUSTOMER, ENTRY, EVENT, REDEMPTION, REFUSAL, REVERSAL, Shape, as_id, as_moment, checked
from app.db.statements import Ask, Talk
from app.db.unit import Comparison, Ready, later, ready, summed
from app.store import Contact, Known, Life, Lost, Mark, Merge, PeopleOrder, Row
from passes.cards import Card, Customer

S = TypeVar("S", bound=msgspec.Struct)

_LIVING: Final = "u.merged_into IS NULL AND u.erased_at IS NULL"
_SEEN: Final = "coalesce(c.visited_at, c.joined_at)"
ENOUGH: Final = 4
"""So many of the newest cards for each customer of a page are looked at first."""
_ORDERS: Final = {
    "visited": f"max({_SEEN})",
    "visits": "sum(c.visits)::bigint",
}
"""What customers are in order of, of all their cards; the newest need no look at cards."""


class PeopleSeen(Conversing):
    """What the pages about customers read, and the one verb with which two of them become one."""

    # --- Lists ---

    async def people(
        self,
        business_id: UUID,
        *,
        order: PeopleOrder = "newest",
        ids: Sequence[UUID] | None = None,
        after: Mark | None = None,
        limit: int = 50,
    ) -> Sequence[Known]:
        """See app.store.Store. By visits all cards of the business are looked at: an index of them would slow every stamp down."""
        return await self._read(self._people(business_id, order, ids, after, limit), heavy=True)

    def _people(
        self, business_id: UUID, order: PeopleOrder, ids: Sequence[UUID] | None, after: Mark | None, limit: int
    ) -> Talk[Sequence[Known]]:
        found: dict[UUID, Any] = {}
        # Whoever came last is mostly among those of the cards that were seen last; only if too few are, all cards are put together.
        for cards_each in (ENOUGH, None) if order == "visited" and ids is None else (None,):
            ask = self._ranked(business_id, order, ids, after, limit=limit, cards_each=cards_each)
            found = {as_id(row[0]): row[1] if order == "visits" else as_moment(row[1]) for row in (yield ask)}
            if len(found) == limit:
                break
        if not found:
            return []
        query = Query(self._dialect)
        customers = {
            one.id: one
            for one in _each(
                CUSTOMER, (yield query.ask(f"SELECT {CUSTOMER.select('u')} FROM customer AS u WHERE u.id {query.listed(found)}"))
            )
        }
        cards = yield from self._cards(found)
        return [
            Known(customer=customers[id_], cards=tuple(card for card in cards if card.customer_id == id_), at=at)
            for id_, at in found.items()
        ]

    def _ranked(
        self, business_id: UUID, order: PeopleOrder, ids: Sequence[UUID] | None, after: Mark | None, *, limit: int, cards_each: int | None
    ) -> Ask:
        """The customers of a page; with ``cards_each`` only of the newest cards, so many for each of them."""
        query = Query(self._dialect)
        mine = query.given(business_id)
        if order == "newest":
            these = f" AND u.id {query.listed(ids)}" if ids is not None else ""
            ranked = f"SELECT u.id AS id, u.joined_at AS at FROM customer AS u WHERE u.business_id = {mine} AND {_LIVING}{these}"
        else:
            # Looking up every customer would take as long again: it is shorter to know the few who are not there any more.
            these = f" AND c.customer_id {query.listed(ids)}" if ids is not None else ""
            if cards_each is not None:
                before = f" AND {_SEEN} <= {query.given(checked(after.at))}" if after else ""
                these += f""" AND {_SEEN} >= (SELECT min(at) FROM (SELECT {_SEEN} AS at FROM card AS c
                    WHERE c.business_id = {mine}{before} ORDER BY at DESC LIMIT {query.given(cards_each * limit)}) AS newest)"""
            ranked = f"""
                SELECT c.customer_id AS id, {_ORDERS[order]} AS at FROM card AS c
                WHERE c.business_id = {mine}{these} AND c.customer_id NOT IN (SELECT u.id FROM customer AS u
                    WHERE u.business_id = {mine} AND (u.merged_into IS NOT NULL OR u.erased_at IS NOT NULL)) GROUP BY c.customer_id"""
        older = f"WHERE (at, id) < ({query.given(checked(after.at))}, {query.given(after.id)})" if after else ""
        text = f"SELECT id, at FROM ({ranked}) AS ranked {older} ORDER BY at DESC, id DESC LIMIT {query.given(limit)}"
        return query.ask(text)

    def _cards(self, customer_ids: Iterable[UUID]) -> Talk[list[Card]]:
        query = Query(self._dialect)
        text = f"SELECT {CARD.select('c')} FROM card AS c WHERE c.customer_id {query.listed(customer_ids)} ORDER BY c.id"
        return _each(CARD, (yield query.ask(text)))

    async def people_like(self, business_id: UUID, text: str, *, limit: int = 50) -> Sequence[UUID]:
        """See app.store.Store. The newest in front."""
        return await self._read(self._people_like(business_id, checked(text), limit), heavy=True)

    def _people_like(self, business_id: UUID, text: str, limit: int) -> Talk[Sequence[UUID]]:
        found: dict[UUID, None] = {}
        say, name, digits = self._dialect, sought.part(text), sought.digits(text).lstrip("0")
        patterns = [f"%{name}%\n%"] if name else []
        if len(digits) >= sought.SHORTEST and not any(char.isalpha() for char in text):
            patterns.append(f"%\n%{digits}%")
        for pattern in patterns:
            query = Query(say)
            like = f"{say.sought} LIKE {query.given(pattern)} AND NOT (u.business_id <> {query.given(business_id)}) AND {_LIVING}"
            rows = yield query.ask(f"SELECT u.id FROM {say.customers} WHERE {like} ORDER BY u.id DESC LIMIT {query.given(limit)}")
            found |= dict.fromkeys(as_id(row[0]) for row in rows)
        email = text.strip().lower()
        if len(email) >= sought.SHORTEST and not any(char.isspace() for char in email):
            query = Query(say)
            begins = query.given("mailto:" + email.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
            rows = yield query.ask(f"""
                SELECT u.id FROM contact AS t JOIN customer AS u ON (u.id = t.customer_id OR u.maybe_id = t.customer_id) AND {_LIVING}
                WHERE t.business_id = {query.given(business_id)} AND t.value LIKE {begins} ESCAPE '\\'
                ORDER BY u.id DESC LIMIT {query.given(limit)}""")
            found |= dict.fromkeys(as_id(row[0]) for row in rows)
        return list(found)[:limit]

    # --- One customer ---

    async def life(self, business_id: UUID, customer_id: UUID, *, limit: int = 500) -> Life | None:
        """See app.store.Store. Of one that was merged, it is the life of whom they were merged into."""
        return await self._read(self._life(business_id, customer_id, limit), heavy=True)

    def _life(self, business_id: UUID, customer_id: UUID, limit: int) -> Talk[Life | None]:
        query = Query(self._dialect)
        mine = f"u.business_id = {query.given(business_id)}"
        asked = query.given(customer_id)
        who = f"coalesce((SELECT m.merged_into FROM customer AS m WHERE m.id = {asked}), {asked})"
        text = f"SELECT {CUSTOMER.select('u')} FROM customer AS u WHERE {mine} AND (u.id = {who} OR u.merged_into = {who}) ORDER BY u.id"
        family = sorted(_each(CUSTOMER, (yield query.ask(text))), key=lambda one: one.merged_into is not None)
        if not family:
            return None
        people = [one.id for one in family]
        cards = yield from self._cards(people)
        held = [card.id for card in cards]
        coupons = yield from self._newest(COUPON, "customer_id", people, "id", limit)
        return Life(
            family=tuple(family),
            cards=tuple(cards),
            coupons=tuple(coupons),
            events=tuple((yield from self._newest(EVENT, "card_id", held, "seq", limit))),
            entries=tuple((yield from self._newest(ENTRY, "card_id", held, "at", limit))),
            redemptions=tuple((yield from self._newest(REDEMPTION, "customer_id", people, "at", limit))),
            reversals=tuple((yield from self._newest(REVERSAL, "coupon_id", [one.id for one in coupons], "at", limit))),
            refusals=tuple((yield from self._newest(REFUSAL, "customer_id", people, "at", limit))),
        )

    def _newest(self, shape: Shape[S], column: str, ids: Sequence[UUID], by: str, limit: int) -> Talk[list[S]]:
        query = Query(self._dialect)
        text = f"SELECT {shape.select('t')} FROM {shape.name} AS t WHERE t.{column} {query.listed(ids)} ORDER BY t.{by} DESC, t.id DESC"
        return _each(shape, (yield query.ask(f"{text} LIMIT {query.given(limit)}")))

    # --- Who is perhaps the same person ---

    async def alike(self, business_id: UUID, *, limit: int = 50) -> Sequence[tuple[UUID, UUID]]:
        """See app.store.Store."""
        return await self._read(self._alike(business_id, limit), heavy=True)

    def _alike(self, business_id: UUID, limit: int) -> Talk[Sequence[tuple[UUID, UUID]]]:
        query = Query(self._dialect)
        mine = f"u.business_id = {query.given(business_id)} AND {_LIVING}"
        said = yield query.ask(f"""
            SELECT o.id, u.id FROM customer AS u JOIN customer AS o ON o.id = u.maybe_id AND o.merged_into IS NULL AND o.erased_at IS NULL
            WHERE u.maybe_id IS NOT NULL AND {mine} ORDER BY u.id DESC LIMIT {query.given(limit)}""")
        query = Query(self._dialect)
        mine = f"u.business_id = {query.given(business_id)} AND {_LIVING}"
        namesakes = yield query.ask(f"""
            SELECT ids.first, u.id FROM customer AS u JOIN (
                SELECT sought, min(CAST(id AS text)) AS first FROM customer AS u WHERE {mine} AND phone <> '' AND name <> ''
                GROUP BY sought HAVING count(*) > 1) AS ids ON ids.sought = u.sought AND CAST(u.id AS text) <> ids.first
            WHERE {mine} ORDER BY u.id DESC LIMIT {query.given(limit)}""")
        pairs = [(as_id(one), as_id(another)) for one, another in (*said, *namesakes)]
        return list(dict.fromkeys(pairs))[:limit]

    # --- What is known of them changes ---

    async def change_customer(self, was: Customer, became: Customer, contacts: Sequence[Contact], rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store."""
        return await self._write(self._change_customer(was, CUSTOMER.row(became), contacts, with_rows(rows)))

    def _change_customer(self, was: Customer, became: Key, contacts: Sequence[Contact], unit: Ready) -> Talk[bool]:
        now = yield Ask(self._say.held(CUSTOMER), (was.id,))
        if not now or CUSTOMER.read(now[0]) != was:
            return False
        yield Ask(self._say.rewritten(CUSTOMER), became)
        query = Query(self._dialect)
        mine = f"customer_id = {query.given(was.id)}"
        known = {row[0] for row in (yield query.ask(f"SELECT value FROM contact WHERE {mine}"))}
        for contact in contacts:
            if contact.value not in known:
                yield Ask(self._say.insert(CONTACT), CONTACT.row(contact))
        query = Query(self._dialect)
        mine = f"customer_id = {query.given(was.id)} AND NOT (value {query.listed([one.value for one in contacts])})"
        yield query.ask(f"DELETE FROM contact WHERE {mine}")
        yield from self._recorded(unit)
        return True

    # --- Two become one ---

    async def merge(self, merge: Merge) -> int:
        """See app.store.Store."""
        return await self._write(self._merge(merge, ready(merge.unit)))

    def _merge(self, merge: Merge, unit: Ready) -> Talk[int]:
        """In the order in which everybody holds rows (app.db.group): coupons, cards, counts, the rest, and last the clock."""
        keep, other = merge.keep.id, merge.other.id
        coupons = [(as_id(row[0]), as_id(row[1])) for row in (yield self._held("id, offer_id", "coupon", "customer_id", [other]))]
        offers = sorted({str(offer_id) for _, offer_id in coupons})
        for offer_id in offers:  # whoever counts its redemptions anew does so before, or after
            yield Ask(self._dialect.alone, (offer_id,))
        both = self._held("id, changed_at", "card", "customer_id", [keep, other])
        yield both  # and asked again: whoever held them until now may have joined with one more
        cards = {as_id(row[0]): as_moment(row[1]) for row in (yield both)}
        if cards.keys() != set(unit.touches):
            raise Lost
        for change in unit.comparisons:
            if not (yield self._compared(change)):
                raise Lost
        yield self._moved("coupon", "customer_id", other, keep)
        for theirs, ours in merge.cards.items():
            yield self._moved("coupon", "card_id", theirs, ours)
        yield from self._tallies(merge, offers)
        yield from self._customers(merge)
        yield self._moved("card", "customer_id", other, keep, but=list(merge.cards))
        yield self._moved("contact", "customer_id", other, keep)
        yield self._moved("sent", "customer_id", other, keep)
        for card_id in unit.touches:
            yield Ask(self._say.make_due, (card_id, unit.due_at))
        for counts in summed([unit]):
            yield Ask(self._say.count, counts)
        [(tick,)] = yield Ask(self._say.tick, (unit.ticks,))
        for shape, values in unit.placed(tick - unit.ticks + 1):
            yield Ask(self._say.insert(shape), values)
        for card_id in unit.touches:
            touched = (card_id, tick, later(cards[card_id], unit.at))
            yield Ask(self._dialect.text("UPDATE card SET version = $2, changed_at = $3 WHERE id = $1"), touched)
        return int(tick)

    def _held(self, columns: str, table: str, column: str, ids: Sequence[UUID]) -> Ask:
        """Rows that stay as they are until this is done."""
        query = Query(self._dialect)
        return query.ask(f"SELECT {columns} FROM {table} WHERE {column} {query.listed(ids)} ORDER BY id {self._dialect.lock}")

    def _compared(self, change: Comparison) -> Ask:
        query = Query(self._dialect)
        to = ", ".join(f"{name} = {query.given(value)}" for name, value in change.to.items())
        seen = "".join(
            f" AND {name} IS NULL" if value is None else f" AND {name} = {query.given(value)}" for name, value in change.seen.items()
        )
        table = "card" if change.of is Card else "coupon"
        return query.ask(f"UPDATE {table} SET {to} WHERE id = {query.given(change.id)}{seen} RETURNING 1")

    def _moved(self, table: str, column: str, was: UUID, to: UUID, *, but: Sequence[UUID] = ()) -> Ask:
        query = Query(self._dialect)
        text = f"UPDATE {table} SET {column} = {query.given(to)} WHERE {column} = {query.given(was)}"
        return query.ask(f"{text} AND NOT (id {query.listed(but)})" if but else text)

    def _tallies(self, merge: Merge, offers: Sequence[str]) -> Talk[None]:
        """How often the other has used an offer counts for the kept customer, whose limit it is now."""
        business_id, keep, other = merge.keep.business_id, merge.keep.id, merge.other.id
        keys = {f"offer:{offer_id}:{other}": f"offer:{offer_id}:{keep}" for offer_id in offers}
        if keys:
            query = Query(self._dialect)
            mine = f"business_id = {query.given(business_id)}"
            text = f"SELECT key, n FROM tally WHERE {mine} AND key {query.listed(keys)} ORDER BY key {self._dialect.lock}"
            for key, n in (yield query.ask(text)):
                yield Ask(self._say.tally, (business_id, keys[key], n, None))

    def _customers(self, merge: Merge) -> Talk[None]:
        keep, other = merge.keep.id, merge.other.id
        query = Query(self._dialect)
        text = f"SELECT {CUSTOMER.select('u')} FROM customer AS u WHERE u.id {query.listed([keep, other])} ORDER BY u.id"
        held = {one.id: one for one in _each(CUSTOMER, (yield query.ask(f"{text} {self._dialect.lock}")))}
        if held != {keep: merge.keep, other: merge.other}:
            raise Lost
        for column in ("merged_into", "maybe_id"):
            yield self._moved("customer", column, other, keep)
        for customer in (merge.kept, msgspec.structs.replace(merge.other, merged_into=keep, maybe_id=None)):
            yield Ask(self._say.rewritten(CUSTOMER), CUSTOMER.row(customer))


def _each(shape: Shape[S], rows: Iterable[Sequence[Any]]) -> list[S]:
    return [shape.read(row) for row in rows]
