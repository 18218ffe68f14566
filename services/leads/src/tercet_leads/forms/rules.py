"""What a form asks and whether a submission answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tercet_leads.leads.rules import LIMITS, TEXT_FIELDS

DEFAULT_LENGTH = 500
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"[+\d(][\d\s().\-转extEXT#*]{4,}")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?")
_PLAIN = frozenset(TEXT_FIELDS) | {"interests"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One value that is not what was asked for."""

    field: str
    reason: str
    message: str


def fields_wrong(fields: Sequence[Mapping[str, Any]]) -> list[Wrong]:
    """What makes a form unusable: names twice, lead fields that are none, choices without any."""
    found: list[Wrong] = []
    seen: set[str] = set()
    for index, field in enumerate(fields):
        path = f"form.fields[{index}]"
        if field["name"] in seen:
            found.append(
                Wrong(f"{path}.name", "NAME_TAKEN", f"{field['name']} is asked twice; give the second another name.")
            )
        seen.add(field["name"])
        target = field.get("lead_field", "")
        if target and target not in _PLAIN and not target.startswith("custom."):
            found.append(Wrong(f"{path}.lead_field", "LEAD_FIELD_UNKNOWN", f"A lead has no field {target}."))
        if field.get("kind") == "CHOICE" and not field.get("choices"):
            found.append(Wrong(f"{path}.choices", "CHOICES_MISSING", "A choice needs at least one value to choose."))
    return found


def values_wrong(fields: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> list[Wrong]:
    """Every value that is missing, not of its kind, too long or not asked for."""
    asked = {field["name"]: field for field in fields}
    found = [
        Wrong(f"values.{name}", "FIELD_UNKNOWN", f"The form does not ask for {name}.")
        for name in values
        if name not in asked
    ]
    for name, field in asked.items():
        value = values.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            if field.get("required"):
                found.append(Wrong(f"values.{name}", "REQUIRED", f"{field.get('label') or name} must be filled in."))
            continue
        problem = _problem(field, value)
        if problem:
            found.append(Wrong(f"values.{name}", "INVALID", f"{field.get('label') or name}: {problem}."))
    return found


def _problem(field: Mapping[str, Any], value: Any) -> str:
    kind = field.get("kind", "TEXT")
    if kind == "CHECKBOX":
        return "" if isinstance(value, bool) or value in ("true", "false") else "answer true or false"
    if isinstance(value, bool | list | dict):
        return "give a text"
    text = as_text(value)
    limit = field.get("max_length") or DEFAULT_LENGTH
    if len(text) > limit:
        return f"at most {limit} characters, not {len(text)}"
    if kind == "EMAIL" and not _EMAIL.fullmatch(text.strip()):
        return "this is no e-mail address"
    if kind == "PHONE" and not _PHONE.fullmatch(text.strip()):
        return "this is no phone number"
    if kind == "NUMBER" and not _NUMBER.fullmatch(text.strip()):
        return "this is no number"
    if kind == "CHOICE" and text not in field.get("choices", ()):
        return f"choose one of {', '.join(field.get('choices', ()))}"
    if kind == "DATE":
        try:
            date.fromisoformat(text.strip())
        except ValueError:
            return "write a day as YYYY-MM-DD"
    return ""


def as_text(value: Any) -> str:
    """A JSON value as a person would write it; 3.0 is 3."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def lead_values(
    fields: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> tuple[dict[str, str], list[str], dict[str, Any]]:
    """What the submission says of the lead: its texts, interests and custom values. Texts are cut to what the lead
    takes.
    """
    texts: dict[str, str] = {}
    interests: list[str] = []
    custom: dict[str, Any] = {}
    for field in fields:
        target, value = field.get("lead_field", ""), values.get(field["name"])
        if not target or value is None or value == "":
            continue
        if target == "interests":
            interests.append(as_text(value)[:100])
        elif target.startswith("custom."):
            custom[target.removeprefix("custom.")] = value
        else:
            texts[target] = as_text(value)[: LIMITS[target]]
    return texts, interests, custom
