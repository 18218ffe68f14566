"""Row -> JSON-ready dict, by a function generated for each binding: what the encoder makes of the row's message, but
without the message.

A list for REST would be rendered twice, as messages here and as JSON in the gateway; this costs half of the first, and
the second falls away. What is stored in another form than JSON's goes through a message.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tercet_chassis.instants import seconds_and_nanos
from tercet_chassis.json_encoder import Encoder, input_only, map_entry
from tercet_chassis.json_values import EXACT, double_json, instant_text
from tercet_chassis.rendering import NAMES, Field, Rendering, instant

_F = FieldDescriptor
# What stands for a scalar that is not there; types that JSON has another form for are missing.
_NOTHING = {
    _F.TYPE_STRING: "''", _F.TYPE_BOOL: "False", _F.TYPE_INT32: "0", _F.TYPE_UINT32: "0", _F.TYPE_SINT32: "0",
    _F.TYPE_DOUBLE: "0.0",
}  # fmt: skip
_WIDE = (_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64)
_COLUMN, _LOCAL = re.compile(r"\bo\[(\d+)\]"), re.compile(r"\bc\d+\b")
_PLAIN = re.compile(r"\(o\[\d+\]\)")
_ENCODER = Encoder()
# What goes with a call whose answer may be JSON.
ASKS = ("tercet-accept", "json")
Show = Callable[[Any], dict[str, Any]]


def _encoder(message: Any) -> Callable[[Any], Any]:
    return _ENCODER.of(message.DESCRIPTOR)


def page_json(answer: Message, field: str, shown: list[dict[str, Any]]) -> JsonReply:
    """A list's response, whose resources are already shown."""
    return JsonReply(_encoder(answer)(answer) | {field: shown})


class _Otherwise(Exception):
    """A field whose stored form is not its JSON form."""


class JsonReply:
    """A reply that is JSON already. Its first byte tells: no message of ours begins with a brace, which would be a
    group of field 15.
    """

    __slots__ = ("_body",)

    def __init__(self, shown: dict[str, Any]) -> None:
        self._body = orjson.dumps(shown)

    def SerializeToString(self) -> bytes:
        """What goes over the wire, as messages say it."""
        return self._body

    @staticmethod
    def begins(wire: bytes) -> bool:
        """Whether an answer is one."""
        return wire.startswith(b"{")


class RowJson:
    """The function of one binding."""

    def __init__(self, rendering: Rendering, message: type[Message], fields: Mapping[str, Field]) -> None:
        self._rendering, self._message, self._fields = rendering, message, fields
        self._names: dict[str, Any] = {
            "twin": rendering.twin,
            "when": _when,
            "moment": _stored_moment,
            "struct": _struct,
            "double": double_json,
            "outside": _outside,
        }
        self._encode = _encoder(message)
        self._show = self._compiled()

    def show(self, row: Any) -> dict[str, Any]:
        """Shows a row of the rendering's columns."""
        try:
            return self._show(row)
        except (TypeError, ValueError, LookupError, AttributeError):
            # Stored by another release or by hand: a message takes it, or says what is wrong.
            shown: dict[str, Any] = self._encode(self._rendering.of_row(row))
            return shown

    def _compiled(self) -> Show:
        """Most of a row is empty: what nothing shows is copied at once, and only what is there is put over it."""
        descriptors: Any = self._message.DESCRIPTOR.fields
        texts = {one.name: _COLUMN.sub(r"c\1", self._field(one)) for one in descriptors if not input_only(one)}
        # Only now, as the fields above put names there.
        self._names.update(NAMES | {"external": _external})
        nothing: dict[str, Any] = {}
        lines = [f" {''.join(f'c{at}, ' for at in range(len(self._rendering.columns)))}*_ = o", " r = nothing.copy()"]
        for name, text in texts.items():
            columns, put = set(_LOCAL.findall(text)), f"r[{name!r}] = "
            column = columns.pop() if len(columns) == 1 and "(o)" not in text else None
            # What follows from one column alone is known for an empty one; all keys are there for their order.
            nothing[name] = None if column is None else eval(text, self._names, {column: None})
            if column is None:
                lines.append(f" {put}{text}")
            elif text == f"({column} or {nothing[name]!r})":
                lines.append(f" if {column}: {put}{column}")
            else:
                lines.append(f" if {column} is not None: {put}{text}")
        self._names["nothing"] = nothing
        self._exec("def show(o):", [*lines, " return r"])
        show: Show = self._names["show"]
        return show

    def _exec(self, head: str, lines: list[str]) -> None:
        source = "\n".join([head, *lines])
        exec(compile(source, f"<JSON of {self._message.DESCRIPTOR.full_name}>", "exec"), self._names)

    def _field(self, descriptor: Any) -> str:
        field = self._fields.get(descriptor.name)
        if field is None:
            return repr(self._encode(self._message())[descriptor.name])
        whole = self._rendering.whole(field)
        if whole is not None:
            return whole
        source = self._rendering.source(field)
        try:
            return self._bound(field, source)
        except _Otherwise:
            # One message with this field alone.
            name = f"only_{descriptor.name}"
            self._names[name] = self._alone(field)
            return f"{name}(o)"

    def _alone(self, field: Field) -> Callable[[Any], Any]:
        rendering = Rendering(self._rendering.entity, self._message, {field.name: field})
        at = [self._rendering.columns.index(name) for name in rendering.columns]
        encode, of_row, name = self._encode, rendering.of_row, field.name
        return lambda row: encode(of_row([row[index] for index in at]))[name]

    def _bound(self, field: Field, source: str) -> str:
        match field.kind:
            case "time":
                return f"when({source})"
            case "money":
                return f"money({source})"
            case "struct":
                return f"struct({source})"
            case "text" | "list":
                source = f"({self._rendering.of_field(field)})"
                if _PLAIN.fullmatch(source):
                    source = source[1:-1]
        return self._stored(field.descriptor, source)

    def _stored(self, descriptor: Any, source: str) -> str:
        """Source text for a field by what is stored of it: JSON in the proto's names."""
        if map_entry(descriptor) is not None:
            entry = descriptor.message_type.fields_by_name
            if entry["key"].type != _F.TYPE_STRING:
                raise _Otherwise
            one = self._one(entry["value"], "v")
            return f"({{k: {one} for k, v in w.items()}} if (w := {source}) else {{}})"
        if descriptor.is_repeated:
            one = self._one(descriptor, "v")
            return f"({source} or [])" if one == "v" else f"[{one} for v in {source} or ()]"
        if descriptor.has_presence:
            source = f"{source} or None" if descriptor.enum_type is not None else source
            return f"(None if (v := {source}) is None else {self._one(descriptor, 'v')})"
        if descriptor.enum_type is not None:
            return self._one(descriptor, source)
        return self._one(descriptor, f"({source} or {_nothing(descriptor)})")

    def _one(self, descriptor: Any, source: str) -> str:
        if descriptor.message_type is not None:
            return f"{self._nested(descriptor.message_type)}({source})"
        if descriptor.type in _WIDE:
            return f"str(int({source}))"
        if descriptor.type == _F.TYPE_DOUBLE:
            return f"double(float({source}))"
        if descriptor.enum_type is not None:
            return f"{self._enum(descriptor.enum_type)}[{source}]"
        if descriptor.type not in _NOTHING:
            raise _Otherwise
        return source

    def _plain(self, fields: list[Any]) -> dict[str, Any] | None:
        """What stands for each field where nothing is stored; None when one is stored otherwise than shown."""
        if any(f.has_presence or self._stored(f, "x") != f"(x or {_nothing(f)})" for f in fields):
            return None
        return {field.name: literal_eval(_nothing(field)) for field in fields}

    def _enum(self, kind: Any) -> str:
        """The name of the table of an enum: its names, and its numbers, which another release may have stored."""
        name = f"e_{kind.full_name.replace('.', '_')}"
        if name not in self._names:
            names = {number: value.name for number, value in kind.values_by_number.items()}
            self._names[name] = {None: names[0], "": names[0], **names, **{one: one for one in kind.values_by_name}}
        return name

    def _nested(self, kind: Descriptor) -> str:
        """The name of the function for a nested message of this type."""
        if kind.full_name == "google.protobuf.Timestamp":
            return "moment"
        if kind.full_name.startswith("google."):
            raise _Otherwise
        name = f"n_{kind.full_name.replace('.', '_')}"
        if name not in self._names:
            known = set(self._names)
            self._names[name] = None
            self._names[f"k_{name}"] = {field.name for field in kind.fields}
            shown = [field for field in kind.fields if not input_only(field)]
            try:
                lines = [f"  {field.name!r}: {self._stored(field, f'g({field.name!r})')}," for field in shown]
            except _Otherwise:
                # With those made meanwhile, which may call this one.
                for made in self._names.keys() - known:
                    del self._names[made]
                raise
            head = [f" if not d.keys() <= k_{name}: outside(d)", " g = d.get"]
            plain = self._plain(shown)
            if plain is not None:
                # What is stored over what is not, in C.
                self._names[f"p_{name}"] = plain
                head[:0] = [f" r = p_{name} | d", f" if len(r) == {len(plain)} and None not in r.values(): return r"]
            self._exec(f"def {name}(d):", [*head, " return {", *lines, " }"])
        return name


def _nothing(descriptor: Any) -> str:
    if descriptor.is_repeated:
        return "[]"
    return "0" if descriptor.type in _WIDE else _NOTHING.get(descriptor.type, "None")


def _outside(_: Any) -> None:
    raise ValueError("a key that the message has not, or has by another name")


# Several times of a row are often the same instant, and pages are looked at again.
@lru_cache(maxsize=8_192)
def _moment(number: int) -> str:
    parts = seconds_and_nanos(number)
    return instant_text(parts["seconds"], parts["nanos"])


def _when(value: Any) -> str | None:
    if value.__class__ is int:
        return _moment(value)
    parts = NAMES["time"](value)
    return None if parts is None else instant_text(parts["seconds"], parts["nanos"])


def _stored_moment(text: str) -> str:
    parts = instant(text)
    return instant_text(parts["seconds"], parts["nanos"])


def _external(system: str | None, id: str | None) -> dict[str, str] | None:
    return None if system is None else {"system": system, "id": id or ""}


def _struct(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if value else None


def _plain(value: Any) -> Any:
    """A value as it is after having been in a Struct, whose numbers are all floats."""
    kind = value.__class__
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if kind is int and not -EXACT <= value <= EXACT:
        return float(value)
    return int(value) if kind is float and value.is_integer() and -EXACT <= value <= EXACT else value
