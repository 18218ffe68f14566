"""Numbers for documents, per selling unit and year, without a row that all have to wait for.

Whoever needs a number takes it from a block that nobody holds just now; only who finds none opens the next block. So
numbers follow one another while documents come one by one, and leave gaps when many come at once or one is refused.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_sales.numbering.model import NumberCounter

BLOCK = 100
_TABLE: Any = NumberCounter.__table__


async def next_number(tx: Tx, prefix: str, seller_unit_id: UUID, year: int) -> str:
    """A number that nobody else has, such as `Q2026-000017`."""
    number = await _from_open_block(tx, prefix, seller_unit_id, year)
    if number is None:
        number = await _from_new_block(tx, prefix, seller_unit_id, year)
    return f"{prefix}{year}-{number:06d}"


async def _from_open_block(tx: Tx, kind: str, unit_id: UUID, year: int) -> int | None:
    c = _TABLE.c
    # In a WITH the block is chosen once; as a plain subquery the planner may choose again for every row it looks at.
    free = (
        select(c.tenant_id, c.id)
        .where(c.kind == kind, c.seller_unit_id == unit_id, c.year == year, c.slot > 0)
        .order_by(c.slot)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    held = (c.tenant_id == free.c.tenant_id) & (c.id == free.c.id)
    taken = update(_TABLE).where(held).values(last=c.last + 1, update_time=tx.now())
    row = (await tx.session.execute(taken.returning(c.id, c.last))).one_or_none()
    if row is None:
        return None
    if row.last % BLOCK == 0:
        await tx.session.execute(delete(_TABLE).where(c.id == row.id))
    return int(row.last)


async def _from_new_block(tx: Tx, kind: str, unit_id: UUID, year: int) -> int:
    key = {"tenant_id": tx.tenant_id, "kind": kind, "seller_unit_id": unit_id, "year": year}
    stamps = {"create_time": tx.now(), "update_time": tx.now(), "row_version": 1}
    blocks = insert(_TABLE).values(**key, **stamps, id=new_id(), slot=0, last=BLOCK)
    opened = blocks.on_conflict_do_update(
        constraint="number_counters_once", set_={"last": _TABLE.c.last + BLOCK, "update_time": tx.now()}
    )
    end = int(await tx.session.scalar(opened.returning(_TABLE.c.last)) or 0)
    first = end - BLOCK + 1
    await tx.session.execute(insert(_TABLE).values(**key, **stamps, id=new_id(), slot=end // BLOCK, last=first))
    return first
