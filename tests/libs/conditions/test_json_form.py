"""The JSON form: what it means, what it refuses and where."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.conditions import SCHEMA, SEARCHABLE, TREES
from tercet_conditions import (
    And,
    Compare,
    ConditionError,
    Node,
    Not,
    Now,
    Op,
    Or,
    Problem,
    Reason,
    Search,
    Unit,
    json_schema,
    parse_json,
    to_json,
)

VALIDATOR = jsonschema_rs.validator_for(json_schema(SEARCHABLE))
SCORE = Compare("score", Op.GE, 60)
SCORE_JSON = {"path": "score", "op": ">=", "value": 60}


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        ({"all": []}, And()),
        (SCORE_JSON, SCORE),
        ({"path": "score", "value": "60"}, Compare("score", Op.EQ, 60)),
        ({"path": "score", "value": 60.0}, Compare("score", Op.EQ, 60)),
        ({"path": "amount", "op": "<", "value": "12.30"}, Compare("amount", Op.LT, Decimal("12.3"))),
        ({"path": "amount", "op": "<", "value": 0.1}, Compare("amount", Op.LT, Decimal("0.1"))),
        ({"all": [SCORE_JSON, {"not": SCORE_JSON}]}, And((SCORE, Not(SCORE)))),
        ({"any": [SCORE_JSON]}, Or((SCORE,))),
        ({"path": "state", "op": "in", "value": ["NEW", "WON"]}, Compare("state", Op.IN, ("NEW", "WON"))),
        ({"path": "name", "op": "exists"}, Compare("name", Op.EXISTS)),
        ({"path": "name", "op": "missing"}, Not(Compare("name", Op.EXISTS))),
        ({"path": "name", "value": "a*"}, Compare("name", Op.EQ, "a*")),
        (
            {"path": "create_time", "op": ">", "value": {"now": "-30d"}},
            Compare("create_time", Op.GT, Now(-30, Unit.DAY)),
        ),
        ({"search": "尚祈"}, Search("尚祈")),
    ],
)
def test_a_condition_means(value: Any, tree: Node) -> None:
    assert parse_json(value, SEARCHABLE) == tree
    assert VALIDATOR.is_valid(value)


@pytest.mark.parametrize(
    ("value", "reason", "pointer", "remedy"),
    [
        (None, Reason.BAD_SHAPE, "", "an object"),
        ([], Reason.BAD_SHAPE, "", "an object"),
        ({}, Reason.UNKNOWN_NODE, "", "write"),
        ({"performed": {}}, Reason.UNKNOWN_NODE, "", "performed"),
        ({"all": [], "any": []}, Reason.UNKNOWN_NODE, "", "all, any"),
        ({"any": []}, Reason.BAD_SHAPE, "/any", "add one"),
        ({"all": [{"all": []}]}, Reason.BAD_SHAPE, "/all/0/all", "add one"),
        ({"all": {}}, Reason.BAD_SHAPE, "/all", "a list"),
        ({"path": 7, "value": 1}, Reason.BAD_SHAPE, "/path", "string"),
        ({"path": "score", "value": 1, "label": "x"}, Reason.BAD_SHAPE, "", "'label'"),
        ({"path": "score", "op": "~", "value": 1}, Reason.WRONG_OPERATOR, "/op", "missing"),
        ({"path": "score", "op": ["="], "value": 1}, Reason.WRONG_OPERATOR, "/op", "="),
        ({"path": "score"}, Reason.BAD_SHAPE, "", "add value"),
        ({"path": "score", "op": "exists", "value": 1}, Reason.BAD_SHAPE, "", "remove it"),
        ({"path": "score", "value": True}, Reason.WRONG_VALUE, "/value", "number"),
        ({"path": "score", "value": None}, Reason.WRONG_VALUE, "/value", "number"),
        ({"path": "score", "value": float("nan")}, Reason.WRONG_VALUE, "/value", "number"),
        ({"path": "rate", "value": 10**5000}, Reason.WRONG_VALUE, "/value", "38 digits"),
        ({"path": "name", "value": 5}, Reason.WRONG_VALUE, "/value", "a string"),
        ({"path": "name", "value": "x" * 1001}, Reason.WRONG_VALUE, "/value", "1000 characters"),
        ({"path": "name", "op": ":", "value": ""}, Reason.WRONG_VALUE, "/value", "exists"),
        ({"path": "active", "value": 1}, Reason.WRONG_VALUE, "/value", "true or false"),
        ({"path": "name", "value": {"now": "-1d"}}, Reason.WRONG_VALUE, "/value", "now is a time"),
        ({"path": "create_time", "op": ">", "value": {"now": "soon"}}, Reason.WRONG_VALUE, "/value", "-30d"),
        ({"path": "state", "op": "in", "value": "NEW"}, Reason.WRONG_VALUE, "/value", "list"),
        ({"path": "state", "op": "in", "value": []}, Reason.WRONG_VALUE, "/path", "list a value"),
        ({"path": "state", "op": "in", "value": ["NEW", "OLD"]}, Reason.WRONG_VALUE, "/value/1", "NEW, OPEN, WON"),
        ({"path": "name", "op": "in", "value": ["x"] * 1001}, Reason.TOO_MANY_TERMS, "/path", "1000 values"),
        ({"path": "scor", "value": 1}, Reason.UNKNOWN_PATH, "/path", "did you mean score?"),
        ({"path": "phone", "value": "1"}, Reason.NOT_FILTERABLE, "/path", "masked"),
        ({"search": "尚祈"}, Reason.SEARCH_NOT_ALLOWED, "/search", "compare"),
        ({"all": [SCORE_JSON] * 101}, Reason.TOO_MANY_TERMS, "/all/100/path", "100 terms"),
    ],
)
def test_a_refusal_says_reason_place_and_remedy(value: Any, reason: Reason, pointer: str, remedy: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_json(value, SCHEMA)
    assert (refused.value.reason, refused.value.position) == (reason, pointer)
    assert remedy in str(refused.value)


def test_nesting_is_limited() -> None:
    value: Any = SCORE_JSON
    for _ in range(15):
        value = {"not": value}
    parse_json(value, SCHEMA)
    for _ in range(5000):
        value = {"not": value}
    with pytest.raises(ConditionError, match="16 levels"):
        parse_json(value, SCHEMA)


def test_all_faults_of_a_condition_are_told_at_once() -> None:
    faults = [{"path": "none", "value": 1}, {"not": {"path": "score", "op": "like", "value": 1}}, 7]
    with pytest.raises(ConditionError) as refused:
        parse_json({"any": [SCORE_JSON, *faults]}, SCHEMA)
    assert [problem.position for problem in refused.value.problems] == ["/any/1/path", "/any/2/not/op", "/any/3"]


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_a_tree_written_as_json_reads_back_as_itself(tree: Node) -> None:
    written = to_json(tree)
    assert parse_json(json.loads(json.dumps(written)), SCHEMA) == tree
    assert to_json(parse_json(written, SCHEMA)) == written
    assert VALIDATOR.is_valid(written)


_keys = st.sampled_from(
    ["all", "any", "not", "path", "op", "value", "search", "now", "score", "name", "in", ">=", "~/"]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | _keys
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(_anything)
def test_any_json_is_read_or_refused(value: Any) -> None:
    problems, tree = outcome(value)
    assert bool(problems) is (tree is None)
    if tree is not None:
        assert parse_json(to_json(tree), SEARCHABLE) == tree


def outcome(value: Any) -> tuple[tuple[Problem, ...], Node | None]:
    try:
        return (), parse_json(value, SEARCHABLE)
    except ConditionError as refused:
        return refused.problems, None
