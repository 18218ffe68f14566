"""A campaign: its name, its days, and what it is planned to cost and bring."""

from __future__ import annotations

from datetime import date

from tercet_chassis.entity import Custom, Entity, Mapped, Owned, Searchable, column, money, unique
from tercet_chassis.money import Money
from tercet_marketing.campaigns.errors import CampaignEndsBeforeItBegins, CampaignPlanNegative

# Orders count for so long when a campaign does not say.
CONVERSION_DAYS = 30
# By so many hundredths of what is planned a figure may differ from what is expected by now.
TOLERANCE = 20


class Campaign(Owned, Custom, Searchable, Entity):
    """What is spent and brought in under one name."""

    __tablename__ = "campaigns"
    __table_args__ = (unique("campaigns_by_code", "code", field="campaign.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str] = column(default="")
    begin_date: Mapped[date | None]
    end_date: Mapped[date | None]
    planned_cost: Mapped[Money | None] = money("planned_cost")
    planned_revenue: Mapped[Money | None] = money("planned_revenue")
    planned_reach: Mapped[int | None]
    planned_conversions: Mapped[int | None]
    conversion_days: Mapped[int | None]
    tolerance_percent: Mapped[int | None]
    # The figures that lay outside the band when it was looked at last.
    off_plan: Mapped[list[str]] = column(default=list)

    def check(self) -> None:
        """Refuses one that ends before it begins, and planned amounts below zero."""
        if self.begin_date and self.end_date and self.end_date < self.begin_date:
            raise CampaignEndsBeforeItBegins(begin_date=self.begin_date, end_date=self.end_date)
        for planned in (self.planned_cost, self.planned_revenue):
            if planned is not None and planned.amount < 0:
                raise CampaignPlanNegative(amount=planned)

    @property
    def days(self) -> int:
        """Within how many days after a customer was reached orders count."""
        return self.conversion_days or CONVERSION_DAYS

    @property
    def tolerance(self) -> int:
        """The band around the plan, in percent of it."""
        return TOLERANCE if self.tolerance_percent is None else self.tolerance_percent
