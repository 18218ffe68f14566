"""Nobody sells in the name of a unit that is not theirs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from services.sales.builders import opportunity, person
from sqlalchemy import insert

from support.deals import catalogue, cny, line, new_customer, new_order, new_quote, stamp
from tercet.sales.v1.opportunity_service_pb2 import Opportunity, UpdateOpportunityRequest
from tercet.sales.v1.order_service_pb2 import CreateOrderRequest, Order
from tercet.sales.v1.quote_service_pb2 import AcceptQuoteRequest, SendQuoteRequest
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsRequest, Receipt
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis.ids import new_id
from tercet_chassis.tables import units
from tercet_chassis.testing import Client, refused


async def tree(sales: Client) -> tuple[UUID, UUID, UUID]:
    """A region, a store below it, and a unit beside both."""
    region, store, beside = new_id(), new_id(), new_id()
    paths = {region: "/a/", store: "/a/b/", beside: "/c/"}
    async with sales.transaction() as tx:
        for id, path in paths.items():
            row = {"parent_id": None, "code": path, "name": path, "type": "STORE", "zone": "", "reporting_currency": ""}
            await tx.session.execute(insert(units).values(tenant_id=tx.tenant_id, id=id, path=path, **row))
    return region, store, beside


def seller(sales: Client, unit_id: UUID, scope: str = "own") -> Client:
    """Somebody who works for one unit."""
    return sales.as_(permissions={"sales.*": scope}, user_id=new_id(), unit_id=unit_id)


def fault(unit_id: UUID) -> dict[str, Any]:
    return {"seller_unit_id": str(unit_id)}


async def test_a_seller_sells_for_the_own_unit_and_for_that_of_a_customer_in_reach(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    region, _, beside = await tree(sales)
    mine = seller(sales, region)
    # Given to the seller, though it is another unit's customer.
    customer = await new_customer(sales, unit_id=beside, owner_id=str(mine.principal.user_id))
    for unit in (region, beside):
        assert (await new_order(mine, customer, line("F1"), **fault(unit))).seller_unit_id == str(unit)
    assert (await new_order(mine, customer, line("F1"))).seller_unit_id == str(beside)


@pytest.mark.parametrize("scope", ["own", "unit", "unit_below"])
async def test_documents_for_a_unit_out_of_reach_are_at_fault(sales: Client, scope: str) -> None:
    await catalogue(sales, {"F1": "100"})
    region, _, beside = await tree(sales)
    mine = seller(sales, region, scope)
    customer = await new_customer(mine)
    with refused("ORDER_INVALID", "order.seller_unit_id"):
        await new_order(mine, customer, line("F1"), **fault(beside))
    with refused("QUOTE_INVALID", "quote.seller_unit_id"):
        await new_quote(mine, customer, line("F1"), **fault(beside))
    with refused("SELLER_UNIT_OUT_OF_REACH", "seller_unit_id"):
        await opportunity(mine, customer.id, **fault(beside))


async def test_who_reaches_the_units_below_sells_for_them_and_others_do_not(sales: Client) -> None:
    region, store, _ = await tree(sales)
    above = seller(sales, region, "unit_below")
    assert (await opportunity(above, (await person(above)).id, **fault(store))).seller_unit_id == str(store)
    with refused("SELLER_UNIT_OUT_OF_REACH"):
        mine = seller(sales, region, "unit")
        await opportunity(mine, (await person(mine, "李强")).id, **fault(store))
    with refused("SELLER_UNIT_OUT_OF_REACH"):
        mine = seller(sales, store, "unit_below")
        await opportunity(mine, (await person(mine, "陈静")).id, **fault(region))


async def test_an_opportunity_is_not_moved_to_a_unit_out_of_reach(sales: Client) -> None:
    region, _, beside = await tree(sales)
    mine = seller(sales, region)
    made = await opportunity(mine, (await person(mine)).id)
    with refused("SELLER_UNIT_OUT_OF_REACH"):
        changed = Opportunity(id=made.id, **fault(beside))
        await mine.UpdateOpportunity(UpdateOpportunityRequest(opportunity=changed))
    changed = Opportunity(id=made.id, **fault(region))
    await mine.UpdateOpportunity(UpdateOpportunityRequest(opportunity=changed))


async def test_an_order_of_a_quote_is_sold_by_whoever_offered_it(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    region, _, beside = await tree(sales)
    mine = seller(sales, region)
    customer = await new_customer(mine)
    owner = str(mine.principal.user_id)
    quote = await new_quote(sales, customer, line("F1"), owner_id=owner, valid_until_date="2099-12-31", **fault(beside))
    await sales.SendQuote(SendQuoteRequest(id=quote.id))
    await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id))
    order = await mine.CreateOrder(CreateOrderRequest(order=Order(quote_id=quote.id)))
    assert order.seller_unit_id == str(beside)


async def test_a_receipt_of_a_unit_out_of_reach_is_refused_alone(sales: Client) -> None:
    region, _, beside = await tree(sales)
    mine = seller(sales, region)
    async with sales.transaction() as tx:
        now = tx.now()
    receipts = [
        Receipt(
            external_ref=ExternalRef(system="pos", id=str(unit)),
            identity_id=str(new_id()),
            seller_unit_id=str(unit),
            occur_time=stamp(now),
            amount=cny("10"),
        )
        for unit in (region, beside)
    ]
    answer = await mine.ImportReceipts(ImportReceiptsRequest(receipts=receipts))
    assert [result.reason for result in answer.results] == ["", "SELLER_UNIT_OUT_OF_REACH"]
