"""Days of a quote: counted in the customer's zone, so that an evening in Auckland is not judged by a morning in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def has_expired(valid_until: date | None, zone: str, now: datetime) -> bool:
    """True after the last day has ended in the zone; never without a last day."""
    return valid_until is not None and now.astimezone(ZoneInfo(zone)).date() > valid_until


def end_of(day: date, zone: str) -> datetime:
    """The instant at which the day is over in the zone."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
