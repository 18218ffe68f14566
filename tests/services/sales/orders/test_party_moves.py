"""Everyone with a part in a deal follows merges and their undoing; what must always hold does."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from support.deals import catalogue, confirmed, line, new_customer, new_quote, paid
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.sales.v1.order_service_pb2 import GetOrderRequest
from tercet.sales.v1.payment_service_pb2 import ListPaymentsRequest
from tercet.sales.v1.quote_service_pb2 import GetQuoteRequest
from tercet.type.v1.party_pb2 import PartyRole
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client


async def move(leads: Client, identity: UUID, source: UUID, target: UUID, version: int) -> None:
    made = PartyMove(identity_id=str(identity), from_party_id=str(source), to_party_id=str(target), version=version)
    async with leads.transaction() as tx:
        tx.emit(PartyMembersMoved, None, moves=[made])
    await leads.settled()


async def test_dealer_and_buyer_of_a_deal_follow_a_merge_and_its_undoing(leads: Client, sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    dealer, other = new_id(), new_id()
    roles = [PartyRole(role=PartyRole.DEALER, identity_id=str(dealer), party_id=str(dealer))]
    order = await confirmed(sales, customer, line("F1"), parties=roles)
    quote = await new_quote(sales, customer, line("F1"), parties=roles)
    await paid(sales, order, "10")
    buyer = UUID(customer.identity_id)
    await move(leads, dealer, dealer, other, 1)
    await move(leads, buyer, UUID(customer.party_id), other, 1)
    moved = await sales.GetOrder(GetOrderRequest(id=order.id))
    assert moved.party_id == str(other)
    assert {role.party_id for role in moved.parties} == {str(other)}
    assert {role.party_id for role in (await sales.GetQuote(GetQuoteRequest(id=quote.id))).parties} == {str(other)}
    payments = (await sales.ListPayments(ListPaymentsRequest(filter=f'order_id = "{order.id}"'))).payments
    assert [payment.party_id for payment in payments] == [str(other)]
    await move(leads, dealer, other, dealer, 2)
    await move(leads, buyer, other, UUID(customer.party_id), 2)
    back = await sales.GetOrder(GetOrderRequest(id=order.id))
    assert (back.party_id, list(back.parties)) == (order.party_id, list(order.parties))


@pytest.mark.usefixtures("leads", "gateway", "service_desk")
async def test_invariants_of_deals_hold_and_see_what_is_broken(sales: Client) -> None:
    await catalogue(sales, {"F1": "33.33"})
    order = await confirmed(sales, await new_customer(sales), line("F1", "3"))
    await paid(sales, order, "100")
    await sales.settled()

    async def broken() -> set[str]:
        found = (await sales.CheckInvariants(CheckInvariantsRequest())).findings
        names = {finding.invariant for finding in found}
        assert {"orders.totals_equal_lines", "payments.within_orders", "transactions.sales_not_overdrawn"} <= names
        return {finding.invariant for finding in found if not finding.holds}

    assert await broken() == set()
    async with sales.transaction() as tx:
        await tx.session.execute(text("UPDATE orders SET total_amount = 99, paid_total_amount = 101"))
    assert await broken() == {"orders.totals_equal_lines", "payments.within_orders"}
