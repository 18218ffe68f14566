"""Assignment rules, and employees as assignment sees them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, Searchable, column, index, unique
from tercet_leads.assignment.errors import PoolNeeded
from tercet_leads.assignment.rules import POOL, SellerFacts, place_name


class AssignmentRule(Entity):
    """Which leads go to whom."""

    __tablename__ = "assignment_rules"
    __table_args__ = (unique("assignment_rules_by_code", "code", field="assignment_rule.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    priority: Mapped[int] = column(default=0)
    condition: Mapped[str] = column(default="")
    strategy: Mapped[str]
    owner_ids: Mapped[list[Any]] = column(default=list)
    unit_id: Mapped[UUID | None]
    skills: Mapped[list[Any]] = column(default=list)
    by_territory: Mapped[bool] = column(default=False)
    pool_code: Mapped[str] = column(default="")
    active: Mapped[bool] = column(default=True)

    def check_pool(self) -> None:
        """Refuses the strategy POOL without a pool."""
        if self.strategy == POOL and not self.pool_code:
            raise PoolNeeded()


class Seller(Owned, Searchable, Entity):
    """An employee who may follow up leads; only `away` is set here, the rest is announced by the gateway."""

    __tablename__ = "sellers"
    __table_args__ = (index("sellers_by_owner", "owner_id"),)

    display_name: Mapped[str]
    skills: Mapped[list[Any]] = column(default=list)
    territories: Mapped[list[Any]] = column(default=list)
    capacity: Mapped[int] = column(default=0)
    away: Mapped[bool] = column(default=False)
    active: Mapped[bool] = column(default=True)

    def facts(self) -> SellerFacts:
        """The seller in the eyes of the rules; only for one who can sign in."""
        assert self.owner_id is not None
        return SellerFacts(
            owner_id=self.owner_id,
            display_name=self.display_name,
            unit_id=self.unit_id,
            partner_party_id=self.partner_party_id,
            skills=frozenset(self.skills),
            places=frozenset(map(place_name, self.territories)),
            capacity=self.capacity,
            away=self.away,
        )
