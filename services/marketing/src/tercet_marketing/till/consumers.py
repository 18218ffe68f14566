"""What becomes of sales' orders that took benefits. Whoever else sells calls the till itself."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as sales
from tercet_chassis import Tx, effect
from tercet_marketing.till import fate
from tercet_marketing.till.returns import returned


@effect(sales.OrderConfirmed)
async def make_final(event: sales.OrderConfirmed, tx: Tx) -> None:
    """What is kept for an order is used once the order counts."""
    if event.order.benefit_key:
        await fate.sold(tx, event.order.benefit_key)


@effect(sales.OrderCancelled)
async def give_back(event: sales.OrderCancelled, tx: Tx) -> None:
    """A cancelled order gives back all that it took."""
    if event.order.benefit_key:
        await fate.release(tx, event.order.benefit_key)


@effect(sales.OrderConfirmationRefused)
async def let_go(event: sales.OrderConfirmationRefused, tx: Tx) -> None:
    """What was kept for an order that is not confirmed is free again, also when it comes to be kept only now."""
    if event.released_key:
        await fate.release(tx, event.released_key)


@effect(sales.OrderReturned)
async def give_back_in_part(event: sales.OrderReturned, tx: Tx) -> None:
    """Lines that come back bring back their part of what the order took, as the policies say."""
    if event.order.benefit_key:
        await fate.take_returns(tx, event.order.benefit_key, returned(event.order.lines))
