"""Queries of notifications."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select, update

from tercet_chassis import Tx
from tercet_service_desk.notifications.model import Notification, RoleHolder

_MOST = 200


async def holders(tx: Tx, codes: set[str], unit_id: UUID | None) -> Sequence[UUID]:
    """Who holds one of these roles for a unit or one above it; for whatever unit when there is none."""
    units = {str(unit) for unit in await tx.known.unit_line(unit_id)} if unit_id is not None else None
    rows = await tx.session.scalars(select(RoleHolder).where(RoleHolder.active.is_(True)).order_by(RoleHolder.id))
    return [holder.id for holder in rows if holder.holds(codes, units)][:_MOST]


async def mark_read(tx: Tx, user_id: UUID, ids: Collection[UUID]) -> int:
    """Marks a user's own notifications that are not read, those of these ids or all; gives how many."""
    query = update(Notification).where(Notification.user_id == user_id, Notification.read_time.is_(None))
    if ids:
        query = query.where(Notification.id.in_(ids))
    values = {"read_time": tx.now(), "update_time": tx.now(), "row_version": Notification.row_version + 1}
    result = await tx.session.execute(query.values(values).returning(Notification.id))
    return len(result.all())
