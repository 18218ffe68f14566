"""Entity or row -> message, by functions generated for each binding: one call of the message's constructor.

The constructor takes plain values in C; setting field by field costs four times as much, and lists render thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import Any, Protocol
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from sqlalchemy import DateTime, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from tercet_chassis.contract import message_class
from tercet_chassis.entity import Entity, untracked
from tercet_chassis.instants import moment_of, seconds_and_nanos
from tercet_chassis.money import Money

# From an entity or row, the reader of nested messages, and what makes the message of plain values.
_Render = Callable[[Any, Callable[[type[Message], Any], Any], Callable[..., Any]], Message]
_EPOCH, _NAIVE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001
# So long is a time to the microsecond.
_FINEST = len("2026-01-01T00:00:00.000000")
_DIALECT = dialect()  # type: ignore[no-untyped-call]
# PostgreSQL's number of the type numeric: without it, SQLAlchemy does not tell how a column's type reads values.
_NUMERIC = 1700


class Field(Protocol):
    """What is to be known of a field: its name in the message and on the entity, its descriptor and its kind."""

    @property
    def name(self) -> str: ...
    @property
    def descriptor(self) -> Any: ...
    @property
    def kind(self) -> str: ...


def plain_text(value: Any) -> str | None:
    """A value of a text field as its text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _time(value: datetime | int | None) -> dict[str, int] | None:
    if value is None:
        return None
    if isinstance(value, int):
        return seconds_and_nanos(value)
    since = value - (_EPOCH if value.tzinfo is not None else _NAIVE_EPOCH)
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1_000}


def _money(value: Money | None) -> dict[str, str] | None:
    return None if value is None else {"currency_code": value.currency, "amount": value.text()}


def _amount(amount: Decimal | None, currency: str | None) -> dict[str, str] | None:
    return None if amount is None or currency is None else _money(Money(amount, currency))


def _external(system: str | None, id: str | None) -> dict[str, str | None] | None:
    return None if system is None else {"system": system, "id": id}


def _items(values: Any) -> list[Any] | None:
    return [plain_text(value) if isinstance(value, UUID | date) else value for value in values] if values else None


def instant(text: str) -> dict[str, int]:
    """A protobuf Timestamp's fields from its JSON form. Raises what is finer than a microsecond or without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or len(text.removesuffix("Z").removesuffix("+00:00")) > _FINEST:
        raise ValueError("a time in a form of its own")
    return _time(moment) or {}


def _fitted(make: type[Message], value: Any) -> Any:
    """A nested message as the constructor takes it, which knows no times and no 64-bit numbers in the form of JSON."""
    fit = _fit_of(make.DESCRIPTOR) if value else None
    if fit is None:
        return value
    return [fit(item) for item in value] if isinstance(value, list) else fit(value)


@cache
def _fit_of(kind: Any) -> Callable[[Any], Any] | None:
    """What makes stored JSON of this type fit; None where it does already."""
    if kind.full_name == "google.protobuf.Timestamp":
        return instant
    ways: dict[str, Callable[[Any], Any]] = {}
    for field in kind.fields:
        # What refers to itself, and maps, are left to the parser.
        inner = field.message_type
        simple = inner is not None and not inner.GetOptions().map_entry and not _reaches(inner, kind)
        way = _fit_of(inner) if simple else None
        if way is not None:
            ways[field.name] = _each(way) if field.is_repeated else way
    return partial(_fit, ways) if ways else None


def _reaches(kind: Any, wanted: Any, seen: frozenset[str] = frozenset()) -> bool:
    if kind.full_name == wanted.full_name or kind.full_name in seen:
        return True
    inner = [field.message_type for field in kind.fields if field.message_type is not None]
    return any(_reaches(one, wanted, seen | {kind.full_name}) for one in inner)


def _each(way: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [way(value) for value in values]


def _fit(ways: Mapping[str, Callable[[Any], Any]], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: ways[key](item) if key in ways and item is not None else item for key, item in value.items()}


def _parsed(make: type[Message], value: Any) -> Any:
    """A nested message by the JSON parser: whatever the constructor does not take, fields of an older contract."""
    if isinstance(value, list):
        return [json_format.ParseDict(item, make(), ignore_unknown_fields=True) for item in value]
    return None if value is None else json_format.ParseDict(value, make(), ignore_unknown_fields=True)


def _knowing(message: type[Message], make: Callable[..., Any]) -> Callable[..., Any]:
    """Makes the message with no word of an enum that this version does not know: a newer one wrote it, and shares the
    database during an upgrade.
    """
    enums = {field.name: field.enum_type.values_by_name for field in message.DESCRIPTOR.fields if field.enum_type}

    def made(**values: Any) -> Any:
        for name in enums.keys() & values.keys():
            if isinstance(values[name], str) and values[name] not in enums[name]:
                values[name] = None
            elif isinstance(values[name], list):
                values[name] = [word for word in values[name] if word in enums[name]]
        return make(**values)

    return made


def _fill_map(target: Any, values: Mapping[str, Any] | None) -> None:
    for key, value in (values or {}).items():
        json_format.ParseDict(value, target[key], ignore_unknown_fields=True)


class Rendering:
    """The functions of one binding."""

    def __init__(self, entity: type[Entity], message: type[Message], fields: Mapping[str, Field]) -> None:
        self.entity, self._message, self._fields = entity, message, fields

    @cached_property
    def of_entity(self) -> Callable[[Any], Message]:
        """Renders an entity."""
        sources = [(field, _of_entity(field)) for field in self._fields.values()]
        return _single(_compiled(self._message, sources), self._message)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that `of_row` wants, in their order; the id is always among them."""
        names = {"id": None}
        for field in self._fields.values():
            names |= dict.fromkeys(self._columns_of(field))
        return tuple(names)

    @cached_property
    def of_row(self) -> Callable[[Any], Message]:
        """Renders a row of these columns, as the driver gives them."""
        return _single(self._render_row, self._message)

    def rows_into(self, target: Any, rows: Sequence[Any]) -> None:
        """Renders rows into an empty repeated field: made where they stay, they are not copied there."""
        render, add = self._render_row, target.add
        for index, row in enumerate(rows):
            try:
                render(row, _fitted, add)
            except (TypeError, ValueError):
                del target[index:]
                render(row, _parsed, _knowing(self._message, add))

    @cached_property
    def _render_row(self) -> _Render:
        sources = [(field, self.of_field(field)) for field in self._fields.values()]
        return _compiled(self._message, sources, twin=self.twin)

    @cached_property
    def places(self) -> dict[str, str]:
        """Source text of each column in a row."""
        return {name: f"o[{index}]" for index, name in enumerate(self.columns)}

    def _columns_of(self, field: Field) -> list[str]:
        mapper = self.entity.__mapper__
        if field.kind == "external":
            return ["external_system", "external_id"]
        if field.name in mapper.composites:
            return [column.key for column in mapper.composites[field.name].columns]
        if field.name in mapper.column_attrs:
            return [mapper.column_attrs[field.name].columns[0].key]
        if self._is_etag(field):
            return ["row_version"]
        # A property may look at anything.
        return [attribute.columns[0].key for attribute in mapper.column_attrs if not attribute.deferred]

    def _is_etag(self, field: Field) -> bool:
        return field.name == "etag" and self.entity.etag is Entity.etag

    def of_field(self, field: Field) -> str:
        """Source text of what the message's constructor takes for a field of a row."""
        whole = self.whole(field)
        if whole is not None:
            return whole
        column = self.entity.__mapper__.column_attrs.get(field.name)
        source = self.source(field)
        if column is None:
            return _shaped(field, source)
        kind = column.columns[0].type
        if field.kind == "text" and isinstance(kind, Uuid):
            return source
        plain = isinstance(kind, String) if field.kind == "text" else isinstance(kind, JSONB) and field.kind == "list"
        return source if plain and source.startswith("o[") else _shaped(field, source)

    def whole(self, field: Field) -> str | None:
        """Source text of what several columns, or the row's version, are together; None for any other field."""
        sources = [self.places[name] for name in self._columns_of(field)]
        if field.kind == "external":
            return f"external({', '.join(sources)})"
        if field.name in self.entity.__mapper__.composites:
            return f"amount({', '.join(sources)})"
        return f"str({sources[0]})" if self._is_etag(field) else None

    def source(self, field: Field) -> str:
        """Source text of a field's value as the entity would have it."""
        column = self.entity.__mapper__.column_attrs.get(field.name)
        if column is None:
            return f"twin(o).{field.name}"
        source, kind = self.places[column.columns[0].key], column.columns[0].type
        if field.kind == "text" and isinstance(kind, Uuid):
            return f"None if {source} is None else str({source})"
        read = kind.dialect_impl(_DIALECT).result_processor(_DIALECT, _NUMERIC) if not isinstance(kind, JSONB) else None
        return source if read is None else f"{_known(read)}({source})"

    @cached_property
    def twin(self) -> Callable[[Any], Entity]:
        """A row as an entity that no session tracks, for what only a property of it knows."""
        mapper, index = self.entity.__mapper__, {name: number for number, name in enumerate(self.columns)}
        names = {one.key: index[key] for one in mapper.column_attrs if (key := one.columns[0].key) in index}
        times = [name for name in names if isinstance(mapper.column_attrs[name].columns[0].type, DateTime)]
        composites = {
            name: (one.composite_class, [index[column.key] for column in one.columns])
            for name, one in mapper.composites.items()
            if all(column.key in index for column in one.columns)
        }

        def twin(row: Any) -> Entity:
            values = {name: row[at] for name, at in names.items()}
            for name in times:
                values[name] = moment_of(values[name])
            for name, (make, parts) in composites.items():
                values[name] = make(*(row[at] for at in parts))
            shown: Entity = untracked(self.entity)(**values)
            return shown

        return twin


NAMES: dict[str, Any] = {
    "text": plain_text,
    "time": _time,
    "money": _money,
    "amount": _amount,
    "external": _external,
    "items": _items,
    "fill_map": _fill_map,
}


def _known(value: Any) -> str:
    name = f"x{id(value)}"
    NAMES[name] = value
    return name


def _of_entity(field: Field) -> str:
    if field.kind == "external":
        return "external(o.external_system, o.external_id)"
    return _shaped(field, f"o.{field.name}")


def _shaped(field: Field, source: str) -> str:
    """Source text of the value that the constructor takes."""
    match field.kind:
        case "text" | "time" | "money":
            return f"{field.kind}({source})"
        case "list":
            return f"items({source})"
        case "enum":
            return f"{source} or None"
        case "message" | "messages":
            return f"nested({_known(message_class(field.descriptor.message_type.full_name))}, {source})"
    return source


def _is_map_of_messages(field: Field) -> bool:
    return field.kind == "map" and field.descriptor.message_type.fields_by_name["value"].message_type is not None


def _compiled(
    message: type[Message], sources: list[tuple[Field, str]], twin: Callable[[Any], Entity] | None = None
) -> _Render:
    given: list[str] = []
    later: list[str] = []
    for field, source in sources:
        if field.kind == "struct":
            # Not in the constructor, which takes a key named `fields` for its own.
            later.append(f" v = {source}\n if v: getattr(m, {field.name!r}).update(v)")
        elif _is_map_of_messages(field):
            later.append(f" fill_map(getattr(m, {field.name!r}), {source})")
        else:
            given.append(f"  {field.name!r}: {source},")
    body = "\n".join(["def render(o, nested, make):", " m = make(**{", *given, " })", *later, " return m"])
    names = {**NAMES, "twin": twin}
    exec(compile(body, f"<rendering of {message.DESCRIPTOR.full_name}>", "exec"), names)
    render: _Render = names["render"]
    return render


def _single(render: _Render, make: type[Message]) -> Callable[[Any], Message]:
    def rendered(source: Any) -> Message:
        try:
            return render(source, _fitted, make)
        except (TypeError, ValueError):
            # JSON that the constructor does not take: the parser does, or says what is wrong.
            return render(source, _parsed, _knowing(make, make))

    return rendered
