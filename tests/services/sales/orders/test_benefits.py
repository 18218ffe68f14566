"""Orders at marketing's till, through both real services: benefits come onto lines, and go back exactly."""

from __future__ import annotations

from typing import Any

import pytest

from support.benefits import budget, grant, policy, promotion
from support.deals import catalogue, cny, line, new_customer, new_order, told
from tercet.marketing.v1.benefit_service_pb2 import (
    BenefitReservation,
    ListBenefitReservationsRequest,
    ReserveBenefitsRequest,
)
from tercet.marketing.v1.budget_service_pb2 import GetBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import GetGrantRequest, Grant
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.customer_service_pb2 import Customer
from tercet.sales.v1.order_service_pb2 import (
    CancelOrderRequest,
    ConfirmOrderRequest,
    GetOrderRequest,
    Order,
    PriceOrderRequest,
)
from tercet_chassis.testing import Client, refused


async def buyer_with(sales: Client, marketing: Client, *policies: str) -> tuple[Customer, list[Grant]]:
    """Somebody who holds a coupon of each policy."""
    customer = await new_customer(sales)
    held = [await grant(marketing, customer.identity_id, "coupon", code) for code in policies]
    return customer, held


async def confirm(sales: Client, order: Order, **more: Any) -> Order:
    answer: Order = await sales.ConfirmOrder(ConfirmOrderRequest(id=order.id, **more))
    return answer


async def state_of(marketing: Client, held: Grant) -> str:
    return Grant.State.Name((await marketing.GetGrant(GetGrantRequest(id=held.id))).state)


async def test_a_coupon_comes_onto_the_lines_and_goes_back_with_the_order(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00", "F2": "50.01"})
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="b", funded_by="manufacturer")
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1", "2"), line("F2"), auto_benefits=True)
    assert (order.reduction.amount, order.benefit_reduction.amount) == ("0.00", "")
    shown = await sales.PriceOrder(PriceOrderRequest(order=order))
    assert shown.benefit_reduction == cny("10.00")
    assert [one.grant_id for one in shown.benefits] == [held.id]
    done = await confirm(sales, order, expected_benefit_reduction=shown.benefit_reduction)
    assert (done.state, done.reduction, done.net) == (Order.CONFIRMED, cny("10.00"), cny("240.01"))
    assert done.total == shown.total
    first, second = (item.adjustments[0] for item in done.lines)
    assert (first.source, first.grant_id, first.policy_code, first.policy_version) == ("coupon", held.id, "ten", 1)
    assert (first.funded_by, first.amount.amount, second.amount.amount) == ("manufacturer", "8.00", "2.00")
    await sales.settled()
    assert await state_of(marketing, held) == "REDEEMED"
    assert (await marketing.GetBudget(GetBudgetRequest(id=money.id))).spent == cny("10.00")
    await sales.CancelOrder(CancelOrderRequest(id=order.id, reason="不要了"))
    await sales.settled()
    assert await state_of(marketing, held) == "ISSUED"
    assert (await marketing.GetBudget(GetBudgetRequest(id=money.id))).available == cny("100.00")
    again = await new_order(sales, customer, line("F1"), grant_ids=[held.id])
    assert (await confirm(sales, again)).benefit_reduction == cny("10.00")
