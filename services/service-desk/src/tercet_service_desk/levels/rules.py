"""The clocks of a ticket: when they run, pause and end, by when they are due, and what is to be done on the way.

What happened to a ticket (`Clocks`) is kept apart from what it is promised (`Level`), so that a promise may be judged
anew at any time from the same facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tercet_service_desk.calendars.rules import AROUND_THE_CLOCK, Span, WorkingTime, due, working_time

FIRST_REPLY, NEXT_REPLY, SOLVE = KINDS = ("FIRST_REPLY", "NEXT_REPLY", "SOLVE")
RUNNING, PAUSED, MET, BREACHED = "RUNNING", "PAUSED", "MET", "BREACHED"
# A clock that runs without a promise.
UNPROMISED = "STATE_UNSPECIFIED"
ANY_PRIORITY = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done so many working minutes before (negative) or after a due time."""

    clock: str
    minutes: int
    action: str
    role_codes: tuple[str, ...] = ()
    user_id: str = ""
    unit_id: str = ""

    def key(self, level_code: str) -> str:
        """By what a clock remembers that the step was taken."""
        return f"{level_code} {self.minutes:+d} {self.action}"


@dataclass(frozen=True, slots=True)
class Level:
    """A promise: targets in working minutes by clock and priority, counted in a calendar."""

    code: str
    targets: Mapping[tuple[str, str], int]
    calendar: WorkingTime = AROUND_THE_CLOCK
    steps: tuple[Step, ...] = ()

    def target(self, kind: str, priority: str) -> int:
        """The minutes promised; 0 when nothing is."""
        return self.targets.get((kind, priority), self.targets.get((kind, ANY_PRIORITY), 0))


@dataclass(slots=True)
class Clock:
    """One clock of a ticket. It ends once; only a solved ticket that is opened again lets SOLVE go on."""

    kind: str
    begin: datetime
    cycle: int = 1
    state: str = UNPROMISED
    target: int = 0
    due: datetime | None = None
    end: datetime | None = None
    breach: datetime | None = None
    taken: list[str] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.end is None


class Happening(NamedTuple):
    """What is due at an instant: a step, or the breach itself when there is none."""

    time: datetime
    clock: Clock
    step: Step | None


@dataclass(slots=True)
class Clocks:
    """All clocks of one ticket and the stretches in which it waited. `mark` is the latest instant that they know."""

    mark: datetime
    clocks: dict[str, Clock] = field(default_factory=dict)
    pauses: list[Span] = field(default_factory=list)
    waiting_since: datetime | None = None

    # -- what happens to a ticket -------------------------------------------------------------------------------------
    def open(self) -> None:
        """The ticket is opened at the mark: first reply and solution begin."""
        self.clocks = {kind: Clock(kind, self.mark) for kind in (FIRST_REPLY, SOLVE)}

    def reply(self, at: datetime, level: Level | None, priority: str, *, waits: bool) -> None:
        """We answer the requester, and wait for an answer or work on."""
        at = self._on(at)
        self._resume(at)
        for kind in (FIRST_REPLY, NEXT_REPLY):
            self._end(kind, at, level, priority)
        if waits:
            self.waiting_since = at

    def hear(self, at: datetime) -> None:
        """The requester writes: waiting is over, and once there was a first reply the next one is awaited."""
        at = self._on(at)
        self._resume(at)
        first, following = self.clocks.get(FIRST_REPLY), self.clocks.get(NEXT_REPLY)
        if (first is None or not first.runs) and (following is None or not following.runs):
            self.clocks[NEXT_REPLY] = Clock(NEXT_REPLY, at, cycle=following.cycle + 1 if following else 1)

    def solve(self, at: datetime, level: Level | None, priority: str) -> None:
        """The ticket is solved: every clock ends."""
        at = self._on(at)
        self._resume(at)
        for kind in KINDS:
            self._end(kind, at, level, priority)

    def reopen(self, at: datetime) -> None:
        """Solving goes on; the time in which the ticket was held to be solved counts as waiting."""
        at = self._on(at)
        clock = self.clocks.get(SOLVE)
        if clock is None:
            self.clocks[SOLVE] = Clock(SOLVE, at)
        elif clock.end is not None:
            self.pauses.append(Span(clock.end, at))
            clock.end = None
            clock.state = BREACHED if clock.breach else UNPROMISED

    def hold(self, at: datetime) -> None:
        """Everything stands still until it is resumed."""
        at = self._on(at)
        self.waiting_since = self.waiting_since or at

    def resume(self, at: datetime) -> None:
        """Everything goes on."""
        self._resume(self._on(at))

    # -- what is promised ---------------------------------------------------------------------------------------------
    def judge(self, level: Level | None, priority: str) -> None:
        """Gives every clock that runs its target, due time and state. A breach once told stays one."""
        for clock in self.running():
            clock.target = level.target(clock.kind, priority) if level else 0
            if level is None or not clock.target:
                clock.due, clock.state = None, BREACHED if clock.breach else UNPROMISED
            elif self.waiting_since is not None:
                clock.due, clock.state = None, BREACHED if clock.breach else PAUSED
            else:
                clock.due = due(level.calendar, clock.begin, clock.target, self.pauses)
                clock.state = BREACHED if clock.breach else RUNNING

    def running(self) -> Iterator[Clock]:
        """The clocks that have not ended."""
        return (clock for clock in self.clocks.values() if clock.runs)

    def coming(self, level: Level | None) -> list[Happening]:
        """Breaches and steps that are still to come, the earliest first; none while the ticket waits."""
        if level is None or self.waiting_since is not None:
            return []
        found = []
        for clock in self.running():
            if clock.due is None:
                continue
            if clock.breach is None:
                found.append(Happening(clock.due, clock, None))
            for step in level.steps:
                if step.clock == clock.kind and step.key(level.code) not in clock.taken:
                    time = self._time_of(step, clock, level)
                    if time is not None:
                        found.append(Happening(time, clock, step))
        # At one instant steps before the breach come first, then the breach, then steps after it.
        return sorted(found, key=lambda item: (item.time, item.step.minutes if item.step else -0.5, item.clock.kind))

    def take(self, happening: Happening, level: Level) -> None:
        """Notes that a step was taken or a promise broken, so that neither happens twice."""
        clock = happening.clock
        if happening.step is not None:
            clock.taken.append(happening.step.key(level.code))
        else:
            clock.breach, clock.state = happening.time, BREACHED
        self.mark = max(self.mark, happening.time)

    def worked(self, clock: Clock, calendar: WorkingTime, now: datetime) -> timedelta:
        """The working time that a clock has counted so far."""
        until = clock.end or (min(now, self.waiting_since) if self.waiting_since else now)
        return working_time(calendar, clock.begin, until, self.pauses)

    def next_due(self) -> datetime | None:
        """The earliest due time among the clocks that run and are not broken."""
        return min((clock.due for clock in self.running() if clock.due and clock.state == RUNNING), default=None)

    def _time_of(self, step: Step, clock: Clock, level: Level) -> datetime | None:
        if step.minutes == 0:
            return clock.due
        return due(level.calendar, clock.begin, max(clock.target + step.minutes, 0), self.pauses)

    def _on(self, at: datetime) -> datetime:
        """Clocks only move forward: what is told late happened, to them, at the latest instant they know."""
        self.mark = max(self.mark, at)
        return self.mark

    def _resume(self, at: datetime) -> None:
        if self.waiting_since is not None:
            if self.waiting_since < at:
                self.pauses.append(Span(self.waiting_since, at))
            self.waiting_since = None

    def _end(self, kind: str, at: datetime, level: Level | None, priority: str) -> None:
        clock = self.clocks.get(kind)
        if clock is None or not clock.runs:
            return
        # Judged once more at its end: a pause that has just ended moved the due time.
        self.judge(level, priority)
        clock.end = at
        if clock.breach is None and clock.due is not None and at > clock.due:
            clock.breach = clock.due
        if clock.breach is not None:
            clock.state = BREACHED
        elif clock.target:
            clock.state = MET


def percent_left(target: int, worked: timedelta) -> int:
    """How much of a target is left, from 100 down to 0, rounded down so that 0 means that nothing is."""
    whole = timedelta(minutes=target)
    return max(0, (whole - worked) * 100 // whole) if target else 0


def steps_astray(steps: Sequence[Step], targets: Mapping[tuple[str, str], int]) -> Iterator[tuple[int, str]]:
    """The steps that cannot be taken, by their place, and why."""
    seen: set[tuple[str, int, str]] = set()
    promised = {kind for kind, _ in targets}
    for at, step in enumerate(steps):
        identity = (step.clock, step.minutes, step.action)
        if identity in seen:
            yield at, f"{step.action} at {step.minutes:+d} stands there twice; make them one step."
        elif step.clock not in promised:
            yield at, f"Nothing is promised for {step.clock}; add a target or leave the step out."
        elif step.action == "NOTIFY_ROLE" and not step.role_codes:
            yield at, "NOTIFY_ROLE needs at least one of role_codes."
        elif step.action == "HAND_OVER" and not (step.user_id or step.unit_id):
            yield at, "HAND_OVER needs a user_id, a unit_id, or both."
        seen.add(identity)
