"""Message types -> JSON Schema components, each written once and referred to by name."""

from __future__ import annotations

from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tercet.options.v1 import options_pb2
from tercet_chassis.json_encoder import map_entry
from tercet_gateway.edge.schema.comments import Comments
from tercet_gateway.edge.schema.rules import keywords, rules_of

Schema = dict[str, Any]
_F = FieldDescriptor
_INTEGER: Schema = {"type": "integer", "format": "int32", "minimum": -(1 << 31), "maximum": (1 << 31) - 1}
_UNSIGNED: Schema = {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1}
_WIDE: Schema = {"type": "string", "pattern": "^-?[0-9]{1,20}$"}
_NUMBER: Schema = {"type": "number"}
_SCALARS: dict[int, Schema] = {
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_DOUBLE: _NUMBER,
    _F.TYPE_FLOAT: _NUMBER,
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_INT32: _INTEGER,
    _F.TYPE_SINT32: _INTEGER,
    _F.TYPE_SFIXED32: _INTEGER,
    _F.TYPE_UINT32: _UNSIGNED,
    _F.TYPE_FIXED32: _UNSIGNED,
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string", "description": "Field paths joined by commas."},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
}
_WRAPPED = "google.protobuf."


class Components:
    """Collects the schemas that the document refers to."""

    def __init__(self, comments: Comments, names: dict[str, str]) -> None:
        self.schemas: dict[str, Schema] = {}
        self._comments, self._names = comments, names

    def reference(self, descriptor: Descriptor) -> Schema:
        """A reference to a message's schema, which is written when first asked for."""
        if descriptor.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[descriptor.full_name])
        if descriptor.full_name.startswith(_WRAPPED) and "value" in descriptor.fields_by_name:
            return nullable(self._value(descriptor.fields_by_name["value"]))
        name = self._name(descriptor)
        if name not in self.schemas:
            self.schemas[name] = {}  # taken: the message may hold itself
            self.schemas[name] = self.object(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def object(self, descriptor: Descriptor, skip: frozenset[str] = frozenset()) -> Schema:
        """The schema of a message without the fields that are bound otherwise."""
        properties = {field.name: self.field(field) for field in descriptor.fields if field.name not in skip}
        shown: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return described(shown, self._comments.of(descriptor.full_name))

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of a field as a property."""
        rules = rules_of(field)
        entry = map_entry(field)
        if entry is not None:
            inner = self._value(entry.fields_by_name["value"]) | keywords(rules.map.values)
            shown: Schema = {"type": "object", "additionalProperties": inner} | keywords(rules)
        elif field.is_repeated:
            shown = {"type": "array", "items": self._value(field) | keywords(rules.repeated.items)} | keywords(rules)
        else:
            shown = self._value(field)
            if "type" in shown and "enum" not in shown:
                shown |= keywords(rules)
            if field.has_presence and not rules.required:
                shown = nullable(shown)
        shown = described(shown, self._comments.of(field.full_name))
        if field_behavior_pb2.OUTPUT_ONLY in behaviors(field):
            shown["readOnly"] = True
        if field_behavior_pb2.INPUT_ONLY in behaviors(field):
            shown["writeOnly"] = True
        if field_behavior_pb2.IMMUTABLE in behaviors(field):
            shown["x-immutable"] = True
        extensions: Any = field.GetOptions().Extensions
        rule = extensions[options_pb2.field]
        if rule.personal_data:
            shown["x-personal-data"] = options_pb2.PersonalData.Name(rule.personal_data)
        if rule.personal_data_by:
            shown["x-personal-data-by"] = rule.personal_data_by
        return shown

    def parameter(self, field: FieldDescriptor) -> Schema:
        """The schema of a field as a path or query parameter: never null, described by the parameter itself."""
        rules = rules_of(field)
        if field.is_repeated:
            return {"type": "array", "items": self._value(field) | keywords(rules.repeated.items)} | keywords(rules)
        value = self._value(field)
        return value | keywords(rules) if "type" in value and "enum" not in value else value

    def _value(self, field: FieldDescriptor) -> Schema:
        if field.type == _F.TYPE_MESSAGE:
            assert field.message_type is not None
            return self.reference(field.message_type)
        if field.type == _F.TYPE_ENUM:
            assert field.enum_type is not None
            return self._enum(field.enum_type, frozenset(rules_of(field).enum.not_in))
        return dict(_SCALARS.get(field.type, _WIDE))

    def _enum(self, enum: EnumDescriptor, barred: frozenset[int]) -> Schema:
        if enum.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        shown: Schema = {"type": "string", "enum": [value.name for value in enum.values if value.number not in barred]}
        texts = [(value.name, self._comments.of(f"{enum.full_name}.{value.name}")) for value in enum.values]
        if any(text for _, text in texts):
            shown["x-enum-descriptions"] = {name: text for name, text in texts if text}
        return shown

    def _name(self, descriptor: Descriptor) -> str:
        return self._names[descriptor.full_name]


def behaviors(field: FieldDescriptor) -> frozenset[int]:
    """`google.api.field_behavior` values of a field."""
    return frozenset(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def described(schema: Schema, text: str) -> Schema:
    """The schema with a description, which OpenAPI 3.1 allows beside a reference."""
    return {**schema, "description": text} if text else schema


def nullable(schema: Schema) -> Schema:
    """The schema or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [kind, "null"]}
    if not schema or (isinstance(kind, list) and "null" in kind):
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def component_names(messages: list[Descriptor]) -> dict[str, str]:
    """Short names by full name: without the package, with its service where two packages have the same."""
    short: dict[str, list[str]] = {}
    for message in messages:
        short.setdefault(_short(message), []).append(message.full_name)
    names = {}
    for message in messages:
        name = _short(message)
        service = message.file.package.split(".")[1] if message.file.package.count(".") else message.file.package
        names[message.full_name] = name if len(short[name]) == 1 else f"{service}.{name}"
    return names


def _short(message: Descriptor) -> str:
    return str(message.full_name).removeprefix(f"{message.file.package}.")
