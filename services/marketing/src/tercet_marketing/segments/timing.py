"""When time alone may change whether a condition holds: never too late, at times too early. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from tercet_conditions import Now, Unit
from tercet_conditions.clock import shift

_EXACT = (Unit.SECOND, Unit.MINUTE, Unit.HOUR)
_TICK = timedelta(microseconds=1)
_HALF_HOUR = timedelta(minutes=30)
# A month ends on its 28th to 31st: the days that one day may be counted back from.
_SPREAD = range(-1, 5)
# What left a window longer ago than this does not come back, whatever the calendar does.
LONGEST_JUMP = timedelta(days=6)


def crossings(value: datetime | date, by: Now, zone: tzinfo) -> Iterator[datetime]:
    """Moments around which "the moment of evaluation moved by `by`" may pass a value; for a day, its begin and end."""
    if not isinstance(value, datetime):
        for day in (value, value + timedelta(days=1)):
            yield from crossings(datetime.combine(day, time(), zone).astimezone(UTC), by, zone)
        return
    try:
        base = shift(value, Now(-by.amount, by.unit), zone)
    except (OverflowError, ValueError):
        return  # beyond the calendar: that moment never comes
    yield base
    if by.unit in _EXACT or not by.amount:
        return
    if by.unit in (Unit.MONTH, Unit.YEAR):
        local, clock_time = base.astimezone(zone), value.astimezone(zone).time()
        for days in _SPREAD:
            day = local.date() + timedelta(days=days)
            for at in (time(), clock_time):
                yield datetime.combine(day, at, zone).astimezone(UTC)
    if not _steady(zone, base, value):
        # The clock is put forward or back near by: the same local time may come twice or not at all.
        hour = base.replace(minute=0, second=0, microsecond=0)
        for halves in range(-4, 5):
            yield base + halves * _HALF_HOUR
            yield hour + halves * _HALF_HOUR


@lru_cache(maxsize=50_000)
def turning_points(value: datetime, by: Now, zone: tzinfo) -> tuple[datetime, ...]:
    """The same, worked out once for all segments that look back as far at one fact."""
    return tuple(crossings(value, by, zone))


def _steady(zone: tzinfo, *moments: datetime) -> bool:
    day = timedelta(days=1)
    offsets = {
        (moment + around).astimezone(zone).utcoffset() for moment in moments for around in (-day, timedelta(), day)
    }
    return len(offsets) == 1


def earliest(candidates: Iterable[datetime], now: datetime) -> datetime | None:
    """The first moment after now among the candidates and the instants right behind them."""
    found: datetime | None = None
    for candidate in candidates:
        if candidate <= now:
            candidate += _TICK
        if candidate > now and (found is None or candidate < found):
            found = candidate
    return found
