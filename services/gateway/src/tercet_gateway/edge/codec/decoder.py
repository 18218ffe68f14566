"""JSON value -> message, by a function generated for each message type; all that is wrong is collected with its path.

Stricter than protobuf's own JSON form: names as in the proto only, enums by name only, numbers as numbers (64 bits
also as text), FieldMask in the proto's names. Null leaves a field unset.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from tercet_chassis.errors import Violation
from tercet_chassis.json_encoder import access, map_entry
from tercet_chassis.json_values import WRAPPERS
from tercet_gateway.edge.codec import wellknown
from tercet_gateway.edge.codec.wellknown import Malformed

Errors = list[Violation]
Fill = Callable[[dict[str, Any], Any, Errors], None]
_F = FieldDescriptor
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_SIGNED, _UNSIGNED = (-(1 << 31), (1 << 31) - 1), (0, (1 << 32) - 1)
_SIGNED_WIDE, _UNSIGNED_WIDE = (-(1 << 63), (1 << 63) - 1), (0, (1 << 64) - 1)
_RANGES = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _SIGNED),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UNSIGNED),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _SIGNED_WIDE),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _UNSIGNED_WIDE),
}


def shown(value: Any) -> str:
    """What kind of JSON value came instead; never the value, which may be personal."""
    kinds = {str: "text", bool: "a boolean", int: "a number", float: "a number", dict: "an object", list: "an array"}
    return kinds.get(type(value), "null")


def wrong(errors: Errors, path: str, value: Any, expected: str, reason: str = "WRONG_TYPE") -> None:
    """Notes a value that is not of its type."""
    got = f", not {shown(value)}" if reason == "WRONG_TYPE" else ""
    errors.append(Violation(path, reason, f"Give {expected}{got}."))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""


def unknown(errors: Errors, given: dict[str, Any], known: frozenset[str]) -> None:
    """Notes every key that the message does not have."""
    for key in given:
        if key not in known:
            hint = did_you_mean(key[:100], known)
            errors.append(Violation(key[:100], "UNKNOWN_FIELD", f"There is no field of this name.{hint}"))


def under(errors: Errors, start: int, prefix: str) -> None:
    """Puts a path before what a nested value noted since `start`."""
    for index in range(start, len(errors)):
        item = errors[index]
        joint = "" if item.field.startswith("[") or not item.field else "."
        errors[index] = Violation(f"{prefix}{joint}{item.field}", item.reason, item.message)


def enum_reader(names: dict[str, int]) -> Callable[[Any], int]:
    """A reader of enum names; its refusal lists them."""
    expected = "one of " + ", ".join(names)

    def read(value: Any) -> int:
        number = names.get(value) if value.__class__ is str else None
        if number is None:
            raise Malformed(expected, "ENUM_VALUE_UNKNOWN" if value.__class__ is str else "WRONG_TYPE")
        return number

    return read


class Decoder:
    """Compiles and keeps the functions. One for the process."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {
            "ABSENT": object(),
            "Malformed": Malformed,
            "wrong": wrong,
            "unknown": unknown,
            "under": under,
        }
        self._function_of: dict[str, str] = {}

    def of(self, descriptor: Descriptor) -> Fill:
        """Function `(object, message, errors)` that fills an empty message; for types whose JSON form is an object."""
        fill: Fill = self._names[self._name(descriptor)]
        return fill

    def into(self, value: Any, message: Any, errors: Errors) -> None:
        """Fills a message of any type from a JSON value and notes what is wrong."""
        if message.DESCRIPTOR.full_name in wellknown.READERS or message.DESCRIPTOR.full_name in WRAPPERS:
            try:
                self.reader(message.DESCRIPTOR)(value, message)
            except Malformed as fault:
                wrong(errors, "", value, str(fault), fault.reason)
        elif value.__class__ is dict:
            self.of(message.DESCRIPTOR)(value, message, errors)
        else:
            wrong(errors, "", value, "an object")

    def scalar(self, field: FieldDescriptor) -> Callable[[Any], Any]:
        """The reader of one scalar value of a field."""
        if field.type in _RANGES:
            low, high = _RANGES[field.type]
            return wellknown.integer_reader(low, high, text=high > 1 << 32)
        if field.type == _F.TYPE_ENUM:
            assert field.enum_type is not None
            if field.enum_type.full_name == "google.protobuf.NullValue":
                return lambda value: 0
            return enum_reader({value.name: value.number for value in field.enum_type.values})
        return {
            _F.TYPE_DOUBLE: wellknown.read_double,
            _F.TYPE_FLOAT: wellknown.read_float,
            _F.TYPE_BYTES: wellknown.read_bytes,
            _F.TYPE_BOOL: _read_bool,
            _F.TYPE_STRING: _read_text,
        }[field.type]

    def _name(self, descriptor: Descriptor) -> str:
        known = self._function_of.get(descriptor.full_name)
        if known is not None:
            return known
        name = self._function_of[descriptor.full_name] = f"d{len(self._function_of)}"
        if descriptor.full_name == "google.protobuf.Any":
            self._names[name] = self._any
            return name
        self._names[f"known_{name}"] = frozenset(field.name for field in descriptor.fields)
        lines = ["def {0}(o, m, errors):", " get = o.get", " n = 0"]
        for field in descriptor.fields:
            lines += [f" x = get({field.name!r}, ABSENT)", " if x is not ABSENT:", "  n += 1"]
            lines += ["  " + line for line in self._field(field)]
        lines += [" if n != len(o): unknown(errors, o, known_{0})"]
        for oneof in descriptor.oneofs:
            members = [field.name for field in oneof.fields]
            if len(members) > 1:
                self._names[f"members_{name}_{oneof.name}"] = members
                lines.append(f" one(errors, o, members_{{0}}_{oneof.name})")
                self._names["one"] = _only_one
        source = "\n".join(lines).replace("{0}", name)
        exec(compile(source, f"<decoder {descriptor.full_name}>", "exec"), self._names)
        return name

    def _field(self, field: FieldDescriptor) -> list[str]:
        path, source = repr(field.name), access("m", field.name)
        entry = map_entry(field)
        if entry is not None:
            return self._map(field, entry, path, source)
        if field.is_repeated:
            lines = self._one(field, "y", f"f'{field.name}[{{i}}]'", "t.append({})", "t.add()", null=False)
            return [
                "if x.__class__ is list:",
                f" t = {source}",
                " for i, y in enumerate(x):",
                *("  " + line for line in lines),
                f"elif x is not None: wrong(errors, {path}, x, 'an array')",
            ]
        target = f"setattr(m, {path}, {{}})" if source.startswith("getattr") else f"{source} = {{}}"
        return self._one(field, "x", path, target, source, null=True)

    def _map(self, field: FieldDescriptor, entry: Descriptor, path: str, source: str) -> list[str]:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        lines = self._one(value, "y", f"f'{field.name}.{{k}}'", "t[j] = {}", "t[j]", null=False)
        self._names["text_key"] = _read_text
        reader = "text_key"
        if key.type != _F.TYPE_STRING:
            reader = f"key_{key.type}"
            self._names[reader] = _key_reader(key, self.scalar(key))
        return [
            "if x.__class__ is dict:",
            f" t = {source}",
            " for k, y in x.items():",
            "  try:",
            f"   j = {reader}(k)",
            f"  except Malformed as w: wrong(errors, f'{field.name}.{{k}}', k, str(w), w.reason); continue",
            *("  " + line for line in lines),
            f"elif x is not None: wrong(errors, {path}, x, 'an object')",
        ]

    def _one(self, field: FieldDescriptor, value: str, path: str, put: str, target: str, *, null: bool) -> list[str]:
        """Lines that check one value and put it; `put` is for scalars, `target` for messages."""
        otherwise = f"elif {value} is not None" if null else "else"
        if field.type == _F.TYPE_MESSAGE:
            assert field.message_type is not None
            full_name = field.message_type.full_name
            if full_name in wellknown.READERS or full_name in WRAPPERS:
                reader = f"r_{full_name.replace('.', '_')}"
                self._names[reader] = self.reader(field.message_type)
                # A null Value alone cannot be told from an unset one: both are shown as null, both read as unset.
                guard = f"if {value} is not None:" if null else "if True:"
                call = f" try: {reader}({value}, {target})"
                return [guard, call, f" except Malformed as w: wrong(errors, {path}, {value}, str(w), w.reason)"]
            name = self._name(field.message_type)
            return [
                f"if {value}.__class__ is dict:",
                f" k0 = len(errors); s = {target}; s.SetInParent()",
                f" {name}({value}, s, errors)",
                f" if len(errors) != k0: under(errors, k0, {path})",
                f"{otherwise}: wrong(errors, {path}, {value}, 'an object')",
            ]
        if field.type in (_F.TYPE_STRING, _F.TYPE_BOOL):
            kind, expected = ("str", "text") if field.type == _F.TYPE_STRING else ("bool", "true or false")
            return [
                f"if {value}.__class__ is {kind}: {put.format(value)}",
                f"{otherwise}: wrong(errors, {path}, {value}, {expected!r})",
            ]
        reader = (
            f"c_{field.enum_type.full_name.replace('.', '_')}" if field.enum_type is not None else f"c_{field.type}"
        )
        self._names[reader] = self.scalar(field)
        guard = f"if {value} is not None:" if null else "if True:"
        return [
            guard,
            f" try: {put.format(f'{reader}({value})')}",
            f" except Malformed as w: wrong(errors, {path}, {value}, str(w), w.reason)",
        ]

    def reader(self, descriptor: Descriptor) -> Callable[[Any, Any], None]:
        """Function `(value, message)` for a well-known type; it raises `Malformed`."""
        if descriptor.full_name in wellknown.READERS:
            return wellknown.READERS[descriptor.full_name]
        scalar = self.scalar(descriptor.fields_by_name["value"])

        def read(value: Any, target: Any) -> None:
            target.SetInParent()
            target.value = scalar(value)

        return read

    def _any(self, given: dict[str, Any], message: Any, errors: Errors) -> None:
        """An object with its type in `@type`; refused when this release does not know the type."""
        url = given.get("@type")
        if url.__class__ is not str:
            if given:
                wrong(errors, "@type", url, "the type's address, such as type.googleapis.com/tercet.leads.v1.Lead")
            return
        try:
            descriptor = message.DESCRIPTOR.file.pool.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError:
            errors.append(Violation("@type", "TYPE_UNKNOWN", "Give the address of a known type."))
            return
        inner = GetMessageClass(descriptor)()
        special = descriptor.full_name in wellknown.READERS or descriptor.full_name in WRAPPERS
        rest = given.get("value") if special else {key: item for key, item in given.items() if key != "@type"}
        self.into(rest, inner, errors)
        message.type_url, message.value = url, inner.SerializeToString()


def _key_reader(key: FieldDescriptor, scalar: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A reader of map keys, which JSON has as text only."""
    if key.type == _F.TYPE_BOOL:
        return lambda text: scalar({"true": True, "false": False}.get(text, text))
    return lambda text: scalar(int(text) if _WHOLE.fullmatch(text) else text)


def _read_bool(value: Any) -> bool:
    if value.__class__ is not bool:
        raise Malformed("true or false")
    return bool(value)


def _read_text(value: Any) -> str:
    if value.__class__ is not str:
        raise Malformed("text")
    return str(value)


def _only_one(errors: Errors, given: dict[str, Any], members: list[str]) -> None:
    present = [name for name in members if given.get(name) is not None]
    if len(present) > 1:
        errors.append(Violation(present[1], "ONE_OF", f"Give only one of {', '.join(members)}."))
