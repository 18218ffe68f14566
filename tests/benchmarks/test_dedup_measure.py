"""The measure of a grouping, against figures worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.dedup_measure import measure

TRUTH = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "3"}


def test_perfect_grouping_has_full_marks() -> None:
    result = measure(TRUTH, TRUTH)
    assert (
        result.precision,
        result.recall,
        result.f1,
        result.bcubed_precision,
        result.bcubed_recall,
        result.exact_entities,
    ) == (1,) * 6


def test_pairs_are_counted_both_ways() -> None:
    result = measure({"a": "x", "b": "x", "c": "y", "d": "y", "e": "z"}, TRUTH)
    assert (result.true_pairs, result.predicted_pairs, result.right_pairs) == (3, 2, 1)
    assert result.precision == 0.5
    assert result.recall == pytest.approx(1 / 3)
    assert result.bcubed_precision == pytest.approx((1 + 1 + 0.5 + 0.5 + 1) / 5)
    assert result.bcubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert result.exact_entities == pytest.approx(1 / 3)


def test_record_without_a_group_stands_alone() -> None:
    result = measure({"a": "x", "b": "x"}, TRUTH)
    assert (result.clusters, result.predicted_pairs, result.right_pairs) == (4, 1, 1)


def test_faults_are_told_by_their_kind() -> None:
    notes = {
        "a": (frozenset({"family:1"}), frozenset({"m_typo"})),
        "d": (frozenset({"family:1"}), frozenset()),
        "b": (frozenset(), frozenset()),
    }
    result = measure({"a": "x", "d": "x", "b": "y", "c": "y", "e": "z"}, TRUTH, notes)
    assert result.false_pairs == {"family": 1}
    assert result.missed_pairs["m_typo"] == (2, 2)


def test_record_the_truth_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the truth"):
        measure({"q": "x"}, TRUTH)
