"""Strategies, their approved versions, and what was decided for whom."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index, unique
from tercet_marketing.strategies.errors import (
    DailyTimeNeeded,
    DecisionNotWithheld,
    EventNotKnown,
    LifecycleNeeded,
    PeriodEndsBeforeItBegins,
    SegmentNeeded,
    StrategyDoesNotRun,
    StrategyEnded,
    StrategyHasHistory,
    StrategyNotApproved,
    StrategyNotDraft,
    StrategyRuns,
    ZoneNotKnown,
)
from tercet_marketing.strategies.rules import WITHHELD, Check, Decision
from tercet_marketing.strategies.states import Refusals, Steered

SEGMENT_ENTERED, SEGMENT_LEFT, EVENT, DAILY = "SEGMENT_ENTERED", "SEGMENT_LEFT", "EVENT", "DAILY"
STAGE_ENTERED = "STAGE_ENTERED"
WAITING = "WAITING"
# Orders count as success for so long when a strategy does not say.
CONVERSION_DAYS = 14
# What a version keeps of its strategy; the rest is where the strategy stands.
_CONTENT = (
    "segment_code", "trigger", "event_name", "daily_time", "purpose", "priority", "exclusion_group", "exclusion_days",
    "excluded_segment_codes", "reentry_days", "holdout_percent", "caps", "quiet_hours", "zone", "budget_code",
    "lifecycle_code", "stage_code", "include_existing", "recipient_roles",
)  # fmt: skip


class Strategy(Steered, Entity):
    """When an action meets whom."""

    refusals = Refusals(
        StrategyEnded, StrategyRuns, StrategyNotDraft, StrategyNotApproved, StrategyDoesNotRun, StrategyHasHistory
    )

    __tablename__ = "strategies"
    __table_args__ = (
        unique("strategies_by_code", "code", field="strategy.code"),
        index("strategies_by_state", "state", "trigger"),
        index("strategies_by_action", "action_code"),
        index("strategies_by_campaign", "campaign_code", where="campaign_code <> ''"),
    )

    code: Mapped[str]
    display_name: Mapped[str]
    segment_code: Mapped[str] = column(default="")
    action_code: Mapped[str]
    trigger: Mapped[str]
    event_name: Mapped[str] = column(default="")
    daily_time: Mapped[str] = column(default="")
    purpose: Mapped[str] = column(default="MARKETING")
    priority: Mapped[int] = column(default=0)
    exclusion_group: Mapped[str] = column(default="")
    exclusion_days: Mapped[int | None]
    excluded_segment_codes: Mapped[list[Any]] = column(default=list)
    reentry_days: Mapped[int | None]
    holdout_percent: Mapped[str] = column(default="")
    caps: Mapped[list[Any]] = column(default=list)
    quiet_hours: Mapped[dict[str, Any] | None]
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]
    zone: Mapped[str] = column(default="")
    # The last day that was begun.
    daily_date: Mapped[date | None]
    budget_code: Mapped[str] = column(default="")
    campaign_code: Mapped[str] = column(default="")
    conversion: Mapped[dict[str, Any] | None]
    version: Mapped[int] = column(default=0)
    lifecycle_code: Mapped[str] = column(default="")
    stage_code: Mapped[str] = column(default="")
    include_existing: Mapped[bool] = column(default=False)
    recipient_roles: Mapped[list[Any]] = column(default=list)

    def check(self, events: Collection[str]) -> None:
        """Refuses a trigger without what it needs, an unknown zone, and a period that ends before it begins."""
        if self.trigger in (SEGMENT_ENTERED, SEGMENT_LEFT, DAILY) and not self.segment_code:
            raise SegmentNeeded(trigger=self.trigger)
        if self.trigger == STAGE_ENTERED and not self.lifecycle_code:
            raise LifecycleNeeded
        if self.trigger == EVENT and self.event_name not in events:
            raise EventNotKnown(event_name=self.event_name or "nothing", known=", ".join(sorted(events)))
        if self.trigger == DAILY and not self.daily_time:
            raise DailyTimeNeeded
        if self.zone:
            try:
                ZoneInfo(self.zone)
            except (ZoneInfoNotFoundError, ValueError) as unknown:
                raise ZoneNotKnown(zone=self.zone) from unknown
        if self.begin_date and self.end_date and self.end_date < self.begin_date:
            raise PeriodEndsBeforeItBegins(begin_date=self.begin_date, end_date=self.end_date)

    def approve(self, user_id: UUID | None, now: datetime) -> None:
        """The next version is what the draft says."""
        super().approve(user_id, now)
        self.version += 1

    def content(self, action: dict[str, Any], campaign_id: UUID | None) -> dict[str, Any]:
        """What a version keeps, its action as it is now among it."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in _CONTENT}
        for name in ("begin_date", "end_date"):
            day = getattr(self, name)
            kept[name] = day.isoformat() if day else None
        own = {"strategy_id": str(self.id), "campaign_id": str(campaign_id) if campaign_id else None}
        return {**kept, **own, "action_code": self.action_code, "action": action}

    @property
    def conversion_kind(self) -> str:
        """The kind of fact that is its success."""
        return str((self.conversion or {}).get("kind") or "order")

    @property
    def conversion_days(self) -> int:
        """Within how many days after a decision."""
        return int((self.conversion or {}).get("days") or CONVERSION_DAYS)

    @property
    def conversion_products(self) -> list[str]:
        """Of which products it must hold one; none means all."""
        return list((self.conversion or {}).get("product_codes") or ())


class StrategyVersion(Entity):
    """What a strategy said when it was approved; never changed."""

    __tablename__ = "strategy_versions"
    __table_args__ = (unique("strategy_versions_once", "strategy_code", "version", field="strategy.code"),)
    __message__: ClassVar[str | None] = None

    strategy_code: Mapped[str]
    version: Mapped[int]
    content: Mapped[dict[str, Any]] = column(default=dict)


class StrategyDecision(Linked, Owned, Entity):
    """What became of one version's wish for one customer on one occasion."""

    __tablename__ = "strategy_decisions"
    __table_args__ = (
        unique("strategy_decisions_once", "strategy_code", "identity_id", "occasion", field="occasion"),
        index("strategy_decisions_by_party", "party_id", "decide_time"),
        index("strategy_decisions_by_due", "outcome", "due_time"),
        index("strategy_decisions_by_strategy", "strategy_code", "create_time"),
        index("strategy_decisions_by_unit", "unit_id", "create_time"),
        index("strategy_decisions_by_owner", "owner_id", "create_time"),
    )

    strategy_code: Mapped[str]
    version: Mapped[int]
    occasion: Mapped[str]
    purpose: Mapped[str] = column(default="MARKETING")
    exclusion_group: Mapped[str] = column(default="")
    outcome: Mapped[str] = column(default=WAITING)
    reason: Mapped[str] = column(default="")
    checks: Mapped[list[Any]] = column(default=list)
    channel_code: Mapped[str] = column(default="")
    decide_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    grant_id: Mapped[UUID | None]
    send_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]

    def take(self, decision: Decision, now: datetime) -> None:
        """What arbitration decided."""
        self.outcome, self.reason, self.decide_time = decision.outcome, decision.reason, now
        self.channel_code, self.due_time = decision.channel_code, decision.due_time
        self.contact_id = UUID(decision.contact_id) if decision.contact_id else None
        self.checks = [one.kept for one in decision.checks]

    def drop(self, now: datetime) -> None:
        """Its strategy has ended before it was decided."""
        self.fail("STRATEGY_ENDED", "its strategy ended before this was decided", now)

    def fail(self, name: str, detail: str, now: datetime, cause: str = "") -> None:
        """It cannot be decided or carried out."""
        self.outcome, self.reason, self.decide_time, self.due_time = WITHHELD, name, now, None
        self.note(name, passed=False, detail=detail, cause=cause)

    def note(self, name: str, *, passed: bool, detail: str, cause: str = "") -> None:
        """One more thing that is known of it."""
        self.checks = [*(self.checks or ()), Check(name, passed, detail, cause).kept]

    def wish_again(self, version: int) -> None:
        """Wanted once more, by what its strategy says now. Refuses what was not withheld."""
        if self.outcome != WITHHELD:
            raise DecisionNotWithheld(outcome=self.outcome)
        self.version, self.outcome, self.reason, self.checks, self.channel_code = version, WAITING, "", [], ""
