"""Numbers for documents, per selling unit and year; a number whose transaction is refused is given to the next."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_sales.numbering.model import NumberCounter


async def next_number(tx: Tx, prefix: str, seller_unit_id: UUID, year: int) -> str:
    """The next number such as `Q2026-000017`.

    The unit's counter is held until the end of the transaction, so ask late.
    """
    table = NumberCounter.__table__
    fresh = {
        "tenant_id": tx.tenant_id,
        "id": new_id(),
        "create_time": tx.now(),
        "update_time": tx.now(),
        "row_version": 1,
        "kind": prefix,
        "seller_unit_id": seller_unit_id,
        "year": year,
        "last": 1,
    }
    statement = (
        insert(NumberCounter)
        .values(fresh)
        .on_conflict_do_update(
            constraint="number_counters_once", set_={"last": table.c.last + 1, "update_time": tx.now()}
        )
        .returning(table.c.last)
    )
    last = await tx.session.scalar(statement)
    return f"{prefix}{year}-{last:06d}"
