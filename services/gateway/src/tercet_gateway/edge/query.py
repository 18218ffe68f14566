"""Query parameters and path variables -> fields of a request. Both are text; the field's type says how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tercet_chassis.errors import Violation
from tercet_chassis.json_encoder import map_entry
from tercet_chassis.json_values import WRAPPERS
from tercet_gateway.edge.codec import Decoder, Malformed
from tercet_gateway.edge.codec.decoder import did_you_mean

Setter = Callable[[Any, str], None]
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
_FLOATS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_TEXT_FORMS = {"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"}
_DEEPEST = 4
_MOST_PARAMETERS = 200


def readable(field: FieldDescriptor) -> bool:
    """Whether one parameter can hold the field: scalars and the types whose JSON form is text."""
    kind = field.message_type
    return map_entry(field) is None and (kind is None or kind.full_name in _TEXT_FORMS or kind.full_name in WRAPPERS)


def parameters_of(
    descriptor: Descriptor, skip: frozenset[str] = frozenset(), prefix: str = ""
) -> Iterator[tuple[str, FieldDescriptor]]:
    """Every parameter of a request by its dotted path, nested messages included; `skip` are paths bound otherwise."""
    for field in descriptor.fields:
        path = f"{prefix}{field.name}"
        if path in skip:
            continue
        if readable(field):
            yield path, field
        elif _nests(field) and prefix.count(".") < _DEEPEST - 1:
            assert field.message_type is not None
            yield from parameters_of(field.message_type, skip, f"{path}.")


def _nests(field: FieldDescriptor) -> bool:
    """Whether the field is one message of ours, whose fields can be named one by one."""
    kind = field.message_type
    return kind is not None and not field.is_repeated and not kind.full_name.startswith("google.")


class Parameters:
    """Setters of a request type by parameter name."""

    def __init__(self, decoder: Decoder, descriptor: Descriptor, skip: frozenset[str]) -> None:
        self._setters: dict[str, Setter] = {
            path: setter(decoder, path, field) for path, field in parameters_of(descriptor, skip)
        }

    def read(self, query: bytes, request: Any, errors: list[Violation]) -> None:
        """Sets what the query names; notes unknown names and values of another type."""
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
            )
        except ValueError:
            errors.append(
                Violation("", "QUERY_INVALID", f"Give at most {_MOST_PARAMETERS} parameters, percent-encoded as UTF-8.")
            )
            return
        seen: set[str] = set()
        for name, value in pairs:
            put = self._setters.get(name)
            if put is None:
                hint = did_you_mean(name[:100], self._setters)
                errors.append(Violation(name[:100], "UNKNOWN_PARAMETER", f"This method has no such parameter.{hint}"))
                continue
            if name in seen and not getattr(put, "repeats", False):
                errors.append(Violation(name, "PARAMETER_REPEATED", "Give this parameter once."))
                continue
            seen.add(name)
            set_text(put, request, name, value, errors)


def set_text(put: Setter, request: Any, name: str, value: str, errors: list[Violation]) -> None:
    """Sets one value; notes it when it is not of the field's type."""
    try:
        if "\0" in value:
            raise Malformed("text without the character U+0000", "TEXT_NOT_ALLOWED")
        put(request, value)
    except Malformed as fault:
        errors.append(Violation(name, fault.reason, f"Give {fault}."))


def setter(decoder: Decoder, path: str, field: FieldDescriptor) -> Setter:
    """Function `(request, text)` that sets the field at a dotted path; raises `Malformed` when it does not fit."""
    *parents, last = path.split(".")
    kind = field.message_type

    def holder(request: Any) -> Any:
        for name in parents:
            request = getattr(request, name)
        return request

    if kind is not None:
        into = decoder.reader(kind)
        inner = kind.fields_by_name["value"] if kind.full_name in WRAPPERS else None

        def put_message(request: Any, text: str) -> None:
            target = getattr(holder(request), last)
            into(text if inner is None else _plain(inner, text), target.add() if field.is_repeated else target)

        put_message.repeats = field.is_repeated  # type: ignore[attr-defined]
        return put_message
    read = decoder.scalar(field)

    def put_scalar(request: Any, text: str) -> None:
        value = read(_plain(field, text))
        if field.is_repeated:
            getattr(holder(request), last).append(value)
        else:
            setattr(holder(request), last, value)

    put_scalar.repeats = field.is_repeated  # type: ignore[attr-defined]
    return put_scalar


def _plain(field: FieldDescriptor, text: str) -> Any:
    """Text as the JSON value that the field's reader expects."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.cpp_type in _INTEGERS:
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= 20 else text
    if field.cpp_type in _FLOATS:
        try:
            return float(text) if "_" not in text else text
        except ValueError:
            return text
    return text
