"""What a unit leaves beside its rows, in the same transaction: events, jobs and audit rows, in few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from tercet_chassis.bulk import way_of
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import Emission, row_of
from tercet_chassis.tables import audit, audit_waiting, outbox

if TYPE_CHECKING:
    from tercet_chassis.host import Writing

# A unit that tells more than a group of calls or events does works in bulk, and nobody waits for what it tells.
FEW = 200
_OUTBOX = way_of(outbox, leave=("id", "create_time", "publish_time"))
_AUDIT = way_of(audit, leave=("create_time",))
_WAITING = way_of(audit_waiting)
_WRITE_JOBS = (
    "INSERT INTO jobs (id, tenant_id, name, key, due_time, arguments) "
    "SELECT j.id, $1, j.name, j.key, j.due, j.args "
    "FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[]) AS j(id, name, key, due, args) "
    "ON CONFLICT (tenant_id, name, key) DO UPDATE SET due_time = excluded.due_time, arguments = excluded.arguments, "
    "attempts = 0, retry_time = NULL, lease_time = NULL, state = 'WAITING', error = NULL"
)


def stage_events(tx: Writing, emissions: Sequence[Emission]) -> None:
    """Outbox rows; each event shows its resource as it is after the flush."""
    rows, bulk = [], len(emissions) > FEW
    for emission in emissions:
        message = None if emission.entity is None else tx.render(emission.entity)
        row = row_of(emission, message, tx.context, tx.now(), tx.runtime.settings.service)
        rows.append({name: getattr(row, name) for name in row.__slots__} | {"tenant_id": tx.tenant_id, "bulk": bulk})
    tx.stage_rows(_OUTBOX, rows)


async def write_jobs(tx: Writing, items: Sequence[Mapping[str, Any]]) -> None:
    """Job rows; the same key replaces the job that waits."""
    if items:
        last = {(item["name"], item["key"]): item for item in items}
        names, keys = zip(*last, strict=True)
        arguments = [orjson.dumps(item["arguments"]).decode() for item in last.values()]
        due = [item["due"] for item in last.values()]
        await tx.fetch(_WRITE_JOBS, tx.tenant_id, [new_id() for _ in last], names, keys, due, arguments)


def stage_audit(tx: Writing, rows: Sequence[tuple[str, UUID, str, bytes]]) -> None:
    """Audit rows, and one row that has the sealer come for them."""
    if not rows:
        return
    said = {
        "tenant_id": tx.tenant_id,
        "actor_kind": tx.principal.kind,
        "actor_id": tx.principal.subject,
        "method": tx.context.method,
        "request_id": tx.context.request_id,
    }
    made = [
        {**said, "id": new_id(), "resource_type": kind, "resource_id": resource, "action": action, "changes": changes}
        for kind, resource, action, changes in rows
    ]
    tx.stage_rows(_AUDIT, made)
    tx.stage_rows(_WAITING, [{"id": new_id(), "row_ids": orjson.dumps([str(row["id"]) for row in made])}])
