"""Days of a contract, counted in its own zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def today(zone: str, now: datetime) -> date:
    """The calendar day it is in the zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def renewal_date(end: date | None, notice_days: int | None) -> date | None:
    """The day from which the next contract is talked about; None for one without end or notice."""
    return None if end is None or notice_days is None else end - timedelta(days=notice_days)
