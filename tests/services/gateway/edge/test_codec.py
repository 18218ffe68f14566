"""The compiled codec says the same as protobuf's own JSON form, but for what it documents."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import orjson
import pytest
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st
from tercet_protos import import_all

from tercet_chassis.errors import Violation
from tercet_chassis.json_encoder import input_only, map_entry
from tercet_gateway.edge.codec import Decoder, Encoder

from .sample_contract import sample, sample_set

ENCODER, DECODER = Encoder(), Decoder()


def every_message() -> list[str]:
    sample_set()
    pool = descriptor_pool.Default()
    found: list[Descriptor] = []
    waiting = [
        kind
        for name in (*import_all(), "sample.proto")
        for kind in pool.FindFileByName(name).message_types_by_name.values()
    ]
    while waiting:
        kind = waiting.pop()
        waiting += [inner for inner in kind.nested_types if not inner.GetOptions().map_entry]
        found.append(kind)
    return sorted(kind.full_name for kind in found)


WORDS = ["", "a", "王芳", "上海汽车有限公司", "\u0000", "\U0001f697", "line\nbreak", '"quoted"', "\u2028", "ÿ" * 12]
RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1), FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1), FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}  # fmt: skip
DOUBLES = [0.0, -0.0, 1.0, 0.1, -2.5, 1e300, 5e-324, float("nan"), float("inf"), float("-inf"), 2.0**53]
FLOATS = [0.0, 1.0, 0.1, 16777216.0, 3.4028234663852886e38, float("nan"), float("inf"), float("-inf")]


class Draw(Random):
    """Random values with a liking for edges; one hypothesis seed each, so that a failure is repeated by its seed."""

    def scalar(self, field: FieldDescriptor) -> Any:
        if field.cpp_type in RANGES:
            low, high = RANGES[field.cpp_type]
            return self.choice([low, high, 0, 1, self.randint(low, high)])
        if field.enum_type is not None:
            return self.choice([value.number for value in field.enum_type.values])
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.random() < 0.5
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return self.choice([*DOUBLES, self.uniform(-1e6, 1e6)])
            case FieldDescriptor.CPPTYPE_FLOAT:
                return self.choice([*FLOATS, self.uniform(-1e6, 1e6)])
        return self.randbytes(self.randrange(9)) if field.type == FieldDescriptor.TYPE_BYTES else self.choice(WORDS)

    def json(self, depth: int = 0) -> Any:
        kind = self.randrange(6 if depth < 3 else 4)
        if kind < 4:
            return [None, True, self.choice(WORDS), self.uniform(-9, 9) if self.random() < 0.5 else 5][kind]
        return [self.json(depth + 1) for _ in range(self.randrange(3))] if kind == 4 else self.object(depth)

    def object(self, depth: int = 0) -> dict[str, Any]:
        return {self.choice(WORDS): self.json(depth + 1) for _ in range(self.randrange(3))}

    def nanos(self) -> int:
        return self.choice([0, 5_000_000, 7_000, 1, 999_999_999, self.randrange(10**9)])


def _parse(value: Any, message: Any) -> None:
    json_format.ParseDict(value, message)  # takes any JSON value where the message is a Value or a ListValue


def fill(draw: Draw, message: Any, depth: int) -> None:
    kind: Descriptor = message.DESCRIPTOR
    match kind.full_name:
        case "google.protobuf.Timestamp":
            message.seconds = draw.choice([-62135596800, 253402300799, 0, draw.randint(0, 2**31)])
            message.nanos = draw.nanos()
        case "google.protobuf.Duration":
            sign = draw.choice([1, -1])
            message.seconds, message.nanos = sign * draw.choice([0, 1, 315_576_000_000 - 1]), sign * draw.nanos()
        case "google.protobuf.FieldMask":
            message.paths.extend(draw.sample(["a", "full_name", "address.city"], draw.randrange(3)))
        case "google.protobuf.Struct":
            json_format.ParseDict(draw.object(), message)
        case "google.protobuf.Value":
            _parse(draw.json() or "", message)  # alone, a null reads as unset
        case "google.protobuf.ListValue":
            _parse([draw.json()], message)
        case "google.protobuf.Any":
            message.Pack(sample("GetBookRequest")(id=draw.choice(WORDS)))
        case _:
            for field in kind.fields:
                if input_only(field):
                    continue  # it goes in and never comes out
                if draw.random() < (0.25 if field.message_type is None else 0.3 + depth / 4):
                    continue
                fill_field(draw, message, field, depth)


def fill_field(draw: Draw, message: Any, field: FieldDescriptor, depth: int) -> None:
    target = getattr(message, field.name)
    entry = map_entry(field)
    if entry is not None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for chosen in {draw.scalar(key) for _ in range(draw.randrange(3))}:
            if value.message_type is not None:
                fill(draw, target[chosen], depth + 1)
            else:
                target[chosen] = draw.scalar(value)
    elif field.is_repeated and field.message_type is not None:
        for _ in range(draw.randrange(3)):
            fill(draw, target.add(), depth + 1)
    elif field.is_repeated:
        target.extend([draw.scalar(field) for _ in range(draw.randrange(3))])
    elif field.message_type is not None:
        target.SetInParent()
        fill(draw, target, depth + 1)
    else:
        setattr(message, field.name, draw.scalar(field))


def without_nulls(value: Any, message: Any) -> Any:
    """Ours shows unset fields as null where protobuf leaves them out, and never what is for input only; a FieldMask
    keeps the proto's names.
    """
    shown = {}
    for field in message.DESCRIPTOR.fields:
        if input_only(field):
            assert field.name not in value
            if not field.has_presence:  # theirs shows what was never filled
                shown[field.name] = {} if map_entry(field) else [] if field.is_repeated else field.default_value
            continue
        if field.has_presence and not message.HasField(field.name):
            assert value[field.name] is None
            continue
        item, part, entry = value[field.name], getattr(message, field.name), map_entry(field)
        plain = field.message_type is not None and not field.message_type.full_name.startswith("google.protobuf.")
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.FieldMask":
            assert item == ",".join(part.paths)
            item = part.ToJsonString()
        elif plain and entry is not None and entry.fields_by_name["value"].message_type is not None:
            item = {key: without_nulls(item[str(key)], inner) for key, inner in part.items()}
            item = {str(key): inner for key, inner in item.items()}
        elif plain and entry is None:
            item = (
                [without_nulls(a, b) for a, b in zip(item, part, strict=True)]
                if field.is_repeated
                else without_nulls(item, part)
            )
        shown[field.name] = item
    return shown


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, float) and isinstance(other, (float, int)):
        return one == other or math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


@pytest.mark.parametrize("name", every_message())
def test_codec_agrees_with_json_format(name: str) -> None:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    message_class = GetMessageClass(descriptor)

    @settings(max_examples=300 if name == "tercet.sample.v1.Book" else 8, deadline=None, database=None)
    @given(st.integers(0, 2**32))
    def agree(seed: int) -> None:
        message = message_class()
        fill(Draw(seed), message, 0)
        encoded = ENCODER.of(descriptor)(message)
        theirs = json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert equal(without_nulls(encoded, message), theirs)
        wire = orjson.loads(orjson.dumps(encoded))
        read = message_class()
        errors: list[Violation] = []
        DECODER.into(wire, read, errors)
        assert errors == []
        assert read.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)

    agree()


BAD: list[tuple[Any, str, str]] = [
    ({"titel": "x"}, "titel", "UNKNOWN_FIELD"),
    ({"title": 5}, "title", "WRONG_TYPE"),
    ({"price": {"amount": 5}}, "price.amount", "WRONG_TYPE"),
    ({"price": []}, "price", "WRONG_TYPE"),
    ({"binding": "SOFT"}, "binding", "ENUM_VALUE_UNKNOWN"),
    ({"binding": 1}, "binding", "WRONG_TYPE"),
    ({"bindings": ["PAPERBACK", "X"]}, "bindings[1]", "ENUM_VALUE_UNKNOWN"),
    ({"chapters": [{"title": "a"}, {"parts": [{"pages": "x"}]}]}, "chapters[1].parts[0].pages", "WRONG_TYPE"),
    ({"chapters": [None]}, "chapters[0]", "WRONG_TYPE"),
    ({"chapters": {}}, "chapters", "WRONG_TYPE"),
    ({"pages": 2**31}, "pages", "OUT_OF_RANGE"),
    ({"pages": True}, "pages", "WRONG_TYPE"),
    ({"pages": 1.5}, "pages", "WRONG_TYPE"),
    ({"count": -1}, "count", "OUT_OF_RANGE"),
    ({"weight": 1e300}, "weight", "OUT_OF_RANGE"),
    ({"in_print": "true"}, "in_print", "WRONG_TYPE"),
    ({"cover": "%%"}, "cover", "BASE64_INVALID"),
    ({"publish_time": "2026-02-30T00:00:00Z"}, "publish_time", "TIMESTAMP_INVALID"),
    ({"publish_time": "2026-02-03 00:00:00"}, "publish_time", "TIMESTAMP_INVALID"),
    ({"publish_time": "0001-01-01T00:00:00+08:00"}, "publish_time", "TIMESTAMP_INVALID"),
    ({"times": ["2026-01-01T00:00:00Z", 5]}, "times[1]", "TIMESTAMP_INVALID"),
    ({"reading": "1h"}, "reading", "DURATION_INVALID"),
    ({"custom": []}, "custom", "WRONG_TYPE"),
    ({"names": {"zh": 1}}, "names.zh", "WRONG_TYPE"),
    ({"by_number": {"x": {}}}, "by_number.x", "WRONG_TYPE"),
    ({"by_number": {"9" * 5000: {}}}, "by_number." + "9" * 5000, "WRONG_TYPE"),
    ({"weights": {"maybe": 1}}, "weights.maybe", "WRONG_TYPE"),
    ({"weights": {"true": "x"}}, "weights.true", "WRONG_TYPE"),
    ({"shop": "a", "friend": {}}, "friend", "ONE_OF"),
    ({"paths": "a b"}, "paths", "FIELD_MASK_INVALID"),
    ({"wrapped": 1}, "wrapped", "WRONG_TYPE"),
    ({"packed": {"@type": "x/y"}}, "packed.@type", "TYPE_UNKNOWN"),
    ({"wide": "1.5"}, "wide", "WRONG_TYPE"),
]


@pytest.mark.parametrize(("value", "path", "reason"), BAD)
def test_what_is_wrong_is_named_with_its_path(value: Any, path: str, reason: str) -> None:
    errors: list[Violation] = []
    DECODER.into(value, sample("Book")(), errors)
    assert [(item.field, item.reason) for item in errors] == [(path, reason)]


def test_unknown_field_gets_a_hint_and_enum_the_allowed_names() -> None:
    errors: list[Violation] = []
    DECODER.into({"titel": "x", "binding": "SOFT"}, sample("Book")(), errors)
    messages = {item.field: item.message for item in errors}
    assert "title" in messages["titel"]
    assert "PAPERBACK, HARDCOVER" in messages["binding"]


def test_zone_of_a_time_is_counted_in() -> None:
    book = sample("Book")()
    DECODER.into({"publish_time": "2026-03-01T08:00:00.5+08:00"}, book, [])
    assert ENCODER.of(book.DESCRIPTOR)(book)["publish_time"] == "2026-03-01T00:00:00.500Z"


def test_null_leaves_a_field_unset_and_unset_is_shown_as_null() -> None:
    book = sample("Book")()
    errors: list[Violation] = []
    DECODER.into({"pages": None, "price": None, "tags": None, "title": None}, book, errors)
    assert errors == []
    shown = ENCODER.of(book.DESCRIPTOR)(book)
    assert (shown["pages"], shown["price"], shown["tags"], shown["title"]) == (None, None, [], "")
    assert list(shown) == [field.name for field in book.DESCRIPTOR.fields]


def test_enum_number_of_a_newer_release_is_shown_as_it_is() -> None:
    assert ENCODER.of(sample("Book").DESCRIPTOR)(sample("Book")(binding=99))["binding"] == 99
