"""Queries of the touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select, update

from tercet_chassis import Tx
from tercet_leads.touches.model import Touch

# The keys are one array: as so many parameters they would make another statement for every size of a batch.
_BY_KEY = "SELECT key, lead_id FROM fenced.touches WHERE key = ANY($1::text[])"


async def leads_by_key(tx: Tx, keys: Sequence[str]) -> Mapping[str, UUID]:
    """The lead of each touch that is there already, by its key."""
    if not keys:
        return {}
    return dict(await tx.fetch(_BY_KEY, keys))


async def follow(
    tx: Tx, lead_id: UUID, *, owner_id: UUID | None, unit_id: UUID | None, partner_party_id: UUID | None
) -> None:
    """A lead's touches are whose the lead is: who had it before sees them no longer."""
    holder = {"owner_id": owner_id, "unit_id": unit_id, "partner_party_id": partner_party_id}
    moved = update(Touch).where(Touch.lead_id == lead_id).values(holder)
    await tx.session.execute(moved.execution_options(synchronize_session=False))


async def of_lead(tx: Tx, lead_id: UUID) -> Sequence[Touch]:
    """Every touch of a lead, oldest first."""
    return (
        await tx.session.scalars(select(Touch).where(Touch.lead_id == lead_id).order_by(Touch.occur_time, Touch.id))
    ).all()
