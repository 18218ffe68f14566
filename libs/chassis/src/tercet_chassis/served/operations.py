"""Operations of a service: read, list, cancel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from tercet.chassis.v1.operation_service_pb2 import (
    CancelOperationRequest,
    GetOperationRequest,
    ListOperationsRequest,
    ListOperationsResponse,
    Operation,
)
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.handlers import Handlers
from tercet_chassis.operations import operation_message
from tercet_chassis.served.paging import newest_first
from tercet_chassis.tables import processes
from tercet_chassis.transaction import Tx


class OperationService(Handlers):
    """Serves tercet.chassis.v1.OperationService. People see their own operations; services and whoever holds the
    wildcard see all.
    """

    async def GetOperation(self, request: GetOperationRequest, tx: Tx) -> Operation:
        return operation_message(await _row(tx, request.id))

    async def ListOperations(self, request: ListOperationsRequest, tx: Tx) -> ListOperationsResponse:
        query = select(processes).where(processes.c.operation, *_mine(tx))
        rows, token = await newest_first(tx, query, processes.c.id, request.page_size, request.page_token)
        return ListOperationsResponse(operations=[operation_message(row) for row in rows], next_page_token=token)

    async def CancelOperation(self, request: CancelOperationRequest, tx: Tx) -> Operation:
        row = await _row(tx, request.id)
        await tx.session.execute(
            update(processes)
            .where(processes.c.id == row.id, processes.c.state == "RUNNING")
            .values(cancel_requested=True)
        )
        return operation_message(await _row(tx, request.id))


def _mine(tx: Tx) -> list[Any]:
    conditions: list[Any] = [processes.c.tenant_id == tx.tenant_id]
    if "all" not in tx.principal.scopes("chassis.operation.read"):
        conditions.append(processes.c.subject == tx.principal.subject)
    return conditions


async def _row(tx: Tx, id: str) -> Any:
    query = select(processes).where(processes.c.id == UUID(id), processes.c.operation, *_mine(tx))
    row = (await tx.session.execute(query)).first()
    if row is None:
        raise ResourceNotFound(type="Operation", id=id)
    return row
