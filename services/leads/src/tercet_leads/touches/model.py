"""One raw submission as a row. Nothing but erasure changes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index, unique


class Touch(Linked, Owned, Entity):
    """A submission, scan, visit or call as it came, and which lead and identity it became."""

    __tablename__ = "touches"
    __table_args__ = (
        unique("touches_by_key", "key", field="key"),
        index("touches_by_lead", "lead_id", "occur_time"),
        index("touches_by_party", "party_id"),
        index("touches_by_identity", "identity_id"),
        index("touches_by_placement", "placement_id", where="placement_id IS NOT NULL"),
        index("touches_of_unknown_source", "source_given", where="source_code = 'unknown'"),
    )

    lead_id: Mapped[UUID]
    entry: Mapped[str] = column(default="API")
    source_code: Mapped[str]
    source_given: Mapped[str] = column(default="")
    placement_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    occur_time: Mapped[datetime]
    raw: Mapped[dict[str, Any]] = column(default=dict)
    flags: Mapped[list[Any]] = column(default=list)
    duplicate: Mapped[bool] = column(default=False)
    # What it filled in on a lead that was there before, so that it can be taken back.
    filled: Mapped[dict[str, Any]] = column(default=dict)
    # What a repeated delivery is recognised by: an import's row, a form's submission, an advertiser's id.
    key: Mapped[str | None]
