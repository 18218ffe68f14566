"""Queries of payments and transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_sales.customers.model import Customer
from tercet_sales.orders.model import Order
from tercet_sales.transactions.model import Payment, Transaction

External = tuple[str, str]


async def transaction(tx: Tx, id: UUID) -> Transaction | None:
    """The transaction, whoever may see it."""
    return (await tx.session.scalars(select(Transaction).where(Transaction.id == id))).one_or_none()


async def known_receipts(tx: Tx, refs: Iterable[External]) -> dict[External, Transaction]:
    """The transactions of receipts that were taken before."""
    wanted = set(refs)
    if not wanted:
        return {}
    query = select(Transaction).where(tuple_(Transaction.external_system, Transaction.external_id).in_(wanted))
    return {(str(row.external_system), str(row.external_id)): row for row in await tx.session.scalars(query)}


async def left_of_sales(tx: Tx, sale_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """What is left of each sale after its reversals, in its own currency."""
    wanted = set(sale_ids)
    if not wanted:
        return {}
    rows = view(Transaction)
    query = (
        select(rows.c.sale_id, func.sum(rows.c.amount_amount).label("left"))
        .where(rows.c.sale_id.in_(wanted))
        .group_by(rows.c.sale_id)
    )
    return {row.sale_id: row.left for row in await tx.session.execute(query)}


async def customers_by_id(tx: Tx, ids: Iterable[str]) -> dict[str, Customer]:
    """The customers that receipts name, as far as the caller's reach goes."""
    wanted = {UUID(id) for id in ids if id}
    if not wanted:
        return {}
    within = reach(Customer, Customer, tx.principal, tx.context.permission)
    found: dict[str, Customer] = {}
    for customer in await tx.session.scalars(select(Customer).where(Customer.id.in_(wanted), within)):
        found[str(customer.id)] = customer
    return found


async def facts(
    tx: Tx, unit_id: UUID, begin: datetime, end: datetime, currency: str, identity_id: UUID | None = None
) -> Sequence[tuple[UUID, UUID, UUID, datetime, Any]]:
    """Every transaction whose sale was made in the period, of one identity or of all.

    Each as `(identity, party, sale, sale time, reporting amount)`.
    """
    rows = view(Transaction)
    query = select(
        rows.c.identity_id, rows.c.party_id, rows.c.sale_id, rows.c.sale_time, rows.c.reporting_amount_amount
    ).where(
        rows.c.unit_id == unit_id,
        rows.c.sale_time >= begin,
        rows.c.sale_time < end,
        rows.c.reporting_amount_currency == currency,
    )
    if identity_id is not None:
        query = query.where(rows.c.identity_id == identity_id)
    return [tuple(row) for row in await tx.session.execute(query)]


async def wrong_payments(tx: Tx) -> tuple[int, Sequence[str]]:
    """How many orders were paid for, and numbers of those whose payments are not what they say or exceed their total.

    Ow many orders were paid for, and numbers of those whose payments are not what they say or exceed their total.
    """
    orders, payments = view(Order), view(Payment)
    kept = func.sum(payments.c.amount_amount - func.coalesce(payments.c.refunded_amount, 0)).label("kept")
    paid = select(payments.c.order_id, kept).group_by(payments.c.order_id).subquery()
    wrong = (paid.c.kept > orders.c.total_amount) | (paid.c.kept != orders.c.paid_total_amount) | (paid.c.kept < 0)
    query = select(orders.c.number).join(paid, paid.c.order_id == orders.c.id).where(wrong).limit(1000)
    count = await tx.session.scalar(select(func.count()).select_from(paid))
    return int(count or 0), list(await tx.session.scalars(query))


async def overdrawn_sales(tx: Tx) -> tuple[int, Sequence[str]]:
    """How many sales there are, and ids of those of which more was taken back than there was."""
    rows = view(Transaction)
    query = select(rows.c.sale_id).group_by(rows.c.sale_id).having(func.sum(rows.c.amount_amount) < 0).limit(1000)
    count = await tx.session.scalar(select(func.count()).select_from(rows).where(rows.c.kind == "SALE"))
    return int(count or 0), [str(id) for id in await tx.session.scalars(query)]
