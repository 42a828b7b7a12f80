"""What others make of the document: a client that somebody else's generator writes does the main job over real sockets."""

import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from servers import free_port
from shop import Shop

from app.web.api import described

KINDS = ("image/jpeg", "image/png", "image/webp", "image/heic", "text/csv", "application/vnd.apple.pkpass")
"""Media types that this generator knows only as bytes."""


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The application on a socket."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


def generated(document: dict[str, Any], folder: Path) -> None:
    """A package ``pos`` of openapi-python-client, which has nothing to complain about."""
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    known = {"content_type_overrides": dict.fromkeys(KINDS, "application/octet-stream"), "post_hooks": []}
    (folder / "config.json").write_text(json.dumps(known), encoding="utf-8")
    tool = str(Path(sys.executable).with_name("openapi-python-client"))
    made = subprocess.run(
        [
            tool,
            "generate",
            "--path",
            "openapi.json",
            "--output-path",
            "pos",
            "--meta",
            "none",
            "--config",
            "config.json",
            "--fail-on-warning",
        ],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, "WARNING" in made.stdout) == (0, False), made.stdout + made.stderr


async def test_a_generated_client_joins_earns_looks_up_redeems_and_is_told_that_it_is_used(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport: Any = shop.client._transport
    generated(described.document(transport.app, public_url=shop.desk.public_url), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    pos, models = importlib.import_module("pos"), importlib.import_module("pos.models")
    async with served(transport.app) as url:
        till = pos.AuthenticatedClient(base_url=url, token=shop.secrets["An"])

        async def ask(tag: str, name: str, body: Any, **more: Any) -> Any:
            return await importlib.import_module(f"pos.api.{tag}.{name}").asyncio(client=till, body=body, **more)

        joined = await ask("cards", "join", models.Join(program_id=shop.program.id, name="Hoa"), idempotency_key="1")
        earned = await ask("cards", "earn", models.Earn(count=5), which=joined.card.number, idempotency_key="2")
        code = earned.earned[0].code
        seen = await ask("redemptions", "look_up", models.LookUp(code=code))
        assert (seen.verdict, seen.coupon.offer.title) == ("redeemable", "Free cookie")
        receipt = await ask("redemptions", "redeem", models.Redeem(code=code), idempotency_key="3")
        assert (receipt.coupon.state, receipt.redemption.at.tzinfo is not None) == ("redeemed", True)
        again = await ask("redemptions", "redeem", models.Redeem(code=code), idempotency_key="3")
        assert again == receipt
        used = await ask("redemptions", "redeem", models.Redeem(code=code), idempotency_key="4")
        assert (used.word, used.facts["redemption_id"]) == ("already_redeemed", str(receipt.redemption.id))
        await till.get_async_httpx_client().aclose()
