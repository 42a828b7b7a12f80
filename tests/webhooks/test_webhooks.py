"""Webhooks at a real receiver, which verifies each by the reference library: everything once or more, of one card in order, or nobody."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from databases import BOTH
from hooks import follows, log_of, now_is, told
from msgspec.structs import replace
from receivers import Receiver, said
from shop import Shop

from app.desk import forgetting, found, test_mode, webhooks
from app.herald import LEASE, Herald
from app.store import Endpoint
from passes.wallets.base import Answer, Ask, Unreachable


@BOTH
async def test_a_morning_is_told_in_order_and_by_ids_alone(shop: Shop, till: Receiver) -> None:
    await shop.join("Earlier")
    await follows(shop, till)
    card = await shop.join("Hoa", email="hoa@example.com")
    earned = await shop.stamp(card, 5)
    await shop.redeem("K7Q-M4X-RT9")
    receipt = (await shop.redeem(earned["earned"][0]["code"])).json()
    await shop.post(f"redemptions/{receipt['redemption']['id']}/reversal")
    await told(shop.desk)
    of_card = [one for one in till.got if one["data"].get("card_id") == card["id"]]
    assert [one["type"] for one in of_card] == ["customer.joined", "card.earned", "reward.ready", "coupon.redeemed", "coupon.reversed"]
    assert Counter(till.types()) == Counter([*(one["type"] for one in of_card), "refusal.recorded"])
    stamped, ready, redeemed, refused = of_card[1], of_card[2], of_card[3], next(one for one in till.got if "reason" in one["data"])
    here, an = str(shop.locations["Bến Thành"].id), str(shop.staff["An"].id)
    assert stamped["data"] == {
        "event_id": stamped["data"]["event_id"],
        "card_id": card["id"],
        "card_number": card["number"],
        "customer_id": card["customer_id"],
        "location_id": here,
        "staff_id": an,
        "count": 5,
        "balance": 5,
    }
    assert ready["data"]["offer_id"] == redeemed["data"]["offer_id"] == str(shop.offers["cookie"].id)
    assert redeemed["data"]["redemption_id"] == receipt["redemption"]["id"]
    assert (redeemed["data"]["location_id"], redeemed["data"]["staff_id"]) == (here, an)
    assert refused["data"] == {"event_id": refused["data"]["event_id"], "location_id": here, "staff_id": an, "reason": "mistyped_code"}
    assert datetime.fromisoformat(stamped["timestamp"]) == shop.clock()
    assert not {"Hoa", "hoa@example.com"} & {str(value) for one in till.got for value in one["data"].values()}
    assert len(set(till.ids)) == len(till.ids)
    events = {one["id"]: one["type"] for one in (await shop.get("events?limit=200")).json()["data"]}
    assert all(events[one["data"]["event_id"]] == one["type"] for one in till.got)


async def test_an_endpoint_is_told_only_what_it_wants(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till, "coupon.redeemed", "goodwill.given")
    await shop.redeem(await shop.cookie())
    await told(shop.desk)
    assert till.types() == ["coupon.redeemed"]
    assert (await now_is(shop, one)).cursor == await shop.desk.store.log_end(shop.business.id)
    assert await told(shop.desk) == 0


async def test_a_receiver_that_is_down_for_an_hour_gets_everything_in_order_per_card(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till)
    cards = [await shop.join(f"Guest {number}") for number in range(7)]
    till.up = False

    await told(shop.desk)
    assert (await now_is(shop, one)).failures == 5, "what was under way when the rest began says the same once more"
    for _ in range(30):
        for card in cards[:3]:
            await shop.stamp(card)
        await told(shop.desk)
        shop.clock.forward(minutes=2)
    resting = await now_is(shop, one)
    assert webhooks.state(resting) == "resting"
    assert resting.failures < 30, "one delivery now and then probes it"
    till.up = True
    shop.clock.forward(minutes=10)
    await told(shop.desk)
    assert webhooks.state(await now_is(shop, one)) == "working"
    by_card: dict[str, list[dict[str, Any]]] = {}
    for got in till.got:
        by_card.setdefault(got["data"]["card_id"], []).append(got["data"])
    log = await shop.desk.store.happened(shop.business.id, limit=1000)
    place = {str(event.id): seq for seq, event in log}
    for of_card in by_card.values():
        places = [place[got["event_id"]] for got in of_card]
        assert places == sorted(places)
    assert {got["data"]["event_id"] for got in till.got} == {id_ for id_ in place if place[id_] > one.cursor}


async def test_tries_come_ever_later_for_three_days_and_then_the_lane_goes_on(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till, "card.earned")
    card, beside = await shop.join(), await shop.join("Lan")
    stubborn = card["id"]
    till.answer = lambda told: (
        said(500, b"no \x00 thanks" * 200) if told["data"]["card_id"] == stubborn and told["data"]["count"] == 1 else said(200)
    )
    await shop.stamp(card, 1)
    await shop.stamp(card, 2)
    await shop.stamp(beside, 1)
    waited, last = [], shop.clock()
    for _ in range(60):
        before = len(till.got)
        await told(shop.desk)
        if len(till.got) > before:
            waited.append((shop.clock() - last).total_seconds())
            last = shop.clock()
        due = (await now_is(shop, one)).due_at
        if due > shop.clock() + timedelta(days=30):
            break
        shop.clock.now = due
    assert waited[1:9] == [5, 30, 120, 600, 1800, 3600, 7200, 14400]
    assert timedelta(days=2.5) < timedelta(seconds=sum(waited)) < timedelta(days=3)
    failed, after, other = await log_of(shop, one)
    assert (failed.state, failed.status, failed.said[:9]) == ("failed", 500, "no   than")
    assert len(failed.said) <= 300
    assert (after.state, after.tries, other.state, other.tries) == ("sent", 1, "sent", 1)
    assert webhooks.state(await now_is(shop, one)) == "working"
    till.answer = lambda _: said(200)
    await webhooks.repeat(shop.desk, one, failed.id)
    await told(shop.desk)
    assert till.ids[-1] == till.ids[0] == str(failed.id), "the same id, also when it is repeated"
    assert (await log_of(shop, one))[-1].state == "sent"


async def test_what_is_no_success_and_how_long_it_asks_to_wait(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till, "card.earned")
    card = await shop.join()
    # A kept connection that is dropped may have been so before: libcurl asks once more on a new one.
    answers = [
        said(301, Location=till.url),
        said(429, Retry_After=format_datetime(shop.clock() + timedelta(seconds=4005), usegmt=True)),
        None,
        None,
        said(200, b"x" * 100_000),
    ]
    till.answer = lambda _: answers.pop(0)
    await shop.stamp(card)
    waits = []
    for _ in range(4):
        await told(shop.desk)
        (sent,) = await log_of(shop, one)
        waits.append((sent.due_at - shop.clock()).total_seconds())
        shop.clock.now = max(shop.clock(), sent.due_at)
    assert waits[:3] == [5, 4000, 120]
    assert (sent.state, sent.status, sent.said, sent.tries) == ("sent", 200, "x" * 300, 4)
    assert answers == []


async def test_gone_means_gone_until_somebody_switches_it_on_again(shop: Shop, till: Receiver) -> None:
    one, lan = await follows(shop, till, "card.earned"), shop.staff["Lan"].id
    till.answer = lambda _: said(410)
    card = await shop.join()
    await shop.stamp(card)
    await told(shop.desk)
    await shop.stamp(card)
    shop.clock.forward(days=1)
    assert await told(shop.desk) == 0
    gone = await now_is(shop, one)
    assert (webhooks.state(gone), gone.disabled_why, len(till.got)) == ("disabled", "gone", 1)
    till.answer = lambda _: said(204)
    await webhooks.switch(shop.desk, lan, gone, on=True)
    await told(shop.desk)
    assert [got["data"]["balance"] for got in till.got] == [1, 1, 2], "it goes on where it was"
    await webhooks.remove(shop.desk, lan, await now_is(shop, one))
    await shop.stamp(card)
    assert await told(shop.desk) == 0


async def test_while_a_secret_is_rolled_both_sign(shop: Shop, till: Receiver) -> None:
    one, lan = await follows(shop, till, "card.earned"), shop.staff["Lan"].id
    card = await shop.join()
    new = await webhooks.roll(shop.desk, lan, one, webhooks.OVERLAPS["24h"])
    await shop.stamp(card)
    await told(shop.desk)
    till.secret = new.secret
    await shop.stamp(card)
    await told(shop.desk)
    shop.clock.forward(hours=25)
    await shop.stamp(card)
    await told(shop.desk)
    newer = await webhooks.roll(shop.desk, lan, await now_is(shop, one), webhooks.OVERLAPS["1h"])
    newest = await webhooks.roll(shop.desk, lan, await now_is(shop, one), webhooks.OVERLAPS["1h"])
    till.secret = newer.secret
    await shop.stamp(card)
    await told(shop.desk)
    assert new.secret not in (newest.secret, newest.old_secret), "two sign, never three"
    last = await webhooks.roll(shop.desk, lan, await now_is(shop, one), webhooks.OVERLAPS["now"])
    till.secret = last.secret
    await shop.stamp(card)
    await told(shop.desk)
    assert [len(signature.split()) for signature in till.signatures] == [2, 2, 1, 2, 1]
    assert till.secret not in str(await shop.desk.store.audited(shop.business.id))


class Killed(BaseException):
    """Nothing of ours goes on."""


async def test_who_is_killed_between_sending_and_writing_it_down_costs_a_repeat(shop: Shop, till: Receiver) -> None:
    await follows(shop, till, "card.earned")
    card = await shop.join()
    for _ in range(2):
        await shop.stamp(card)
        shop.clock.forward(seconds=1)

    async def killed(ask: Ask) -> Answer:
        await shop.desk.world.http(ask)
        raise Killed

    await asyncio.gather(Herald(replace(shop.desk, world=replace(shop.desk.world, http=killed))).round(), return_exceptions=True)
    assert len(till.got) == 1
    assert await told(shop.desk) == 0, "it is in the dead one's hands still"
    shop.clock.forward(seconds=LEASE.total_seconds())
    await told(shop.desk)
    assert [got["data"]["balance"] for got in till.got] == [1, 1, 2]
    assert till.ids[0] == till.ids[1] != till.ids[2]


@BOTH
async def test_two_processes_tell_each_event_once(shop: Shop, till: Receiver) -> None:
    await follows(shop, till, "card.earned")
    cards = [await shop.join(f"Guest {number}") for number in range(4)]
    for _ in range(5):
        await asyncio.gather(*(shop.stamp(card) for card in cards))
        await asyncio.gather(*(Herald(shop.desk).round() for _ in range(3)))
    await told(shop.desk)
    assert len(till.ids) == len(set(till.ids)) == 20
    for card in cards:
        assert [got["data"]["balance"] for got in till.got if got["data"]["card_id"] == card["id"]] == [1, 2, 3, 4, 5]


async def test_who_is_stopped_lets_go_of_it(shop: Shop, till: Receiver) -> None:
    await follows(shop, till, "card.earned")
    await shop.stamp(await shop.join())
    reached, never = asyncio.Event(), asyncio.Event()

    async def slow(_: Ask) -> Answer:
        reached.set()
        await never.wait()
        raise Unreachable

    working = asyncio.create_task(Herald(replace(shop.desk, world=replace(shop.desk.world, http=slow))).run())
    await reached.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert await told(shop.desk) == 1
    assert till.types() == ["card.earned"]


async def test_who_takes_nothing_for_a_week_is_switched_off(shop: Shop, till: Receiver) -> None:
    one, card = await follows(shop, till, "card.earned"), await shop.join()
    others = [await shop.join(f"Guest {number}") for number in range(6)]
    till.up = False
    for day in range(9):
        for each in others[:6] if day == 0 else [card]:
            await shop.stamp(each)
        await told(shop.desk)
        assert webhooks.state(await now_is(shop, one)) == ("resting" if day <= 7 else "disabled")
        shop.clock.forward(days=1)
    assert (await now_is(shop, one)).disabled_why == "silent"


async def test_who_rests_and_has_nothing_to_be_probed_with_is_left_alone(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till, "card.earned")
    till.up = False
    for number in range(6):
        await shop.stamp(await shop.join(f"Guest {number}"))
    await told(shop.desk)
    shop.clock.forward(hours=74)
    for _ in range(8):
        await told(shop.desk)
        shop.clock.forward(minutes=12)
    assert {each.state for each in await log_of(shop, one)} == {"failed"}
    assert webhooks.state(await now_is(shop, one)) == "resting"
    till.up = True
    await shop.stamp(await shop.join("One more"))
    await told(shop.desk)
    assert till.types() == ["card.earned"]
    assert webhooks.state(await now_is(shop, one)) == "working"


async def test_what_is_brought_along_from_elsewhere_is_not_told(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till)
    await shop.join()
    ((_, event),) = await shop.desk.store.happened(shop.business.id, limit=1)
    assert webhooks.wants(one, event)
    assert not webhooks.wants(one, replace(event, at=one.made_at - timedelta(days=9)))


async def test_whoever_is_slow_with_forty_addresses_does_not_hold_up_the_neighbours(shop: Shop, till: Receiver) -> None:
    store, world, lan = shop.desk.store, shop.desk.world, shop.staff["Lan"].id
    reached, never = asyncio.Event(), asyncio.Event()

    async def slow(ask: Ask) -> Answer:
        if ask.url != till.url:
            await never.wait()
        reached.set()
        return await world.http(ask)

    async def told_at(business_id: UUID, url: str) -> Endpoint:
        made = await webhooks.make(shop.desk, business_id, lan, webhooks.Wanted(url=url))
        await webhooks.try_out(shop.desk, made)
        return made

    for owner in (shop.business.id, test_mode.twin_of(shop.business.id)):
        for _ in range(webhooks.MOST):
            await told_at(owner, "https://slow.example/hook")
    shop.clock.forward(seconds=1)
    next_door = await found.found(
        store, world, name="Quán Bên", zone="UTC", currency="VND", languages=("vi",), location="A", owner="Tú", contact="1"
    )
    till.secret = (await told_at(next_door.business.id, till.url)).secret
    working = asyncio.create_task(Herald(replace(shop.desk, world=replace(world, http=slow))).run())
    async with asyncio.timeout(60):
        await reached.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_what_is_not_asked_for_any_more_is_not_sent_and_holds_nothing_up(shop: Shop, till: Receiver) -> None:
    one, card = await follows(shop, till), await shop.join()
    till.answer = lambda told: said(500) if told["type"] == "customer.joined" else said(204)
    await shop.stamp(card)
    await told(shop.desk)
    assert till.types() == ["customer.joined"]
    only = webhooks.Wanted(url=one.url, types=("card.earned",))
    await webhooks.change(shop.desk, shop.staff["Lan"].id, await now_is(shop, one), only)
    await told(shop.desk)
    assert till.types() == ["customer.joined", "card.earned"]
    first, second = await log_of(shop, one)
    assert (first.state, first.said, second.state) == ("failed", "not asked for any more", "sent")
    assert (await now_is(shop, one)).failures == 0
    till.answer = lambda _: said(204)
    await webhooks.repeat(shop.desk, one, first.id)
    await told(shop.desk)
    assert till.types()[2:] == ["customer.joined"], "unless somebody says so"


async def test_what_is_said_again_of_somebody_who_is_forgotten_names_nobody(shop: Shop, till: Receiver) -> None:
    one, card = await follows(shop, till), await shop.join("Nguyễn Thị Hoa", email="hoa@example.com", phone="+84901234567")
    await shop.stamp(card)
    await told(shop.desk)
    await forgetting.forget(shop.desk, shop.business, UUID(card["customer_id"]), by=shop.staff["Lan"].id)
    log = await log_of(shop, one)
    for each in log:
        await webhooks.repeat(shop.desk, one, each.id)
    await told(shop.desk)
    assert {Counter(till.ids)[str(each.id)] for each in log} == {2}
    for each in await log_of(shop, one):
        assert len(each.body) < 1500
        assert not [word for word in ("Hoa", "hoa@", "1234567") if word in each.body + each.said]


async def test_an_address_that_is_removed_while_it_is_told_is_told_no_more(shop: Shop, till: Receiver) -> None:
    one, card = await follows(shop, till, "card.earned"), await shop.join()
    for _ in range(3):
        await shop.stamp(card)
        shop.clock.forward(seconds=1)
    till.answers.clear()
    working = asyncio.create_task(Herald(shop.desk).round())
    await till.until(lambda: len(till.got) == 1)
    await webhooks.remove(shop.desk, shop.staff["Lan"].id, await now_is(shop, one))
    till.answers.set()
    await working
    assert await told(shop.desk) == 0
    assert len(till.got) == 1
    assert await shop.desk.store.forget_deliveries(shop.clock() - timedelta(days=30), 1000) == 3
