"""Scoring rules and the grade scale as rows."""

from __future__ import annotations

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_leads.scoring.errors import GradeScaleInvalid


class ScoringRule(Entity):
    """Points that a lead gets while a condition holds."""

    __tablename__ = "scoring_rules"
    __table_args__ = (unique("scoring_rules_by_code", "code", field="scoring_rule.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    condition: Mapped[str]
    points: Mapped[int] = column(default=0)
    half_life_days: Mapped[int] = column(default=0)
    active: Mapped[bool] = column(default=True)


class GradeScale(Entity):
    """The tenant's own thresholds; one row, made when they are first set."""

    __tablename__ = "grade_scales"
    __table_args__ = (unique("grade_scales_once", "name"),)

    name: Mapped[str] = column(default="grade")
    a_from: Mapped[int]
    b_from: Mapped[int]
    c_from: Mapped[int]

    def check(self) -> None:
        """Refuses scores that do not fall from A to C."""
        if not self.a_from > self.b_from > self.c_from:
            raise GradeScaleInvalid()
