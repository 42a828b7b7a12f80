"""What whoever operates this reads: that it happened, and once."""

import asyncio

import pytest
import structlog
from shop import open_shop

from app.desk.looking import keep_looking
from app.store import DatabaseProblem


async def test_who_is_told_that_too_much_waits_stands_in_the_log(sqlite_url: str) -> None:
    async with open_shop(sqlite_url, queue="2") as shop:
        card = await shop.join()
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answers = await asyncio.gather(*(shop.post(f"cards/{card['id']}/earnings", {"count": 1}) for _ in range(8)))
        busy = [one for one in answers if one.status_code == 503]
        assert busy
        assert {one.json()["word"] for one in busy} == {"busy"}
        refused = [line for line in lines if line["event"] == "refused"]
        assert [line["word"] for line in refused] == ["busy"] * len(busy)
        assert {line["request"] for line in refused} == {one.headers["request-id"] for one in busy}
        assert len({one.headers["request-id"] for one in answers}) == len(answers)
        assert {line["key"] for line in refused} == {(await shop.get("me")).json()["id"]}, "by which till is what whoever runs it asks"


async def test_a_database_that_is_away_all_night_is_said_once_and_again_the_next_night() -> None:
    looks = iter(["refused", "refused", "refused", "", "refused", "no route"])

    async def look() -> int:
        why = next(looks, None)
        if why is None:
            raise asyncio.CancelledError
        if why:
            raise DatabaseProblem(why)
        return 0

    async def rest(_: int) -> None:
        await asyncio.sleep(0)

    with structlog.testing.capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await keep_looking("apple", look, rest)
    assert [(line["who"], line["why"]) for line in lines] == [("apple", "refused"), ("apple", "refused"), ("apple", "no route")]
