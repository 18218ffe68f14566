"""A slice's own kind of node goes through the whole library without an edit to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func

from support.conditions import CLOCK, RECORDS, SAMPLES, SCHEMA, resolve
from tercet_conditions import (
    And,
    Check,
    Clock,
    Compare,
    ConditionError,
    Field,
    FieldType,
    Getter,
    Holds,
    Kinds,
    Node,
    Op,
    Reason,
    Schema,
    compile_closure,
    compile_sql,
    explain,
    json_schema,
    parse_json,
    paths,
    read_inner,
    to_json,
)

from .conftest import Database

TAG = Schema({"text": Field(FieldType.TEXT)})


@dataclass(frozen=True)
class Tagged(Node):
    """At least `least` tags satisfy the inner condition."""

    least: int
    where: Node


class TaggedKind:
    key = "tagged"
    node = Tagged

    def parse(self, value: Any, check: Check, pointer: str) -> Node | None:
        if not isinstance(value, Mapping) or not isinstance(value.get("least"), int):
            check.refuse(Reason.BAD_SHAPE, "tagged needs least: add a number", pointer)
            return None
        where = read_inner(value.get("where"), check.within(TAG), f"{pointer}/where")
        return where and Tagged(value["least"], where)

    def to_json(self, node: Tagged) -> Any:
        return {"least": node.least, "where": to_json(node.where)}

    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "object"}

    def sql(self, node: Tagged, clock: Clock | None) -> Any:
        return func.coalesce(func.jsonb_array_length(RECORDS.c.tags), 0) >= node.least

    def closure(self, node: Tagged, getter: Getter, clock: Clock | None) -> Holds:
        tags, test = getter("tags"), compile_closure(node.where, TAG, clock=clock)
        return lambda record: sum(test({"text": tag}) for tag in tags(record) or []) >= node.least

    def paths(self, node: Tagged) -> Iterable[str]:
        return ["tags"]

    def words(self, node: Tagged, schema: Schema) -> str:
        return f"tagged {node.least} times"


KINDS = Kinds(TaggedKind())
ANY_TAG = {"path": "text", "op": "!=", "value": "没有"}
VALUE = {"all": [{"path": "score", "op": ">", "value": 0}, {"tagged": {"least": 2, "where": ANY_TAG}}]}


def test_a_kind_is_read_written_compiled_and_told(database: Database) -> None:
    tree = parse_json(VALUE, SCHEMA, kinds=KINDS)
    assert tree == And((Compare("score", Op.GT, 0), Tagged(2, Compare("text", Op.NE, "没有"))))
    assert to_json(tree, kinds=KINDS) == VALUE
    assert paths(tree, kinds=KINDS) == {"score", "tags"}
    holds = compile_closure(tree, SCHEMA, kinds=KINDS, clock=CLOCK)
    found = database.holds(compile_sql(tree, SCHEMA, resolve, kinds=KINDS))
    assert found == {record["id"]: holds(record) for record in SAMPLES}
    told = explain(tree, {"score": 1, "tags": ["a"]}, SCHEMA, kinds=KINDS)
    assert told.because == "out, because not tagged 2 times"
    assert "tagged" in str(json_schema(kinds=KINDS))


def test_faults_inside_a_kind_keep_their_place() -> None:
    wrong = {"tagged": {"least": 1, "where": {"path": "score", "value": 1}}}
    with pytest.raises(ConditionError) as refused:
        parse_json({"any": [wrong, {"tagged": 1}]}, SCHEMA, kinds=KINDS)
    assert [problem.position for problem in refused.value.problems] == ["/any/0/tagged/where/path", "/any/1/tagged"]


def test_nesting_through_kinds_is_limited() -> None:
    value: Any = ANY_TAG
    for _ in range(2000):
        value = {"tagged": {"least": 1, "where": value}}
    with pytest.raises(ConditionError, match="16 levels"):
        parse_json(value, SCHEMA, kinds=KINDS)


def test_a_kind_nobody_passed_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="pass it in kinds="):
        compile_closure(Tagged(1, And()), SCHEMA)


def test_two_kinds_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="keys and nodes of their own"):
        Kinds(TaggedKind(), TaggedKind())
