"""Phones are told: once for a burst, by whoever works, of what time changes by itself, and the card's story proves it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from shop import application
from street import Street, open_street, progress, shown, times

from app.followers import Followers


async def test_ten_stamps_within_three_seconds_are_two_pushes_at_most(street: Street) -> None:
    card = await street.shop.join()
    saved, phone = await street.save(card), await street.carry(card)
    await street.settle(minutes=1)
    before = street.apns.sent[phone.push_token]
    for _ in range(9):
        await street.shop.stamp(card)
        await street.settle(milliseconds=300)
    await street.settle(seconds=3)
    await phone.until(lambda: progress(phone) == "9/10")
    assert street.apns.sent[phone.push_token] - before <= 2
    assert street.patches(saved) <= 2
    assert street.balance(saved) == "9/10"


async def test_a_reward_that_ends_by_time_alone_leaves_the_phone(street: Street) -> None:
    card = (await street.shop.stamp(await street.shop.join(), 5))["card"]
    saved, phone = await street.save(card), await street.carry(card)
    code = card["ready"][0]["code"]
    assert shown(phone).barcode.message == code  # type: ignore[union-attr]
    before = street.apns.sent[phone.push_token]
    await street.settle(days=29)
    assert street.apns.sent[phone.push_token] == before
    await street.settle(days=2)
    await phone.until(lambda: shown(phone).barcode.message == card["number"])  # type: ignore[union-attr]
    assert "status" not in shown(phone).fields
    assert street.google.objects[saved]["barcode"]["value"] == card["number"]
    assert street.apns.sent[phone.push_token] == before + 1
    await street.settle(days=60)
    assert street.apns.sent[phone.push_token] == before + 1


async def test_a_reward_that_ends_after_the_last_change_was_told_leaves_the_phone_too(street: Street) -> None:
    card = await street.shop.join()
    saved, phone = await street.save(card), await street.carry(card)
    earned = await street.shop.stamp(card, 5)
    await street.settle()
    await phone.until(lambda: shown(phone).barcode.message == earned["earned"][0]["code"])  # type: ignore[union-attr]
    await street.settle(days=31)
    await phone.until(lambda: shown(phone).barcode.message == card["number"])  # type: ignore[union-attr]
    assert street.google.objects[saved]["barcode"]["value"] == card["number"]


async def test_a_phone_that_registers_with_an_old_pass_is_told(street: Street) -> None:
    card = await street.shop.join()
    old = await street.download(card)
    await street.shop.stamp(card)
    phone = street.phone()
    await phone.add(old)
    assert progress(phone) == "0/5"
    await street.settle()
    await phone.until(lambda: progress(phone) == "1/5")


async def test_a_new_push_token_is_the_one_that_is_used(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    old = phone.push_token
    await phone.rotate_push_token()
    await street.settle(minutes=1)
    await street.shop.stamp(card)
    await street.settle()
    await phone.until(lambda: progress(phone) == "1/5")
    assert street.apns.sent[old] == 1
    assert street.apns.pushes[-1].token == phone.push_token


async def test_what_was_pushed_to_a_token_that_the_phone_gave_up_is_pushed_to_the_new_one(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    street.apns.disconnect(phone.push_token)  # it is off; Apple keeps the push for a token that will never be seen again
    await street.shop.stamp(card)
    await street.settle(minutes=1)
    assert progress(phone) == "0/5"
    await street.settle(minutes=1)
    await phone.rotate_push_token()
    await street.settle()
    await phone.until(lambda: progress(phone) == "1/5")
    told = len(street.apns.pushes)
    await phone.rotate_push_token()  # a phone that has the latest is left in peace
    await street.settle(minutes=1)
    assert len(street.apns.pushes) == told


async def test_the_fourth_notifying_change_of_a_day_is_quiet_at_google(street: Street) -> None:
    card = await street.shop.join()
    saved = await street.save(card)
    code = (await street.shop.stamp(card, 5))["earned"][0]["code"]
    await street.settle()
    for _ in range(3):  # earned, redeemed, taken back; redeemed again is the fourth
        receipt = (await street.shop.redeem(code)).json()
        await street.settle(minutes=1)
        await street.shop.post(f"redemptions/{receipt['redemption']['id']}/reversal")
        await street.settle(minutes=1)
    assert len(street.google.notifications) == 3
    assert len((await street.installation(card, "google")).notified_at) == 3
    assert street.google.objects[saved]["barcode"]["value"] == code  # quiet, and right
    await street.settle(days=1)
    await street.shop.redeem(code)
    await street.settle()
    assert len(street.google.notifications) == 4


async def test_the_story_of_two_phones_is_told_asked_and_fetched(street: Street) -> None:
    card = await street.shop.join()
    first, second = await street.carry(card), await street.carry(card, "Hoa's other phone")
    await street.settle(minutes=1)
    await street.shop.stamp(card)
    await street.settle()
    for phone in (first, second):
        await phone.until(lambda phone=phone: progress(phone) == "1/5")
    story = (await street.shop.get(f"cards/{card['id']}/story")).json()
    assert len(story["installations"]) == 2
    for one in story["installations"]:
        assert one["told"] == one["fetched"] == story["version"]
        assert one["up_to_date"]
        assert one["since"] < one["told_at"] <= one["asked_at"] <= one["fetched_at"]
        assert one["next_try_at"] is None


async def test_a_phone_that_is_off_is_told_and_has_not_fetched(street: Street) -> None:
    card = await street.shop.join()
    on, off = await street.carry(card), await street.carry(card, "off")
    street.apns.disconnect(off.push_token)
    await street.settle(minutes=1)
    await street.shop.stamp(card)
    await street.settle()
    await on.until(lambda: progress(on) == "1/5")
    story = (await street.shop.get(f"cards/{card['id']}/story")).json()
    assert [one["told"] == story["version"] for one in story["installations"]] == [True, True]
    assert [one["up_to_date"] for one in story["installations"]] == [True, False]
    await off.refresh()
    story = (await street.shop.get(f"cards/{card['id']}/story")).json()
    assert [one["up_to_date"] for one in story["installations"]] == [True, True]


async def test_a_phone_that_had_the_newest_pass_before_it_asked_is_up_to_date(street: Street) -> None:
    card = await street.shop.join()
    phone = await street.carry(card)
    await phone.rotate_device_id()  # a restored backup: the same pass, a new device to us
    await street.settle()
    await phone.until(lambda: any(moment.what.endswith(": 304") and moment.what.startswith("fetched") for moment in phone.story))
    installations = (await street.shop.get(f"cards/{card['id']}/story")).json()["installations"]
    assert len(installations) == 2
    assert [one["up_to_date"] for one in installations] == [True, True]


async def crowd(street: Street, count: int) -> list[dict]:
    cards = [await street.shop.join(f"Guest {number}") for number in range(count)]
    for card in cards:
        await street.carry(card, card["customer"])
    await street.settle(minutes=1)
    return cards


async def told_by(street: Street, *followers: Followers) -> None:
    """Three changes of everybody's card, told by several workers at once."""
    cards = await crowd(street, 6)
    for stamps in range(1, 4):
        before = street.apns.sent
        for card in cards:
            await street.shop.stamp(card)
        street.clock.forward(minutes=1)
        while any(await asyncio.gather(*(one.round() for one in followers for _ in range(2)))):
            pass
        for phone in street.phones:
            await phone.until(lambda phone=phone, stamps=stamps: progress(phone) == f"{stamps}/5")
        assert [street.apns.sent[phone.push_token] - before[phone.push_token] for phone in street.phones] == [1] * len(cards)
    assert [times(phone, "complained") for phone in street.phones] == [0] * len(cards)


async def test_two_workers_over_one_store_tell_each_phone_once(street: Street) -> None:
    await told_by(street, street.shop.followers, Followers(street.shop.desk, asyncio.Event()))


@pytest.fixture
async def two_processes(postgresql_url: str, tmp_path: Path, chain: Path) -> AsyncIterator[tuple[Street, Followers]]:
    """A street whose followers work over two stores, as in two processes."""
    async with AsyncExitStack() as stack:
        street = await stack.enter_async_context(open_street(postgresql_url, tmp_path, chain))
        _, _, others = await stack.enter_async_context(
            application(
                postgresql_url,
                street.clock,
                certs=str(chain.parent),
                trust=str(chain / "root.pem"),
                apns_url=street.apns.url,
            )
        )
        yield street, others


async def test_two_processes_tell_each_phone_once(two_processes: tuple[Street, Followers]) -> None:
    street, others = two_processes
    await told_by(street, street.shop.followers, others)
