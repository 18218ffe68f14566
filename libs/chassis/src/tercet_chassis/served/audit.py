"""The audit trail of a service."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from tercet.chassis.v1.audit_service_pb2 import AuditEntry, ListAuditEntriesRequest, ListAuditEntriesResponse
from tercet.type.v1.reference_pb2 import Actor
from tercet_chassis.handlers import Handlers
from tercet_chassis.outbox import timestamp
from tercet_chassis.served.paging import newest_first
from tercet_chassis.tables import audit
from tercet_chassis.transaction import Tx


class AuditService(Handlers):
    """Serves tercet.chassis.v1.AuditService. With a reach that is less than everything, people see what they did."""

    async def ListAuditEntries(self, request: ListAuditEntriesRequest, tx: Tx) -> ListAuditEntriesResponse:
        query = select(audit).where(audit.c.tenant_id == tx.tenant_id)
        if "all" not in tx.principal.scopes(tx.context.permission):
            query = query.where(audit.c.actor_id == tx.principal.subject)
        if request.resource_id:
            query = query.where(audit.c.resource_id == UUID(request.resource_id))
        rows, token = await newest_first(tx, query, audit.c.id, request.page_size, request.page_token)
        answer = ListAuditEntriesResponse(next_page_token=token)
        for row in rows:
            kind = row.actor_kind.upper() or "KIND_UNSPECIFIED"
            entry = AuditEntry(
                id=str(row.id),
                actor=Actor(kind=kind, id=row.actor_id),
                method=row.method,
                resource_type=row.resource_type,
                resource_id=str(row.resource_id),
                action=row.action,
                create_time=timestamp(row.create_time),
            )
            entry.changes.update(row.changes)
            answer.audit_entries.append(entry)
        return answer
