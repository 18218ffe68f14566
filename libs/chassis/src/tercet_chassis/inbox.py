"""What consumers have done already: an effect's row in the inbox, the newest version that a projection has seen.

Marks are written before the handlers run and commit with what they do. A group of events takes one statement a kind,
however many events and consumers it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet_chassis import telemetry
from tercet_chassis.consumers import Consumer, Event
from tercet_chassis.context import REPLAY
from tercet_chassis.transaction import Tx

Work = tuple[Consumer, Sequence[Event[Any]]]

_INBOX = (
    "INSERT INTO inbox (consumer, event_id) SELECT * FROM unnest($1::text[], $2::uuid[]) "
    "ON CONFLICT DO NOTHING RETURNING consumer, event_id AS id"
)
# An announcement tells the same version again, for projections that were lost or built wrongly.
_MARKS = (
    "INSERT INTO projection_marks AS m (consumer, tenant_id, resource_id, version) "
    "SELECT told.consumer, $4, told.resource, told.version "
    "FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS told(consumer, resource, version) "
    "ON CONFLICT (consumer, tenant_id, resource_id) DO UPDATE SET version = excluded.version "
    "WHERE m.version < excluded.version OR ($5 AND m.version = excluded.version) "
    "RETURNING consumer, resource_id AS id"
)


async def unhandled(tx: Tx, work: Sequence[Work]) -> list[Work]:
    """Marks each consumer's events, all of one tenant and origin, as handled; gives those that were not before.

    Of several versions of a resource a projection gets the newest alone: the others are superseded.
    """
    effects = [(consumer, events) for consumer, events in work if not consumer.newest_wins]
    projections = [(consumer, events) for consumer, events in work if consumer.newest_wins]
    found = await _marked(tx, effects, _INBOX) + await _marked(tx, projections, _MARKS)
    for (consumer, told), (_, new) in zip(projections, found[len(effects) :], strict=True):
        if len(new) < len(told):
            telemetry.SUPERSEDED.labels(consumer.name).inc(len(told) - len(new))
    return found


async def _marked(tx: Tx, work: Sequence[Work], statement: str) -> list[Work]:
    if not work:
        return []
    wanted: dict[tuple[str, UUID], Event[Any]] = {}
    for consumer, events in work:
        for event in events:
            key = (consumer.name, event.meta.resource_id if consumer.newest_wins else event.meta.id)
            before = wanted.get(key)
            if before is None or before.meta.version < event.meta.version:
                wanted[key] = event
    values: list[Any] = [[name for name, _ in wanted], [id for _, id in wanted]]
    if statement is _MARKS:
        metas = [event.meta for event in wanted.values()]
        values += [[meta.version for meta in metas], tx.tenant_id, metas[0].origin == REPLAY]
    new = {(row["consumer"], row["id"]) for row in await tx.fetch(statement, *values)}
    kept: dict[str, list[Event[Any]]] = {consumer.name: [] for consumer, _ in work}
    for key, event in wanted.items():
        if key in new:
            kept[key[0]].append(event)
    return [(consumer, kept[consumer.name]) for consumer, _ in work]
