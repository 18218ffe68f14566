"""Queries of assignment."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_leads.assignment.model import AssignmentRule, Seller
from tercet_leads.pools.store import by_code


async def pool_exists(tx: Tx, code: str) -> bool:
    """Whether there is such a pool."""
    return await by_code(tx, code) is not None


async def active_rules(tx: Tx) -> Sequence[AssignmentRule]:
    """The rules in force, in the order in which they are asked."""
    query = (
        select(AssignmentRule)
        .where(AssignmentRule.active.is_(True))
        .order_by(AssignmentRule.priority, AssignmentRule.code)
    )
    return (await tx.session.scalars(query)).all()


async def active_sellers(tx: Tx) -> Sequence[Seller]:
    """Everybody who works here and can sign in."""
    query = select(Seller).where(Seller.active.is_(True), Seller.owner_id.is_not(None)).order_by(Seller.id)
    return (await tx.session.scalars(query)).all()


async def by_owner(tx: Tx, owner_id: UUID) -> Seller | None:
    """The seller who signs in as this user."""
    return (await tx.session.scalars(select(Seller).where(Seller.owner_id == owner_id).limit(1))).one_or_none()
