"""Every call with every wrong key: the document says what each of them is answered, and a new call cannot be left out."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from afternoon import afternoon
from contract import Request, Till, masked
from shop import Clock, Shop, application
from test_foreign import everything_of

from app.desk import keys
from app.store import SCOPES
from passes import codes

UUID_ = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OLD = re.compile(r'"(?:code|number)": "([0-9A-Z]{9,})"')
"""A code or a card's number in what was answered."""


class Scene(NamedTuple):
    """A shop after an afternoon, the shop next door, and keys of every kind."""

    till: Till
    theirs: Shop
    secrets: dict[str, str]
    database: Path

    def tried(self, name: str) -> Request:
        return self.till.sent.get(name) or self.till.tried[name]

    async def ask(self, name: str, which: str, request: Request | None = None) -> httpx.Response:
        answer = await self.till.send(request or self.tried(name), secret=self.secrets[which])
        assert self.till.contract.wrongs(name, answer) == [], which
        return answer

    def scopes(self, name: str) -> set[str]:
        operation = self.till.contract.calls[self.till.contract.requests[name]][2]
        if "x-scopes" in operation:
            return set(operation["x-scopes"][name.rpartition(" ")[2]])
        return {scope for one in operation["security"] for scope in one["key"]}


@pytest.fixture(scope="module")
async def scene(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    path, clock = tmp_path_factory.mktemp("matrix") / "shop.db", Clock()
    shutil.copy(sqlite_template, path)
    async with application(f"sqlite:///{path}", clock) as (client, desk, followers):
        shop, theirs = [await Shop(client, desk, clock, followers).open(name) for name in ("Cà Phê Sáng", "Tiệm Bánh Nguyệt")]
        till = await afternoon(shop)

        revoked, rolled = await shop.hand_out("revoked"), await shop.hand_out("rolled out")
        await keys.revoke(desk.store, desk.world, shop.business, revoked.id, by=shop.staff["Lan"].id)
        await keys.roll(desk.store, desk.world, shop.business, rolled.id, by=shop.staff["Lan"].id, overlap=timedelta(0))
        for scope in SCOPES:
            await shop.hand_out(scope, scopes=[scope])
        await theirs.hand_out("foreign", staff_id=theirs.staff["Lan"].id)
        await shop.hand_out("test", test=True)
        secrets = {"none": "", "garbage": "cp_live_" + "x" * 43, "foreign": theirs.secrets["foreign"], **shop.secrets}
        yield Scene(till, theirs, secrets, path)


async def test_a_key_that_does_not_work_is_refused_alike_by_every_call(scene: Scene) -> None:
    said = set()
    for name in scene.till.contract.requests:
        for which in ("none", "garbage", "revoked", "rolled out"):
            answer = await scene.ask(name, which)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), (name, which)
            said.add(answer.text)
    assert len(said) == 1


async def test_a_key_may_do_what_its_scope_says_and_nothing_else(scene: Scene) -> None:
    for name in scene.till.contract.requests:
        needed = scene.scopes(name)
        for scope in SCOPES:
            answer = await scene.ask(name, scope)
            refused = answer.status_code == 403 and answer.json()["word"] == "wrong_scope"
            assert refused == bool(needed and scope not in needed), (name, scope, answer.text)
            if refused:
                facts = answer.json()["facts"]
                assert needed <= set(facts["needed"]), name
                assert facts["has"] == [scope], name
            assert answer.status_code < 500, (name, scope)


def made_up(scene: Scene, request: Request) -> tuple[Request, dict[str, str]]:
    """The same request about things of nobody, and which of them stands for which of ours."""
    desk = scene.till.shop.desk
    drawn: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        return drawn.setdefault(found[0], str(uuid4()))

    known = set(OLD.findall(json.dumps([one.get("answer") for one in scene.till.examples.values()])))
    swap = {one: codes.mint(desk.world.pick) if len(one) == 9 else codes.mint_number(desk.world.pick) for one in known}

    # Transactions of the till facade: others, or they would be the same requests again.
    swap |= {f'"T-{number}"': f'"T-X{number}"' for number in range(1, 6)}

    def again(text: str) -> str:
        text = UUID_.sub(other, text)
        for one, instead in swap.items():
            text = text.replace(one, instead)
        return text

    body = again(request.body.decode()).encode() if request.kind.endswith("json") else request.body
    query = {name: again(value) for name, value in request.query.items()}
    return request._replace(path=again(request.path), query=query, body=body), drawn | swap


def told(answer: httpx.Response, stands_for: Mapping[str, str]) -> tuple[int, Any]:
    """What was answered, with the name of each of our things instead of what stands for it."""
    text = answer.text
    for ours, instead in stands_for.items():
        text = text.replace(codes.group(instead), codes.group(ours)).replace(instead, ours)
    return answer.status_code, masked(json.loads(text)) if "json" in answer.headers.get("content-type", "") else text


@pytest.mark.parametrize("which", ["foreign", "test"])
async def test_what_is_ours_is_nobody_s_for_the_shop_next_door_and_for_test_mode(scene: Scene, which: str) -> None:
    ours = set(UUID_.findall(json.dumps([one.get("answer") for one in scene.till.examples.values()])))
    before = everything_of(scene.till.shop, scene.database)
    for name in scene.till.contract.requests:
        request = scene.tried(name)
        nobodys, stands_for = made_up(scene, request)
        answer, nobody = await scene.ask(name, which), await scene.ask(name, which, nobodys)
        sent = set(UUID_.findall(f"{request.path} {request.query} {request.body!r}"))
        assert (set(UUID_.findall(answer.text)) & ours) - sent == set(), (name, answer.text)
        if nobodys != request:
            assert told(answer, {}) == told(nobody, stands_for), name
    after = everything_of(scene.till.shop, scene.database)
    assert {name for name in after if after[name] != before[name]} <= {"api_key"}, "of a key its last use is remembered"
