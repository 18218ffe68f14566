"""Queries of viewers, in machine time: who is at a screen has nothing to do with how fast a business day passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet_chassis import Tx, new_id

_ALIVE = "seen_time > clock_timestamp() - interval '30 seconds'"
# Past the session: what lasts seconds is neither audited nor told.
_SEEN = (
    "INSERT INTO ticket_views AS known (tenant_id, id, create_time, update_time, row_version, ticket_id, user_id,"
    " editing, begin_time, seen_time) SELECT $1, $2, t, t, 1, $3, $4, $5, t, t FROM clock_timestamp() AS t"
    " ON CONFLICT (tenant_id, ticket_id, user_id) DO UPDATE SET editing = EXCLUDED.editing,"
    " seen_time = EXCLUDED.seen_time, update_time = EXCLUDED.seen_time,"
    f" begin_time = CASE WHEN known.{_ALIVE} THEN known.begin_time ELSE EXCLUDED.begin_time END"
)
_LIST = (
    "SELECT user_id, editing, begin_time, seen_time FROM fenced.ticket_views"
    f" WHERE ticket_id = $1 AND {_ALIVE} ORDER BY begin_time, user_id LIMIT 100"
)


async def seen(tx: Tx, ticket_id: UUID, user_id: UUID, *, editing: bool) -> None:
    """A user has a ticket open."""
    await tx.fetch(_SEEN, tx.tenant_id, new_id(), ticket_id, user_id, editing)


async def left(tx: Tx, ticket_id: UUID, user_id: UUID) -> None:
    """A user has closed a ticket's page."""
    await tx.fetch("DELETE FROM ticket_views WHERE ticket_id = $1 AND user_id = $2", ticket_id, user_id)


async def viewers(tx: Tx, ticket_id: UUID) -> Sequence[Any]:
    """Who has a ticket open, whoever came first before the others."""
    return await tx.fetch(_LIST, ticket_id)


async def forget(tx: Tx) -> None:
    """Removes who has gone."""
    await tx.fetch(f"DELETE FROM ticket_views WHERE NOT {_ALIVE}")
