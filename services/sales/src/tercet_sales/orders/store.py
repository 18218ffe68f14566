"""Queries of orders and of what a buyer's orders amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money
from tercet_sales.orders.model import Order, OrderPolicy, OrderStanding

STABLE_AFTER_ORDERS = 3
_COUNTING = ("CONFIRMED", "FULFILLED")


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """The earliest order of a party that counts."""

    id: UUID
    identity_id: UUID


async def order_of_quote(tx: Tx, quote_id: UUID, but_not: UUID | None = None) -> Order | None:
    """The order of a quote that was not cancelled."""
    query = select(Order).where(Order.quote_id == quote_id, Order.state != "CANCELLED")
    if but_not is not None:
        query = query.where(Order.id != but_not)
    return (await tx.session.scalars(query.limit(1))).one_or_none()


async def owed_by(tx: Tx, customer_id: UUID) -> dict[str, Money]:
    """What the customer has still to pay for orders that count, by currency."""
    orders = view(Order)
    left = (
        orders.c.total_amount
        - func.coalesce(orders.c.returned_total_amount, 0)
        - func.coalesce(orders.c.paid_total_amount, 0)
    )
    query = (
        select(orders.c.currency_code, func.sum(func.greatest(left, 0)).label("owed"))
        .where(orders.c.customer_id == customer_id, orders.c.state.in_(_COUNTING))
        .group_by(orders.c.currency_code)
    )
    return {row.currency_code: Money(row.owed, row.currency_code) for row in await tx.session.execute(query)}


async def orders_of_party(tx: Tx, party_id: UUID, unit_id: UUID, but_not: UUID) -> tuple[int, FirstOrder | None]:
    """How many other orders of the party count in the unit, and the earliest of them."""
    orders = view(Order)
    counting = (
        orders.c.party_id == party_id,
        orders.c.seller_unit_id == unit_id,
        orders.c.state.in_(_COUNTING),
        orders.c.id != but_not,
    )
    count = int(await tx.session.scalar(select(func.count()).select_from(orders).where(*counting)) or 0)
    if not count:
        return 0, None
    query = (
        select(orders.c.id, orders.c.identity_id).where(*counting).order_by(orders.c.confirm_time, orders.c.id).limit(1)
    )
    row = (await tx.session.execute(query)).one()
    return count, FirstOrder(row.id, row.identity_id)


async def standings_of_party(tx: Tx, party_id: UUID, unit_id: UUID) -> list[OrderStanding]:
    """The party's rows for the unit, one an identity."""
    query = (
        select(OrderStanding)
        .where(OrderStanding.party_id == party_id, OrderStanding.unit_id == unit_id)
        .order_by(OrderStanding.id)
    )
    return list(await tx.session.scalars(query))


async def standing_of(tx: Tx, identity_id: UUID, unit_id: UUID) -> OrderStanding | None:
    """The identity's row for the unit."""
    query = select(OrderStanding).where(OrderStanding.identity_id == identity_id, OrderStanding.unit_id == unit_id)
    return (await tx.session.scalars(query)).one_or_none()


async def stable_after(tx: Tx, unit_id: UUID) -> int:
    """After how many orders a customer of the unit is stable: its own policy, else that for all units, else three."""
    policies = view(OrderPolicy)
    query = (
        select(policies.c.stable_after_orders)
        .where(policies.c.unit_key.in_(("", str(unit_id))))
        .order_by(policies.c.unit_key.desc())
        .limit(1)
    )
    return int(await tx.session.scalar(query) or STABLE_AFTER_ORDERS)


async def with_benefits(tx: Tx, after: UUID, limit: int) -> list[Any]:
    """Orders that count and took benefits, with their lines; a page in the order of ids."""
    orders = view(Order)
    query = select(orders.c.id, orders.c.number, orders.c.benefit_key, orders.c.lines).where(
        orders.c.benefit_key != "", orders.c.state.in_(_COUNTING), orders.c.id > after
    )
    return list((await tx.session.execute(query.order_by(orders.c.id).limit(limit))).all())


async def count_wrong_totals(tx: Tx) -> tuple[int, Sequence[str]]:
    """How many orders there are, and numbers of those whose total is not the sum of lines in their currency."""
    lines = "jsonb_array_elements(o.lines) AS line"
    wrong = text(
        "SELECT o.number FROM fenced.orders o WHERE o.total_amount IS DISTINCT FROM "
        f"(SELECT coalesce(sum((line -> 'total' ->> 'amount')::numeric), 0) FROM {lines}) "
        f"OR EXISTS (SELECT 1 FROM {lines} WHERE line -> 'total' ->> 'currency_code' <> o.currency_code) LIMIT 1000"
    )
    count = await tx.session.scalar(select(func.count()).select_from(view(Order)))
    return int(count or 0), list(await tx.session.scalars(wrong))
