"""What a transaction earns: every rule whose condition holds gives its points, and the tier multiplies the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from tercet_conditions import Facts, Field, FieldType, Vocabulary, judging_at
from tercet_marketing.loyalty.rules import ZERO, floored

FIELDS: dict[str, Field] = {
    "amount": Field(FieldType.DECIMAL),
    "currency_code": Field(FieldType.TEXT),
    "occur_time": Field(FieldType.INSTANT),
    "unit_id": Field(FieldType.UUID),
    "campaign_id": Field(FieldType.UUID),
    "tier_code": Field(FieldType.TEXT),
    "product_codes": Field(FieldType.LIST),
    # In the member's zone: a double-points day is the 28th, or each Tuesday (1 is Monday).
    **dict.fromkeys(("month", "day", "weekday", "line_count"), Field(FieldType.INTEGER)),
    **dict.fromkeys(("first_purchase", "from_order"), Field(FieldType.BOOLEAN)),
}
TRANSACTIONS = Vocabulary(FIELDS)


@dataclass(frozen=True, slots=True)
class EarnRule:
    """Points for each full `per_amount`, or once a transaction when there is none. `product_codes` narrows the amount
    to these products' lines; `max_points` is the most that one transaction gives by this rule.
    """

    code: str
    condition: str
    points: Decimal
    per_amount: Decimal | None = None
    product_codes: frozenset[str] = frozenset()
    max_points: Decimal | None = None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> EarnRule:
        """A rule as the programme keeps it."""
        return cls(
            code=value["code"],
            condition=value.get("condition", ""),
            points=Decimal(value["points"]),
            per_amount=Decimal(value["per_amount"]) if value.get("per_amount") else None,
            product_codes=frozenset(value.get("product_codes", ())),
            max_points=Decimal(value["max_points"]) if value.get("max_points") else None,
        )


class Line(NamedTuple):
    """A product in a transaction and what was paid for it."""

    product_code: str
    amount: Decimal


class Contribution(NamedTuple):
    """What one rule gave before the tier multiplied it."""

    rule_code: str
    points: Decimal


def contributions(
    rules: Sequence[EarnRule], facts: Facts, lines: Sequence[Line], digits: int, moment: datetime
) -> list[Contribution]:
    """What each rule that holds gives, in the order of the rules; those that give nothing are left out."""
    judging_at(moment)
    given = []
    for rule in rules:
        if not TRANSACTIONS.condition(rule.condition).holds(facts):
            continue
        points = floored(_points(rule, facts["amount"], lines), digits)
        if points > 0:
            given.append(Contribution(rule.code, points))
    return given


def earned(given: Sequence[Contribution], multiplier: Decimal, digits: int) -> Decimal:
    """The points of a transaction: the sum of what the rules gave times the tier's multiplier, rounded down."""
    return floored(sum((one.points for one in given), ZERO) * multiplier, digits)


def _points(rule: EarnRule, amount: Decimal, lines: Sequence[Line]) -> Decimal:
    if rule.product_codes:
        own = [line.amount for line in lines if line.product_code in rule.product_codes]
        if not own:
            return ZERO
        amount = sum(own, ZERO)
    points = rule.points if rule.per_amount is None else (amount // rule.per_amount) * rule.points
    return points if rule.max_points is None else min(points, rule.max_points)
