"""First and stable customers: what confirming and cancelling an order does to its buyer's standing with the unit.

Confirmations and cancellations of one party and unit wait for each other, so a first order is told exactly once.
"""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_sales.orders import store
from tercet_sales.orders.model import Order, OrderStanding


async def order_confirmed(tx: Tx, order: Order) -> None:
    """Counts the order; tells a first order, and that the party is stable when it becomes so."""
    before, _ = await store.orders_of_party(tx, order.party_id, order.seller_unit_id, order.id)
    standing = await _standing(tx, order)
    standing.order_count += 1
    if before == 0:
        _first(tx, order, standing)
    await _judge(tx, order, before + 1, standing)


async def order_cancelled(tx: Tx, order: Order) -> None:
    """Takes the order off again; a first order is revoked, and the next earliest becomes the first."""
    left, earliest = await store.orders_of_party(tx, order.party_id, order.seller_unit_id, order.id)
    standing = await _standing(tx, order)
    standing.order_count -= 1
    if standing.first_order_id == order.id:
        standing.first_order_id = standing.first_order_time = None
        tx.emit(events.FirstOrderRevoked, order, standing_id=str(standing.id))
        if earliest is not None:
            await _promote(tx, earliest)
    await _judge(tx, order, left, standing)


async def _promote(tx: Tx, earliest: store.FirstOrder) -> None:
    order = await tx.session.get_one(Order, (tx.tenant_id, earliest.id))
    _first(tx, order, await _standing(tx, order))


def _first(tx: Tx, order: Order, standing: OrderStanding) -> None:
    standing.first_order_id, standing.first_order_time = order.id, order.confirm_time
    tx.emit(events.FirstOrderPlaced, order, standing_id=str(standing.id), occur_time=order.confirm_time)


async def _standing(tx: Tx, order: Order) -> OrderStanding:
    found = await store.standing_of(tx, order.identity_id, order.seller_unit_id)
    if found is not None:
        return found
    made = OrderStanding(
        identity_id=order.identity_id,
        party_id=order.party_id,
        unit_id=order.seller_unit_id,
        owner_id=order.owner_id,
        partner_party_id=order.partner_party_id,
        order_count=0,
        stable=False,
    )
    return tx.add(made)


async def _judge(tx: Tx, order: Order, count: int, standing: OrderStanding) -> None:
    needed = await store.stable_after(tx, order.seller_unit_id)
    rows = await store.standings_of_party(tx, order.party_id, order.seller_unit_id)
    was, now = any(row.stable for row in rows), count >= needed
    for row in rows:
        if row.stable != now:
            row.stable, row.stable_time = now, tx.now() if now else None
    if was != now:
        told = events.OrderStandingStabilized if now else events.OrderStandingDestabilized
        tx.emit(told, standing, party_order_count=count)


async def hold(tx: Tx, order: Order) -> None:
    """Makes other confirmations and cancellations of this party and unit wait."""
    await tx.hold("standing", [f"{order.party_id}:{order.seller_unit_id}"])
