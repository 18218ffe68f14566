"""Queries of the scoring rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_leads.scoring.model import GradeScale, ScoringRule


async def active_rules(tx: Tx) -> Sequence[Any]:
    """The rules in force: code, display_name, condition, points, half_life_days; in the order of their codes."""
    columns = (
        ScoringRule.code,
        ScoringRule.display_name,
        ScoringRule.condition,
        ScoringRule.points,
        ScoringRule.half_life_days,
    )
    return (
        await tx.session.execute(select(*columns).where(ScoringRule.active.is_(True)).order_by(ScoringRule.code))
    ).all()


async def grade_scale(tx: Tx) -> GradeScale | None:
    """The tenant's own thresholds; None while the defaults hold."""
    return (await tx.session.scalars(select(GradeScale))).one_or_none()
