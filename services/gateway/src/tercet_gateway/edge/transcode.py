"""REST request -> gRPC call -> REST response, for every public method alike."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import Any

import orjson
import structlog
from google.protobuf.message import DecodeError, Message
from prometheus_client import Histogram

from tercet_chassis.row_json import ASKS, JsonReply
from tercet_gateway.edge import stream
from tercet_gateway.edge.backend import Backend, request_id
from tercet_gateway.edge.bind import Binder
from tercet_gateway.edge.codec import Decoder, Encoder
from tercet_gateway.edge.exchange import JSON, Exchange, problem_of
from tercet_gateway.edge.gate import Gate
from tercet_gateway.edge.problems import Headers, Problem, fault
from tercet_gateway.edge.router import Route
from tercet_gateway.edge.settings import EdgeSettings

log = structlog.get_logger()
REQUESTS = Histogram(
    "tercet_http_seconds", "Duration of REST requests by method and status.", ["method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
_EMPTY = "google.protobuf.Empty"


# Finding a histogram by its labels costs as much as observing.
@cache
def _requests(method: str, status: int) -> Histogram:
    return REQUESTS.labels(method, str(status))


class Transcoder:
    """Serves routes. Binders and encoders are compiled when a route is first used."""

    def __init__(self, settings: EdgeSettings, gate: Gate, backend: Backend) -> None:
        self._settings, self._gate, self._backend = settings, gate, backend
        self.decoder, self.encoder = Decoder(), Encoder()
        self.stopping = asyncio.Event()
        self._binders: dict[Route, Binder] = {}

    def binder(self, route: Route) -> Binder:
        """The compiled binder of a route; refuses an annotation that does not fit its request."""
        known = self._binders.get(route)
        if known is None:
            known = self._binders[route] = Binder(route, self.decoder)
        return known

    async def serve(self, exchange: Exchange, route: Route, variables: list[bytes]) -> None:
        """Answers one request, whatever happens."""
        begun = time.perf_counter()
        span = exchange.begin_trace(route.method.full_name)
        status = 500
        try:
            status = await self._answer(exchange, route, variables)
        except Exception as error:
            problem = self._problem(error, route, exchange)
            status = problem.status
            span.set_attribute("error.type", problem.reason)
            if exchange.started:
                raise  # too late for another answer: the server breaks the connection off
            if status != 499:
                await exchange.refuse(problem)
        finally:
            span.set_attribute("http.response.status_code", status)
            span.end()
            _requests(route.method.full_name, status).observe(time.perf_counter() - begun)

    def _problem(self, error: Exception, route: Route, exchange: Exchange) -> Problem:
        problem = problem_of(error)
        if problem is None:
            log.exception("edge.fault", method=route.method.full_name, trace_id=exchange.trace_id)
            return fault()
        binder = self._binders.get(route)
        if binder is not None and route.binding.body not in ("", "*") and problem.status != 400:
            for index, item in enumerate(problem.violations):
                problem.violations[index] = type(item)(binder.outside(item.field), item.reason, item.message)
        if problem.status >= 500:
            log.warning("edge.failed", method=route.method.full_name, reason=problem.reason, trace_id=exchange.trace_id)
        return problem

    async def _answer(self, exchange: Exchange, route: Route, variables: list[bytes]) -> int:
        method, headers = route.method, exchange.headers
        admission = await self._gate.admit(headers, exchange.address, method.rule.access, method.rate_class)
        exchange.extra += admission.headers
        has_body = b"content-length" in headers or b"transfer-encoding" in headers
        body = await exchange.body(self._settings.body_limit) if has_body else b""
        if_match = headers.get(b"if-match", b"").decode("latin-1")
        request = self.binder(route).build(variables, exchange.query, body, if_match)
        caller = admission.caller
        write = "" if method.reads else request_id(headers, caller, exchange.address, method.full_name)
        metadata = self._backend.metadata(headers, caller, exchange.traceparent, write)
        if method.streams:
            return await self._stream(exchange, route, request, metadata)
        if method.lists:
            metadata.append(ASKS)
        seconds = self._backend.seconds(headers, method.rate_class)
        wire = await self._backend.call(route, request.SerializeToString(), metadata, seconds)
        return await self._respond(exchange, route, wire)

    async def _respond(self, exchange: Exchange, route: Route, wire: bytes) -> int:
        method = route.method
        if method.lists and JsonReply.begins(wire):
            await exchange.respond(200, wire, [JSON])
            return 200
        if method.gives.full_name == _EMPTY:
            await exchange.respond(204, b"", [])
            return 204
        try:
            message = method.response.FromString(wire)
        except DecodeError as wrong:
            raise RuntimeError(f"{method.full_name} answered with bytes that are no {method.gives.name}") from wrong
        status = 202 if method.rule.operation else 201 if method.creates else 200
        out: Headers = [JSON]
        etag = getattr(message, "etag", None)
        if isinstance(etag, str) and etag:
            quoted = f'"{etag}"'.encode()
            out.append((b"etag", quoted))
            if method.reads and exchange.headers.get(b"if-none-match") == quoted:
                await exchange.respond(304, b"", out)
                return 304
        if status == 201 and isinstance(new := getattr(message, "id", None), str) and new:
            out.append((b"location", f"{exchange.path}/{new}".encode("latin-1", "replace")))
        await exchange.respond(status, self.json(message), out)
        return status

    def json(self, message: Message) -> bytes:
        """A message as JSON text."""
        kind: Any = message.DESCRIPTOR
        return orjson.dumps(self.encoder.of(kind)(message))

    async def _stream(self, exchange: Exchange, route: Route, request: Message, metadata: list[tuple[str, str]]) -> int:
        stream.resume(request, exchange.headers)
        call = self._backend.stream(route, request.SerializeToString(), metadata)
        return await stream.serve(exchange, call, route.method.response, self.json, self.stopping)
