"""Queries of imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from tercet.chassis.v1.file_service_pb2 import File
from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_leads.imports.model import Import, ImportRowError
from tercet_leads.leads.model import Lead
from tercet_leads.pools.model import PoolMove
from tercet_leads.touches.model import Touch

_MOST_ERRORS = 100_000


async def file_of(tx: Tx, file_id: UUID) -> File:
    """What is known of the uploaded file. Refuses with NOT_FOUND."""
    return await tx.known.file(file_id)


async def check_file(tx: Tx, file_id: UUID) -> None:
    """Refuses, as not found, a file that somebody else brought."""
    await tx.known.callers_file(file_id)


def errors_seen(tx: Tx) -> list[ColumnElement[bool]]:
    """The condition that refused rows are of imports in the caller's reach."""
    imports = view(Import)
    inside = select(imports.c.id).where(reach(Import, imports.c, tx.principal, tx.context.permission))
    return [view(ImportRowError).c.import_id.in_(inside)]


async def piece(tx: Tx, file_id: UUID, sequence: int) -> bytes | None:
    """One piece of the file, from 0; None after the last."""
    return await tx.known.file_piece(file_id, sequence)


async def head(tx: Tx, file_id: UUID, size: int) -> bytes:
    """The first bytes of the file."""
    found = bytearray()
    async for piece in tx.known.file_pieces(file_id):
        found += piece
        if len(found) >= size:
            break
    return bytes(found[:size])


async def errors(tx: Tx, import_id: UUID) -> Sequence[ImportRowError]:
    """The refused rows in their order, at most a hundred thousand."""
    query = (
        select(ImportRowError)
        .where(ImportRowError.import_id == import_id)
        .order_by(ImportRowError.row_number)
        .limit(_MOST_ERRORS)
    )
    return (await tx.session.scalars(query)).all()


async def touches_of(tx: Tx, prefix: str, limit: int) -> Sequence[Touch]:
    """Touches of an import, the last ones first, so that what came last is taken back first."""
    query = select(Touch).where(Touch.key.startswith(prefix, autoescape=True)).order_by(Touch.id.desc()).limit(limit)
    return (await tx.session.scalars(query)).all()


async def lock_leads(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Lead]:
    """The leads of these ids that are there, held until the end of the transaction."""
    query = select(Lead).where(Lead.id.in_(set(ids))).order_by(Lead.id).with_for_update()
    return {lead.id: lead for lead in await tx.session.scalars(query)}


async def forget_touches(tx: Tx, ids: Sequence[UUID]) -> None:
    """Deletes touches."""
    await _delete(tx, Touch, Touch.id.in_(ids))


async def forget_moves(tx: Tx, lead_ids: Sequence[UUID]) -> None:
    """Deletes the history of leads that are no more."""
    await _delete(tx, PoolMove, PoolMove.lead_id.in_(lead_ids))


async def _delete(tx: Tx, entity: Any, where: Any) -> None:
    await tx.session.execute(delete(entity).where(where).execution_options(synchronize_session=False))
