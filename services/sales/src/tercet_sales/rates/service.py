"""Methods of currency rates beyond the free ones."""

from __future__ import annotations

from decimal import Decimal

from tercet.sales.v1 import currency_rate_service_pb2 as pb
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx
from tercet_chassis.money import Money
from tercet_sales.amounts import check_currency
from tercet_sales.days import day_in
from tercet_sales.rates import store
from tercet_sales.rates.errors import RateMissing
from tercet_sales.rates.model import CurrencyRate
from tercet_sales.rates.rules import convert, rate_text


class CurrencyRateService(Handlers):
    """Serves tercet.sales.v1.CurrencyRateService."""

    async def CreateCurrencyRate(self, request: pb.CreateCurrencyRateRequest, tx: Tx) -> CurrencyRate:
        """Adds a rate. Refuses zero, a currency against itself and unknown codes."""
        rate = await tx.create(CurrencyRate, request.currency_rate)
        rate.check()
        tx.emit(events.CurrencyRateCreated, rate)
        return rate

    async def ConvertMoney(self, request: pb.ConvertMoneyRequest, tx: Tx) -> pb.ConvertMoneyResponse:
        """Reckons an amount in another currency. Refuses when there is no rate."""
        money = Money.of(request.money.amount, check_currency(request.money.currency_code, "money.currency_code"))
        target = check_currency(request.to_currency, "to_currency")
        day = day_in(tx.principal.zone, tx.now(), request.on_date)
        response = pb.ConvertMoneyResponse(rate="1", rate_date=day.isoformat())
        rate = Decimal(1)
        if money.currency != target:
            found = await store.rate_row(tx, money.currency, target, day)
            if found is None:
                raise RateMissing(from_currency=money.currency, to_currency=target, on_date=day)
            rate = found[1]
            response.rate_id, response.rate, response.rate_date = str(found[0]), rate_text(rate), found[2].isoformat()
        result = convert(money, target, rate)
        response.money.currency_code, response.money.amount = result.currency, result.text()
        return response
