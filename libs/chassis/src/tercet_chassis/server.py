"""The gRPC face of a service: one generic handler for all methods, health, reflection, graceful drain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from tercet_chassis import telemetry
from tercet_chassis.batching import PATH as BATCH
from tercet_chassis.batching import answered
from tercet_chassis.boundary import authorize, run_unit, validated
from tercet_chassis.calls import Calls
from tercet_chassis.context import Context
from tercet_chassis.contract import Access, Method
from tercet_chassis.errors import InSteps, InvalidArgument, Refusal, ResourceExhausted, TokenInvalid
from tercet_chassis.groups import Groups
from tercet_chassis.principal import Principal
from tercet_chassis.process_runner import ProcessRunner
from tercet_chassis.reading import Look
from tercet_chassis.row_json import ASKS, JsonReply
from tercet_chassis.showing import shown
from tercet_chassis.status import abort, fault_status, status_of
from tercet_chassis.transaction import Running

log = structlog.get_logger(__name__)

OPTIONS = [
    ("grpc.max_concurrent_streams", 1000),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.so_reuseport", 0),
]
MOST_CALLS = 2000
_ANYONE = Access.ANYONE
READINESS, LIVENESS = "readiness", "liveness"


class RequestUnreadable(InvalidArgument):
    """The bytes are not the request's message."""

    text = "The request is not a {type}."


class ServiceBusy(ResourceExhausted):
    """More calls run than the service can hold in memory."""

    text = "The service has too many calls in hand just now; repeat this one in a moment."


class _Crowd:
    """The calls in hand. gRPC's own limit, `maximum_concurrent_rpcs`, costs 25 µs a call for the same count."""

    def __init__(self) -> None:
        self._calls = 0

    def __enter__(self) -> None:
        self._calls += 1

    def __exit__(self, *_: object) -> None:
        self._calls -= 1

    def check(self) -> None:
        """Refuses one call too many."""
        if self._calls > MOST_CALLS:
            raise ServiceBusy(retry_after=1.0)


class Bound:
    """A method with its handler and the handler's shape: unit, process, view or stream. A unit may have `steps` beside
    it, a process to which it leaves what it cannot do alone.
    """

    def __init__(
        self, method: Method, handler: Callable[..., Any], shape: str, steps: Callable[..., Any] | None = None
    ) -> None:
        self.method, self.handler, self.shape = method, handler, shape
        self.steps = handler if shape == "process" else steps


class Server(grpc.GenericRpcHandler):
    """Looks a call up by its path and runs it through the boundary."""

    def __init__(
        self, runtime: Running, methods: Mapping[str, Bound], groups: Groups, processes: ProcessRunner
    ) -> None:
        self._runtime, self._groups, self._processes = runtime, groups, processes
        self._methods = methods
        self._handlers = {path: self._handler(bound) for path, bound in methods.items()}
        self._handlers[BATCH] = grpc.unary_stream_rpc_method_handler(self._batch)
        self._crowd = _Crowd()
        self._server: grpc.aio.Server | None = None
        self._health = health_aio.HealthServicer()
        self.port = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._handlers.get(handler_call_details.method)

    def _handler(self, bound: Bound) -> grpc.RpcMethodHandler[Any, Any]:
        async def unary(body: bytes, context: Any) -> bytes:
            end = await self._unary(bound, body, dict(context.invocation_metadata() or ()), context.time_remaining())
            if not isinstance(end, bytes):
                await abort(context, end)
                return b""
            return end

        async def streaming(body: bytes, context: Any) -> Any:
            with self._crowd:
                async for message in self._streaming(bound, body, context):
                    yield message

        async def uploading(bodies: Any, context: Any) -> bytes:
            with self._crowd:
                return await self._uploading(bound, bodies, context)

        if bound.method.takes_stream:
            return grpc.stream_unary_rpc_method_handler(uploading)
        return (
            grpc.unary_stream_rpc_method_handler(streaming)
            if bound.method.streams
            else grpc.unary_unary_rpc_method_handler(unary)
        )

    async def _batch(self, body: bytes, call: Any) -> Any:
        try:
            async for replies in answered(self._one_of_many, body):
                yield replies
            return
        except Refusal as refusal:
            status = status_of(refusal)
        await abort(call, status)

    async def _one_of_many(
        self, path: str, body: bytes, metadata: Mapping[str, str], left: float
    ) -> bytes | status_pb2.Status:
        bound = self._methods.get(path)
        if bound is None or bound.method.streams or bound.method.takes_stream:
            return status_pb2.Status(code=code_pb2.UNIMPLEMENTED, message=f"There is no unary method {path} here.")
        return await self._unary(bound, body, metadata, left)

    async def _unary(
        self, bound: Bound, body: bytes, metadata: Mapping[str, Any], left: float | None
    ) -> bytes | status_pb2.Status:
        started = time.perf_counter()
        outcome = "OK"
        with self._crowd, telemetry.server_span(bound.method.full_name, metadata) as span:
            try:
                context = self._context(bound.method, metadata, left)
                request = _parsed(bound.method, body)
                reply = await self._answer(bound, request, context, json=metadata.get(ASKS[0]) == ASKS[1])
                return reply.SerializeToString()
            except Refusal as refusal:
                outcome = refusal.reason
                return status_of(refusal)
            except Exception:
                outcome = "INTERNAL"
                log.exception("request.failed", method=bound.method.full_name)
                return fault_status(telemetry.trace_id(span))
            finally:
                telemetry.request_done(bound.method.full_name, outcome, time.perf_counter() - started)

    async def _answer(self, bound: Bound, request: Message, context: Context, *, json: bool) -> Message | JsonReply:
        validated(bound.method, request)
        if bound.shape == "process":
            reply = await self._processes.start(bound.method, request, context)
        elif bound.shape == "group":
            reply = await self._groups.run(bound.method, bound.handler, request, context)
        elif bound.shape == "look":
            reply = await bound.handler(request, Look(self._runtime, context, json=json))
        elif bound.shape == "view":
            reply = await bound.handler(request, Calls(self._runtime, context))
        else:
            try:
                reply = await run_unit(self._runtime, bound.method, bound.handler, request, context)
            except InSteps:
                reply = await self._processes.start(bound.method, request, context)
        if not context.principal.masks:
            return reply
        assert isinstance(reply, Message), "JSON cannot be masked"
        return await shown(self._runtime, reply, context)

    async def _streaming(self, bound: Bound, body: bytes, call: Any) -> Any:
        try:
            context = self._context(bound.method, dict(call.invocation_metadata() or ()), call.time_remaining())
            request = _parsed(bound.method, body)
            validated(bound.method, request)
            async for message in bound.handler(request, Calls(self._runtime, context)):
                yield (await shown(self._runtime, message, context)).SerializeToString()
            return
        except Refusal as refusal:
            status = status_of(refusal)
        except Exception:
            log.exception("stream.failed", method=bound.method.full_name)
            status = fault_status("")
        await abort(call, status)

    async def _uploading(self, bound: Bound, bodies: Any, call: Any) -> bytes:
        try:
            context = self._context(bound.method, dict(call.invocation_metadata() or ()), call.time_remaining())

            async def messages() -> Any:
                async for body in bodies:
                    message = _parsed(bound.method, body)
                    validated(bound.method, message)
                    yield message

            reply: Message = await bound.handler(messages(), self._runtime, context)
            return reply.SerializeToString()
        except Refusal as refusal:
            status = status_of(refusal)
        except Exception:
            log.exception("upload.failed", method=bound.method.full_name)
            status = fault_status("")
        await abort(call, status)
        return b""

    def _context(self, method: Method, metadata: Mapping[str, Any], left: float | None) -> Context:
        self._crowd.check()
        token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
        if token:
            principal = self._runtime.verifier.principal(token)
        elif method.access == _ANYONE:
            principal = Principal(tenant_id=None, subject="", kind="anonymous")
        else:
            raise TokenInvalid(cause="none was sent")
        context = Context(
            principal=principal,
            method=method.full_name,
            permission=method.permission,
            request_id=str(metadata.get("tercet-request-id", "")),
            deadline=time.monotonic() + left if left is not None else None,
            traceparent=telemetry.traceparent() or str(metadata.get("traceparent", "")),
        )
        authorize(method, context)
        return context

    async def start(self) -> int:
        """Listens; gives the port. Not ready until `set_ready`."""
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self.set_ready(False)
        if self._runtime.settings.development:
            names = sorted({bound.method.service for bound in self._methods.values()})
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)
        self.port = self._server.add_insecure_port(self._runtime.settings.grpc_address)
        await self._server.start()
        return self.port

    async def set_ready(self, ready: bool) -> None:
        """What the readiness probe and the balancer see."""
        state = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(READINESS, state)
        await self._health.set("", state)

    async def stop(self, grace: float) -> None:
        """Takes no new calls and lets the running ones end within `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(grace)


def _parsed(method: Method, body: bytes) -> Message:
    try:
        return method.request.FromString(body)
    except DecodeError as bad:
        raise RequestUnreadable(type=method.request.DESCRIPTOR.name) from bad
