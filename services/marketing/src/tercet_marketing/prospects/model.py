"""What segments may ask of a lead and of an opportunity; each row's id is the lead's or opportunity's.

Nothing here is personal: who somebody is stands in the profile of the same identity.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index


class LeadSubject(Linked, Owned, Entity):
    """A lead as leads told it last."""

    __tablename__ = "lead_subjects"
    __table_args__ = (
        index("lead_subjects_by_party", "party_id"),
        index("lead_subjects_by_identity", "identity_id"),
    )
    __message__: ClassVar[str | None] = None

    kind: Mapped[str | None]
    state: Mapped[str]
    source_code: Mapped[str] = column(default="")
    last_source_code: Mapped[str] = column(default="")
    campaign_id: Mapped[UUID | None]
    pool_code: Mapped[str] = column(default="")
    province: Mapped[str] = column(default="")
    city: Mapped[str] = column(default="")
    interests: Mapped[list[str]] = column(default=list)
    score: Mapped[int] = column(default=0)
    grade: Mapped[str] = column(default="")
    touch_count: Mapped[int] = column(default=0)
    last_touch_time: Mapped[datetime | None]
    first_contact_time: Mapped[datetime | None]
    last_contact_time: Mapped[datetime | None]
    next_contact_time: Mapped[datetime | None]
    qualify_time: Mapped[datetime | None]
    convert_time: Mapped[datetime | None]
    existing_customer: Mapped[bool] = column(default=False)


class OpportunitySubject(Linked, Owned, Entity):
    """An opportunity as sales told it last."""

    __tablename__ = "opportunity_subjects"
    __table_args__ = (
        index("opportunity_subjects_by_party", "party_id"),
        index("opportunity_subjects_by_identity", "identity_id"),
    )
    __message__: ClassVar[str | None] = None

    state: Mapped[str]
    direction: Mapped[str]
    pipeline_code: Mapped[str] = column(default="")
    stage_code: Mapped[str] = column(default="")
    stage_time: Mapped[datetime | None]
    probability: Mapped[int] = column(default=0)
    certainty_code: Mapped[str] = column(default="")
    expected_amount: Mapped[Decimal | None]
    currency_code: Mapped[str] = column(default="")
    expected_close_date: Mapped[date | None]
    next_step_date: Mapped[date | None]
    intent_level: Mapped[int | None]
    product_codes: Mapped[list[str]] = column(default=list)
    campaign_id: Mapped[UUID | None]
    source_code: Mapped[str] = column(default="")
    last_activity_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    lost_reason_code: Mapped[str] = column(default="")
