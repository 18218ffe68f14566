"""Waiting for a wake-up, at most so long."""

from __future__ import annotations

import asyncio


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within so many seconds. Ends with whoever is cancelled, also in the very moment of the
    wake-up, where `asyncio.wait_for` of Python 3.11 goes on as if nothing had been said.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
