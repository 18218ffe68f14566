"""Queries of the actions."""

from __future__ import annotations

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.actions.model import Action


async def by_code(tx: Tx, code: str, *, lock: bool = False) -> Action | None:
    """The action of that code; `lock` keeps it from changing until the end of the transaction."""
    query = select(Action).where(Action.code == code)
    if lock:
        query = query.with_for_update(read=True)
    return (await tx.session.scalars(query)).one_or_none()
