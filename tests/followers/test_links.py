"""Opening a card's Google link: it may be opened often, by anybody who has it, and at any moment of the followers' work."""

import asyncio
from uuid import UUID

from msgspec.structs import replace
from street import Street

from app.desk import Desk
from app.desk.wallets import google_link
from app.followers import LEASE, Followers
from app.store import GoogleClass
from passes.wallets.base import Answer, Ask


class Held:
    """The way to Google of one desk: its first call that changes an object waits there, before Google has it or after."""

    def __init__(self, desk: Desk, *, answer: bool = False) -> None:
        self.waits, self.goes = asyncio.Event(), asyncio.Event()
        self._http, self._answer = desk.world.http, answer
        self.desk = replace(desk, world=replace(desk.world, http=self))

    async def __call__(self, ask: Ask) -> Answer:
        if "/loyaltyObject" not in ask.url or self.waits.is_set():
            return await self._http(ask)
        answer = await self._http(ask) if self._answer else None
        self.waits.set()
        await self.goes.wait()
        return answer or await self._http(ask)


async def opened(street: Street, card: dict) -> tuple[Held, asyncio.Task[str]]:
    """The card's link opened in another process, whose drawn face has not reached Google yet."""
    held = Held(street.shop.desk)
    facts = await street.shop.desk.store.card_facts(card_id=UUID(card["id"]))
    assert facts is not None
    task = asyncio.create_task(google_link(held.desk, facts))
    await asyncio.wait((task, asyncio.create_task(held.waits.wait())), return_when=asyncio.FIRST_COMPLETED)
    return held, task


async def up_to_date(street: Street, card: dict) -> bool:
    (one,) = (await street.shop.get(f"cards/{card['id']}/story")).json()["installations"]
    return bool(one["up_to_date"])


async def test_a_link_that_is_opened_again_asks_google_nothing(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    await street.settle()
    await street.shop.stamp(card)
    before = len(street.google.requests)
    for _ in range(3):
        answer = await street.shop.client.get(card["links"]["google"])
        assert answer.status_code == 302
        assert await street.google.save(answer.headers["location"]) == (saved,)
    assert [one for one in street.google.requests[before:] if one.path.startswith("/walletobjects")] == []
    await street.settle()
    assert street.balance(saved) == "1/5"


async def test_a_link_that_is_opened_again_works_while_google_is_down(street: Street) -> None:
    card = await street.shop.join()
    await street.save(card)
    street.google.down = True
    assert (await street.shop.client.get(card["links"]["google"])).status_code == 302


async def test_a_link_that_is_opened_again_does_not_bring_an_old_face_back(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    await street.settle()
    held, opening = await opened(street, card)
    await street.shop.stamp(card, 3)
    await street.settle()
    held.goes.set()
    await opening
    await street.settle(minutes=1)
    assert street.balance(saved) == "3/5"
    assert await up_to_date(street, card)


async def test_two_first_openings_and_a_change_between_leave_the_newest_face(street: Street) -> None:
    card = await street.shop.join()
    held, opening = await opened(street, card)
    saved = await street.save(card)
    await street.shop.stamp(card, 3)
    await street.settle()
    assert street.balance(saved) == "3/5"
    held.goes.set()
    await opening
    assert street.balance(saved) == "0/5"
    assert not await up_to_date(street, card)
    await street.settle(minutes=1)
    assert street.balance(saved) == "3/5"
    assert await up_to_date(street, card)


async def test_an_old_face_that_arrives_while_a_follower_tells_the_newest_is_repaired_after_the_lease(street: Street) -> None:
    card = await street.shop.join()
    late, opening = await opened(street, card)
    saved = await street.save(card)
    await street.shop.stamp(card, 3)
    street.clock.forward(seconds=1)
    slow = Held(street.shop.desk, answer=True)
    telling = asyncio.create_task(Followers(slow.desk, asyncio.Event()).round())
    await slow.waits.wait()
    await street.shop.stamp(card)
    late.goes.set()
    await opening
    assert street.balance(saved) == "0/5"
    await street.settle(seconds=5)
    assert street.balance(saved) == "0/5", "nobody else tells the card while the follower's own call is on its way"
    slow.goes.set()
    await telling
    await street.settle(seconds=LEASE.total_seconds())
    assert street.balance(saved) == "4/5"
    assert await up_to_date(street, card)


async def test_a_changed_class_reaches_google_with_the_next_link_and_the_card_is_left_to_the_followers(street: Street) -> None:
    card = await street.shop.join()
    await street.save(card)
    desk = street.shop.desk
    facts = await desk.store.card_facts(card_id=UUID(card["id"]))
    assert facts is not None
    old = GoogleClass(program_id=facts.program.id, business_id=facts.business.id, digest=b"another", at=street.clock())
    await desk.store.keep_google_class(old)
    street.google.requests.clear()
    for _ in range(2):
        await google_link(desk, facts)
    assert [(one.method, one.path.split("/")[3]) for one in street.google.requests] == [("PATCH", "loyaltyClass")]
    street.google.objects.clear()  # what Google lost is made again with the card's next change
    await street.shop.stamp(card)
    await street.settle()
    assert [street.balance(one) for one in street.google.objects] == ["1/5"]
