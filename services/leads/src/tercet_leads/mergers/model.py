"""A lead that was joined into another: what moved, what was filled in, and how both come apart again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, column, index
from tercet_leads.leads.model import Lead
from tercet_leads.mergers.errors import LeadMergedWithItself, LeadMergeUndone, LeadsOfDifferentParties


class LeadMerge(Owned, Entity):
    """One merge of two leads. The owner and unit are those of the lead that stays."""

    __tablename__ = "lead_merges"
    __table_args__ = (
        index("lead_merges_by_lead", "lead_id", "id"),
        index("lead_merges_by_other", "other_id", where="undo_time IS NULL"),
    )

    lead_id: Mapped[UUID]
    other_id: Mapped[UUID]
    reason: Mapped[str] = column(default="")
    merge_time: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    touch_ids: Mapped[list[Any]] = column(default=list)
    filled_fields: Mapped[list[Any]] = column(default=list)
    # What was filled in, so that undoing it knows what is still as the merge left it.
    filled: Mapped[dict[str, Any]] = column(default=dict)
    # The last touch of the lead that stays, as it was.
    last_touch_time: Mapped[datetime]
    last_source_code: Mapped[str]
    undo_time: Mapped[datetime | None]
    undo_reason: Mapped[str] = column(default="")

    def check_standing(self) -> None:
        """Refuses one that was taken back."""
        if self.undo_time is not None:
            raise LeadMergeUndone(merge_id=self.id)


def check_joinable(lead: Lead, other: Lead) -> None:
    """Refuses itself, leads that nobody follows up or that become customers, and those of other parties."""
    if lead.id == other.id:
        raise LeadMergedWithItself(lead_id=lead.id)
    for each in (lead, other):
        each.check_followed()
    if lead.party_id != other.party_id:
        raise LeadsOfDifferentParties(lead_id=lead.id, other_id=other.id)
