"""Refusals <-> `google.rpc.Status` with reason, metadata, field violations and retry delay; the same facts in gRPC
and REST.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from tercet_chassis.errors import Refusal, RemoteRefusal, Violation

DOMAIN = "tercet"
FAULT = "INTERNAL"
_TRAILER = "grpc-status-details-bin"
# Receivers take 8 KiB of trailers, in which a Chinese character of the message stands for nine bytes, and the details
# are base64 with the message once more.
_ROOM, _LONGEST_TEXT, _LONGEST_VALUE = 2_500, 1_000, 400
_CODES = {status.value[0]: status for status in grpc.StatusCode}


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _short(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8."""
    if len(text) * 3 <= most or len(raw := text.encode("utf-8", "replace")) <= most:
        return text
    return f"{raw[: most - 3].decode('utf-8', 'ignore')}…"


def _info(refusal: Refusal) -> error_details_pb2.ErrorInfo:
    metadata = {name: _short(value, _LONGEST_VALUE) for name, value in refusal.metadata.items()}
    return error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=metadata)


def _violations(refusal: Refusal, room: int) -> error_details_pb2.BadRequest:
    """As many as there is room for, the first one in any case."""
    bad = error_details_pb2.BadRequest()
    for violation in refusal.violations:
        field, message = _short(violation.field, _LONGEST_VALUE), _short(violation.message, _LONGEST_VALUE)
        added = bad.field_violations.add(field=field, reason=violation.reason, description=message)
        room -= added.ByteSize() + 4
        if room < 0 and len(bad.field_violations) > 1:
            del bad.field_violations[-1]
            break
    return bad


def status_of(refusal: Refusal) -> status_pb2.Status:
    """A refusal as a rich status, cut to what gRPC's trailers hold: a longer one would not arrive at all."""
    details = [_packed(_info(refusal))]
    if refusal.violations:
        details.append(_packed(_violations(refusal, _ROOM - details[0].ByteSize())))
    if refusal.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(refusal.retry_after * 1000))
        details.append(_packed(retry))
    return status_pb2.Status(code=refusal.status_code, message=_short(refusal.message, _LONGEST_TEXT), details=details)


def fault_status(trace_id: str) -> status_pb2.Status:
    """What a caller learns of a fault of ours: that it happened and by which trace we find it."""
    info = error_details_pb2.ErrorInfo(reason=FAULT, domain=DOMAIN, metadata={"trace_id": trace_id} if trace_id else {})
    return status_pb2.Status(
        code=code_pb2.INTERNAL, message="Something went wrong on our side.", details=[_packed(info)]
    )


async def abort(context: Any, status: status_pb2.Status) -> None:
    """Ends the call with the status and its details."""
    await context.abort(_CODES[status.code], status.message, ((_TRAILER, status.SerializeToString()),))


def failed_call(status: status_pb2.Status) -> grpc.aio.AioRpcError:
    """A status that came in a reply as the error that a lone call ends with."""
    trailers = grpc.aio.Metadata((_TRAILER, status.SerializeToString())) if status.details else grpc.aio.Metadata()
    return grpc.aio.AioRpcError(_CODES[status.code], grpc.aio.Metadata(), trailers, status.message)


_FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)


def remote_refusal(error: grpc.aio.AioRpcError) -> RemoteRefusal | None:
    """What another service refused, told by its reason; None when the call failed for reasons that may pass."""
    reason, metadata, violations, retry_after = "", {}, [], None
    for key, value in error.trailing_metadata() or ():
        if key == _TRAILER and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info, bad, retry = (
                    error_details_pb2.ErrorInfo(),
                    error_details_pb2.BadRequest(),
                    error_details_pb2.RetryInfo(),
                )
                if detail.Unpack(info):
                    reason, metadata = info.reason, dict(info.metadata)
                elif detail.Unpack(bad):
                    violations = [Violation(item.field, item.reason, item.description) for item in bad.field_violations]
                elif detail.Unpack(retry):
                    retry_after = retry.retry_delay.ToMilliseconds() / 1000
    if reason == FAULT or (not reason and error.code() not in _FINAL):
        return None
    code: int = error.code().value[0]
    refusal = RemoteRefusal(code, reason or error.code().name, error.details() or "", metadata, violations)
    refusal.retry_after = retry_after
    return refusal
