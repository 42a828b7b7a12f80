"""A phone's conversation with a server of passes, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import uuid4

import pytest
from bare_http import bare_http
from chains import NOW, chain
from pass_maker import PASS_TYPE, SERIAL, TOKEN, body, files, pkpass

from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from app.sandbox.passfile import Rejected
from app.sandbox.phone import Phone
from app.world import World
from passes.wallets.base import Ask

OTHER = "5f0a9c1d2e3b4a5f6072"


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class CardServer:
    """Apple's web service for passes, in fifty lines; ``wrong`` holds answers to give once instead, by method and part of the path."""

    def __init__(self) -> None:
        self.url = ""
        self.version = 1
        self.cards: dict[str, tuple[int, dict[str, Any]]] = {}
        self.registered: dict[str, set[str]] = {}
        self.requests: list[Request] = []
        self.wrong: list[tuple[str, str, bytes]] = []

    def draw(self, serial: str = SERIAL, *, latest: str = "Welcome", **changed: Any) -> bytes:
        card = body(serialNumber=serial, webServiceURL=self.url, **changed)
        card["storeCard"] = json.loads(json.dumps(card["storeCard"]))
        card["storeCard"]["backFields"][0]["value"] = latest
        return pkpass(files(card))

    def change(self, serial: str = SERIAL, **changed: Any) -> None:
        self.version += 1
        self.cards[serial] = self.version, changed

    def asked(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.path]

    async def serve(self, raw: bytes, writer: asyncio.StreamWriter) -> None:
        head, _, content = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        request = Request(method, path, headers, content)
        self.requests.append(request)
        for line in self.wrong:
            if line[0] == method and line[1] in path:
                self.wrong.remove(line)
                writer.write(line[2])
                return
        writer.write(self.answer(request))

    def answer(self, request: Request) -> bytes:  # noqa: PLR0911 (one per call)
        parts = request.path.partition("?")[0].removeprefix("/").split("/")
        tag = unquote(request.path.partition("passesUpdatedSince=")[2]) or "0"
        authorized = request.headers.get("authorization") == f"ApplePass {TOKEN}"
        match request.method, parts:
            case "POST", ["v1", "devices", device, "registrations", _, serial] if authorized:
                new = serial not in self.registered.setdefault(device, set())
                self.registered[device].add(serial)
                return said(201 if new else 200)
            case "DELETE", ["v1", "devices", device, "registrations", _, serial] if authorized:
                self.registered[device].discard(serial)
                return said(200)
            case "GET", ["v1", "devices", device, "registrations", _]:
                newer = [
                    (version, serial)
                    for serial, (version, _) in self.cards.items()
                    if version > int(tag) and serial in self.registered[device]
                ]
                if not newer:
                    return said(204)
                return said(200, json.dumps({"serialNumbers": [serial for _, serial in newer], "lastUpdated": str(max(newer)[0])}).encode())
            case (("GET" | "HEAD"), ["v1", "passes", _, serial]) if authorized:
                version, changed = self.cards[serial]
                return self.card(self.draw(serial, **changed), version, head=request.method == "HEAD")
            case "POST", ["v1", "log"]:
                return said(200)
        return said(401)

    @staticmethod
    def card(drawn: bytes, version: int, *, head: bool = False, kind: str = "application/vnd.apple.pkpass") -> bytes:
        modified = format_datetime(NOW + timedelta(seconds=version), usegmt=True)
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nLast-Modified: {modified}\r\nContent-Length: {len(drawn)}\r\n\r\n"
        return lines.encode() + (b"" if head else drawn)


def said(status: int, content: bytes = b"") -> bytes:
    length = b"" if status in (204, 304) else b"Content-Length: %d\r\n" % len(content)
    return b"HTTP/1.1 %d x\r\n" % status + length + b"\r\n" + content


def listed(*serials: str, tag: Any) -> bytes:
    return said(200, json.dumps({"serialNumbers": serials, "lastUpdated": tag}).encode())


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    out = Outbound(trust=chain(PASS_TYPE) / "root.pem")
    yield out
    await out.close()


@pytest.fixture
async def apns() -> AsyncIterator[ApnsSandbox]:
    async with ApnsSandbox(chain(PASS_TYPE), now=lambda: NOW) as apns:
        yield apns


@pytest.fixture
async def server() -> AsyncIterator[CardServer]:
    server = CardServer()
    async with bare_http(server.serve) as server.url:
        server.change()
        yield server


class Shop:
    """Tells Apple of changes, as a provider of passes does."""

    def __init__(self, out: Outbound, apns: ApnsSandbox) -> None:
        self.out, self.apns = out, apns

    async def push(self, phone: Phone) -> int:
        folder = chain(PASS_TYPE)
        ask = Ask(
            method="POST",
            url=f"{self.apns.url}/3/device/{phone.push_token}",
            headers=(("apns-topic", PASS_TYPE),),
            body=b"{}",
            certificate=(folder / "certificate.pem").read_bytes(),
            key=(folder / "key.pem").read_bytes(),
            http2=True,
        )
        return (await self.out(ask)).status


@pytest.fixture
def shop(out: Outbound, apns: ApnsSandbox) -> Shop:
    return Shop(out, apns)


@asynccontextmanager
async def switched_on(out: Outbound, apns: ApnsSandbox, **more: Any) -> AsyncIterator[Phone]:
    numbers = count()
    world = World(
        now=lambda: NOW,
        new_id=uuid4,
        pick=lambda letters: letters[0],
        token=lambda: f"secret-{next(numbers)}",
        uniform=lambda: 0.5,
        http=out,
    )
    phone = Phone("Hoa's phone", world=world, root=(chain(PASS_TYPE) / "root.pem").read_bytes(), apns=apns, **more)
    yield phone
    await phone.close()


@pytest.fixture
async def phone(out: Outbound, apns: ApnsSandbox) -> AsyncIterator[Phone]:
    async with switched_on(out, apns, language="vi") as phone:
        yield phone


def latest(phone: Phone, serial: str = SERIAL) -> str:
    return phone.passes[serial].fields["latest"].value


async def test_an_added_pass_is_registered_with_its_token_and_shown(server: CardServer, phone: Phone) -> None:
    shown = await phone.add(server.draw())
    (request,) = server.requests
    assert request.method == "POST"
    assert request.path.startswith("/v1/devices/")
    assert request.path.endswith(f"/registrations/{PASS_TYPE}/{SERIAL}")
    assert request.headers["authorization"] == f"ApplePass {TOKEN}"
    assert json.loads(request.body) == {"pushToken": phone.push_token}
    assert phone.passes == {SERIAL: shown}
    assert shown.fields["progress"].label == "Tem"


async def test_a_bad_pass_is_not_added_and_nobody_is_told(server: CardServer, phone: Phone) -> None:
    with pytest.raises(Rejected):
        await phone.add(pkpass(files(), **{"extra.txt": b"x"}))
    assert (phone.passes, server.requests) == ({}, [])


async def test_a_push_brings_the_new_card_and_its_message_in_the_phones_language(server: CardServer, phone: Phone, shop: Shop) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    assert await shop.push(phone) == 200
    await phone.until(lambda: latest(phone) == "8/10")
    assert [(note.title, note.text) for note in phone.notifications] == [("Cà Phê Sáng", "Tin mới: 8/10")]


async def test_the_tag_comes_back_as_it_was_given_whatever_is_in_it(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    tag = "2026-11-22T10:00:00+00:00 & more/ü"
    server.wrong += [("GET", "/registrations/", listed(tag=tag))] * 2
    await phone.refresh()
    await phone.refresh()
    first, second = server.asked(f"/registrations/{PASS_TYPE}")[1:]
    assert "?" not in first.path
    assert unquote(second.path.partition("?passesUpdatedSince=")[2]) == tag
    assert not {"+", " ", "&"} & set(second.path)


async def test_a_numeric_tag_makes_the_phone_ignore_the_answer(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    server.wrong.append(("GET", "/registrations/", listed(SERIAL, tag=2)))
    await phone.refresh()
    assert latest(phone) == "Welcome"
    assert "not understood" in phone.logs[-1]
    assert json.loads(server.asked("/v1/log")[-1].body)["logs"][0].endswith(phone.logs[-1])
    await phone.refresh()
    assert latest(phone) == "8/10"


async def test_a_tag_that_stays_the_same_is_complained_of(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    for _ in range(2):
        server.wrong.append(("GET", "/registrations/", listed(SERIAL, tag="7")))
        await phone.refresh()
    assert phone.logs == [
        "Response to 'What changed?' request included 1 serial numbers but the lastUpdated tag (7) remained the same.",
    ]


async def test_a_push_without_a_change_is_spurious(server: CardServer, phone: Phone, shop: Shop) -> None:
    await phone.add(server.draw())
    await phone.refresh()
    await shop.push(phone)
    await phone.until(lambda: bool(server.asked("/v1/log")))
    assert phone.logs[0].startswith("Device received spurious push. Request for passesUpdatedSince '2' returned no serial numbers.")


async def test_many_pushes_at_once_are_one_or_two_questions(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    for _ in range(50):
        phone.pushed(PASS_TYPE)
    await phone.until(lambda: latest(phone) == "8/10")
    assert len(server.asked(f"/registrations/{PASS_TYPE}")) - 1 <= 2


async def test_the_second_fetch_asks_only_for_what_is_newer_and_a_304_keeps_the_card(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    await phone.refresh()
    server.change(latest="9/10")
    server.wrong.append(("GET", "/v1/passes/", said(304)))
    await phone.refresh()
    first, second = server.asked("/v1/passes/")
    assert "if-modified-since" not in first.headers
    assert second.headers["if-modified-since"] == format_datetime(NOW + timedelta(seconds=3), usegmt=True)
    assert latest(phone) == "8/10"


async def test_some_fetches_begin_with_a_head(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    for number in range(6):
        server.change(latest=f"{number}/10")
        await phone.refresh()
    assert [request.method for request in server.asked("/v1/passes/")] == ["GET", "GET", "HEAD", "GET", "GET", "GET", "HEAD", "GET"]
    assert latest(phone) == "5/10"


@pytest.mark.parametrize("answer", [said(401), said(404), said(500), said(503)])
async def test_the_old_card_stays_when_a_fetch_fails_and_a_retry_brings_the_new_one(
    server: CardServer, phone: Phone, answer: bytes
) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    server.wrong.append(("GET", "/v1/passes/", answer))
    await phone.refresh()
    assert latest(phone) == "Welcome"
    assert phone.logs
    await phone.refresh()
    assert latest(phone) == "Welcome", "the list has nothing newer than the tag: only a retry remembers"
    await phone.retry()
    assert latest(phone) == "8/10"


async def test_a_failed_question_is_asked_again_and_given_up_after_five_tries(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    server.change(latest="8/10")
    server.wrong += [("GET", "/registrations/", said(500))] * 5
    await phone.refresh()
    for _ in range(9):
        await phone.retry()
    assert len(server.asked(f"/registrations/{PASS_TYPE}")) - 1 == 5
    assert latest(phone) == "Welcome"


async def test_a_registration_that_failed_is_tried_again(server: CardServer, phone: Phone) -> None:
    server.wrong.append(("POST", "/registrations/", said(500)))
    await phone.add(server.draw())
    assert "Register task" in phone.logs[0]
    await phone.retry()
    assert list(server.registered.values()) == [{SERIAL}]


@pytest.mark.parametrize(
    ("changed", "kind", "why"),
    [
        ({"serialNumber": OTHER}, "application/vnd.apple.pkpass", "another pass"),
        ({"authenticationToken": TOKEN + "x"}, "application/vnd.apple.pkpass", "authenticationToken changed"),
        ({"formatVersion": 2}, "application/vnd.apple.pkpass", "formatVersion"),
        ({}, "application/octet-stream", "its type"),
    ],
)
async def test_a_bad_update_is_refused_and_complained_of(
    server: CardServer, phone: Phone, changed: dict[str, Any], kind: str, why: str
) -> None:
    await phone.add(server.draw())
    server.change()
    drawn = pkpass(files(body(webServiceURL=server.url) | changed))
    server.wrong.append(("GET", "/v1/passes/", server.card(drawn, 9, kind=kind)))
    await phone.refresh()
    assert "Received invalid pass data" in phone.logs[0]
    assert why in phone.logs[0]
    assert list(phone.passes) == [SERIAL]


async def test_several_messages_at_once_become_one_line_without_them(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    card = body()["storeCard"]
    card["headerFields"] = [{"key": "progress", "value": "8/10", "changeMessage": "Now %@"}]
    drawn = pkpass(
        files(body(webServiceURL=server.url, storeCard=card | {"backFields": [{"key": "latest", "value": "x", "changeMessage": "%@"}]}))
    )
    server.change()
    server.wrong.append(("GET", "/v1/passes/", server.card(drawn, 9)))
    await phone.refresh()
    (note,) = phone.notifications
    assert (note.text, note.messages) == ("Cà Phê Sáng: card changed", ("Now 8/10", "x"))


async def test_a_change_without_a_message_is_silent(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    server.change(description="Other")
    await phone.refresh()
    assert phone.passes[SERIAL].description == "Other"
    assert phone.notifications == []


async def test_a_rotated_push_token_is_told_and_the_old_one_is_gone(
    server: CardServer, phone: Phone, shop: Shop, apns: ApnsSandbox
) -> None:
    await phone.add(server.draw())
    old = phone.push_token
    await phone.rotate_push_token()
    assert phone.push_token != old
    assert [json.loads(request.body)["pushToken"] for request in server.requests] == [old, phone.push_token]
    server.change(latest="8/10")
    await shop.push(phone)
    await phone.until(lambda: latest(phone) == "8/10")
    apns.pushes.clear()
    phone.push_token, new = old, phone.push_token
    assert await shop.push(phone) == 410
    phone.push_token = new


async def test_a_new_device_id_registers_anew_and_knows_no_tag(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    await phone.refresh()
    await phone.rotate_device_id()
    await phone.refresh()
    assert [len(serials) for serials in server.registered.values()] == [1, 1]
    assert "passesUpdatedSince" not in server.requests[-2].path


async def test_removing_a_pass_unregisters_it(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    await phone.remove(SERIAL)
    assert phone.passes == {}
    assert (server.requests[-1].method, server.requests[-1].headers["authorization"]) == ("DELETE", f"ApplePass {TOKEN}")
    assert list(server.registered.values()) == [set()]


async def test_a_phone_with_two_cards_fetches_only_those_that_changed(server: CardServer, phone: Phone, shop: Shop) -> None:
    await phone.add(server.draw())
    await phone.add(server.draw(OTHER))
    await phone.refresh()
    server.requests.clear()
    server.change(OTHER, latest="9/10")
    await shop.push(phone)
    await phone.until(lambda: latest(phone, OTHER) == "9/10")
    assert [request.path.rpartition("/")[2] for request in server.asked("/v1/passes/")] == [OTHER]


async def test_the_same_card_added_again_lies_over_the_old_one(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    await phone.add(server.draw(latest="8/10"))
    assert list(phone.passes) == [SERIAL]
    assert latest(phone) == "8/10"
    assert phone.notifications == []


async def test_a_phone_that_doubles_the_slash_says_so_in_every_call(server: CardServer, out: Outbound, apns: ApnsSandbox) -> None:
    async with switched_on(out, apns, double_slash=True) as phone:
        await phone.add(server.draw())
    assert server.requests[0].path.startswith("//v1/devices/")


async def test_a_server_that_is_away_is_complained_of_to_nobody_and_asked_later(server: CardServer, phone: Phone) -> None:
    away = body(webServiceURL="http://127.0.0.1:1")
    await phone.add(pkpass(files(away)))
    assert "nobody heard" in phone.story[-1].what
    assert SERIAL in phone.passes


async def test_waiting_in_vain_tells_the_story(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    with pytest.raises(TimeoutError, match="registered"):
        await phone.until(lambda: False, timeout=0.05)


async def test_whoever_watches_is_told_of_every_change(server: CardServer, phone: Phone) -> None:
    seen: list[datetime] = []
    phone.changed.append(lambda: seen.append(NOW))
    await phone.add(server.draw())
    assert len(seen) == len(phone.story) == 2


async def test_the_drawing_shows_the_card_as_it_is_now(server: CardServer, phone: Phone) -> None:
    await phone.add(server.draw())
    assert phone.drawing(SERIAL).startswith(b"\x89PNG")
