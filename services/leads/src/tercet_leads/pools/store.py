"""Queries of pools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_leads.pools.model import Pool, PoolMove


async def by_code(tx: Tx, code: str) -> Pool | None:
    """The pool of that code."""
    return (await tx.session.scalars(select(Pool).where(Pool.code == code))).one_or_none()


async def all_pools(tx: Tx) -> Sequence[Pool]:
    """Every pool, in the order in which they were added."""
    return (await tx.session.scalars(select(Pool).order_by(Pool.id))).all()


async def is_used(tx: Tx, code: str) -> bool:
    """Whether a lead ever went through the pool."""
    return (await tx.session.scalar(select(PoolMove.id).where(PoolMove.pool_code == code).limit(1))) is not None


async def last_given_up(tx: Tx, lead_id: UUID, owner_id: UUID) -> datetime | None:
    """When the seller last released or lost this lead."""
    lost = PoolMove.kind.in_(("RELEASED", "RECYCLED"))
    return await tx.session.scalar(
        select(func.max(PoolMove.move_time)).where(PoolMove.lead_id == lead_id, PoolMove.owner_id == owner_id, lost)
    )


async def lock_seller(tx: Tx, owner_id: UUID, pool_code: str) -> None:
    """Makes claims of one seller in one pool wait for each other until the end of the transaction, so that the
    quota holds.
    """
    await tx.hold("pool", [f"{owner_id}:{pool_code}"])


# A claim needs a lead that nobody has: one that follows another owner's move gave it to two.
_TWO_OWNERS = text(
    "SELECT DISTINCT lead_id FROM (SELECT lead_id, kind, lag(kind) OVER w AS kind_before, "
    "lag(owner_id) OVER w AS owner_before FROM fenced.pool_moves WHERE kind <> 'WARNED' "
    "WINDOW w AS (PARTITION BY lead_id ORDER BY id)) AS moves "
    "WHERE kind = 'CLAIMED' AND kind_before IN ('CLAIMED', 'ASSIGNED') AND owner_before IS NOT NULL LIMIT 20"
)


async def with_two_owners(tx: Tx) -> tuple[int, list[str]]:
    """How many moves there are, and the leads that were claimed while somebody had them."""
    total = await tx.session.scalar(select(func.count()).select_from(view(PoolMove)))
    return int(total or 0), [f"lead {lead}" for lead in (await tx.session.scalars(_TWO_OWNERS)).all()]
