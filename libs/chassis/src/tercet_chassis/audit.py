"""What changed, by whom: rows written in the transaction of the change, without personal values in clear."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import inspect

from tercet_chassis.binding import Bindings
from tercet_chassis.entity import Entity
from tercet_chassis.money import Money

_SILENT = frozenset({"tenant_id", "id", "create_time", "update_time", "row_version", "search"})


def _plain(value: Any) -> Any:
    if isinstance(value, UUID | Decimal | Money):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _digest(tenant_id: UUID, value: Any) -> str:
    return "sha256:" + hashlib.sha256(f"{tenant_id}\x1f{value!r}".encode()).hexdigest()[:16]


def changes_of(entity: Entity, bindings: Bindings) -> dict[str, list[Any]]:
    """Attribute -> [before, after] of what this flush will write; personal values as digests that still tell equal from changed."""
    binding = bindings.find(type(entity))
    personal = binding.personal_fields() if binding else {}
    changed: dict[str, list[Any]] = {}
    for attribute in inspect(entity).mapper.column_attrs:
        name = attribute.key
        if name in _SILENT:
            continue
        history = inspect(entity).attrs[name].history
        if not history.has_changes():
            continue
        before = history.deleted[0] if history.deleted else None
        after = history.added[0] if history.added else None
        if before == after:
            continue
        hidden = name in personal or isinstance(after, dict | list) or isinstance(before, dict | list)
        show = (lambda value: None if value is None else _digest(entity.tenant_id, value)) if hidden else _plain
        changed[name] = [show(before), show(after)]
    return changed
