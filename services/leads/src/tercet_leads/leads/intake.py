"""From messages to submissions: what a client sent, kept raw and as texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict

from tercet.leads.v1 import lead_service_pb2 as pb
from tercet_chassis.binding import struct_value
from tercet_leads.leads.errors import LeadEmpty, LeadValueTooLong
from tercet_leads.leads.rules import TEXT_FIELDS, Submission, is_empty, too_long


def submission_of(message: pb.Lead, entry: str) -> Submission:
    """A lead as a client sent it. Refuses malformed ids with ValueError; requests are validated before."""
    kind = pb.Lead.Kind.Name(message.kind)
    return Submission(
        values={name: text for name in TEXT_FIELDS if (text := getattr(message, name))},
        raw=_raw(message),
        entry=entry,
        kind="" if kind == "KIND_UNSPECIFIED" else kind,
        id=_id(message.id),
        external=(message.external_ref.system, message.external_ref.id) if message.HasField("external_ref") else None,
        owner_id=_id(message.owner_id),
        unit_id=_id(message.unit_id),
        partner_party_id=_id(message.partner_party_id),
        source_given=message.source_code,
        placement_id=_id(message.placement_id),
        campaign_id=_id(message.campaign_id),
        occur_time=_time(message, "occur_time"),
        longitude=message.longitude if message.HasField("longitude") else None,
        latitude=message.latitude if message.HasField("latitude") else None,
        interests=list(message.interests),
        custom=struct_value(message.custom) if message.HasField("custom") else {},
        next_contact_time=_time(message, "next_contact_time"),
    )


def checked(submission: Submission) -> Submission:
    """The submission. Refuses one with nothing in it, and values longer than their field."""
    if is_empty(submission.values):
        raise LeadEmpty()
    over = too_long(submission.values)
    if over is not None:
        name, length, limit = over
        raise LeadValueTooLong(field_name=name, length=length, limit=limit)
    return submission


def _raw(message: pb.Lead) -> dict[str, Any]:
    raw: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return raw


def _id(text: str) -> UUID | None:
    return UUID(text) if text else None


def _time(message: pb.Lead, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None
