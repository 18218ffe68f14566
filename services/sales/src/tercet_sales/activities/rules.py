"""What is overdue, and the order of a day's work: always the same for the same data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPEN, DONE, CANCELED = "OPEN", "DONE", "CANCELED"
# Clocks of telephones run ahead a little; what they call now is not yet the future.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Due:
    """An activity as the day's order sees it."""

    id: str
    due_time: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """The activities of a day: those that should have been done before now, and those due later today."""

    overdue: tuple[Due, ...]
    due: tuple[Due, ...]


def is_overdue(state: str, due_time: datetime | None, now: datetime) -> bool:
    """Whether it should have been done by now."""
    return state == OPEN and due_time is not None and due_time < now


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the day after, as that zone counts days."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)


def the_day(activities: Iterable[Due], now: datetime, until: datetime) -> Day:
    """Overdue ones, oldest first, and those due before `until`, by time.

    Of equal times the one that was made earlier.
    """
    ordered = sorted(activities, key=lambda item: (item.due_time, item.id))
    overdue = tuple(item for item in ordered if item.due_time < now)
    return Day(overdue, tuple(item for item in ordered if now <= item.due_time < until))


def added_text(before: str | None, added: str) -> str | None:
    """What was written, and below it what came of it."""
    parts = [part for part in (before or "", added) if part.strip()]
    return "\n".join(parts) or None


def merged(before: Sequence[str], added: Iterable[str]) -> list[str]:
    """All codes once, in the order in which they came."""
    return list(dict.fromkeys([*before, *added]))
