"""How a draft becomes a sale: it is priced once more, it must hold, and its reporting amount is frozen."""

from __future__ import annotations

from datetime import date

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import ConfirmOrderRequest
from tercet_chassis import Tx
from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_sales.customers.model import Customer
from tercet_sales.orders import rules, standing, store
from tercet_sales.orders.errors import OrderInvalid, OrderRateMissing
from tercet_sales.orders.model import Order
from tercet_sales.pricing import store as pricing
from tercet_sales.pricing.errors import violations_of
from tercet_sales.pricing.store import UnitFacts
from tercet_sales.rates.rules import convert
from tercet_sales.rates.store import in_reporting, rate_on


async def hold(tx: Tx, order: Order, *, credit: bool = True) -> UnitFacts:
    """Prices a draft anew and refuses it with everything that is wrong by now; with `credit` the limit too. Gives what
    the selling unit is like.
    """
    facts = await pricing.unit_facts(tx, order.seller_unit_id)
    customer = await _customer(tx, order)
    priced = await pricing.priced(
        tx,
        [dict(line) for line in order.lines],
        [dict(item) for item in order.adjustments],
        currency=order.currency_code,
        include_tax=order.prices_include_tax,
        open_lines=order.quote_id is not None,
        customer=customer,
        unit_id=order.seller_unit_id,
        day=facts.day(tx.now()),
    )
    faults = [*priced.faults]
    if credit:
        faults += await credit_faults(tx, customer, priced.total, facts.day(tx.now()))
    if not order.lines:
        faults.append(Violation("lines", "LINES_MISSING", "Name at least one product that is ordered."))
    refuse(faults)
    order.take_prices(priced)
    return facts


async def hold_credit(tx: Tx, order: Order) -> UnitFacts:
    """Refuses an order that the customer's limit does not allow. Gives what the selling unit is like."""
    facts = await pricing.unit_facts(tx, order.seller_unit_id)
    refuse(await credit_faults(tx, await _customer(tx, order), order.owed, facts.day(tx.now())))
    return facts


async def confirm(tx: Tx, order: Order, request: ConfirmOrderRequest, facts: UnitFacts) -> Order:
    """Counts as a sale from here. Refuses without a rate to the reporting currency. Others of the party must wait."""
    moment = tx.now()
    if request.HasField("confirm_time"):
        moment = min(moment, request.confirm_time.ToDatetime(tzinfo=moment.tzinfo))
    day = facts.day(moment)
    reporting, rate_id = await in_reporting(tx, order.owed, order.seller_unit_id, day)
    if reporting is None:
        raise OrderRateMissing(currency=order.currency_code, reporting_currency=facts.currency, date=day)
    order.confirm(moment, reporting, rate_id)
    await standing.order_confirmed(tx, order)
    tx.emit(events.OrderConfirmed, order, occur_time=moment)
    return order


def refuse(faults: list[Violation]) -> None:
    """Refuses with everything that is wrong, if anything is."""
    if faults:
        raise OrderInvalid(count=len(faults), violations=violations_of(faults, "order."))


async def _customer(tx: Tx, order: Order) -> Customer | None:
    return None if order.customer_id is None else await tx.session.get(Customer, (tx.tenant_id, order.customer_id))


async def credit_faults(tx: Tx, customer: Customer | None, wanted: Money, day: date) -> list[Violation]:
    """Whether the customer's limit holds; other currencies than the limit's are reckoned in it at the day's rate."""
    limit = None if customer is None else customer.credit_limit
    if customer is None or limit is None or not wanted.currency:
        return []
    amounts = [wanted, *(await store.owed_by(tx, customer.id)).values()]
    reckoned: list[Money] = []
    for amount in amounts:
        found = await rate_on(tx, amount.currency, limit.currency, day)
        if found is None:
            text = (
                f"There is no rate from {amount.currency} to {limit.currency} to judge "
                "the customer's credit limit by; add one."
            )
            return [Violation("currency_code", "CREDIT_RATE_MISSING", text)]
        reckoned.append(convert(amount, limit.currency, found[1]))
    return rules.credit_faults(limit, Money.sum(reckoned[1:], limit.currency), reckoned[0])
