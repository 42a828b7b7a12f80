"""Goods of a receipt come back: what it earned is taken off the card again, once, and a reward that nobody has used with it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, counting, ledger, read
from app.desk.sales import fits
from app.desk.views import Look, ReturnedView, ReturnView
from app.store import Caller, CardFacts, Change, Count, Duplicate, Lost, Return, Row, Sale
from passes import cards
from passes.cards import Event
from passes.coupons import Coupon, voided
from passes.problems import Busy, NotFound, NothingToReturn
from passes.words import N_

Came = tuple[Sale, Sequence[Return]]
"""A sale, and what came back of it so far."""
Part = tuple[Came, int | None]
"""What comes back of it now: so much of what was paid, or (None) all that was left."""


async def take_back(
    desk: Desk,
    caller: Caller,
    receipt: str,
    *,
    amount: int | None,
    currency: str = "",
    once: Once,
    sold: Callable[[], Awaitable[Sequence[Came]]] | None = None,
) -> ReturnView:
    """Take back what a receipt earned: all that is left of it, or the part that an ``amount`` of what was paid had earned.

    ``sold`` reads the sales that are meant, where a till names them otherwise; ``receipt`` is then what they are called.

    Where one receipt earned on several cards, each gives back its part; of an amount, which is paid back once, the newest sale first.
    Raises NothingToReturn for a receipt that earned nothing here, or of which everything came back already; WrongCurrency.
    """
    fits(caller, currency)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        found = await (sold() if sold else desk.store.receipt(caller.business.id, receipt))
        parts = _parts([one for one in found if _left(one) != 0], amount)
        if not parts:
            raise NothingToReturn(receipt=receipt)
        back = _Back(desk, caller, receipt, now=now, look=desk.look(caller.business, once.language, now))
        await back.of(parts)
        view = ReturnView(receipt=receipt, amount=amount, cards=tuple(back.views))
        try:
            await desk.commit(
                now,
                changes=back.changes,
                counts=back.counts,
                rows=(*back.rows, *once.done(view, caller, now)),
                touches=back.touches,
            )
        except Lost:
            continue  # the card, or a reward of it, was used at that moment
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue  # somebody brought the same receipt back at that moment
        return view
    raise Busy(retry_after=1)


def _left(came: Came) -> int | None:
    """How much of what was paid did not come back yet; None if nobody knows, 0 if everything did."""
    sale, back = came
    if any(one.amount is None for one in back):
        return 0
    return max(0, sale.amount - sum(one.amount or 0 for one in back)) if sale.amount else None


def _parts(sales: Sequence[Came], amount: int | None) -> Sequence[Part]:
    """What comes back of which sale: all of each, or the amount over them, from the newest on.

    What a sale of unknown worth has of it nobody knows: it is the last, and has what is left.
    """
    if amount is None:
        return [(one, None) for one in sales]
    parts: list[Part] = []
    for one in sorted(sales, key=lambda came: (_left(came) is not None, came[0].id), reverse=True):
        if amount > 0:
            left = _left(one)
            parts.append((one, None if left is not None and amount >= left else amount))
            amount -= amount if left is None else min(left, amount)
    return parts


class _Back:
    """What a return comes to, card by card, to become true in one unit."""

    def __init__(self, desk: Desk, caller: Caller, receipt: str, *, now: datetime, look: Look) -> None:
        self._desk, self._caller, self._now, self._look = desk, caller, now, look
        self._why = desk.words.said(caller.business.languages[0], N_("Receipt {receipt} was returned"), receipt=receipt)
        self.views: list[ReturnedView] = []
        self.changes: list[Change] = []
        self.counts: list[Count] = []
        self.rows: list[Row] = []
        self.touches: list[UUID] = []

    async def of(self, parts: Sequence[Part]) -> None:
        """What each card gives back of these. Those of two cards that have become one since are that one's."""
        known: dict[UUID, tuple[CardFacts, list[Part]]] = {}
        for part in parts:
            (sale, _), _ = part
            facts = await self._facts(sale)
            known.setdefault(facts.card.id, (facts, []))[1].append(part)
        for facts, mine in known.values():
            await self._of_card(facts, mine)

    async def _of_card(self, facts: CardFacts, parts: Sequence[Part]) -> None:
        owed = [_owed(facts, one) for one in parts]
        back = cards.take_back(
            facts.card,
            facts.program,
            count=sum(owed),
            rewards=await self._rewards(facts, [sale for (sale, _), _ in parts]),
            rounds=[-line.amount for line in await self._rounds(facts)],
        )
        person, amount = self._caller.person, back.earned.balance - facts.card.balance
        event = ledger.corrected(
            self._desk, facts.card, amount, reason=self._why, at=self._now, by=person.staff_id, location_id=person.location_id
        )
        happened = bool(back.earned.lines or back.void)
        if happened:
            self._change(facts, event, back)
        taken = back.taken
        for part, count in zip(parts, owed, strict=True):
            self.rows.append(self._return(part, min(count, taken), event.id if happened else None))
            taken -= min(count, taken)
        gone = {coupon.id for coupon in back.void}
        after = ledger.after(facts, back.earned, (), (event,) if happened else ())
        after = replace(after, coupons=tuple(one for one in after.coupons if one.id not in gone))
        self.views.append(
            ReturnedView(
                taken=back.taken,
                short=back.short,
                voided=tuple(self._look.coupon(voided(one, at=self._now), facts.offers[one.offer_id]) for one in back.void),
                card=self._look.card(after),
            )
        )

    async def _facts(self, sale: Sale) -> CardFacts:
        facts = await self._desk.store.card_facts(business_id=sale.business_id, card_id=sale.card_id)
        if facts is None:
            raise NotFound(what=N_("card"))
        return await read.followed(self._desk, facts)

    async def _rewards(self, facts: CardFacts, sales: Sequence[Sale]) -> Sequence[Coupon]:
        events = [sale.event_id for sale in sales if sale.event_id]
        on = [facts.card.id, *(sale.card_id for sale in sales if sale.card_id)]
        return await self._desk.store.earned_since(facts.business.id, events, list(dict.fromkeys(on)))

    async def _rounds(self, facts: CardFacts) -> Sequence[cards.Entry]:
        lines = await self._desk.store.ledger(facts.business.id, facts.card.id)
        return [line for line in reversed(lines) if line.kind == "round" and line.amount < 0]

    def _change(self, facts: CardFacts, event: Event, back: cards.TakenBack) -> None:
        person, zone = self._caller.person, facts.business.tz
        self.changes.append(ledger.balanced(facts.card, back.earned))
        for coupon in back.void:
            seen = {"state": "active", "customer_id": coupon.customer_id}
            self.changes.append(Change(of=Coupon, id=coupon.id, seen=seen, to={"state": "voided", "voided_at": self._now}))
        self.counts += counting.corrected(facts.business.id, self._now, zone, location_id=person.location_id, staff_id=person.staff_id)
        self.counts += counting.voided(back.void, self._now, zone)
        self.rows += ledger.lines(self._desk, event, facts.card, back.earned, staff_id=person.staff_id, location_id=person.location_id)
        self.rows.append(event)
        self.rows += [replace(event, id=self._desk.world.new_id(), kind="voided", amount=0, coupon_id=one.id) for one in back.void]
        self.touches.append(facts.card.id)

    def _return(self, part: Part, taken: int, event_id: UUID | None) -> Return:
        (sale, back), amount = part
        person = self._caller.person
        return Return(
            id=self._desk.world.new_id(),
            business_id=sale.business_id,
            sale_id=sale.id,
            number=len(back) + 1,
            at=self._now,
            location_id=person.location_id,
            staff_id=person.staff_id,
            key_id=person.counter_id,
            amount=amount,
            taken=taken,
            event_id=event_id,
        )


def _owed(facts: CardFacts, part: Part) -> int:
    """What was left of a sale's stamps or points, less what is left after this."""
    (sale, back), amount = part
    before = sum(one.amount or 0 for one in back)
    left = cards.worth_left(facts.program, earned=sale.earned, paid=sale.amount, back=before)
    after = None if amount is None else before + amount
    return left - cards.worth_left(facts.program, earned=sale.earned, paid=sale.amount, back=after)
