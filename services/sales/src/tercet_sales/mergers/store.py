"""Queries of joining customers, and everything that hangs on one, in whatever slice it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, Text, and_, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import aliased

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.customers.model import Customer, CustomerTransfer
from tercet_sales.mergers.model import CustomerMerge

# These tell what was, so they stay with the customer that it was about.
_HISTORY = (CustomerTransfer, CustomerMerge)


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Customers held until the end of the transaction, whoever may see them; in one order for everybody."""
    query = select(Customer).where(Customer.id.in_(set(ids))).order_by(Customer.id).with_for_update()
    return {row.id: row for row in await tx.session.scalars(query.execution_options(populate_existing=True))}


async def of_parties(tx: Tx, party_ids: Collection[UUID]) -> Sequence[Customer]:
    """The customers of parties that were not joined into others, oldest first; held."""
    query = (
        select(Customer)
        .where(Customer.party_id.in_(set(party_ids)), Customer.merged_into_id.is_(None))
        .order_by(Customer.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def parted(tx: Tx, identity_ids: Collection[UUID]) -> Sequence[CustomerMerge]:
    """The standing merges of customers with one of these identities whose two sides are different parties now, the
    latest first; held."""
    stays, goes = aliased(Customer), aliased(Customer)
    query = (
        select(CustomerMerge)
        .join(stays, stays.id == CustomerMerge.customer_id)
        .join(goes, goes.id == CustomerMerge.other_id)
        .where(
            CustomerMerge.undo_time.is_(None),
            stays.party_id != goes.party_id,
            stays.identity_id.in_(set(identity_ids)) | goes.identity_id.in_(set(identity_ids)),
        )
        .order_by(CustomerMerge.id.desc())
        .with_for_update(of=CustomerMerge)
    )
    return (await tx.session.scalars(query)).all()


async def merged_into(tx: Tx, customer_id: UUID) -> UUID:
    """Where what hangs on the customer is now: itself, or at the end of its merges."""
    while (
        target := await tx.session.scalar(select(Customer.merged_into_id).where(Customer.id == customer_id))
    ) is not None:
        customer_id = target
    return customer_id


def _tables(tx: Tx) -> list[tuple[Table, bool]]:
    """Every table with rows about a customer, and whether they name it as their subject."""
    found: list[tuple[Table, bool]] = []
    for entity in tx.runtime.service.entities:
        table: Any = entity.__table__
        if entity not in _HISTORY and "customer_id" in table.c:
            found.append((table, False))
        elif "subject_id" in table.c and "subject" in table.c:
            found.append((table, True))
    return found


async def move(tx: Tx, source: UUID, target: UUID) -> list[dict[str, Any]]:
    """Hangs everything of one customer on another; answers what it was."""
    moved = []
    for table, by_subject in _tables(tx):
        ids = await _move(tx, table, by_subject, source, target, None)
        if ids:
            moved.append({"resource": table.name, "ids": sorted(ids)})
    return moved


async def move_back(tx: Tx, source: UUID, target: UUID, moved: Sequence[dict[str, Any]]) -> None:
    """Hangs these rows on `target` again, as far as they are still at `source`."""
    ids = {part["resource"]: part["ids"] for part in moved}
    for table, by_subject in _tables(tx):
        if table.name in ids:
            await _move(tx, table, by_subject, source, target, ids[table.name])


async def _move(
    tx: Tx, table: Table, by_subject: bool, source: UUID, target: UUID, only: Sequence[str] | None
) -> list[str]:
    change = update(table).where(_about(table, by_subject, source))
    if only is not None:
        change = change.where(table.c.id.in_([UUID(id) for id in only]))
    new: dict[str, Any] = {"row_version": table.c.row_version + 1, "update_time": tx.now()}
    if by_subject:
        named = func.jsonb_set(table.c.subject, array(["id"]), func.to_jsonb(cast(str(target), Text)))
        new |= {"subject_id": target, "subject": named}
    else:
        new["customer_id"] = target
    return [str(id) for id in await tx.session.scalars(change.values(new).returning(table.c.id))]


def _about(table: Table, by_subject: bool, customer_id: UUID) -> ColumnElement[bool]:
    if not by_subject:
        return table.c.customer_id == customer_id
    service, kind = table.c.subject["service"].astext, table.c.subject["type"].astext
    return and_(table.c.subject_id == customer_id, service == "sales", kind == "customer")


async def counted(tx: Tx, customer_id: UUID) -> list[dict[str, Any]]:
    """What hangs on a customer."""
    found = []
    for table, by_subject in _tables(tx):
        held = select(table.c.id).where(_about(table, by_subject, customer_id)).order_by(table.c.id)
        ids = [str(id) for id in await tx.session.scalars(held)]
        if ids:
            found.append({"resource": table.name, "ids": ids})
    return found


async def in_use(tx: Tx, customer_id: UUID) -> bool:
    """Whether opportunities or documents hang on a customer; contacts and activities do not count."""
    held = {part["resource"] for part in await counted(tx, customer_id)}
    return bool(held - {"contacts", "activities"})


async def doubles(tx: Tx) -> tuple[int, list[str]]:
    """How many customers wait to be joined into an older one, and those that should be marked so and are not, or are
    without need."""
    customers, older = view(Customer), view(Customer).alias("older")
    pair = (
        (older.c.party_id == customers.c.party_id)
        & older.c.unit_id.is_not_distinct_from(customers.c.unit_id)
        & older.c.merged_into_id.is_(None)
        & (older.c.id < customers.c.id)
    )
    double, standing = exists().where(pair), customers.c.merged_into_id.is_(None)
    wrong = select(customers.c.id).where(standing, double != customers.c.duplicate_of_id.is_not(None)).limit(5)
    waiting = select(func.count()).select_from(customers).where(standing, double)
    return int(await tx.session.scalar(waiting) or 0), [str(id) for id in await tx.session.scalars(wrong)]


async def waiting(tx: Tx) -> list[str]:
    """A few customers that wait to be joined into an older one, each with it."""
    customers = view(Customer)
    query = (
        select(customers.c.id, customers.c.duplicate_of_id)
        .where(customers.c.duplicate_of_id.is_not(None), customers.c.merged_into_id.is_(None))
        .order_by(customers.c.id)
        .limit(5)
    )
    return [f"{id} beside {older}" for id, older in (await tx.session.execute(query)).all()]


async def left_behind(tx: Tx) -> tuple[int, list[str]]:
    """How many customers were joined into others, and what still hangs on one of them."""
    customers = view(Customer)
    merged = select(customers.c.id).where(customers.c.merged_into_id.is_not(None))
    broken: list[str] = []
    for table, by_subject in _tables(tx):
        if not by_subject:
            query = select(table.c.id).where(table.c.customer_id.in_(merged)).limit(5)
            broken += [f"{table.name} {id}" for id in await tx.session.scalars(query)]
    total = await tx.session.scalar(select(func.count()).select_from(merged.subquery()))
    return int(total or 0), broken
