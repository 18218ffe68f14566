"""Access tokens that providers give for a while, kept for as long as they hold."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable

_MARGIN = 300


class AccessTokens:
    """The tokens of one channel, by account. One a process."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[str, float]] = {}

    async def token(self, name: Hashable, ask: Callable[[], Awaitable[tuple[str, int]]]) -> str:
        """The token, asked for when there is none that holds: `ask` gives it and for how many seconds it does."""
        known = self._known.get(name)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        token, seconds = await ask()
        self._known[name] = token, time.monotonic() + max(60, seconds - _MARGIN)
        return token

    def forget(self, name: Hashable) -> None:
        """The provider takes it no more."""
        self._known.pop(name, None)
