"""What covers what: patterns and reaches, proven on random ones against a model that tries every permission."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_gateway.roles.rules import Holding, beyond, narrowed, pattern_covers, pattern_meet, permits

_WORDS = ("leads", "sales", "read", "update", "lead")
_PERMISSIONS = [".".join(parts) for parts in product(_WORDS, repeat=3)]
_patterns = st.lists(st.sampled_from(("*", *_WORDS)), min_size=1, max_size=3).map(".".join)


def _matched(pattern: str) -> set[str]:
    return {permission for permission in _PERMISSIONS if pattern_covers(pattern, permission)}


@given(_patterns, _patterns)
def test_a_pattern_covers_another_exactly_when_it_matches_all_of_it(one: str, other: str) -> None:
    assert pattern_covers(one, other) == (_matched(other) <= _matched(one))


@given(_patterns, _patterns)
def test_the_meet_of_two_patterns_matches_what_both_match(one: str, other: str) -> None:
    met = pattern_meet(one, other)
    assert (_matched(met) if met else set()) == _matched(one) & _matched(other)


@given(
    st.lists(st.tuples(_patterns, st.sampled_from(("own", "unit", "all"))), max_size=4),
    st.lists(_patterns, min_size=1, max_size=3),
)
def test_narrowing_gives_no_permission_that_was_not_held(grants: list[tuple[str, str]], scopes: list[str]) -> None:
    assert beyond(grants, narrowed(grants, scopes)) == []
    for permission in _PERMISSIONS:
        asked = any(pattern_covers(scope, permission) for scope in scopes)
        assert permits(narrowed(grants, scopes), permission) == (asked and permits(grants, permission))


@pytest.mark.parametrize(
    ("held", "wanted", "unit", "allowed"),
    [
        ("all", "all", "outside", True),
        ("unit", "all", "same", False),
        ("unit", "unit", "same", True),
        ("unit", "unit", "below", False),
        ("unit", "unit_below", "same", False),
        ("unit_below", "unit", "below", True),
        ("unit_below", "unit_below", "below", True),
        ("unit_below", "unit_below", "outside", False),
        ("own", "own", "outside", True),
        ("own", "unit", "same", False),
        ("partner", "partner", "same", True),
        ("shared", "shared", "same", True),
        ("shared", "partner", "same", False),
    ],
)
def test_nobody_gives_a_reach_beyond_their_own(held: str, wanted: str, unit: str, allowed: bool) -> None:
    holding = Holding(unit=unit)  # type: ignore[arg-type]
    assert (beyond([("leads.*", held)], [("leads.lead.read", wanted)], holding) == []) is allowed


def test_another_partner_s_records_are_not_given() -> None:
    assert beyond([("leads.*", "partner")], [("leads.*", "partner")], Holding(same_partner=False))
