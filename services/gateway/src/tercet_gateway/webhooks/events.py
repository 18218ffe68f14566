"""What events there are, how they look as JSON, and conditions on the resource that they carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import orjson
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from tercet_protos import import_all

from tercet.options.v1 import options_pb2
from tercet_chassis.context import EventMeta
from tercet_chassis.contract import repeated, resource_field, rule_of, subject_of
from tercet_chassis.masking import mask
from tercet_chassis.principal import hides
from tercet_conditions import Clock, ConditionError, Field, FieldType, Schema, compile_closure, parse_text
from tercet_gateway.webhooks.errors import FilterDoesNotFit, FilterNamesTenantsOwn
from tercet_gateway.webhooks.rules import event_name

_MONEY, _TIMESTAMP = "tercet.type.v1.Money", "google.protobuf.Timestamp"
# Outside of quotes is not told apart: this only chooses the words of a refusal.
_TENANTS_OWN = re.compile(r"\bcustom\.\w+")
_INTEGERS = frozenset({FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32})


@cache
def known_events() -> Mapping[str, Any]:
    """Every event of every service by its name."""
    pool = descriptor_pool.Default()
    found: dict[str, Any] = {}
    for file_name in import_all():
        if file_name.endswith("/events.proto"):
            for descriptor in pool.FindFileByName(file_name).message_types_by_name.values():
                event: Any = message_factory.GetMessageClass(descriptor)
                found[event_name(subject_of(event))] = event
    return found


def _field_type(field: FieldDescriptor) -> Field | None:
    if field.message_type is not None:
        return Field(FieldType.INSTANT, stored_json=True) if field.message_type.full_name == _TIMESTAMP else None
    if repeated(field):
        return Field(FieldType.LIST)
    if field.enum_type is not None:
        return Field(FieldType.ENUM, values=tuple(value.name for value in field.enum_type.values), stored_json=True)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return Field(FieldType.DATE if field.name.endswith("_date") else FieldType.TEXT, stored_json=True)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return Field(FieldType.BOOLEAN, stored_json=True)
    return Field(FieldType.INTEGER if field.cpp_type in _INTEGERS else FieldType.DECIMAL, stored_json=True)


def resource_schema(resource: Descriptor, masks: frozenset[str]) -> Schema:
    """The paths that a condition on such a resource may name; masked ones are not among them."""
    fields: dict[str, Field] = {}
    for field in resource.fields:
        personal = options_pb2.PersonalData.Name(rule_of(field).personal_data)
        if hides(masks, personal):
            continue
        if field.message_type is not None and field.message_type.full_name == _MONEY and not repeated(field):
            fields[f"{field.name}.amount"] = Field(FieldType.MONEY, stored_json=True)
            fields[f"{field.name}.currency_code"] = Field(FieldType.TEXT, stored_json=True)
        elif (typed := _field_type(field)) is not None:
            fields[field.name] = typed
    return Schema(fields)


@lru_cache(maxsize=2_000)
def compiled(name: str, condition: str, masks: frozenset[str], zone: str) -> Callable[[Any, datetime], bool]:
    """The condition as a function of a resource and a moment. Refuses one that does not fit the event's resource."""
    target = resource_field(known_events()[name])
    if target is None or target.message_type is None:
        raise FilterDoesNotFit(event=name, detail="it carries no resource")
    schema = resource_schema(target.message_type, masks)
    moment: list[datetime] = []
    try:
        tree = parse_text(condition, schema)
        holds = compile_closure(tree, schema, clock=Clock(lambda: moment[0], ZoneInfo(zone)))
    except (ConditionError, ValueError) as wrong:
        if own := _TENANTS_OWN.search(condition):
            raise FilterNamesTenantsOwn(path=own[0], service=name.partition(".")[0]) from wrong
        raise FilterDoesNotFit(event=name, detail=str(wrong)) from wrong

    def judge(resource: Any, now: datetime) -> bool:
        moment[:] = [now]
        return bool(holds(resource))

    return judge


def as_json(message: Message) -> dict[str, Any]:
    """A message as the API writes it, with the fields that hold their default value."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def resource_json(event: Message) -> dict[str, Any] | None:
    """The event's resource, or None for an event that carries none."""
    target = resource_field(cast(Any, type(event)))
    return None if target is None else as_json(getattr(event, target.name))


def body_of(event: Message, meta: EventMeta, masks: frozenset[str]) -> str:
    """The request's body: what happened, when, and the event as it is, shortened as the role's masks say.

    The tenant's own fields are left out where anything is masked: only their owners know which are personal.
    """
    shown = type(event)()
    shown.CopyFrom(event)
    mask(shown, masks)
    body = {
        "type": event_name(meta.subject),
        "timestamp": meta.occur_time.isoformat(),
        "id": str(meta.id),
        "resource_id": str(meta.resource_id),
        "version": meta.version,
        "origin": meta.origin,
        "actor": {"kind": meta.actor_kind, "id": meta.actor_id},
        "data": as_json(shown),
    }
    return orjson.dumps(body).decode()
