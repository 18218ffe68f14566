"""`buf.validate` rules -> JSON Schema keywords, as far as JSON Schema can say them."""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor

_FORMATS = {"uuid": "uuid", "email": "email", "uri": "uri", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6"}
_BOUNDS = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
_NUMBERS = {
    "int32",
    "int64",
    "uint32",
    "uint64",
    "sint32",
    "sint64",
    "fixed32",
    "fixed64",
    "sfixed32",
    "sfixed64",
    "float",
    "double",
}


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The rules on a field."""
    extensions: Any = field.GetOptions().Extensions
    rules: validate_pb2.FieldRules = extensions[validate_pb2.field]
    return rules


def required(field: FieldDescriptor) -> bool:
    """Whether a request must have the field."""
    rules = rules_of(field)
    if rules.required:
        return True
    return rules.string.min_len > 0 and not field.has_presence and rules.ignore == validate_pb2.IGNORE_UNSPECIFIED


def keywords(rules: validate_pb2.FieldRules) -> dict[str, Any]:
    """What the rules add to the schema of one value."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return {}
    inner = getattr(rules, kind)
    if kind == "string":
        return _text(inner)
    if kind in _NUMBERS:
        return _number(inner, wide=kind.endswith("64") and kind != "double")
    if kind == "repeated":
        found = {"minItems": inner.min_items, "maxItems": inner.max_items, "uniqueItems": inner.unique}
        return {name: value for name, value in found.items() if value}
    if kind == "map":
        found = {"minProperties": inner.min_pairs, "maxProperties": inner.max_pairs}
        return {name: value for name, value in found.items() if value}
    return {}


def _text(rules: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if rules.HasField("len"):
        shown |= {"minLength": rules.len, "maxLength": rules.len}
    if rules.min_len:
        shown["minLength"] = rules.min_len
    if rules.HasField("max_len"):
        shown["maxLength"] = rules.max_len
    if rules.pattern:
        shown["pattern"] = rules.pattern
    if getattr(rules, "in"):
        shown["enum"] = list(getattr(rules, "in"))
    if rules.HasField("const"):
        shown["const"] = rules.const
    for name, form in _FORMATS.items():
        if rules.WhichOneof("well_known") == name:
            shown["format"] = form
    return shown


def _number(rules: Any, *, wide: bool) -> dict[str, Any]:
    if wide:
        return {}  # shown as text, which has no bounds
    shown: dict[str, Any] = {}
    for group in ("greater_than", "less_than"):
        bound = rules.WhichOneof(group)
        if bound is not None:
            shown[_BOUNDS[bound]] = getattr(rules, bound)
    if getattr(rules, "in"):
        shown["enum"] = list(getattr(rules, "in"))
    if rules.HasField("const"):
        shown["const"] = rules.const
    return shown
