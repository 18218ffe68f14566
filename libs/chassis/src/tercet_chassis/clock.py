"""Business time. In development it can be virtual: then it stands still where it was put and only moves forward when
told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tercet_chassis.errors import FailedPrecondition


class ClockRunsForward(FailedPrecondition):
    """Business time was asked to go back."""

    text = "Business time is {now}; it only moves forward."


class Clock:
    """`now()` is what states, due times and `*_time` fields use; tokens, leases and back-off use machine time
    instead.
    """

    def __init__(self, moved: Callable[[], None] = lambda: None) -> None:
        self._virtual: datetime | None = None
        self._moved = moved

    def now(self) -> datetime:
        """The business instant, in UTC."""
        return self._virtual or datetime.now(UTC)

    @property
    def virtual(self) -> bool:
        """Whether business time stands still until it is advanced."""
        return self._virtual is not None

    def advance(self, to: datetime) -> None:
        """Puts business time at `to` and holds it there; refuses to go back once it is virtual."""
        if self._virtual is not None and to < self._virtual:
            raise ClockRunsForward(now=self._virtual.isoformat())
        self._virtual = to
        self._moved()

    def release(self) -> None:
        """Lets business time run with the machine's again."""
        self._virtual = None
        self._moved()
