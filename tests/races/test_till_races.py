"""A till's transaction, sent again while it is being worked on, in whichever process: it is done once and answered once."""

import asyncio
from pathlib import Path

import asyncpg
from house import House, open_house
from servers import Answer, Launcher, Server


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


WAITS_FOR_US = "SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
WAITS_FOR_WHO_WAITS_FOR_US = """
    SELECT 1 FROM pg_locks AS w, unnest(pg_blocking_pids(w.pid)) AS other WHERE pg_backend_pid() = ANY(pg_blocking_pids(other))"""


async def test_what_one_process_is_still_at_work_on_another_one_reverses_or_calls_off(
    postgresql_url: str, launcher: Launcher, tmp_path: Path
) -> None:
    async with open_house(postgresql_url, launcher, tmp_path) as house:
        here, elsewhere = house.servers
        secret = house.shop.secrets["An"]

        async def say(server: Server, action: str, name: str, **more: object) -> Answer:
            body = {"action": action, "transaction_id": name, **more}
            while (answer := await server.ask("POST", "till", secret=secret, body=body)).status == 503:
                assert int(answer.headers["retry-after"]) > 0  # the machine is busy, and what is held was held for too long
            return answer

        slow = await asyncpg.connect(postgresql_url)

        # The reverse comes while the redemption waits for its coupon: nothing of it is recorded yet.
        coupon_id, code = await house.coupon()
        async with slow.transaction():  # somebody holds the coupon, as a busy disk would hold everybody up
            await slow.fetch("SELECT 1 FROM coupon WHERE id = $1 FOR UPDATE", coupon_id)
            giving = asyncio.create_task(say(here, "redeem", "bill", codes=[code]))
            while not await slow.fetch(WAITS_FOR_US):
                assert not giving.done()
            back = await say(elsewhere, "reverse", "given up", reverses="bill")
            assert (back.status, back.body["problem"]["word"]) == (200, "not_found")
        given = await giving
        assert (given.status, given.body["problem"]["word"]) == (200, "called_off"), "nobody waits for the answer, and nothing was used"
        for server in house.servers:
            assert (await server.ask("GET", "requests/till%3Abill", secret=secret)).body["state"] == "called_off"
            assert (await say(server, "redeem", "bill", codes=[code])).body["problem"]["word"] == "called_off"
        assert await house.history(coupon_id) == ([], [], [])
        assert await house.state(coupon_id) == "active"

        # The reverse has read that there is nothing, and the redemption is about to be recorded: it waits for the clock.
        coupon_id, code = await house.coupon()
        async with slow.transaction():
            await slow.fetch("SELECT 1 FROM clock FOR UPDATE")
            giving = asyncio.create_task(say(here, "redeem", "late bill", codes=[code]))
            while not await slow.fetch(WAITS_FOR_US):
                assert not giving.done()
            taking = asyncio.create_task(say(elsewhere, "reverse", "given up late", reverses="late bill"))
            while not await slow.fetch(WAITS_FOR_WHO_WAITS_FOR_US):
                assert not taking.done()
        given, back = await asyncio.gather(giving, taking)
        words = [one.body["problem"]["word"] for one in (given, back) if not one.body["accepted"]]
        assert words in ([], ["called_off", "not_found"]), "the second only on a machine that was too busy for the first"
        redemptions, reversals, refusals = await house.history(coupon_id)
        assert (len(redemptions), len(reversals), refusals) == ((1, 1, []) if not words else (0, 0, []))
        assert await house.state(coupon_id) == "active"
        await slow.close()


async def test_of_a_transaction_and_its_reverse_at_once_in_two_processes_nothing_is_left(house: House) -> None:
    coupons = [await house.coupon() for _ in range(24)]
    asked = []
    for number, (_, code) in enumerate(coupons):
        redeem = until_answered(house, action="redeem", transaction_id=f"bill {number}", codes=[code])
        back = until_answered(house, action="reverse", transaction_id=f"given up {number}", reverses=f"bill {number}")
        asked += [redeem, back] if number % 2 else [back, redeem]
    answers = {one.body["transaction_id"]: one.body for one in await asyncio.gather(*asked)}
    for number, (coupon_id, _) in enumerate(coupons):
        redeemed, reversed_ = answers[f"bill {number}"], answers[f"given up {number}"]
        words = [one["problem"]["word"] for one in (redeemed, reversed_) if not one["accepted"]]
        assert words in ([], ["called_off", "not_found"])
        redemptions, reversals, refusals = await house.history(coupon_id)
        assert (len(redemptions), len(reversals), refusals) == ((1, 1, []) if not words else (0, 0, []))
        assert await house.state(coupon_id) == "active"
