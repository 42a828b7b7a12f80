"""Coupons are held for a basket: nobody else redeems them, until it is redeemed or released, or its time is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, basket, limits
from app.desk.basket import Bad, Good, One, Shown
from app.desk.present import Found
from app.desk.sales import Told
from app.desk.views import BasketView, ReservationView
from app.store import Caller, Change, Duplicate, Lost, Place, Reservation, Tally
from passes import codes
from passes.coupons import LONGEST_HOLD, Coupon, Ended, Hold, Presented, hold_until, not_held
from passes.problems import AnotherTill, Busy, HeldTooLong, NotFound, ReservationRefused
from passes.words import N_


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a reservation stands: ``ended`` is when it did, or will."""

    reservation: Reservation
    state: Literal["held"] | Ended
    ended: datetime
    presented: tuple[Presented, ...]

    def must_be_held(self) -> None:
        """Raises NotHeld, and says what became of it."""
        if self.state != "held":
            raise not_held(self.state, self.ended)


async def hold(desk: Desk, caller: Caller, typed: Sequence[str], *, minutes: int, receipt: str, once: Once) -> ReservationView:
    """Hold all of them, or none; fewer ``minutes`` of what was held already. They count for limits as if they were redeemed.

    Raises ReservationRefused, after recording each refusal; basket.Twice.
    """
    shown = basket.showing(desk, caller, typed)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        ones = basket.decided(desk, caller, await shown(now), basket_id=None, channel="api", now=now)
        ones, until = await _as_long(desk, caller, ones, timedelta(minutes=minutes), now)
        good = await basket.refuse_together(desk, caller, ones, channel="api", once=once, now=now, problem=ReservationRefused)
        presented = tuple(one.presented for one in good)
        reservation = Reservation(
            id=desk.world.new_id(),
            business_id=caller.business.id,
            key_id=caller.person.counter_id,
            location_id=caller.person.location_id,
            staff_id=caller.person.staff_id,
            at=now,
            until=until,
            coupon_ids=tuple(one.coupon.id for one in presented),
            receipt=receipt,
        )
        view = _view(desk, caller, _as_held(reservation, presented), language=once.language, now=now)
        to = {"held_by": reservation.id, "held_until": reservation.until}
        changes = [Change(of=Coupon, id=one.coupon.id, seen=_as_seen(one.coupon), to=to) for one in presented]
        try:
            await desk.commit(now, changes=changes, tallies=_counted(presented), rows=(reservation, *once.done(view, caller, now)))
        except Lost:
            continue
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return view
    raise Busy(retry_after=1)


async def redeem(desk: Desk, caller: Caller, reservation_id: UUID, *, told: Told | None, once: Once) -> BasketView:
    """Redeem what is held, all of it or nothing; as far as time goes, as if it were still the moment of the hold.

    Raises NotFound, AnotherTill, NotHeld, BasketRefused and WrongCurrency.
    """

    async def shown(now: datetime) -> Shown:
        standing = await _theirs(desk, caller, reservation_id, now)
        held = standing.reservation
        done = await limits.done(desk, caller, "redemptions", now)
        return Shown(
            codes=tuple(codes.joined(one.coupon.code, one.offer.prefix) for one in standing.presented),
            found=tuple(Found(replace(one, redeemed_by_staff=done), "") for one in standing.presented),
            hold=Hold(id=held.id, at=held.at, until=held.until),
            receipt=held.receipt,
        )

    return await basket.redeem_all(desk, caller, shown, channel="api", once=once, told=told)


async def release(desk: Desk, caller: Caller, reservation_id: UUID, *, once: Once) -> ReservationView:
    """Let go what is held. Raises NotFound, AnotherTill, and NotHeld for one that has ended, in whatever way."""
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        standing = await _theirs(desk, caller, reservation_id, now)
        let_go = replace(
            standing.reservation,
            id=_release_of(reservation_id),
            key_id=caller.person.counter_id,
            location_id=caller.person.location_id,
            staff_id=caller.person.staff_id,
            at=now,
            coupon_ids=(),
            releases=reservation_id,
        )
        became = replace(standing, state="released", ended=now)
        view = _view(desk, caller, became, language=once.language, now=now)
        free = {"held_by": None, "held_until": None}
        still = [one for one in standing.presented if one.coupon.held_by == reservation_id]  # not what was voided, and freed by that
        seen = [{"held_by": reservation_id, "customer_id": one.coupon.customer_id} for one in still]
        changes = [Change(of=Coupon, id=one.coupon.id, seen=was, to=free) for one, was in zip(still, seen, strict=True)]
        try:
            await desk.commit(now, changes=changes, tallies=_counted(still, by=-1), rows=(let_go, *once.done(view, caller, now)))
        except Lost:
            continue
        except Duplicate as duplicate:
            if duplicate.of == "Kept":
                raise Repeated from duplicate
            continue
        return view
    raise Busy(retry_after=1)


async def reservation(desk: Desk, caller: Caller, reservation_id: UUID, *, language: str) -> ReservationView:
    """A reservation, and how it stands. Raises NotFound."""
    now = desk.world.now()
    return _view(desk, caller, await _standing(desk, caller, reservation_id, now), language=language, now=now)


async def holding(desk: Desk, caller: Caller, *, language: str, after: Place | None, limit: int) -> list[ReservationView]:
    """What is held now, the newest first, after a place."""
    now = desk.world.now()
    found = await desk.store.holding(caller.business.id, now=now, after=after, limit=limit)
    standing = [_as_held(one, await _presented(desk, one)) for one in found]
    return [_view(desk, caller, one, language=language, now=now) for one in standing]


async def _as_long(desk: Desk, caller: Caller, ones: Sequence[One], wanted: timedelta, now: datetime) -> tuple[tuple[One, ...], datetime]:
    """The same, without what was held for too long already, whoever held it; and until when all of them may be held."""
    ids = [one.presented.coupon.id for one in ones if isinstance(one, Good)]
    rows = await desk.store.held_lately(caller.business.id, ids, since=now - 3 * LONGEST_HOLD) if ids else ()
    let_go = await desk.store.reservations(caller.business.id, [_release_of(one.id) for one in rows]) if rows else ()
    ended = dict(await desk.store.redeemed_at(caller.business.id, [one.id for one in rows])) if rows else {}
    ended |= {one.releases: one.at for one in let_go if one.releases}
    until = now + wanted
    judged: list[One] = []
    for one in ones:
        judged.append(one)
        if isinstance(one, Good):
            coupon = one.presented.coupon
            try:
                held = [(row.at, min(ended.get(row.id, row.until), now)) for row in rows if coupon.id in row.coupon_ids]
                until = min(until, hold_until(wanted, now=now, held=held))
            except HeldTooLong as problem:
                judged[-1] = Bad(code=one.code, problem=problem, coupon=coupon)
    return tuple(judged), until


def _counted(ones: Sequence[Presented], *, by: Literal[1, -1] = 1) -> list[Tally]:
    """What the offers' limits count of coupons that are held or let go; of one whose last hold is over, nothing new."""
    limited = any(one.offer.limited for one in ones)
    each = [(one, 0 if by > 0 and one.coupon.held_by else by) for one in ones]
    return [tally for one, n in each for tally in limits.of_offer(one.offer, one.coupon, by=n, always=limited)]


async def _theirs(desk: Desk, caller: Caller, reservation_id: UUID, now: datetime) -> Standing:
    """One that is held, and by the caller: by its key, at its location, or by whoever may manage. Raises NotFound, NotHeld, AnotherTill."""
    standing = await _standing(desk, caller, reservation_id, now)
    standing.must_be_held()
    held, person = standing.reservation, caller.person
    if held.key_id != person.counter_id and held.location_id != person.location_id and "manage" not in caller.scopes:
        places = {one.id: one.name for one in await desk.store.locations(caller.business.id)}
        raise AnotherTill(location=places.get(held.location_id, ""))
    return standing


async def _standing(desk: Desk, caller: Caller, reservation_id: UUID, now: datetime) -> Standing:
    business_id = caller.business.id
    found = await desk.store.reservation(business_id, reservation_id)
    if found is None or found.releases:
        raise NotFound(what=N_("reservation"))
    held = _as_held(found, await _presented(desk, found))
    if used := await desk.store.basket(business_id, reservation_id):
        return replace(held, state="redeemed", ended=used[0][0].at)
    if released := await desk.store.reservation(business_id, _release_of(reservation_id)):
        return replace(held, state="released", ended=released.at)
    return held if now < found.until else replace(held, state="ended")


async def _presented(desk: Desk, of: Reservation) -> tuple[Presented, ...]:
    found = [await desk.store.coupon(of.business_id, coupon_id) for coupon_id in of.coupon_ids]
    return tuple(one for one in found if one is not None)


def _as_held(of: Reservation, presented: tuple[Presented, ...]) -> Standing:
    return Standing(reservation=of, state="held", ended=of.until, presented=presented)


def _as_seen(coupon: Coupon) -> dict[str, object]:
    return {"state": "active", "customer_id": coupon.customer_id, "held_by": coupon.held_by, "held_until": coupon.held_until}


def _release_of(reservation_id: UUID) -> UUID:
    """The id of the row that releases it: a second one is a Duplicate."""
    return uuid5(reservation_id, "released")


def _view(desk: Desk, caller: Caller, of: Standing, *, language: str, now: datetime) -> ReservationView:
    look = desk.look(caller.business, language, now)
    return ReservationView(
        id=of.reservation.id,
        state=of.state,
        at=look.at(of.reservation.at),
        until=look.at(of.ended if of.state != "held" else of.reservation.until),
        receipt=of.reservation.receipt,
        coupons=tuple(look.presented(one) for one in of.presented),
    )
