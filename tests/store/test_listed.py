"""Lists that programs read from one end to the other, on both databases."""

from datetime import timedelta
from typing import Any
from uuid import RFC_4122, UUID

from cafe import NOON, Cafe
from msgspec.structs import replace

from app.db.listed import WALKS
from app.store import Place, Store
from app.world import new_id
from passes.coupons import Coupon

DAY = timedelta(days=1)


async def coupons(cafe: Cafe, **asked: Any) -> tuple[list[UUID], int]:
    """A whole list, and how many pages it took."""
    found: list[UUID] = []
    after: Place | None = None
    for pages in range(1, 100):
        some, ended = await cafe.store.listed_coupons(cafe.business.id, now=NOON + DAY, after=after, limit=3, **asked)
        found += [one.id for one in some[:2]]
        after = Place(some[1].issued_at, some[1].id) if len(some) > 2 else ended
        if after is None:
            return found, pages
    raise AssertionError("a list without an end")


def test_what_is_made_later_sorts_later_also_in_the_same_millisecond() -> None:
    made = [new_id() for _ in range(2000)]
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}


async def test_coupons_are_walked_newest_first_or_along_what_is_asked_for(store: Store) -> None:
    cafe, other = await Cafe(store).open(), await Cafe(store).open()
    hoa, tu = await cafe.card("Hoa"), await cafe.card("Tú")
    await other.coupon(await other.card())
    tea_id, batch_id = new_id(), new_id()

    async def tea() -> Coupon:
        one = replace(await other.coupon(), id=new_id(), business_id=cafe.business.id, offer_id=tea_id, customer_id=tu.customer_id)
        tea = replace(one, card_id=tu.id, batch_id=batch_id)
        await cafe.commit(tea)
        return tea

    made = [
        await cafe.coupon(hoa),
        await tea(),
        await cafe.coupon(hoa, expires_at=NOON),
        await cafe.coupon(None, batch_id=batch_id, state="voided", voided_at=NOON),
        await cafe.coupon(hoa, state="redeemed"),
    ]
    await cafe.coupon(None, state="pooled", batch_id=batch_id)
    ids = [one.id for one in made]
    asked: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [4, 3, 2, 1, 0]),
        ({"state": "active"}, [1, 0]),
        ({"state": "expired"}, [2]),
        ({"state": "redeemed"}, [4]),
        ({"batch_id": batch_id}, [3, 1]),
        ({"batch_id": batch_id, "state": "voided"}, [3]),
        ({"offer_id": tea_id}, [1]),
        ({"customer_id": hoa.customer_id, "card_id": hoa.id}, [4, 2, 0]),
        ({"customer_id": hoa.customer_id, "card_id": tu.id}, []),
        ({"offer_id": tea_id, "customer_id": hoa.customer_id}, []),
        ({"offer_id": other.offer.id}, []),
    ]
    newest_first = [sorted((ids[at] for at in which), reverse=True) for _, which in asked]
    assert [(await coupons(cafe, **those))[0] for those, _ in asked] == newest_first


async def test_a_page_is_not_looked_for_longer_than_a_page_takes(cafe: Cafe) -> None:
    oldest = await cafe.coupon(state="voided", voided_at=NOON)
    for first in range(0, sum(WALKS), 1000):
        later = NOON + timedelta(seconds=first + 1)
        many = (replace(oldest, id=new_id(), code=new_id().hex, state="active", voided_at=None, issued_at=later) for _ in range(1000))
        await cafe.commit(*many)
    assert await coupons(cafe, state="voided") == ([oldest.id], 2)
    assert (await coupons(cafe, offer_id=cafe.offer.id, state="voided"))[0] == [oldest.id]
    newest: list[Coupon] = list((await cafe.store.listed_coupons(cafe.business.id, now=NOON, limit=50))[0])
    assert newest == sorted(newest, key=lambda one: (one.issued_at, one.id), reverse=True)


async def test_cards_are_listed_by_age_and_by_what_happened_last(store: Store) -> None:
    cafe, other = await Cafe(store).open(), await Cafe(store).open()
    await other.card()
    hoa, tu, vy = sorted([await cafe.card("Hoa"), await cafe.card("Tú"), await cafe.card("Vy")], key=lambda one: one.id)
    assert await store.listed_cards(cafe.business.id, limit=9) == ([vy, tu, hoa], None)
    assert await store.listed_cards(cafe.business.id, after=Place(NOON, vy.id), limit=1) == ([tu], None)
    assert await store.listed_cards(cafe.business.id, program_id=cafe.program.id, after=Place(NOON, tu.id)) == ([hoa], None)
    assert await store.listed_cards(cafe.business.id, program_id=other.program.id) == ([], None)
    for card in (vy, hoa, hoa):
        await cafe.commit(replace(cafe.event(card, "stamped"), at=NOON + DAY))
    changed, ended = await store.changed_cards(cafe.business.id, since=NOON + DAY)
    assert ([card_id for card_id, _ in changed], ended) == ([hoa.id, vy.id], None)
    (last,), _ = await store.changed_cards(cafe.business.id, since=NOON + DAY, limit=1)
    older, _ = await store.changed_cards(cafe.business.id, since=NOON, before=last[1], program_id=cafe.program.id)
    assert {card_id for card_id, _ in older} == {vy.id, tu.id}
    assert older[0] == changed[1]
    assert await store.changed_cards(cafe.business.id, since=NOON, program_id=other.program.id) == ([], None)
