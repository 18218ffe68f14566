"""Operations: processes as their callers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from tercet.chassis.v1.operation_service_pb2 import Operation
from tercet_chassis.contract import message_class
from tercet_chassis.outbox import timestamp
from tercet_chassis.tables import processes

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime


def operation_message(row: Any) -> Operation:
    """A process row as an operation."""
    operation = Operation(
        id=str(row.id),
        method=row.method,
        state=Operation.State.Value(row.state),
        done_count=row.done_count,
        total_count=row.total_count,
        message=row.message,
        cancel_requested=row.cancel_requested,
        create_time=timestamp(row.create_time),
    )
    if row.end_time is not None:
        operation.end_time.CopyFrom(timestamp(row.end_time))
    if row.error is not None:
        operation.error_reason, operation.error_message = row.error["reason"], row.error["message"]
    if row.response is not None:
        operation.result.Pack(message_class(_answer_of(row.method)).FromString(bytes(row.response)))
    return operation


def _answer_of(method: str) -> str:
    # An operation's handler answers its own result message, named after the RPC: ImportLeads -> ImportLeadsResult.
    service, name = method.rsplit(".", 1)
    return f"{service.rsplit('.', 1)[0]}.{name}Result"


async def operation_of(runtime: Runtime, id: UUID) -> Operation:
    """The operation that a process is."""
    async with runtime.database.connection() as connection:
        row = (await connection.execute(select(processes).where(processes.c.id == id))).one()
    return operation_message(row)
