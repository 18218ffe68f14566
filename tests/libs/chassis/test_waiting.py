"""Loops that wait for a wake-up end when they are told to, whatever else happens in that moment."""

from __future__ import annotations

import asyncio

from tercet_chassis.waiting import patrol, woken


async def test_who_is_woken_and_cancelled_at_once_ends() -> None:
    event = asyncio.Event()

    async def loop() -> None:
        while True:
            await woken(event, 30)
            event.clear()

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    event.set()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()


async def test_wake_up_is_told_from_the_end_of_patience() -> None:
    event = asyncio.Event()
    assert not await woken(event, 0)
    event.set()
    assert await woken(event, 30)


async def test_a_loop_ends_though_its_step_made_a_fault_of_the_cancellation() -> None:
    steps = 0

    async def step() -> float:
        nonlocal steps
        steps += 1
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise ConnectionError("lost in that moment") from None
        return 0.0

    task = asyncio.create_task(patrol("looking", step))
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()
    assert steps == 1
