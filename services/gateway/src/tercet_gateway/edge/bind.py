"""One HTTP request -> one request message: path, query, body, update mask and `If-Match`, compiled per route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tercet_chassis.contract import ContractBroken
from tercet_chassis.errors import Violation
from tercet_chassis.json_encoder import map_entry
from tercet_chassis.json_values import WRAPPERS
from tercet_gateway.edge.codec import Decoder
from tercet_gateway.edge.codec.wellknown import READERS
from tercet_gateway.edge.query import Parameters, readable, set_text, setter
from tercet_gateway.edge.refusals import (
    BodyNotJson,
    BodyNotRead,
    BodyTooDeep,
    BodyUnexpected,
    HeaderInvalid,
    TextNotAllowed,
)
from tercet_gateway.edge.router import Route

# A level of JSON in a Struct takes three of protobuf, whose parsers stop at 100.
DEEPEST = 30
_ETAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]{1,200})"')
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_MASK = "update_mask"


class Binder:
    """Makes requests of one route."""

    def __init__(self, route: Route, decoder: Decoder) -> None:
        binding, descriptor = route.binding, route.method.takes
        self._class: type[Message] = route.method.request
        self._decoder, self._body = decoder, binding.body
        self._variables = [(path, setter(decoder, path, _at(descriptor, path, route))) for path in binding.variables]
        self._service = route.service if route.method.every_service and "service" in descriptor.fields_by_name else ""
        if binding.body not in ("", "*") and binding.body not in descriptor.fields_by_name:
            raise ContractBroken(f"{route.method.full_name}: the body field {binding.body} is not in {descriptor.name}")
        bound = {*binding.variables, *([binding.body] if binding.body else []), *(["service"] if self._service else [])}
        taken = frozenset(field.name for field in descriptor.fields) if binding.body == "*" else frozenset(bound)
        self._parameters = Parameters(decoder, descriptor, taken)
        self._patches = binding.verb == "PATCH" and _MASK in descriptor.fields_by_name and binding.body not in ("", "*")
        self._etag = _etag_holder(descriptor, binding.body)
        inner = [path.removeprefix(f"{binding.body}.") for path in binding.variables]
        self._unmasked = frozenset({*inner, "etag"})

    def build(self, variables: list[bytes], query: bytes, body: bytes, if_match: str) -> Message:
        """The request; refuses with every field that is wrong."""
        request: Any = self._class()
        errors: list[Violation] = []
        value = self._read_body(body, request, errors)
        if query:
            self._parameters.read(query, request, errors)
        for (path, put), raw in zip(self._variables, variables, strict=True):
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                errors.append(Violation(self.outside(path), "PATH_INVALID", "Give the path percent-encoded as UTF-8."))
                continue
            set_text(put, request, self.outside(path), text, errors)
        if self._service:
            request.service = self._service
        if errors:
            raise BodyNotRead(violations=errors)
        if self._patches and not request.HasField(_MASK) and isinstance(value, dict):
            message = getattr(request, self._body)
            request.update_mask.paths.extend(mask_of(value, message.DESCRIPTOR, self._unmasked))
        if if_match and if_match != "*":
            self._match(request, if_match)
        return request  # type: ignore[no-any-return]

    def _read_body(self, body: bytes, request: Any, errors: list[Violation]) -> Any:
        if not self._body:
            if body.strip() not in (b"", b"{}"):
                raise BodyUnexpected
            return None
        value = parse(body)
        if self._body == "*":
            if value is not None:
                self._decoder.into(value, request, errors)
            return value
        field = request.DESCRIPTOR.fields_by_name[self._body]
        if field.message_type is None or field.is_repeated:
            self._decoder.into({self._body: value}, request, errors)
            return value
        if value is None:
            return None  # left unset: the service's own rule says that it is required
        getattr(request, self._body).SetInParent()
        self._decoder.into(value, getattr(request, self._body), errors)
        return value

    def _match(self, request: Any, if_match: str) -> None:
        etag = _ETAG.fullmatch(if_match.strip())
        if etag is None:
            raise HeaderInvalid(header="If-Match", expected='one etag in quotes, such as "7", or *')
        if self._etag is not None:
            holder = getattr(request, self._etag) if self._etag else request
            holder.etag = etag[1]

    def outside(self, field: str) -> str:
        """A field's path as the caller of REST knows it: relative to the body that was sent."""
        return field.removeprefix(f"{self._body}.") if self._body not in ("", "*") else field


def parse(body: bytes) -> Any:
    """JSON of a body, None when it is empty; refuses what does not parse, is too deep or holds U+0000."""
    if not body:
        return None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise BodyNotJson(cause=str(wrong).rstrip(".")) from wrong
    if body.count(b"{") + body.count(b"[") > DEEPEST:
        _check_depth(value)
    if b"\\u0000" in body and any("\0" in text for text in _texts(value)):
        raise TextNotAllowed
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for item in level for inner in _inner(item)]
        if not level:
            return
    raise BodyTooDeep(limit=DEEPEST)


def _inner(value: Any) -> list[Any]:
    if value.__class__ is dict:
        return list(value.values())
    return value if value.__class__ is list else []


def _texts(value: Any) -> Iterator[str]:
    if value.__class__ is str:
        yield value
    elif value.__class__ is dict:
        yield from value
    for item in _inner(value):
        yield from _texts(item)


def mask_of(
    value: dict[str, Any], descriptor: Descriptor, skip: frozenset[str] = frozenset(), prefix: str = ""
) -> list[str]:
    """The paths that a PATCH body names. What clients never write is left out, so what was read may be sent back."""
    paths: list[str] = []
    for key, item in value.items():
        field = descriptor.fields_by_name[key]
        if (not prefix and key in skip) or _output_only(field):
            continue
        kind = field.message_type
        if not isinstance(item, dict) or not item or kind is None or map_entry(field) is not None:
            paths.append(prefix + key)
        elif key == "custom" and kind.full_name == "google.protobuf.Struct":
            paths += [f"{prefix}custom.{_custom_key(name)}" for name in item]
        elif kind.full_name in READERS or kind.full_name in WRAPPERS or kind.full_name.startswith("google."):
            paths.append(prefix + key)
        else:
            paths += mask_of(item, kind, skip, f"{prefix}{key}.")
    return paths


def _custom_key(name: str) -> str:
    if not _KEY.fullmatch(name):
        violation = Violation(
            "custom", "CUSTOM_KEY_INVALID", "Name custom fields in lower case letters, digits and underscores."
        )
        raise BodyNotRead(violations=[violation])
    return name


def _output_only(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _etag_holder(descriptor: Descriptor, body: str) -> str | None:
    """Where `If-Match` goes: "" for the request itself, the body field's name for the resource, None for nowhere."""
    if "etag" in descriptor.fields_by_name:
        return ""
    field = descriptor.fields_by_name.get(body)
    kind = field.message_type if field is not None else None
    return body if kind is not None and "etag" in kind.fields_by_name else None


def _at(descriptor: Descriptor, path: str, route: Route) -> FieldDescriptor:
    *parents, last = path.split(".")
    current: Descriptor | None = descriptor
    for name in parents:
        field = current.fields_by_name.get(name) if current is not None else None
        current = field.message_type if field is not None else None
    found = current.fields_by_name.get(last) if current is not None else None
    if found is None or found.is_repeated or not readable(found):
        raise ContractBroken(
            f"{route.method.full_name}: the path variable {path} is not a plain field of {descriptor.name}"
        )
    return found
