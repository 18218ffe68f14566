"""What quotes and orders have in common: who buys from whom, and lines with their sums."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet_chassis.entity import Mapped, column
from tercet_chassis.money import Money
from tercet_sales.pricing.rules import Priced


class Deal:
    """Columns of a document with parties and priced lines. The sums are columns of the document itself."""

    customer_id: Mapped[UUID | None]
    parties: Mapped[list[Any]] = column(default=list)
    seller_unit_id: Mapped[UUID]
    opportunity_id: Mapped[UUID | None]
    currency_code: Mapped[str]
    prices_include_tax: Mapped[bool] = column(default=False)
    lines: Mapped[list[Any]] = column(default=list)
    adjustments: Mapped[list[Any]] = column(default=list)

    reduction: Any
    net: Any
    tax: Any
    total: Any

    def take_prices(self, priced: Priced) -> None:
        """Puts priced lines and their sums in place; the sums equal the lines to the smallest unit."""
        self.lines = list(priced.lines)
        self.reduction, self.net, self.tax, self.total = priced.reduction, priced.net, priced.tax, priced.total

    @property
    def owed(self) -> Money:
        """What the customer pays in all."""
        return self.total if isinstance(self.total, Money) else Money.zero(self.currency_code)
