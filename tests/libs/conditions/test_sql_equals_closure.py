"""The SQL predicate and the Python closure say the same of every record, and the SQL is never NULL."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from support.conditions import CLOCK, RECORDS, SAMPLES, SCHEMA, TREES, resolve
from tercet_conditions import (
    And,
    Clock,
    Compare,
    Node,
    Not,
    Now,
    Op,
    Or,
    Unit,
    compile_closure,
    compile_sql,
    fold,
    folded,
    mapping_getter,
    sql_value,
)
from tercet_conditions.closure import reader

from .conftest import Database

_ZONES = st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC", "Asia/Kolkata"])


def assert_equal(database: Database, tree: Node, clock: Clock) -> None:
    holds = compile_closure(tree, SCHEMA, clock=clock)
    found = database.holds(compile_sql(tree, SCHEMA, resolve, clock=clock))
    wrong = [record for record in SAMPLES if found[record["id"]] is not holds(record)]
    assert not wrong, (tree, wrong[0], found[wrong[0]["id"]])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, _ZONES)
@example(And(), "UTC")
@example(Not(Compare("city", Op.IN, ("尚祈", "Acme"))), "UTC")
@example(Not(Not(Compare("city", Op.STARTS_WITH, "a_"))), "UTC")
@example(Or((Compare("name", Op.NE, ""), Not(Compare("custom.level", Op.EQ, "NEW")))), "UTC")
@example(Compare("custom.due", Op.EQ, date(9999, 12, 31)), "UTC")
@example(Compare("custom.since", Op.GT, datetime(9998, 12, 31, tzinfo=UTC)), "UTC")
@example(Compare("birth_date", Op.IN, (Now(), date(2026, 3, 1))), "Asia/Shanghai")
def test_sql_and_closure_agree_on_any_tree(database: Database, tree: Node, zone: str) -> None:
    assert_equal(database, tree, Clock(CLOCK.now, ZoneInfo(zone)))


@pytest.mark.parametrize("path", [path for path in SCHEMA.fields if path != "phone"])
def test_a_missing_value_makes_only_not_equal_true(database: Database, path: str) -> None:
    tree = Not(Compare(path, Op.EXISTS))
    assert_equal(database, tree, CLOCK)


def test_letter_case_and_width_fold_alike_for_every_assigned_character(database: Database) -> None:
    rows = database.all(
        text(
            "SELECT code, casefold(normalize(chr(code), NFKC) COLLATE pg_unicode_fast)"
            " FROM generate_series(1, :last) code WHERE code NOT BETWEEN 55296 AND 57343"
        ).bindparams(last=sys.maxunicode)
    )
    # The database may know characters that this Python does not know yet; assigned ones never change.
    known = [(chr(code), folded) for code, folded in rows if unicodedata.category(chr(code)) != "Cn"]
    assert len(known) > 280_000
    assert [letter for letter, folded in known if fold(letter) != folded] == []


@pytest.mark.parametrize(
    ("tree", "index"),
    [
        (Compare("score", Op.GE, 60), "(score)"),
        (Compare("score", Op.IN, (60, 72)), "(score)"),
        (Compare("name", Op.EQ, "尚祈科技"), "(name)"),
        (Compare("name", Op.STARTS_WITH, "尚祈"), "(name text_pattern_ops)"),
        (Compare("name", Op.HAS, "尚祈科技"), None),
        (Compare("create_time", Op.GE, Now(-30, Unit.DAY)), "(create_time)"),
        (Compare("custom.level", Op.EQ, "NEW"), "USING gin (custom jsonb_path_ops)"),
        (Compare("custom.kinds", Op.HAS, "NEW"), "USING gin (custom jsonb_path_ops)"),
        (Compare("tags", Op.HAS, "NEW"), "USING gin (tags)"),
        (Or((Compare("score", Op.GT, 60), Compare("score", Op.LT, 3))), "(score)"),
    ],
    ids=str,
)
def test_positive_comparisons_can_use_an_index(database: Database, tree: Node, index: str | None) -> None:
    if index is None:
        expression = database.written(folded(RECORDS.c.name)).replace("condition_records.", "")
        database.run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        index = f"USING gin (({expression}) gin_trgm_ops)"
    database.run(f"CREATE INDEX probe ON condition_records {index}")
    try:
        assert "probe" in database.plan(compile_sql(tree, SCHEMA, resolve, clock=CLOCK))
    finally:
        database.run("DROP INDEX probe")


@pytest.mark.parametrize("path", ["score", "custom.size", "custom.since", "custom.due", "custom.level"])
def test_records_can_be_ordered_by_any_path(database: Database, path: str) -> None:
    value = sql_value(path, SCHEMA, resolve)
    field = SCHEMA[path]
    read = reader(path, field, mapping_getter)
    ordered = database.all(select(RECORDS.c.id, value).where(value.is_not(None)).order_by(value))
    expected = sorted(found for record in SAMPLES if (found := read(record)) is not None)
    assert [read(SAMPLES[number]) for number, _ in ordered] == expected
