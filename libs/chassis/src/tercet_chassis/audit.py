"""What changed, by whom: rows written in the transaction of the change, without personal values in clear."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from tercet_chassis.binding import Bindings, Bound
from tercet_chassis.entity import Entity
from tercet_chassis.money import Money

_SILENT = frozenset({"tenant_id", "id", "create_time", "update_time", "row_version", "search"})


def _plain(value: Any) -> Any:
    if isinstance(value, UUID | Decimal | Money):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _digest(secret: bytes, tenant_id: UUID, value: Any) -> str:
    # Keyed: phone numbers are few enough to try them all.
    return "hmac:" + hmac.digest(secret, f"audit|{tenant_id}|{value!r}".encode(), "sha256").hex()[:16]


@cache
def _told(entity: type[Entity]) -> tuple[str, ...]:
    return tuple(attribute.key for attribute in inspect(entity).column_attrs if attribute.key not in _SILENT)


def changes_of(entity: Entity, bindings: Bindings, secret: bytes) -> dict[str, list[Any]]:
    """Attribute -> [before, after] of what this flush will write.

    Personal values, and texts and days of which no proto says what they are, become digests that tell equal from
    changed.
    """
    binding = bindings.find(type(entity))
    known = binding.fields if binding else {}
    changed: dict[str, list[Any]] = {}
    # Only what was set since the row was read may differ; asking every column is most of a new row's cost.
    touched = inspect(entity).committed_state
    for name in _told(type(entity)):
        if name not in touched:
            continue
        history = get_history(entity, name, PASSIVE_NO_INITIALIZE)
        before = history.deleted[0] if history.deleted else None
        after = history.added[0] if history.added else None
        if before == after:
            continue
        changed[name] = _change(known.get(name), name, before, after, secret, entity.tenant_id)
    return changed


def creation_of(
    entity: type[Entity], row: Mapping[str, Any], bindings: Bindings, secret: bytes
) -> dict[str, list[Any]]:
    """The same of a row that no session tracks: every value it begins with."""
    concealed, tenant_id = _concealed(entity, bindings), row["tenant_id"]
    changed: dict[str, list[Any]] = {}
    for name, value in row.items():
        if value is None or name in _SILENT:
            continue
        hidden = concealed.get(name)
        if hidden is None:
            hidden = _may_be_personal(value)
        hidden = hidden or isinstance(value, dict | list)
        changed[name] = [None, _digest(secret, tenant_id, value) if hidden else _plain(value)]
    return changed


@cache
def _concealed(entity: type[Entity], bindings: Bindings) -> dict[str, bool | None]:
    """Whether the values of an attribute are concealed; None where that goes by the value."""
    binding = bindings.find(entity)
    known = binding.fields if binding else {}
    return {name: _conceals(known.get(name), name) for name in (*_told(entity), *known)}


def _conceals(declared: Bound | None, name: str) -> bool | None:
    if declared is not None:
        return declared.personal != ""
    return False if name.endswith(("_currency", "_code")) else None


def _change(declared: Bound | None, name: str, before: Any, after: Any, secret: bytes, tenant_id: UUID) -> list[Any]:
    concealed = _conceals(declared, name)
    hidden = any(map(_may_be_personal, (before, after))) if concealed is None else concealed
    nested = isinstance(after, dict | list) or isinstance(before, dict | list)
    return [_shown(value, hidden or nested, secret, tenant_id) for value in (before, after)]


def _may_be_personal(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, date) and not isinstance(value, datetime))


def _shown(value: Any, hidden: bool, secret: bytes, tenant_id: UUID) -> Any:
    if value is None:
        return None
    return _digest(secret, tenant_id, value) if hidden else _plain(value)
