"""Placements, their scans, and the leads they brought."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, Mapped, Owned, Searchable, column, index, unique
from tercet_leads.placements.errors import PlacementTimesInvalid


class Placement(Owned, Custom, Searchable, Entity):
    """A tracked link of one source, campaign and set of parameters."""

    __tablename__ = "placements"
    __table_args__ = (
        unique("placements_by_short_code", "short_code", field="placement.short_code"),
        index("placements_by_campaign", "campaign_id"),
        index("placements_by_source", "source_code"),
    )

    display_name: Mapped[str]
    short_code: Mapped[str]
    source_code: Mapped[str]
    campaign_id: Mapped[UUID | None]
    target_url: Mapped[str]
    parameters: Mapped[dict[str, Any]] = column(default=dict)
    start_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]

    def check_times(self) -> None:
        """Refuses a placement that expires before it starts."""
        if self.start_time and self.expire_time and self.expire_time <= self.start_time:
            raise PlacementTimesInvalid()

    def works_at(self, now: datetime) -> bool:
        """Whether it leads on at this moment."""
        return (self.start_time is None or now >= self.start_time) and (
            self.expire_time is None or now < self.expire_time
        )


class PlacementScan(Entity):
    """One scan or click. An expired placement's scans are kept as well: they tell that a poster still hangs."""

    __tablename__ = "placement_scans"
    __table_args__ = (index("placement_scans_by_placement", "placement_id", "scan_time"),)
    __message__ = None

    placement_id: Mapped[UUID]
    scan_time: Mapped[datetime]
    visitor: Mapped[str] = column(default="")
    user_agent: Mapped[str] = column(default="")
    referrer: Mapped[str] = column(default="")
    expired: Mapped[bool] = column(default=False)


class PlacementResult(Entity):
    """A lead that a placement brought (LEAD), or one of them that was converted (WON): rows, so that no counter is
    hot.
    """

    __tablename__ = "placement_results"
    __table_args__ = (unique("placement_results_once", "placement_id", "kind", "lead_id"),)
    __message__ = None

    placement_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    kind: Mapped[str]
