"""Events in the transaction: rendered after the flush, written as outbox rows beside the change they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import inspect

from tercet_chassis.context import Context, EventMeta
from tercet_chassis.contract import resource_field, subject_of
from tercet_chassis.entity import Entity
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money


@dataclass(slots=True)
class Emission:
    """An event to be rendered when the transaction's rows are flushed."""

    event: type[Message]
    entity: Entity | None
    occur_time: datetime | None
    origin: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class OutboxRow:
    """One event as it is stored and published."""

    event_id: UUID
    subject: str
    resource_id: UUID
    version: int
    headers: dict[str, str]
    payload: bytes


def set_field(message: Any, name: str, value: Any) -> None:
    """Sets one field from a Python value: messages, lists, times, money and enum names included."""
    if value is None:
        return
    if isinstance(value, datetime):
        getattr(message, name).FromDatetime(value)
    elif isinstance(value, Message):
        getattr(message, name).CopyFrom(value)
    elif isinstance(value, Money):
        target = getattr(message, name)
        target.currency_code, target.amount = value.currency, value.text()
    elif isinstance(value, dict):
        getattr(message, name).update(value)
    elif isinstance(value, list | tuple):
        getattr(message, name).extend(str(item) if isinstance(item, UUID) else item for item in value)
    elif isinstance(value, UUID):
        setattr(message, name, str(value))
    else:
        setattr(message, name, value)


def row_of(emission: Emission, rendered: Message | None, context: Context, now: datetime, source: str) -> OutboxRow:
    """The stored form of an event; its resource is the entity as it is after the flush."""
    message = emission.event()
    if rendered is not None and (target := resource_field(emission.event)) is not None:
        getattr(message, target.name).CopyFrom(rendered)
    for name, value in emission.fields.items():
        set_field(message, name, value)
    event_id = new_id()
    entity = emission.entity
    # A deletion is the version after the last one, so that it supersedes what projections hold.
    state = inspect(entity, raiseerr=False) if isinstance(entity, Entity) else None
    version = 0 if entity is None else entity.row_version + (1 if state is not None and state.deleted else 0)
    occurred = emission.occur_time or now
    headers = {
        "ce-specversion": "1.0",
        "ce-id": str(event_id),
        "ce-type": emission.event.DESCRIPTOR.full_name,
        "ce-source": f"tercet/{source}",
        # When it was recorded, by the machine: business time may be virtual.
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-subject": str(entity.id if entity is not None else event_id),
        "ce-datacontenttype": "application/protobuf",
        "tercet-tenant": str(context.tenant_id),
        "tercet-version": str(version),
        "tercet-occur-time": occurred.isoformat(),
        "tercet-origin": emission.origin or context.origin,
        "tercet-actor-kind": context.principal.kind,
        "tercet-actor": context.principal.subject,
    }
    for name in ("unit_id", "identity_id"):
        value = getattr(entity, name, None)
        if value is not None:
            headers[f"tercet-{name.replace('_id', '')}"] = str(value)
    if context.traceparent:
        headers["traceparent"] = context.traceparent
    return OutboxRow(
        event_id=event_id,
        subject=subject_of(emission.event),
        resource_id=entity.id if entity is not None else event_id,
        version=version,
        headers=headers,
        payload=message.SerializeToString(),
    )


def meta_of(subject: str, headers: Mapping[str, str]) -> EventMeta:
    """Reads an event's headers back; raises KeyError or ValueError when they are not ours."""
    unit, identity = headers.get("tercet-unit"), headers.get("tercet-identity")
    return EventMeta(
        id=UUID(headers["ce-id"]),
        subject=subject,
        tenant_id=UUID(headers["tercet-tenant"]),
        resource_id=UUID(headers["ce-subject"]),
        version=int(headers["tercet-version"]),
        origin=headers["tercet-origin"],
        occur_time=datetime.fromisoformat(headers["tercet-occur-time"]),
        record_time=datetime.fromisoformat(headers["ce-time"]),
        actor_kind=headers["tercet-actor-kind"],
        actor_id=headers["tercet-actor"],
        unit_id=UUID(unit) if unit else None,
        identity_id=UUID(identity) if identity else None,
        headers=headers,
    )


def timestamp(moment: datetime) -> Timestamp:
    """A protobuf Timestamp of an aware instant."""
    value = Timestamp()
    value.FromDatetime(moment)
    return value
