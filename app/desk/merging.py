"""Two customers turn out to be one person: their cards, coupons and contacts become one, in one unit, and nothing is lost."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, SOON, Desk, audit, counting, giving, ledger
from app.desk.customers import customer
from app.store import Change, Count, Duplicate, Lost, Merge, Row, Unit
from passes import cards
from passes.businesses import Business
from passes.cards import Card, Customer, Earned, Entry, Event
from passes.offers import Offer
from passes.problems import Busy, NotFound
from passes.programs import Program
from passes.words import N_


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A card that goes, the card that stays, and what comes of it: the new balance and the rewards earned by that."""

    program: Program
    ours: Card
    theirs: Card
    earned: Earned
    rewards: tuple[Offer, ...]

    @property
    def emptied(self) -> Earned:
        """What becomes of the card that goes."""
        held = self.theirs.balance
        return Earned(balance=0, lines=(("merged", -held, 0),) if held else (), goals=())


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What making two customers one would do: cards that become one, cards that come along as they are, and who they are then."""

    keep: Customer
    other: Customer
    kept: Customer
    joined: tuple[Joined, ...]
    along: tuple[Card, ...]


async def plan(desk: Desk, business: Business, keep_id: UUID, other_id: UUID) -> Plan:
    """What ``merge`` would do now. Raises NotFound for a customer who is not there (any more), and for one person named twice."""
    if keep_id == other_id:
        raise NotFound(what=N_("customer"))
    keep, other = await customer(desk, business.id, keep_id), await customer(desk, business.id, other_id)
    programs = {one.id: one for one in await desk.store.programs(business.id)}
    ours = {one.program_id: one for one in await desk.store.cards_of(business.id, keep_id) if one.left_at is None}
    theirs = await desk.store.cards_of(business.id, other_id)
    pairs = [(ours[one.program_id], one) for one in theirs if one.left_at is None and one.program_id in ours]
    goals = {goal.offer_id for one in programs.values() for goal in one.goals}
    offers = await desk.store.offers(business.id, list(goals)) if pairs else {}
    joined = [_joined(programs[one.program_id], one, another, offers) for one, another in pairs]
    gone = {one.theirs.id for one in joined}
    return Plan(
        keep=keep,
        other=other,
        kept=_kept(keep, other),
        joined=tuple(joined),
        along=tuple(one for one in theirs if one.id not in gone and one.left_at is None),
    )


async def merge(desk: Desk, business: Business, staff_id: UUID, keep_id: UUID, other_id: UUID) -> Customer:
    """Make two customers one: ``other`` is merged into ``keep``. Raises NotFound as ``plan`` does.

    A stamp or a redemption at the same moment comes before or after it: whoever is second reads again and decides again.
    """
    locations = await desk.store.locations(business.id)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        ours, theirs = [await desk.store.cards_of(business.id, one) for one in (keep_id, other_id)]
        planned = await plan(desk, business, keep_id, other_id)
        changes: list[Change] = []
        counts: list[Count] = []
        rows: list[Row] = [
            audit.line(desk, staff_id, "customer.merged", planned.keep, planned.kept),
            audit.line(desk, staff_id, "customer.merged", planned.other, replace(planned.other, merged_into=keep_id)),
        ]
        gone = {one.theirs.id for one in planned.joined}
        # Nobody has proven that they are one: who has a link to a card of the other gets none to the one who stays.
        changes += [
            Change(of=Card, id=one.id, seen={"key": one.key}, to={"key": desk.world.token()}) for one in theirs if one.id not in gone
        ]
        for one in planned.joined:
            given = await giving.give(desk, business, one.rewards, now=now, card=one.ours, or_mint=True)
            where = one.theirs.location_id or one.ours.location_id or locations[0].id
            events, entries = _recorded(desk, one, now=now, staff_id=staff_id, location_id=where)
            changes += [*_changes(one, now), *given.changes]
            counts += counting.issued(given.coupons, business.tz)
            rows += [*entries, *events, *given.rows, *ledger.rewards(desk, events[0], given.coupons)]
        # All cards of both change: who joins as either at this moment is second, and a card that is not among these is looked at first.
        touches = tuple(one.id for one in (*ours, *theirs))
        unit = Unit(at=now, due_at=now + SOON, changes=tuple(changes), counts=tuple(counts), rows=tuple(rows), touches=touches)
        pairs = {one.theirs.id: one.ours.id for one in planned.joined}
        try:
            await desk.store.merge(Merge(keep=planned.keep, kept=planned.kept, other=planned.other, cards=pairs, unit=unit))
        except (Lost, Duplicate):
            continue
        desk.bell()
        desk.news(business.id)
        return planned.kept
    raise Busy(retry_after=1)


def _kept(keep: Customer, other: Customer) -> Customer:
    """The one person: what is not known of the one is known of the other, and who agreed once has agreed."""
    return replace(
        keep,
        email=keep.email or other.email,
        phone=keep.phone or other.phone,
        birthday=keep.birthday or other.birthday,
        consent_at=keep.consent_at or other.consent_at,
        note="\n".join(one for one in (keep.note, other.note) if one),
        joined_at=min(keep.joined_at, other.joined_at),
        location_id=keep.location_id or other.location_id,
        maybe_id=None if keep.maybe_id == other.id else keep.maybe_id,
    )


def _joined(program: Program, ours: Card, theirs: Card, offers: Mapping[UUID, Offer]) -> Joined:
    earned = cards.merge(ours, theirs, program)
    return Joined(program=program, ours=ours, theirs=theirs, earned=earned, rewards=tuple(offers[goal.offer_id] for goal in earned.goals))


def _changes(one: Joined, now: datetime) -> tuple[Change, Change]:
    """Ours has what both had; theirs has nothing any more, and is left. Neither may have changed since it was read."""
    seen = [when for when in (one.ours.visited_at, one.theirs.visited_at) if when is not None]
    visited = {"visits": one.ours.visits + one.theirs.visits, "visited_at": max(seen, default=None)}
    return ledger.balanced(one.ours, one.earned, **visited), ledger.balanced(one.theirs, one.emptied, left_at=now)


def _recorded(desk: Desk, one: Joined, *, now: datetime, staff_id: UUID, location_id: UUID) -> tuple[Sequence[Event], Sequence[Entry]]:
    """In both stories that the cards were joined; in both ledgers what came and went. They sum up to what was there before."""
    event = Event(
        id=desk.world.new_id(),
        business_id=one.ours.business_id,
        card_id=one.ours.id,
        customer_id=one.ours.customer_id,
        kind="merged",
        at=now,
        amount=one.theirs.balance,
        staff_id=staff_id,
    )
    gone = replace(event, id=desk.world.new_id(), card_id=one.theirs.id, customer_id=one.theirs.customer_id, amount=-one.theirs.balance)
    by = {"staff_id": staff_id, "location_id": location_id}
    entries = (*ledger.lines(desk, event, one.ours, one.earned, **by), *ledger.lines(desk, gone, one.theirs, one.emptied, **by))
    return (event, gone), entries
