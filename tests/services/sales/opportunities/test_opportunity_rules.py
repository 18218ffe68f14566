"""Gates, grades of certainty and the day's order."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tercet_chassis.errors import ConditionInvalid
from tercet_conditions import Field, FieldType
from tercet_sales.opportunities.rules import (
    LOST,
    OPEN,
    WON,
    Gate,
    Grade,
    Stage,
    decided,
    missing,
    on_the_way,
    parsed,
    schema,
    verdicts,
)
from tercet_sales.opportunities.rules_priority import Standing, prioritised

NOW, SHANGHAI = datetime(2026, 3, 15, 2, tzinfo=UTC), ZoneInfo("Asia/Shanghai")
AMOUNT = Gate("expected_amount.amount > 0", "填写预计金额")
KEEN = Gate("intent_level >= 3", "确认意向等级")
STAGES = [
    Stage("new", OPEN, 10),
    Stage("offer", OPEN, 20, gates=(AMOUNT,)),
    Stage("talk", OPEN, 30, gates=(KEEN,)),
    Stage("won", WON, 90, gates=(Gate("expected_close_date:*", "填写成交日期"),)),
    Stage("lost", LOST, 99),
]
BY_CODE = {stage.code: stage for stage in STAGES}


def facts(**values: Any) -> dict[str, Any]:
    return {"expected_amount": {}, "custom": {}, **values}


def lacking(current: str, target: str, **values: Any) -> list[str]:
    way = on_the_way(STAGES, current, BY_CODE[target])
    return [violation.message for violation in missing(way, facts(**values), schema(), NOW, SHANGHAI)]


@pytest.mark.parametrize(
    ("current", "target", "way"),
    [
        ("new", "offer", ["offer"]),
        ("new", "talk", ["offer", "talk"]),
        ("talk", "new", []),
        ("offer", "offer", []),
        ("new", "won", ["offer", "talk", "won"]),
        ("talk", "won", ["won"]),
    ],
)
def test_forward_every_stage_on_the_way_is_asked_and_backward_none(current: str, target: str, way: list[str]) -> None:
    assert [stage.code for stage in on_the_way(STAGES, current, BY_CODE[target])] == way


def test_what_is_missing_is_told_gate_by_gate_with_what_is_there() -> None:
    assert lacking("new", "talk", intent_level=2) == [
        "offer: 填写预计金额 (expected amount is missing)",
        "talk: 确认意向等级 (intent level is 2, not at least 3)",
    ]
    assert lacking("new", "talk", intent_level=4, expected_amount={"amount": Decimal(1), "currency_code": "CNY"}) == []


def test_a_gate_names_the_field_to_fill_in() -> None:
    found = missing([BY_CODE["offer"]], facts(), schema(), NOW, SHANGHAI)
    assert [violation.field for violation in found] == ["opportunity.expected_amount.amount"]


def test_conditions_may_speak_of_the_tenants_own_fields() -> None:
    known = schema({"budget": Field(FieldType.DECIMAL)}.get)
    stage = Stage("x", OPEN, 50, gates=(Gate("custom.budget >= 1000", "预算"),))
    assert not missing([stage], facts(custom={"budget": "1000"}), known, NOW, SHANGHAI)
    assert missing([stage], facts(custom={"budget": "999.99"}), known, NOW, SHANGHAI)


@pytest.mark.parametrize("condition", ["expected_amount >", "nothing = 3", "intent_level = high", "custom.unknown = 1"])
def test_a_condition_that_does_not_parse_is_refused_where_it_stands(condition: str) -> None:
    with pytest.raises(ConditionInvalid) as refusal:
        parsed(condition, schema(), "certainty_grade.condition")
    assert refusal.value.violations[0].field == "certainty_grade.condition"


def test_the_highest_grade_that_holds_decides_and_all_are_explained() -> None:
    grades = [
        Grade("C", "低", 10),
        Grade("A", "高", 30, "intent_level >= 4 AND key_events:demo"),
        Grade("B", "中", 20, "intent_level >= 3"),
    ]
    found = verdicts(grades, facts(intent_level=4, key_events=[]), schema(), NOW, SHANGHAI)
    assert [(verdict.grade.code, verdict.holds) for verdict in found] == [("A", False), ("B", True), ("C", True)]
    assert found[0].reasons == ("intent level is 4, at least 4", "key events is , not containing demo")
    grade = decided(found)
    assert grade is not None
    assert grade.code == "B"
    assert decided([]) is None


def test_today_is_counted_in_the_zone_of_the_caller() -> None:
    due = Grade("due", "到期", 1, "expected_close_date <= now()")
    late = datetime(2026, 3, 15, 17, tzinfo=UTC)
    on_the_16th = facts(expected_close_date=date(2026, 3, 16))
    assert verdicts([due], on_the_16th, schema(), late, SHANGHAI)[0].holds
    assert not verdicts([due], on_the_16th, schema(), late, ZoneInfo("UTC"))[0].holds


TODAY = date(2026, 3, 15)
ORDERED = [
    Standing("a", next_step_date=date(2026, 3, 14), certainty_rank=1),
    Standing("b", next_step_date=TODAY),
    Standing("c", expected_close_date=date(2026, 3, 1)),
    Standing("d", expected_close_date=date(2026, 3, 20)),
    Standing("e", certainty_code="H", certainty_rank=30, probability=10),
    Standing("f", certainty_rank=10, probability=75, amount=Decimal(1)),
    Standing("g", certainty_rank=10, probability=50, amount=Decimal(900)),
    Standing("h", certainty_rank=10, probability=50, amount=Decimal(800)),
    Standing("i", certainty_rank=10, probability=50, amount=Decimal(800)),
]


def test_the_days_order_is_always_the_same() -> None:
    for order in itertools.islice(itertools.permutations(ORDERED), 0, 5000, 97):
        assert [item.standing.id for item in prioritised(order, TODAY)] == list("abcdefghi")


def test_every_place_has_its_reasons() -> None:
    reasons = {item.standing.id: item.reasons for item in prioritised(ORDERED, TODAY)}
    assert reasons["a"] == ("next_step_overdue", "quiet")
    assert reasons["d"] == ("closes_soon", "nothing_planned", "quiet")
    assert reasons["e"] == ("certainty:H", "nothing_planned", "quiet")
