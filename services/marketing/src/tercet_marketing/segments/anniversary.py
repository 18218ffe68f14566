"""Conditions on days that come round every year: `{"anniversary": {"of": "birth_date", "within": "7d"}}` holds on the
day itself and on the seven before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, and_, cast, extract, false, func, or_

from tercet_conditions import Check, Clock, Getter, Holds, Node, Now, Reason, Schema, Unit
from tercet_conditions.clock import parse_offset
from tercet_conditions.values import offset

LONGEST_DAYS = 365


@dataclass(frozen=True)
class Anniversary(Node):
    """The day and month of a date come round today or within so many days."""

    of: str
    days: int = 0


def in_year(day: date, year: int) -> date:
    """When a day comes round in a year: 29 February on the 28th where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


def comes_round(day: date, today: date, days: int) -> bool:
    """Whether it does from today on within so many days; never before it was first."""
    last = today + timedelta(days=days)
    rounds = (in_year(day, year) for year in {today.year, last.year})
    return any(today <= at <= last and at >= day for at in rounds)


def turns(day: date, now: datetime, days: int, zone: tzinfo) -> Iterator[datetime]:
    """The moments around now at which that begins and ends to hold."""
    this = now.astimezone(zone).year
    for year in range(max(this - 1, 1), this + 3):
        at = in_year(day, year)
        for edge in (at - timedelta(days=days), at + timedelta(days=1)):
            yield datetime.combine(edge, time(), zone).astimezone(UTC)


class AnniversaryKind:
    """Dates of a subject that come round; `record` makes the words say what was read of one."""

    key = "anniversary"
    node = Anniversary

    def __init__(self, columns: Mapping[str, ColumnElement[Any]], record: Any = None) -> None:
        self._columns, self._record = columns, record

    def parse(self, value: Any, check: Check, pointer: str) -> Anniversary | None:
        """Refuses a field that is no date or is masked, and a stretch that is not of whole days within a year."""
        if not isinstance(value, Mapping) or not {"of"} <= value.keys() <= {"of", "within"}:
            check.refuse(Reason.BAD_SHAPE, 'anniversary takes {"of": ..., "within": "7d"}', pointer)
            return None
        of = value["of"]
        if not isinstance(of, str) or of not in self._columns:
            message = f"choose one of {', '.join(sorted(self._columns)) or 'the dates, of which there are none here'}"
            check.refuse(Reason.UNKNOWN_PATH, message, f"{pointer}/of")
            return None
        if check.field(of, f"{pointer}/of") is None:
            return None
        days = _days(value.get("within", "0d"))
        if days is None:
            message = f"write a number of days up to {LONGEST_DAYS}d, such as 7d; 0d is the day itself"
            check.refuse(Reason.WRONG_VALUE, message, f"{pointer}/within")
            return None
        return Anniversary(of, days)

    def to_json(self, node: Anniversary) -> dict[str, Any]:
        return {"of": node.of, "within": offset(Now(node.days, Unit.DAY))}

    def json_schema(self) -> Mapping[str, Any]:
        return {
            "type": "object",
            "properties": {"of": {"enum": sorted(self._columns)}, "within": {"type": "string", "pattern": "^[0-9]+d$"}},
            "required": ["of"],
            "additionalProperties": False,
        }

    def sql(self, node: Anniversary, clock: Clock | None) -> ColumnElement[bool]:
        column = self._columns[node.of]
        today = _today(clock)
        last = today + timedelta(days=node.days)
        rounds = []
        for year in sorted({today.year, last.year}):
            # Years are added as the calendar has them: from 29 February to the 28th where there is none.
            years = year - cast(extract("year", column), Integer)
            at = cast(column + func.make_interval(years), Date)
            rounds.append(and_(at.between(today, last), at >= column))
        return func.coalesce(or_(*rounds), false())

    def closure(self, node: Anniversary, getter: Getter, clock: Clock | None) -> Holds:
        read = getter(node.of)

        def holds(record: Any) -> bool:
            day = read(record)
            return day is not None and comes_round(day, _today(clock), node.days)

        return holds

    def paths(self, node: Anniversary) -> Iterable[str]:
        return [node.of]

    def words(self, node: Anniversary, schema: Schema) -> str:
        asked = f"{node.of} comes round " + (f"within {node.days} days" if node.days else "today")
        if self._record is None:
            return asked
        return f"{asked} (it is {self._record.values.get(node.of) or 'not known'})"


def _today(clock: Clock | None) -> date:
    if clock is None:
        raise ValueError("this condition speaks of today: compile it with a clock")
    return clock.day(Now())


def _days(text: Any) -> int | None:
    try:
        found = parse_offset(str(text))
    except ValueError:
        return None
    return found.amount if found.unit is Unit.DAY and 0 <= found.amount <= LONGEST_DAYS else None
