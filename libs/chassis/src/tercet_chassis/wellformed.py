"""What protobuf's wire form lets through though no field of ours means it: times that no calendar has, enum numbers
without a name, numbers that are none, text with a zero character.

Looked for once at the boundary, so that no handler has to think of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tercet_chassis.errors import RequestInvalid, Violation

Found = list[Violation]
Look = Callable[[Any, Found], None]
# The day of a time must exist in every zone, from UTC-12 to UTC+14: handlers turn times into local days.
EARLIEST, LATEST = -62_135_596_800 + 12 * 3600, 253_402_300_799 - 14 * 3600
_LONGEST = 315_576_000_000
_NANOS = 1_000_000_000
_FLOATS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})


def check(message: Message) -> None:
    """Refuses a message that holds such values, with the path of each."""
    found: Found = []
    _looker(message.DESCRIPTOR)(message, found)
    if found:
        raise RequestInvalid(violations=found)


def _text(value: str, found: Found) -> None:
    if "\0" in value:
        found.append(Violation("", "TEXT_NOT_ALLOWED", "Give text without the character U+0000."))


def _number(value: float, found: Found) -> None:
    if not math.isfinite(value):
        found.append(Violation("", "NUMBER_NOT_FINITE", "Give a finite number."))


def _time(value: Any, found: Found) -> None:
    if not (EARLIEST <= value.seconds <= LATEST and 0 <= value.nanos < _NANOS):
        text = "Give a time in the years 1 to 9999 whose day exists in every time zone."
        found.append(Violation("", "TIMESTAMP_INVALID", text))


def _duration(value: Any, found: Found) -> None:
    mixed = value.seconds * value.nanos < 0
    if abs(value.seconds) > _LONGEST or abs(value.nanos) >= _NANOS or mixed:
        found.append(Violation("", "DURATION_INVALID", "Give a duration of at most 10,000 years."))


def _enum(numbers: frozenset[int]) -> Look:
    def look(value: int, found: Found) -> None:
        if value not in numbers:
            found.append(Violation("", "ENUM_VALUE_UNKNOWN", f"There is no value {value}."))

    return look


_WELL_KNOWN: dict[str, Look] = {"google.protobuf.Timestamp": _time, "google.protobuf.Duration": _duration}


@cache
def _looker(descriptor: Descriptor) -> Look:
    known = _WELL_KNOWN.get(descriptor.full_name)
    if known is not None:
        return known
    fields: dict[int, Look] | None = None

    def look(message: Any, found: Found) -> None:
        nonlocal fields
        if fields is None:  # not before: messages may hold themselves
            fields = {field.number: of for field in descriptor.fields if (of := _field(field)) is not None}
        for field, value in message.ListFields():
            one = fields.get(field.number)
            if one is not None:
                before = len(found)
                one(value, found)
                if len(found) > before:
                    _under(found, before, field.name)

    return look


def _field(field: FieldDescriptor) -> Look | None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return _map(_one(kind.fields_by_name["key"]), _one(kind.fields_by_name["value"]))
    one = _one(field)
    return _each(one) if one is not None and field.is_repeated else one


def _one(field: FieldDescriptor) -> Look | None:
    if field.message_type is not None:
        return _looker(field.message_type)
    if field.enum_type is not None:
        return _enum(frozenset(field.enum_type.values_by_number))
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    return _number if field.cpp_type in _FLOATS else None


def _each(one: Look) -> Look:
    def look(values: Any, found: Found) -> None:
        for index, value in enumerate(values):
            before = len(found)
            one(value, found)
            if len(found) > before:
                _under(found, before, f"[{index}]")

    return look


def _map(key: Look | None, value: Look | None) -> Look:
    def look(values: Any, found: Found) -> None:
        for name, item in values.items():
            before = len(found)
            if key is not None:
                key(name, found)
            if value is not None:
                value(item, found)
            if len(found) > before:
                _under(found, before, str(name).replace("\0", "")[:100])

    return look


def _under(found: Found, start: int, name: str) -> None:
    for at in range(start, len(found)):
        item = found[at]
        joint = "" if not item.field or item.field.startswith("[") else "."
        found[at] = Violation(f"{name}{joint}{item.field}", item.reason, item.message)
