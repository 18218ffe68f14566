"""A kind of record with a field of every type, many awkward records of it, and random condition trees over it."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from tercet_conditions import And, Clock, Compare, Field, FieldType, Node, Not, Now, Op, Or, Schema, SqlColumn, Unit
from tercet_conditions.schema import OPERATORS

STATES = ("NEW", "OPEN", "WON")
CUSTOM = {
    "level": Field(FieldType.TEXT),
    "grade": Field(FieldType.ENUM, values=STATES),
    "count": Field(FieldType.INTEGER),
    "size": Field(FieldType.DECIMAL),
    "vip": Field(FieldType.BOOLEAN),
    "since": Field(FieldType.INSTANT),
    "due": Field(FieldType.DATE),
    "code": Field(FieldType.UUID),
    "kinds": Field(FieldType.LIST),
    "extra": Field(FieldType.JSON),
}
SCHEMA = Schema(
    {
        "name": Field(FieldType.TEXT, label="the name"),
        "city": Field(FieldType.TEXT),
        "state": Field(FieldType.ENUM, values=STATES),
        "score": Field(FieldType.INTEGER),
        "rate": Field(FieldType.DECIMAL),
        "amount": Field(FieldType.MONEY),
        "active": Field(FieldType.BOOLEAN),
        "create_time": Field(FieldType.INSTANT),
        "birth_date": Field(FieldType.DATE),
        "owner_id": Field(FieldType.UUID),
        "tags": Field(FieldType.LIST),
        "attributes": Field(FieldType.JSON),
        "phone": Field(FieldType.TEXT, filterable=False),
    },
    custom=CUSTOM.get,
)
SEARCHABLE = Schema(SCHEMA.fields, custom=CUSTOM.get, search=True)

RECORDS = Table(
    "condition_records",
    MetaData(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text),
    Column("city", Text, nullable=False),
    Column("state", Text),
    Column("score", BigInteger),
    Column("rate", Numeric),
    Column("amount", Numeric(19, 4)),
    Column("active", Boolean),
    Column("create_time", DateTime(timezone=True)),
    Column("birth_date", Date),
    Column("owner_id", Uuid),
    Column("tags", JSONB(none_as_null=True)),
    Column("attributes", JSONB(none_as_null=True)),
    Column("custom", JSONB(none_as_null=True)),
)


def resolve(path: str) -> SqlColumn:
    if path.startswith("custom."):
        return SqlColumn(RECORDS.c.custom, key=path.removeprefix("custom."))
    return SqlColumn(RECORDS.c[path], nullable=path != "city")


NOW = datetime(2026, 3, 31, 7, 30, tzinfo=UTC)
CLOCK = Clock.at(NOW, ZoneInfo("Asia/Shanghai"))

TEXTS = [
    *(
        "",
        "尚祈科技",
        "尚祈",
        "祈",
        "Acme",
        "ACME",
        "acme ",
        "ＡＣＭＥ",
        "Straße",
        "STRASSE",
        "ß",
        "ǅ",
        "İ",
        "i",
        "ς",
        "Σ",
    ),
    *(
        "é",
        "e\u0301",
        "ﬁ",
        "a%b",
        "a_b",
        "axb",
        "a\\b",
        "a*b",
        "*",
        '"q"',
        "'",
        "％",
        "中文　空格",
        "60",
        "true",
        "\n",
        "NEW",
    ),
    *("𠮷野家", "カ", "ｶ", "z", "Z", "\u00df\n", "null", "-30d", "now()"),
]
NUMBERS = [0, 1, -1, 3, 60, 72, 2**31, -(2**63), 2**63 - 1]
DECIMALS = [Decimal(text) for text in ("0", "0.1", "0.10", "-0.01", "60", "60.0001", "99999999999.9999", "3.5")]
IDS = [UUID("01890a5d-ac96-774b-bcce-b302099a8057"), UUID("01890a5d-ac96-774b-bcce-b302099a8058"), UUID(int=0)]
DATES = [
    date(2026, 3, 31),
    date(2026, 3, 1),
    date(2026, 2, 28),
    date(1990, 12, 31),
    date(9998, 12, 31),
    date(2026, 4, 1),
]
INSTANTS = [
    NOW,
    NOW + timedelta(microseconds=1),
    NOW - timedelta(days=30),
    datetime(2026, 3, 30, 16, tzinfo=UTC),  # midnight in Shanghai
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 2, 28, 7, 30, tzinfo=UTC),
]
LISTS: list[Any] = [[], ["NEW"], ["尚祈", "z"], ["", "a%b"], ["Acme", "acme "]]
OBJECTS: list[Any] = [{}, {"NEW": 1}, {"尚祈": None, "z": {"y": 1}}, {"": 0}]
# What may lie under a custom key, whatever type its definition has today.
STORED: list[Any] = [
    *(None, True, False, 0, 1, 60, 3.5, 0.1, -1, 1e300, 2**63 - 1),
    *TEXTS,
    *LISTS,
    *OBJECTS,
    *("60.0001", "-0.01", "1e5", " 60", "٣", "60\n", "True", "1" * 38, "1" * 39, "NaN", "Infinity"),
    *("2026-03-31T07:30:00Z", "2026-03-31T15:30:00+08:00", "2026-03-31T07:30:00.000001Z", "2026-02-30T00:00:00Z"),
    *("2026-03-31", "2026-02-30", "9999-12-31", "infinity", "0000-01-01", "2026-3-1", "now", "2026-03-31T24:00:00Z"),
    *("2026-03-31T07:30:60Z", "2026-03-31 07:30:00Z", "2026-03-31T07:30:00", "9999-12-31T23:59:59-14:00"),
    *(str(IDS[0]), str(IDS[0]).upper(), "{" + str(IDS[0]) + "}", IDS[0].hex, str(IDS[2])),
    *([["NEW"]], ["NEW", 1, None, ["z"]], [{"NEW": 1}], {"NEW": ["NEW"]}),
]


def _records() -> list[dict[str, Any]]:
    draw = random.Random(20260331)
    columns: dict[str, list[Any]] = {
        "name": [*TEXTS, None, None],
        "state": [*STATES, "", None],
        "score": [*NUMBERS, None],
        "rate": [*DECIMALS, None],
        "amount": [*DECIMALS, None],
        "active": [True, False, None],
        "create_time": [*INSTANTS, None],
        "birth_date": [*DATES, None],
        "owner_id": [*IDS, None],
        "tags": [*LISTS, None],
        "attributes": [*OBJECTS, None],
    }
    records = []
    for number in range(max(len(STORED), 120)):
        record = {"id": number, "city": draw.choice(TEXTS)}
        record |= {column: draw.choice(values) for column, values in columns.items()}
        custom = {key: draw.choice(STORED) for key in CUSTOM if draw.random() < 0.8}
        record["custom"] = None if draw.random() < 0.05 else custom
        records.append(record)
    for number, value in enumerate(STORED):  # each stored value under each key at least once
        records[number]["custom"] = dict.fromkeys(CUSTOM, value)
    return records


SAMPLES = _records()

_texts = st.sampled_from(TEXTS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]), max_size=4
)
_now = st.builds(Now, st.integers(-40, 40).filter(bool), st.sampled_from(Unit)) | st.just(Now())
_VALUES: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: _texts,
    FieldType.LIST: _texts,
    FieldType.JSON: _texts,
    FieldType.ENUM: st.sampled_from(STATES),
    FieldType.INTEGER: st.sampled_from(NUMBERS) | st.integers(-(2**63), 2**63 - 1),
    FieldType.DECIMAL: st.sampled_from(DECIMALS) | st.decimals(-(10**9), 10**9, places=4),
    FieldType.MONEY: st.sampled_from(DECIMALS),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.INSTANT: st.sampled_from(INSTANTS) | _now | st.sampled_from(DATES[:3]),
    FieldType.DATE: st.sampled_from([*DATES, date(9999, 12, 31)]) | _now,
    FieldType.UUID: st.sampled_from(IDS),
}
PATHS = [path for path, field in SCHEMA.fields.items() if field.filterable] + [f"custom.{key}" for key in CUSTOM]


@st.composite
def comparisons(draw: st.DrawFn) -> Node:
    path = draw(st.sampled_from(PATHS))
    kind = SCHEMA[path].type
    op = draw(st.sampled_from(sorted(OPERATORS[kind])))
    if op is Op.EXISTS:
        return Compare(path, op)
    values = _VALUES[kind]
    if kind is FieldType.INSTANT and op in (Op.EQ, Op.NE, Op.IN):
        values = values.filter(lambda value: isinstance(value, datetime | Now))
    if op in (Op.HAS, Op.STARTS_WITH, Op.ENDS_WITH):
        values = values.filter(bool)
    if op is Op.IN:
        return Compare(path, op, tuple(draw(st.lists(values, min_size=1, max_size=4))))
    return Compare(path, op, draw(values))


def _branches(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, inner)


TREES: st.SearchStrategy[Node] = st.recursive(comparisons(), _branches, max_leaves=8)
