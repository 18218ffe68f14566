"""Messages: a row read past the session and its entity look the same, for every resource of every service."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Boolean, Date, DateTime, Float, Integer, Numeric, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, dialect

from tercet_chassis import instants
from tercet_chassis.binding import Binding

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
        assert fields.of_row([number_of(value) for value in row]) == fields.of_entity(entity)
