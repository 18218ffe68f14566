"""Entity <-> message, bound once at start-up from the descriptor: which field stands in which column, and how it is
read and written.

A message field without a column, a property or the mark `computed` refuses start-up, so nothing is forgotten silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tercet.options.v1.options_pb2 import PersonalData
from tercet_chassis.binding_values import READ, external_read
from tercet_chassis.binding_values import struct_value as struct_value
from tercet_chassis.contract import ContractBroken, immutable, message_class, output_only, repeated, rule_of
from tercet_chassis.entity import Custom, Entity, External
from tercet_chassis.errors import InvalidArgument, Violation
from tercet_chassis.principal import hides
from tercet_chassis.rendering import Rendering
from tercet_chassis.row_json import RowJson

_WORDS = frozenset({"text", "enum"})
_MONEY = "tercet.type.v1.Money"
_TIMESTAMP = "google.protobuf.Timestamp"
_STRUCT = "google.protobuf.Struct"
_EXTERNAL = "tercet.type.v1.ExternalRef"


class ValueInvalid(InvalidArgument):
    """A value is not of its field's type."""

    text = "{detail}"


@dataclass(frozen=True, slots=True)
class Bound:
    """One field of a resource. `read` takes its value from a message; it is None for what clients never set."""

    name: str
    descriptor: FieldDescriptor
    kind: str
    read: Callable[[Message], Any] | None
    output_only: bool
    immutable: bool
    personal: str
    searchable: bool


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
        self.rendering = Rendering(entity, message, self.fields)
        self.searchable = [bound.name for bound in self.fields.values() if bound.searchable]

    @cached_property
    def json(self) -> RowJson:
        """Rows as JSON."""
        return RowJson(self.rendering, self.message, self.fields)

    def render(self, entity: Entity) -> Message:
        """The entity as its message."""
        return self.rendering.of_entity(entity)

    def values(self, message: Message, *, creating: bool, only: Iterable[str] | None = None) -> dict[str, Any]:
        """Attribute values that a client may set from a message: output-only fields are left out, immutable ones
        after creation.
        """
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
            elif creating and self._left_out(bound, message, value):
                continue
            else:
                values[name] = value
        if wrong:
            raise ValueInvalid(detail=wrong[0].message, violations=wrong)
        return values

    def _left_out(self, bound: Bound, message: Any, value: Any) -> bool:
        """Whether a new resource says nothing about the field, so that the column's default holds."""
        if bound.descriptor.has_presence:
            return False
        if value is None:
            return True
        defaulted = self.entity.__mapper__.columns[bound.name].default is not None if bound.kind in _WORDS else False
        return defaulted and not getattr(message, bound.name)

    def search_texts(self, values: Callable[[str], Any]) -> Iterable[tuple[int, str]]:
        """Every text of the searchable fields with its class of personal data; `values` gives a field's value by
        name.
        """
        for name in self.searchable:
            bound = self.fields[name]
            yield from _texts(values(name), bound.descriptor)

    def search_classes(self, masks: frozenset[str]) -> frozenset[int]:
        """The classes of personal data in searchable fields that these masks leave open; 0 is no class."""
        found = {0}
        for name in self.searchable:
            found |= personal_classes(self.fields[name].descriptor)
        return frozenset(one for one in found if not one or not hides(masks, PersonalData.Name(one)))

    def personal_fields(self) -> Mapping[str, str]:
        """Names of fields that hold personal data, with their class."""
        return {name: bound.personal for name, bound in self.fields.items() if bound.personal}

    def _bind(self, field: Any) -> Bound | None:
        name = field.name
        rule = rule_of(field)
        kind = _kind(field)
        personal = PersonalData.Name(rule.personal_data)
        if not self._has(name, kind):
            return None
        return Bound(
            name=name,
            descriptor=field,
            kind=kind,
            read=self._reader(field, kind),
            output_only=output_only(field) or name in ("etag", "create_time", "update_time"),
            immutable=immutable(field) or name == "id",
            personal="" if rule.personal_data == 0 else personal,
            searchable=rule.searchable,
        )

    def _has(self, name: str, kind: str) -> bool:
        """Whether the entity has something to show in the field."""
        if kind == "external":
            return issubclass(self.entity, External)
        if kind == "struct" and name == "custom" and not issubclass(self.entity, Custom):
            return False
        return getattr(self.entity, name, None) is not None

    def _reader(self, field: Any, kind: str) -> Callable[[Message], Any] | None:
        if kind == "external":
            return external_read
        name = field.name
        mapped = name in self.entity.__mapper__.all_orm_descriptors
        mapped = mapped and not isinstance(getattr(self.entity, name), property)
        return READ[kind](name, field, self.entity) if mapped else None


def _kind(field: Any) -> str:
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


def personal_classes(field: Any) -> frozenset[int]:
    """The classes of personal data of a field and of the fields inside it."""
    found = {int(rule_of(field).personal_data)}
    if field.message_type is not None and not field.message_type.full_name.startswith("google."):
        for inner in field.message_type.fields:
            found |= personal_classes(inner)
    return frozenset(found)


def _texts(value: Any, field: Any) -> Iterable[tuple[int, str]]:
    # Inside a message, the fields' own marks count where they have any.
    personal = int(rule_of(field).personal_data)
    if isinstance(value, str):
        yield personal, value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, field)
    elif isinstance(value, dict):
        known = field.message_type.fields_by_name if field.message_type is not None else {}
        for key, inner in value.items():
            below = known.get(key)
            yield from _texts(inner, below if below is not None and rule_of(below).personal_data else field)


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
