"""Opportunities, the stages they go through, and what is kept of their way."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index

from tercet_chassis.entity import (
    Custom,
    Entity,
    External,
    Linked,
    Mapped,
    Owned,
    Searchable,
    column,
    index,
    money,
    unique,
)
from tercet_chassis.money import Money
from tercet_sales.opportunities.errors import OpportunityClosed, OpportunityOpen
from tercet_sales.opportunities.rules import LOST, OPEN, WON, Facts, Gate, Grade, Stage


class Pipeline(Entity):
    """A way that opportunities go."""

    __tablename__ = "pipelines"
    __table_args__ = (unique("pipelines_by_code", "code", field="pipeline.code"),)

    code: Mapped[str]
    name: Mapped[str]
    served_unit_id: Mapped[UUID | None]
    active: Mapped[bool] = column(default=True)


class PipelineStage(Entity):
    """One stage of a pipeline."""

    __tablename__ = "pipeline_stages"
    __table_args__ = (unique("pipeline_stages_by_code", "pipeline_code", "code", field="pipeline_stage.code"),)

    pipeline_code: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    position: Mapped[int] = column(default=0)
    probability: Mapped[int] = column(default=0)
    gates: Mapped[list[Any]] = column(default=list)

    def facts(self) -> Stage:
        """As the rules see it."""
        gates = tuple(Gate(gate["condition"], gate["message"]) for gate in self.gates or ())
        return Stage(self.code, self.category, self.position or 0, self.probability or 0, gates)


class CertaintyGrade(Entity):
    """How certain an opportunity can be."""

    __tablename__ = "certainty_grades"
    __table_args__ = (unique("certainty_grades_by_code", "code", field="certainty_grade.code"),)

    code: Mapped[str]
    name: Mapped[str]
    rank: Mapped[int] = column(default=0)
    condition: Mapped[str] = column(default="")

    def facts(self) -> Grade:
        """As the rules see it."""
        return Grade(self.code, self.name, self.rank or 0, self.condition or "")


class StageChange(Entity):
    """One move; written once, never changed."""

    __tablename__ = "stage_changes"
    __table_args__ = (index("stage_changes_by_opportunity", "opportunity_id", "id"),)

    opportunity_id: Mapped[UUID]
    from_stage_code: Mapped[str | None]
    to_stage_code: Mapped[str]
    actor_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    occur_time: Mapped[datetime]
    seconds_in_stage: Mapped[int | None]


class Opportunity(Linked, Owned, Custom, External, Searchable, Entity):
    """A deal in the making."""

    __tablename__ = "opportunities"
    __table_args__ = (
        index("opportunities_by_customer", "customer_id", "create_time"),
        index("opportunities_by_party", "party_id"),
        index("opportunities_by_identity", "identity_id"),
        index("opportunities_by_owner", "owner_id", "state", "create_time"),
        index("opportunities_by_unit", "unit_id", "state", "create_time"),
        index("opportunities_by_stage", "pipeline_code", "stage_code"),
        index("opportunities_by_lead", "lead_id", where="lead_id IS NOT NULL"),
        Index("opportunities_by_parties", "tenant_id", "parties", postgresql_using="gin"),
        unique("opportunities_by_external", "external_system", "external_id", field="opportunity.external_ref"),
    )

    state: Mapped[str] = column(default=OPEN)
    title: Mapped[str]
    customer_id: Mapped[UUID]
    pipeline_code: Mapped[str | None]
    stage_code: Mapped[str]
    stage_time: Mapped[datetime]
    probability: Mapped[int] = column(default=0)
    certainty_code: Mapped[str | None]
    certainty_pinned: Mapped[bool] = column(default=False)
    certainty_reason: Mapped[str | None]
    expected_amount: Mapped[Money | None] = money("expected_amount")
    reporting_amount: Mapped[Money | None] = money("reporting_amount")
    rate_id: Mapped[UUID | None]
    expected_close_date: Mapped[date | None]
    parties: Mapped[list[Any]] = column(default=list)
    seller_unit_id: Mapped[UUID | None]
    lead_id: Mapped[UUID | None]
    interests: Mapped[list[Any]] = column(default=list)
    next_step: Mapped[str | None]
    next_step_date: Mapped[date | None]
    direction: Mapped[str] = column(default="SELL")
    intent_level: Mapped[int | None]
    asset_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    source_code: Mapped[str | None]
    close_time: Mapped[datetime | None]
    lost_reason_code: Mapped[str | None]
    close_remark: Mapped[str | None]
    last_activity_time: Mapped[datetime | None]
    key_events: Mapped[list[Any]] = column(default=list)
    closed_from: Mapped[str | None]

    def check_open(self) -> None:
        """Refuses one that is won or lost."""
        if self.state != OPEN:
            raise OpportunityClosed(state=self.state.lower())

    def check_deletable(self) -> None:
        """Refuses one that is won: value and targets count it."""
        if self.state == WON:
            raise OpportunityClosed(state="won")

    def begin(self, pipeline_code: str, stage: Stage, now: datetime) -> StageChange:
        """Puts a new opportunity into the first stage of its pipeline."""
        self.state, self.pipeline_code = OPEN, pipeline_code
        if self.direction in (None, "DIRECTION_UNSPECIFIED"):
            self.direction = "SELL"
        return self._enter(stage, now, None, None)

    def move(self, stage: Stage, now: datetime, actor_id: UUID | None, reason: str | None) -> StageChange:
        """Comes into another open stage; the caller has judged the gates. Refuses one that is closed."""
        self.check_open()
        return self._enter(stage, now, actor_id, reason)

    def win(self, stage: Stage, now: datetime, actor_id: UUID | None, remark: str | None) -> StageChange:
        """Is won; the caller has judged the gates. Refuses one that is closed."""
        return self._close(WON, stage, now, actor_id, remark)

    def lose(
        self, stage: Stage, now: datetime, actor_id: UUID | None, reason_code: str, remark: str | None
    ) -> StageChange:
        """Is lost, with a reason. Refuses one that is closed."""
        change = self._close(LOST, stage, now, actor_id, remark)
        self.lost_reason_code = reason_code
        return change

    def reopen(self, stage: Stage, now: datetime, actor_id: UUID | None, remark: str) -> StageChange:
        """Is open again in `stage`. Refuses one that is open."""
        if self.state == OPEN:
            raise OpportunityOpen
        self.state, self.close_time, self.lost_reason_code, self.closed_from = OPEN, None, None, None
        self.close_remark = remark
        return self._enter(stage, now, actor_id, remark)

    def note(
        self,
        when: datetime,
        intent_level: int | None,
        key_events: list[str],
        next_step: str | None,
        next_date: date | None,
    ) -> None:
        """Takes over what an activity said: when it was, how keen the customer is, what happened, what comes next."""
        if self.last_activity_time is None or when >= self.last_activity_time:
            self.last_activity_time = when
            self.intent_level = intent_level if intent_level is not None else self.intent_level
            if next_step:
                self.next_step, self.next_step_date = next_step, next_date
        fresh = [event for event in key_events if event not in (self.key_events or [])]
        if fresh:
            self.key_events = [*(self.key_events or []), *fresh]

    def facts(self) -> Facts:
        """What conditions see of it."""
        return {
            "title": self.title,
            "pipeline_code": self.pipeline_code,
            "stage_code": self.stage_code,
            "probability": self.probability,
            "certainty_code": self.certainty_code,
            "expected_amount": _amount(self.expected_amount),
            "reporting_amount": _amount(self.reporting_amount),
            "expected_close_date": self.expected_close_date,
            "next_step": self.next_step,
            "next_step_date": self.next_step_date,
            "intent_level": self.intent_level,
            "direction": self.direction,
            "source_code": self.source_code,
            "customer_id": self.customer_id,
            "owner_id": self.owner_id,
            "unit_id": self.unit_id,
            "lead_id": self.lead_id,
            "campaign_id": self.campaign_id,
            "asset_id": self.asset_id,
            "interests": [interest["product_code"] for interest in self.interests or ()],
            "roles": [party["role"] for party in self.parties or ()],
            "key_events": list(self.key_events or ()),
            "create_time": self.create_time,
            "stage_time": self.stage_time,
            "last_activity_time": self.last_activity_time,
            "custom": dict(self.custom or {}),
        }

    def _close(self, state: str, stage: Stage, now: datetime, actor_id: UUID | None, remark: str | None) -> StageChange:
        self.check_open()
        self.closed_from, self.state, self.close_time, self.close_remark = self.stage_code, state, now, remark
        return self._enter(stage, now, actor_id, remark)

    def _enter(self, stage: Stage, now: datetime, actor_id: UUID | None, reason: str | None) -> StageChange:
        seconds = int((now - self.stage_time).total_seconds()) if self.stage_time is not None else None
        change = StageChange(
            opportunity_id=self.id,
            from_stage_code=self.stage_code,
            to_stage_code=stage.code,
            actor_id=actor_id,
            reason=reason or None,
            occur_time=now,
            seconds_in_stage=None if seconds is None else max(0, seconds),
        )
        self.stage_code, self.stage_time, self.probability = stage.code, now, stage.probability
        return change


def _amount(value: Money | None) -> dict[str, Any]:
    return {} if value is None else {"amount": value.amount, "currency_code": value.currency}
