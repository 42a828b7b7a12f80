"""A change of terms reaches what was given already: cards whose goals have moved, coupons whose validity has. An errand."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, counting, giving, ledger, portions, read
from app.store import Change, Count, Errand, Portion, Row
from passes import cards
from passes.businesses import Business
from passes.campaigns import Rules
from passes.cards import Card, Event
from passes.coupons import Coupon
from passes.offers import Validity, expiry, over
from passes.problems import CannotEarn, NotFound, StillReaching
from passes.programs import Goal
from passes.words import N_

PORTION: Final = 100
"""Cards or coupons of one unit: a few milliseconds of the writer."""
NOBODY: Final = UUID(int=0)
MOVING: Final = frozenset({"stamped", "corrected", "merged"})
"""What adds or takes away stamps or points: each is a line of the ledger, too."""
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Goals(msgspec.Struct, frozen=True, kw_only=True, tag="goals"):
    """The goals of a program have moved; ``was`` are those of before. With ``keep`` nobody is to be farther (see cards.moved).

    What happened to a card after ``tick``, a place on the clock of changes before the goals moved, came with them or after them.
    """

    program_id: UUID
    was: tuple[Goal, ...]
    keep: bool
    tick: int


class Expiry(msgspec.Struct, frozen=True, kw_only=True, tag="expiry"):
    """The validity of an offer has changed, also for the coupons that are out; ``was`` is that of before."""

    offer_id: UUID
    was: Validity


About = Goals | Expiry


def errand(desk: Desk, business_id: UUID, staff_id: UUID, about: About, *, total: int) -> Errand | None:
    """What brings it to all that it is about, to be committed with the change; None if that is nobody."""
    if not total:
        return None
    now = desk.world.now()
    return Errand(
        id=desk.world.new_id(),
        business_id=business_id,
        kind="change",
        body=msgspec.json.encode(about).decode(),
        made_by=staff_id,
        made_at=now,
        total=total,
        due_at=now,
    )


async def settled(desk: Desk, business_id: UUID, program_ids: Collection[UUID]) -> None:
    """Raises StillReaching while goals of these programs that have moved have not reached all cards: their next move must wait."""
    for one, portion in await desk.store.errands(business_id, kind="change"):
        over_ = one.ended_at or one.stopped_at or (portion and portion.last)
        about = None if over_ else msgspec.json.decode(one.body, type=About)
        if isinstance(about, Goals) and about.program_id in program_ids:
            raise StillReaching


class _Found(msgspec.Struct, kw_only=True):
    """What a portion comes to."""

    changes: list[Change] = []
    rows: list[Row] = []
    counts: list[Count] = []
    touches: list[UUID] = []
    done: int = 0
    failed: int = 0
    after: str = ""
    last: bool = False


async def portion(desk: Desk, errand: Errand, last: Portion | None) -> Portion:
    """The story of a change of terms (app.errands)."""
    about = msgspec.json.decode(errand.body, type=About)
    now = desk.world.now()
    after = UUID(last.after) if last else None
    found = await (_goals(desk, errand, about, after, now) if isinstance(about, Goals) else _expiry(desk, errand, about, after, now))
    came = portions.following(desk, errand, last, now, done=found.done, failed=found.failed, after=found.after, more=not found.last)
    await desk.commit(now, changes=found.changes, counts=found.counts, rows=(*found.rows, came), touches=found.touches)
    return came


async def _goals(desk: Desk, errand: Errand, about: Goals, after: UUID | None, now: datetime) -> _Found:
    known = await desk.store.program_with_business(about.program_id)
    if known is None:
        raise NotFound(what=N_("program"))
    program, business = known
    was = replace(program, goals=about.was)
    rules = Rules(program_id=program.id)
    held = await desk.store.segment(business.id, rules, now=now, zone=business.tz, after=after, limit=PORTION)
    found = _Found(after=str(held[-1][0].id if held else after or program.id), last=len(held) < PORTION)
    here = (await desk.store.locations(business.id))[0].id
    since: dict[UUID, list[tuple[Event, UUID | None]]] = {}
    for event, offer_id in await desk.store.since([card.id for card, _ in held], about.tick):
        since.setdefault(event.card_id or NOBODY, []).append((event, offer_id))
    for card, _ in held:
        found.touches.append(card.id)
        happened = since.get(card.id, ())
        added = [event.amount for event, _ in happened if event.kind in MOVING and event.amount]
        try:
            if added:
                earned = cards.caught_up(
                    card,
                    was,
                    program,
                    keep=about.keep,
                    held=await _held(desk, card, len(added)),
                    added=added,
                    given=[offer_id for event, offer_id in happened if event.kind == "earned" and offer_id],
                )
            else:
                earned = cards.moved(card, was, program, keep=about.keep)
        except CannotEarn:  # more rewards at once than anybody is given: somebody must look at this card
            found.failed += 1
            continue
        found.done += 1
        if earned.lines or earned.goals:
            await _move(desk, business, card, earned, found=found, errand=errand, here=here, now=now)
    return found


async def _held(desk: Desk, card: Card, after: int) -> int:
    """What was on a card before the last so many times that something was added or taken away."""
    lines = await desk.store.ledger(card.business_id, card.id)
    moves = [number for number, line in enumerate(lines) if line.kind != "round"]
    first = moves[-after]
    return lines[first - 1].balance if first else 0


async def _move(
    desk: Desk, business: Business, card: Card, earned: cards.Earned, *, found: _Found, errand: Errand, here: UUID, now: datetime
) -> None:
    """What becomes of one card, added to what the portion comes to."""
    offers = await desk.store.offers(business.id, [goal.offer_id for goal in earned.goals])
    given = await giving.give(desk, business, [offers[goal.offer_id] for goal in earned.goals], now=now, card=card, or_mint=True)
    why = desk.words.said(business.languages[0], N_("The program's goals have changed"))
    amount = sum(amount for kind, amount, _ in earned.lines if kind == "corrected")
    event = ledger.corrected(desk, card, amount, reason=why, at=now, by=errand.made_by)
    found.rows += ledger.lines(desk, event, card, earned, staff_id=errand.made_by, location_id=card.location_id or here)
    found.rows += [*([event] if event.amount else []), *given.rows, *ledger.rewards(desk, event, given.coupons, by=errand.made_by)]
    found.changes += [ledger.balanced(card, earned), *given.changes]
    found.counts += counting.issued(given.coupons, business.tz)


async def _expiry(desk: Desk, errand: Errand, about: Expiry, after: UUID | None, now: datetime) -> _Found:
    offers = await desk.store.offers(errand.business_id, [about.offer_id])
    business = await read.business(desk, errand.business_id)
    offer = offers[about.offer_id]
    there = await desk.store.coupons(errand.business_id, offer_id=offer.id, after=after, limit=PORTION)
    found = _Found(after=str(there[-1].id if there else after or offer.id), last=len(there) < PORTION)
    for coupon in there:
        if coupon.state != "active" or over(coupon.expires_at, now):
            continue
        found.done += 1
        begins = coupon.valid_from or coupon.issued_at
        if coupon.expires_at != expiry(about.was, issued_at=begins, zone=business.tz):
            continue  # it has an end of its own: extended, or imported with it
        ends = expiry(offer.validity, issued_at=begins, zone=business.tz)
        if ends == coupon.expires_at:
            continue
        seen = {"state": "active", "expires_at": coupon.expires_at}
        found.changes.append(Change(of=Coupon, id=coupon.id, seen=seen, to={"expires_at": ends}))
        found.touches += [coupon.card_id] if coupon.card_id else []
    return found
