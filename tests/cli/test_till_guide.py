"""What a developer of a till is given, against a real server: the scenarios, the client to copy, and every command of the guide."""

import asyncio
import contextlib
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from servers import PATIENCE, Launcher, Server, free_port
from shop import open_shop

from app import cli
from app.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]


class Premises(NamedTuple):
    """A shop that is served, with keys to it."""

    url: str
    test: str
    looks: str
    live: str
    card: str


@pytest.fixture(scope="module")
async def premises(sqlite_template: Path, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Premises]:
    folder = tmp_path_factory.mktemp("till")
    database = f"sqlite:///{shutil.copy(sqlite_template, folder / 'counterpass.db')}"
    async with open_shop(database) as shop:
        await shop.hand_out("test", scopes=("read", "earn", "redeem", "manage"), test=True)
        await shop.hand_out("looks", scopes=("read",), test=True)
        await shop.hand_out("live", scopes=("read",))
        card = (await shop.join())["number"]
    server = Server(launcher, folder, database_url=database)
    await server.start()
    try:
        yield Premises(server.url, *[shop.secrets[name] for name in ("test", "looks", "live")], card)
    finally:
        await server.stop()


async def counterpass(*arguments: str) -> tuple[int, str, str]:
    """How a command ends, what it prints, and what it complains of."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = await asyncio.to_thread(cli.main, arguments)
    return status, out.getvalue(), err.getvalue()


async def test_the_scenarios_are_played_against_any_installation(premises: Premises) -> None:
    status, said, err = await counterpass(
        "scenarios", premises.url, premises.test, "--read-only", premises.looks, "--live-card", premises.card
    )
    assert status == 0, said + err
    *lines, last = said.splitlines()
    assert last == f"{len(SCENARIOS) - 1} passed, 0 failed, 1 left out"
    assert [line for line in lines if line.startswith("left out")] == [line for line in lines if "ends by itself" in line]
    assert "it takes a minute: --patient" in said
    assert premises.test not in said + err


async def test_a_scenario_that_fails_is_the_status_of_the_command(premises: Premises) -> None:
    status, said, err = await counterpass("scenarios", premises.url, premises.looks, "--only", "joins")
    assert (status, err) == (1, "this key lacks earn, redeem, manage: what needs it fails. Take a test key with all scopes.\n")
    assert re.match(r"FAIL +\d+ ms  A customer joins\n +POST join was answered 403 wrong_scope, not 201: ", said)
    assert said.endswith("0 passed, 1 failed, 0 left out\n")


async def test_scenarios_are_not_played_where_they_would_count_unless_somebody_knows(premises: Premises) -> None:
    status, said, err = await counterpass("scenarios", premises.url, premises.live)
    assert (status, said) == (1, "")
    assert "this is not a test key" in err
    status, said, _ = await counterpass("scenarios", premises.url, premises.live, "--only", "says whose", "--i-know")
    assert (status, said.splitlines()[-1]) == (0, "1 passed, 0 failed, 0 left out")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["cp_test_nobody"], "GET me was answered 401 unauthorized"),
        (["cp_test_nobody", "--only", "no such thing"], "no scenario is called"),
    ],
)
async def test_what_cannot_be_played_is_one_line(premises: Premises, arguments: list[str], why: str) -> None:
    status, said, err = await counterpass("scenarios", premises.url, *arguments)
    assert (status, said) == (1, "")
    assert re.fullmatch(rf"counterpass: [^\n]*{why}[^\n]*\n", err)


async def test_where_nobody_answers_is_one_line() -> None:
    status, _, err = await counterpass("scenarios", f"http://127.0.0.1:{free_port()}", "cp_test_nobody")
    assert status == 1
    assert re.fullmatch(r"counterpass: 127\.0\.0\.1: [^\n]+\n", err)


async def test_where_somebody_else_answers_is_one_line() -> None:
    async def else_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    async with await asyncio.start_server(else_, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        status, _, err = await counterpass("scenarios", url, "cp_test_nobody")
    assert (status, err) == (1, f"counterpass: it should be so that Counterpass answers at {url}; found something else (HTTP 200)\n")


async def test_the_example_plays_a_tills_afternoon(premises: Premises) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-W", "error", "-c", SESSION, str(ROOT / "examples"), premises.url, premises.test,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, said.decode()
    assert "sent again, it is the same: True" in said.decode()
    assert "a second time it is refused (already_redeemed)" in said.decode()
    assert said.decode().endswith("and its receipt came back: the card has 0\n")


SESSION = """
import runpy, sys
folder = sys.argv.pop(1)
sys.path.insert(0, folder)
runpy.run_path(folder + "/till_session.py", run_name="__main__")
"""


async def test_the_example_sends_a_change_under_one_key_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    client: Any = importlib.import_module("counterpass_till")
    heard: list[str] = []
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    proxy = b'HTTP/1.1 502 Bad\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 17\r\n\r\n{"message": "no"}'
    answers = [b"", busy, proxy, b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}']

    async def half_dead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        await reader.readexactly(int(re.findall(r"(?i)content-length: (\d+)", head)[0]))
        heard.extend(re.findall(r"(?i)idempotency-key: (\S+)", head))
        writer.write(answers[len(heard) - 1] if len(heard) <= len(answers) else b"")
        writer.close()

    waited: list[float] = []
    async with await asyncio.start_server(half_dead, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        till = client.Till(url, "cp_test_x", sleep=waited.append)
        assert await asyncio.to_thread(till.change, "returns", {"receipt": "R-1"}) == {"a": 1}
        with pytest.raises(client.NoAnswer) as lost:
            await asyncio.to_thread(till.change, "returns", {"receipt": "R-1"}, "bill-7")
    assert len(heard) == 4 + 4
    assert len(set(heard[:4])) == 1
    assert set(heard[4:]) == {"bill-7"} == {lost.value.key}
    assert waited[:3] == [0.25, 7.0, 1.0]


# --- The guide ---


def guided(reading: str) -> list[str]:
    """The commands of the guide, in their order."""
    blocks = re.findall(r"(?:^    .*\n)+", reading, re.MULTILINE)
    joined = [line.strip() for block in blocks for line in block.replace("\\\n", "\n").split("\n    ") if line.strip()]
    commands: list[str] = []
    for line in joined:
        if line.startswith(("curl", "export", "counterpass")):
            commands.append(line)
        else:
            commands[-1] += " " + line
    return commands


LEARNT: dict[str, tuple[str, Callable[[Any], str]]] = {
    "$API/programs ": ("PROGRAM", lambda said: next(one["id"] for one in said["data"])),
    "$API/join ": ("CARD", lambda said: said["card"]["number"]),
    "/earnings ": ("CODE", lambda said: said["earned"][0]["code"]),
    "accrue": ("CODE", lambda said: said["earned"][0]["code"]),
    "$API/redemptions ": ("REDEMPTION", lambda said: said["redemption"]["id"]),
}
"""What whoever reads the guide copies from an answer into a variable."""


async def test_every_command_of_the_guide_does_what_it_says(premises: Premises) -> None:
    commands = guided((ROOT / "docs" / "till.md").read_text(encoding="utf-8"))
    curls = [one for one in commands if one.startswith("curl")]
    assert [one.split()[0] for one in commands if one not in curls] == ["export", "counterpass"]
    known = {"PATH": os.environ["PATH"], "API": f"{premises.url}/api/v1", "KEY": premises.test}
    answers: list[Any] = []
    for one in curls:
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", f"{one} --fail-with-body", env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 0, f"{one}\n{said.decode()}"
        answers.append(json.loads(said))
        for where, (name, of) in LEARNT.items():
            if where in one:
                known[name] = of(answers[-1])
    said_to = dict(zip(curls, answers, strict=True))
    assert all(said["accepted"] for one, said in said_to.items() if "$API/till" in one)
    redeemed = [said for one, said in said_to.items() if "$API/redemptions " in one]
    assert len(redeemed) == 2
    assert redeemed[0] == redeemed[1], "sent again, it is the same receipt"
