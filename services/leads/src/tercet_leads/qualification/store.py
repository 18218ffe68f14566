"""Queries of the qualification rules."""

from __future__ import annotations

from sqlalchemy import func, select

from tercet_chassis import Tx
from tercet_leads.qualification.model import QualificationRule


async def newest(tx: Tx) -> QualificationRule | None:
    """The rule in force: the one added last."""
    query = (
        select(QualificationRule).order_by(QualificationRule.create_time.desc(), QualificationRule.id.desc()).limit(1)
    )
    return (await tx.session.scalars(query)).one_or_none()


async def next_version(tx: Tx, code: str) -> int:
    """The number of the next version of a rule, from 1."""
    latest = await tx.session.scalar(select(func.max(QualificationRule.version)).where(QualificationRule.code == code))
    return int(latest or 0) + 1
