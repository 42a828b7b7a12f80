"""Requests that nobody thought of: schemathesis against a server of our own, with some ids and codes that there are."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from afternoon import afternoon
from servers import free_port
from shop import Clock, Shop, application

from app import world

ROOT = Path(__file__).parents[1]
CONFIG = Path(__file__).with_name("fuzz.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
PER_MINUTE = 60_000
"""Whoever asks ten thousand times is not to be told that it is often."""


async def opened(database_url: str) -> tuple[str, dict[str, list[str]]]:
    """A shop in a database of its own: the secret of a key that may do everything, and what there is to name."""
    clock = Clock(world.now())
    async with application(database_url, clock) as (client, desk, followers):
        return await furnished(await Shop(client, desk, clock, followers).open())


async def furnished(shop: Shop) -> tuple[str, dict[str, list[str]]]:
    """The same of a shop after an afternoon."""
    till = await afternoon(shop)
    more = [await shop.card_with_cookie() for _ in range(20)]
    await shop.hand_out("fuzz", staff_id=shop.staff["Lan"].id, per_minute=PER_MINUTE)
    held = await till.ask("reserve", {"codes": [more[0]["ready"][0]["code"]]})
    hook = await till.ask("make_webhook", {"url": "https://pos.example.com/fuzz"})
    brought = till.examples["import_csv"]["answer"]
    there = {"reservation_id": [held["id"]], "webhook_id": [hook["webhook"]["id"]], "import_id": [brought["id"]]}
    return shop.secrets["fuzz"], named([*(one.get("answer") for one in till.examples.values()), *more]) | there


def named(answers: Any) -> dict[str, list[str]]:
    """What there is to name, by the name under which requests name it."""
    found: dict[str, set[str]] = {}

    def walk(value: Any, parent: str) -> None:
        match value:
            case list():
                for one in value:
                    walk(one, parent)
            case dict():
                for name, one in value.items():
                    walk(one, name if name != "id" else f"{parent}_id")
            case str() if parent.endswith("_id") or parent in ("code", "number"):
                found.setdefault(parent, set()).add(value)

    for answer in answers:
        walk(answer, "")
    known = {name: sorted(values) for name, values in found.items()}
    return known | {"which": known["card_id"] + known["number"], "codes": known["code"]}


@contextlib.contextmanager
def serving(database_url: str, log: Path) -> Iterator[str]:
    """A server of that database, which tells nobody anything."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "COUNTERPASS_CERTS": "/nonexistent",
        "COUNTERPASS_PORT": str(port),
        "COUNTERPASS_PUBLIC_URL": url,
    }
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--no-followers"], cwd=ROOT, env=environment, stdout=said, stderr=said
        ) as process,
    ):
        try:
            for _ in range(400):
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{url}/health")
                    break
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def fuzz(url: str, secret: str, known: dict[str, list[str]], *options: str, folder: Path) -> tuple[int, int, str]:
    """Ask away: what schemathesis says of it in the end (0 is content), how many requests there were, and its report."""
    names = folder / "known.json"
    names.write_text(json.dumps(known), encoding="utf-8")
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent), "FUZZ_KNOWN": str(names)}
    command: Sequence[str] = (
        *(str(SCHEMATHESIS), "--config-file", str(CONFIG), "run", f"{url}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {secret}", "--no-color", *options),
    )
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    asked = re.search(r"([\d,]+) generated", done.stdout)
    return done.returncode, int(asked[1].replace(",", "")) if asked else 0, done.stdout + done.stderr
