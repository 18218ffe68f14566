"""Relative times: what `now - 30d` is at a given moment in a given zone, the same for SQL and for the closure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from .schema import FieldType
from .tree import Now, Unit

_EXACT = {Unit.SECOND: "seconds", Unit.MINUTE: "minutes", Unit.HOUR: "hours"}
_DAYS = {Unit.SECOND: 1 / 86400, Unit.MINUTE: 1 / 1440, Unit.HOUR: 1 / 24, Unit.DAY: 1, Unit.WEEK: 7}
_DAYS |= {Unit.MONTH: 31, Unit.YEAR: 366}
_OFFSET = re.compile(r"([+-]?)([0-9]{1,10})(s|m|h|d|w|mo|y)")
_LONGEST_DAYS = 200 * 366


@dataclass(frozen=True)
class Clock:
    """The moment a condition is judged at and the zone its days are counted in. `now` is asked anew each evaluation."""

    now: Callable[[], datetime]
    zone: tzinfo = UTC

    @classmethod
    def at(cls, moment: datetime, zone: tzinfo = UTC) -> Clock:
        return cls(lambda: moment, zone)

    def moment(self, value: Now | date) -> datetime:
        """The instant meant: of a `Now`, the moved moment; of a day, its first moment in the zone."""
        if isinstance(value, Now):
            return shift(self.now(), value, self.zone)
        return datetime.combine(value, time(), self.zone).astimezone(UTC)

    def day(self, value: Now) -> date:
        return self.moment(value).astimezone(self.zone).date()


def shift(moment: datetime, by: Now, zone: tzinfo) -> datetime:
    """Moves an instant. A month that lacks the day ends on its last (31 January + 1 month is 28 February)."""
    if by.unit in _EXACT:
        return moment + timedelta(**{_EXACT[by.unit]: by.amount})
    local = moment.astimezone(zone)
    if by.unit in (Unit.DAY, Unit.WEEK):
        return (local + timedelta(days=by.amount * (7 if by.unit is Unit.WEEK else 1))).astimezone(UTC)
    months = local.year * 12 + local.month - 1 + by.amount * (12 if by.unit is Unit.YEAR else 1)
    year, month = months // 12, months % 12 + 1
    last = monthrange(year, month)[1]
    return local.replace(year=year, month=month, day=min(local.day, last)).astimezone(UTC)


def parse_offset(text: str) -> Now:
    """`-30d` to a `Now`. Refuses (ValueError) another shape and offsets beyond 200 years."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError("write an offset as a whole number and a unit s, m, h, d, w, mo or y, such as -30d")
    amount, unit = int(match[1] + match[2]), Unit(match[3])
    if abs(amount) * _DAYS[unit] > _LONGEST_DAYS:
        raise ValueError("keep the offset within 200 years")
    return Now(amount, unit if amount else Unit.DAY)


def resolver(field_type: FieldType, value: Any, clock: Clock | None) -> Callable[[], Any] | None:
    """How to work out a value that depends on the clock; None if it does not. Refuses (ValueError) without a clock."""
    relative = isinstance(value, Now) or (field_type is FieldType.INSTANT and not isinstance(value, datetime))
    if not relative or value is None or isinstance(value, tuple):
        return None
    if clock is None:
        raise ValueError("this condition speaks of now or of a day: compile it with a clock")
    if field_type is FieldType.DATE:
        return lambda: clock.day(value)
    return lambda: clock.moment(value)
