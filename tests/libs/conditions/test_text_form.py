"""The AIP-160 text form: what it means, what it refuses and where."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.conditions import IDS, PATHS, SCHEMA, SEARCHABLE, TREES
from tercet_conditions import (
    And,
    Compare,
    ConditionError,
    Limits,
    Node,
    Not,
    Now,
    Op,
    Or,
    Problem,
    Reason,
    Schema,
    Search,
    Unit,
    parse_text,
    to_text,
)


def has(path: str, op: Op, value: object = None) -> Node:
    return Compare(path, op, value)  # type: ignore[arg-type]


A, B, C = (has("score", Op.EQ, number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And()),
        ("  \n ", And()),
        ("score = 1", A),
        ("score=1", A),
        ("score = 1 AND score = 2", And((A, B))),
        ("score = 1 score = 2", And((A, B))),
        ("score = 1\u3000score = 2", And((A, B))),
        ("score = 1 OR score = 2", Or((A, B))),
        # OR binds tighter than AND and than mere sequence
        ("score = 1 AND score = 2 OR score = 3", And((A, Or((B, C))))),
        ("score = 1 OR score = 2 AND score = 3", And((Or((A, B)), C))),
        ("score = 1 score = 2 OR score = 3", And((A, Or((B, C))))),
        ("(score = 1 AND score = 2) OR score = 3", Or((And((A, B)), C))),
        ("NOT score = 1", Not(A)),
        ("-score = 1", Not(A)),
        ("NOT (score = 1 OR score = 2)", Not(Or((A, B)))),
        ("NOT(score = 1)", Not(A)),
        ("-(score = 1)", Not(A)),
        ("score = -1", has("score", Op.EQ, -1)),
        ("score >= 6e1", has("score", Op.GE, 60)),
        ("rate < 2.5", has("rate", Op.LT, Decimal("2.5"))),
        ("amount != 12.30", has("amount", Op.NE, Decimal("12.3"))),
        ("active = true", has("active", Op.EQ, True)),
        ("state = (NEW OR 'OPEN')", has("state", Op.IN, ("NEW", "OPEN"))),
        ("state != (NEW)", Not(has("state", Op.IN, ("NEW",)))),
        ("name:尚祈", has("name", Op.HAS, "尚祈")),
        ("name:(尚祈 OR acme)", Or((has("name", Op.HAS, "尚祈"), has("name", Op.HAS, "acme")))),
        ("tags:vip", has("tags", Op.HAS, "vip")),
        ("name:*", has("name", Op.EXISTS)),
        ("name = *", has("name", Op.EXISTS)),
        ("name != *", Not(has("name", Op.EXISTS))),
        ("-name:*", Not(has("name", Op.EXISTS))),
        ('name = "Ac*"', has("name", Op.STARTS_WITH, "Ac")),
        ("name = *me", has("name", Op.ENDS_WITH, "me")),
        ("name = *cm*", has("name", Op.HAS, "cm")),
        ("name != Ac*", Not(has("name", Op.STARTS_WITH, "Ac"))),
        (r'name = "Ac\*"', has("name", Op.EQ, "Ac*")),
        (r'name = "say \"hi\" \\ \*"', has("name", Op.EQ, 'say "hi" \\ *')),
        ("""name = '"'""", has("name", Op.EQ, '"')),
        ('name = ""', has("name", Op.EQ, "")),
        ("name = now", has("name", Op.EQ, "now")),
        ("custom.size > 3", has("custom.size", Op.GT, Decimal(3))),
        ("owner_id = 01890A5D-AC96-774B-BCCE-B302099A8057", has("owner_id", Op.EQ, IDS[0])),
        ("birth_date >= 2026-03-31", has("birth_date", Op.GE, date(2026, 3, 31))),
        ("create_time >= 2026-03-31", has("create_time", Op.GE, date(2026, 3, 31))),
        ("create_time < 2026-03-31T16:00:00+08:00", has("create_time", Op.LT, datetime(2026, 3, 31, 8, tzinfo=UTC))),
        ("(create_time < '2026-03-31T08:00:00Z')", has("create_time", Op.LT, datetime(2026, 3, 31, 8, tzinfo=UTC))),
        ("create_time > now()", has("create_time", Op.GT, Now())),
        ("create_time > now() - 30d", has("create_time", Op.GT, Now(-30, Unit.DAY))),
        ("create_time > now - 2mo", has("create_time", Op.GT, Now(-2, Unit.MONTH))),
        ("create_time > now-36h", has("create_time", Op.GT, Now(-36, Unit.HOUR))),
        ("birth_date = now() + 1w score = 1", And((has("birth_date", Op.EQ, Now(1, Unit.WEEK)), A))),
    ],
)
def test_a_filter_means(text: str, tree: Node) -> None:
    assert parse_text(text, SCHEMA) == tree


def test_bare_words_search_where_the_schema_allows_it() -> None:
    assert parse_text('尚祈 OR "科技 公司" score = 1', SEARCHABLE) == And(
        (Or((Search("尚祈"), Search("科技 公司"))), A)
    )
    assert parse_text("-spam", SEARCHABLE) == Not(Search("spam"))


@pytest.mark.parametrize(
    ("text", "reason", "position", "remedy"),
    [
        ("scoer = 1", Reason.UNKNOWN_PATH, 0, "did you mean score?"),
        ("score = 1 AND custom.none = 1", Reason.UNKNOWN_PATH, 14, "no field"),
        ("phone = 1", Reason.NOT_FILTERABLE, 0, "masked"),
        ("score = x", Reason.WRONG_VALUE, 8, "38 digits"),
        ("score = 1.5", Reason.WRONG_VALUE, 8, "whole number"),
        ("score = 9223372036854775808", Reason.WRONG_VALUE, 8, "whole number"),
        ("state = OLD", Reason.WRONG_VALUE, 8, "NEW, OPEN, WON"),
        ("state < NEW", Reason.WRONG_OPERATOR, 0, "use one of"),
        ("state = N*", Reason.WRONG_OPERATOR, 0, "use one of"),
        ("tags = vip", Reason.WRONG_OPERATOR, 0, ":"),
        ("active = yes", Reason.WRONG_VALUE, 9, "true or false"),
        ("create_time = 2026-03-31", Reason.WRONG_VALUE, 14, ">= the day"),
        ("create_time > 2026-02-30", Reason.WRONG_VALUE, 14, "write a day"),
        ("create_time > now() - 300y", Reason.WRONG_VALUE, 19, "200 years"),
        ("create_time > now() - 3fortnights", Reason.WRONG_VALUE, 19, "unit"),
        ("score > now()", Reason.WRONG_VALUE, 8, "now is a time"),
        ("create_time > today()", Reason.UNKNOWN_FUNCTION, 14, "now()"),
        ("lower(name) = a", Reason.UNKNOWN_FUNCTION, 0, "now()"),
        ("score =", Reason.SYNTAX, 7, "the end"),
        ("score = AND", Reason.SYNTAX, 8, "a value"),
        ("AND score = 1", Reason.SYNTAX, 0, "a condition"),
        ("score = 1 OR", Reason.SYNTAX, 12, "the end"),
        ("score = 1 AND", Reason.SYNTAX, 13, "the end"),
        ("(score = 1", Reason.SYNTAX, 0, "never closed"),
        ("score = 1)", Reason.SYNTAX, 9, "remove it"),
        ("score = 1,", Reason.SYNTAX, 9, "separate"),
        ("score = (1 2)", Reason.SYNTAX, 11, "join by OR"),
        ("score < (1)", Reason.SYNTAX, 8, "one value"),
        ('name = "a', Reason.SYNTAX, 7, "never closed"),
        (r'name = "\n"', Reason.SYNTAX, 9, "double it"),
        ("name = a*b", Reason.SYNTAX, 7, "start or the end"),
        ("name:a*", Reason.SYNTAX, 5, "already means contains"),
        ("name = **", Reason.SYNTAX, 7, "beside it"),
        ('"name" = a', Reason.SYNTAX, 0, "without quotes"),
        ("score = 1 ! 2", Reason.SYNTAX, 10, "a condition is expected"),
        ("name = a\0", Reason.WRONG_VALUE, 7, "NUL"),
        ("name:\ud800", Reason.WRONG_VALUE, 5, "surrogate"),
        ("科技", Reason.SEARCH_NOT_ALLOWED, 0, "compare a field"),
        ("score = 1 and score = 2", Reason.SEARCH_NOT_ALLOWED, 10, "capitals"),
        ("((((((((((((((((((score = 1))))))))))))))))))", Reason.TOO_DEEP, 16, "16 levels"),
        ("score = 1 " * 101, Reason.TOO_MANY_TERMS, 1000, "100 terms"),
        ("name = " + "祈" * 1400, Reason.TOO_LONG, 0, "4096 bytes"),
    ],
)
def test_a_filter_is_refused_with_reason_place_and_remedy(
    text: str, reason: Reason, position: int, remedy: str
) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_text(text, SCHEMA)
    assert (refused.value.reason, refused.value.position) == (reason, position)
    assert remedy in str(refused.value)


def test_all_faults_of_a_filter_are_told_at_once() -> None:
    with pytest.raises(ConditionError) as refused:
        parse_text("scoer = 1 AND state = OLD OR active = 7", SCHEMA)
    assert [problem.position for problem in refused.value.problems] == [0, 22, 38]


def test_limits_can_be_set() -> None:
    with pytest.raises(ConditionError, match="2 terms"):
        parse_text("score = 1 score = 2 score = 3", SCHEMA, limits=Limits(terms=2))


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_a_tree_written_as_text_reads_back_as_itself(tree: Node) -> None:
    assert parse_text(to_text(tree), SCHEMA) == tree


def test_what_text_cannot_say_is_refused() -> None:
    with pytest.raises(ConditionError, match="empty list"):
        to_text(Not(And()))


_pieces = st.sampled_from(
    [
        *PATHS,
        *"()=:<>!-*,.\"'\\ ",
        " AND ",
        " OR ",
        "NOT ",
        "now()",
        "now",
        " - 30d",
        "!=",
        ">=",
        "2026-03-31",
        "1e9",
        "'a*'",
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.text(max_size=200) | st.lists(_pieces | st.text(max_size=3), max_size=30).map("".join), st.booleans())
@example("score = 1e99", False)
@example("rate = 1e-39", False)
@example("(" * 4000, False)
@example("-" * 4000, True)
@example('"' * 4001, True)
@example("NOT " * 1000, True)
@example("create_time > now() - 9999999999y", False)
@example("create_time > 9999-12-31T23:59:59-14:00", False)
def test_any_text_is_read_or_refused(text: str, searchable: bool) -> None:
    schema = SEARCHABLE if searchable else SCHEMA
    refused, tree = outcome(text, schema)
    if tree is not None:
        assert parse_text(to_text(tree), schema) == tree
    else:
        places = [problem.position for problem in refused]
        assert places
        assert all(isinstance(place, int) and 0 <= place <= len(text) for place in places)


def outcome(text: str, schema: Schema) -> tuple[tuple[Problem, ...], Node | None]:
    try:
        return (), parse_text(text, schema)
    except ConditionError as refused:
        return refused.problems, None
