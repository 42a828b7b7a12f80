"""A till's transaction, sent again while it is being worked on, in whichever process: it is done once and answered once."""

import asyncio

from house import House
from servers import Answer


async def until_answered(house: House, **body: object) -> Answer:
    """As such a till does: the same transaction again, for as long as nothing else comes back."""
    while (answer := await house.ask("till", body, who="An")).status in (409, 503):
        assert int(answer.headers["retry-after"]) > 0
    return answer


async def at_once(house: House, **body: object) -> Answer:
    """The same transaction four times at the same moment; its one answer."""
    first, *others = await asyncio.gather(*(until_answered(house, **body) for _ in range(4)))
    assert first.status == 200, first
    assert [one.body for one in others] == [first.body] * len(others)
    return first


async def test_a_transaction_sent_four_times_at_once_to_two_processes_is_done_once(house: House) -> None:
    cards = [await house.shop.join(f"Hoa {number}") for number in range(4)]
    earned = await asyncio.gather(
        *(at_once(house, action="accrue", transaction_id=f"a-{one['id']}", card=one["number"], count=5) for one in cards)
    )
    codes = [one.body["earned"][0]["code"] for one in earned]
    given = await asyncio.gather(*(at_once(house, action="redeem", transaction_id=f"r-{code}", codes=[code]) for code in codes))
    assert all(one.body["accepted"] for one in given)
    both = [
        at_once(house, action="reverse", transaction_id=f"b-{name}-{number}", reverses=name)
        for name in (f"r-{code}" for code in codes)
        for number in range(2)
    ]
    back = [one.body["accepted"] for one in await asyncio.gather(*both)]
    assert sorted(back) == [False] * len(codes) + [True] * len(codes), "two transactions take one back: one of them does"
    assert [(await house.shop.get(f"cards/{one['id']}")).json()["balance"] for one in cards] == [5] * len(cards)
