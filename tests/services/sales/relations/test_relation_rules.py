"""Periods, overlaps and circles of relations."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_chassis.ids import new_id
from tercet_sales.relations.rules import Edge, KindRules, Period, circle, overlapping

A, B, C, D = (new_id() for _ in range(4))
PLAIN, EXCLUSIVE = KindRules("dealer_of"), KindRules("store_of", exclusive=True, hierarchical=True)
days = st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2026, 1, 20)))


def edge(start: UUID, end: UUID, first: str | None = None, last: str | None = None) -> Edge:
    period = Period(date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)
    return Edge(new_id(), start, end, period)


@given(days, days, days, days)
def test_two_periods_meet_exactly_when_some_day_lies_in_both(
    a: date | None, b: date | None, c: date | None, d: date | None
) -> None:
    one, other = Period(a, b), Period(c, d)
    shared = any(
        one.holds_on(day) and other.holds_on(day)
        for day in (date(2026, 1, 1), *(x for x in (a, b, c, d) if x), date(2025, 1, 1), date(2027, 1, 1))
    )
    assert (one.meets(other) is not None) == shared


@pytest.mark.parametrize(
    ("first", "last", "meets"),
    [("2026-02-01", None, False), ("2026-01-31", None, True), (None, "2025-12-31", False), (None, None, True)],
)
def test_the_same_relation_may_follow_but_not_overlap(first: str | None, last: str | None, meets: bool) -> None:
    there = edge(A, B, "2026-01-01", "2026-01-31")
    assert (overlapping(PLAIN, edge(A, B, first, last), [there]) is there) == meets


def test_a_dealer_may_have_two_manufacturers_but_a_store_only_one_dealer() -> None:
    assert overlapping(PLAIN, edge(A, C), [edge(A, B)]) is None
    assert overlapping(EXCLUSIVE, edge(A, C), [edge(A, B)]) is not None
    assert overlapping(EXCLUSIVE, edge(C, B), [edge(A, B)]) is None


def test_a_relation_does_not_overlap_itself() -> None:
    there = edge(A, B)
    assert overlapping(PLAIN, there, [there]) is None


def test_a_hierarchy_that_closes_on_itself_is_seen_with_its_way() -> None:
    assert circle(edge(C, A), [edge(A, B), edge(B, C)]) == (C, A, B, C)
    assert circle(edge(A, D), [edge(A, B), edge(B, C)]) is None


def test_a_circle_needs_one_day_on_which_all_of_it_holds() -> None:
    old, new = edge(A, B, last="2026-01-31"), edge(B, A, first="2026-02-01")
    assert circle(new, [old]) is None
    assert circle(edge(B, A, first="2026-01-31"), [old]) == (B, A, B)
    assert circle(edge(C, A, first="2026-03-01"), [old, edge(B, C)]) is None


def test_a_way_that_ended_does_not_hide_one_that_holds() -> None:
    others = [edge(A, B, last="2025-12-31"), edge(A, D, first="2026-01-01"), edge(D, B), edge(B, C)]
    assert circle(edge(C, A, first="2026-06-01"), others) == (C, A, D, B, C)
