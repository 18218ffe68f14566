"""Waiting for what happens in another process or task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 15.0, hint: str = "it did not come true"
) -> None:
    """Return once the condition holds; fail when it has not within so many seconds."""
    deadline = time.monotonic() + within
    while True:
        holds = condition()
        if not isinstance(holds, bool):
            holds = await holds
        if holds:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{hint} within {within:g} s")
        await asyncio.sleep(0.02)
