"""What a compiled condition says of one record."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support.conditions import CLOCK, NOW, SCHEMA, SEARCHABLE, resolve
from tercet_conditions import (
    Clock,
    Compare,
    Field,
    FieldType,
    Now,
    Op,
    Schema,
    Search,
    Unit,
    compile_closure,
    compile_sql,
    explain,
    parse_text,
    paths,
)


def holds(text: str, record: dict[str, Any], clock: Clock | None = CLOCK) -> bool:
    return compile_closure(parse_text(text, SCHEMA), SCHEMA, clock=clock)(record)


@pytest.mark.parametrize(
    "text", ["score = 1", "score < 1", "NOT score != 1", "name:a", "state = (NEW)", "tags:x", "score:*"]
)
@pytest.mark.parametrize("record", [{}, {"score": None}])
def test_nothing_holds_of_a_missing_value(text: str, record: dict[str, Any]) -> None:
    assert not holds(text, record)
    assert holds("score != 1", record)


@pytest.mark.parametrize("name", ["ACME GmbH", "Ａｃｍｅ", "the acme"])
def test_containing_ignores_letter_case_and_width(name: str) -> None:
    assert holds("name:ACMe", {"name": name})
    assert holds("name:strasse", {"name": "Hauptstraße"})
    assert holds("name:尚祈", {"name": "北京尚祈科技"})


def test_a_custom_value_of_another_type_counts_as_missing() -> None:
    for wrong in ("many", True, [4], {"a": 4}, None):
        assert not holds("custom.count > 3", {"custom": {"count": wrong}})
    assert holds("custom.count > 3", {"custom": {"count": 4}})
    assert not holds("custom.count > 3", {"custom": "text"})


@pytest.mark.parametrize(
    ("now", "zone", "offset", "expected"),
    [
        # a day is a calendar day of the zone: the clocks went forward in New York on 8 March 2026
        ("2026-03-08T16:00:00Z", "America/New_York", Now(-1, Unit.DAY), "2026-03-07T17:00:00Z"),
        ("2026-03-08T16:00:00Z", "America/New_York", Now(-24, Unit.HOUR), "2026-03-07T16:00:00Z"),
        ("2026-03-31T08:00:00Z", "UTC", Now(-1, Unit.MONTH), "2026-02-28T08:00:00Z"),
        ("2024-02-29T08:00:00Z", "UTC", Now(1, Unit.YEAR), "2025-02-28T08:00:00Z"),
        ("2026-01-31T17:00:00Z", "Asia/Shanghai", Now(1, Unit.MONTH), "2026-02-28T17:00:00Z"),
        ("2026-03-31T08:00:00Z", "UTC", Now(2, Unit.WEEK), "2026-04-14T08:00:00Z"),
        ("2026-03-31T08:00:00Z", "UTC", Now(-90, Unit.SECOND), "2026-03-31T07:58:30Z"),
    ],
)
def test_now_moves_by_the_calendar_of_the_zone(now: str, zone: str, offset: Now, expected: str) -> None:
    clock = Clock.at(datetime.fromisoformat(now), ZoneInfo(zone))
    assert clock.moment(offset) == datetime.fromisoformat(expected)


def test_a_day_begins_at_midnight_of_the_zone_and_today_is_the_zones_day() -> None:
    late = datetime(2026, 3, 30, 16, 30, tzinfo=UTC)  # 00:30 of the 31st in Shanghai
    record = {"create_time": late, "birth_date": date(2026, 3, 31)}
    assert holds("create_time >= 2026-03-31 AND birth_date = now()", record, Clock.at(late, ZoneInfo("Asia/Shanghai")))
    assert not holds("create_time >= 2026-03-31", record, Clock.at(late))
    assert not holds("birth_date = now()", record, Clock.at(late))


def test_a_kept_closure_asks_the_clock_each_time() -> None:
    moments = iter([NOW, NOW + timedelta(days=2)])
    tree = parse_text("create_time > now() - 1d", SCHEMA)
    fresh = compile_closure(tree, SCHEMA, clock=Clock(lambda: next(moments)))
    record = {"create_time": NOW}
    assert [fresh(record), fresh(record)] == [True, False]


def test_a_getter_reads_other_records_than_mappings() -> None:
    def getter(path: str) -> Any:
        return lambda record: getattr(record, path)

    test = compile_closure(parse_text("score > 3", SCHEMA), SCHEMA, getter=getter)
    assert test(SimpleNamespace(score=4))


def test_what_is_not_given_is_asked_for() -> None:
    relative = Compare("create_time", Op.GT, Now())
    with pytest.raises(ValueError, match="with a clock"):
        compile_closure(relative, SCHEMA)
    with pytest.raises(ValueError, match="with a clock"):
        compile_sql(relative, SCHEMA, resolve)
    with pytest.raises(ValueError, match="with a search"):
        compile_closure(Search("x"), SEARCHABLE)
    with pytest.raises(ValueError, match="with a search"):
        compile_sql(Search("x"), SEARCHABLE, resolve)
    plain = Schema({"custom.level": Field(FieldType.TEXT)})
    with pytest.raises(ValueError, match="stored_json"):
        compile_sql(Compare("custom.level", Op.EQ, "x"), plain, resolve)


def test_free_text_is_judged_by_the_callers_search() -> None:
    tree = parse_text("尚祈 score > 3", SEARCHABLE)
    test = compile_closure(tree, SEARCHABLE, search=lambda text: lambda record: text in record["name"])
    assert test({"name": "尚祈科技", "score": 4})
    assert not test({"name": "别家", "score": 4})


def test_paths_are_the_fields_a_tree_reads() -> None:
    tree = parse_text("score = 1 OR NOT (custom.size > 3 AND name:x AND name:y)", SCHEMA)
    assert paths(tree) == {"score", "custom.size", "name"}


@pytest.mark.parametrize(
    ("text", "record", "because"),
    [
        ("score >= 60", {"score": 72}, "in, because score is 72, at least 60"),
        ("score >= 60", {"score": 7}, "out, because score is 7, not at least 60"),
        ("score >= 60", {}, "out, because score is missing"),
        ("name = Acme", {"name": "Acme"}, "in, because the name is Acme"),
        ("state = (NEW OR WON)", {"state": "WON"}, "in, because state is WON, one of NEW, WON"),
        ("tags:vip", {"tags": ["new", "vip"]}, "in, because tags is new, vip, containing vip"),
        ("name:*", {"name": ""}, "out, because the name is not filled in"),
        ("NOT active = true", {"active": False}, "in, because active is false, not true"),
        ("score > 1 OR state = NEW", {"score": 5, "state": "WON"}, "in, because score is 5, above 1"),
        ("score > 9 state = NEW", {"score": 5, "state": "NEW"}, "out, because score is 5, not above 9"),
        ("score > 1 state = NEW", {"score": 5, "state": "NEW"}, "in, because score is 5, above 1; state is NEW"),
        (
            "create_time > now() - 30d",
            {"create_time": NOW},
            "in, because create_time is 2026-03-31T07:30:00Z, above 30d ago",
        ),
        ("", {}, "in, because no condition is set"),
    ],
)
def test_an_explanation_names_what_decided(text: str, record: dict[str, Any], because: str) -> None:
    tree = parse_text(text, SCHEMA)
    told = explain(tree, record, SCHEMA, clock=CLOCK)
    assert told.because == because
    assert told.holds is compile_closure(tree, SCHEMA, clock=CLOCK)(record)


def test_an_explanation_lists_every_term() -> None:
    told = explain(parse_text("score > 9 state = NEW", SCHEMA), {"score": 5, "state": "NEW"}, SCHEMA)
    assert [(leaf.found, leaf.holds) for leaf in told.leaves] == [(5, False), ("NEW", True)]


def test_judging_records_loads_no_third_party() -> None:
    code = (
        "import sys; import tercet_conditions as t; s = t.Schema({'a': t.Field(t.FieldType.INTEGER)});"
        "assert t.compile_closure(t.parse_text('a = 1', s), s)({'a': 1}); assert 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
