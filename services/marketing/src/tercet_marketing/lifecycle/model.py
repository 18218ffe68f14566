"""Lifecycles, where everybody is in them, and how they came there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, unique
from tercet_marketing.lifecycle.errors import (
    LifecycleArchivedAlready,
    LifecycleNotDraft,
    LifecycleNotLive,
    LifecycleStageUnknown,
)
from tercet_marketing.lifecycle.rules import Place, Stage

DRAFT, LIVE, ARCHIVED = "DRAFT", "LIVE", "ARCHIVED"


def stages_of(stored: list[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Stored stages as the rules see them."""
    return tuple(
        Stage(
            code=one["code"],
            category=one["category"],
            min_days=int(one.get("min_days_in_stage") or 0),
            next_codes=frozenset(one.get("next_stage_codes") or ()),
        )
        for one in stored
    )


class Lifecycle(Entity):
    """The stages that a relation goes through, with the rules that say which."""

    __tablename__ = "lifecycles"
    __table_args__ = (
        unique("lifecycles_by_code", "code", field="lifecycle.code"),
        index("lifecycles_by_state", "state"),
    )

    code: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str] = column(default="")
    stages: Mapped[list[Any]] = column(default=list)
    time_zone: Mapped[str] = column(default="UTC")
    shown_on_profiles: Mapped[bool] = column(default=False)
    state: Mapped[str] = column(default=DRAFT)
    version: Mapped[int] = column(default=1)
    built_version: Mapped[int] = column(default=0)
    build_time: Mapped[datetime | None]
    reads: Mapped[list[str]] = column(default=list)
    # Why nobody can be judged by it: empty as long as everybody can.
    fault: Mapped[str] = column(default="")

    def activate(self) -> None:
        """Goes live. Refuses what is no draft."""
        if self.state != DRAFT:
            raise LifecycleNotDraft(code=self.code, state=self.state)
        self.state = LIVE

    def archive(self) -> None:
        """Ends. Refuses what has ended."""
        self.check_open()
        self.state = ARCHIVED

    def check_open(self) -> None:
        """Refuses a change of what has ended."""
        if self.state == ARCHIVED:
            raise LifecycleArchivedAlready(code=self.code)

    def check_live(self) -> None:
        """Refuses to judge by what is not live."""
        if self.state != LIVE:
            raise LifecycleNotLive(code=self.code)

    def stage(self, code: str) -> Stage:
        """The stage of a code. Refuses one that there is not."""
        stages = stages_of(self.stages)
        found = next((one for one in stages if one.code == code), None)
        if found is None:
            raise LifecycleStageUnknown(lifecycle=self.code, code=code, known=", ".join(one.code for one in stages))
        return found

    def built(self, version: int, now: datetime) -> None:
        """Everybody was judged by a version."""
        self.built_version, self.build_time = version, now


class LifecyclePosition(Linked, OfParty, Entity):
    """Where a party is in a lifecycle. It goes with the identity by which it began; of several that a party's
    identities brought along one is leading, the others rest.
    """

    __tablename__ = "lifecycle_positions"
    __table_args__ = (
        unique("lifecycle_positions_once", "lifecycle_id", "identity_id"),
        index("lifecycle_positions_of_party", "party_id"),
        index("lifecycle_positions_of_identity", "identity_id"),
        index("lifecycle_positions_by_stage", "lifecycle_code", "stage_code", "stage_time"),
        index("lifecycle_positions_due", "due_time", where="due_time IS NOT NULL"),
    )

    lifecycle_id: Mapped[UUID]
    lifecycle_code: Mapped[str]
    stage_code: Mapped[str] = column(default="")
    category: Mapped[str | None]
    stage_time: Mapped[datetime | None]
    change_count: Mapped[int] = column(default=0)
    pin_end_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    resting: Mapped[bool] = column(default=False)

    def place(self) -> Place:
        """Where that is, as the rules see it."""
        return Place(self.stage_code, self.stage_time, self.pin_end_time)

    def go(self, stage: Stage | None, now: datetime, pin_end_time: datetime | None = None) -> None:
        """Comes to a stage, or to none; a stay that was set by hand ends with the stage. At the one where it is only
        the stay is new.
        """
        self.pin_end_time = pin_end_time
        code = stage.code if stage else ""
        if code != self.stage_code:
            self.stage_code, self.category = code, stage.category if stage else None
            self.stage_time, self.change_count = now, self.change_count + 1


class LifecycleChange(Linked, OfParty, Entity):
    """One step from stage to stage; never changed."""

    __tablename__ = "lifecycle_changes"
    __table_args__ = (
        index("lifecycle_changes_of_party", "party_id", "change_time"),
        index("lifecycle_changes_of_identity", "identity_id", "change_time"),
        index("lifecycle_changes_by_stage", "lifecycle_code", "to_stage_code", "change_time"),
    )

    position_id: Mapped[UUID]
    lifecycle_code: Mapped[str]
    version: Mapped[int]
    from_stage_code: Mapped[str] = column(default="")
    to_stage_code: Mapped[str] = column(default="")
    cause: Mapped[str]
    reason: Mapped[str] = column(default="")
    user_id: Mapped[UUID | None]
    change_time: Mapped[datetime]
