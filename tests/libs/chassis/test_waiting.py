"""Loops that wait for a wake-up end when they are told to, whatever else happens in that moment."""

from __future__ import annotations

import asyncio

from tercet_chassis.waiting import woken


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
