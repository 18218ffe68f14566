"""Gates between stages and grades of certainty: conditions on an opportunity, judged and explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tercet_chassis.errors import ConditionInvalid, Violation
from tercet_conditions import (
    Clock,
    ConditionError,
    Explanation,
    Field,
    FieldType,
    Node,
    Schema,
    explain,
    parse_text,
    paths,
)

OPEN, WON, LOST = "OPEN", "WON", "LOST"
Facts = Mapping[str, Any]
Hidden = frozenset[str]
CustomField = Callable[[str], Field | None]

_FIELDS = {
    "title": Field(FieldType.TEXT),
    "pipeline_code": Field(FieldType.TEXT),
    "stage_code": Field(FieldType.TEXT),
    "probability": Field(FieldType.INTEGER),
    "certainty_code": Field(FieldType.TEXT),
    "expected_amount.amount": Field(FieldType.MONEY, label="expected amount"),
    "expected_amount.currency_code": Field(FieldType.TEXT, label="currency"),
    "reporting_amount.amount": Field(FieldType.MONEY, label="amount in reporting currency"),
    "expected_close_date": Field(FieldType.DATE, label="expected close date"),
    "next_step": Field(FieldType.TEXT, label="next step"),
    "next_step_date": Field(FieldType.DATE, label="date of the next step"),
    "intent_level": Field(FieldType.INTEGER, label="intent level"),
    "direction": Field(FieldType.ENUM, values=("SELL", "BUY")),
    "source_code": Field(FieldType.TEXT),
    "customer_id": Field(FieldType.UUID),
    "owner_id": Field(FieldType.UUID),
    "unit_id": Field(FieldType.UUID),
    "lead_id": Field(FieldType.UUID),
    "campaign_id": Field(FieldType.UUID),
    "asset_id": Field(FieldType.UUID),
    "interests": Field(FieldType.LIST),
    "roles": Field(FieldType.LIST),
    "key_events": Field(FieldType.LIST, label="key events"),
    "create_time": Field(FieldType.INSTANT),
    "stage_time": Field(FieldType.INSTANT),
    "last_activity_time": Field(FieldType.INSTANT, label="last activity"),
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that must hold, and what to tell the seller when it does not."""

    condition: str
    message: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the rules see it."""

    code: str
    category: str
    position: int
    probability: int = 0
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade of certainty as the rules see it."""

    code: str
    name: str
    rank: int
    condition: str = ""


@dataclass(frozen=True, slots=True)
class GradeVerdict:
    """What became of one grade, and why."""

    grade: Grade
    holds: bool
    reasons: tuple[str, ...]


STANDARD_STAGES: Sequence[tuple[Stage, str]] = (
    (Stage("new", OPEN, 10, 10), "新商机 New"),
    (Stage("qualified", OPEN, 20, 25), "已确认 Qualified"),
    (Stage("proposal", OPEN, 30, 50), "方案报价 Proposal"),
    (Stage("negotiation", OPEN, 40, 75), "谈判 Negotiation"),
    (Stage("won", WON, 90, 100), "赢单 Won"),
    (Stage("lost", LOST, 99, 0), "输单 Lost"),
)


def schema(custom: CustomField | None = None) -> Schema:
    """What conditions on an opportunity may speak of."""
    return Schema(_FIELDS, custom=custom)


def parsed(condition: str, known: Schema, field: str) -> Node:
    """The condition as a tree. Refuses one that does not parse, naming the field it stands in."""
    try:
        return parse_text(condition, known)
    except ConditionError as wrong:
        raise ConditionInvalid.at(field, wrong) from wrong


def judged(condition: str, facts: Facts, known: Schema, now: datetime, zone: ZoneInfo) -> tuple[Explanation, Node]:
    """Whether a condition holds of an opportunity and why."""
    tree = parsed(condition, known, "condition")
    return explain(tree, facts, known, clock=Clock(lambda: now, zone)), tree


def order_of(stages: Iterable[Stage]) -> list[Stage]:
    """Open stages in their order, then the others."""
    return sorted(stages, key=lambda stage: (stage.category != OPEN, stage.position, stage.code))


def on_the_way(stages: Iterable[Stage], current: str, target: Stage) -> list[Stage]:
    """The stages whose gates must hold on the way from one to another: every open one passed, and the target.

    None on the way back.
    """
    ordered = order_of(stages)
    here = next(stage for stage in ordered if stage.code == current)
    if target.category == OPEN and (target.position, target.code) <= (here.position, here.code):
        return []
    ahead = [
        stage
        for stage in ordered
        if stage.category == OPEN and (stage.position, stage.code) > (here.position, here.code)
    ]
    if target.category != OPEN:
        return [*ahead, target]
    return [stage for stage in ahead if (stage.position, stage.code) <= (target.position, target.code)]


def missing(
    stages: Iterable[Stage], facts: Facts, known: Schema, now: datetime, zone: ZoneInfo, hidden: Hidden = frozenset()
) -> list[Violation]:
    """Every gate of these stages that does not hold: the field it looks at first, and what to do."""
    found = []
    for stage in stages:
        for gate in stage.gates:
            explanation, tree = judged(gate.condition, facts, known, now, zone)
            if not explanation.holds:
                named = sorted(paths(tree))
                where = f"opportunity.{named[0]}" if named else "opportunity"
                why = "; ".join(leaf.told(hidden) for leaf in explanation.decisive)
                found.append(Violation(where, "GATE_NOT_MET", f"{stage.code}: {gate.message} ({why})"))
    return found


def verdicts(
    grades: Iterable[Grade], facts: Facts, known: Schema, now: datetime, zone: ZoneInfo, hidden: Hidden = frozenset()
) -> list[GradeVerdict]:
    """Every grade, highest first, with whether its condition holds and why."""
    result = []
    for grade in sorted(grades, key=lambda item: (-item.rank, item.code)):
        if not grade.condition.strip():
            result.append(GradeVerdict(grade, True, ("it has no condition",)))
            continue
        explanation, _ = judged(grade.condition, facts, known, now, zone)
        result.append(GradeVerdict(grade, explanation.holds, tuple(leaf.told(hidden) for leaf in explanation.leaves)))
    return result


def decided(found: Iterable[GradeVerdict]) -> Grade | None:
    """The highest grade that holds."""
    return next((verdict.grade for verdict in found if verdict.holds), None)
