"""Lists: filter, order, free text, the caller's reach and a keyset page, read through the owner's view so that
indexes work.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from sqlalchemy import ColumnElement, Select, Text, any_, bindparam, cast, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.types import Uuid

from tercet_chassis import keyset
from tercet_chassis.binding import Binding, Bound
from tercet_chassis.conditions import own_fields
from tercet_chassis.entity import Custom, Entity, Searchable, view
from tercet_chassis.errors import ConditionInvalid
from tercet_chassis.keyset import Key
from tercet_chassis.principal import Principal, hides
from tercet_chassis.readers import ById
from tercet_chassis.row_json import JsonReply, page_json
from tercet_chassis.scopes import reach
from tercet_chassis.search import query_expression
from tercet_conditions import Clock, ConditionError, Field, FieldType, OrderBy, Schema, parse_order_by, parse_text
from tercet_conditions.sql import SqlColumn, compile_sql

if TYPE_CHECKING:
    from tercet_chassis.host import Reading

DEFAULT_PAGE, LARGEST_PAGE = 50, 500
COUNTED_UP_TO = 10_000
# Half of what the edge takes: JSON is longer than the message, and no page may become unreadable by it.
LONGEST_JSON = 4 << 20
# Lists whose statement is kept: people look at the same few again and again.
_MOST_KEPT = 2_000
_DIALECT = dialect()  # type: ignore[no-untyped-call]
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


async def _schema(reading: Reading, entity: type[Entity], paths: str) -> Schema:
    """The paths that this caller may filter and sort this kind of resource by; the tenant's own only where the texts
    name one.
    """
    masks = reading.principal.masks
    custom = None
    if "custom" in paths and issubclass(entity, Custom):
        custom = (await own_fields(reading, entity.__tablename__, masks)).get
    fields = _fields(reading.runtime.bindings.of(entity), masks)
    return Schema(fields, custom=custom, search=issubclass(entity, Searchable))


def _resolver(table: Any) -> Callable[[str], SqlColumn]:
    def resolve(path: str) -> SqlColumn:
        if path.startswith("custom."):
            return SqlColumn(table.c.custom, key=path.removeprefix("custom."))
        name = {".amount": "_amount", ".currency_code": "_currency"}
        for suffix, replacement in name.items():
            if path.endswith(suffix):
                path = path.removesuffix(suffix) + replacement
        path = {"external_ref.system": "external_system", "external_ref.id": "external_id"}.get(path, path)
        return SqlColumn(table.c[path], nullable=bool(table.c[path].nullable))

    return resolve


def text_matches(reading: Reading, entity: type[Entity], text: str) -> ColumnElement[bool]:
    """Rows whose search words hold all words of `text`, in fields that are not masked for the caller.

    A text without letters or digits finds everything.
    """
    classes = reading.runtime.bindings.of(entity).search_classes(reading.principal.masks)
    query = query_expression(text, classes)
    return view(entity).c.search.op("@@")(cast(literal(query, Text), TSQUERY)) if query else literal(True)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A statement as the driver takes it."""

    text: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, statement: Select[Any]) -> Query:
        """Compiles a statement; parameters of its own that have no value yet are None."""
        compiled: Any = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        values = []
        for name in compiled.positiontup:
            value, bound = compiled.params[name], compiled.binds.get(name)
            process = bound.type.dialect_impl(_DIALECT).bind_processor(_DIALECT) if bound is not None else None
            values.append(process(value) if process is not None and value is not None else value)
        return cls(str(compiled), tuple(values))


@lru_cache(maxsize=_MOST_KEPT)
def by_ids(binding: Binding, principal: Principal, permission: str) -> ById:
    """The rows of a kind of resource that this caller may see."""
    source = view(binding.entity)
    wanted = source.c.id == any_(bindparam("ids", None, ARRAY(Uuid())))
    inside = reach(binding.entity, source.c, principal, permission)
    query = Query.of(select(_columns(binding)).select_from(source).where(wanted, inside))
    rendering = binding.rendering
    return ById(query.text, query.values[1:], rendering.of_row, rendering.columns.index("id"))


@cache
def _columns(binding: Binding) -> ColumnElement[Any]:
    """What of a row is shown, as one expression: that many columns one by one took half of a list's compilation."""
    source, quote = view(binding.entity), _DIALECT.identifier_preparer.quote
    names = (f"{source.fullname}.{quote(source.c[name].name)}" for name in binding.rendering.columns)
    return literal_column(", ".join(names))


@dataclass
class _Listing:
    """One list as it was asked for, on whatever page."""

    binding: Binding
    conditions: Sequence[Any]
    keys: Sequence[Key]
    size: int

    def query(self, values: Sequence[Any] | None = None) -> Query:
        """A page and one row more, behind the row with these values of the keys."""
        # In clear: behind a parameter the planner expects a tenth of the table and sorts that, past any index.
        few: Any = literal_column(str(self.size + 1))
        behind = [] if values is None else [keyset.after(self.keys, values)]
        beside = [key.expression for key in self.keys if not key.column]
        statement = select(_columns(self.binding), *beside).select_from(view(self.binding.entity))
        ordered = (key.ordered() for key in self.keys)
        return Query.of(statement.where(*self.conditions, *behind).order_by(*ordered).limit(few))

    @cached_property
    def first(self) -> Query:
        """The first page."""
        return self.query()

    @cached_property
    def count(self) -> Query:
        """How many there are, up to a limit."""
        some = select(view(self.binding.entity).c.id).where(*self.conditions).limit(COUNTED_UP_TO).subquery()
        return Query.of(select(func.count()).select_from(some))

    @cached_property
    def positions(self) -> list[int]:
        """Where the keys stand in a row."""
        columns = self.binding.rendering.columns
        beside = iter(range(len(columns), len(columns) + len(self.keys)))
        return [columns.index(key.column) if key.column else next(beside) for key in self.keys]


# Least recently used first. Whatever a statement follows from is in its key.
_kept: OrderedDict[tuple[Any, ...], _Listing] = OrderedDict()


async def page(
    reading: Reading, entity: type[Entity], request: Any, response: type[Message], where: Sequence[Any] = ()
) -> Message:
    """One page as the list's response. Refuses a filter or order that does not parse, and a page token of another
    query.
    """
    answer, binding, rows = await _page(reading, entity, request, response, where)
    binding.rendering.rows_into(getattr(answer, _resources_field(answer.DESCRIPTOR)), rows)
    return answer


async def page_as_json(
    reading: Reading, entity: type[Entity], request: Any, response: type[Message]
) -> Message | JsonReply:
    """The same page as JSON, or as the shorter message where it is long; for callers from whom nothing is hidden."""
    answer, binding, rows = await _page(reading, entity, request, response, ())
    show, field = binding.json.show, _resources_field(answer.DESCRIPTOR)
    reply = page_json(answer, field, [show(row) for row in rows])
    if len(reply.SerializeToString()) > LONGEST_JSON:
        binding.rendering.rows_into(getattr(answer, field), rows)
        return answer
    return reply


async def _page(
    reading: Reading, entity: type[Entity], request: Any, response: type[Message], where: Sequence[Any]
) -> tuple[Message, Binding, list[Any]]:
    listing = await _listing(reading, entity, request, where)
    secret, given = reading.runtime.secret, getattr(request, "page_token", "")
    digest = keyset.digest(f"{reading.tenant_id}|{entity.__tablename__}|{reading.principal.subject}", request)
    answer: Any = response()
    if getattr(request, "count", False) and "total_size" in answer.DESCRIPTOR.fields_by_name:
        answer.total_size = (await reading.fetch(listing.count.text, *listing.count.values))[0][0]
    query = listing.query(keyset.read_token(secret, given, digest, len(listing.keys))) if given else listing.first
    rows = await reading.rows(query.text, *query.values)
    if len(rows) > listing.size:
        last = rows[listing.size - 1]
        answer.next_page_token = keyset.token(secret, digest, [last[at] for at in listing.positions])
    return answer, listing.binding, rows[: listing.size]


async def _listing(reading: Reading, entity: type[Entity], request: Any, where: Sequence[Any]) -> _Listing:
    principal, permission = reading.principal, reading.context.permission
    binding = reading.runtime.bindings.of(entity)
    filter, order, q = (getattr(request, name, "") for name in ("filter", "order_by", "q"))
    size = min(max(getattr(request, "page_size", 0), 0) or DEFAULT_PAGE, LARGEST_PAGE)
    key = (binding, principal, permission, filter, order, q, size)
    known = _kept.get(key) if not where else None
    if known is not None:
        _kept.move_to_end(key)
        return known
    schema = await _schema(reading, entity, filter + order)
    asked = False

    def now() -> datetime:
        nonlocal asked
        asked = True
        return reading.now()

    source = view(entity)
    conditions = [reach(entity, source.c, principal, permission), *where]
    if filter:
        conditions.append(_filter(reading, entity, schema, filter, Clock(now, ZoneInfo(principal.zone or "UTC"))))
    if q and issubclass(entity, Searchable):
        conditions.append(text_matches(reading, entity, q))
    listing = _Listing(binding, conditions, keyset.keys_of(_order(order, schema), _resolver(source), schema), size)
    # What follows from the clock or from what the tenant defined is another statement the next time.
    if not where and not asked and schema.custom is None:
        _kept[key] = listing
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return listing


def _filter(reading: Reading, entity: type[Entity], schema: Schema, text: str, clock: Clock) -> ColumnElement[bool]:
    try:
        tree = parse_text(text, schema)
        return compile_sql(
            tree,
            schema,
            _resolver(view(entity)),
            clock=clock,
            search=lambda words: text_matches(reading, entity, words),
        )
    except ConditionError as wrong:
        raise ConditionInvalid.at("filter", wrong) from wrong


def _order(text: str, schema: Schema) -> tuple[OrderBy, ...]:
    try:
        return parse_order_by(text, schema) if text else ()
    except ConditionError as wrong:
        raise ConditionInvalid.at("order_by", wrong) from wrong


@cache
def _resources_field(response: Descriptor) -> str:
    return next(str(field.name) for field in response.fields if field.message_type is not None and field.is_repeated)
