"""What routing rules may ask of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tercet_conditions import Facts, Field, FieldType, Vocabulary

PRIORITIES = ("URGENT", "HIGH", "NORMAL", "LOW")
# What people wrote: an explanation that is kept tells only whether it fits.
PERSONAL = frozenset({"subject", "description", "requester_name"})
_T, _I, _U = Field(FieldType.TEXT), Field(FieldType.INTEGER), Field(FieldType.UUID)
FIELDS: dict[str, Field] = {
    **dict.fromkeys("number subject description type_code requester_name external_system".split(), _T),
    "priority": Field(FieldType.ENUM, values=PRIORITIES),
    "arrival": Field(FieldType.ENUM, values=("PHONE", "EMAIL", "CHAT", "FORM", "COUNTER", "QR", "DEVICE")),
    "state": Field(FieldType.ENUM, values=("NEW", "OPEN", "PENDING", "SOLVED", "CLOSED")),
    **dict.fromkeys("unit_id partner_party_id party_id customer_id order_id asset_id owner_id".split(), _U),
    **dict.fromkeys(("reopen_count", "entry_count"), _I),
    "create_time": Field(FieldType.INSTANT),
}

TICKETS = Vocabulary(FIELDS)


def facts_of(ticket: Any, custom: Mapping[str, Any]) -> Facts:
    """A ticket, or a row of its columns, as conditions see it."""
    values = {path: getattr(ticket, path, None) for path in FIELDS}
    return {**values, "custom": dict(custom), **{f"custom.{key}": value for key, value in custom.items()}}
