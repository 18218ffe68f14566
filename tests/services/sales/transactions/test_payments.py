"""Payments: never more than the order's total, refunded in parts, also under many at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from support.deals import catalogue, cny, confirmed, line, new_customer, new_order, paid, told
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import GetOrderRequest, OrderReturn, ReturnOrderLinesRequest
from tercet.sales.v1.payment_service_pb2 import CreatePaymentRequest, ListPaymentsRequest, Payment, RefundPaymentRequest
from tercet.type.v1.money_pb2 import Money as MoneyMessage
from tercet_chassis.errors import Refusal
from tercet_chassis.money import Money
from tercet_chassis.testing import Client, refused
from tercet_sales.orders.model import Order
from tercet_sales.transactions.model import Payment as PaymentEntity


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(min_value=-5, max_value=6000)), max_size=30))
def test_payments_less_refunds_stay_between_zero_and_the_total(steps: list[tuple[bool, int]]) -> None:
    total = Money.of("100.00", "CNY")
    order = Order(number="O", state="CONFIRMED", currency_code="CNY", total=total)
    payments: list[PaymentEntity] = []
    balance = 0
    for is_refund, cents in steps:
        amount = Money.of(cents, "CNY") * 1
        amount = Money(amount.amount / 100, "CNY")
        try:
            if is_refund and payments:
                payments[-1].refund(amount, datetime(2026, 1, 1, tzinfo=UTC), "", "")
                order.give_back(amount)
                balance -= cents
            elif not is_refund and cents > 0:
                order.receive(amount)
                payments.append(PaymentEntity(amount=amount, refunds=[]))
                balance += cents
        except Refusal:
            pass
        assert order.paid.amount * 100 == balance
        assert 0 <= balance <= 10000
        assert sum(payment.left.amount for payment in payments) == order.paid.amount


async def test_payments_at_once_never_exceed_the_total(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1"))
    results = await asyncio.gather(*(paid(sales, order, "30") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Payment) for result in results) == 3
    assert {result.reason for result in results if isinstance(result, Refusal)} == {"PAYMENT_EXCEEDS_ORDER"}
    await paid(sales, order, "23")
    assert (await sales.GetOrder(GetOrderRequest(id=order.id))).paid_total == cny("113.00")
    assert [event.order_paid_total.amount for event in await told(sales, events.PaymentReceived)][-1] == "113.00"


async def test_wrong_payments_are_refused(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    draft = await new_order(sales, customer, line("F1"))
    with refused("ORDER_NOT_PAYABLE", "order_id"):
        await paid(sales, draft, "1")
    order = await confirmed(sales, customer, line("F1"))
    for amount in ("0", "-1", "0.001"):
        with refused("AMOUNT_NOT_POSITIVE", "amount"):
            await paid(sales, order, amount)
    with refused("PAYMENT_CURRENCY_MISMATCH", "amount"):
        usd = Payment(order_id=order.id, amount=MoneyMessage(currency_code="USD", amount="1"), method_code="cash")
        await sales.CreatePayment(CreatePaymentRequest(payment=usd))
    with refused("RESOURCE_NOT_FOUND"):
        await paid(sales.as_(permissions={"sales.payment.*": "own"}), order, "1")
    with refused("PERMISSION_MISSING"):
        await paid(sales.as_(permissions={"sales.order.*": "all"}), order, "1")


async def test_refund_gives_back_at_most_what_came_in_and_once(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1"))
    payment = await paid(sales, order, "100", external_ref={"system": "wechat", "id": "42"})
    with refused("RESOURCE_ALREADY_EXISTS", "payment.external_ref"):
        await paid(sales, order, "1", external_ref={"system": "wechat", "id": "42"})
    request = RefundPaymentRequest(id=payment.id, amount=cny("40"), reason="少发一件", external_id="r1")
    first = await sales.RefundPayment(request)
    assert (first.state, first.refunded) == (Payment.PARTLY_REFUNDED, cny("40.00"))
    assert (await sales.RefundPayment(request)).refunded == cny("40.00")
    with refused("REFUND_EXCEEDS_PAYMENT", "amount"):
        await sales.RefundPayment(RefundPaymentRequest(id=payment.id, amount=cny("60.01")))
    last = await sales.RefundPayment(RefundPaymentRequest(id=payment.id, amount=cny("60")))
    assert last.state == Payment.REFUNDED
    assert [refund.amount.amount for refund in last.refunds] == ["40.00", "60.00"]
    assert (await sales.GetOrder(GetOrderRequest(id=order.id))).paid_total == cny("0.00")
    assert [event.refund.external_id for event in await told(sales, events.PaymentRefunded)] == ["r1", ""]
    listed = await sales.ListPayments(ListPaymentsRequest(filter=f'order_id = "{order.id}"'))
    assert len(listed.payments) == 1


async def test_what_came_back_is_not_paid_any_more(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1", "2"))
    await sales.ReturnOrderLines(ReturnOrderLinesRequest(id=order.id, returns=[OrderReturn(line_no=1, quantity="1")]))
    with refused("PAYMENT_EXCEEDS_ORDER"):
        await paid(sales, order, "113.01")
    await paid(sales, order, "113")
