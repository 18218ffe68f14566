"""The statistics against figures that were published with their methods."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from tercet_marketing.effect.rules import (
    Group,
    MoneyBounds,
    Sample,
    mean_difference,
    needed,
    share,
    share_difference,
    t_quantile,
    told,
    told_of_revenue,
)


def sample(values: Iterable[str]) -> Sample:
    figures = [Decimal(value) for value in values]
    return Sample(len(figures), sum(figures, Decimal(0)), sum((each * each for each in figures), Decimal(0)))


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (17.776, 2.1028), (30, 2.042), (120, 1.980)],
)
def test_students_quantiles_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=0.0005)


def test_students_quantile_nears_that_of_the_normal_distribution() -> None:
    assert t_quantile(1e6) == pytest.approx(1.959966, abs=1e-6)


# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("converted", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(converted: int, count: int, low: float, high: float) -> None:
    assert share(converted, count) == pytest.approx((low, high), abs=0.00005)


def test_a_share_of_all_ends_at_one() -> None:
    assert share(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=0.00005)


# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_of_shares_is_newcombes(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert share_difference(*counts) == pytest.approx((low, high), abs=0.00005)


def test_the_interval_of_a_difference_of_means_is_welchs() -> None:
    # Student's example of 1908, hours of sleep gained by two drugs; R's manual of t.test prints the interval.
    one = sample(("0.7", "-1.6", "-0.2", "-1.2", "-0.1", "3.4", "3.7", "0.8", "0.0", "2.0"))
    other = sample(("1.9", "0.8", "1.1", "0.1", "-0.1", "4.4", "5.5", "1.6", "4.6", "3.4"))
    low, high = mean_difference(one, other)
    assert (float(low), float(high)) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_groups_without_spread_differ_by_their_means() -> None:
    low, high = mean_difference(sample(["5"] * 3), sample(["2"] * 9))
    assert low == high == 3


def test_the_size_that_is_needed_is_that_of_the_textbooks() -> None:
    # 20 % against 30 %, 5 % two-sided, 80 % power, without pooling: 291 each.
    assert needed(0.3, 0.2) == 291


@pytest.mark.parametrize(
    ("bounds", "held_out", "end"),
    [
        (
            MoneyBounds(Decimal("1.004"), Decimal("5")),
            30,
            "5.00 CNY more than one held out, with 95 % between 1.00 and",
        ),
        (MoneyBounds(Decimal("1"), Decimal("5")), 30, "this is no chance."),
        (MoneyBounds(Decimal("1"), Decimal("5")), 29, "this may be chance."),
        (MoneyBounds(Decimal("-1"), Decimal("5")), 30, "this may be chance."),
    ],
)
def test_revenue_is_said_in_words(bounds: MoneyBounds, held_out: int, end: str) -> None:
    assert end in told_of_revenue("CNY", Decimal("5"), bounds, 300, held_out, 2)


@pytest.mark.parametrize(
    ("treated", "held_out", "words"),
    [
        (Group(100, 0, 9), Group(), "Nobody was held out"),
        (Group(), Group(40), "Nobody was reached yet"),
        (Group(100, 0, 9), Group(12), "Only 12 customers were held out"),
        (Group(100, 3, 9), Group(40, 2), "For 5 of them the days"),
        (Group(900, 0, 270), Group(100, 0, 10), "more than chance explains"),
        (Group(900, 0, 90), Group(100, 0, 30), "fewer than chance explains"),
        (Group(100, 0, 30), Group(50, 0, 10), "about 291 customers are needed in each group"),
    ],
)
def test_what_can_be_said_is_said_in_words(treated: Group, held_out: Group, words: str) -> None:
    said = " ".join(told(treated, held_out))
    assert f"{held_out.count} customers were held out, {treated.count} were not." in said
    assert words in said
