"""Queries of the campaigns."""

from __future__ import annotations

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.campaigns.model import Campaign


async def by_code(tx: Tx, code: str) -> Campaign | None:
    """The campaign of that code."""
    return (await tx.session.scalars(select(Campaign).where(Campaign.code == code))).one_or_none()
