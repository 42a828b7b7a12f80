"""The five calls of Apple's devices, exactly as its reference says (PassKit Web Service Reference), on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from databases import BOTH
from shop import NOON, PASS_TYPE, Shop, open_shop

from app import logs
from app.certs import make_development_chain

PKPASS = "application/vnd.apple.pkpass"


@pytest.fixture
async def shop(database_url: str, certs: Path) -> AsyncIterator[Shop]:
    async with open_shop(database_url, certs=str(certs)) as shop:
        yield shop


class Device:
    """One phone at Apple's web service, call by call."""

    def __init__(self, shop: Shop, name: str = "device-1") -> None:
        self.shop, self.name = shop, name

    async def secrets(self, card: dict) -> tuple[str, str]:
        facts = await self.shop.desk.store.card_facts(business_id=self.shop.business.id, card_id=card["id"])
        assert facts is not None
        return facts.card.serial, facts.card.token

    async def call(
        self, method: str, path: str, card: dict, *, token: str | None = None, base: str = "/apple/v1", **more
    ) -> httpx.Response:
        serial, real = await self.secrets(card)
        headers = {"Authorization": f"ApplePass {real if token is None else token}", **more.pop("headers", {})}
        return await self.shop.client.request(
            method, f"{base}/{path.format(device=self.name, type=PASS_TYPE, serial=serial)}", headers=headers, **more
        )

    async def register(self, card: dict, push_token: str = "aa11", **more) -> httpx.Response:
        return await self.call("POST", "devices/{device}/registrations/{type}/{serial}", card, json={"pushToken": push_token}, **more)

    async def unregister(self, card: dict, **more) -> httpx.Response:
        return await self.call("DELETE", "devices/{device}/registrations/{type}/{serial}", card, **more)

    async def fetch(self, card: dict, **more) -> httpx.Response:
        return await self.call(more.pop("method", "GET"), "passes/{type}/{serial}", card, **more)

    async def changed(self, tag: str | None = None, pass_type: str = PASS_TYPE) -> httpx.Response:
        query = {} if tag is None else {"passesUpdatedSince": tag}
        return await self.shop.client.get(f"/apple/v1/devices/{self.name}/registrations/{pass_type}", params=query)


@BOTH
async def test_a_new_registration_is_created_and_a_known_one_is_fine(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    assert (await device.register(card)).status_code == 201
    assert (await device.register(card)).status_code == 200


@BOTH
async def test_a_known_device_may_come_with_a_new_push_token(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    await device.register(card, "aa11")
    assert (await device.register(card, "bb22")).status_code == 200
    (installation,) = await shop.desk.store.installations(card["id"])
    assert installation.push_token == "bb22"


async def test_a_wrong_token_and_a_wrong_serial_look_alike(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    wrong = [await device.register(card, token="x"), await device.fetch(card, token=""), await device.unregister(card, token="ü".encode())]
    nowhere = await shop.client.get(f"/apple/v1/passes/{PASS_TYPE}/nowhere", headers={"Authorization": "ApplePass x"})
    assert {answer.status_code for answer in (*wrong, nowhere)} == {401}
    assert {answer.content for answer in (*wrong, nowhere)} == {b""}
    assert await shop.desk.store.installations(card["id"]) == []


async def test_a_foreign_pass_type_is_refused(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    serial, token = await device.secrets(card)
    answer = await shop.client.get(f"/apple/v1/passes/pass.some.other/{serial}", headers={"Authorization": f"ApplePass {token}"})
    assert answer.status_code == 401


async def test_without_a_tag_all_cards_of_the_device_are_listed(shop: Shop) -> None:
    hoa, mai, device = await shop.join("Hoa"), await shop.join("Mai"), Device(shop)
    await device.register(hoa)
    await device.register(mai)
    listed = (await device.changed()).json()
    assert set(listed["serialNumbers"]) == {(await device.secrets(card))[0] for card in (hoa, mai)}
    assert isinstance(listed["lastUpdated"], str)
    assert listed["lastUpdated"].isdigit()


@BOTH
async def test_every_card_changed_since_the_tag_is_listed_not_only_the_last(shop: Shop) -> None:
    cards, device = [await shop.join(name) for name in ("Hoa", "Mai", "Thu")], Device(shop)
    for card in cards:
        await device.register(card)
    tag = (await device.changed()).json()["lastUpdated"]
    assert (await device.changed(tag)).status_code == 204
    for card in cards[:2]:  # both within one tick of the clock on the wall
        await shop.stamp(card)
    listed = (await device.changed(tag)).json()
    assert len(listed["serialNumbers"]) == 2
    assert int(listed["lastUpdated"]) > int(tag)
    await shop.stamp(cards[1])
    again = (await device.changed(listed["lastUpdated"])).json()
    assert again["serialNumbers"] == [(await device.secrets(cards[1]))[0]]


async def test_an_unknown_device_has_nothing_new(shop: Shop) -> None:
    assert (await Device(shop, "never-seen").changed()).status_code == 204


@BOTH
async def test_a_tag_that_is_not_ours_lists_everything(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    await device.register(card)
    for tag in ("", "yesterday", "2026-11-20T12:00:00+07:00", "-1", "9" * 40, "٣"):
        assert (await device.changed(tag)).status_code == 200, tag


async def test_the_pass_is_fetched_and_not_fetched_again(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    fetched = await device.fetch(card)
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, PKPASS)
    again = await device.fetch(card, headers={"If-Modified-Since": fetched.headers["last-modified"]})
    assert (again.status_code, again.content) == (304, b"")


@BOTH
async def test_a_change_in_the_same_second_is_not_mistaken_for_the_known_one(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    for _ in range(5):  # the clock stands still
        known = (await device.fetch(card)).headers["last-modified"]
        await shop.stamp(card)
        newer = await device.fetch(card, headers={"If-Modified-Since": known})
        assert newer.status_code == 200
        assert newer.headers["last-modified"] != known


async def test_head_is_answered_like_get(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    full, head = await device.fetch(card), await device.fetch(card, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["last-modified"] == full.headers["last-modified"]
    assert head.headers["content-type"] == PKPASS
    assert (await device.fetch(card, method="HEAD", headers={"If-Modified-Since": full.headers["last-modified"]})).status_code == 304


async def test_a_doubled_slash_is_tolerated(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    assert (await device.register(card, base="/apple//v1")).status_code == 201
    assert (await device.fetch(card, base="/apple//v1")).status_code == 200


async def test_a_wallet_that_never_registers_may_fetch(shop: Shop) -> None:
    card = await shop.join()
    assert (await Device(shop).fetch(card)).status_code == 200


@pytest.mark.parametrize("since", ["never", "", "Thu, 99 Foo 2026 00:00:00 GMT", "0", "Fri, 20 Nov 2026 05:00:00"])
async def test_a_date_that_cannot_be_read_gets_the_pass(shop: Shop, since: str) -> None:
    card = await shop.join()
    assert (await Device(shop).fetch(card, headers={"If-Modified-Since": since})).status_code == 200


@BOTH
async def test_a_removed_card_is_gone_and_removing_it_twice_is_fine(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    await device.register(card)
    assert (await device.unregister(card)).status_code == 200
    assert (await device.unregister(card)).status_code == 200
    assert (await device.changed()).status_code == 204
    story = (await shop.get(f"cards/{card['id']}/story")).json()
    assert [event["type"] for event in story["events"]] == ["card.removed", "card.saved", "customer.joined"]
    assert (await device.register(card)).status_code == 201  # and it may come back


async def test_hundreds_of_fresh_device_ids_are_taken(shop: Shop) -> None:
    card = await shop.join()
    for number in range(60):
        assert (await Device(shop, f"device-{number}").register(card, f"{number:064x}" * 3)).status_code == 201


async def test_devices_may_complain(shop: Shop) -> None:
    for body, status in (({"logs": ["it broke", "\x00 again"]}, 200), ({"logs": []}, 200), ({"logs": "x"}, 400), ({}, 400)):
        assert (await shop.client.post("/apple/v1/log", json=body)).status_code == status


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"pushToken": 5}', b'{"pushToken": ""}', b'{"pushToken": "zz zz"}', b'{"pushToken": "zz\\n"}', b"[]"]
)
async def test_a_registration_without_a_push_token_is_refused(shop: Shop, body: bytes) -> None:
    card = await shop.join()
    answer = await Device(shop).call("POST", "devices/{device}/registrations/{type}/{serial}", card, content=body)
    assert answer.status_code == 400


@BOTH
async def test_the_story_says_told_asked_fetched(shop: Shop) -> None:
    card, device = await shop.join(), Device(shop)
    await device.register(card)
    await device.changed()
    await device.fetch(card)
    story = (await shop.get(f"cards/{card['id']}/story")).json()
    (phone,) = story["installations"]
    assert phone["asked_at"]
    assert phone["fetched"] == story["version"]
    assert phone["up_to_date"] is True
    await shop.stamp(card)
    (phone,) = (await shop.get(f"cards/{card['id']}/story")).json()["installations"]
    assert phone["up_to_date"] is False
    assert phone["next_try_at"]


async def test_the_holder_downloads_the_card_by_its_link(shop: Shop) -> None:
    card = await shop.join()
    answer = await shop.client.get(card["links"]["apple"].removeprefix("https://cards.example"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, PKPASS)


async def test_a_wallet_that_never_registers_hears_of_an_expiry_when_it_asks(shop: Shop) -> None:
    card, device = await shop.card_with_cookie(), Device(shop)
    known = (await device.fetch(card)).headers["last-modified"]
    assert (await device.fetch(card, headers={"If-Modified-Since": known})).status_code == 304
    shop.clock.forward(days=31)
    newer = await device.fetch(card, headers={"If-Modified-Since": known})
    assert newer.status_code == 200
    assert (await device.fetch(card, headers={"If-Modified-Since": newer.headers["last-modified"]})).status_code == 304


async def test_phones_that_come_and_go_do_not_push_the_news_off_the_card(shop: Shop) -> None:
    card = await shop.card_with_cookie()
    for number in range(15):
        await Device(shop, f"device-{number}").register(card)
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, card_id=card["id"])
    assert facts is not None
    assert [event.kind for event in facts.events] == ["earned", "stamped", "joined"]


async def test_a_strangers_question_writes_nothing(shop: Shop) -> None:
    card = await shop.join()
    await Device(shop).register(card)
    await Device(shop, "stranger").changed()
    (phone,) = await shop.desk.store.installations(card["id"])
    assert phone.asked_at is None


@pytest.mark.parametrize("since", ["Sun, 06 Nov 1994 08:49:37 +99999999999999", "Sun, 06 Nov 0000 08:49:37 GMT"])
async def test_a_date_beyond_all_calendars_gets_the_pass(shop: Shop, since: str) -> None:
    card = await shop.join()
    assert (await Device(shop).fetch(card, headers={"If-Modified-Since": since})).status_code == 200


async def test_a_complaint_keeps_no_secret(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr()
    said = ["Authorization: ApplePass kJ8s-TOKEN_secret123 was refused"] * 100
    assert (await shop.client.post("/apple/v1/log", json={"logs": said})).status_code == 200
    heard = capsys.readouterr().err
    assert "was refused" in heard
    assert "secret123" not in heard
    assert heard.count("complains") == 30


async def test_a_card_belongs_to_the_pass_type_of_its_own_shop(database_url: str, certs: Path, tmp_path: Path) -> None:
    for name, pass_type in (("apple", PASS_TYPE), ("apple-other", "pass.other")):
        make_development_chain(tmp_path / name, pass_type=pass_type, team="DEVELOPER1", organization="x", now=NOON)
    async with open_shop(database_url, certs=str(tmp_path)) as shop:
        card, device = await shop.join(), Device(shop)
        serial, token = await device.secrets(card)
        answers = [
            await shop.client.get(f"/apple/v1/passes/{pass_type}/{serial}", headers={"Authorization": f"applepass {token}"})
            for pass_type in (PASS_TYPE, "pass.other")
        ]
        assert [answer.status_code for answer in answers] == [200, 401]
