"""Calendar days as requests write them, and which day it is for somebody."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from tercet_chassis.errors import InvalidArgument, Violation


class DateInvalid(InvalidArgument):
    """No such day."""

    text = "{given} is no day of the calendar; write YYYY-MM-DD."


class TimeZoneUnknown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {given}; use an IANA name such as Asia/Shanghai."


def day_of(text: str, field: str) -> date:
    """The day that a request's field names. Refuses what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        refusal = DateInvalid(given=text)
        refusal.violations = (Violation(field, refusal.reason, refusal.message),)
        raise refusal from wrong


def zone_of(name: str, field: str = "time_zone") -> ZoneInfo:
    """The time zone of that name. Refuses a name that no zone has."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as wrong:
        refusal = TimeZoneUnknown(given=name)
        refusal.violations = (Violation(field, refusal.reason, refusal.message),)
        raise refusal from wrong


def day_in(zone: str, now: datetime, given: str = "", field: str = "on_date") -> date:
    """The day that is asked for, or today in that zone."""
    return day_of(given, field) if given else now.astimezone(zone_of(zone or "UTC")).date()
