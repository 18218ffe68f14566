"""Queries of lifecycles and of who is where in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import untracked, view
from tercet_chassis.scopes import reach
from tercet_marketing.lifecycle.model import LIVE, Lifecycle, LifecycleChange, LifecyclePosition
from tercet_marketing.profiles.model import Profile

_LIVE = (
    "SELECT id, code, stages, time_zone, version, built_version, update_time, shown_on_profiles, reads, fault "
    "FROM lifecycles WHERE state = 'LIVE' ORDER BY code"
)
_POSITIONS = "SELECT * FROM lifecycle_positions WHERE party_id = ANY($1) OR identity_id = ANY($2) ORDER BY id"
_MOVE = """
UPDATE lifecycle_positions AS known SET
    party_id = told.party_id, stage_code = told.stage_code, category = told.category, stage_time = told.stage_time,
    change_count = told.change_count, pin_end_time = told.pin_end_time, due_time = told.due_time,
    resting = told.resting, update_time = $1, row_version = known.row_version + 1
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::int[], $8::timestamptz[],
    $9::timestamptz[], $10::boolean[])
    AS told(id, party_id, stage_code, category, stage_time, change_count, pin_end_time, due_time, resting)
WHERE known.id = told.id
"""
_MOVED = (
    "id", "party_id", "stage_code", "category", "stage_time", "change_count", "pin_end_time", "due_time", "resting",
)  # fmt: skip
_DUE = (
    "SELECT party_id FROM lifecycle_positions WHERE due_time <= $1 AND lifecycle_id = ANY($2) "
    "ORDER BY due_time LIMIT $3"
)
_PARTIES = "SELECT DISTINCT party_id FROM profiles WHERE id = ANY($1)"
# Positions while they are worked out: written in one statement, not row by row.
Standing = untracked(LifecyclePosition)


@dataclass(frozen=True, slots=True)
class Live:
    """A live lifecycle as judging needs it."""

    id: UUID
    code: str
    stages: list[Mapping[str, Any]]
    time_zone: str
    version: int
    built_version: int
    update_time: datetime
    shown_on_profiles: bool
    reads: Sequence[str]
    fault: str


async def live(tx: Tx) -> list[Live]:
    """The live lifecycles, by code."""
    return [Live(**row) for row in await tx.fetch(_LIVE)]


async def by_code(tx: Tx, code: str) -> Lifecycle | None:
    """The lifecycle of a code."""
    return (await tx.session.scalars(select(Lifecycle).where(Lifecycle.code == code))).one_or_none()


async def shown(tx: Tx, besides: UUID) -> str | None:
    """The code of another live lifecycle that profiles show."""
    query = select(Lifecycle.code).where(
        Lifecycle.state == LIVE, Lifecycle.shown_on_profiles.is_(True), Lifecycle.id != besides
    )
    return (await tx.session.scalars(query)).first()


async def positions(tx: Tx, parties: Collection[UUID], identities: Collection[UUID]) -> list[LifecyclePosition]:
    """What these parties have, and what their identities brought along."""
    return [Standing(**row) for row in await tx.fetch(_POSITIONS, list(parties), list(identities))]


async def write(
    tx: Tx,
    fresh: Sequence[LifecyclePosition],
    moved: Sequence[LifecyclePosition],
    changes: Sequence[Mapping[str, Any]],
) -> None:
    """Writes positions, new and moved, and the steps that led there."""
    if fresh:
        await tx.bulk_insert(LifecyclePosition, [_values(one) for one in fresh])
    if moved:
        columns = ([getattr(one, name) for one in moved] for name in _MOVED)
        await tx.fetch(_MOVE, tx.now(), *columns)
        for one in moved:
            one.row_version, one.update_time = one.row_version + 1, tx.now()
    if changes:
        await tx.bulk_insert(LifecycleChange, changes)


def _values(position: LifecyclePosition) -> dict[str, Any]:
    return {name: getattr(position, name) for name in (*_MOVED, "identity_id", "lifecycle_id", "lifecycle_code")}


async def due(tx: Tx, lifecycles: Sequence[UUID], limit: int) -> list[UUID]:
    """Parties whose time has come in these lifecycles, longest waiting first."""
    return [row["party_id"] for row in await tx.fetch(_DUE, tx.now(), lifecycles, limit)]


async def parties_of(tx: Tx, profile_ids: Iterable[UUID]) -> list[UUID]:
    """The parties of these profiles."""
    return [row["party_id"] for row in await tx.fetch(_PARTIES, sorted(set(profile_ids)))]


async def within_reach(tx: Tx, party_id: UUID, permission: str) -> set[UUID]:
    """The profiles of a party that the caller reaches with a permission."""
    rows = view(Profile).c
    query = select(rows.id).where(rows.party_id == party_id, reach(Profile, rows, tx.principal, permission))
    return set(await tx.session.scalars(query))
