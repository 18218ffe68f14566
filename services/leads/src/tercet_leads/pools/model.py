"""Pools and the history of who had which lead."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, Mapped, Owned, column, index, unique
from tercet_leads.pools.errors import ClaimQuotaSpent, PoolTimesInvalid
from tercet_leads.pools.rules import PoolFacts


class Pool(Custom, Entity):
    """Leads of one unit that nobody owns and its sellers may claim."""

    __tablename__ = "pools"
    __table_args__ = (unique("pools_by_code", "code", field="pool.code"), index("pools_by_unit", "unit_id"))

    code: Mapped[str]
    display_name: Mapped[str]
    unit_id: Mapped[UUID | None]
    fallback: Mapped[bool] = column(default=False)
    claim_quota: Mapped[int] = column(default=0)
    recycle_hours: Mapped[int] = column(default=0)
    warn_hours: Mapped[int] = column(default=0)
    rest_hours: Mapped[int] = column(default=0)

    def check(self) -> None:
        """Refuses a warning that would come before the lead was claimed."""
        if self.recycle_hours and self.warn_hours >= self.recycle_hours:
            raise PoolTimesInvalid()

    def facts(self) -> PoolFacts:
        """What intake needs to know of it."""
        return PoolFacts(self.code, self.unit_id, self.fallback, self.recycle_hours)

    def check_quota(self, held: int) -> None:
        """Refuses one more lead to a seller who holds as many as the pool allows."""
        if self.claim_quota and held >= self.claim_quota:
            raise ClaimQuotaSpent(held=held, quota=self.claim_quota, pool_code=self.code)


class PoolMove(Owned, Entity):
    """One move of a lead into or out of a pool, or to a seller; rows are only added."""

    __tablename__ = "pool_moves"
    __table_args__ = (
        index("pool_moves_by_lead", "lead_id", "move_time"),
        index("pool_moves_by_owner", "owner_id", "move_time"),
    )

    lead_id: Mapped[UUID]
    pool_code: Mapped[str] = column(default="")
    kind: Mapped[str]
    reason: Mapped[str] = column(default="")
    move_time: Mapped[datetime]
