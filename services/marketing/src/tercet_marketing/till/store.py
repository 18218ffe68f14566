"""Queries of the till."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_marketing.till.model import BenefitReservation, EndedBenefitKey, Promotion


async def by_key(tx: Tx, key: str) -> BenefitReservation | None:
    """The reservation of a key, held until the end of the transaction."""
    query = select(BenefitReservation).where(BenefitReservation.key == key).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def by_id(tx: Tx, id: UUID) -> BenefitReservation | None:
    """A reservation, held until the end of the transaction."""
    query = select(BenefitReservation).where(BenefitReservation.id == id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def was_ended(tx: Tx, key: str) -> bool:
    """Whether the key was released before anything was kept under it."""
    return bool(await tx.session.scalar(select(exists().where(EndedBenefitKey.key == key))))


async def running(tx: Tx, now: datetime) -> list[Promotion]:
    """The promotions that every order gets now, by code."""
    query = (
        select(Promotion)
        .where(
            Promotion.active.is_(True),
            (Promotion.start_time.is_(None)) | (Promotion.start_time <= now),
            (Promotion.end_time.is_(None)) | (Promotion.end_time > now),
        )
        .order_by(Promotion.code)
    )
    return list(await tx.session.scalars(query))


async def final_of_orders(tx: Tx, after: UUID, limit: int) -> list[Any]:
    """Reservations of sales' orders that are final, with their shares; a page in the order of ids."""
    kept = view(BenefitReservation)
    query = select(kept.c.id, kept.c.key, kept.c.adjustments).where(
        kept.c.key.like("order:%"), kept.c.state == "CONFIRMED", kept.c.id > after
    )
    return list((await tx.session.execute(query.order_by(kept.c.id).limit(limit))).all())


async def torn(tx: Tx, limit: int) -> tuple[int, list[str]]:
    """How many grants are kept for orders, and those whose reservation does not keep them."""
    (row,) = await tx.fetch("SELECT count(*) AS n FROM fenced.grants WHERE reservation_id IS NOT NULL")
    rows = await tx.fetch(
        "SELECT g.id FROM fenced.grants g LEFT JOIN fenced.benefit_reservations r ON r.id = g.reservation_id "
        "WHERE g.reservation_id IS NOT NULL AND g.state IS DISTINCT FROM "
        "(CASE r.state WHEN 'RESERVED' THEN 'RESERVED' WHEN 'CONFIRMED' THEN 'REDEEMED' END) LIMIT $1",
        limit,
    )
    return int(row["n"]), [str(row["id"]) for row in rows]


async def unequal(tx: Tx, limit: int) -> tuple[int, list[str]]:
    """How many reservations there are, and those whose lines' shares do not add up to what is taken off."""
    (row,) = await tx.fetch("SELECT count(*) AS n FROM fenced.benefit_reservations")
    rows = await tx.fetch(
        "SELECT id FROM fenced.benefit_reservations AS r WHERE total_amount IS DISTINCT FROM "
        "(SELECT coalesce(sum((a->'amount'->>'amount')::numeric), 0) FROM jsonb_array_elements(r.adjustments) AS a) "
        "LIMIT $1",
        limit,
    )
    return int(row["n"]), [str(row["id"]) for row in rows]
