"""Lists: filter, order, free text, the caller's reach and a keyset page, read through the owner's view so that
indexes work.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from google.protobuf.message import Message
from sqlalchemy import (
    ColumnElement,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from tercet_chassis import custom_fields
from tercet_chassis.binding import Binding, Bound
from tercet_chassis.entity import Custom, Entity, Searchable, untracked, view
from tercet_chassis.errors import ConditionInvalid, PageTokenInvalid, Violation
from tercet_chassis.principal import hides
from tercet_chassis.scopes import reach
from tercet_chassis.search import query_expression
from tercet_conditions import Clock, ConditionError, Field, FieldType, OrderBy, Schema, parse_order_by, parse_text
from tercet_conditions.sql import SqlColumn, compile_sql

if TYPE_CHECKING:
    from tercet_chassis.transaction import Tx

DEFAULT_PAGE, LARGEST_PAGE = 50, 500
COUNTED_UP_TO = 10_000
_PARSE = {UUID: UUID, datetime: datetime.fromisoformat, date: date.fromisoformat, Decimal: Decimal}
_PYTHON_TYPES = {
    UUID: FieldType.UUID,
    date: FieldType.DATE,
    Decimal: FieldType.DECIMAL,
    int: FieldType.INTEGER,
    float: FieldType.DECIMAL,
    bool: FieldType.BOOLEAN,
}


def _field_type(binding: Binding, bound: Bound) -> tuple[FieldType, tuple[str, ...]] | None:
    match bound.kind:
        case "enum":
            enum: Any = bound.descriptor.enum_type
            return FieldType.ENUM, tuple(value.name for value in enum.values)
        case "time":
            return FieldType.INSTANT, ()
        case "list" | "enums":
            return FieldType.LIST, ()
        case "text" | "scalar":
            mapped = binding.entity.__mapper__.columns.get(bound.name)
            if mapped is None:
                return None
            try:
                return _PYTHON_TYPES.get(mapped.type.python_type, FieldType.TEXT), ()
            except NotImplementedError:
                return FieldType.TEXT, ()
    return None


@cache
def _fields(binding: Binding, masks: frozenset[str]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for bound in binding.fields.values():
        open_ = not hides(masks, bound.personal)
        if bound.kind == "money":
            fields[f"{bound.name}.amount"] = Field(FieldType.MONEY, filterable=open_, sortable=open_)
            fields[f"{bound.name}.currency_code"] = Field(FieldType.TEXT, filterable=open_, sortable=open_)
        elif bound.kind == "external":
            fields["external_ref.system"] = fields["external_ref.id"] = Field(FieldType.TEXT)
        elif (typed := _field_type(binding, bound)) is not None:
            fields[bound.name] = Field(typed[0], values=typed[1], filterable=open_, sortable=open_)
    return fields


async def schema_of(tx: Tx, entity: type[Entity]) -> Schema:
    """The paths that this caller may filter and sort this kind of resource by."""
    masks = tx.principal.masks
    custom = None
    if issubclass(entity, Custom):
        known = await custom_fields.definitions(tx, entity)

        def custom(key: str) -> Field | None:
            return custom_fields.condition_field(known[key], masks) if key in known else None

    return Schema(_fields(tx.runtime.bindings.of(entity), masks), custom=custom, search=issubclass(entity, Searchable))


def _resolver(columns: Any, table: Any) -> Any:
    def resolve(path: str) -> SqlColumn:
        if path.startswith("custom."):
            return SqlColumn(columns.custom, key=path.removeprefix("custom."))
        name = {".amount": "_amount", ".currency_code": "_currency"}
        for suffix, replacement in name.items():
            if path.endswith(suffix):
                path = path.removesuffix(suffix) + replacement
        path = {"external_ref.system": "external_system", "external_ref.id": "external_id"}.get(path, path)
        return SqlColumn(table.c[path], nullable=bool(table.c[path].nullable))

    return resolve


def text_matches(tx: Tx, entity: type[Entity], text: str) -> ColumnElement[bool]:
    """Rows whose search words hold all words of `text`, in fields that are not masked for the caller.

    A text without letters or digits finds everything.
    """
    classes = tx.runtime.bindings.of(entity).search_classes(tx.principal.masks)
    query = query_expression(text, classes)
    return view(entity).c.search.op("@@")(cast(literal(query, Text), TSQUERY)) if query else literal(True)


async def page(tx: Tx, entity: type[Entity], request: Any, response: type[Message], where: Sequence[Any]) -> Any:
    """One page as the list's response. Refuses a filter or order that does not parse, and a page token of another
    query.
    """
    names = request.DESCRIPTOR.fields_by_name
    source = view(entity)
    schema = await schema_of(tx, entity)
    conditions: list[Any] = [reach(entity, source.c, tx.principal, tx.context.permission), *where]
    clock = Clock(tx.now, ZoneInfo(tx.principal.zone or "UTC"))
    order: tuple[OrderBy, ...] = ()
    try:
        if "filter" in names and request.filter:
            tree = parse_text(request.filter, schema)
            conditions.append(
                compile_sql(
                    tree,
                    schema,
                    _resolver(source.c, source),
                    clock=clock,
                    search=lambda text: text_matches(tx, entity, text),
                )
            )
    except ConditionError as wrong:
        raise _refusal("filter", wrong) from wrong
    try:
        if "order_by" in names and request.order_by:
            order = parse_order_by(request.order_by, schema)
    except ConditionError as wrong:
        raise _refusal("order_by", wrong) from wrong
    if "q" in names and request.q and issubclass(entity, Searchable):
        conditions.append(text_matches(tx, entity, request.q))
    keys = _order_keys(order, source, schema)
    digest = _digest(tx, entity, request, names)
    total = await _count(tx, source, conditions) if "count" in names and request.count else None
    if "page_token" in names and request.page_token:
        conditions.append(_after(keys, _read_token(tx, request.page_token, digest, len(keys))))
    size = min(max(request.page_size, 0) or DEFAULT_PAGE, LARGEST_PAGE) if "page_size" in names else DEFAULT_PAGE
    extra = [key.expression.label(f"key_{at}") for at, key in enumerate(keys) if not key.column]
    names = _attributes(entity)
    columns = [source.c[column] for column in names.values()]
    # In clear: behind a parameter the planner expects a tenth of the table and sorts it instead of walking an index.
    few: Any = literal_column(str(size + 1))
    query = select(*columns, *extra).where(*conditions).order_by(*(key.ordered() for key in keys)).limit(few)
    found = (await tx.session.execute(query)).all()
    answer: Any = response()
    items = getattr(answer, _resources_field(answer))
    binding = tx.runtime.bindings.of(entity)
    for row in found[:size]:
        items.append(binding.render(_shown(entity, dict(zip(names, row, strict=False)))))
    if len(found) > size:
        answer.next_page_token = _token(tx, digest, [key.value(found[size - 1], at) for at, key in enumerate(keys)])
    if total is not None and "total_size" in answer.DESCRIPTOR.fields_by_name:
        answer.total_size = total
    return answer


async def by_ids(tx: Tx, entity: type[Entity], ids: Sequence[str]) -> dict[str, Message]:
    """Messages by the ids as they were given, of the rows in the caller's reach; what is no id finds nothing.

    Two spellings of an id share a message: whoever answers with it copies it, since replies are masked in place.
    """
    keys: dict[str, UUID] = {}
    for given in ids:
        with suppress(ValueError):
            keys[given] = UUID(given)
    names, source = _attributes(entity), view(entity)
    inside = reach(entity, source.c, tx.principal, tx.context.permission)
    query = select(*(source.c[column] for column in names.values())).where(source.c.id.in_(keys.values()), inside)
    binding = tx.runtime.bindings.of(entity)
    found = {
        row.id: binding.render(_shown(entity, dict(zip(names, row, strict=True))))
        for row in (await tx.session.execute(query)).all()
    }
    return {given: found[key] for given, key in keys.items() if key in found}


@cache
def _attributes(entity: type[Entity]) -> dict[str, str]:
    """Attribute -> column of what a list reads: all but the search words."""
    mapped = entity.__mapper__.column_attrs
    return {attribute.key: attribute.columns[0].key for attribute in mapped if not attribute.deferred}


def _shown(entity: type[Entity], values: dict[str, Any]) -> Entity:
    """A row for rendering only: no session will ever see it, so nothing of it is tracked."""
    for name, composite in entity.__mapper__.composites.items():
        values[name] = composite.composite_class(*(values[attribute] for attribute in _parts(entity, name)))
    shown: Entity = untracked(entity)(**values)
    return shown


@cache
def _parts(entity: type[Entity], composite: str) -> list[str]:
    mapper = entity.__mapper__
    return [mapper.get_property_by_column(column).key for column in mapper.composites[composite].columns]


def _refusal(field: str, wrong: ConditionError) -> ConditionInvalid:
    return ConditionInvalid(
        detail=str(wrong),
        violations=[Violation(field, str(problem.reason), str(problem)) for problem in wrong.problems],
    )


def _resources_field(answer: Any) -> Any:
    return next(
        field.name for field in answer.DESCRIPTOR.fields if field.message_type is not None and field.is_repeated
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """One sort key. `column` is empty for a custom field, whose value is selected beside the row."""

    expression: Any
    descending: bool
    column: str
    nullable: bool

    def ordered(self) -> Any:
        """The sort order; missing values come last in both directions."""
        expression = self.expression.desc() if self.descending else self.expression.asc()
        return expression.nulls_last() if self.nullable and self.descending else expression

    def literal(self, value: Any) -> Any:
        """A value of the page token as a parameter of the column's type."""
        kind = self.expression.type.python_type
        parse: Any = _PARSE.get(kind) if isinstance(value, str) else None
        return literal(parse(value) if parse else value, self.expression.type)

    def value(self, row: Any, at: int) -> Any:
        """The row's value of this key."""
        if not self.column:
            return getattr(row, f"key_{at}")
        return getattr(row, self.column)


def _order_keys(order: Sequence[OrderBy], source: Any, schema: Schema) -> list[_Key]:
    """The sort keys; the id makes the order total."""
    resolve = _resolver(source.c, source)
    keys: list[_Key] = []
    for item in order:
        spot = resolve(item.path)
        if spot.key is not None:
            numeric = schema[item.path].type in (FieldType.INTEGER, FieldType.DECIMAL)
            text = spot.expression[spot.key].astext
            keys.append(_Key(_number(text) if numeric else text, item.descending, "", True))
        else:
            keys.append(_Key(spot.expression, item.descending, spot.expression.key, bool(spot.expression.nullable)))
    descending = keys[-1].descending if keys else True
    return [*keys, _Key(source.c.id, descending, "id", False)]


def _number(text: Any) -> Any:
    return case((text.op("~")(r"^-?\d+(\.\d+)?$"), cast(text, Numeric)))


def _after(keys: Sequence[_Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind the last one of the page before: in every key order, missing values last."""
    if not any(key.nullable for key in keys) and len({key.descending for key in keys}) == 1:
        # One comparison of rows, which an index on these columns can start from.
        here = tuple_(*(key.expression for key in keys))
        last = tuple_(*(key.literal(value) for key, value in zip(keys, values, strict=True)))
        return here < last if keys[0].descending else here > last
    options: list[Any] = []
    same: list[Any] = []
    for key, value in zip(keys, values, strict=True):
        if value is None:
            same.append(key.expression.is_(None))
            continue
        typed = key.literal(value)
        later = key.expression < typed if key.descending else key.expression > typed
        options.append(and_(*same, or_(later, key.expression.is_(None)) if key.nullable else later))
        same.append(key.expression == typed)
    return or_(*options)


def _digest(tx: Tx, entity: type[Entity], request: Any, names: Any) -> str:
    plain = type(request)()
    plain.CopyFrom(request)
    for name in ("page_token", "page_size", "count"):
        if name in names:
            plain.ClearField(name)
    seed = f"{tx.tenant_id}|{entity.__tablename__}|{tx.principal.subject}|".encode() + plain.SerializeToString(
        deterministic=True
    )
    return hashlib.sha256(seed).hexdigest()[:20]


def _token(tx: Tx, digest: str, values: Sequence[Any]) -> str:
    body = orjson.dumps([digest, list(values)], default=str)
    mark = hmac.digest(tx.runtime.secret, b"page|" + body, "sha256")[:12]
    return base64.urlsafe_b64encode(mark + body).decode().rstrip("=")


def _read_token(tx: Tx, token: str, digest: str, count: int) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        mark, body = raw[:12], raw[12:]
        if not hmac.compare_digest(mark, hmac.digest(tx.runtime.secret, b"page|" + body, "sha256")[:12]):
            raise PageTokenInvalid
        known, values = orjson.loads(body)
    except (ValueError, TypeError) as wrong:
        raise PageTokenInvalid from wrong
    if known != digest or len(values) != count:
        raise PageTokenInvalid
    return list(values)


async def _count(tx: Tx, source: Any, conditions: Sequence[Any]) -> int:
    some = select(source.c.id).where(*conditions).limit(COUNTED_UP_TO).subquery()
    return int((await tx.session.execute(select(func.count()).select_from(some))).scalar_one())
