"""Queries of contracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.contracts.model import Contract

BATCH = 500


async def due(tx: Tx, today: date) -> Sequence[UUID]:
    """Contracts that may have to start, end or be renewed by now.

    One day is left either way, since each counts in its own zone.
    """
    contracts = view(Contract)
    latest = today + timedelta(days=1)
    renewal = contracts.c.end_date - contracts.c.renewal_notice_days
    starts = and_(contracts.c.state == "SIGNED", contracts.c.start_date <= latest)
    ends = and_(contracts.c.state == "ACTIVE", contracts.c.end_date < latest)
    renews = and_(contracts.c.state == "ACTIVE", contracts.c.renewal_opportunity_id.is_(None), renewal <= latest)
    query = select(contracts.c.id).where(or_(starts, ends, renews)).order_by(contracts.c.id).limit(BATCH)
    return list(await tx.session.scalars(query))
