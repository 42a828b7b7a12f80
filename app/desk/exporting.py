"""All that a business has recorded, as CSV (RFC 4180): four files that go back in as they came out (app.desk.importing).

Columns never change their names or their order; ids and titles stand side by side, so that a spreadsheet can be read and an
installation with other ids knows what is meant. Times are in the business's zone, with their offset.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk
from app.desk.telling import EVENT_TYPES
from app.store import Place
from passes.businesses import Business
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Redemption, Reversal
from passes.words import Text

What = Literal["customers", "coupons", "redemptions", "events"]
COLUMNS: Final[Mapping[What, tuple[str, ...]]] = {
    "customers": (
        "customer_id",
        "name",
        "email",
        "phone",
        "language",
        "birthday",
        "consent_at",
        "note",
        "joined_at",
        "location_id",
        "location",
        "merged_into",
        "erased_at",
        "card_id",
        "program_id",
        "program",
        "number",
        "balance",
        "visits",
        "card_joined_at",
        "visited_at",
        "visited_location_id",
        "visited_location",
        "left_at",
    ),
    "coupons": (
        "coupon_id",
        "code",
        "state",
        "offer_id",
        "offer",
        "card_id",
        "customer_id",
        "issued_at",
        "valid_from",
        "expires_at",
        "redemption_id",
        "voided_at",
        "batch_id",
    ),
    "redemptions": (
        "redemption_id",
        "kind",
        "at",
        "coupon_id",
        "offer_id",
        "offer",
        "card_id",
        "customer_id",
        "location_id",
        "location",
        "staff_id",
        "staff",
        "channel",
        "reason",
        "basket_id",
        "reversal_id",
        "reversed_at",
        "reversal_location_id",
        "reversal_location",
        "reversal_staff_id",
        "reversal_staff",
        "reversal_reason",
    ),
    "events": (
        "event_id",
        "type",
        "at",
        "customer_id",
        "card_id",
        "coupon_id",
        "amount",
        "wallet",
        "reason",
        "staff_id",
        "staff",
        "campaign_id",
    ),
}
"""What stands in each file, in this order. A customer with several cards has a line for each."""
AT_ONCE: Final = 1000
"""Records that an export has in memory."""
CHUNK: Final = 1 << 16
"""Characters that are sent at a time."""
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run (https://owasp.org/www-community/attacks/CSV_Injection)."""


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front says that it is text.

    One that looks as if this had been done to it gets one more, so that ``armed`` always gives back what it was.
    """
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULAS) else cell


def armed(cell: str) -> str:
    """What a cell was before it was defused."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS) else cell


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the things are called that a line names by their ids."""

    business: Business
    by: Mapping[UUID, str]

    def of(self, id_: UUID | None) -> str:
        """The name, or nothing."""
        return self.by.get(id_, "") if id_ else ""


async def names(desk: Desk, business: Business) -> Names:
    """The titles of offers and programs (in the business's first language), the names of locations and people."""
    store = desk.store

    def said(text: Text) -> str:
        return text.said(business.languages[0])

    by = {one.id: said(one.title) for one in await store.all_offers(business.id)}
    by |= {one.id: said(one.name) for one in await store.programs(business.id)}
    by |= {one.id: one.name for one in await store.locations(business.id)}
    by |= {one.id: one.name for one in await store.staff(business.id)}
    return Names(business=business, by=by)


async def export(desk: Desk, business: Business, what: What, *, since: datetime | None = None, mark: str = "") -> AsyncIterator[bytes]:
    """A file in pieces, its columns' names first; with a ``mark`` in front for programs that want one.

    What is recorded while it is written stands at its end, or not in it. Whoever stands at a counter goes first.
    """
    text = io.StringIO(newline="")
    text.write(mark)
    written = csv.writer(text)
    written.writerow(COLUMNS[what])
    known = await names(desk, business)
    async for line in LINES[what](desk, known, since):
        written.writerow([_cell(business, one) for one in line])
        if text.tell() > CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cell(business: Business, value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(business.tz).isoformat()
        case str():
            return defused(value)
        case _:
            return defused(str(value))


# --- Lines ---

Line = Sequence[object]


async def _customers(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[Line]:
    after: Place | None = None
    while True:
        await desk.aside()
        some = await desk.store.customers_on(known.business.id, since=since, after=after, limit=AT_ONCE)
        for customer, cards in some:
            for card in cards or (None,):
                yield _customer(known, customer, card)
        if len(some) < AT_ONCE:
            return
        after = Place(some[-1][0].joined_at, some[-1][0].id)


def _customer(known: Names, who: Customer, card: Card | None) -> Line:
    person = (
        who.id,
        who.name,
        who.email,
        who.phone,
        who.language,
        who.birthday,
        who.consent_at,
        who.note,
        who.joined_at,
        who.location_id,
        known.of(who.location_id),
        who.merged_into,
        who.erased_at,
    )
    if card is None:
        return (*person, *[None] * (len(COLUMNS["customers"]) - len(person)))
    return (
        *person,
        card.id,
        card.program_id,
        known.of(card.program_id),
        card.number,
        card.balance,
        card.visits,
        card.joined_at,
        card.visited_at,
        card.location_id,
        known.of(card.location_id),
        card.left_at,
    )


async def _coupons(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[Line]:
    """Those that somebody was given, then the codes in pools, so that none of the business's own codes is missing."""
    after: Place | None = None
    while True:
        await desk.aside()
        some = await desk.store.coupons_on(known.business.id, since=since, after=after, limit=AT_ONCE)
        for one in some:
            yield _coupon(known, one)
        if len(some) < AT_ONCE:
            break
        after = Place(some[-1].issued_at, some[-1].id)
    for offer in await desk.store.all_offers(known.business.id):
        last: UUID | None = None
        while True:
            await desk.aside()
            pooled = await desk.store.pool_on(known.business.id, offer.id, after=last, limit=AT_ONCE)
            for one in pooled:
                if since is None or one.issued_at >= since:
                    yield _coupon(known, one)
            if len(pooled) < AT_ONCE:
                break
            last = pooled[-1].id


def _coupon(known: Names, coupon: Coupon) -> Line:
    return (
        coupon.id,
        coupon.code,
        coupon.state,
        coupon.offer_id,
        known.of(coupon.offer_id),
        coupon.card_id,
        coupon.customer_id,
        coupon.issued_at,
        coupon.valid_from,
        coupon.expires_at,
        coupon.redemption_id,
        coupon.voided_at,
        coupon.batch_id,
    )


async def _redemptions(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[Line]:
    after: Place | None = None
    while True:
        await desk.aside()
        some = await desk.store.redemptions_on(known.business.id, since=since, after=after, limit=AT_ONCE)
        for redemption, reversal in some:
            yield _redemption(known, redemption, reversal)
        if len(some) < AT_ONCE:
            return
        after = Place(some[-1][0].at, some[-1][0].id)


def _redemption(known: Names, done: Redemption, back: Reversal | None) -> Line:
    return (
        done.id,
        done.kind,
        done.at,
        done.coupon_id,
        done.offer_id,
        known.of(done.offer_id),
        done.card_id,
        done.customer_id,
        done.location_id,
        known.of(done.location_id),
        done.staff_id,
        known.of(done.staff_id),
        done.channel,
        done.reason,
        done.basket_id,
        *(
            (back.id, back.at, back.location_id, known.of(back.location_id), back.staff_id, known.of(back.staff_id), back.reason)
            if back
            else [None] * 7
        ),
    )


async def _events(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[Line]:
    after = 0
    while True:
        await desk.aside()
        some = await desk.store.events_on(known.business.id, since=since, after=after, limit=AT_ONCE)
        for _, event in some:
            yield _event(known, event)
        if len(some) < AT_ONCE:
            return
        after = some[-1][0]


def _event(known: Names, event: Event) -> Line:
    return (
        event.id,
        EVENT_TYPES[event.kind],
        event.at,
        event.customer_id,
        event.card_id,
        event.coupon_id,
        event.amount,
        event.wallet,
        event.reason,
        event.staff_id,
        known.of(event.staff_id),
        event.campaign_id,
    )


LINES: Final[Mapping[What, Callable[[Desk, Names, datetime | None], AsyncIterator[Any]]]] = {
    "customers": _customers,
    "coupons": _coupons,
    "redemptions": _redemptions,
    "events": _events,
}
"""The one list: what is exported, and how it is walked."""
