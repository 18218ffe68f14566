"""Message -> JSON-ready dict, by a function generated for each message type: one dict literal, no reflection.

Every field is present, in the proto's name: defaults as they are, unset optional fields and messages as null. Fields
that are for input only, such as passwords, are left out.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from tercet_chassis import json_values
from tercet_chassis.json_values import WRAPPERS, WRITERS

_WIDE = {
    FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64,
}  # fmt: skip


class Encoder:
    """Compiles and keeps the functions. One for the process: functions of nested types are shared."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {
            "double": json_values.double_json, "float32": json_values.float_json, "base64": json_values.bytes_text,
            "any_": self._any,
        }  # fmt: skip
        self._function_of: dict[str, str] = {}

    def of(self, descriptor: Descriptor) -> Callable[[Any], Any]:
        """The function for a message type, compiled with all it refers to when first asked for."""
        function: Callable[[Any], Any] = self._names[self._name(descriptor)]
        return function

    def _name(self, descriptor: Descriptor) -> str:
        known = self._function_of.get(descriptor.full_name)
        if known is not None:
            return known
        name = self._function_of[descriptor.full_name] = f"e{len(self._function_of)}"
        if descriptor.full_name in WRITERS:
            self._names[name] = WRITERS[descriptor.full_name]
        elif descriptor.full_name == "google.protobuf.Any":
            self._names[name] = self._any
        elif descriptor.full_name in WRAPPERS:
            self._compile(name, f"return {self._one(descriptor.fields_by_name['value'], 'm.value')}")
        else:
            shown = (field for field in descriptor.fields if not input_only(field))
            lines = "".join(f"\n  {field.name!r}: {self._field(field)}," for field in shown)
            self._compile(name, f"return {{{lines}\n }}")
        return name

    def _compile(self, name: str, body: str) -> None:
        exec(compile(f"def {name}(m):\n {body}\n", f"<encoder {name}>", "exec"), self._names)

    def _field(self, field: FieldDescriptor) -> str:
        source = access("m", field.name)
        entry = map_entry(field)
        if entry is not None:
            key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
            return f"{{{self._key(key)}: {self._one(value, 'v')} for k, v in {source}.items()}}"
        if field.is_repeated:
            one = self._one(field, "v")
            # A slice is one list made in C; going through the field itself ends with an exception for each.
            return f"{source}[:]" if one == "v" else f"[{one} for v in {source}[:]]"
        one = self._one(field, source)
        return f"({one} if m.HasField({field.name!r}) else None)" if field.has_presence else one

    def _key(self, field: FieldDescriptor) -> str:
        if field.type == FieldDescriptor.TYPE_STRING:
            return "k"
        return "('true' if k else 'false')" if field.type == FieldDescriptor.TYPE_BOOL else "str(k)"

    def _one(self, field: FieldDescriptor, source: str) -> str:
        if field.type in _WIDE:
            return f"str({source})"
        match field.type:
            case FieldDescriptor.TYPE_DOUBLE:
                return f"double({source})"
            case FieldDescriptor.TYPE_FLOAT:
                return f"float32({source})"
            case FieldDescriptor.TYPE_BYTES:
                return f"base64({source})"
            case FieldDescriptor.TYPE_ENUM:
                assert field.enum_type is not None
                return self._enum(field.enum_type.full_name, field.enum_type.values_by_number, source)
            case FieldDescriptor.TYPE_MESSAGE:
                assert field.message_type is not None
                return f"{self._name(field.message_type)}({source})"
        return source

    def _enum(self, full_name: str, values: Any, source: str) -> str:
        if full_name == "google.protobuf.NullValue":
            return "None"
        name = f"n_{full_name.replace('.', '_')}"
        self._names.setdefault(name, {number: value.name for number, value in values.items()})
        # A newer service may send a value that this release does not know: its number is better than a failure.
        return f"{name}.get(e := {source}, e)"

    def _any(self, message: Any) -> dict[str, Any]:
        """A packed message as an object with its type in `@type`; only the type when this release does not know it."""
        inner = unpacked(message)
        if inner is None:
            return {"@type": message.type_url} if message.type_url else {}
        value = self.of(inner.DESCRIPTOR)(inner)
        special = inner.DESCRIPTOR.full_name in WRITERS or inner.DESCRIPTOR.full_name in WRAPPERS
        return {"@type": message.type_url, "value": value} if special else {"@type": message.type_url, **value}


def unpacked(message: Any) -> Any | None:
    """What an Any holds, or None when its type is unknown here."""
    pool = message.DESCRIPTOR.file.pool
    try:
        descriptor = pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
    except KeyError:
        return None
    return GetMessageClass(descriptor).FromString(message.value)


def access(variable: str, name: str) -> str:
    """Source text that reads a field, also when its name is a word of Python."""
    return f"getattr({variable}, {name!r})" if keyword.iskeyword(name) else f"{variable}.{name}"


def input_only(field: FieldDescriptor) -> bool:
    """Whether clients write the field and nobody reads it."""
    return field_behavior_pb2.INPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The entry type of a map field, None for any other field."""
    kind = field.message_type
    return kind if kind is not None and kind.GetOptions().map_entry else None
