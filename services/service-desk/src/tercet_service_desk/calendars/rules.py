"""Working time: how much of it lies between two instants, and when so much of it will have passed.

An instant is working time when the clock on the wall of the calendar's zone shows a time inside an interval of that
day. So a night on which clocks are put back counts the hour that comes twice twice, and one that never comes not at
all. An interval may end after midnight (`22:00`-`30:00`); it belongs to the day on which it begins, and a holiday takes
it away whole. Instants are exact to the microsecond; no step goes through minutes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_US = 1_000_000
_MINUTE = 60 * _US
_DAY = 86_400 * _US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_ONE = timedelta(microseconds=1)
# Beyond it a due time is none: a calendar whose working days have ended would be searched for ever.
HORIZON_DAYS = 3 * 366
_DAYS_KEPT = 4 * 366

Piece = tuple[int, int]


class Span(NamedTuple):
    """A stretch of time from `begin` up to, not including, `end`."""

    begin: datetime
    end: datetime


@dataclass(slots=True, eq=False)
class WorkingTime:
    """A calendar ready to be asked. `weekly` has seven days from Monday, `days` the dates that differ; hours are
    minutes from midnight, `(540, 720)` or past it `(1320, 1800)`.
    """

    zone: ZoneInfo
    weekly: Sequence[Sequence[Piece]]
    days: Mapping[date, Sequence[Piece]] = field(default_factory=dict)
    _exceptions: dict[int, Sequence[Piece]] = field(init=False)
    _known: dict[int, tuple[int, tuple[Piece, ...]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._exceptions = {day.toordinal(): hours for day, hours in self.days.items()}

    def hours(self, ordinal: int) -> Sequence[Piece]:
        """The intervals that begin on a day."""
        special = self._exceptions.get(ordinal)
        return self.weekly[(ordinal - 1) % 7] if special is None else special

    def day(self, number: int) -> tuple[int, tuple[Piece, ...]]:
        """The working time of one UTC day, counted from 1970: its sum and its pieces in order."""
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= _DAYS_KEPT:
                self._known.clear()
            pieces = tuple(merged(self._pieces(number)))
            known = self._known[number] = (sum(end - begin for begin, end in pieces), pieces)
        return known

    def _pieces(self, number: int) -> Iterator[Piece]:
        for begin, end, offset in self._stretches(number):
            for local in range((begin + offset) // _DAY, (end + offset - 1) // _DAY + 1):
                for opens, closes in self._wall(local):
                    first, last = max(opens - offset, begin), min(closes - offset, end)
                    if first < last:
                        yield first, last

    def _wall(self, local: int) -> Iterator[Piece]:
        """Working time of a day as its wall clock shows it: its own intervals, and what is left of the day before's."""
        midnight, ordinal = local * _DAY, local + _EPOCH_DAY
        for opens, closes in self.hours(ordinal):
            yield midnight + opens * _MINUTE, midnight + min(closes, 1440) * _MINUTE
        for _, closes in self.hours(ordinal - 1):
            if closes > 1440:
                yield midnight, midnight + (closes - 1440) * _MINUTE

    def _stretches(self, number: int) -> Iterator[tuple[int, int, int]]:
        """A UTC day, cut where the zone's offset changes."""
        begin = number * _DAY
        end = begin + _DAY
        before, after = self._offset(begin), self._offset(end)
        if before == after:
            yield begin, end, before
            return
        low, high = begin // _US, end // _US
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle * _US) == before:
                low = middle
            else:
                high = middle
        yield begin, high * _US, before
        if high * _US < end:
            yield high * _US, end, after

    def _offset(self, instant: int) -> int:
        found = (_EPOCH + timedelta(microseconds=instant)).astimezone(self.zone).utcoffset()
        assert found is not None
        return found // _ONE


def merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces in order, those that touch or overlap made one."""
    current: Piece | None = None
    for begin, end in sorted(pieces):
        if current is None:
            current = begin, end
        elif begin <= current[1]:
            current = current[0], max(current[1], end)
        else:
            yield current
            current = begin, end
    if current is not None:
        yield current


AROUND_THE_CLOCK = WorkingTime(ZoneInfo("UTC"), [[(0, 1440)]] * 7)


def working_time(calendar: WorkingTime, begin: datetime, end: datetime, pauses: Sequence[Span] = ()) -> timedelta:
    """The working time between two instants, what lies in pauses left out; nothing when the end is not later."""
    first, last, cuts = _micros(begin), _micros(end), _cuts(pauses)
    return timedelta(microseconds=sum(_amount(calendar, day, first, last, cuts) for day in _days(first, last)))


def working_minutes(calendar: WorkingTime, begin: datetime, end: datetime, pauses: Sequence[Span] = ()) -> int:
    """The whole working minutes between two instants."""
    return working_time(calendar, begin, end, pauses) // timedelta(minutes=1)


def due(calendar: WorkingTime, begin: datetime, minutes: int, pauses: Sequence[Span] = ()) -> datetime | None:
    """The first instant at which so much working time has passed since `begin`; None when the horizon ends before."""
    left, first, cuts = minutes * _MINUTE, _micros(begin), _cuts(pauses)
    if left <= 0:
        return begin
    last = first + HORIZON_DAYS * _DAY + sum(end - start for start, end in cuts)
    for day in _days(first, last):
        amount = _amount(calendar, day, first, last, cuts)
        if amount < left:
            left -= amount
            continue
        for opens, closes in _open(calendar, day, first, last, cuts):
            if closes - opens >= left:
                return _instant(opens + left)
            left -= closes - opens
    return None


def counted(
    calendar: WorkingTime, begin: datetime, end: datetime, pauses: Sequence[Span] = (), most: int = 1000
) -> list[Span]:
    """The stretches of working time between two instants, in order, at most so many: what was counted."""
    first, last, cuts = _micros(begin), _micros(end), _cuts(pauses)
    pieces: list[Piece] = []
    for day in _days(first, last):
        for opens, closes in _open(calendar, day, first, last, cuts):
            # A night shift runs on over the border of two UTC days, unless a pause ends there.
            if pieces and pieces[-1][1] == opens:
                pieces[-1] = pieces[-1][0], closes
            elif len(pieces) == most:
                return [Span(_instant(left), _instant(right)) for left, right in pieces]
            else:
                pieces.append((opens, closes))
    return [Span(_instant(left), _instant(right)) for left, right in pieces]


def _days(first: int, last: int) -> range:
    return range(first // _DAY, (last - 1) // _DAY + 1) if first < last else range(0)


def _amount(calendar: WorkingTime, day: int, first: int, last: int, cuts: Sequence[Piece]) -> int:
    begin, end = day * _DAY, (day + 1) * _DAY
    if first <= begin and end <= last and not _touched(cuts, begin, end):
        return calendar.day(day)[0]
    return sum(closes - opens for opens, closes in _open(calendar, day, first, last, cuts))


def _open(calendar: WorkingTime, day: int, first: int, last: int, cuts: Sequence[Piece]) -> Iterator[Piece]:
    for opens, closes in calendar.day(day)[1]:
        opens, closes = max(opens, first), min(closes, last)
        if opens < closes:
            yield from _without(opens, closes, cuts)


def _touched(cuts: Sequence[Piece], begin: int, end: int) -> bool:
    at = bisect_right(cuts, (begin, end))
    return any(start < end and begin < stop for start, stop in cuts[max(at - 1, 0) : at + 1])


def _without(opens: int, closes: int, cuts: Sequence[Piece]) -> Iterator[Piece]:
    at = max(bisect_right(cuts, (opens, opens)) - 1, 0)
    for start, stop in cuts[at:]:
        if start >= closes:
            break
        if stop <= opens:
            continue
        if opens < start:
            yield opens, start
        opens = max(opens, stop)
        if opens >= closes:
            return
    if opens < closes:
        yield opens, closes


def _cuts(pauses: Sequence[Span]) -> list[Piece]:
    return list(merged((_micros(begin), _micros(end)) for begin, end in pauses if begin < end)) if pauses else []


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _ONE


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
