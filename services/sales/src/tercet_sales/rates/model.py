"""Currency rates; a row is never changed, because amounts name it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tercet_chassis.entity import Entity, External, Mapped, column, index, unique
from tercet_sales.amounts import check_currency
from tercet_sales.plain_decimal import PlainDecimal
from tercet_sales.rates.errors import RateCurrenciesEqual, RateNotPositive
from tercet_sales.rates.rules import RATE_DECIMALS


class CurrencyRate(External, Entity):
    """What one unit of a currency costs in another from a day on."""

    __tablename__ = "currency_rates"
    __table_args__ = (
        index("currency_rates_by_day", "from_currency", "to_currency", "rate_date", "id"),
        unique("currency_rates_by_external", "external_system", "external_id", field="currency_rate.external_ref"),
    )

    from_currency: Mapped[str]
    to_currency: Mapped[str]
    rate_date: Mapped[date]
    rate: Mapped[Decimal] = column(PlainDecimal(20, RATE_DECIMALS))
    source: Mapped[str | None]

    def check(self) -> None:
        """Refuses a rate of zero, a currency against itself and codes that no currency has."""
        if self.from_currency == self.to_currency:
            raise RateCurrenciesEqual(currency=self.from_currency)
        if self.rate <= 0:
            raise RateNotPositive
        check_currency(self.from_currency, "currency_rate.from_currency")
        check_currency(self.to_currency, "currency_rate.to_currency")
