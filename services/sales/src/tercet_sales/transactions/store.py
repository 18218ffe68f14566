"""Queries of payments and transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.customers.model import Customer
from tercet_sales.transactions.model import Transaction

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
    """The customers that receipts name; a caller without reach over one gets it not."""
    wanted = {UUID(id) for id in ids if id}
    if not wanted:
        return {}
    found: dict[str, Customer] = {}
    for customer in await tx.session.scalars(select(Customer).where(Customer.id.in_(wanted))):
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
