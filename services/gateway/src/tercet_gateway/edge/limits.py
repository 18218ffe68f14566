"""Rate limits in process: GCRA, one number a key. Replicas take their share; hard quotas belong to services."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from tercet_gateway.edge.settings import Limit

_MOST_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands after one call: `wait` is above zero when the call is refused."""

    limit: int
    remaining: int
    reset: float
    wait: float = 0.0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The RateLimit headers; seconds are rounded up."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % math.ceil(self.reset)),
        ]


class Limiter:
    """Counts calls by key. The arrival time theoretically due is all that is kept for a key."""

    def __init__(self, replicas: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._replicas, self._clock = replicas, clock
        self._due: dict[Hashable, float] = {}

    def take(self, key: Hashable, limit: Limit) -> Standing | None:
        """Counts one call; None when the limit is no limit. A refused call is not counted."""
        if limit.per_minute <= 0:
            return None
        now = self._clock()
        interval = 60 * self._replicas / limit.per_minute
        tolerance = interval * max(1.0, limit.burst / self._replicas)
        due = max(self._due.get(key, now), now)
        ahead = due + interval - now
        if ahead > tolerance + 1e-9:
            return Standing(limit.burst, 0, due - now, wait=ahead - tolerance)
        if len(self._due) >= _MOST_KEYS and key not in self._due:
            self._forget(now)
        self._due[key] = due + interval
        return Standing(limit.burst, int((tolerance - ahead + 1e-9) / interval), ahead)

    def full(self, key: Hashable, limit: Limit) -> float:
        """Seconds until a call of this key would be let in, without counting one."""
        if limit.per_minute <= 0 or key not in self._due:
            return 0.0
        interval = 60 * self._replicas / limit.per_minute
        tolerance = interval * max(1.0, limit.burst / self._replicas)
        return max(0.0, self._due[key] + interval - self._clock() - tolerance)

    def _forget(self, now: float) -> None:
        """Drops keys that have their whole burst again; if all are busy, the one that is due first."""
        idle = [key for key, due in self._due.items() if due <= now]
        for key in idle or [min(self._due, key=self._due.__getitem__)]:
            del self._due[key]
