"""Queries of the touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_leads.touches.model import Touch


async def leads_by_key(tx: Tx, keys: Sequence[str]) -> Mapping[str, UUID]:
    """The lead of each touch that is there already, by its key."""
    if not keys:
        return {}
    touches = view(Touch)
    rows = await tx.session.execute(select(touches.c.key, touches.c.lead_id).where(touches.c.key.in_(keys)))
    return dict(rows.all())


async def of_lead(tx: Tx, lead_id: UUID) -> Sequence[Touch]:
    """Every touch of a lead, oldest first."""
    return (
        await tx.session.scalars(select(Touch).where(Touch.lead_id == lead_id).order_by(Touch.occur_time, Touch.id))
    ).all()
