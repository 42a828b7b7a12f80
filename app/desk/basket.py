"""Several codes are redeemed in one basket: all of them or none, or each by itself; in one unit with the answer, either way."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import combinations
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import ATTEMPTS, Desk, Once, Repeated, redeem, sales
from app.desk.present import Found, find
from app.desk.sales import Told
from app.desk.views import BasketView, ResultsView, ResultView
from app.store import Caller, Duplicate, Lost
from passes import coupons
from passes.coupons import Channel, Coupon, Hold, Presented, Redemption
from passes.problems import BasketRefused, Busy, Problem, Refused, ReservationRefused


class Twice(Exception):
    """Two codes of one basket are the same coupon: a mistake of whoever asks. ``places`` are theirs, from 0."""

    def __init__(self, places: tuple[int, int]) -> None:
        self.places = places
        super().__init__(places)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Codes as they are presented together at a moment, each with what it is, or why it is none; ``hold`` if they were held."""

    codes: tuple[str, ...]
    found: tuple[Found | Problem, ...]
    hold: Hold | None = None
    receipt: str = ""


class Good(msgspec.Struct, frozen=True, kw_only=True):
    """One code of a basket that can be redeemed."""

    code: str
    presented: Presented
    redemption: Redemption


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """One that cannot, and why; with its coupon, if there is one."""

    code: str
    problem: Problem
    coupon: Coupon | None


One = Good | Bad
Showing = Callable[[datetime], Awaitable[Shown]]
"""What is presented, read anew each time that somebody else was first."""
Written = Callable[[Problem], dict[str, object]]
"""Writes a problem's document."""


def showing(desk: Desk, caller: Caller, codes: Sequence[str]) -> Showing:
    """These codes, as they were typed or scanned."""

    async def one(code: str, now: datetime) -> Found | Problem:
        try:
            return await find(desk, caller, code, now, along=len(codes) - 1)
        except Problem as problem:
            return problem

    async def shown(now: datetime) -> Shown:
        return Shown(codes=tuple(codes), found=tuple(await gather(*(one(code, now) for code in codes))))

    return shown


async def redeem_all(desk: Desk, caller: Caller, shown: Showing, *, channel: Channel, once: Once, told: Told | None = None) -> BasketView:
    """Use up all of them, or none. Raises BasketRefused, after recording each refusal; Twice; WrongCurrency."""
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        presented = await shown(now)
        basket_id = presented.hold.id if presented.hold else desk.world.new_id()
        said = told or Told()
        sale = sales.row(desk, caller, replace(said, receipt=said.receipt or presented.receipt), now, basket_id=basket_id)
        ones = decided(desk, caller, presented, basket_id=basket_id, channel=channel, now=now)
        good = await refuse_together(desk, caller, ones, channel=channel, once=once, now=now)
        receipts = tuple(
            redeem.receipt_of(desk, caller, one.presented, one.redemption, language=once.language, sale=sale[0] if sale else None)
            for one in good
        )
        view = BasketView(basket_id=basket_id, redemptions=receipts)
        try:
            uses = [(one.presented, one.redemption) for one in good]
            await redeem.record(desk, caller, uses, kind="redemptions", rows=(*sale, *once.done(view, caller, now)), now=now)
        except Lost:
            continue
        return view
    raise Busy(retry_after=1)


async def redeem_each(
    desk: Desk, caller: Caller, shown: Showing, *, channel: Channel, once: Once, problem: Written, told: Told | None = None
) -> ResultsView:
    """Use up those that can be, and say of each other one why not; its refusal is recorded. Raises Twice; WrongCurrency."""
    if told:
        sales.fits(caller, told.currency)
    for _ in range(ATTEMPTS):
        now = desk.world.now()
        basket_id = desk.world.new_id()
        ones = decided(desk, caller, await shown(now), basket_id=basket_id, channel=channel, now=now)
        good = [one for one in ones if isinstance(one, Good)]
        sale = sales.row(desk, caller, told or Told(), now, basket_id=basket_id) if good else ()

        def result(one: One, sale: sales.Kept = sale) -> ResultView:
            if isinstance(one, Bad):
                return ResultView(code=one.code, problem=problem(one.problem))
            done = redeem.receipt_of(desk, caller, one.presented, one.redemption, language=once.language, sale=sale[0] if sale else None)
            return ResultView(code=one.code, redemption=done.redemption, coupon=done.coupon, customer=done.customer)

        view = ResultsView(basket_id=basket_id, results=tuple(result(one) for one in ones))
        rows, counts = redeem.refused(desk, caller, _refusals(ones), channel=channel, now=now)
        rows = (*sale, *rows, *once.done(view, caller, now, new=bool(good)))
        try:
            uses = [(one.presented, one.redemption) for one in good]
            await redeem.record(desk, caller, uses, kind="redemptions", rows=rows, counts=counts, now=now)
        except Lost:
            continue
        return view
    raise Busy(retry_after=1)


def decided(desk: Desk, caller: Caller, shown: Shown, *, basket_id: UUID | None, channel: Channel, now: datetime) -> tuple[One, ...]:
    """What the rule says of each, in their order: what is redeemed in front counts for the limits of what comes after. Raises Twice."""
    ids = [found.presented.coupon.id if isinstance(found, Found) else None for found in shown.found]
    for first, second in combinations(range(len(ids)), 2):
        if ids[first] is not None and ids[first] == ids[second]:
            raise Twice((first, second))
    ones: list[One] = []
    before: list[Redemption] = []
    places = sorted(desk.world.new_id() for _ in ids)  # a basket is read in the order of these
    for code, found, place in zip(shown.codes, shown.found, places, strict=True):
        if isinstance(found, Problem):
            ones.append(Bad(code=code, problem=found, coupon=None))
            continue
        try:
            redemption = coupons.redeem(
                coupons.after(found.presented, before),
                prefix=found.prefix,
                business=caller.business,
                person=caller.person,
                channel=channel,
                now=now,
                redemption_id=place,
                hold=shown.hold,
            )
        except Problem as problem:
            ones.append(Bad(code=code, problem=problem, coupon=found.presented.coupon))
        else:
            before.append(replace(redemption, basket_id=basket_id))
            ones.append(Good(code=code, presented=found.presented, redemption=before[-1]))
    return tuple(ones)


def _refusals(ones: Sequence[One]) -> list[tuple[str, Problem, Coupon | None]]:
    return [(one.code, one.problem, one.coupon) for one in ones if isinstance(one, Bad)]


async def refuse_together(
    desk: Desk,
    caller: Caller,
    ones: Sequence[One],
    *,
    channel: Channel,
    once: Once,
    now: datetime,
    problem: type[BasketRefused | ReservationRefused] = BasketRefused,
) -> list[Good]:
    """All of them, if all are good. If any is not, records each refusal and the answer in one unit, and raises the ``problem``."""
    wrong = _refusals(ones)
    if not wrong:
        return [one for one in ones if isinstance(one, Good)]
    all_ = problem(refusals=tuple(Refused(code, why) for code, why, _ in wrong))
    rows, counts = redeem.refused(desk, caller, wrong, channel=channel, now=now)
    try:
        await desk.commit(now, counts=counts, rows=(*rows, *once.refused(all_, caller, now)))
    except Duplicate as duplicate:
        raise Repeated from duplicate
    raise all_
