"""`google.rpc.Status` -> RFC 9457 problem details: the same reason, fields and retry delay that a gRPC caller gets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import grpc
import orjson
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tercet_chassis.errors import Refusal, Violation, reason_of
from tercet_chassis.status import status_of

Headers = list[tuple[bytes, bytes]]
_STATUS = {
    code_pb2.INVALID_ARGUMENT: 422, code_pb2.OUT_OF_RANGE: 422, code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403, code_pb2.NOT_FOUND: 404, code_pb2.ALREADY_EXISTS: 409, code_pb2.ABORTED: 409,
    code_pb2.FAILED_PRECONDITION: 409, code_pb2.RESOURCE_EXHAUSTED: 429, code_pb2.UNAVAILABLE: 503,
    code_pb2.UNIMPLEMENTED: 503, code_pb2.DEADLINE_EXCEEDED: 504, code_pb2.CANCELLED: 409,
}  # fmt: skip
_OPAQUE = "Something went wrong on our side. Tell us the trace id and we will find it."
# Texts of the transport name hosts and ports of ours, so callers get our own.
_TRANSPORT = {
    code_pb2.UNAVAILABLE: "The service does not answer just now; repeat the request in a moment.",
    code_pb2.UNIMPLEMENTED: "The service does not offer this method yet, as in an upgrade; repeat it in a moment.",
    code_pb2.DEADLINE_EXCEEDED: "The time given for this request ran out; repeat it with the same Idempotency-Key.",
    code_pb2.RESOURCE_EXHAUSTED: "The service is busy; repeat the request in a moment.",
}
_RETRY_SECONDS = 1


@dataclass(slots=True)
class Problem:
    """One refusal or fault, ready to be written."""

    status: int
    reason: str
    detail: str
    metadata: dict[str, str] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    retry_after: float | None = None
    headers: Headers = field(default_factory=list)

    def body(self, instance: str, trace_id: str) -> bytes:
        """As `application/problem+json`."""
        words = self.reason.replace("_", " ").lower()
        shown: dict[str, Any] = {
            "type": f"urn:tercet:problem:{words.replace(' ', '-')}",
            "title": words[:1].upper() + words[1:],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reason": self.reason,
            "violations": [
                {"field": item.field, "reason": item.reason, "message": item.message} for item in self.violations
            ],
            "metadata": self.metadata,
            "trace_id": trace_id,
        }
        return orjson.dumps(shown)

    def all_headers(self) -> Headers:
        """Headers that the status asks for, besides the content type."""
        headers = [(b"content-type", b"application/problem+json"), *self.headers]
        if self.status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="tercet"'))
        if self.status in (429, 503):
            seconds = max(1, math.ceil(self.retry_after if self.retry_after is not None else _RETRY_SECONDS))
            headers.append((b"retry-after", str(seconds).encode()))
        return headers


def of_refusal(refusal: Refusal) -> Problem:
    """A refusal raised in this process; those of the edge know their own HTTP status."""
    problem = of_status(status_of(refusal))
    problem.status = getattr(refusal, "http_status", problem.status)
    return problem


def of_rpc_error(error: grpc.aio.AioRpcError) -> Problem:
    """What a service, or the way to it, answered."""
    try:
        rich = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:
        rich = None  # details of another call: trust the code alone
    if rich is not None:
        return of_status(rich)
    code = int(error.code().value[0])
    if code == code_pb2.CANCELLED:
        code = code_pb2.UNAVAILABLE  # the service went while it worked on the call
    return of_status(status_pb2.Status(code=code, message=_TRANSPORT.get(code, error.details() or "")))


def of_status(status: status_pb2.Status) -> Problem:
    """The HTTP form of a rich status; whatever is not a refusal is shown without its inside."""
    http = _STATUS.get(status.code)
    if http is None:
        return fault()
    problem = Problem(http, code_pb2.Code.Name(status.code), status.message)
    for detail in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            problem.reason, problem.metadata = info.reason or problem.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            problem.violations = [Violation(item.field, item.reason, item.description) for item in bad.field_violations]
        elif detail.Unpack(retry):
            problem.retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return problem


def of_http(status: int, detail: str) -> Problem:
    """A plain HTTP failure, as the web framework raises them."""
    if status >= 500:
        return fault()
    return Problem(status, reason_of(HTTPStatus(status).phrase.replace(" ", "").replace("-", "")), detail)


def fault() -> Problem:
    """A fault of ours: only the trace id tells where to look."""
    return Problem(500, "INTERNAL", _OPAQUE)
