"""Returns and credit: pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money
from tercet_sales.orders import rules


def row(number: int, quantity: str, total: str, **more: Any) -> dict[str, Any]:
    return {
        "line_no": number,
        "product_code": "A",
        "quantity": quantity,
        "total": {"currency_code": "CNY", "amount": total},
        **more,
    }


def test_all_faults_of_a_return_come_together() -> None:
    plan = rules.plan_return([row(1, "2", "10.00")], [(1, "3"), (2, "1"), (1, "x")], "CNY")
    assert plan.returned is None
    assert [(fault.field, fault.reason) for fault in plan.faults] == [
        ("returns[0].quantity", "RETURN_EXCEEDS_LINE"),
        ("returns[1].line_no", "LINE_UNKNOWN"),
        ("returns[2].quantity", "QUANTITY_INVALID"),
    ]


def test_the_same_line_twice_in_one_return_is_counted_together() -> None:
    plan = rules.plan_return([row(1, "2", "10.00")], [(1, "1"), (1, "1.5")], "CNY")
    assert [fault.reason for fault in plan.faults] == ["RETURN_EXCEEDS_LINE"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=8),
    st.decimals(min_value=0, max_value=9999, places=2),
)
def test_pieces_returned_one_by_one_add_up_to_the_line(pieces: list[int], total: Decimal) -> None:
    lines = [row(1, str(sum(pieces)), f"{total:f}")]
    given_back = Money.zero("CNY")
    for piece in pieces:
        plan = rules.plan_return(lines, [(1, str(piece))], "CNY")
        assert plan.returned is not None
        assert plan.returned.amount.amount >= 0
        lines, given_back = plan.returned.lines, given_back + plan.returned.amount
    assert given_back == Money(total, "CNY")


def test_credit_holds_up_to_the_limit() -> None:
    limit, owed = Money.of("100", "CNY"), Money.of("60", "CNY")
    assert not rules.credit_faults(limit, owed, Money.of("40", "CNY"))
    assert [fault.reason for fault in rules.credit_faults(limit, owed, Money.of("40.01", "CNY"))] == ["CREDIT_EXCEEDED"]
