"""Queries of placements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.ids import new_id
from tercet_leads.placements.model import Placement, PlacementResult, PlacementScan
from tercet_leads.sources.store import by_code

LEAD, WON = "LEAD", "WON"


class Counts(NamedTuple):
    """What a placement brought."""

    scans: int = 0
    leads: int = 0
    won: int = 0


async def source_exists(tx: Tx, code: str) -> bool:
    """Whether there is such a source."""
    return await by_code(tx, code) is not None


async def by_short_code(tx: Tx, short_code: str) -> Placement | None:
    """The placement of a short code."""
    return (await tx.session.scalars(select(Placement).where(Placement.short_code == short_code))).one_or_none()


async def by_ids(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, Placement]:
    """The placements that exist of these."""
    if not ids:
        return {}
    found = await tx.session.scalars(select(Placement).where(Placement.id.in_(set(ids))))
    return {placement.id: placement for placement in found}


async def counts(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, Counts]:
    """Scans, leads and won leads of each placement."""
    scans, results = view(PlacementScan), view(PlacementResult)
    scanned = (
        select(scans.c.placement_id, func.count()).where(scans.c.placement_id.in_(ids)).group_by(scans.c.placement_id)
    )
    brought = (
        select(results.c.placement_id, results.c.kind, func.count())
        .where(results.c.placement_id.in_(ids))
        .group_by(results.c.placement_id, results.c.kind)
    )
    by_placement = {
        placement_id: Counts(scans=number) for placement_id, number in (await tx.session.execute(scanned)).all()
    }
    for placement_id, kind, number in (await tx.session.execute(brought)).all():
        known = by_placement.get(placement_id, Counts())
        by_placement[placement_id] = known._replace(leads=number) if kind == LEAD else known._replace(won=number)
    return by_placement


async def is_used(tx: Tx, placement_id: UUID) -> bool:
    """Whether it was scanned or brought a lead."""
    scan = await tx.session.scalar(select(PlacementScan.id).where(PlacementScan.placement_id == placement_id).limit(1))
    result = await tx.session.scalar(
        select(PlacementResult.id).where(PlacementResult.placement_id == placement_id).limit(1)
    )
    return scan is not None or result is not None


async def credit(tx: Tx, kind: str, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Counts leads (or won leads) for placements: pairs of placement and lead, each once however often it is told."""
    if not pairs:
        return
    stamp = {
        "tenant_id": tx.tenant_id,
        "create_time": tx.now(),
        "update_time": tx.now(),
        "row_version": 1,
        "kind": kind,
    }
    rows = [{**stamp, "id": new_id(), "placement_id": placement, "lead_id": lead} for placement, lead in pairs]
    table: Any = PlacementResult.__table__
    await tx.session.execute(insert(table).values(rows).on_conflict_do_nothing())
