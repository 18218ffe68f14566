"""What a unit leaves beside its rows, in the same transaction: events, jobs and audit rows, in few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.bulk import copy_into
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import Emission, OutboxRow, row_of
from tercet_chassis.tables import jobs

if TYPE_CHECKING:
    from tercet_chassis.transaction import Tx

# From so many on COPY pays, which the outbox, having no fence, takes directly.
_MANY = 50
_OUTBOX = ("tenant_id", "event_id", "subject", "resource_id", "version", "headers", "payload")
_WRITE_OUTBOX = text(
    "INSERT INTO outbox (tenant_id, event_id, subject, resource_id, version, headers, payload) "
    "SELECT :tenant, * FROM unnest(CAST(:ids AS uuid[]), CAST(:subjects AS text[]), CAST(:resources AS uuid[]), "
    "CAST(:versions AS bigint[]), CAST(:headers AS jsonb[]), CAST(:payloads AS bytea[]))"
)
_WRITE_AUDIT = text(
    "INSERT INTO audit "
    "(id, tenant_id, actor_kind, actor_id, method, request_id, resource_type, resource_id, action, changes) "
    "SELECT a.id, :tenant, :actor_kind, :actor_id, :method, :request_id, a.type, a.resource, a.action, a.changes "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:resources AS uuid[]), CAST(:actions AS text[]), "
    "CAST(:changes AS jsonb[])) AS a(id, type, resource, action, changes)"
)


async def write_events(tx: Tx, emissions: Sequence[Emission]) -> None:
    """Outbox rows; each event shows its resource as it is after the flush."""
    rows: list[OutboxRow] = []
    rendered: dict[int, Message] = {}
    for emission in emissions:
        message = None
        if emission.entity is not None:
            message = rendered.get(id(emission.entity))
            if message is None:
                message = rendered[id(emission.entity)] = tx.render(emission.entity)
        rows.append(row_of(emission, message, tx.context, tx.now(), tx.runtime.settings.service))
    if len(rows) > _MANY:
        records = [
            (tx.tenant_id, r.event_id, r.subject, r.resource_id, r.version, orjson.dumps(r.headers).decode(), r.payload)
            for r in rows
        ]
        await copy_into(tx.session, "outbox", _OUTBOX, records)
    elif rows:
        values = {
            "tenant": tx.tenant_id,
            "ids": [row.event_id for row in rows],
            "subjects": [row.subject for row in rows],
            "resources": [row.resource_id for row in rows],
            "versions": [row.version for row in rows],
            "headers": [orjson.dumps(row.headers).decode() for row in rows],
            "payloads": [row.payload for row in rows],
        }
        await tx.session.execute(_WRITE_OUTBOX, values)


async def write_jobs(tx: Tx, items: Sequence[Mapping[str, Any]]) -> None:
    """Job rows; the same key replaces the job that waits."""
    for item in items:
        due = {"due_time": item["due"], "arguments": item["arguments"]}
        key = {"id": new_id(), "tenant_id": tx.tenant_id, "name": item["name"], "key": item["key"]}
        fresh = {"attempts": 0, "retry_time": None, "lease_time": None, "state": "WAITING", "error": None}
        row = insert(jobs).values(**key, **due)
        keys = ["tenant_id", "name", "key"]
        await tx.session.execute(row.on_conflict_do_update(index_elements=keys, set_={**due, **fresh}))


async def write_audit(tx: Tx, rows: Sequence[tuple[str, UUID, str, bytes]]) -> None:
    """Audit rows, not yet sealed."""
    if rows:
        values = {
            "tenant": tx.tenant_id,
            "actor_kind": tx.principal.kind,
            "actor_id": tx.principal.subject,
            "method": tx.context.method,
            "request_id": tx.context.request_id,
            "ids": [new_id() for _ in rows],
            "types": [row[0] for row in rows],
            "resources": [row[1] for row in rows],
            "actions": [row[2] for row in rows],
            "changes": [row[3].decode() for row in rows],
        }
        await tx.session.execute(_WRITE_AUDIT, values)
