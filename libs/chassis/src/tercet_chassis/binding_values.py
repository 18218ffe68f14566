"""How one kind of field is read from a message: text, numbers, times, money, lists, nested messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from tercet_chassis.entity import Entity
from tercet_chassis.money import Money


def _json(message: Message) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def struct_value(struct: Struct) -> dict[str, Any]:
    """A Struct as plain JSON; whole numbers stay whole."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value

    return {key: plain(value) for key, value in _json(struct).items()}


def money_value(message: Any) -> Money:
    """Reads an amount from a `tercet.type.v1.Money`."""
    return Money(Decimal(message.amount), message.currency_code)


def external_read(message: Any) -> tuple[str, str] | None:
    return (message.external_ref.system, message.external_ref.id) if message.HasField("external_ref") else None


def _read_text(name: str, field: Any, entity: type[Entity]) -> Callable[[Any], Any]:
    mapped = entity.__mapper__.columns[name]
    nullable = mapped.nullable
    try:
        python_type = mapped.type.python_type
    except NotImplementedError:
        python_type = str
    parsers: dict[Any, Callable[[str], Any]] = {UUID: UUID, date: date.fromisoformat, Decimal: Decimal}
    parse = parsers.get(python_type, str)

    def read(message: Any) -> Any:
        if field.has_presence and not message.HasField(name):
            return None
        text = getattr(message, name)
        return None if text == "" and (nullable or parse is not str) else parse(text)

    return read


def _read_scalar(name: str, field: Any, _: type[Entity]) -> Callable[[Any], Any]:
    if not field.has_presence:
        return lambda message: getattr(message, name)
    return lambda message: getattr(message, name) if message.HasField(name) else None


def _read_enum(name: str, field: Any, entity: type[Entity]) -> Callable[[Any], Any]:
    names = {value.number: value.name for value in field.enum_type.values}
    nullable = entity.__mapper__.columns[name].nullable

    def read(message: Any) -> Any:
        number = getattr(message, name)
        return None if number == 0 and nullable else names.get(number)

    return read


def _read_time(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def _read_money(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: money_value(getattr(message, name)) if message.HasField(name) else None


def _read_struct(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: struct_value(getattr(message, name)) if message.HasField(name) else {}


def _read_message(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: _json(getattr(message, name)) if message.HasField(name) else None


def _read_messages(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: [_json(item) for item in getattr(message, name)]


def _read_list(name: str, _: Any, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: list(getattr(message, name))


def _read_enums(name: str, field: Any, _: type[Entity]) -> Callable[[Any], Any]:
    names = {value.number: value.name for value in field.enum_type.values}
    return lambda message: [names[number] for number in getattr(message, name)]


def _read_map(name: str, field: Any, _: type[Entity]) -> Callable[[Any], Any]:
    nested = field.message_type.fields_by_name["value"].message_type is not None
    return lambda message: {key: _json(v) if nested else v for key, v in getattr(message, name).items()}


READ = {
    "text": _read_text,
    "scalar": _read_scalar,
    "enum": _read_enum,
    "time": _read_time,
    "money": _read_money,
    "struct": _read_struct,
    "message": _read_message,
    "messages": _read_messages,
    "list": _read_list,
    "enums": _read_enums,
    "map": _read_map,
}
