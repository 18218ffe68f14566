"""The days of a calendar, without a database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tercet_chassis.errors import Violation
from tercet_marketing.plans.errors import CalendarCrossed, CalendarDayUnknown, CalendarTooLong

MOST_DAYS = 93


def day_of(text: str, field: str) -> date:
    """The day that a request's field names. Refuses what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        refusal = CalendarDayUnknown(given=text)
        refusal.violations = (Violation(field, refusal.reason, refusal.message),)
        raise refusal from wrong


def days_between(first: date, last: date) -> list[date]:
    """Each day from the first to the last. Refuses crossed days, and more than 93."""
    if last < first:
        raise CalendarCrossed(from_date=first, to_date=last)
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise CalendarTooLong(days=count, most=MOST_DAYS)
    return [first + timedelta(days=number) for number in range(count)]


def daily_moments(
    at: str, zone: ZoneInfo, begin: datetime, until: datetime, first: date | None, last: date | None
) -> Iterator[datetime]:
    """When a time of the day comes between two moments, on the days from the first to the last of its zone."""
    day = begin.astimezone(zone).date()
    while (moment := datetime.combine(day, time.fromisoformat(at), zone).astimezone(UTC)) < until:
        if moment >= begin and (first or day) <= day <= (last or day):
            yield moment
        day += timedelta(days=1)
