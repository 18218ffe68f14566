"""Scores: every rule that holds contributes its points, halved for each half-life that passed without a touch; the
score is the sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tercet_conditions import Condition, Facts
from tercet_leads.scoring.facts import LEADS


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for a condition. `half_life_days` 0 means that they do not fade."""

    code: str
    display_name: str
    condition: Condition
    points: int
    half_life_days: int = 0


class Contribution(NamedTuple):
    """What one rule gave."""

    rule_code: str
    display_name: str
    points: int


class Thresholds(NamedTuple):
    """Scores from which a lead is A, B or C; below it is D."""

    a: int = 80
    b: int = 50
    c: int = 20


def faded(points: int, half_life_days: int, days: float) -> int:
    """The points left after so many days, rounded to whole ones towards zero at .5 and below."""
    if not half_life_days or days <= 0:
        return points
    return round(points * math.pow(0.5, days / half_life_days))


def contributions(rules: Sequence[Rule], facts: Facts, days_since_touch: float) -> list[Contribution]:
    """What each rule that holds gives, in the order of the rules; those that faded to nothing are left out."""
    given = []
    for rule in rules:
        if rule.condition.holds(facts):
            points = faded(rule.points, rule.half_life_days, days_since_touch)
            if points:
                given.append(Contribution(rule.code, rule.display_name, points))
    return given


def total(given: Sequence[Contribution]) -> int:
    """The score: nothing but the sum of what is shown."""
    return sum(contribution.points for contribution in given)


def grade(score: int, thresholds: Thresholds) -> str:
    """A, B, C or D."""
    if score >= thresholds.a:
        return "A"
    if score >= thresholds.b:
        return "B"
    return "C" if score >= thresholds.c else "D"


def _default(code: str, name: str, text: str, points: int, half_life_days: int = 0) -> Rule:
    return Rule(f"default-{code}", name, LEADS.condition(text), points, half_life_days)


# In force until a tenant has a rule of its own.
DEFAULTS: tuple[Rule, ...] = (
    _default("mobile", "可用手机号 Mobile number that works", "mobile_valid = true", 20),
    _default("email", "可用邮箱 E-mail address that works", "email_valid = true", 10),
    _default("name", "姓名 Name known", "full_name:*", 5),
    _default("company", "公司 Company known", "company_name:*", 15),
    _default("identified", "证照 Licence or identity number checks out", "identified = true", 15),
    _default("region", "地区 Region known", "city:*", 5),
    _default("again", "多次来访 Came more than once", "touch_count > 1", 15),
    _default(
        "warm",
        "主动来访 Came by itself",
        "source_kind = (REFERRAL OR OFFLINE_EVENT OR INBOUND_CALL OR STORE OR WEBSITE)",
        20,
        90,
    ),
    _default("cold", "名单 From a bought list", 'source_kind = "PURCHASED_LIST"', -15),
    _default("customer", "老客户 Known customer", "existing_customer = true", 15),
)
