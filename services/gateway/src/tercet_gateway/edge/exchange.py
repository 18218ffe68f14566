"""One HTTP exchange over plain ASGI: the body within its limit, the response with the headers that all have."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import grpc
from opentelemetry import propagate, trace
from opentelemetry.context import Context

from tercet_chassis import telemetry
from tercet_chassis.errors import Refusal
from tercet_gateway.edge import problems
from tercet_gateway.edge.gate import address_of
from tercet_gateway.edge.problems import Headers, Problem
from tercet_gateway.edge.refusals import BodyTooLarge, ClientGone, MediaTypeNotSupported

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
JSON = (b"content-type", b"application/json")
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-site"),
]
API: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_TRACE = ("traceparent", "tracestate")
_tracer = trace.get_tracer("tercet.edge")
_NO_PARENT = Context()
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Exchange:
    """A request and the way to answer it. `extra` are headers added on the way (CORS, rate limits)."""

    __slots__ = (
        "_receive",
        "_send",
        "address",
        "extra",
        "headers",
        "method",
        "path",
        "query",
        "scope",
        "started",
        "traceparent",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        raw = scope.get("raw_path")
        self.path: str = (raw if raw is not None else scope["path"].encode()).decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.address = address_of(scope)
        self.traceparent = ""
        self.extra: Headers = []
        self.started = False

    @property
    def trace_id(self) -> str:
        """The trace that this exchange belongs to."""
        return self.traceparent[3:35]

    def begin_trace(self, name: str) -> trace.Span:
        """Starts the span of this exchange as a child of the caller's, and names what goes on to the services."""
        parent = _NO_PARENT
        if b"traceparent" not in self.headers:
            if telemetry.silent():
                self.traceparent = telemetry.fresh_traceparent()
                return trace.INVALID_SPAN
        else:
            given = {key: self.headers.get(key.encode(), b"").decode("latin-1") for key in _TRACE}
            parent = propagate.extract({key: value for key, value in given.items() if value})
        span = _tracer.start_span(name, context=parent, kind=trace.SpanKind.SERVER)
        context = span.get_span_context()
        if context.is_valid and not isinstance(span, trace.NonRecordingSpan):
            self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        else:
            # Not sampled or no tracing set up: the id still goes along, so that logs of all services can be joined.
            above = trace.get_current_span(parent).get_span_context()
            trace_id = context.trace_id or above.trace_id or secrets.randbits(128)
            self.traceparent = f"00-{trace_id:032x}-{secrets.randbits(64) or 1:016x}-{int(above.trace_flags):02x}"
        return span

    async def body(self, limit: int) -> bytes:
        """The whole body; refuses one above the limit without reading on, and one that is not JSON by its own words."""
        length = self.headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            raise BodyTooLarge(limit=limit)
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts = [body]
            size = len(body)
            while message.get("more_body"):
                message = await self._receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise BodyTooLarge(limit=limit)
            body = b"".join(parts)
        if message["type"] == "http.disconnect":
            raise ClientGone
        if body:
            given = self.headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
            if given != b"application/json" and not (given.startswith(b"application/") and given.endswith(b"+json")):
                raise MediaTypeNotSupported(given=given.decode("latin-1")[:100])
        return body

    async def disconnected(self) -> None:
        """Returns when the caller has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def start(self, status: int, headers: Headers, *, api: bool = True) -> None:
        """Sends status and headers."""
        shown = [*headers, *SECURITY, *(API if api else ()), *self.extra]
        if self.traceparent:
            shown.append((b"tercet-trace-id", self.trace_id.encode()))
        if self.scope.get("scheme") == "https":
            shown.append(_HSTS)
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": shown})

    async def send_body(self, body: bytes, *, more: bool = False) -> None:
        """Sends bytes of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def respond(self, status: int, body: bytes, headers: Headers) -> None:
        """A whole response."""
        if status not in (204, 304):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        await self.start(status, headers)
        await self.send_body(b"" if self.method == "HEAD" else body)

    async def refuse(self, problem: Problem) -> None:
        """A whole response with problem details."""
        await self.respond(problem.status, problem.body(self.path, self.trace_id), problem.all_headers())


def problem_of(error: BaseException) -> Problem | None:
    """The problem that an expected exception means; None for a fault of ours."""
    if isinstance(error, Refusal):
        return problems.of_refusal(error)
    return problems.of_rpc_error(error) if isinstance(error, grpc.aio.AioRpcError) else None
