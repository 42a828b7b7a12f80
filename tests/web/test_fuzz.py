"""A little of what `make fuzz` does: schemathesis asks every call what nobody thought of, and the document knows every answer."""

from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync
from fuzz import furnished, fuzz
from shop import Shop
from test_generated import served

ASKED = 50
"""Requests at least; `make fuzz` sends ten thousand."""


@pytest.mark.long
async def test_every_call_answers_what_the_document_says_whatever_it_is_asked(shop: Shop, tmp_path: Path) -> None:
    transport: Any = shop.client._transport
    secret, known = await furnished(shop)
    # Here always the same: what nobody thought of is for those who look for it, not for whoever changes something else that day.
    options = ("--phases", "fuzzing", "--max-examples", "1", "--no-shrink", "--generation-deterministic")
    async with served(transport.app) as url:
        wrong, asked, report = await run_sync(lambda: fuzz(url, secret, known, *options, folder=tmp_path))
    assert (wrong, asked > ASKED) == (0, True), report
