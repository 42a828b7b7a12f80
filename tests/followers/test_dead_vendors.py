"""A vendor that is down, slow, busy or angry delays its phones, and only them; nothing is lost and nothing is sent twice."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from street import Street, progress, times

from app import doctor
from app.followers import LONGEST_WAIT, PROBE, Followers
from passes.wallets.base import Answer, Ask, Installation


async def test_ten_changes_while_apple_is_down_are_one_push_after(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    before = street.apns.sent[phone.push_token]
    await street.apns.down()
    for _ in range(10):
        after = await street.shop.stamp(card)
        await street.settle(seconds=30)
    await street.apns.up()
    assert street.apns.sent[phone.push_token] == before
    await street.settle(seconds=LONGEST_WAIT)
    await phone.until(lambda: progress(phone) == f"{after['card']['balance']}/{after['card']['goal']}")
    await street.settle(hours=1)
    assert street.apns.sent[phone.push_token] == before + 1
    assert phone.logs == []


async def test_ten_changes_while_google_is_down_are_one_patch_after(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    street.google.down = True
    for _ in range(10):
        after = await street.shop.stamp(card)
        await street.settle(seconds=30)
    street.google.down = False
    assert street.patches(saved) == 0
    await street.settle(seconds=LONGEST_WAIT)
    await street.settle(hours=1)
    assert street.patches(saved) == 1
    assert street.balance(saved) == f"{after['card']['balance']}/{after['card']['goal']}"


async def test_apple_is_asked_again_when_it_said_and_not_before(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    street.apns.script(None, 503, "ServiceUnavailable", retry_after=120)
    await street.shop.stamp(card)
    await street.settle()
    tried = len(street.apns.pushes)
    await street.settle(seconds=119)
    assert len(street.apns.pushes) == tried
    await street.settle(seconds=1)
    await phone.until(lambda: progress(phone) == "1/5")
    assert len(street.apns.pushes) == tried + 1


async def test_google_is_asked_again_when_it_said_and_not_before(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    street.google.script(status=429, retry_after=120)
    await street.shop.stamp(card)
    await street.settle()
    tried = len(street.google.requests)
    await street.settle(seconds=119)
    assert len(street.google.requests) == tried
    await street.settle(seconds=1)
    assert street.balance(saved) == "1/5"


async def tries_in_vain(street: Street, card: dict, count: int) -> list[float]:
    """The seconds between tries while Apple is down."""
    await street.apns.down()
    await street.shop.stamp(card)
    waits = []
    await street.settle()
    for _ in range(count):
        one = await street.installation(card)
        waits.append((due(one) - street.clock()).total_seconds())
        await street.settle(seconds=waits[-1])
    return waits


def due(one: Installation):
    assert one.due_at is not None
    return one.due_at


async def test_waits_double_up_to_a_bound(street: Street) -> None:
    card = await street.shop.join()
    await street.carry(card)
    waits = await tries_in_vain(street, card, 12)
    assert waits[:4] == [1.5, 3, 6, 12]
    assert waits[-1] == 0.75 * LONGEST_WAIT
    assert waits == sorted(waits)


@pytest.mark.parametrize(("luck", "first"), [(0.0, 1.0), (0.999, 1.999)])
async def test_waits_differ_by_chance_so_that_nobody_comes_at_once(street: Street, luck: float, first: float) -> None:
    card = await street.shop.join()
    await street.carry(card)
    desk = street.shop.desk
    street.shop.followers = Followers(replace(desk, world=replace(desk.world, uniform=lambda: luck)), asyncio.Event())
    assert (await tries_in_vain(street, card, 1))[0] == pytest.approx(first)


async def test_a_retry_after_beyond_all_reason_is_not_believed(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    street.google.script(status=503, retry_after="9" * 400)
    await street.shop.stamp(card)
    await street.settle()
    await street.settle(days=1)
    assert street.balance(saved) == "1/5"


@pytest.mark.parametrize("how", ["unregistered", "bad device token"])
async def test_a_phone_that_is_gone_is_removed_and_told_no_more(street: Street, how: str) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    await street.settle(minutes=1)
    if how == "unregistered":
        street.apns.disconnect(phone.push_token, gone=True)
    else:
        street.apns.script(phone.push_token, 400, "BadDeviceToken")
    await street.shop.stamp(card)
    await street.settle()
    tried = len(street.apns.pushes)
    await street.shop.stamp(card)
    await street.settle(hours=1)
    assert len(street.apns.pushes) == tried
    story = (await street.shop.get(f"cards/{card['id']}/story")).json()
    assert story["installations"][0]["gone_at"] is not None
    assert [event.get("wallet") for event in story["events"] if event["type"] == "card.removed"] == ["apple"]


async def test_a_phone_that_comes_back_with_a_new_token_while_its_old_one_is_asked_is_not_removed(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    await street.settle(minutes=1)
    came_back = asyncio.Event()
    street.apns.script(phone.push_token, 410, "Unregistered", slow=came_back)
    await street.shop.stamp(card)
    street.clock.forward(seconds=1)
    asked = len(street.apns.pushes)
    round_ = asyncio.create_task(street.shop.followers.round())
    await street.apns.until(lambda: len(street.apns.pushes) == asked + 1)
    await phone.rotate_push_token()
    came_back.set()
    await round_
    await street.settle(seconds=20)
    await phone.until(lambda: progress(phone) == "1/5")
    story = (await street.shop.get(f"cards/{card['id']}/story")).json()
    assert [event["type"] for event in story["events"] if event["type"] == "card.removed"] == []
    assert story["installations"][0]["gone_at"] is None


async def findings(street: Street) -> list[str]:
    return [finding.word async for finding in doctor.phones(street.shop.desk.store)]


async def test_google_that_refuses_our_account_is_left_alone_probed_and_heals(street: Street) -> None:
    cards = [await street.shop.join(name) for name in ("Hoa", "Mai", "Thu")]
    saved = [await street.save(card) for card in cards]
    phone = await street.carry(cards[0])
    street.google.invited = False
    for card in cards:
        await street.shop.stamp(card)
    await street.settle()
    await phone.until(lambda: progress(phone) == "1/5")  # Apple's side goes on
    assert await findings(street) == ["wallet_stopped", "phones_behind"]

    refused = street.patches(status=403)
    for card in cards:
        await street.shop.stamp(card)
    await street.settle(minutes=4)
    assert street.patches(status=403) == refused
    await phone.until(lambda: progress(phone) == "2/5")

    for probes in (1, 2):  # every five minutes one card tries
        await street.settle(seconds=PROBE.total_seconds())
        assert street.patches(status=403) == refused + probes

    street.google.invited = True
    await street.settle(seconds=PROBE.total_seconds())
    assert [street.balance(one) for one in saved] == ["2/5"] * 3
    assert await findings(street) == []


async def test_apple_that_refuses_our_certificate_is_left_alone_probed_and_heals(street: Street) -> None:
    card = await street.shop.join()
    saved, phone = await street.save(card), await street.carry(card)
    street.apns.script(None, 403, "BadCertificate", times=2)
    await street.shop.stamp(card)
    await street.settle()
    assert await findings(street) == ["wallet_stopped", "phones_behind"]
    assert street.balance(saved) == "1/5"
    tried = len(street.apns.pushes)
    await street.settle(minutes=4)
    assert len(street.apns.pushes) == tried
    await street.settle(minutes=1)
    assert len(street.apns.pushes) == tried + 1
    await street.settle(minutes=5)
    await phone.until(lambda: progress(phone) == "1/5")
    assert await findings(street) == []


async def test_a_card_that_google_refuses_waits_alone(street: Street) -> None:
    bad, *good = [await street.shop.join(name) for name in ("Bad", "Hoa", "Mai", "Thu")]
    refused, *fine = [await street.save(card) for card in (bad, *good)]
    waits = [1.0]
    await street.shop.stamp(bad)
    for card, saved in zip(good, fine, strict=True):
        street.google.script(status=400, reason="invalid", message="Invalid value at 'loyalty_object.account_name'.")
        await street.settle(seconds=waits[-1])
        waits.append((due(await street.installation(bad, "google")) - street.clock()).total_seconds())
        await street.shop.stamp(card)
        await street.settle(milliseconds=400)
        waits[-1] -= 0.4
        assert street.balance(saved) == "1/5"
        assert await findings(street) == ["phones_behind"]
    assert waits == sorted(waits)
    await street.settle(seconds=waits[-1])
    assert street.balance(refused) == "1/5"


async def test_a_worker_that_dies_while_telling_leaves_nothing_behind(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    street.apns.script(phone.push_token, 200, how="silence")
    await street.shop.stamp(card)
    street.clock.forward(seconds=1)
    asked = len(street.apns.pushes)
    dying = asyncio.create_task(street.shop.followers.round())
    await street.apns.until(lambda: len(street.apns.pushes) == asked + 1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await street.settle()
    assert len(street.apns.pushes) == asked + 1  # still the dead one's
    await street.settle(seconds=15)
    await phone.until(lambda: progress(phone) == "1/5")


async def test_a_vendor_that_says_nothing_is_asked_again_only_after_we_stopped_listening(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    followers = Followers(street.shop.desk, asyncio.Event(), lease=timedelta(seconds=0.25))
    street.apns.script(phone.push_token, 200, how="silence")
    await street.shop.stamp(card)
    street.clock.forward(seconds=1)
    assert await followers.round() == 1
    one = await street.installation(card)
    assert (one.tries, one.lease_until) == (1, None)
    await street.settle(seconds=2)
    await phone.until(lambda: progress(phone) == "1/5")


async def test_a_large_backlog_at_google_does_not_delay_apple(street: Street) -> None:
    """It answers none of them for as long as anybody looks; the workers run here as in production."""
    hoa = await street.shop.join()
    phone = await street.carry(hoa)
    desk, google, never = street.shop.desk, street.shop.desk.google, asyncio.Event()
    assert google is not None

    async def slow(ask: Ask) -> Answer:
        if ask.url.startswith(street.google.url):
            await never.wait()
        return await desk.world.http(ask)

    for number in range(25):
        card = await street.shop.join(f"Guest {number}")
        facts = await street.shop.desk.store.card_facts(business_id=street.shop.business.id, card_id=card["id"])
        assert facts is not None
        await street.shop.desk.store.register(
            Installation(
                id=street.shop.desk.world.new_id(),
                business_id=facts.card.business_id,
                card_id=facts.card.id,
                wallet="google",
                address=google.object_id(facts.card.id),
                credential=google.issuer,
                registered_at=street.clock(),
            ),
            None,
        )
    at_work = Followers(replace(desk, world=replace(desk.world, http=slow)), asyncio.Event(), lease=timedelta(hours=1))
    working = asyncio.create_task(at_work.run())
    await street.shop.stamp(hoa)
    street.clock.forward(seconds=1)
    await phone.until(lambda: progress(phone) == "1/5")
    assert await street.shop.desk.store.lagging("google") > 0
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert times(phone, "complained") == 0
