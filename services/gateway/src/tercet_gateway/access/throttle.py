"""Guessing slowed down: after a few failures an account waits, longer each time. Kept in this process's memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

FREE_ATTEMPTS = 5
FIRST_WAIT, LONGEST_WAIT = 1.0, 900.0
FORGET_AFTER = 3600.0
MOST_KEYS = 50_000


class Throttle:
    """Counts attempts per key before they are made, so that many at once are not more than many in turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admit(self, key: str) -> float:
        """0 when the attempt may be made, which then counts as failed until `succeeded`; else the seconds to wait."""
        now = self._clock()
        attempts, last = self._known.get(key, (0, now))
        if now - last > FORGET_AFTER:
            attempts, last = 0, now
        wait = wait_after(attempts) - (now - last)
        if wait > 0:
            return wait
        self._known[key] = (attempts + 1, now)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
        return 0.0

    def succeeded(self, key: str) -> None:
        """The attempt was a success: the key starts anew."""
        self._known.pop(key, None)


def wait_after(attempts: int) -> float:
    """Seconds to wait after so many attempts: none for the first five, then doubling up to a quarter of an hour."""
    if attempts < FREE_ATTEMPTS:
        return 0.0
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - FREE_ATTEMPTS, 20)))
