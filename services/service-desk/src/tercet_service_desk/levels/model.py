"""Service levels as rows, and the columns of a ticket that say how it stands with its level."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_chassis.errors import Violation
from tercet_service_desk.calendars.rules import Span, WorkingTime, due
from tercet_service_desk.levels.errors import EscalationStepInvalid, ServiceTargetInvalid
from tercet_service_desk.levels.rules import (
    ANY_PRIORITY,
    FIRST_REPLY,
    NEXT_REPLY,
    SOLVE,
    UNPROMISED,
    Clock,
    Clocks,
    Level,
    Step,
    steps_astray,
)


class ServiceLevel(Entity):
    """What the tickets that fit a condition are promised."""

    __tablename__ = "service_levels"
    __table_args__ = (unique("service_levels_by_code", "code", field="service_level.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    condition: Mapped[str] = column(default="")
    precedence: Mapped[int] = column(default=0)
    calendar_code: Mapped[str] = column(default="")
    targets: Mapped[list[Any]] = column(default=list)
    steps: Mapped[list[Any]] = column(default=list)
    active: Mapped[bool] = column(default=True)

    def level(self, calendar: WorkingTime) -> Level:
        """The level in the eyes of the rules."""
        return Level(self.code, self._targets(), calendar, tuple(map(_step, self.steps or [])))

    def check(self) -> None:
        """Refuses two targets for one clock and priority, and steps that cannot be taken."""
        seen: set[tuple[str, str]] = set()
        for at, row in enumerate(self.targets or []):
            key = _target_key(row)
            if key in seen:
                raise _target_invalid(
                    f"targets[{at}].priority", f"{key[0]} has two targets for one priority; keep one."
                )
            seen.add(key)
        for at, problem in steps_astray([_step(row) for row in self.steps or []], self._targets()):
            violation = Violation(f"service_level.steps[{at}]", "ESCALATION_STEP_INVALID", problem)
            raise EscalationStepInvalid(problem=problem, violations=[violation])

    def check_reach(self, calendar: WorkingTime, now: datetime) -> None:
        """Refuses a target that the calendar would not see reached within years: nothing would ever be due by it."""
        for at, row in enumerate(self.targets or []):
            if due(calendar, now, int(row["minutes"])) is None:
                problem = f"The calendar has not {row['minutes']} working minutes within three years; promise less."
                raise _target_invalid(f"targets[{at}].minutes", problem)

    def _targets(self) -> dict[tuple[str, str], int]:
        return {_target_key(row): int(row["minutes"]) for row in self.targets or []}


class Promised:
    """Columns of a ticket: its level, how each clock stands, and what happens next."""

    service_level_code: Mapped[str] = column(default="")
    first_reply_clock: Mapped[str | None]
    first_reply_due_time: Mapped[datetime | None]
    next_reply_clock: Mapped[str | None]
    next_reply_due_time: Mapped[datetime | None]
    solve_clock: Mapped[str | None]
    solve_due_time: Mapped[datetime | None]
    next_due_time: Mapped[datetime | None]
    breach_count: Mapped[int] = column(default=0)
    escalation_count: Mapped[int] = column(default=0)
    escalate_time: Mapped[datetime | None]
    clocks: Mapped[list[Any]] = column(default=list)
    pauses: Mapped[list[Any]] = column(default=list)
    # When the next step or breach is due, for which a job waits; and the state of all configuration it was judged by.
    step_time: Mapped[datetime | None]
    level_stamp: Mapped[str] = column(default="")
    clock_mark: Mapped[datetime | None]

    def read_clocks(self, begin: datetime) -> Clocks:
        """The clocks as they stand; of a ticket that has none, the mark alone."""
        known = Clocks(mark=self.clock_mark or begin)
        known.clocks = {row["kind"]: _clock(row) for row in self.clocks or []}
        for row in self.pauses or []:
            if row.get("end_time"):
                known.pauses.append(Span(_time(row["begin_time"]), _time(row["end_time"])))
            else:
                known.waiting_since = _time(row["begin_time"])
        return known

    def keep_clocks(self, clocks: Clocks, code: str, level: Level | None, stamp: str) -> None:
        """Writes the clocks down as they stand now, and the columns by which tickets are filtered and sorted."""
        rows = [_row(clocks.clocks[kind]) for kind in (FIRST_REPLY, NEXT_REPLY, SOLVE) if kind in clocks.clocks]
        pauses: list[dict[str, Any]] = [
            {"begin_time": _text(pause.begin), "end_time": _text(pause.end)} for pause in clocks.pauses
        ]
        if clocks.waiting_since is not None:
            pauses.append({"begin_time": _text(clocks.waiting_since)})
        if rows != self.clocks:
            self.clocks = rows
        if pauses != self.pauses:
            self.pauses = pauses
        for kind in (FIRST_REPLY, NEXT_REPLY, SOLVE):
            clock = clocks.clocks.get(kind)
            promised = clock is not None and clock.state != UNPROMISED
            setattr(self, f"{kind.lower()}_clock", clock.state if clock is not None and promised else None)
            setattr(self, f"{kind.lower()}_due_time", clock.due if clock is not None else None)
        coming = clocks.coming(level)
        self.service_level_code = code
        self.next_due_time = clocks.next_due()
        self.step_time = coming[0].time if coming else None
        self.level_stamp, self.clock_mark = stamp, clocks.mark


def _target_invalid(field: str, problem: str) -> ServiceTargetInvalid:
    violation = Violation(f"service_level.{field}", "SERVICE_TARGET_INVALID", problem)
    return ServiceTargetInvalid(problem=problem, violations=[violation])


def _target_key(row: Any) -> tuple[str, str]:
    priority = row.get("priority") or ANY_PRIORITY
    return row["clock"], ANY_PRIORITY if priority == "PRIORITY_UNSPECIFIED" else priority


def _step(row: Any) -> Step:
    return Step(
        clock=row["clock"],
        minutes=int(row.get("minutes", 0)),
        action=row["action"],
        role_codes=tuple(row.get("role_codes") or ()),
        user_id=row.get("user_id") or "",
        unit_id=row.get("unit_id") or "",
    )


def _clock(row: Any) -> Clock:
    return Clock(
        kind=row["kind"],
        begin=_time(row["begin_time"]),
        cycle=row.get("cycle", 1),
        state=row.get("state", UNPROMISED),
        target=row.get("target_minutes", 0),
        due=_time_or_none(row.get("due_time")),
        end=_time_or_none(row.get("end_time")),
        breach=_time_or_none(row.get("breach_time")),
        taken=list(row.get("steps_taken") or ()),
    )


def _row(clock: Clock) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": clock.kind,
        "state": clock.state,
        "cycle": clock.cycle,
        "begin_time": _text(clock.begin),
    }
    row |= {"target_minutes": clock.target, "steps_taken": list(clock.taken)}
    for name, instant in (("due_time", clock.due), ("end_time", clock.end), ("breach_time", clock.breach)):
        if instant is not None:
            row[name] = _text(instant)
    return row


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time_or_none(text: str | None) -> datetime | None:
    return _time(text) if text else None


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
