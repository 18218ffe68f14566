"""Entity <-> message, bound once at start-up from the descriptor: which field stands in which column, and how it is read and written.

A message field without a column, a property or the mark `computed` refuses start-up, so nothing is forgotten silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from tercet_chassis.contract import ContractBroken, immutable, message_class, output_only, repeated, rule_of
from tercet_chassis.entity import Custom, Entity, External
from tercet_chassis.errors import InvalidArgument, Violation
from tercet_chassis.money import Money

_MONEY = "tercet.type.v1.Money"
_TIMESTAMP = "google.protobuf.Timestamp"
_STRUCT = "google.protobuf.Struct"
_EXTERNAL = "tercet.type.v1.ExternalRef"


class ValueInvalid(InvalidArgument):
    """A value is not of its field's type."""

    text = "{detail}"


@dataclass(frozen=True, slots=True)
class Bound:
    """One field of a resource: how it is written into a message and read from one; `write` is None for what clients never set."""

    name: str
    descriptor: FieldDescriptor
    kind: str
    into: Callable[[Entity, Any], None]
    read: Callable[[Message], Any] | None
    output_only: bool
    immutable: bool
    personal: str
    searchable: bool


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


class Binding:
    """The compiled pair of one entity and its message."""

    def __init__(self, entity: type[Entity], message: type[Message]) -> None:
        self.entity, self.message = entity, message
        self.type_name = message.DESCRIPTOR.full_name
        missing: list[str] = []
        self.fields: dict[str, Bound] = {}
        for descriptor in message.DESCRIPTOR.fields:
            bound = self._bind(descriptor)
            if bound is None:
                if not rule_of(descriptor).computed:
                    missing.append(descriptor.name)
                continue
            self.fields[descriptor.name] = bound
        if missing:
            raise ContractBroken(
                f"{entity.__module__}.{entity.__name__} has no column for {self.type_name}: {', '.join(missing)}; "
                "add the column or mark the field (tercet.options.v1.field).computed"
            )
        self._writers = [bound.into for bound in self.fields.values()]
        self.searchable = [bound.name for bound in self.fields.values() if bound.searchable]

    def render(self, entity: Entity) -> Message:
        """The entity as its message."""
        message = self.message()
        for write in self._writers:
            write(entity, message)
        return message

    def values(self, message: Message, *, creating: bool, only: Iterable[str] | None = None) -> dict[str, Any]:
        """Attribute values that a client may set from a message: output-only fields are left out, immutable ones after creation."""
        names = self.fields if only is None else [name for name in self.fields if name in set(only)]
        values: dict[str, Any] = {}
        wrong: list[Violation] = []
        for name in names:
            bound = self.fields[name]
            if bound.read is None or bound.output_only or (bound.immutable and not creating):
                continue
            try:
                value = bound.read(message)
            except (ValueError, ArithmeticError) as bad:
                wrong.append(Violation(name, "VALUE_INVALID", f"{name} is not valid: {bad}"))
                continue
            if name == "external_ref":
                values["external_system"], values["external_id"] = value or (None, None)
            elif name == "id":
                if value is not None:
                    values["id"] = value
            elif value is None and creating and not _has_presence(bound.descriptor):
                continue
            else:
                values[name] = value
        if wrong:
            raise ValueInvalid(detail=wrong[0].message, violations=wrong)
        return values

    def search_texts(self, entity: Entity) -> Iterable[str]:
        """Every text of the searchable fields, lists and nested messages included."""
        for name in self.searchable:
            yield from _texts(getattr(entity, name, None))

    def personal_fields(self) -> Mapping[str, str]:
        """Names of fields that hold personal data, with their class."""
        return {name: bound.personal for name, bound in self.fields.items() if bound.personal}

    def _bind(self, field: FieldDescriptor) -> Bound | None:
        name = field.name
        rule = rule_of(field)
        kind = _kind(field)
        personal = rule.DESCRIPTOR.fields_by_name["personal_data"].enum_type.values_by_number[rule.personal_data].name
        into, read = self._accessors(field, kind)
        if into is None:
            return None
        return Bound(
            name=name,
            descriptor=field,
            kind=kind,
            into=into,
            read=read,
            output_only=output_only(field) or name in ("etag", "create_time", "update_time"),
            immutable=immutable(field) or name == "id",
            personal="" if rule.personal_data == 0 else personal,
            searchable=rule.searchable,
        )

    def _accessors(self, field: FieldDescriptor, kind: str) -> tuple[Callable[[Entity, Any], None] | None, Any]:
        name = field.name
        if kind == "external":
            return (_external_into, _external_read) if issubclass(self.entity, External) else (None, None)
        if kind == "struct" and name == "custom" and not issubclass(self.entity, Custom):
            return None, None
        attribute = getattr(self.entity, name, None)
        if attribute is None:
            return None, None
        into = _INTO[kind](name, field)
        mapped = name in self.entity.__mapper__.all_orm_descriptors and not isinstance(attribute, property)
        return into, (_READ[kind](name, field, self.entity) if mapped else None)


def _kind(field: FieldDescriptor) -> str:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return "map"
    if repeated(field):
        return "messages" if field.message_type is not None else "enums" if field.enum_type is not None else "list"
    if field.message_type is not None:
        known = {_MONEY: "money", _TIMESTAMP: "time", _STRUCT: "struct", _EXTERNAL: "external"}
        return known.get(field.message_type.full_name, "message")
    if field.enum_type is not None:
        return "enum"
    return "text" if field.type == FieldDescriptor.TYPE_STRING else "scalar"


def _has_presence(field: FieldDescriptor) -> bool:
    return bool(field.has_presence)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def money_message(message: Any, value: Money) -> None:
    """Writes an amount into a `tercet.type.v1.Money`."""
    message.currency_code, message.amount = value.currency, value.text()


def money_value(message: Any) -> Money:
    """Reads an amount from a `tercet.type.v1.Money`."""
    return Money(Decimal(message.amount), message.currency_code)


def _plain_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _into_text(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value = getattr(entity, name)
        if value is not None:
            setattr(message, name, _plain_text(value))

    return into


def _into_scalar(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value = getattr(entity, name)
        if value is not None:
            setattr(message, name, value)

    return into


def _into_enum(name: str, field: FieldDescriptor) -> Callable[[Entity, Any], None]:
    numbers = {value.name: value.number for value in field.enum_type.values}

    def into(entity: Entity, message: Any) -> None:
        value = getattr(entity, name)
        if value:
            setattr(message, name, numbers[value])

    return into


def _into_time(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value: datetime | None = getattr(entity, name)
        if value is not None:
            getattr(message, name).FromDatetime(value)

    return into


def _into_money(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value: Money | None = getattr(entity, name)
        if value is not None:
            money_message(getattr(message, name), value)

    return into


def _into_struct(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value = getattr(entity, name)
        if value:
            getattr(message, name).update(value)

    return into


def _into_message(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        value = getattr(entity, name)
        if value is not None:
            json_format.ParseDict(value, getattr(message, name), ignore_unknown_fields=True)
            getattr(message, name).SetInParent()

    return into


def _into_messages(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        target = getattr(message, name)
        for value in getattr(entity, name) or ():
            json_format.ParseDict(value, target.add(), ignore_unknown_fields=True)

    return into


def _into_list(name: str, _: FieldDescriptor) -> Callable[[Entity, Any], None]:
    def into(entity: Entity, message: Any) -> None:
        getattr(message, name).extend(
            _plain_text(v) if isinstance(v, UUID | date) else v for v in getattr(entity, name) or ()
        )

    return into


def _into_enums(name: str, field: FieldDescriptor) -> Callable[[Entity, Any], None]:
    numbers = {value.name: value.number for value in field.enum_type.values}

    def into(entity: Entity, message: Any) -> None:
        getattr(message, name).extend(numbers[value] for value in getattr(entity, name) or ())

    return into


def _into_map(name: str, field: FieldDescriptor) -> Callable[[Entity, Any], None]:
    nested = field.message_type.fields_by_name["value"].message_type is not None

    def into(entity: Entity, message: Any) -> None:
        target = getattr(message, name)
        for key, value in (getattr(entity, name) or {}).items():
            if nested:
                json_format.ParseDict(value, target[key], ignore_unknown_fields=True)
            else:
                target[key] = value

    return into


def _external_into(entity: Any, message: Any) -> None:
    if entity.external_system is not None:
        message.external_ref.system, message.external_ref.id = entity.external_system, entity.external_id


def _external_read(message: Any) -> tuple[str, str] | None:
    return (message.external_ref.system, message.external_ref.id) if message.HasField("external_ref") else None


def _read_text(name: str, field: FieldDescriptor, entity: type[Entity]) -> Callable[[Any], Any]:
    mapped = entity.__mapper__.columns[name]
    nullable = mapped.nullable
    try:
        python_type = mapped.type.python_type
    except NotImplementedError:
        python_type = str
    parse: Callable[[str], Any] = {UUID: UUID, date: date.fromisoformat, Decimal: Decimal}.get(python_type, str)

    def read(message: Any) -> Any:
        if field.has_presence and not message.HasField(name):
            return None
        text = getattr(message, name)
        return None if text == "" and (nullable or parse is not str) else parse(text)

    return read


def _read_scalar(name: str, field: FieldDescriptor, _: type[Entity]) -> Callable[[Any], Any]:
    if not field.has_presence:
        return lambda message: getattr(message, name)
    return lambda message: getattr(message, name) if message.HasField(name) else None


def _read_enum(name: str, field: FieldDescriptor, entity: type[Entity]) -> Callable[[Any], Any]:
    names = {value.number: value.name for value in field.enum_type.values}
    nullable = entity.__mapper__.columns[name].nullable

    def read(message: Any) -> Any:
        number = getattr(message, name)
        return None if number == 0 and nullable else names.get(number)

    return read


def _read_time(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def _read_money(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: money_value(getattr(message, name)) if message.HasField(name) else None


def _read_struct(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: struct_value(getattr(message, name)) if message.HasField(name) else {}


def _read_message(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: _json(getattr(message, name)) if message.HasField(name) else None


def _read_messages(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: [_json(item) for item in getattr(message, name)]


def _read_list(name: str, _: FieldDescriptor, __: type[Entity]) -> Callable[[Any], Any]:
    return lambda message: list(getattr(message, name))


def _read_enums(name: str, field: FieldDescriptor, _: type[Entity]) -> Callable[[Any], Any]:
    names = {value.number: value.name for value in field.enum_type.values}
    return lambda message: [names[number] for number in getattr(message, name)]


def _read_map(name: str, field: FieldDescriptor, _: type[Entity]) -> Callable[[Any], Any]:
    nested = field.message_type.fields_by_name["value"].message_type is not None
    return lambda message: {key: _json(v) if nested else v for key, v in getattr(message, name).items()}


_INTO = {
    "text": _into_text,
    "scalar": _into_scalar,
    "enum": _into_enum,
    "time": _into_time,
    "money": _into_money,
    "struct": _into_struct,
    "message": _into_message,
    "messages": _into_messages,
    "list": _into_list,
    "enums": _into_enums,
    "map": _into_map,
}
_READ = {
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


class Bindings:
    """All bindings of one service: by entity and by message name."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._by_entity: dict[type[Entity], Binding] = {}
        self._by_message: dict[str, Binding] = {}

    def bind(self, entity: type[Entity]) -> None:
        """Binds an entity to its message, unless it is an inner one."""
        if entity.__message__ is None:
            return
        name = entity.__message__ if "." in entity.__message__ else f"{self._package}.{entity.__message__}"
        binding = Binding(entity, message_class(name))
        self._by_entity[entity] = self._by_message[name] = binding

    def of(self, entity: type[Entity]) -> Binding:
        """The binding of an entity; a programming error when it has none."""
        return self._by_entity[entity]

    def find(self, entity: type[Entity]) -> Binding | None:
        """The binding of an entity, or None for an inner one."""
        return self._by_entity.get(entity)

    def for_message(self, full_name: str) -> Binding | None:
        """The binding whose resource is this message."""
        return self._by_message.get(full_name)

    def all(self) -> Iterable[Binding]:
        """Every binding of the service."""
        return self._by_entity.values()


@cache
def holds_personal(full_name: str) -> bool:
    """Whether a message or anything inside it is marked as personal data."""
    seen: set[str] = set()

    def look(name: str) -> bool:
        if name in seen:
            return False
        seen.add(name)
        return any(
            rule_of(field).personal_data or (field.message_type is not None and look(field.message_type.full_name))
            for field in message_class(name).DESCRIPTOR.fields
        )

    return look(full_name)
