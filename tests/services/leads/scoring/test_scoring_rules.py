"""Scores are sums of what is shown, fade with time, and make grades."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tercet_conditions import ConditionError, judging_at
from tercet_leads.scoring.facts import LEADS
from tercet_leads.scoring.rules import DEFAULTS, Rule, Thresholds, contributions, faded, grade, total

REFERRED = {"source_kind": "REFERRAL", "mobile_valid": True, "full_name": "王芳", "touch_count": 1}


def test_score_is_the_sum_of_the_contributions() -> None:
    rules = (
        Rule("a", "A", LEADS.condition('source_kind = "REFERRAL"'), 25),
        Rule("b", "B", LEADS.condition("mobile_valid = true"), -5),
    )
    given = contributions(rules, REFERRED, 0)
    assert [(c.rule_code, c.points) for c in given] == [("a", 25), ("b", -5)]
    assert total(given) == 20


def test_rule_that_does_not_hold_gives_nothing() -> None:
    assert contributions((Rule("a", "A", LEADS.condition("touch_count > 1"), 25),), REFERRED, 0) == []


@pytest.mark.parametrize(("days", "points"), [(0, 40), (-3, 40), (30, 20), (60, 10), (365, 0)])
def test_points_halve_with_each_half_life(days: float, points: int) -> None:
    assert faded(40, 30, days) == points


def test_points_without_half_life_stay() -> None:
    assert faded(40, 0, 10_000) == 40


@pytest.mark.parametrize(("score", "letter"), [(80, "A"), (79, "B"), (50, "B"), (20, "C"), (19, "D"), (-100, "D")])
def test_grades_follow_the_thresholds(score: int, letter: str) -> None:
    assert grade(score, Thresholds()) == letter


def test_default_rules_tell_warm_from_cold() -> None:
    cold = {"source_kind": "PURCHASED_LIST", "touch_count": 1}
    assert total(contributions(DEFAULTS, REFERRED, 0)) > total(contributions(DEFAULTS, cold, 0))


def test_condition_in_json_and_in_text_say_the_same() -> None:
    text, tree = LEADS.condition("touch_count >= 2"), LEADS.condition('{"path": "touch_count", "op": ">=", "value": 2}')
    for count in (1, 2, 3):
        assert text.holds({"touch_count": count}) == tree.holds({"touch_count": count})


@pytest.mark.parametrize(
    "text", ["touch_count >", "no_such_field = 1", "touch_count = abc", "{broken", "touch_count : 3"]
)
def test_condition_that_does_not_parse_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a ConditionError, or a ValueError for broken JSON
        LEADS.condition(text)


def test_condition_names_what_it_did_not_understand() -> None:
    with pytest.raises(ConditionError, match="scorre"):
        LEADS.condition("scorre > 1")


def test_now_is_the_time_at_which_is_judged() -> None:
    recent = LEADS.condition("occur_time >= now() - 30d")
    facts = {"occur_time": datetime(2026, 1, 1, tzinfo=UTC)}
    judging_at(datetime(2026, 1, 20, tzinfo=UTC))
    assert recent.holds(facts)
    judging_at(datetime(2026, 3, 1, tzinfo=UTC))
    assert not recent.holds(facts)
