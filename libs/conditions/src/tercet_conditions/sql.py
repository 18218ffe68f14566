"""The tree as a SQLAlchemy predicate for PostgreSQL 18. It is never NULL, and comparisons stay usable by indexes.

A comparison is written `col = :v AND col IS NOT NULL`: false, not NULL, where the column is missing, and both halves
are index conditions. Only what no plain index serves anyhow (values taken out of JSON) is wrapped in coalesce.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from . import values
from .clock import Clock, resolver
from .kinds import NO_KINDS, Kinds
from .schema import Field, FieldType, Schema
from .tree import And, Compare, Node, Not, Op, Or, Search, Value


@dataclass(frozen=True)
class SqlColumn:
    """Where a path lies. With `key`, the expression is a JSONB object and the value is under that key in it.

    Lists and JSON objects, and every path whose field is `stored_json`, lie in JSONB. `nullable=False` promises that
    the expression is never NULL and saves the test. `folded` is a stored or indexed expression equal to
    `folded(expression)`, used instead of it.
    """

    expression: ColumnElement[Any]
    key: str | None = None
    nullable: bool = True
    folded: ColumnElement[str] | None = None


Predicate = ColumnElement[bool]
Resolve = Callable[[str], SqlColumn]

_TYPES: Mapping[FieldType, TypeEngine[Any]] = {
    FieldType.INTEGER: sa.BigInteger(),
    FieldType.DECIMAL: sa.Numeric(),
    FieldType.MONEY: sa.Numeric(),
    FieldType.BOOLEAN: sa.Boolean(),
    FieldType.INSTANT: sa.DateTime(timezone=True),
    FieldType.DATE: sa.Date(),
    FieldType.UUID: sa.Uuid(),
}
_TEXTUAL = (FieldType.TEXT, FieldType.ENUM)
_ORDER: Mapping[Op, Callable[[Any, Any], Any]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def folded(text: ColumnElement[str]) -> ColumnElement[str]:
    """The form in which letter case and width make no difference: `values.fold` in SQL. Immutable, so indexable."""
    composed = sa.func.normalize(text, sa.literal_column("NFKC"), type_=Text())
    return sa.func.casefold(composed.collate("pg_unicode_fast"), type_=Text())


def compile_sql(
    tree: Node,
    schema: Schema,
    resolve: Resolve,
    *,
    clock: Clock | None = None,
    search: Callable[[str], Predicate] | None = None,
    kinds: Kinds = NO_KINDS,
) -> Predicate:
    """A predicate that holds of the rows of which the closure holds. `search(text)` gives the one for free text.

    Refuses (ValueError) relative times without a clock and free text without a search.
    """

    def node(tree: Node) -> Predicate:
        match tree:
            case And(terms):
                return sa.and_(sa.true(), *map(node, terms))
            case Or(terms):
                return sa.or_(sa.false(), *map(node, terms))
            case Not(term):
                return sa.not_(node(term).self_group())
            case Compare(path):
                return _compare(tree, schema[path], resolve(path), clock)
            case Search(text):
                if search is None:
                    raise ValueError("this condition searches free text: compile it with a search")
                return search(text)
        found: Predicate = kinds.of(tree).sql(tree, clock)
        return found

    return node(tree)


def sql_value(path: str, schema: Schema, resolve: Resolve) -> ColumnElement[Any]:
    """The value a path has, typed, NULL where it is missing: what to order, group or page by."""
    field, column = schema[path], resolve(path)
    return _extracted(_inside(column), field.type) if field.stored_json else column.expression


def _inside(column: SqlColumn) -> ColumnElement[Any]:
    document = column.expression
    return document if column.key is None else document.op("->", return_type=JSONB())(sa.literal(column.key, Text()))


def _present(test: Predicate, column: SqlColumn) -> Predicate:
    return sa.and_(test, column.expression.is_not(None)) if column.nullable else test


def _compare(term: Compare, field: Field, column: SqlColumn, clock: Clock | None) -> Predicate:
    if column.key is not None and not field.stored_json:
        raise ValueError(
            f"{term.path} lies in JSON, so its field must say stored_json, or the closure reads it otherwise"
        )
    if field.stored_json or field.type in (FieldType.LIST, FieldType.JSON):
        return _stored(term, field.type, column, clock)
    expression = column.expression
    if term.op is Op.EXISTS:
        return _present(expression != "", column) if field.type in _TEXTUAL else expression.is_not(None)
    if term.op is Op.NE:
        return expression.is_distinct_from(_bind(field.type, term.value, clock))
    return _present(_test(term, expression, field.type, column, clock), column)


def _test(
    term: Compare, expression: ColumnElement[Any], field_type: FieldType, column: SqlColumn, clock: Clock | None
) -> Predicate:
    """The comparison of a value that is there; NULL where it is not."""
    op, value = term.op, term.value
    if op is Op.IN and isinstance(value, tuple):
        members = [_resolved(field_type, item, clock) for item in value]
        return expression == sa.any_(sa.literal(members, ARRAY(_TYPES.get(field_type, Text()))))
    if op is Op.HAS:
        haystack = folded(expression) if column.folded is None else column.folded
        return haystack.like(f"%{_escaped(values.fold(str(value)))}%")
    if op is Op.STARTS_WITH:
        return expression.like(f"{_escaped(str(value))}%")
    if op is Op.ENDS_WITH:
        return expression.like(f"%{_escaped(str(value))}")
    bound = _bind(field_type, value, clock)
    if op is Op.EQ:
        return expression == bound
    if field_type is FieldType.TEXT:
        expression = expression.collate("C")  # Python orders text by code point, whatever the database's collation
    found: Predicate = _ORDER[op](expression, bound)
    return found


def _stored(term: Compare, field_type: FieldType, column: SqlColumn, clock: Clock | None) -> Predicate:
    """A value out of JSON, read by `values.stored` on the other side: another type is missing and nothing raises."""
    document, value = column.expression, _inside(column)
    if field_type in (FieldType.LIST, FieldType.JSON):
        return _document(term, value, field_type, column)
    typed = _extracted(value, field_type)
    if field_type is FieldType.DATE:
        # Days written 2026-03-31 order as texts do; drivers bind the last day of 9999 as infinity, a text never.
        term, field_type = replace(term, value=_iso(term.value, clock)), FieldType.TEXT
    if term.op is Op.EXISTS:
        return sa.and_(typed.is_not(None), typed != "") if field_type in _TEXTUAL else typed.is_not(None)
    if term.op is Op.NE:
        return typed.is_distinct_from(_bind(field_type, term.value, clock))
    if term.op is Op.EQ and column.key is not None and isinstance(term.value, str | bool):
        contained = document.op("@>", return_type=sa.Boolean())(sa.literal({column.key: term.value}, JSONB()))
        return _present(contained, column)  # served by a GIN index on the document
    return sa.func.coalesce(_test(term, typed, field_type, column, clock), False)


def _document(term: Compare, value: ColumnElement[Any], field_type: FieldType, column: SqlColumn) -> Predicate:
    is_list = field_type is FieldType.LIST
    empty: Any = [] if is_list else {}
    kind = sa.func.jsonb_typeof(value) == sa.literal("array" if is_list else "object", Text())
    if term.op is Op.EXISTS:
        return sa.func.coalesce(sa.and_(kind, value != sa.literal(empty, JSONB())), False)
    contains = (
        value.op("@>", return_type=sa.Boolean())(sa.literal([term.value], JSONB()))
        if is_list
        else value.op("?", return_type=sa.Boolean())(sa.literal(term.value, Text()))
    )
    if is_list and column.key is not None:
        inside = column.expression.op("@>", return_type=sa.Boolean())(sa.literal({column.key: [term.value]}, JSONB()))
        return _present(inside, column)
    return sa.and_(contains, kind, value.is_not(None))


def _extracted(value: ColumnElement[Any], field_type: FieldType) -> ColumnElement[Any]:
    """The JSON value as its SQL type, or NULL. CASE keeps PostgreSQL from converting what was not tested first."""
    kind = sa.func.jsonb_typeof(value)
    text = value.op("#>>", return_type=Text())(sa.literal_column("'{}'::text[]"))

    def shaped(form: str) -> Predicate:
        return sa.and_(kind == "string", text.regexp_match(f"^({form})$"))

    def valid(form: str, name: str) -> Predicate:
        return sa.case((shaped(form), sa.func.pg_input_is_valid(text, sa.literal(name, Text()))), else_=False)

    match field_type:
        case FieldType.BOOLEAN:
            return sa.case((kind == "boolean", sa.cast(text, sa.Boolean)))
        case FieldType.INTEGER | FieldType.DECIMAL | FieldType.MONEY:
            return sa.case((sa.or_(kind == "number", shaped(values.NUMBER)), sa.cast(text, sa.Numeric)))
        case FieldType.INSTANT:
            moment = sa.cast(text, _TYPES[FieldType.INSTANT])
            known = moment < sa.literal_column("'10000-01-01T00:00:00Z'::timestamptz")  # Python ends there
            return sa.case((valid(values.INSTANT, "timestamptz"), sa.case((known, moment))))
        case FieldType.DATE:
            return sa.case((valid(values.DATE, "date"), text))
        case FieldType.UUID:
            return sa.case((shaped(values.UUID_FORM), sa.cast(text, sa.Uuid)))
    return sa.case((kind == "string", text))


def _iso(value: Value, clock: Clock | None) -> Value:
    if isinstance(value, tuple):
        return tuple(str(_resolved(FieldType.DATE, item, clock)) for item in value)
    return None if value is None else str(_resolved(FieldType.DATE, value, clock))


def _resolved(field_type: FieldType, value: Any, clock: Clock | None) -> Any:
    moving = resolver(field_type, value, clock)
    return moving() if moving else value


def _bind(field_type: FieldType, value: Any, clock: Clock | None) -> ColumnElement[Any]:
    return sa.literal(_resolved(field_type, value, clock), _TYPES.get(field_type, Text()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
