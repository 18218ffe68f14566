"""First orders and stable customers: told exactly once, right after cancellations and merges."""

from __future__ import annotations

import asyncio

from support.deals import catalogue, confirmed, line, new_customer, new_order, told
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest, ConfirmOrderRequest
from tercet.sales.v1.order_standing_service_pb2 import (
    CreateOrderPolicyRequest,
    ListOrderStandingsRequest,
    OrderPolicy,
    OrderStanding,
)
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


async def only_standing(sales: Client) -> OrderStanding:
    standings = (await sales.ListOrderStandings(ListOrderStandingsRequest())).order_standings
    assert len(standings) == 1
    answer: OrderStanding = standings[0]
    return answer


async def test_first_order_is_told_once_under_simultaneous_confirmations(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    orders = [await new_order(sales, customer, line("F1")) for _ in range(8)]
    await asyncio.gather(*(sales.ConfirmOrder(ConfirmOrderRequest(id=order.id)) for order in orders))
    first = await told(sales, events.FirstOrderPlaced)
    assert len(first) == 1
    standing = await only_standing(sales)
    assert (standing.order_count, standing.first_order_id) == (8, first[0].order.id)


async def test_cancelling_the_first_order_makes_the_next_one_first(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    first = await confirmed(sales, customer, line("F1"))
    second = await confirmed(sales, customer, line("F1"))
    await sales.CancelOrder(CancelOrderRequest(id=first.id, reason="重复"))
    assert [event.order.id for event in await told(sales, events.FirstOrderRevoked)] == [first.id]
    assert [event.order.id for event in await told(sales, events.FirstOrderPlaced)] == [first.id, second.id]
    await sales.CancelOrder(CancelOrderRequest(id=second.id))
    standing = await only_standing(sales)
    assert (standing.order_count, standing.first_order_id) == (0, "")
    third = await confirmed(sales, customer, line("F1"))
    assert (await only_standing(sales)).first_order_id == third.id


async def test_cancelling_a_later_order_leaves_the_first(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    first = await confirmed(sales, customer, line("F1"))
    second = await confirmed(sales, customer, line("F1"))
    await sales.CancelOrder(CancelOrderRequest(id=second.id))
    assert (await only_standing(sales)).first_order_id == first.id
    assert not await told(sales, events.FirstOrderRevoked)


async def test_cancelling_a_draft_changes_no_standing(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    order = await new_order(sales, await new_customer(sales), line("F1"))
    await sales.CancelOrder(CancelOrderRequest(id=order.id))
    assert not (await sales.ListOrderStandings(ListOrderStandingsRequest())).order_standings
    assert [event.was_confirmed for event in await told(sales, events.OrderCancelled)] == [False]


async def test_first_order_is_counted_for_each_unit(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    await confirmed(sales, customer, line("F1"))
    await confirmed(sales, customer, line("F1"), seller_unit_id=str(new_id()))
    assert len(await told(sales, events.FirstOrderPlaced)) == 2


async def test_two_identities_of_one_party_have_one_first_order(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    party, unit = str(new_id()), str(sales.principal.unit_id)
    for _ in range(2):
        await confirmed(
            sales, await new_customer(sales), line("F1"), customer_id="", identity_id=str(new_id()), party_id=party
        )
    assert len(await told(sales, events.FirstOrderPlaced)) == 1
    listed = await sales.ListOrderStandings(
        ListOrderStandingsRequest(filter=f'party_id = "{party}" AND unit_id = "{unit}"')
    )
    assert sorted(bool(row.first_order_id) for row in listed.order_standings) == [False, True]


async def test_stable_after_as_many_orders_as_the_policy_asks(sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    policy = OrderPolicy(seller_unit_id=str(sales.principal.unit_id), stable_after_orders=2)
    await sales.CreateOrderPolicy(CreateOrderPolicyRequest(order_policy=OrderPolicy(stable_after_orders=9)))
    await sales.CreateOrderPolicy(CreateOrderPolicyRequest(order_policy=policy))
    with refused("RESOURCE_ALREADY_EXISTS", "order_policy.seller_unit_id"):
        await sales.CreateOrderPolicy(CreateOrderPolicyRequest(order_policy=policy))
    customer = await new_customer(sales)
    await confirmed(sales, customer, line("F1"))
    assert not (await only_standing(sales)).stable
    second = await confirmed(sales, customer, line("F1"))
    third = await confirmed(sales, customer, line("F1"))
    assert (await only_standing(sales)).stable
    assert [event.party_order_count for event in await told(sales, events.OrderStandingStabilized)] == [2]
    await sales.CancelOrder(CancelOrderRequest(id=third.id))
    assert (await only_standing(sales)).stable
    await sales.CancelOrder(CancelOrderRequest(id=second.id))
    assert not (await only_standing(sales)).stable
    assert [event.party_order_count for event in await told(sales, events.OrderStandingDestabilized)] == [1]
