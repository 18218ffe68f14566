"""Writes `buf/validate/validate.proto` as text from the descriptor inside the protovalidate wheel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    text_format,
    timestamp_pb2,
)
from google.protobuf.message import Message

_TYPES = {
    number: name.removeprefix("TYPE_").lower() for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()
}
_LABEL_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED


def _serialized() -> bytes:
    from protobuf import DescFile  # the runtime that protovalidate brings
    from protovalidate._gen.buf.validate import validate_pb

    desc: DescFile = validate_pb.desc()
    return bytes(desc.proto.to_binary())


def _pool_with(serialized: bytes) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(serialized)
    return pool


def _options(options: Message) -> list[str]:
    lines = []
    for field, value in options.ListFields():
        name = f"({field.full_name})" if field.is_extension else field.name
        if isinstance(value, Message):
            lines.append(f"{name} = {{ {text_format.MessageToString(value, as_one_line=True)} }}")
        elif isinstance(value, bool):
            lines.append(f"{name} = {str(value).lower()}")
    return lines


def text() -> str:
    """The file as proto source: same numbers, types, rules; comments are not carried."""
    serialized = _serialized()
    pool = _pool_with(serialized)
    file_type = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorProto"))
    file = file_type.FromString(serialized)
    lines = [f'syntax = "{file.syntax or "proto2"}";', f"package {file.package};"]
    lines += [f'import "{dependency}";' for dependency in file.dependency]
    for message in file.message_type:
        lines += _message(message, file.package, "")
    for enum in file.enum_type:
        lines += _enum(enum, "")
    for extendee in sorted({extension.extendee for extension in file.extension}):
        lines.append(f"extend {extendee} {{")
        lines += [_field(field, {}, "  ") for field in file.extension if field.extendee == extendee]
        lines.append("}")
    return "\n".join(lines) + "\n"


def _enum(enum: descriptor_pb2.EnumDescriptorProto, pad: str) -> Iterator[str]:
    yield f"{pad}enum {enum.name} {{"
    for value in enum.value:
        yield f"{pad}  {value.name} = {value.number};"
    yield f"{pad}}}"


def _message(message: descriptor_pb2.DescriptorProto, scope: str, pad: str) -> Iterator[str]:
    yield f"{pad}message {message.name} {{"
    inner = pad + "  "
    for option in _options(message.options):
        yield f"{inner}option {option};"
    for enum in message.enum_type:
        yield from _enum(enum, inner)
    entries = {f".{scope}.{message.name}.{n.name}": n for n in message.nested_type if n.options.map_entry}
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from _message(nested, f"{scope}.{message.name}", inner)
    oneofs: dict[int, list[descriptor_pb2.FieldDescriptorProto]] = {}
    for field in message.field:
        if field.HasField("oneof_index") and not field.proto3_optional:
            oneofs.setdefault(field.oneof_index, []).append(field)
        else:
            yield _field(field, entries, inner)
    for index, fields in oneofs.items():
        yield f"{inner}oneof {message.oneof_decl[index].name} {{"
        for option in _options(message.oneof_decl[index].options):
            yield f"{inner}  option {option};"
        for field in fields:
            yield _field(field, entries, inner + "  ")
        yield f"{inner}}}"
    for extension_range in message.extension_range:
        last = "max" if extension_range.end >= 536870912 else str(extension_range.end - 1)
        yield f"{inner}extensions {extension_range.start} to {last};"
    yield f"{pad}}}"


def _field(
    field: descriptor_pb2.FieldDescriptorProto, entries: Mapping[str, descriptor_pb2.DescriptorProto], pad: str
) -> str:
    type_name = field.type_name or _TYPES[field.type]
    if field.type_name in entries:
        key, value = entries[field.type_name].field
        type_name = f"map<{_TYPES[key.type]}, {value.type_name or _TYPES[value.type]}>"
        label = ""
    elif field.label == _LABEL_REPEATED:
        label = "repeated "
    elif field.HasField("oneof_index") and not field.proto3_optional:
        label = ""
    else:
        label = "optional "
    options = _options(field.options)
    tail = f" [{', '.join(options)}]" if options else ""
    return f"{pad}{label}{type_name} {field.name} = {field.number}{tail};"
