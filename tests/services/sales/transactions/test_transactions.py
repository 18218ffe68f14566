"""Transactions: our orders and imported receipts make the same fact, reversals are negative."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from support.deals import catalogue, cny, confirmed, line, new_customer, stamp
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest, OrderReturn, ReturnOrderLinesRequest
from tercet.sales.v1.transaction_service_pb2 import (
    ImportReceiptsRequest,
    ListTransactionsRequest,
    Receipt,
    Transaction,
    TransactionLine,
)
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

WHEN = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)


async def listed(sales: Client, **more: Any) -> list[Transaction]:
    answer = await sales.ListTransactions(ListTransactionsRequest(order_by="occur_time, create_time", **more))
    return list(answer.transactions)


def receipt(id: str, amount: str, **more: Any) -> Receipt:
    return Receipt(external_ref={"system": "pos", "id": id}, amount=cny(amount), **{"occur_time": stamp(WHEN), **more})


async def test_order_makes_a_sale_and_its_cancellation_takes_it_back(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    order = await confirmed(sales, customer, line("F1", "2"))
    await sales.settled()
    await sales.CancelOrder(CancelOrderRequest(id=order.id))
    await sales.settled()
    sale, reversal = await listed(sales)
    assert (sale.kind, sale.amount, sale.order_id, sale.sale_id) == (Transaction.SALE, cny("226.00"), order.id, sale.id)
    assert (sale.party_id, sale.unit_id, sale.occur_time) == (
        customer.party_id,
        order.seller_unit_id,
        order.confirm_time,
    )
    assert (reversal.kind, reversal.amount, reversal.sale_id) == (Transaction.CANCELLATION, cny("-226.00"), sale.id)
    assert reversal.lines[0].quantity == "-2"


async def test_returns_are_negative_and_add_up(sales: Client) -> None:
    await catalogue(sales, {"F1": "33.33"})
    order = await confirmed(sales, await new_customer(sales), line("F1", "3"))
    for _ in range(3):
        await sales.ReturnOrderLines(
            ReturnOrderLinesRequest(id=order.id, returns=[OrderReturn(line_no=1, quantity="1")])
        )
    await sales.settled()
    amounts = sorted(each.amount.amount for each in await listed(sales))
    assert amounts == ["-37.66", "-37.66", "-37.67", "112.99"]


async def test_receipts_are_taken_once_and_wrong_rows_do_not_stop_good_ones(sales: Client) -> None:
    customer = await new_customer(sales)
    rows = [
        receipt(
            "1",
            "88.80",
            customer_id=customer.id,
            lines=[TransactionLine(product_code="A", quantity="2", amount=cny("88.80"))],
        ),
        receipt("2", "10", customer_id=str(new_id())),
        receipt("3", "10"),
        receipt("4", "0", customer_id=customer.id),
        receipt("5", "30", returns_ref={"system": "pos", "id": "1"}),
        receipt("6", "60", returns_ref={"system": "pos", "id": "1"}),
        receipt("7", "1", returns_ref={"system": "pos", "id": "none"}),
        receipt("1", "88.80", customer_id=customer.id),
        receipt("8", "5", identity_id=str(new_id()), seller_unit_id=str(new_id())),
        Receipt(
            external_ref={"system": "pos", "id": "9"},
            amount={"currency_code": "USD", "amount": "5"},
            customer_id=customer.id,
            occur_time=stamp(WHEN),
        ),
    ]
    preview = await sales.ImportReceipts(ImportReceiptsRequest(receipts=rows, validate_only=True))
    assert not await listed(sales)
    answer = await sales.ImportReceipts(ImportReceiptsRequest(receipts=rows))
    assert (
        [each.reason for each in answer.results]
        == [each.reason for each in preview.results]
        == [
            "",
            "RECEIPT_CUSTOMER_UNKNOWN",
            "RECEIPT_BUYER_MISSING",
            "AMOUNT_NOT_POSITIVE",
            "",
            "RECEIPT_RETURNS_TOO_MUCH",
            "RECEIPT_SALE_UNKNOWN",
            "",
            "",
            "RECEIPT_RATE_MISSING",
        ]
    )
    assert (answer.imported, answer.known, answer.refused) == (3, 1, 6)
    again = await sales.ImportReceipts(ImportReceiptsRequest(receipts=rows[:1]))
    assert (again.imported, again.known) == (0, 1)
    assert again.results[0].transaction_id == answer.results[0].transaction_id
    found = await listed(sales, filter=f'party_id = "{customer.party_id}"')
    assert sorted(each.amount.amount for each in found) == ["-30.00", "88.80"]
    assert {each.sale_id for each in found} == {answer.results[0].transaction_id}


async def test_transactions_obey_permissions_and_reach(sales: Client) -> None:
    customer = await new_customer(sales)
    await sales.ImportReceipts(ImportReceiptsRequest(receipts=[receipt("1", "10", customer_id=customer.id)]))
    assert not await listed(sales.as_(permissions={"sales.transaction.read": "unit"}, unit_id=new_id()))
    assert (
        len(await listed(sales.as_(permissions={"sales.transaction.read": "unit"}, unit_id=sales.principal.unit_id)))
        == 1
    )
    with refused("PERMISSION_MISSING"):
        await sales.as_(permissions={"sales.transaction.read": "all"}).ImportReceipts(
            ImportReceiptsRequest(receipts=[receipt("2", "10", customer_id=customer.id)])
        )


async def test_receipts_do_not_reach_customers_of_others(sales: Client) -> None:
    customer = await new_customer(sales)
    stranger = sales.as_(permissions={"sales.transaction.import": "unit"}, unit_id=new_id())
    request = ImportReceiptsRequest(receipts=[receipt("1", "10", customer_id=customer.id)])
    assert [each.reason for each in (await stranger.ImportReceipts(request)).results] == ["RECEIPT_CUSTOMER_UNKNOWN"]
    colleague = sales.as_(permissions={"sales.transaction.import": "unit"}, unit_id=UUID(customer.unit_id))
    assert (await colleague.ImportReceipts(request)).imported == 1


async def test_one_receipt_imported_by_many_at_once_is_taken_once(sales: Client) -> None:
    customer = await new_customer(sales)
    request = ImportReceiptsRequest(receipts=[receipt("1", "10", customer_id=customer.id)])
    answers = await asyncio.gather(*(sales.ImportReceipts(request) for _ in range(6)))
    assert (sum(answer.imported for answer in answers), sum(answer.known for answer in answers)) == (1, 5)
