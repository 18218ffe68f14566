"""Waiting for a wake-up, at most so long, and doing something again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)
_AFTER_A_FAULT = 0.5


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within so many seconds. Ends with whoever is cancelled, also in the very moment of the
    wake-up, where `asyncio.wait_for` of Python 3.11 goes on as if nothing had been said.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def patrol(name: str, step: Callable[[], Awaitable[float]], wake: asyncio.Event | None = None) -> None:
    """Takes a step again and again until cancelled: after as many seconds as the last one said, or when woken. What a
    step raises is logged, and the next one follows soon. Ends also where a step made a fault of its cancellation, as a
    driver does whose connection breaks in that moment.
    """
    wake, task = wake or asyncio.Event(), asyncio.current_task()
    while True:
        wake.clear()
        try:
            pause = await step()
        except Exception as fault:
            log.warning(f"{name}.interrupted", cause=f"{fault!r} {fault}")
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from fault
            pause = _AFTER_A_FAULT
        if pause > 0:
            await woken(wake, pause)
