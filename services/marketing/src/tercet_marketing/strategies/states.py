"""From a draft to its end: the states of a strategy and of a plan, and who may move them where."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from uuid import UUID

from tercet_chassis import Refusal
from tercet_chassis.entity import Mapped, column

DRAFT, APPROVED, RUNNING, PAUSED, ENDED = "DRAFT", "APPROVED", "RUNNING", "PAUSED", "ENDED"


class Refusals(NamedTuple):
    """What the moves are refused with: each is told the code, and what depends on the state, the state."""

    ended: type[Refusal]
    runs: type[Refusal]
    not_draft: type[Refusal]
    not_approved: type[Refusal]
    does_not_run: type[Refusal]
    has_history: type[Refusal]


class Steered:
    """Draft, approved, running, paused, ended."""

    refusals: ClassVar[Refusals]
    if TYPE_CHECKING:
        code: Mapped[str]

    state: Mapped[str] = column(default=DRAFT)
    approver_id: Mapped[UUID | None]
    approve_time: Mapped[datetime | None]
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]

    def rewrite(self) -> None:
        """It is being changed: a draft from now on. Refused while it runs and once it has ended."""
        self._alive()
        if self.state == RUNNING:
            raise self.refusals.runs(code=self.code)
        self.state = DRAFT

    def approve(self, user_id: UUID | None, now: datetime) -> None:
        """Agreed to. Refused unless it is a draft."""
        self._alive()
        if self.state != DRAFT:
            raise self.refusals.not_draft(code=self.code, state=self.state)
        self.state, self.approver_id, self.approve_time = APPROVED, user_id, now

    def start(self, now: datetime) -> None:
        """At work. Refused unless it is approved or paused."""
        self._alive()
        if self.state not in (APPROVED, PAUSED):
            raise self.refusals.not_approved(code=self.code, state=self.state)
        self.state, self.start_time = RUNNING, self.start_time or now

    def pause(self) -> None:
        """Wants nobody for now. Refused unless it runs."""
        self._alive()
        if self.state != RUNNING:
            raise self.refusals.does_not_run(code=self.code, state=self.state)
        self.state = PAUSED

    def end(self, now: datetime) -> None:
        """Over. Refused once it is."""
        self._alive()
        self.state, self.end_time = ENDED, now

    def removable(self) -> None:
        """Refuses once it was approved: what it did refers to it."""
        if self.approve_time is not None:
            raise self.refusals.has_history(code=self.code)

    def _alive(self) -> None:
        if self.state == ENDED:
            raise self.refusals.ended(code=self.code)
