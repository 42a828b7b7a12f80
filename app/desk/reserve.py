"""Coupons are held for a basket: nobody else redeems them, until it is redeemed or released, or its time is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, basket, limits
from app.desk.basket import Shown
from app.desk.present import Found
from app.desk.sales import Told
from app.desk.views import BasketView, ReservationView
from app.store import Caller, Change, Duplicate, Lost, Place, Reservation
from passes import codes
from passes.coupons import Coupon, Hold, Presented
from passes.problems import Busy, NotFound, NotHeld
from passes.words import N_


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a reservation stands: ``ended`` is when it did, or will."""

    reservation: Reservation
    state: Literal["held", "redeemed", "released", "ended"]
    ended: datetime
    presented: tuple[Presented, ...]


async def hold(desk: Desk, caller: Caller, typed: Sequence[str], *, minutes: int, receipt: str, once: Once) -> ReservationView:
    """Hold all of them, or none. Raises BasketRefused, after recording each refusal; basket.Twice."""
    shown = basket.showing(desk, caller, typed)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        ones = basket.decided(desk, caller, await shown(now), basket_id=None, channel="api", now=now)
        good = await basket.refuse_together(desk, caller, ones, channel="api", once=once, now=now)
        presented = tuple(one.presented for one in good)
        reservation = Reservation(
            id=desk.world.new_id(),
            business_id=caller.business.id,
            key_id=caller.person.counter_id,
            location_id=caller.person.location_id,
            staff_id=caller.person.staff_id,
            at=now,
            until=now + timedelta(minutes=minutes),
            coupon_ids=tuple(one.coupon.id for one in presented),
            receipt=receipt,
        )
        view = _view(desk, caller, _as_held(reservation, presented), language=once.language, now=now)
        to = {"held_by": reservation.id, "held_until": reservation.until}
        changes = [Change(of=Coupon, id=one.coupon.id, seen=_as_seen(one.coupon), to=to) for one in presented]
        try:
            await desk.commit(now, changes=changes, rows=(reservation, *once.done(view, caller, now)))
        except Lost:
            continue
        except Duplicate as duplicate:
            raise Repeated from duplicate
        return view
    raise Busy(retry_after=1)


async def redeem(desk: Desk, caller: Caller, reservation_id: UUID, *, told: Told | None, once: Once) -> BasketView:
    """Redeem what is held, all of it or nothing; as far as time goes, as if it were still the moment of the hold.

    Raises NotFound, NotHeld, BasketRefused and WrongCurrency.
    """

    async def shown(now: datetime) -> Shown:
        standing = await _standing(desk, caller, reservation_id, now)
        if standing.state != "held":
            raise NotHeld(until=standing.ended)
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
    """Let go what is held. Raises NotFound, and NotHeld for one that has ended, in whatever way."""
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        standing = await _standing(desk, caller, reservation_id, now)
        if standing.state != "held":
            raise NotHeld(until=standing.ended)
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
        changes = [Change(of=Coupon, id=one.coupon.id, seen={"held_by": reservation_id}, to=free) for one in standing.presented]
        try:
            await desk.commit(now, changes=changes, rows=(let_go, *once.done(view, caller, now)))
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
