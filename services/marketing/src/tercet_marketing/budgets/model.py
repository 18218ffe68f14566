"""A budget: its name and whose it is. Its money is on a ledger account."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis.entity import Custom, Entity, Mapped, Owned, Searchable, column, index, money, unique
from tercet_chassis.money import Money


class Budget(Owned, Custom, Searchable, Entity):
    """Money that may be spent under one name."""

    __tablename__ = "budgets"
    __table_args__ = (
        unique("budgets_by_code", "code", field="budget.code"),
        index("budgets_by_campaign", "campaign_id"),
    )

    code: Mapped[str]
    display_name: Mapped[str]
    currency_code: Mapped[str] = column(default="")
    opening_amount: Mapped[Money | None] = money("opening_amount")
    campaign_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
