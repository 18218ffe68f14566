"""Queries of conversions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_leads.leads.model import Lead


async def converted(tx: Tx, after: UUID, limit: int) -> Sequence[Any]:
    """Converted leads with their customer and opportunity, a page in the order of ids."""
    v = view(Lead)
    query = select(v.c.id, v.c.customer_id, v.c.opportunity_id).where(v.c.state == "CONVERTED", v.c.id > after)
    return (await tx.session.execute(query.order_by(v.c.id).limit(limit))).all()
