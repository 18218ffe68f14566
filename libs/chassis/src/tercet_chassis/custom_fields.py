"""The tenant's own fields: definitions are rows, values lie in `custom`, and both are checked wherever a value comes
in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tercet_chassis.entity import Entity
from tercet_chassis.errors import InvalidArgument, Violation
from tercet_chassis.principal import hides
from tercet_conditions import Field, FieldType

if TYPE_CHECKING:
    from tercet_chassis.host import Host, Reading

TYPES = ("TEXT", "INTEGER", "DECIMAL", "BOOLEAN", "DATE", "TIME", "CHOICE", "CHOICES")
_LONGEST_TEXT = 4_000
_DEFINITIONS = "SELECT key, definition FROM custom_fields WHERE tenant_id = $1 AND resource_type = $2"
_OF_TENANT = "SELECT resource_type, key, definition FROM custom_fields WHERE tenant_id = $1"
_FIELD_TYPES = {
    "TEXT": FieldType.TEXT,
    "INTEGER": FieldType.INTEGER,
    "DECIMAL": FieldType.DECIMAL,
    "BOOLEAN": FieldType.BOOLEAN,
    "DATE": FieldType.DATE,
    "TIME": FieldType.INSTANT,
    "CHOICE": FieldType.ENUM,
    "CHOICES": FieldType.LIST,
}


class CustomFieldInvalid(InvalidArgument):
    """A custom value has no definition or is not of its type."""

    text = "Custom fields are not valid: {detail}"


async def definitions(reading: Reading, table: str) -> Mapping[str, Mapping[str, Any]]:
    """The tenant's definitions for one kind of resource, by key; read once a transaction or look."""
    if table not in reading.custom_fields:
        found = await reading.fetch(_DEFINITIONS, reading.tenant_id, table)
        reading.custom_fields[table] = dict(found)
    return reading.custom_fields[table]


async def of_tenant(runtime: Host, tenant_id: UUID) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The tenant's definitions for every kind of resource, by table and key."""
    found: dict[str, dict[str, Any]] = {}
    for table, key, definition in await runtime.readers.fetch(tenant_id, _OF_TENANT, tenant_id):
        found.setdefault(table, {})[key] = definition
    return found


def personal(definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of definitions: key -> class of those that are personal."""
    return {key: found for key, definition in definitions.items() if (found := definition.get("personal_data"))}


def condition_field(definition: Mapping[str, Any], masks: frozenset[str]) -> Field:
    """How a condition sees a custom field; a masked one is neither filtered nor sorted by."""
    open_ = not hides(masks, definition.get("personal_data", ""))
    return Field(
        _FIELD_TYPES[definition["type"]], values=tuple(definition.get("options", ())), filterable=open_, sortable=open_
    )


async def checked(
    tx: Reading, entity: type[Entity], values: Mapping[str, Any], *, creating: bool = True
) -> dict[str, Any]:
    """The values as they are stored; refuses unknown keys, wrong types and missing required ones, all at once.

    A new resource must have every required field; a change must not clear one.
    """
    known = await definitions(tx, entity.__tablename__)
    wrong: list[Violation] = []
    stored: dict[str, Any] = {}
    for key, value in values.items():
        definition = known.get(key)
        if value is None:
            continue
        if definition is None:
            advice = f"There is no custom field {key}; define it first or leave it out."
            wrong.append(Violation(f"custom.{key}", "CUSTOM_FIELD_UNKNOWN", advice))
            continue
        try:
            stored[key] = _stored(definition, value)
        except (ValueError, TypeError, InvalidOperation) as bad:
            needed = f"{key} must be {definition['type'].lower()}: {bad}"
            wrong.append(Violation(f"custom.{key}", "CUSTOM_FIELD_INVALID", needed))
    for key in known if creating else values:
        missing = key not in stored and values.get(key) is None
        if missing and known.get(key, {}).get("required"):
            wrong.append(Violation(f"custom.{key}", "CUSTOM_FIELD_REQUIRED", f"{key} is required."))
    if wrong:
        raise CustomFieldInvalid(detail="; ".join(item.message for item in wrong), violations=wrong)
    return stored


def _stored(definition: Mapping[str, Any], value: Any) -> Any:
    match definition["type"]:
        case "TEXT":
            text = _text(value)
            if len(text) > _LONGEST_TEXT:
                raise ValueError(f"at most {_LONGEST_TEXT} characters")
            return text
        case "INTEGER":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError("a whole number")
            return value
        case "DECIMAL":
            if isinstance(value, bool):
                raise ValueError("a number")
            number = Decimal(str(value))
            if not number.is_finite():
                raise ValueError("a finite number")
            return f"{number:f}"
        case "BOOLEAN":
            if not isinstance(value, bool):
                raise ValueError("true or false")
            return value
        case "DATE":
            return date.fromisoformat(_text(value)).isoformat()
        case "TIME":
            moment = datetime.fromisoformat(_text(value))
            if moment.tzinfo is None:
                raise ValueError("a time with its zone")
            return moment.isoformat()
        case "CHOICE":
            return _choice(definition, value)
        case "CHOICES":
            if not isinstance(value, list):
                raise ValueError("a list")
            return [_choice(definition, item) for item in value]
    raise ValueError("its type is unknown")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _choice(definition: Mapping[str, Any], value: Any) -> str:
    text = _text(value)
    if text not in definition.get("options", ()):
        raise ValueError(f"one of {', '.join(definition.get('options', ()))}")
    return text
