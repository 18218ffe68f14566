"""What a level's condition may ask of a ticket."""

from __future__ import annotations

from typing import Any

from tercet_conditions import Facts, Field, FieldType, Vocabulary

_T, _U = Field(FieldType.TEXT), Field(FieldType.UUID)
FIELDS: dict[str, Field] = {
    **dict.fromkeys("subject description type_code requester_name external_system".split(), _T),
    "priority": Field(FieldType.ENUM, values=("LOW", "NORMAL", "HIGH", "URGENT")),
    "arrival": Field(FieldType.ENUM, values=("PHONE", "EMAIL", "CHAT", "FORM", "COUNTER", "QR", "DEVICE")),
    **dict.fromkeys("party_id customer_id order_id asset_id unit_id owner_id partner_party_id".split(), _U),
    "reopen_count": Field(FieldType.INTEGER),
}
_NEVER_MISSING = ("subject", "description", "type_code", "requester_name")
# No change of a ticket would announce that the present moment has moved on.
TICKETS = Vocabulary(FIELDS, timeless=True)


def facts_of(ticket: Any) -> dict[str, Any]:
    """A ticket as conditions see it."""
    facts = {path: getattr(ticket, path) for path in FIELDS}
    # A ticket that is just being made has not met its columns' defaults yet.
    facts |= {path: facts[path] or "" for path in _NEVER_MISSING}
    return {**facts, "reopen_count": ticket.reopen_count or 0, "custom": ticket.custom or {}}


def value_at(facts: Facts, path: str) -> Any:
    """What stands at a path."""
    if path.startswith("custom."):
        return facts["custom"].get(path.removeprefix("custom."))
    return facts.get(path)
