"""Value figures: exact, additive over identities, equal to counting by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money
from tercet_sales.value import rules
from tercet_sales.value.rules import NOTHING, Fact, Figures, Thresholds

START = datetime(2026, 1, 1, tzinfo=UTC)


def facts_of(sales: list[tuple[int, int, list[int]]]) -> list[Fact]:
    facts = []
    for day, cents, returns in sales:
        sale, when = uuid4(), START + timedelta(days=day)
        facts.append(Fact(sale, when, Decimal(cents) / 100))
        facts += [Fact(sale, when, -Decimal(part) / 100) for part in returns]
    return facts


any_sales = st.lists(
    st.tuples(st.integers(0, 364), st.integers(0, 99999), st.lists(st.integers(0, 40000), max_size=3)), max_size=12
)


@settings(max_examples=200, deadline=None)
@given(any_sales, st.randoms(use_true_random=False))
def test_figures_equal_counting_by_hand_in_any_order(sales: list[tuple[int, int, list[int]]], random: object) -> None:
    facts = facts_of(sales)
    random.shuffle(facts)  # type: ignore[attr-defined]
    figures = rules.figures_of(facts)
    kept = [(day, cents - sum(returns)) for day, cents, returns in sales if cents > sum(returns)]
    assert figures.count == len(kept)
    assert figures.total * 100 == sum(cents for _, cents in kept)
    average, interval = figures.average("CNY"), figures.interval_days()
    if not kept:
        assert (average, interval, figures.first_time, figures.last_time) == (None, None, None, None)
        return
    assert average is not None
    assert abs(Fraction(average.amount) - Fraction(sum(cents for _, cents in kept), 100 * len(kept))) <= Fraction(
        1, 200
    )
    days = [day for day, _ in kept]
    if len(kept) > 1:
        assert interval is not None
        assert abs(Fraction(interval) - Fraction(max(days) - min(days), len(kept) - 1)) <= Fraction(1, 200)
    else:
        assert interval is None


@settings(max_examples=100, deadline=None)
@given(any_sales, any_sales)
def test_figures_of_two_identities_add_up(
    one: list[tuple[int, int, list[int]]], two: list[tuple[int, int, list[int]]]
) -> None:
    first, second = facts_of(one), facts_of(two)
    assert rules.figures_of(first) + rules.figures_of(second) == rules.figures_of(first + second)


def test_quadrants_at_their_thresholds() -> None:
    def figures(count: int, total: str) -> Figures:
        return Figures(count, Decimal(total), START, START)

    limits = Thresholds(Decimal(100), Decimal(3))
    assert rules.quadrant(figures(3, "300"), "CNY", limits) == "CORE"
    assert rules.quadrant(figures(2, "200"), "CNY", limits) == "BIG_TICKET"
    assert rules.quadrant(figures(3, "299.97"), "CNY", limits) == "FREQUENT"
    assert rules.quadrant(figures(2, "199.98"), "CNY", limits) == "OCCASIONAL"
    assert rules.quadrant(NOTHING, "CNY", limits) is None
    assert rules.quadrant(figures(2, "200"), "CNY", None) is None


def test_twenty_percent_are_high_at_a_quantile_of_eighty() -> None:
    values = [Decimal(number) for number in range(1, 11)]
    limit = rules.quantile(values, Decimal("0.8"))
    assert limit == 9
    assert sum(value >= limit for value in values) == 2
    assert rules.quantile(values, Decimal(1)) == 10
    assert rules.quantile(values, Decimal(0)) == 1
    with pytest.raises(ValueError, match="needs values"):
        rules.quantile([], Decimal("0.5"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1), st.decimals(0, 1, places=3))
def test_at_least_the_share_lies_below_or_at_the_quantile(numbers: list[int], share: Decimal) -> None:
    values = [Decimal(number) for number in numbers]
    limit = rules.quantile(values, share)
    assert sum(value < limit for value in values) <= share * len(values)
    assert sum(value <= limit for value in values) >= share * len(values)


def test_parties_without_a_sale_do_not_move_thresholds() -> None:
    bought = Figures(2, Decimal(50), START, START)
    found = rules.quantile_thresholds([NOTHING, bought, NOTHING], "CNY", Decimal("0.8"), Decimal("0.8"))
    assert found == Thresholds(Decimal(25), Decimal(2))
    assert rules.quantile_thresholds([NOTHING], "CNY", Decimal("0.8"), Decimal("0.8")) is None
    assert bought.average("JPY") == Money.of(25, "JPY")


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        ("MONTH", date(2024, 2, 29), (date(2024, 2, 1), date(2024, 2, 29))),
        ("MONTH", date(2026, 12, 5), (date(2026, 12, 1), date(2026, 12, 31))),
        ("QUARTER", date(2026, 12, 31), (date(2026, 10, 1), date(2026, 12, 31))),
        ("QUARTER", date(2026, 5, 1), (date(2026, 4, 1), date(2026, 6, 30))),
        ("YEAR", date(2026, 7, 7), (date(2026, 1, 1), date(2026, 12, 31))),
        ("QUARTER", date.max, (date(9999, 10, 1), date.max)),
    ],
)
def test_periods_of_the_calendar(kind: str, day: date, expected: tuple[date, date]) -> None:
    assert rules.period_of(day, kind) == expected


def test_a_period_begins_at_midnight_in_its_zone_also_when_clocks_change() -> None:
    begin, end = rules.instants(date(2026, 3, 1), date(2026, 3, 31), "Europe/Berlin")
    assert (begin, end) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert rules.day_in(datetime(2025, 12, 31, 16, tzinfo=UTC), "Asia/Shanghai") == date(2026, 1, 1)


def test_sale_ids_are_kept_apart() -> None:
    one, two = UUID(int=1), UUID(int=2)
    figures = rules.figures_of(
        [Fact(one, START, Decimal(5)), Fact(two, START, Decimal(5)), Fact(one, START, Decimal(-5))]
    )
    assert (figures.count, figures.total) == (1, Decimal(5))
