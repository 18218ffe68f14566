"""Which numbers count for whom, and from when to when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What rows ask of a beneficiary: tiers held and quadrants of value, as they are now."""

    tiers: frozenset[str] = frozenset()
    quadrants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """How often something may happen; None is not limited."""

    total: int | None = None
    per_day: int | None = None
    per_customer: int | None = None
    per_party: int | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Limits:
        """Reads them from a version."""
        given = stored or {}
        return cls(**{name: int(given[name]) for name in cls.__slots__ if given.get(name) is not None})

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__slots__)


def plain(value: Any) -> Any:
    """Numbers as they came by way of a Struct, whole ones whole again."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def with_row(numbers: Mapping[str, Any], row: Mapping[str, Any]) -> Json:
    """The numbers with those of a row; null takes one away."""
    merged = {**plain(numbers), **plain(row.get("numbers") or {})}
    return {name: value for name, value in merged.items() if value is not None}


def resolved(numbers: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], standing: Standing) -> Json:
    """The numbers that count for a beneficiary: those of the first row that fits, else the version's own."""
    for row in rows:
        tier, quadrant = row.get("tier_code") or "", row.get("quadrant") or ""
        if (not tier or tier in standing.tiers) and (not quadrant or quadrant in standing.quadrants):
            return with_row(numbers, row)
    return dict(plain(numbers))


def period(validity: Mapping[str, Any] | None, issued: datetime, zone: str) -> tuple[datetime | None, datetime | None]:
    """From when, and until when not any more, something issued at a time can be used.

    Days are calendar days of the recipient's zone: one day is the rest of the day of issue, also on days of 23 or 25
    hours.
    """
    given = validity or {}
    start, end = _moment(given.get("start_time")), _moment(given.get("end_time"))
    local = ZoneInfo(zone)
    first = issued.astimezone(local).date() + timedelta(days=int(given.get("starts_after_days") or 0))
    if given.get("starts_after_days"):
        begins = datetime.combine(first, time(), local).astimezone(issued.tzinfo)
        start = begins if start is None else max(start, begins)
    if given.get("days"):
        ends = datetime.combine(first + timedelta(days=int(given["days"])), time(), local).astimezone(issued.tzinfo)
        end = ends if end is None else min(end, ends)
    return start, end


def crossed(validity: Mapping[str, Any] | None) -> bool:
    """Whether it ends before it begins."""
    given = validity or {}
    start, end = _moment(given.get("start_time")), _moment(given.get("end_time"))
    return start is not None and end is not None and end <= start


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
