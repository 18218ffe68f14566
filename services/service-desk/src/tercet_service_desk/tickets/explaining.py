"""Why a ticket has its service level, and how its due times were counted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from tercet.servicedesk.v1.ticket_service_pb2 import ExplainServiceLevelResponse, TicketClock
from tercet_service_desk.calendars.rules import AROUND_THE_CLOCK, WorkingTime, counted
from tercet_service_desk.levels.rules import Clock, percent_left
from tercet_service_desk.tickets.promises import DONE, Promises

_MOST_INTERVALS = 200


def explained(promises: Promises, hidden: Collection[str]) -> ExplainServiceLevelResponse:
    """The levels that were asked, the one that counts, and the intervals of each clock. A solved ticket tells what it
    was promised last.
    """
    ticket, book = promises.ticket, promises.book
    level = book.level(ticket.service_level_code) if ticket.state in DONE else promises.level
    answer = ExplainServiceLevelResponse(service_level_code=level.code if level else ticket.service_level_code)
    for entry in book.entries:
        explanation = entry.condition.explain(promises.before)
        answer.levels.add(
            code=entry.level.code,
            display_name=entry.display_name,
            precedence=entry.precedence,
            fits=explanation.holds,
            applies=level is not None and entry.level.code == level.code,
            reasons=[leaf.told(hidden) for leaf in explanation.decisive],
        )
    calendar = level.calendar if level else AROUND_THE_CLOCK
    answer.zone = calendar.zone.key
    rows = {row["kind"]: row for row in ticket.clocks or []}
    for kind, clock in promises.clocks.clocks.items():
        known = ParseDict(rows.get(kind, {}), TicketClock(), ignore_unknown_fields=True)
        _explain(answer, promises, clock, known, calendar)
    if promises.clocks.clocks:
        begin = min(clock.begin for clock in promises.clocks.clocks.values()).astimezone(calendar.zone).date()
        end = max(_until(promises, clock) for clock in promises.clocks.clocks.values()).astimezone(calendar.zone).date()
        answer.special_dates.extend(day.isoformat() for day in sorted(calendar.days) if begin <= day <= end)
    return answer


def _explain(
    answer: ExplainServiceLevelResponse, promises: Promises, clock: Clock, known: TicketClock, calendar: WorkingTime
) -> None:
    worked = promises.clocks.worked(clock, calendar, promises.now)
    shown = answer.clocks.add(
        worked_minutes=worked // timedelta(minutes=1),
        minutes_left=clock.target - worked // timedelta(minutes=1) if clock.target else 0,
        percent_left=percent_left(clock.target, worked),
    )
    shown.clock.CopyFrom(known)
    until = _until(promises, clock)
    for begin, end in counted(calendar, clock.begin, until, promises.clocks.pauses, _MOST_INTERVALS):
        shown.intervals.add(begin_time=_timestamp(begin), end_time=_timestamp(end))


def _until(promises: Promises, clock: Clock) -> datetime:
    """Up to where a clock's intervals are shown: its due time, or else where it stands."""
    return clock.due or clock.end or promises.clocks.waiting_since or promises.now


def _timestamp(instant: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp
