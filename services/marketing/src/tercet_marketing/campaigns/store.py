"""Queries of the campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.campaigns.model import Campaign

# Orders count for at most so long after the last day.
_AFTER = timedelta(days=366)


async def by_code(tx: Tx, code: str) -> Campaign | None:
    """The campaign of that code."""
    return (await tx.session.scalars(select(Campaign).where(Campaign.code == code))).one_or_none()


async def under_way(tx: Tx, today: date) -> Sequence[Campaign]:
    """Campaigns with days of which the last is not long over: orders that they bring come later."""
    query = select(Campaign).where(
        Campaign.begin_date.is_not(None), Campaign.begin_date <= today, Campaign.end_date >= today - _AFTER
    )
    return (await tx.session.scalars(query.order_by(Campaign.code))).all()
