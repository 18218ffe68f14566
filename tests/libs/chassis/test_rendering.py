"""Messages: a row read past the session and its entity look the same, for every resource of every service."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID

import orjson
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import Boolean, Date, DateTime, Float, Integer, Numeric, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, dialect

from tercet_chassis import instants
from tercet_chassis.binding import Binding
from tercet_chassis.json_encoder import Encoder, map_entry

_F = FieldDescriptor
ENCODER = Encoder()
DIALECT = dialect()  # type: ignore[no-untyped-call]
SERVICES = ("gateway", "leads", "marketing", "sales", "service_desk")


def bindings() -> Iterator[Binding]:
    for name in SERVICES:
        yield from import_module(f"tercet_{name}.app").service.assemble().bindings.all()


def value_of(column: Any, field: Any, draw: random.Random) -> Any:
    kind = column.type
    if column.nullable and draw.random() < 0.3:
        return None
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, ARRAY | JSONB):
        return column.default.arg(None) if column.default is not None and column.default.is_callable else None
    if field is not None and field.enum_type is not None:
        return draw.choice([value.name for value in field.enum_type.values if value.number])
    if isinstance(kind, Uuid):
        return UUID(int=draw.getrandbits(128))
    if isinstance(kind, Boolean):
        return draw.random() < 0.5
    if isinstance(kind, Integer):
        return draw.randrange(1_000)
    if isinstance(kind, Float):
        return draw.random()
    if isinstance(kind, Numeric):
        return Decimal(draw.randrange(1_000_000)).scaleb(-draw.randrange(5))
    if isinstance(kind, DateTime):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=draw.randrange(10**13))
    if isinstance(kind, Date):
        return date(1990, 1, 1) + timedelta(days=draw.randrange(20_000))
    if column.name.endswith("_currency"):
        return "CNY"
    return draw.choice(["王芳", "O'Brien", "", "a" * 30]) if isinstance(kind, Text) else "x"


def loaded(column: Any, value: Any) -> Any:
    """The value as a session gives it."""
    if isinstance(column.type, TypeDecorator):
        return column.type.process_result_value(value, DIALECT)
    return value


def number_of(value: Any) -> Any:
    return instants._encoded(value)[0] if isinstance(value, datetime) else value


def full(kind: Any, draw: random.Random, depth: int) -> Any:
    """A message with most fields set."""
    message: Any = GetMessageClass(kind)()
    if kind.full_name == "google.protobuf.Struct":
        message.update({"a": draw.choice([5.0, 2.5, 2.0**60, "王", True, None]), "b": [1, {"c": 2}], "d": {}})
        return message
    for field in kind.fields:
        if draw.random() < 0.15 or (field.message_type is not None and depth == 0):
            continue
        entry = map_entry(field)
        if entry is not None:
            value = entry.fields_by_name["value"]
            for key in ("k", "王") if entry.fields_by_name["key"].type == _F.TYPE_STRING else ():
                if value.message_type is not None:
                    getattr(message, field.name)[key].CopyFrom(full(value.message_type, draw, depth - 1))
                else:
                    getattr(message, field.name)[key] = scalar(value, draw)
        elif field.message_type is not None:
            made = [full(field.message_type, draw, depth - 1) for _ in range(2)]
            if field.is_repeated:
                getattr(message, field.name).extend(made)
            else:
                getattr(message, field.name).CopyFrom(made[0])
        elif field.is_repeated:
            getattr(message, field.name).extend(scalar(field, draw) for _ in range(2))
        else:
            setattr(message, field.name, scalar(field, draw))
    return message


def scalar(field: FieldDescriptor, draw: random.Random) -> Any:
    if field.enum_type is not None:
        return draw.choice([value.number for value in field.enum_type.values])
    match field.type:
        case _F.TYPE_STRING:
            return str(UUID(int=draw.getrandbits(128)))
        case _F.TYPE_BYTES:
            return draw.randbytes(3)
        case _F.TYPE_BOOL:
            return draw.random() < 0.5
        case _F.TYPE_DOUBLE | _F.TYPE_FLOAT:
            return draw.choice([0.5, 3.0, float("inf")])
    return draw.randrange(1_000)


def same_as_json(binding: Binding, row: list[Any]) -> dict[str, Any]:
    """The JSON of a row, after a look whether it is its message's, to the byte but for the order of maps."""
    message: Any = binding.rendering.of_row(row)
    shown, expected = binding.json.show(row), ENCODER.of(message.DESCRIPTOR)(message)
    assert list(shown) == list(expected)
    assert orjson.dumps(shown, option=orjson.OPT_SORT_KEYS) == orjson.dumps(expected, option=orjson.OPT_SORT_KEYS)
    return shown


def test_a_time_is_the_same_after_having_been_a_number() -> None:
    for moment in (datetime(1, 1, 2, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, 999999, UTC), datetime.now(UTC)):
        assert instants.moment_of(number_of(moment)) == moment
    assert instants.moment_of(None) is None


@pytest.mark.parametrize("binding", [pytest.param(one, id=one.type_name) for one in bindings()])
def test_row_and_entity_render_alike(binding: Binding) -> None:
    table, fields = binding.entity.__table__, binding.rendering
    for seed in range(20):
        draw = random.Random(seed)
        known = {name: bound.descriptor for name, bound in binding.fields.items()}
        values = {column.name: value_of(column, known.get(column.name), draw) for column in table.columns}
        for amount in [name for name in values if name.endswith("_amount")]:
            # An amount and its currency are there together or not at all.
            if values[amount] is None or values.get(amount.removesuffix("_amount") + "_currency") is None:
                values[amount] = values[amount.removesuffix("_amount") + "_currency"] = None
        entity = binding.entity(
            **{
                attribute.key: loaded(attribute.columns[0], values[attribute.columns[0].name])
                for attribute in binding.entity.__mapper__.column_attrs
                if not attribute.deferred
            }
        )
        for name, composite in binding.entity.__mapper__.composites.items():
            setattr(entity, name, composite.composite_class(*(values[column.name] for column in composite.columns)))
        row = [values[name] for name in fields.columns]
        assert fields.of_row(row) == fields.of_entity(entity)
        # As lists and gets read them: times are numbers.
        row = [number_of(value) for value in row]
        assert fields.of_row(row) == fields.of_entity(entity)
        same_as_json(binding, row)


@pytest.mark.parametrize("binding", [pytest.param(one, id=one.type_name) for one in bindings()])
def test_json_of_a_row_is_the_json_of_its_message(binding: Binding) -> None:
    """With everything that JSON columns may hold: what a message with every field would leave in them."""
    columns = binding.entity.__table__.columns
    for seed in range(12):
        draw = random.Random(seed)
        message = full(binding.message.DESCRIPTOR, draw, depth=3)
        values = {column.name: value_of(column, None, draw) for column in columns}
        for name, bound in binding.fields.items():
            column = columns.get(name)
            if bound.descriptor.enum_type is not None and bound.kind == "enum" and column is not None:
                values[name] = value_of(column, bound.descriptor, draw)
            if column is not None and isinstance(column.type, ARRAY | JSONB) and bound.read is not None:
                values[name] = bound.read(message) if draw.random() < 0.9 else None
        for amount in [name for name in values if name.endswith("_amount")]:
            values[amount.removesuffix("_amount") + "_currency"] = None if values[amount] is None else "CNY"
        same_as_json(binding, [number_of(values[name]) for name in binding.rendering.columns])


def test_what_another_release_stored_goes_through_a_message() -> None:
    """A key in the JSON form's own case, a number as text, a name that is gone: shown as a message shows it."""
    binding = next(one for one in bindings() if one.type_name == "tercet.leads.v1.Lead")
    row: list[Any] = [None] * len(binding.rendering.columns)
    at = binding.rendering.columns.index("contributions")
    row[at] = [{"ruleCode": "a", "points": "5", "gone": 1}]
    (shown,) = same_as_json(binding, row)["contributions"]
    assert (shown["rule_code"], shown["points"]) == ("a", 5)


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("2026-11-23T06:35:56Z", 1795415756, 0),
        ("2026-11-23T06:35:56.019362Z", 1795415756, 19_362_000),
        ("2026-11-23T06:35:56.019362+00:00", 1795415756, 19_362_000),
        ("2026-11-23T14:35:56.5+08:00", 1795415756, 500_000_000),
        ("2026-11-23T06:35:56.019362123Z", 1795415756, 19_362_123),
    ],
)
def test_times_inside_json_columns_are_read_to_the_nanosecond(text: str, seconds: int, nanos: int) -> None:
    binding = next(one for one in bindings() if one.type_name == "tercet.servicedesk.v1.Ticket")
    row: list[Any] = [None] * len(binding.rendering.columns)
    row[binding.rendering.columns.index("clocks")] = [{"kind": "SOLVE", "begin_time": text}, {"kind": "SOLVE"}]
    ticket: Any = binding.rendering.of_row(row)
    first, second = ticket.clocks
    assert (first.begin_time.seconds, first.begin_time.nanos) == (seconds, nanos)
    assert not second.HasField("begin_time")
    same_as_json(binding, row)
