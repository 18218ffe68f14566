"""A customer that was joined into another: what moved, what was filled in, and how both come apart again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, column, index
from tercet_sales.customers.model import Customer
from tercet_sales.mergers.errors import CustomerMergedWithItself, CustomerMergeUndone, CustomersOfDifferentParties


class CustomerMerge(Owned, Entity):
    """One merge of two customers. The owner and unit are those of the customer that stays."""

    __tablename__ = "customer_merges"
    __table_args__ = (
        index("customer_merges_by_customer", "customer_id", "id"),
        index("customer_merges_by_other", "other_id", where="undo_time IS NULL"),
    )

    customer_id: Mapped[UUID]
    other_id: Mapped[UUID]
    reason: Mapped[str] = column(default="")
    merge_time: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    moved: Mapped[list[Any]] = column(default=list)
    filled_fields: Mapped[list[Any]] = column(default=list)
    # What was filled in, so that undoing it knows what is still as the merge left it.
    filled: Mapped[dict[str, Any]] = column(default=dict)
    undo_time: Mapped[datetime | None]
    undo_reason: Mapped[str] = column(default="")

    def check_standing(self) -> None:
        """Refuses one that was taken back."""
        if self.undo_time is not None:
            raise CustomerMergeUndone(merge_id=self.id)


def check_joinable(customer: Customer, other: Customer) -> None:
    """Refuses itself, what was joined before, and customers of other parties, units or kinds."""
    if customer.id == other.id:
        raise CustomerMergedWithItself(customer_id=customer.id)
    for each in (customer, other):
        each.check_not_merged()
    same = (customer.party_id, customer.unit_id, customer.kind) == (other.party_id, other.unit_id, other.kind)
    if not same:
        raise CustomersOfDifferentParties(customer_id=customer.id, other_id=other.id)
