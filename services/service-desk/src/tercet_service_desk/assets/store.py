"""Queries over assets, who has them and when they did not work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text

from tercet_chassis import Tx
from tercet_chassis.entity import Entity, view
from tercet_service_desk.assets.model import Asset, AssetDowntime, AssetHolding
from tercet_service_desk.assets.rules import EXCLUSIVE, MOST_DEEP, Cover

_LINE = (
    "WITH RECURSIVE line AS (SELECT id, parent_id, 0 AS depth FROM fenced.assets WHERE id = $1"
    " UNION ALL SELECT a.id, a.parent_id, l.depth + 1 FROM fenced.assets a JOIN line l ON a.id = l.parent_id"
    f" WHERE l.depth < {2 * MOST_DEEP}) SELECT a.id, a.warranty_start_date, a.warranty_end_date, a.warranty_terms"
    " FROM line JOIN fenced.assets a USING (id) ORDER BY line.depth"
)
_HEIGHT = (
    "WITH RECURSIVE parts AS (SELECT id, 0 AS depth FROM fenced.assets WHERE id = $1"
    " UNION ALL SELECT a.id, p.depth + 1 FROM fenced.assets a JOIN parts p ON a.parent_id = p.id"
    f" WHERE p.depth < {2 * MOST_DEEP}) SELECT max(depth) AS height FROM parts"
)
# Whoever uses it counts before whoever runs it for them, and both before whose it is.
_HOLDERS = (
    "SELECT DISTINCT ON (w.asset_id, w.at) w.asset_id, w.at, h.identity_id, h.party_id FROM fenced.asset_holdings h"
    " JOIN unnest($1::uuid[], $2::timestamptz[]) AS w(asset_id, at) ON h.asset_id = w.asset_id"
    " WHERE h.start_time <= w.at AND (h.end_time IS NULL OR h.end_time > w.at)"
    " ORDER BY w.asset_id, w.at, array_position(ARRAY['USER', 'OPERATOR', 'OWNER'], h.role), h.start_time DESC, h.id"
)
_OVERLAPS = text(
    "SELECT DISTINCT a.asset_id FROM fenced.asset_holdings a JOIN fenced.asset_holdings b"
    " ON a.asset_id = b.asset_id AND a.role = b.role AND a.id < b.id WHERE a.role = ANY(:roles)"
    " AND (a.end_time IS NULL OR b.start_time < a.end_time) AND (b.end_time IS NULL OR a.start_time < b.end_time)"
    " LIMIT 20"
)


async def line(tx: Tx, asset_id: UUID) -> list[Cover]:
    """The warranties of an asset and of what it is part of, nearest first."""
    rows = await tx.fetch(_LINE, asset_id)
    return [Cover(r["id"], r["warranty_start_date"], r["warranty_end_date"], r["warranty_terms"]) for r in rows]


async def height(tx: Tx, asset_id: UUID) -> int:
    """How deep its parts go below it."""
    (row,) = await tx.fetch(_HEIGHT, asset_id)
    return int(row["height"] or 0)


async def count_parts(tx: Tx, asset_id: UUID) -> int:
    """How many assets are directly part of it."""
    v = view(Asset)
    return int(await tx.session.scalar(select(func.count()).select_from(v).where(v.c.parent_id == asset_id)) or 0)


async def has_history(tx: Tx, asset_id: UUID) -> bool:
    """Whether somebody had it, it was down, a ticket is about it or a device measured on it."""
    # Tickets and devices stand above assets; of theirs only these columns are named here.
    (row,) = await tx.fetch(
        "SELECT EXISTS (SELECT FROM fenced.asset_holdings WHERE asset_id = $1)"
        " OR EXISTS (SELECT FROM fenced.asset_downtimes WHERE asset_id = $1)"
        " OR EXISTS (SELECT FROM fenced.tickets WHERE asset_id = $1)"
        " OR EXISTS (SELECT FROM fenced.device_mountings WHERE asset_id = $1) AS had",
        asset_id,
    )
    return bool(row["had"])


async def holdings(tx: Tx, asset_id: UUID, role: str) -> Sequence[AssetHolding]:
    """Who has and had an asset in one role."""
    query = select(AssetHolding).where(AssetHolding.asset_id == asset_id, AssetHolding.role == role)
    return (await tx.session.scalars(query.order_by(AssetHolding.start_time))).all()


async def downtimes(tx: Tx, asset_id: UUID) -> Sequence[AssetDowntime]:
    """When an asset did not work."""
    query = select(AssetDowntime).where(AssetDowntime.asset_id == asset_id)
    return (await tx.session.scalars(query.order_by(AssetDowntime.start_time))).all()


async def users_at(
    tx: Tx, moments: Collection[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], tuple[UUID, UUID]]:
    """Who used each asset at each moment: identity and party."""
    rows = await tx.fetch(_HOLDERS, [asset_id for asset_id, _ in moments], [at for _, at in moments])
    return {(row["asset_id"], row["at"]): (row["identity_id"], row["party_id"]) for row in rows}


def held_by(party_id: UUID, at: datetime) -> ColumnElement[bool]:
    """Assets that a party had at a moment, as a condition on their view."""
    held = view(AssetHolding).c
    return view(Asset).c.id.in_(select(held.asset_id).where(held.party_id == party_id, *_at(held, at)))


def of_asset(entity: type[Entity], asset_id: UUID, at: datetime | None = None) -> list[ColumnElement[bool]]:
    """What is kept about an asset, as conditions on its view; with a moment, what held then."""
    v = view(entity).c
    return [v.asset_id == asset_id, *(_at(v, at) if at is not None else ())]


def _at(v: Any, at: datetime) -> list[ColumnElement[bool]]:
    return [v.start_time <= at, or_(v.end_time.is_(None), v.end_time > at)]


async def reports_since(tx: Tx, asset_id: UUID, since: datetime) -> int:
    """How many tickets came by an asset's code since a moment."""
    (row,) = await tx.fetch(
        "SELECT count(*) AS reports FROM fenced.tickets WHERE asset_id = $1 AND arrival = 'QR' AND create_time >= $2",
        asset_id,
        since,
    )
    return int(row["reports"])


async def by_ids(tx: Tx, ids: Collection[UUID]) -> Sequence[Asset]:
    """Assets by their ids."""
    return (await tx.session.scalars(select(Asset).where(Asset.id.in_(ids)))).all()


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many holdings there are, and assets that two have at once in a role that is somebody's alone."""
    total = await tx.session.scalar(select(func.count()).select_from(view(AssetHolding)))
    rows = (await tx.session.scalars(_OVERLAPS, {"roles": sorted(EXCLUSIVE)})).all()
    return int(total or 0), [f"asset {id}" for id in rows]
