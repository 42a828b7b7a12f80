"""Where coupons come from: minted, or drawn from the codes that the business brought. Nobody else makes one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from app.desk import Desk
from app.store import Change
from passes import codes, coupons
from passes.businesses import Business
from passes.cards import Card
from passes.coupons import Coupon
from passes.offers import Offer
from passes.problems import PoolEmpty

SPARE: Final = 50
"""So many more codes are read from a pool than are wanted, so that those who draw at once seldom want the same one."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons, in the order asked for, as they will be once ``rows`` (minted) and ``changes`` (from a pool) are committed."""

    coupons: tuple[Coupon, ...]
    rows: tuple[Coupon, ...]
    changes: tuple[Change, ...]


async def give(
    desk: Desk,
    business: Business,
    offers: Sequence[Offer],
    *,
    now: datetime,
    card: Card | None = None,
    cards: Sequence[Card] | None = None,
    batch_id: UUID | None = None,
    valid_from: datetime | None = None,
    or_mint: bool = False,
) -> Given:
    """A coupon of each of these offers (the same one may be there several times), for a card or for whoever holds it.

    With ``cards``, as many as offers, each is for the card at its place.

    The caller commits ``rows`` and ``changes`` with ``counting.issued(given.coupons, …)``, and asks anew after Lost (somebody
    else drew the same code) or Duplicate (a minted code exists already). Raises PoolEmpty; with ``or_mint`` it mints instead.
    """
    pools = await _pools(desk, business, offers, now)
    given, rows, changes = [], [], []
    for offer, holder in zip(offers, cards or (card,) * len(offers), strict=True):
        coupon = coupons.issue(
            offer,
            coupon_id=desk.world.new_id(),
            code=codes.mint(desk.world.pick),
            now=now,
            zone=business.tz,
            card_id=holder.id if holder else None,
            customer_id=holder.customer_id if holder else None,
            batch_id=batch_id,
            valid_from=valid_from,
        )
        left = pools.get(offer.id)
        if left:
            pooled = left.pop(int(desk.world.uniform() * len(left)))
            coupon = coupons.drawn(pooled, coupon)
            became = asdict(coupon)
            changes.append(Change(of=Coupon, id=coupon.id, seen={"state": "pooled"}, to={name: became[name] for name in DRAWN}))
        elif left is None or or_mint:
            rows.append(coupon)
        else:
            raise PoolEmpty(offer=offer.title)
        given.append(coupon)
    return Given(coupons=tuple(given), rows=tuple(rows), changes=tuple(changes))


def there(*cards: Card) -> tuple[Change, ...]:
    """Whoever gives something to cards compares that none was left, joined with another one, or made another customer's since it was read.

    The last shows in its key, which then is another.
    """
    return tuple(Change(of=Card, id=card.id, seen={"left_at": None, "key": card.key}, to={"left_at": None}) for card in cards)


DRAWN: Final = ("state", "card_id", "customer_id", "issued_at", "valid_from", "expires_at", "batch_id")
"""What of a pooled coupon changes when it is given."""


async def _pools(desk: Desk, business: Business, offers: Sequence[Offer], now: datetime) -> dict[UUID, list[Coupon]]:
    """Codes that could be drawn, by offer that has a pool: enough, and some more."""
    wanted = [offer.id for offer in offers if offer.source == "pool"]
    return {
        offer_id: list(await desk.store.pooled(business.id, offer_id, limit=wanted.count(offer_id) + SPARE, now=now))
        for offer_id in dict.fromkeys(wanted)
    }
