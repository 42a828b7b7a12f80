"""All that a business has recorded, as CSV (RFC 4180): four files that go back in as they came out (app.desk.importing).

Times are in the business's zone, with their offset.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk
from app.desk.lines import COLUMNS, CouponLine, CustomerLine, EventLine, RedemptionLine, What
from app.desk.telling import EVENT_TYPES
from app.store import Place, Sale
from passes.businesses import Business
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, Redemption, Reversal
from passes.words import Text

AT_ONCE: Final = 1000
"""Records that an export has in memory."""

T = TypeVar("T")
P = TypeVar("P")


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the things are called that a line names by their ids."""

    business: Business
    by: Mapping[UUID, str]

    def of(self, id_: UUID | None) -> str:
        """The name, or nothing."""
        return self.by.get(id_, "") if id_ else ""


async def names(desk: Desk, business: Business) -> Names:
    """The titles of offers and programs (in the business's first language), the names of locations, people, counters and keys."""
    store = desk.store

    def said(text: Text) -> str:
        return text.said(business.languages[0])

    by = {one.id: said(one.title) for one in await store.all_offers(business.id)}
    by |= {one.id: said(one.name) for one in await store.programs(business.id)}
    by |= {one.id: one.name for one in await store.locations(business.id)}
    by |= {one.id: one.name for one in await store.staff(business.id)}
    by |= await counters(desk, business)
    return Names(business=business, by=by)


async def counters(desk: Desk, business: Business) -> Mapping[UUID, str]:
    """The names of the counters and of the keys of tills, revoked ones too."""
    by = {one.id: one.name for one in await desk.store.counters(business.id)}
    return by | {key.id: key.name for key, _ in await desk.store.api_keys(business.id)}


async def export(desk: Desk, business: Business, what: What, *, since: datetime | None = None) -> AsyncIterator[Sequence[str]]:
    """The rows of a file, its columns' names first.

    What is recorded while it is written stands at its end, or not in it. Whoever stands at a counter goes first.
    """
    yield COLUMNS[what]
    known = await names(desk, business)
    async for line in LINES[what](desk, known, since):
        yield [_cell(business, one) for one in msgspec.structs.astuple(line)]


def _cell(business: Business, value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(business.tz).isoformat()
        case _:
            return str(value)


# --- Lines ---


async def _walked(desk: Desk, read: Callable[[P | None], Awaitable[Sequence[T]]], place: Callable[[T], P]) -> AsyncIterator[T]:
    """Everything that ``read`` gives after a place, so many at a time."""
    after: P | None = None
    while True:
        await desk.aside()
        some = await read(after)
        for one in some:
            yield one
        if len(some) < AT_ONCE:
            return
        after = place(some[-1])


async def _customers(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[CustomerLine]:
    """A customer with several cards has a line for each."""

    def read(after: Place | None) -> Awaitable[Sequence[tuple[Customer, Sequence[Card]]]]:
        return desk.store.customers_on(known.business.id, since=since, after=after, limit=AT_ONCE)

    async for customer, cards in _walked(desk, read, lambda last: Place(last[0].joined_at, last[0].id)):
        for card in cards or (None,):
            yield _customer(known, customer, card)


def _customer(known: Names, who: Customer, card: Card | None) -> CustomerLine:
    person = CustomerLine(
        customer_id=who.id,
        name=who.name,
        email=who.email,
        phone=who.phone,
        language=who.language,
        birthday=who.birthday,
        consent_at=who.consent_at,
        note=who.note,
        joined_at=who.joined_at,
        location_id=who.location_id,
        location=known.of(who.location_id),
        merged_into=who.merged_into,
        erased_at=who.erased_at,
    )
    if card is None:
        return person
    return replace(
        person,
        card_id=card.id,
        program_id=card.program_id,
        program=known.of(card.program_id),
        number=card.number,
        balance=card.balance,
        visits=card.visits,
        card_joined_at=card.joined_at,
        visited_at=card.visited_at,
        visited_location_id=card.location_id,
        visited_location=known.of(card.location_id),
        left_at=card.left_at,
    )


async def _coupons(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[CouponLine]:
    """Those that somebody was given, then the codes in pools, so that none of the business's own codes is missing."""

    def read(after: Place | None) -> Awaitable[Sequence[Coupon]]:
        return desk.store.coupons_on(known.business.id, since=since, after=after, limit=AT_ONCE)

    async for one in _walked(desk, read, lambda last: Place(last.issued_at, last.id)):
        yield _coupon(known, one)
    for offer in await desk.store.all_offers(known.business.id):
        async for one in _pooled(desk, known.business.id, offer.id):
            if since is None or one.issued_at >= since:
                yield _coupon(known, one)


def _pooled(desk: Desk, business_id: UUID, offer_id: UUID) -> AsyncIterator[Coupon]:
    def read(after: UUID | None) -> Awaitable[Sequence[Coupon]]:
        return desk.store.pool_on(business_id, offer_id, after=after, limit=AT_ONCE)

    return _walked(desk, read, lambda last: last.id)


def _coupon(known: Names, coupon: Coupon) -> CouponLine:
    return CouponLine(
        coupon_id=coupon.id,
        code=coupon.code,
        state=coupon.state,
        offer_id=coupon.offer_id,
        offer=known.of(coupon.offer_id),
        card_id=coupon.card_id,
        customer_id=coupon.customer_id,
        issued_at=coupon.issued_at,
        valid_from=coupon.valid_from,
        expires_at=coupon.expires_at,
        redemption_id=coupon.redemption_id,
        voided_at=coupon.voided_at,
        batch_id=coupon.batch_id,
    )


async def _redemptions(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[RedemptionLine]:
    def read(after: Place | None) -> Awaitable[Sequence[tuple[Redemption, Reversal | None, Sale | None]]]:
        return desk.store.redemptions_on(known.business.id, since=since, after=after, limit=AT_ONCE)

    async for done, back, sale in _walked(desk, read, lambda last: Place(last[0].at, last[0].id)):
        yield _redemption(known, done, back, sale)


def _redemption(known: Names, done: Redemption, back: Reversal | None, sale: Sale | None) -> RedemptionLine:
    line = RedemptionLine(
        redemption_id=done.id,
        kind=done.kind,
        at=done.at,
        coupon_id=done.coupon_id,
        offer_id=done.offer_id,
        offer=known.of(done.offer_id),
        card_id=done.card_id,
        customer_id=done.customer_id,
        location_id=done.location_id,
        location=known.of(done.location_id),
        staff_id=done.staff_id,
        staff=known.of(done.staff_id),
        channel=done.channel,
        reason=done.reason,
        basket_id=done.basket_id,
        receipt=sale.receipt if sale else "",
        amount=sale.amount if sale else None,
        currency=sale.currency if sale else "",
        counter_id=done.counter_id,
        counter=known.of(done.counter_id),
    )
    if back is None:
        return line
    return replace(
        line,
        reversal_id=back.id,
        reversed_at=back.at,
        reversal_location_id=back.location_id,
        reversal_location=known.of(back.location_id),
        reversal_staff_id=back.staff_id,
        reversal_staff=known.of(back.staff_id),
        reversal_reason=back.reason,
    )


async def _events(desk: Desk, known: Names, since: datetime | None) -> AsyncIterator[EventLine]:
    def read(after: int | None) -> Awaitable[Sequence[tuple[int, Event]]]:
        return desk.store.events_on(known.business.id, since=since, after=after or 0, limit=AT_ONCE)

    async for _, event in _walked(desk, read, lambda last: last[0]):
        yield _event(known, event)


def _event(known: Names, event: Event) -> EventLine:
    return EventLine(
        event_id=event.id,
        type=EVENT_TYPES[event.kind],
        at=event.at,
        customer_id=event.customer_id,
        card_id=event.card_id,
        coupon_id=event.coupon_id,
        count=event.amount,
        wallet=event.wallet,
        reason=event.reason,
        staff_id=event.staff_id,
        staff=known.of(event.staff_id),
        campaign_id=event.campaign_id,
        location_id=event.location_id,
        location=known.of(event.location_id),
    )


LINES: Final[Mapping[What, Callable[[Desk, Names, datetime | None], AsyncIterator[Any]]]] = {
    "customers": _customers,
    "coupons": _coupons,
    "redemptions": _redemptions,
    "events": _events,
}
"""The one list: what is exported, and how it is walked."""
