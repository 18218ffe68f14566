"""Calendars as they are kept, read into working time and checked on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tercet_chassis.errors import Violation
from tercet_service_desk.calendars.errors import CalendarZoneUnknown, WorkingHoursInvalid, WorkingHoursOverlap
from tercet_service_desk.calendars.rules import Piece, WorkingTime

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WEEK = 7 * 1440
_MOST_DAYS = 366
Row = Mapping[str, Any]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. Refuses one that nobody knows."""
    if name not in _zones():
        raise CalendarZoneUnknown(zone=name)
    return ZoneInfo(name)


def working_time_of(zone: str, weekly_hours: Sequence[Row], special_days: Sequence[Row]) -> WorkingTime:
    """A calendar's rows as working time. Refuses what is no interval, what overlaps, and days named twice."""
    weekly = _weekly(weekly_hours)
    days: dict[date, Sequence[Piece]] = {}
    for at, row in enumerate(special_days):
        where = f"calendar.special_days[{at}]"
        for day in _dates(row, where):
            if day in days:
                raise _invalid(f"{where}.begin_date", f"{day} is a special day twice; name it once.")
            days[day] = _special(row, weekly, where)
    return WorkingTime(zone_of(zone), weekly, days)


def _weekly(rows: Sequence[Row]) -> list[list[Piece]]:
    found: list[tuple[int, int, int, Row]] = []
    for at, row in enumerate(rows):
        day = WEEKDAYS.index(row["weekday"])
        opens, closes = _interval(row, f"calendar.weekly_hours[{at}]")
        found.append((day * 1440 + opens, day * 1440 + closes, at, row))
    found.sort(key=lambda item: item[:3])
    # A Sunday's night may run into Monday: the week is a ring.
    following = [*found[1:], *((begin + _WEEK, end + _WEEK, at, row) for begin, end, at, row in found[:1])]
    for (_, end, _, row), (begin, _, at, other) in zip(found, following, strict=True):
        if begin < end:
            raise _overlap(f"calendar.weekly_hours[{at}].opens", row, other)
    weekly: list[list[Piece]] = [[] for _ in WEEKDAYS]
    for begin, end, _, row in found:
        day = WEEKDAYS.index(row["weekday"])
        weekly[day].append((begin - day * 1440, end - day * 1440))
    return weekly


def _special(row: Row, weekly: Sequence[Sequence[Piece]], where: str) -> Sequence[Piece]:
    kind, hours = row["kind"], row.get("hours") or []
    if kind != "HOURS" and hours:
        raise _invalid(f"{where}.hours", f"A {kind} has no hours of its own; leave them out or make it HOURS.")
    if kind == "HOLIDAY":
        return ()
    if kind == "WORKDAY":
        named = row.get("weekday") or WEEKDAYS[0]
        like = weekly[0 if named == "WEEKDAY_UNSPECIFIED" else WEEKDAYS.index(named)]
        if not like:
            raise _invalid(f"{where}.weekday", "The weekday has no hours; name one that is worked.")
        return like
    if not hours:
        raise _invalid(f"{where}.hours", "Special HOURS need at least one interval; a day without any is a HOLIDAY.")
    found = sorted((*_interval(item, f"{where}.hours[{at}]"), at) for at, item in enumerate(hours))
    for (_, end, first), (begin, _, second) in pairwise(found):
        if begin < end:
            raise _overlap(f"{where}.hours[{second}].opens", hours[first], hours[second])
    return [(begin, end) for begin, end, _ in found]


def _dates(row: Row, where: str) -> list[date]:
    begin = _date(row["begin_date"], f"{where}.begin_date")
    end = _date(row.get("end_date") or row["begin_date"], f"{where}.end_date")
    if end < begin:
        raise _invalid(f"{where}.end_date", f"{end} lies before {begin}; let the last day be the first or a later one.")
    if (end - begin).days >= _MOST_DAYS:
        raise _invalid(f"{where}.end_date", f"Special days run for at most {_MOST_DAYS} days; use several.")
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def _date(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise _invalid(where, f"{text} is no day of any calendar; correct it.") from wrong


def _interval(row: Row, where: str) -> Piece:
    opens, closes = _minutes(row["opens"]), _minutes(row["closes"])
    if closes <= opens:
        remedy = "let it end later, after midnight as in 30:00"
        raise _invalid(f"{where}.closes", f"{row['opens']}-{row['closes']} ends before it begins; {remedy}.")
    if closes - opens > 1440:
        raise _invalid(f"{where}.closes", f"{row['opens']}-{row['closes']} is longer than a day; use several.")
    return opens, closes


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _invalid(field: str, problem: str) -> WorkingHoursInvalid:
    return WorkingHoursInvalid(problem=problem, violations=[Violation(field, "WORKING_HOURS_INVALID", problem)])


def _overlap(field: str, first: Row, second: Row) -> WorkingHoursOverlap:
    names = [f"{row.get('weekday', '')} {row['opens']}-{row['closes']}".strip() for row in (first, second)]
    violation = Violation(field, "WORKING_HOURS_OVERLAP", f"{names[0]} and {names[1]} overlap")
    return WorkingHoursOverlap(first=names[0], second=names[1], violations=[violation])
