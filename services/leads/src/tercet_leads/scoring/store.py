"""Queries of the scoring rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.custom_fields import condition_field, definitions
from tercet_chassis.entity import Entity
from tercet_chassis.errors import Violation
from tercet_conditions import ConditionError, Field
from tercet_leads.scoring.errors import ConditionNotUnderstood
from tercet_leads.scoring.facts import Condition, condition
from tercet_leads.scoring.model import GradeScale, ScoringRule


class _Leads:
    # Definitions of custom fields are kept by table; the lead itself stands above this slice.
    __tablename__ = "leads"


async def custom_paths(tx: Tx) -> Mapping[str, Field]:
    """The tenant's own fields of a lead as conditions see them."""
    known = await definitions(tx, cast(type[Entity], _Leads))
    return {key: condition_field(definition, frozenset()) for key, definition in known.items()}


async def understood(tx: Tx, text: str, field: str) -> Condition:
    """The condition of a rule that is being saved. Refuses one that does not parse, with every fault at `field`."""
    custom = await custom_paths(tx) if "custom." in text else {}
    try:
        return condition(text, custom)
    except ConditionError as wrong:
        violations = [Violation(field, str(problem.reason), str(problem)) for problem in wrong.problems]
        raise ConditionNotUnderstood(detail=str(wrong), violations=violations) from wrong
    except ValueError as wrong:
        raise ConditionNotUnderstood(detail=str(wrong), violations=[Violation(field, "SYNTAX", str(wrong))]) from wrong


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
