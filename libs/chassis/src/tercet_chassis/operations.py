"""Operations: processes as their callers see them."""

from __future__ import annotations

from typing import Any

from tercet.chassis.v1.operation_service_pb2 import Operation
from tercet_chassis.contract import message_class
from tercet_chassis.outbox import timestamp


def operation_message(row: Any) -> Operation:
    """A process row as an operation."""
    operation = Operation(
        id=str(row.id),
        method=row.method,
        state=row.state,
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
        operation.result.Pack(message_class(row.response_type).FromString(bytes(row.response)))
    return operation
