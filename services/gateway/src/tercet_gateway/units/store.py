"""Queries of the unit tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_gateway.units.model import Unit
from tercet_gateway.units.rules import path_of


async def lock_tree(tx: Tx) -> None:
    """Lets one transaction at a time change the tree's shape: two moves at once could otherwise close a circle."""
    await tx.session.execute(select(Unit.id).where(Unit.parent_id.is_(None)).with_for_update())


async def find(tx: Tx, id: UUID | str) -> Unit | None:
    """The unit, whatever the caller's reach."""
    try:
        key = id if isinstance(id, UUID) else UUID(id)
    except ValueError:
        return None
    return (await tx.session.scalars(select(Unit).where(Unit.id == key))).one_or_none()


async def root(tx: Tx) -> Unit | None:
    """The top of the tree."""
    return (await tx.session.scalars(select(Unit).where(Unit.parent_id.is_(None)))).one_or_none()


async def existing(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The paths of those of the units that exist."""
    rows = await tx.session.execute(select(Unit.id, Unit.path).where(Unit.id.in_(ids)))
    return {row.id: row.path for row in rows}


async def below(tx: Tx, unit: Unit) -> Sequence[Unit]:
    """Everything below the unit."""
    query = select(Unit).where(Unit.path.startswith(unit.path, autoescape=True), Unit.id != unit.id).order_by(Unit.path)
    return (await tx.session.scalars(query)).all()


async def members(tx: Tx, unit: Unit) -> str | None:
    """What still belongs to the unit, in words; None when nothing does. Every table with a `unit_id` counts."""
    if await tx.session.scalar(select(Unit.id).where(Unit.parent_id == unit.id).limit(1)):
        return "units"
    for table in Unit.metadata.sorted_tables:
        if "unit_id" in table.c and table.name != Unit.__tablename__:
            columns: Any = table.c
            if (await tx.session.execute(select(columns.id).where(columns.unit_id == unit.id).limit(1))).first():
                return table.name.replace("_", " ")
    return None


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many units there are, and the ids of those whose path is not their parent's path and their own id."""
    units = (await tx.session.scalars(select(Unit))).all()
    paths = {unit.id: unit.path for unit in units}
    wrong = [
        str(unit.id)
        for unit in units
        if unit.path != path_of(unit.id, "" if unit.parent_id is None else paths.get(unit.parent_id, "nowhere"))
    ]
    roots = [str(unit.id) for unit in units if unit.parent_id is None]
    return len(units), wrong + roots[1:]
