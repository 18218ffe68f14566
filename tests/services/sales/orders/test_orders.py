"""Orders on the real service: all faults in one refusal, frozen amounts, states, returns, scope."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from support.deals import catalogue, cny, confirmed, line, new_customer, new_order, new_quote, off, paid, told
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.currency_rate_service_pb2 import CreateCurrencyRateRequest, CurrencyRate
from tercet.sales.v1.order_service_pb2 import (
    CancelOrderRequest,
    ConfirmOrderRequest,
    CreateOrderRequest,
    DeleteOrderRequest,
    FulfillOrderRequest,
    GetOrderRequest,
    ListOrdersRequest,
    Order,
    OrderReturn,
    PriceOrderRequest,
    ReturnOrderLinesRequest,
    UpdateOrderRequest,
)
from tercet.sales.v1.pricing_pb2 import LineItem
from tercet.sales.v1.quote_service_pb2 import AcceptQuoteRequest, SendQuoteRequest
from tercet.type.v1.money_pb2 import Money
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


def usd_line(code: str, price: str) -> LineItem:
    return LineItem(product_code=code, quantity="1", unit_price=Money(currency_code="USD", amount=price))


async def test_all_errors_of_an_order_come_in_one_refusal(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, credit_limit=cny("500"))
    await confirmed(sales, customer, line("F1", "4"))
    lines = [line("NONE"), line("F1", "-2"), usd_line("F1", "5"), line("", "1", "3"), line("F1", "2")]
    with pytest.raises(Refusal) as caught:
        await new_order(sales, customer, *lines)
    assert caught.value.reason == "ORDER_INVALID"
    assert {violation.field: violation.reason for violation in caught.value.violations} == {
        "order.lines[0].product_code": "PRODUCT_UNKNOWN",
        "order.lines[1].quantity": "QUANTITY_INVALID",
        "order.lines[2].unit_price": "CURRENCY_MISMATCH",
        "order.lines[3].product_code": "PRODUCT_MISSING",
        "order.customer_id": "CREDIT_EXCEEDED",
    }
    assert not (await sales.ListOrders(ListOrdersRequest(filter='state = "DRAFT"'))).orders


async def test_price_missing_names_its_line(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    with pytest.raises(Refusal) as caught:
        await new_order(sales, customer, line("F1"), currency_code="USD")
    assert [(v.field, v.reason) for v in caught.value.violations] == [("order.lines[0].unit_price", "PRICE_MISSING")]


async def test_preview_equals_what_is_created_and_keeps_nothing(sales: Client) -> None:
    await catalogue(sales, {"F1": "2999.00", "S1": "33.33"})
    customer = await new_customer(sales)
    order = Order(
        currency_code="CNY", customer_id=customer.id, lines=[line("F1", "2"), line("S1", "3")], adjustments=[off("500")]
    )
    preview = await sales.PriceOrder(PriceOrderRequest(order=order))
    assert not (await sales.ListOrders(ListOrdersRequest())).orders
    made = await sales.CreateOrder(CreateOrderRequest(order=order))
    assert list(preview.lines) == list(made.lines)
    for name in ("net", "tax", "total", "reduction", "party_id", "seller_unit_id"):
        assert getattr(preview, name) == getattr(made, name)


async def test_confirming_freezes_the_reporting_amount(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    order = await new_order(sales, customer, usd_line("F1", "200"), currency_code="USD")
    with refused("ORDER_RATE_MISSING", "currency_code"):
        await sales.ConfirmOrder(ConfirmOrderRequest(id=order.id))
    rate = CurrencyRate(from_currency="USD", to_currency="CNY", rate_date="2020-01-01", rate="7.1234")
    await sales.CreateCurrencyRate(CreateCurrencyRateRequest(currency_rate=rate))
    done = await sales.ConfirmOrder(ConfirmOrderRequest(id=order.id))
    assert (done.state, done.total.amount) == (Order.CONFIRMED, "226.00")
    assert (done.reporting_total, bool(done.rate_id)) == (cny("1609.89"), True)
    await sales.CreateCurrencyRate(
        CreateCurrencyRateRequest(
            currency_rate=CurrencyRate(from_currency="USD", to_currency="CNY", rate_date="2020-01-02", rate="9")
        )
    )
    assert (await sales.GetOrder(GetOrderRequest(id=order.id))).reporting_total == cny("1609.89")
    with refused("ORDER_NOT_DRAFT"):
        await sales.ConfirmOrder(ConfirmOrderRequest(id=order.id))
    assert [event.order.id for event in await told(sales, events.OrderConfirmed)] == [order.id]


async def test_a_confirmed_order_is_not_changed_or_deleted(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1"))
    with refused("ORDER_NOT_DRAFT"):
        await sales.UpdateOrder(UpdateOrderRequest(order=Order(id=order.id, note="x"), update_mask={"paths": ["note"]}))
    with refused("ORDER_NOT_DRAFT"):
        await sales.DeleteOrder(DeleteOrderRequest(id=order.id))


async def test_draft_is_changed_priced_anew_and_deleted(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await new_order(sales, await new_customer(sales), line("F1"))
    change = Order(id=order.id, lines=[line("F1", "3")])
    changed = await sales.UpdateOrder(UpdateOrderRequest(order=change, update_mask={"paths": ["lines"]}))
    assert changed.total == cny("339.00")
    await sales.DeleteOrder(DeleteOrderRequest(id=order.id))
    with refused("RESOURCE_NOT_FOUND"):
        await sales.GetOrder(GetOrderRequest(id=order.id))


async def test_order_is_fulfilled_and_then_not_cancelled(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1"))
    assert (await sales.FulfillOrder(FulfillOrderRequest(id=order.id))).state == Order.FULFILLED
    with refused("ORDER_CANNOT_BE_CANCELLED"):
        await sales.CancelOrder(CancelOrderRequest(id=order.id))
    with refused("ORDER_NOT_CONFIRMED"):
        await sales.FulfillOrder(FulfillOrderRequest(id=order.id))


async def test_order_with_money_on_it_is_not_cancelled(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await confirmed(sales, await new_customer(sales), line("F1"))
    await paid(sales, order, "50")
    with refused("ORDER_HAS_PAYMENTS"):
        await sales.CancelOrder(CancelOrderRequest(id=order.id))


async def test_lines_come_back_in_pieces_and_never_more_than_bought(sales: Client) -> None:
    await catalogue(sales, {"F1": "33.33"})
    order = await confirmed(sales, await new_customer(sales), line("F1", "3"))
    assert order.total == cny("112.99")
    given = []
    for _ in range(3):
        back = await sales.ReturnOrderLines(
            ReturnOrderLinesRequest(id=order.id, returns=[OrderReturn(line_no=1, quantity="1")])
        )
        given.append(back.returned_total.amount)
    assert given == ["37.66", "75.33", "112.99"]
    assert back.lines[0].returned_quantity == "3"
    with refused("ORDER_INVALID", "returns[0].quantity"):
        await sales.ReturnOrderLines(
            ReturnOrderLinesRequest(id=order.id, returns=[OrderReturn(line_no=1, quantity="1")])
        )
    with refused("ORDER_HAS_RETURNS"):
        await sales.CancelOrder(CancelOrderRequest(id=order.id))
    pieces = await told(sales, events.OrderReturned)
    assert [piece.amount.amount for piece in pieces] == ["37.66", "37.67", "37.66"]


async def test_accepted_quote_is_ordered_once(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    quote = await new_quote(
        sales, customer, line("F1", "2"), line("", "1", "50", description="安装"), adjustments=[off("10")]
    )
    request = CreateOrderRequest(order=Order(quote_id=quote.id))
    with refused("QUOTE_NOT_ACCEPTED"):
        await sales.CreateOrder(request)
    await sales.SendQuote(SendQuoteRequest(id=quote.id))
    await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id))
    made = await asyncio.gather(*(sales.CreateOrder(request) for _ in range(5)), return_exceptions=True)
    orders = [each for each in made if isinstance(each, Order)]
    assert len(orders) == 1
    assert {each.reason for each in made if isinstance(each, Refusal)} == {"QUOTE_ALREADY_ORDERED"}
    assert (orders[0].total, orders[0].customer_id, len(orders[0].lines)) == (quote.total, customer.id, 2)
    await sales.CancelOrder(CancelOrderRequest(id=orders[0].id))
    again = await sales.CreateOrder(request)
    assert (await sales.ConfirmOrder(ConfirmOrderRequest(id=again.id))).total == quote.total


async def test_simultaneous_confirmations_do_not_break_the_credit_limit(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, credit_limit=cny("300"))
    orders = [await new_order(sales, customer, line("F1")) for _ in range(5)]
    done = await asyncio.gather(
        *(sales.ConfirmOrder(ConfirmOrderRequest(id=each.id)) for each in orders), return_exceptions=True
    )
    assert sum(isinstance(each, Order) for each in done) == 2
    assert {each.reason for each in done if isinstance(each, Refusal)} == {"ORDER_INVALID"}


async def test_two_hundred_lines_take_few_queries(sales: Client) -> None:
    codes = {f"P{number:03d}": f"{number + 1}.90" for number in range(50)}
    await catalogue(sales, codes)
    customer = await new_customer(sales)
    lines = [line(code, str(copy + 1)) for copy in range(4) for code in codes]
    counted: list[str] = []

    def count(*arguments: Any) -> None:
        counted.append(arguments[2])

    engine = sales.running.runtime.database.engine.sync_engine
    sql_event.listen(engine, "before_cursor_execute", count)
    try:
        order = await new_order(sales, customer, *lines, adjustments=[off("777.77")])
    finally:
        sql_event.remove(engine, "before_cursor_execute", count)
    assert len(order.lines) == 200
    # Background work of the service may run beside it; one query a line would be hundreds.
    assert len(counted) < 40, counted


async def test_same_request_id_makes_one_order(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    request = CreateOrderRequest(order=Order(currency_code="CNY", customer_id=customer.id, lines=[line("F1")]))
    first = await sales.CreateOrder(request, request_id="order-1")
    second = await sales.CreateOrder(request, request_id="order-1")
    assert first == second
    assert len((await sales.ListOrders(ListOrdersRequest())).orders) == 1


async def test_orders_obey_permissions_and_reach(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    unit, user = new_id(), new_id()
    customer = await new_customer(sales, unit_id=unit, owner_id=str(user))
    order = await new_order(sales, customer, line("F1"))
    assert (order.unit_id, order.seller_unit_id, order.owner_id) == (str(unit), str(unit), str(user))
    colleague = sales.as_(permissions={"sales.order.*": "unit"}, unit_id=unit)
    assert (await colleague.GetOrder(GetOrderRequest(id=order.id))).id == order.id
    stranger = sales.as_(permissions={"sales.order.*": "unit"}, unit_id=new_id())
    for call, request in (
        (stranger.GetOrder, GetOrderRequest(id=order.id)),
        (stranger.ConfirmOrder, ConfirmOrderRequest(id=order.id)),
        (stranger.CancelOrder, CancelOrderRequest(id=order.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call(request)
    with refused("PERMISSION_MISSING"):
        await sales.as_(permissions={"sales.order.read": "all"}).ConfirmOrder(ConfirmOrderRequest(id=order.id))
    found = await sales.ListOrders(ListOrdersRequest(filter='state = "DRAFT" AND total.amount > "100"'))
    assert [each.id for each in found.orders] == [order.id]
