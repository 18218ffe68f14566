"""Builders of what a deal needs: customers, products with prices, quotes, orders, payments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from tercet.sales.v1.customer_service_pb2 import CreateCustomerRequest, Customer
from tercet.sales.v1.order_service_pb2 import ConfirmOrderRequest, CreateOrderRequest, Order
from tercet.sales.v1.payment_service_pb2 import CreatePaymentRequest, Payment
from tercet.sales.v1.price_book_service_pb2 import CreatePriceBookRequest, CreatePriceRequest, Price, PriceBook
from tercet.sales.v1.pricing_pb2 import Adjustment, LineItem
from tercet.sales.v1.product_service_pb2 import CreateProductRequest, Product
from tercet.sales.v1.quote_service_pb2 import CreateQuoteRequest, Quote
from tercet.type.v1.money_pb2 import Money
from tercet_chassis.testing import Client


def cny(amount: str) -> Money:
    """An amount in yuan."""
    return Money(currency_code="CNY", amount=amount)


def stamp(moment: datetime) -> Timestamp:
    """An instant as protobuf has it."""
    value = Timestamp()
    value.FromDatetime(moment)
    return value


def line(code: str = "", quantity: str = "1", price: str = "", **more: Any) -> LineItem:
    """One line; the price book's price without `price`."""
    own: dict[str, Any] = {"unit_price": cny(price)} if price else {}
    return LineItem(product_code=code, quantity=quantity, **own, **more)


def off(amount: str, source: str = "coupon", **more: Any) -> Adjustment:
    """A discount in yuan."""
    return Adjustment(source=source, amount=cny(amount), **more)


async def new_customer(sales: Client, name: str = "王芳", unit_id: UUID | None = None, **more: Any) -> Customer:
    """A person as a customer of the unit (the caller's when left out)."""
    values: dict[str, Any] = {"kind": "PERSON", "full_name": name, **more}
    if unit_id is not None:
        values["unit_id"] = str(unit_id)
    answer: Customer = await sales.CreateCustomer(CreateCustomerRequest(customer=Customer(**values)))
    return answer


async def catalogue(sales: Client, prices: Mapping[str, str]) -> None:
    """Products with 13 % tax and their prices in yuan, in one book for everybody."""
    book = PriceBook(code="standard", name="标准价", currency_code="CNY", active=True)
    await sales.CreatePriceBook(CreatePriceBookRequest(price_book=book))
    for code, amount in prices.items():
        product = Product(code=code, name=f"产品 {code}", unit_of_measure="台", active=True, tax_percent="13")
        await sales.CreateProduct(CreateProductRequest(product=product))
        price = Price(price_book_code="standard", product_code=code, unit_price=cny(amount))
        await sales.CreatePrice(CreatePriceRequest(price=price))


async def new_quote(sales: Client, customer: Customer, *lines: LineItem, **more: Any) -> Quote:
    """A draft."""
    values: dict[str, Any] = {"title": "冰箱一批", "currency_code": "CNY", "customer_id": customer.id, **more}
    answer: Quote = await sales.CreateQuote(CreateQuoteRequest(quote=Quote(lines=lines, **values)))
    return answer


async def new_order(sales: Client, customer: Customer, *lines: LineItem, **more: Any) -> Order:
    """A draft."""
    values: dict[str, Any] = {"currency_code": "CNY", "customer_id": customer.id, **more}
    answer: Order = await sales.CreateOrder(CreateOrderRequest(order=Order(lines=lines, **values)))
    return answer


async def confirmed(
    sales: Client, customer: Customer, *lines: LineItem, when: datetime | None = None, **more: Any
) -> Order:
    """An order that counts."""
    order = await new_order(sales, customer, *lines, **more)
    request = ConfirmOrderRequest(id=order.id)
    if when is not None:
        request.confirm_time.FromDatetime(when)
    answer: Order = await sales.ConfirmOrder(request)
    return answer


async def paid(sales: Client, order: Order, amount: str, **more: Any) -> Payment:
    """Money that came in."""
    payment = Payment(order_id=order.id, amount=cny(amount), method_code="wechat_pay", **more)
    answer: Payment = await sales.CreatePayment(CreatePaymentRequest(payment=payment))
    return answer


async def told(service: Client, event: Any) -> list[Any]:
    """The events of one kind that the service has written in this tenant, oldest first."""
    from sqlalchemy import select

    from tercet_chassis.contract import subject_of
    from tercet_chassis.tables import outbox

    async with service.running.runtime.database.connection() as connection:
        query = (
            select(outbox.c.payload)
            .where(outbox.c.tenant_id == service.tenant_id, outbox.c.subject == subject_of(event))
            .order_by(outbox.c.id)
        )
        return [event.FromString(row.payload) for row in await connection.execute(query)]
