"""When a lead goes back, and which pool it falls into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What intake needs to know of a pool."""

    code: str
    unit_id: UUID | None = None
    fallback: bool = False
    recycle_hours: int = 0

    def recycle_time(self, since: datetime) -> datetime | None:
        """When a lead that was got or contacted at `since` goes back; None when it never does."""
        return since + timedelta(hours=self.recycle_hours) if self.recycle_hours else None


def fallback_of(pools: Sequence[PoolFacts], unit_id: UUID | None) -> PoolFacts | None:
    """Where leads go that match no rule: the unit's fallback, else one for everybody, else the first fallback."""
    marked = [pool for pool in pools if pool.fallback]
    of_unit = next((pool for pool in marked if unit_id is not None and pool.unit_id == unit_id), None)
    for_all = next((pool for pool in marked if pool.unit_id is None), None)
    return of_unit or for_all or next(iter(marked), None)
