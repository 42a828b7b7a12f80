"""Whoever stands at a counter goes first, and nobody waits for ever because of that."""

import asyncio

from app.desk.courtesy import STEP, STEPS, Courtesy


async def test_long_work_waits_while_a_counter_is_served() -> None:
    courtesy, done = Courtesy(), asyncio.Event()
    courtesy.in_flight.add(("counter", "key"))

    async def work() -> None:
        await courtesy.step_aside()
        done.set()

    task = asyncio.create_task(work())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not done.is_set()
    courtesy.in_flight.clear()
    await task


async def test_a_counter_that_never_rests_starves_nobody() -> None:
    courtesy = Courtesy()
    courtesy.in_flight.add(("counter", "key"))
    await asyncio.wait_for(courtesy.step_aside(), 1000 * STEP * STEPS)


async def test_where_nobody_is_long_work_only_lets_go_of_the_loop() -> None:
    courtesy, turns = Courtesy(), []
    task = asyncio.create_task(courtesy.step_aside())
    while not task.done():
        turns.append(len(turns))
        await asyncio.sleep(0)
    assert len(turns) <= 3
