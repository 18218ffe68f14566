"""Which customer a lead belongs to when several units know the party."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID


class _Owned(Protocol):
    @property
    def unit_id(self) -> UUID | None: ...
    @property
    def owner_id(self) -> UUID | None: ...


C = TypeVar("C", bound=_Owned)


def keeper(customers: Sequence[C], unit_id: UUID | None) -> C | None:
    """The lead's own unit's customer; else the oldest with an owner; else the oldest. None when there is none."""
    if not customers:
        return None
    mine = next((customer for customer in customers if unit_id is not None and customer.unit_id == unit_id), None)
    return mine or next((customer for customer in customers if customer.owner_id is not None), customers[0])
