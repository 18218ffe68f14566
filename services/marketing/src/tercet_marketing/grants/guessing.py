"""Guessing slowed down: each caller may give so many wrong codes, and gets them back with time.

Kept in this process's memory, as sign-in's is: with several processes a caller has as many times the tries, against
codes of which one guess in 10^11 hits at a million codes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from tercet_marketing.grants.errors import CodeGuessesThrottled

MOST_WRONG = 10
# One try comes back in so many seconds.
SECONDS_EACH = 30.0
MOST_CALLERS = 50_000


class Guesses:
    """Wrong codes by caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, caller: str, codes: int = 1) -> None:
        """Lets a caller try. Each code counts as wrong until `right`, so that many at once are not more than many in
        turn. Refuses when too many were.
        """
        now = self._clock()
        wrong = self._left(caller, now)
        if wrong + codes > MOST_WRONG and wrong > 0:
            wait = (wrong + codes - MOST_WRONG) * SECONDS_EACH
            raise CodeGuessesThrottled(seconds=int(wait) + 1, retry_after=wait)
        self._wrong[caller] = (wrong + codes, now)
        self._wrong.move_to_end(caller)
        while len(self._wrong) > MOST_CALLERS:
            self._wrong.popitem(last=False)

    def right(self, caller: str, codes: int = 1) -> None:
        """So many of the codes existed: they do not count."""
        now = self._clock()
        self._wrong[caller] = (max(0.0, self._left(caller, now) - codes), now)

    def _left(self, caller: str, now: float) -> float:
        wrong, since = self._wrong.get(caller, (0.0, now))
        return max(0.0, wrong - (now - since) / SECONDS_EACH)


GUESSES = Guesses()
