"""Offers are made and changed; a change that would break what was promised says beforehand whom it touches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit, changing, designs, programs, read
from app.store import Errand, Member, Revised
from passes.businesses import Business
from passes.offers import Offer, Validity, expiry, over
from passes.problems import ChangedMeanwhile
from passes.programs import Running

UNSEEN: Final = frozenset({"id", "state", "most", "most_each", "source", "low_water", "validity"})
"""What no card shows of an offer (a coupon's end stands on the coupon)."""
READ: Final = 1000
READ_AT_MOST: Final = 20_000
"""Coupons that are looked at to say what their new end would be; beyond that only their number is said."""


def narrower(was: Offer, became: Offer) -> tuple[str, ...]:
    """In which fields a coupon of the offer would be worth less, or something else, than was promised with it."""

    def fewer(old: int | None, new: int | None) -> bool:
        return new is not None and (old is None or new < old)

    less = {
        "benefit": became.benefit != was.benefit,
        "locations": bool(became.locations) and not (was.locations and set(was.locations) <= set(became.locations)),
        "windows": bool(became.windows) and not (was.windows and set(was.windows) <= set(became.windows)),
        "most": fewer(was.most, became.most),
        "most_each": fewer(was.most_each, became.most_each),
        "prefix": became.prefix != was.prefix,
        "at_kiosk": was.at_kiosk and not became.at_kiosk,
        "alone": was.alone and not became.alone,
    }
    return tuple(field for field, is_less in less.items() if is_less)


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """What another validity would do to the coupons that are out: how many end otherwise, on how many cards, when instead of when.

    ``was`` and ``becomes`` are the first and the last end of those that would change (None: never).
    """

    coupons: int
    cards: int
    earlier: int
    later: int
    at_once: int
    """Of those that end earlier, so many would be over at once."""
    was: tuple[datetime | None, datetime | None] | None
    becomes: tuple[datetime | None, datetime | None] | None


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a change of an offer touches: coupons that are out, on so many cards; in which fields they would be worth less."""

    coupons: int
    cards: int
    narrower: tuple[str, ...]
    ends: Ends | None

    @property
    def anybody(self) -> bool:
        """Whether a promise is at stake."""
        return bool(self.coupons and (self.narrower or self.ends))


async def touched(desk: Desk, business: Business, was: Offer, became: Offer) -> Touched:
    """Whom a change would touch."""
    now = desk.world.now()
    coupons, cards = (await desk.store.outstanding(business.id, now=now)).get(was.id, (0, 0))
    ends = None
    if coupons and became.validity != was.validity:
        ends = await _ends(desk, business, was, became.validity, now) if coupons <= READ_AT_MOST else None
        ends = ends or Ends(coupons=coupons, cards=cards, earlier=0, later=0, at_once=0, was=None, becomes=None)
    return Touched(coupons=coupons, cards=cards, narrower=narrower(was, became), ends=ends)


async def _ends(desk: Desk, business: Business, was: Offer, validity: Validity, now: datetime) -> Ends:
    pairs: list[tuple[datetime | None, datetime | None]] = []
    on_cards: set[UUID] = set()
    after: UUID | None = None
    while True:
        page = await desk.store.coupons(business.id, offer_id=was.id, after=after, limit=READ)
        for coupon in page:
            begins = coupon.valid_from or coupon.issued_at
            usual = coupon.expires_at == expiry(was.validity, issued_at=begins, zone=business.tz)
            ends = expiry(validity, issued_at=begins, zone=business.tz)
            if coupon.state == "active" and not over(coupon.expires_at, now) and usual and ends != coupon.expires_at:
                pairs.append((coupon.expires_at, ends))
                on_cards |= {coupon.card_id} if coupon.card_id else set()
        if len(page) < READ:
            break
        after = page[-1].id
    earlier = [(old, new) for old, new in pairs if new is not None and (old is None or new < old)]
    return Ends(
        coupons=len(pairs),
        cards=len(on_cards),
        earlier=len(earlier),
        later=len(pairs) - len(earlier),
        at_once=sum(over(new, now) for _, new in earlier),
        was=_span([old for old, _ in pairs]),
        becomes=_span([new for _, new in pairs]),
    )


def _span(ends: Sequence[datetime | None]) -> tuple[datetime | None, datetime | None] | None:
    if not ends:
        return None
    known = sorted(end for end in ends if end is not None)
    never = len(known) < len(ends)
    return (known[0] if known else None, None if never else known[-1])


async def make(desk: Desk, actor: Member, offer: Offer) -> Offer:
    """A new offer; the business learns its prefix, by which codes are read. Raises ChangedMeanwhile."""
    made = audit.line(desk, actor.staff.id, "offer.made", None, offer)
    await audit.revise(desk, actor.staff.id, "business.changed", *_learning(actor.business, offer), rows=(offer, made))
    return offer


def _learning(business: Business, offer: Offer) -> tuple[tuple[Business, Business], ...]:
    """The business as it must become to read the codes of an offer: nothing if it does already. Old prefixes stay: they are printed."""
    if not offer.prefix or offer.prefix in business.prefixes:
        return ()
    return ((business, replace(business, prefixes=tuple(sorted({*business.prefixes, offer.prefix})))),)


async def change(desk: Desk, actor: Member, was: Offer, became: Offer, *, given: bool = False) -> tuple[Offer, Errand | None]:
    """Another offer from now on, as it now is, and the errand that brings it to coupons or cards, if one is needed.

    With ``given`` what is out changes too. Without, coupons that are out stay as they were promised: they keep their end, and where
    they would be worth less, the changed offer is a new one, given from now on in place of the old. Raises ChangedMeanwhile, and
    StillReaching where that moves goals that have just been moved.
    """
    if was == became:
        return was, None
    business, staff_id = actor.business, actor.staff.id
    coupons, _ = (await desk.store.outstanding(business.id, now=desk.world.now())).get(was.id, (0, 0))
    if coupons and narrower(was, became) and not given:
        return await _instead(desk, actor, was, replace(became, id=desk.world.new_id()))
    lines = [audit.line(desk, staff_id, "offer.changed", was, became)]
    pairs = _learning(business, became)
    lines += [audit.line(desk, staff_id, "business.changed", *pair) for pair in pairs]
    ends = redraw = None
    if coupons and given and became.validity != was.validity:
        ends = changing.errand(desk, business.id, staff_id, changing.Expiry(offer_id=was.id, was=was.validity), total=coupons)
    if any(getattr(was, name) != getattr(became, name) for name in set(Offer.__struct_fields__) - UNSEEN):
        there = await desk.store.programs(business.id)
        showing = [program.id for program in there if coupons or programs.uses(program, was.id)]
        redraw = await designs.redrawing(desk, business.id, showing, staff_id)
    if not await desk.store.revise([(was, became), *pairs], [*lines, *(one for one in (ends, redraw) if one)]):
        raise ChangedMeanwhile
    await designs.instead_of_older(desk, redraw)
    return became, redraw or ends


async def _instead(desk: Desk, actor: Member, was: Offer, new: Offer) -> tuple[Offer, Errand | None]:
    """A new offer takes an old one's place: in programs, and in campaigns that are still to give something."""
    business, staff_id = actor.business, actor.staff.id
    there = [program for program in await desk.store.programs(business.id) if programs.uses(program, was.id)]
    giving = [each for each in await desk.store.campaigns(business.id) if each.offer_id == was.id and each.state in _STILL]
    pairs: tuple[tuple[str, tuple[Revised, Revised]], ...] = (
        ("offer.changed", (was, replace(was, state="archived"))),
        *(("program.changed", (program, programs.with_offer(program, was.id, new.id))) for program in there),
        *(("campaign.changed", (each, replace(each, offer_id=new.id))) for each in giving),
        *(("business.changed", pair) for pair in _learning(business, new)),
    )
    lines = [audit.line(desk, staff_id, what, *pair) for what, pair in pairs]
    lines.append(audit.line(desk, staff_id, "offer.made", None, new))
    await changing.settled(desk, business.id, [program.id for program in there])
    redraw = await designs.redrawing(desk, business.id, [program.id for program in there], staff_id)
    if not await desk.store.revise([pair for _, pair in pairs], (new, *lines, *((redraw,) if redraw else ()))):
        raise ChangedMeanwhile
    await designs.instead_of_older(desk, redraw)
    return new, redraw


_STILL: Final = frozenset({"draft", "scheduled", "running", "paused"})
"""Campaigns that are still to give something."""


async def set_state(desk: Desk, actor: Member, offer_id: UUID, state: Running) -> Offer:
    """Pause an offer, let it be given again, or put it away. Raises NotFound and ChangedMeanwhile."""
    offer = await read.offer(desk, actor.business.id, offer_id)
    became = replace(offer, state=state)
    await audit.revise(desk, actor.staff.id, "offer.changed", (offer, became))
    return became


def low(offer: Offer, pools: Mapping[UUID, int]) -> bool:
    """Whether the pool of an offer is about to run dry."""
    return offer.source == "pool" and offer.state == "running" and pools.get(offer.id, 0) <= offer.low_water
