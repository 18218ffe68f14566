"""When values alarm: what stands follows from the set of readings and not from the order in which they came.

Of an asset, a metric and a threshold everything that matters are four things: the last reading that cleared, the first
beyond the threshold after it, how many there were since, and the last reading of all. Each follows from the set of
readings. So what comes late, twice or in parallel changes nothing about where it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

ABOVE, BELOW = "ABOVE", "BELOW"


class Measured(NamedTuple):
    """One reading: when, and what."""

    time: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """Values beyond it alarm once they stay there for `hold`; values at `clear` or on its other side clear."""

    direction: str
    threshold: float
    clear: float
    hold: timedelta = timedelta()

    @property
    def valid(self) -> bool:
        """Whether no value both alarms and clears."""
        return self.clear <= self.threshold if self.direction == ABOVE else self.clear >= self.threshold

    def beyond(self, value: float) -> bool:
        """Whether a value lies beyond."""
        return value > self.threshold if self.direction == ABOVE else value < self.threshold

    def clears(self, value: float) -> bool:
        """Whether a value clears."""
        return value <= self.clear if self.direction == ABOVE else value >= self.clear

    @property
    def worst(self) -> Callable[[Iterable[float]], float]:
        """The value farthest beyond among several."""
        return max if self.direction == ABOVE else min


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a metric of an asset stands."""

    cleared: datetime | None = None
    since: datetime | None = None
    last: datetime | None = None
    count: int = 0

    def alarms(self, threshold: Threshold) -> bool:
        """Whether values have been beyond for long enough, from reading to reading."""
        return self.since is not None and self.last is not None and self.last - self.since >= threshold.hold

    def advance(self, fresh: Sequence[Measured], threshold: Threshold) -> Standing | None:
        """Where it stands with these readings too. None when that cannot be said without the readings that are kept:
        one that clears came late, so that what came after it has to be looked at again.
        """
        cleared = _latest([self.cleared, *(each.time for each in fresh if threshold.clears(each.value))])
        last = _latest([self.last, *(each.time for each in fresh)])
        since, count = self.since, self.count
        if since is not None and cleared is not None and since <= cleared:
            if self.last is not None and cleared < self.last:
                return None
            since, count = None, 0
        after = [
            each.time for each in fresh if threshold.beyond(each.value) and (cleared is None or each.time > cleared)
        ]
        if after:
            since = min(after) if since is None else min(since, *after)
        return Standing(cleared, since, last, count + len(after))


@dataclass(frozen=True, slots=True)
class Passed:
    """An alarm that was over when it became known; several in one batch are one."""

    since: datetime
    recovered: datetime
    count: int
    peak: float


def passed(before: Standing, fresh: Sequence[Measured], threshold: Threshold) -> Passed | None:
    """What alarmed and cleared within these readings, when nothing alarms before and after them. Those that come late
    tell of nothing: what followed them is known to be well.
    """
    since, hot, found = before.since, False, []
    for time, value in sorted(each for each in fresh if before.last is None or each.time > before.last):
        if threshold.clears(value):
            if hot and since is not None:
                found.append((since, time))
            since, hot = None, False
        elif threshold.beyond(value):
            since = since or time
        hot = hot or (since is not None and time - since >= threshold.hold)
    if not found:
        return None
    first, over = found[0][0], found[-1][1]
    values = [each.value for each in fresh if first <= each.time <= over and threshold.beyond(each.value)]
    # Where it began before these readings, those before are counted in the standing.
    earlier = before.count if before.since == first else 0
    return Passed(first, over, len(values) + earlier, threshold.worst(values) if values else threshold.threshold)


def whole(readings: Iterable[Measured], threshold: Threshold) -> Standing:
    """Where a metric stands by all its readings."""
    answer = Standing().advance(list(readings), threshold)
    assert answer is not None
    return answer


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
