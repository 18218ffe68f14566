"""Segments, their versions, and everybody's standing in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, unique
from tercet_marketing.segments.errors import (
    SegmentArchivedAlready,
    SegmentNotDraft,
    SegmentNotLive,
    SegmentNotStatic,
)


class Segment(Entity):
    """Who fits a condition, or was put on a list."""

    __tablename__ = "segments"
    __table_args__ = (unique("segments_by_code", "code", field="segment.code"), index("segments_by_state", "state"))

    code: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str] = column(default="")
    subject: Mapped[str] = column(default="profile")
    kind: Mapped[str] = column(default="DYNAMIC")
    condition: Mapped[dict[str, Any]] = column(default=dict)
    condition_text: Mapped[str] = column(default="")
    time_zone: Mapped[str] = column(default="UTC")
    state: Mapped[str] = column(default="DRAFT")
    version: Mapped[int] = column(default=1)
    built_version: Mapped[int] = column(default=0)
    build_time: Mapped[datetime | None]
    reads: Mapped[list[str]] = column(default=list)
    tag_code: Mapped[str] = column(default="")
    tag_keep_days: Mapped[int] = column(default=0)
    # Why nobody can be judged by it: empty as long as everybody can.
    fault: Mapped[str] = column(default="")

    def activate(self) -> None:
        """Goes live. Refuses what is no draft."""
        if self.state != "DRAFT":
            raise SegmentNotDraft(code=self.code, state=self.state)
        self.state = "LIVE"

    def archive(self) -> None:
        """Ends. Refuses what has ended."""
        self.check_open()
        self.state = "ARCHIVED"

    def check_open(self) -> None:
        """Refuses a change of what has ended."""
        if self.state == "ARCHIVED":
            raise SegmentArchivedAlready(code=self.code)

    def check_list(self) -> None:
        """Refuses members by hand where they come by a condition, and where there are none."""
        if self.kind != "STATIC":
            raise SegmentNotStatic(code=self.code)
        if self.state != "LIVE":
            raise SegmentNotLive(code=self.code)

    def built(self, version: int, now: datetime) -> None:
        """Everybody was judged by a version."""
        self.built_version, self.build_time = version, now


class SegmentVersion(Entity):
    """A condition that held once."""

    __tablename__ = "segment_versions"
    __table_args__ = (unique("segment_versions_by_number", "segment_id", "version"),)
    __message__: ClassVar[str | None] = None

    segment_id: Mapped[UUID]
    version: Mapped[int]
    condition: Mapped[dict[str, Any]] = column(default=dict)
    time_zone: Mapped[str]
    user_id: Mapped[UUID | None]


class SegmentMember(Linked, OfParty, Entity):
    """Somebody's standing: in, or out with a time at which that may change."""

    __tablename__ = "segment_members"
    __table_args__ = (
        unique("segment_members_by_subject", "subject_id", "segment_id"),
        index("segment_members_of_segment", "segment_id", "state", "create_time"),
        index("segment_members_by_code", "segment_code", "subject_id", where="state = 'IN'"),
        index("segment_members_due", "due_time", where="due_time IS NOT NULL"),
        index("segment_members_of_party", "party_id"),
        index("segment_members_of_identity", "identity_id"),
    )

    segment_id: Mapped[UUID]
    segment_code: Mapped[str]
    subject_id: Mapped[UUID]
    state: Mapped[str] = column(default="OUT")
    enter_time: Mapped[datetime | None]
    leave_time: Mapped[datetime | None]
    enter_count: Mapped[int] = column(default=0)
    due_time: Mapped[datetime | None]
