"""Customer value and the policies that set its periods and thresholds."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index, money, unique
from tercet_chassis.money import Money
from tercet_sales.plain_decimal import PlainDecimal
from tercet_sales.value.errors import ValuePolicyIncomplete
from tercet_sales.value.rules import Figures, Thresholds, quadrant


class CustomerValue(Linked, Owned, Entity):
    """One identity's part, and the whole party's figures beside it.

    The parts add up over a party's identities, also after a merge and its undoing; the row that is `leading` stands
    for the party in lists.
    """

    __tablename__ = "customer_values"
    __table_args__ = (
        unique("customer_values_once", "identity_id", "unit_id", "period_start_date", field="identity_id"),
        index("customer_values_by_party", "party_id", "unit_id", "period_start_date"),
        index("customer_values_by_quadrant", "unit_id", "period_start_date", "quadrant"),
    )

    period_start_date: Mapped[date]
    period_end_date: Mapped[date]
    time_zone: Mapped[str]
    currency: Mapped[str]
    own_count: Mapped[int] = column(default=0)
    own_total: Mapped[Decimal] = column(default=Decimal(0))
    own_first_time: Mapped[datetime | None]
    own_last_time: Mapped[datetime | None]
    leading: Mapped[bool] = column(default=False)
    order_count: Mapped[int] = column(default=0)
    total: Mapped[Money | None] = money("total")
    average: Mapped[Money | None] = money("average")
    interval_days: Mapped[Decimal | None] = column(PlainDecimal(12, 2))
    quadrant: Mapped[str | None]
    previous_quadrant: Mapped[str | None]
    quadrant_time: Mapped[datetime | None]
    first_time: Mapped[datetime | None]
    last_time: Mapped[datetime | None]

    @property
    def own(self) -> Figures:
        """What this identity brought."""
        return Figures(self.own_count, self.own_total, self.own_first_time, self.own_last_time)

    def take_own(self, figures: Figures) -> None:
        """Replaces what this identity brought."""
        self.own_count, self.own_total = figures.count, figures.total
        self.own_first_time, self.own_last_time = figures.first_time, figures.last_time

    def take_party(self, figures: Figures, thresholds: Thresholds | None, now: datetime, *, leading: bool) -> bool:
        """Replaces the party's figures and quadrant; tells whether anything that others see has changed."""
        fresh = {
            "order_count": figures.count,
            "total": Money(figures.total, self.currency),
            "average": figures.average(self.currency),
            "interval_days": figures.interval_days(),
            "first_time": figures.first_time,
            "last_time": figures.last_time,
            "leading": leading,
        }
        changed = any(getattr(self, name) != value for name, value in fresh.items())
        for name, value in fresh.items():
            if getattr(self, name) != value:
                setattr(self, name, value)
        moved = quadrant(figures, self.currency, thresholds)
        if moved != self.quadrant:
            self.previous_quadrant, self.quadrant, self.quadrant_time = self.quadrant, moved, now
            changed = True
        return changed


class ValuePolicy(Entity):
    """How a unit's periods and thresholds are set; without a unit it holds for all that have none of their own."""

    __tablename__ = "value_policies"
    __table_args__ = (unique("value_policies_by_unit", "unit_key", field="value_policy.seller_unit_id"),)

    seller_unit_id: Mapped[UUID | None] = column()
    # A unique key takes no notice of NULL, so the policy for all units stands under an empty key.
    unit_key: Mapped[str] = column(
        default=lambda context: str(context.get_current_parameters()["seller_unit_id"] or "")
    )
    period: Mapped[str]
    method: Mapped[str]
    average_threshold: Mapped[Money | None] = money("average_threshold")
    count_threshold: Mapped[int] = column(default=0)
    average_quantile: Mapped[Decimal | None] = column(PlainDecimal(5, 4))
    count_quantile: Mapped[Decimal | None] = column(PlainDecimal(5, 4))

    def check(self) -> None:
        """Refuses a method without its thresholds."""
        if self.method == "FIXED" and (self.average_threshold is None or self.count_threshold < 1):
            raise ValuePolicyIncomplete(method=self.method, fields="average_threshold and count_threshold")
        if self.method == "QUANTILE" and (self.average_quantile is None or self.count_quantile is None):
            raise ValuePolicyIncomplete(method=self.method, fields="average_quantile and count_quantile")


class ValueThreshold(Entity):
    """The thresholds of a unit's period as the last rebuild found them."""

    __tablename__ = "value_thresholds"
    __table_args__ = (unique("value_thresholds_once", "unit_id", "period_start_date"),)
    __message__: ClassVar[str | None] = None

    unit_id: Mapped[UUID]
    period_start_date: Mapped[date]
    currency: Mapped[str]
    average: Mapped[Decimal]
    count: Mapped[Decimal]
    compute_time: Mapped[datetime]
