"""How protobuf's well-known types are written in JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from google.protobuf.internal.type_checkers import ToShortestFloat

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants in UTC without the price of a zone
# Whole numbers up to here are exact.
EXACT = 1 << 53


def timestamp_text(value: Any) -> str:
    """RFC 3339 in UTC with 0, 3, 6 or 9 decimals."""
    return instant_text(value.seconds, value.nanos)


# Several times of one resource are often the same instant, and pages are looked at again.
@lru_cache(maxsize=8_192)
def instant_text(seconds: int, nanos: int) -> str:
    """RFC 3339 in UTC of seconds since 1970."""
    return f"{_second(seconds)}{_fraction(nanos) if nanos else ''}Z"


# The times of those that came together lie in the same few seconds.
@lru_cache(maxsize=8_192)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(0, seconds)).isoformat()


def duration_text(value: Any) -> str:
    """Seconds with an `s`, such as `1.500s`."""
    seconds, nanos = value.seconds, value.nanos
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos)) if nanos else ''}s"


def _fraction(nanos: int) -> str:
    if nanos % 1_000:
        return f".{nanos:09d}"
    return f".{nanos // 1_000:06d}" if nanos % 1_000_000 else f".{nanos // 1_000_000:03d}"


def mask_text(value: Any) -> str:
    """Paths joined by commas, in the names of the proto."""
    return ",".join(value.paths)


def struct_json(value: Any) -> dict[str, Any]:
    """A Struct as an object."""
    return {key: value_json(item) for key, item in value.fields.items()}


def list_json(value: Any) -> list[Any]:
    """A ListValue as an array."""
    return [value_json(item) for item in value.values]


def value_json(value: Any) -> Any:
    """A Value as whatever it holds; whole numbers come without decimals."""
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and -EXACT <= number <= EXACT else double_json(number)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return struct_json(value.struct_value)
        case "list_value":
            return list_json(value.list_value)
    return None


def double_json(value: float) -> float | str:
    """JSON has no NaN and no infinity: they are written as protobuf's JSON form does."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def float_json(value: float) -> float | str:
    """The shortest decimal that reads back as the same 32-bit number."""
    return ToShortestFloat(value) if value - value == 0 else double_json(value)


def bytes_text(value: bytes) -> str:
    """Base64."""
    return base64.b64encode(value).decode("ascii")


WRITERS: dict[str, Callable[[Any], Any]] = {
    "google.protobuf.Timestamp": timestamp_text,
    "google.protobuf.Duration": duration_text,
    "google.protobuf.FieldMask": mask_text,
    "google.protobuf.Struct": struct_json,
    "google.protobuf.ListValue": list_json,
    "google.protobuf.Value": value_json,
}
WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
