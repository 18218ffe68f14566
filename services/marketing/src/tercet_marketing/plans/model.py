"""A plan: which strategies, from when to when."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet_chassis.entity import Entity, Mapped, Searchable, column, index, unique
from tercet_marketing.plans.errors import (
    PlanDoesNotRun,
    PlanEmpty,
    PlanEnded,
    PlanEndsBeforeItBegins,
    PlanHasHistory,
    PlanNotApproved,
    PlanNotDraft,
    PlanOutOfTime,
    PlanRuns,
    PlanZoneNotKnown,
)
from tercet_marketing.strategies.states import Refusals, Steered


class Plan(Steered, Searchable, Entity):
    """Strategies over a time."""

    refusals = Refusals(PlanEnded, PlanRuns, PlanNotDraft, PlanNotApproved, PlanDoesNotRun, PlanHasHistory)
    __tablename__ = "plans"
    __table_args__ = (unique("plans_by_code", "code", field="plan.code"), index("plans_by_state", "state"))

    code: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str] = column(default="")
    strategy_codes: Mapped[list[Any]] = column(default=list)
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]
    zone: Mapped[str] = column(default="")

    def check(self) -> None:
        """Refuses one that ends before it begins, and an unknown zone."""
        if self.begin_date and self.end_date and self.end_date < self.begin_date:
            raise PlanEndsBeforeItBegins(begin_date=self.begin_date, end_date=self.end_date)
        if self.zone:
            try:
                ZoneInfo(self.zone)
            except (ZoneInfoNotFoundError, ValueError) as unknown:
                raise PlanZoneNotKnown(zone=self.zone) from unknown

    def must_not_be_empty(self) -> None:
        """Refuses one without strategies."""
        if not self.strategy_codes:
            raise PlanEmpty(code=self.code)

    def must_be_in_time(self, now: datetime, zone: ZoneInfo) -> None:
        """Refuses to be at work before its first day and after its last."""
        today = now.astimezone(zone).date()
        if (self.begin_date and today < self.begin_date) or (self.end_date and today > self.end_date):
            raise PlanOutOfTime(code=self.code, begin_date=self.begin_date, end_date=self.end_date, today=today)

    def begins(self, zone: ZoneInfo) -> datetime | None:
        """The first moment of its first day."""
        return None if self.begin_date is None else datetime.combine(self.begin_date, time(), zone)

    def ends(self, zone: ZoneInfo) -> datetime | None:
        """The first moment after its last day."""
        return None if self.end_date is None else datetime.combine(self.end_date + timedelta(days=1), time(), zone)
