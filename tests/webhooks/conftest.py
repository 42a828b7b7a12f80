from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import standardwebhooks.webhooks
from receivers import Receiver, receiving
from shop import Shop, open_shop


@pytest.fixture
async def till() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")


@pytest.fixture
async def shop(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A café whose endpoints may be in the same house; the receiver's library reads the same pretended clock."""
    async with open_shop(database_url, webhooks_private="true") as shop:

        class Pretended(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # noqa: ARG003 (the library asks for UTC)
                return shop.clock()

        monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Pretended)
        yield shop
