"""Activities, and what each said before it was changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, Searchable, column, index, unique
from tercet_sales.activities import rules
from tercet_sales.activities.errors import ActivityCanceled, ActivityNotOpen, DoneInFuture
from tercet_sales.activities.rules import CANCELED, DONE, OPEN, SKEW


class Activity(Linked, Owned, Custom, External, Searchable, Entity):
    """Something a seller does or means to do. About a party, or about none."""

    __tablename__ = "activities"
    __table_args__ = (
        index("activities_by_owner", "owner_id", "state", "due_time"),
        index("activities_by_subject", "subject_id", "create_time"),
        index("activities_by_party", "party_id", "create_time"),
        index("activities_by_identity", "identity_id"),
        unique("activities_by_external", "external_system", "external_id", field="activity.external_ref"),
    )

    identity_id: Mapped[UUID | None] = column(sort_order=-5)  # type: ignore[assignment]
    party_id: Mapped[UUID | None] = column(sort_order=-4)  # type: ignore[assignment]
    state: Mapped[str] = column(default=OPEN)
    kind: Mapped[str]
    subject: Mapped[dict[str, Any] | None]
    subject_id: Mapped[UUID | None]
    title: Mapped[str]
    text: Mapped[str | None]
    start_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    done_time: Mapped[datetime | None]
    outcome_code: Mapped[str | None]
    intent_level: Mapped[int | None]
    key_events: Mapped[list[Any]] = column(default=list)
    next_step: Mapped[str | None]
    next_due_time: Mapped[datetime | None]
    next_activity_id: Mapped[UUID | None]
    remind_time: Mapped[datetime | None]
    reminded_time: Mapped[datetime | None]
    edit_count: Mapped[int] = column(default=0)
    address: Mapped[dict[str, Any] | None]

    def begin(self, now: datetime) -> None:
        """Is open, or done at once when it says so. Refuses to have been done in the future."""
        self.state, self.edit_count = OPEN, 0
        if self.subject:
            self.subject_id = UUID(self.subject["id"])
        if self.done_time is not None:
            self._done(self.done_time, now)

    def complete(
        self,
        when: datetime,
        now: datetime,
        *,
        outcome_code: str | None,
        text: str,
        intent_level: int | None,
        key_events: list[str],
        next_step: str | None,
        next_due_time: datetime | None,
    ) -> None:
        """Is done, with what came of it. Refuses one that is done or cancelled, and to have been done in the future."""
        if self.state != OPEN:
            raise ActivityNotOpen(state=self.state.lower())
        self._done(when, now)
        self.outcome_code = outcome_code or self.outcome_code
        self.text = rules.added_text(self.text, text)
        self.intent_level = intent_level if intent_level is not None else self.intent_level
        self.key_events = rules.merged(self.key_events or [], key_events)
        self.next_step = next_step or self.next_step
        self.next_due_time = next_due_time or self.next_due_time

    def cancel(self) -> None:
        """Will not happen. Refuses one that is done or cancelled."""
        if self.state != OPEN:
            raise ActivityNotOpen(state=self.state.lower())
        self.state = CANCELED

    def check_editable(self) -> None:
        """Refuses one that is cancelled."""
        if self.state == CANCELED:
            raise ActivityCanceled

    def follow_up(self) -> Activity | None:
        """The task that the next step becomes, once it is done and says by when.

        None when there is nothing to do or it is there already.
        """
        if self.state != DONE or self.next_due_time is None or self.next_activity_id is not None:
            return None
        task = Activity(
            kind="TASK",
            title=self.next_step or self.title,
            due_time=self.next_due_time,
            subject=dict(self.subject) if self.subject else None,
            identity_id=self.identity_id,
            party_id=self.party_id,
            owner_id=self.owner_id,
            unit_id=self.unit_id,
            partner_party_id=self.partner_party_id,
        )
        self.next_activity_id = task.id
        return task

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been done by now."""
        return rules.is_overdue(self.state, self.due_time, now)

    def reminder_due(self) -> datetime | None:
        """When its owner is to be reminded.

        None when that has been done, was not asked for, or it is no longer open.
        """
        return self.remind_time if self.state == OPEN and self.reminded_time != self.remind_time else None

    def _done(self, when: datetime, now: datetime) -> None:
        if when > now + SKEW:
            raise DoneInFuture(done_time=when.isoformat())
        self.state, self.done_time = DONE, min(when, now)


class ActivityEdit(Entity):
    """What an activity said before a change; written once, never changed."""

    __tablename__ = "activity_edits"
    __table_args__ = (unique("activity_edits_once", "activity_id", "number"),)

    activity_id: Mapped[UUID]
    number: Mapped[int]
    actor_id: Mapped[UUID | None]
    fields: Mapped[list[str]] = column(default=list)
    before: Mapped[dict[str, Any]]
