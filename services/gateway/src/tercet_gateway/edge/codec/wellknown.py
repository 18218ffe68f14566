"""JSON forms of protobuf's well-known types, as they are read. A reader raises `Malformed` with what it expected."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants in UTC without the price of a zone
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*", re.ASCII)
_LONGEST_DURATION = 315_576_000_000
_EARLIEST = -62_135_596_800
_LATEST = 253_402_300_799
_FLOAT_END = 3.4028235677973366e38  # from here on the nearest 32-bit number is infinity
_NOT_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class Malformed(ValueError):
    """A value does not have the form of its type; `reason` names the fact, the text says what is expected."""

    def __init__(self, expected: str, reason: str = "WRONG_TYPE") -> None:
        super().__init__(expected)
        self.reason = reason


def read_timestamp(value: Any, target: Any) -> None:
    """RFC 3339 with a zone; refused when it is another form, no such day, or outside the years 1 to 9999."""
    match = _TIMESTAMP.fullmatch(value) if value.__class__ is str else None
    if match is None:
        raise Malformed("an RFC 3339 time with zone, such as 2026-03-01T08:30:00Z", "TIMESTAMP_INVALID")
    day, clock, fraction, sign, hours, minutes = match.groups()
    try:
        instant = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError:
        raise Malformed("a time that exists in the calendar", "TIMESTAMP_INVALID") from None
    seconds = (instant - _EPOCH) // timedelta(seconds=1)
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise Malformed("a zone between -23:59 and +23:59", "TIMESTAMP_INVALID")
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += -offset if sign == "+" else offset
    if not _EARLIEST <= seconds <= _LATEST:
        raise Malformed("a time in the years 1 to 9999", "TIMESTAMP_INVALID")
    target.SetInParent()
    target.seconds = seconds
    target.nanos = int(fraction.ljust(9, "0")) if fraction else 0


def read_duration(value: Any, target: Any) -> None:
    """Seconds with an `s`; refused beyond 10,000 years."""
    match = _DURATION.fullmatch(value) if value.__class__ is str else None
    if match is None or int(match[2]) > _LONGEST_DURATION:
        raise Malformed("a number of seconds followed by s, such as 90s or 1.5s", "DURATION_INVALID")
    sign = -1 if match[1] else 1
    target.SetInParent()
    target.seconds = sign * int(match[2])
    target.nanos = sign * int((match[3] or "").ljust(9, "0"))


def read_mask(value: Any, target: Any) -> None:
    """Field paths joined by commas."""
    if value.__class__ is not str:
        raise Malformed("field paths joined by commas, such as full_name,address.city", "FIELD_MASK_INVALID")
    target.SetInParent()
    del target.paths[:]
    for path in value.split(",") if value else ():
        if path != "*" and not _PATH.fullmatch(path):
            raise Malformed("field paths joined by commas, such as full_name,address.city", "FIELD_MASK_INVALID")
        target.paths.append(path)


def read_struct(value: Any, target: Any) -> None:
    """Any object."""
    if value.__class__ is not dict:
        raise Malformed("an object")
    target.SetInParent()
    fields = target.fields
    for key, item in value.items():
        read_value(item, fields[key])


def read_list(value: Any, target: Any) -> None:
    """Any array."""
    if value.__class__ is not list:
        raise Malformed("an array")
    target.SetInParent()
    for item in value:
        read_value(item, target.values.add())


def read_value(value: Any, target: Any) -> None:
    """Anything JSON can say."""
    kind = value.__class__
    if kind is str:
        target.string_value = value
    elif kind is bool:
        target.bool_value = value
    elif kind is int or kind is float:
        target.number_value = value
    elif value is None:
        target.null_value = 0
    elif kind is dict:
        read_struct(value, target.struct_value)
    else:
        read_list(value, target.list_value)


def read_empty(value: Any, target: Any) -> None:
    """An empty object."""
    if value.__class__ is not dict or value:
        raise Malformed("an empty object")
    target.SetInParent()


def read_bytes(value: Any) -> bytes:
    """Base64, also in its form for addresses, padded or not."""
    if value.__class__ is not str:
        raise Malformed("base64 text")
    try:
        text = value.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64 text", "BASE64_INVALID") from None


def read_double(value: Any) -> float:
    """A number, or the names of what JSON has no number for."""
    if value.__class__ is float or value.__class__ is int:
        return float(value)
    if value.__class__ is str and value in _NOT_NUMBERS:
        return _NOT_NUMBERS[value]
    raise Malformed("a number")


def read_float(value: Any) -> float:
    """Like a double, within 32 bits."""
    number = read_double(value)
    if abs(number) >= _FLOAT_END and number - number == 0:
        raise Malformed("a number within ±3.4028235e38", "OUT_OF_RANGE")
    return number


def integer_reader(low: int, high: int, *, text: bool) -> Callable[[Any], int]:
    """A reader of whole numbers in a range; `text` lets decimal text in, which JSON needs beyond 53 bits."""

    def read(value: Any) -> int:
        if (value.__class__ is float and value.is_integer()) or (
            text and value.__class__ is str and re.fullmatch(r"-?[0-9]{1,20}", value)
        ):
            value = int(value)
        if value.__class__ is not int:
            raise Malformed("a whole number")
        if not low <= value <= high:
            raise Malformed(f"a whole number from {low} to {high}", "OUT_OF_RANGE")
        return int(value)

    return read


READERS: dict[str, Callable[[Any, Any], None]] = {
    "google.protobuf.Timestamp": read_timestamp,
    "google.protobuf.Duration": read_duration,
    "google.protobuf.FieldMask": read_mask,
    "google.protobuf.Struct": read_struct,
    "google.protobuf.ListValue": read_list,
    "google.protobuf.Value": read_value,
    "google.protobuf.Empty": read_empty,
}
