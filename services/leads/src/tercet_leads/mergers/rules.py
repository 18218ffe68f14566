"""What a lead takes over from one that is joined into it, and how that is taken out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tercet_leads.leads.rules import TEXT_FIELDS


def filled_by(lead: Any, other: Any) -> dict[str, Any]:
    """What `other` has and `lead` lacks: texts by name, interests, own fields under `custom`."""
    found: dict[str, Any] = {
        name: value for name in TEXT_FIELDS if not getattr(lead, name) and (value := getattr(other, name))
    }
    interests = [interest for interest in other.interests if interest not in lead.interests]
    if interests:
        found["interests"] = interests
    own = {key: value for key, value in (other.custom or {}).items() if key not in (lead.custom or {})}
    return found | ({"custom": own} if own else {})


def fill(lead: Any, filled: Mapping[str, Any]) -> None:
    """Puts what was found lacking into the lead."""
    for name, value in filled.items():
        if name == "interests":
            lead.interests = [*lead.interests, *value]
        elif name == "custom":
            lead.custom = {**(lead.custom or {}), **value}
        else:
            setattr(lead, name, value)


def empty_again(lead: Any, filled: Mapping[str, Any]) -> None:
    """Takes out what was filled in; what somebody changed since stays."""
    for name, value in filled.items():
        if name == "interests":
            lead.interests = [interest for interest in lead.interests if interest not in value]
        elif name == "custom":
            kept = lead.custom or {}
            lead.custom = {key: held for key, held in kept.items() if key not in value or held != value[key]}
        elif getattr(lead, name) == value:
            setattr(lead, name, None)
