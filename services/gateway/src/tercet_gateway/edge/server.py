"""The ASGI application of the edge and the HTTP server that runs it beside the gateway's own gRPC server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import grpc
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tercet_chassis.channels import Channels
from tercet_chassis.errors import Refusal
from tercet_chassis.principal import Principal
from tercet_chassis.tokens import Signer
from tercet_gateway.edge import problems
from tercet_gateway.edge.backend import Backend
from tercet_gateway.edge.callers import Callers, SystemToken
from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.cors import Cors
from tercet_gateway.edge.exchange import SECURITY, Exchange, Receive, Scope, Send, problem_of
from tercet_gateway.edge.forwarded import Forwarded
from tercet_gateway.edge.gate import Gate
from tercet_gateway.edge.health import Health
from tercet_gateway.edge.limits import Limiter
from tercet_gateway.edge.problems import Problem
from tercet_gateway.edge.protocol import Config, Protocol
from tercet_gateway.edge.refusals import HeadersTooLarge, MethodNotAllowed, PathNotFound
from tercet_gateway.edge.router import Router
from tercet_gateway.edge.routes import Tools
from tercet_gateway.edge.routes.files import file_routes
from tercet_gateway.edge.routes.links import link_routes
from tercet_gateway.edge.routes.pages import pages
from tercet_gateway.edge.routes.preferences import preference_routes
from tercet_gateway.edge.routes.repairs import repair_routes
from tercet_gateway.edge.routes.surveys import survey_routes
from tercet_gateway.edge.settings import EdgeSettings
from tercet_gateway.edge.transcode import Transcoder

log = structlog.get_logger()
# Seconds in which callers that keep their connection busy learn that the server goes.
_FAREWELL = 1.0


class Edge:
    """The application: derived routes by one look-up, everything else by FastAPI."""

    def __init__(
        self, settings: EdgeSettings, contract: Contract | None = None, system_token: SystemToken | None = None
    ) -> None:
        contract = contract or Contract.of_tercet()
        token = system_token or _system_token(settings)
        self.settings = settings
        self.channels = Channels(settings.peers)
        self.router = Router(contract, settings.peers)
        backend = Backend(settings, self.channels)
        gate = Gate(settings, Callers(lambda: self.channels.to(settings.service), token), Limiter(settings.replicas))
        self.transcoder = Transcoder(settings, gate, backend)
        for route in self.router.routes():
            self.transcoder.binder(route)  # an annotation that fits no request stops the start-up, not a caller
        self._cors = Cors(settings.cors_origins)
        tools = Tools(settings, gate, backend, self.channels, self.transcoder.encoder, token)
        self._pages = self._framework(contract, Health(settings.service, settings.peers, self.channels), tools)

    def _framework(self, contract: Contract, health: Health, tools: Tools) -> FastAPI:
        pages_app = FastAPI(title="Tercet", docs_url=None, redoc_url=None, openapi_url=None)
        written = (file_routes, link_routes, preference_routes, repair_routes, survey_routes)
        for router in (pages(contract, health), *(routes(tools) for routes in written)):
            pages_app.include_router(router)
        # What is expected has handlers of its own: that of Exception raises again, as faults must reach the log.
        for kind in (HTTPException, Refusal, grpc.aio.AioRpcError, Exception):
            pages_app.add_exception_handler(kind, self._failed)
        return pages_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection's scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(Exchange(scope, receive, send), scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        exchange.extra += self._cors.headers(exchange)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self.settings.header_limit:
            await exchange.refuse(problems.of_refusal(HeadersTooLarge(limit=self.settings.header_limit)))
            return
        preflight = self._cors.preflight(exchange)
        if preflight is not None:
            await exchange.respond(204, b"", preflight)
            return
        verb = "GET" if exchange.method == "HEAD" else exchange.method
        found = self.router.find(verb, exchange.path)
        if found is not None:
            await self.transcoder.serve(exchange, *found)
            return
        exchange.begin_trace("edge.page").end()
        scope["tercet.exchange"] = exchange
        await self._page(exchange, scope, receive, send)

    async def _page(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def decorated(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                more = [*SECURITY, *exchange.extra, (b"tercet-trace-id", exchange.trace_id.encode())]
                message = {**message, "headers": [*message["headers"], *(pair for pair in more if pair[0] not in own)]}
                exchange.started = True
            await send(message)

        await self._pages(scope, receive, decorated)

    async def _failed(self, request: Request, error: Exception) -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        problem = self._problem(exchange, error)
        headers = [(name.decode(), value.decode("latin-1")) for name, value in problem.all_headers()]
        return Response(problem.body(exchange.path, exchange.trace_id), problem.status, dict(headers))

    def _problem(self, exchange: Exchange, error: Exception) -> Problem:
        if isinstance(error, HTTPException):
            if error.status_code not in (404, 405):
                return problems.of_http(error.status_code, str(error.detail))
            allowed = self.router.allowed(exchange.path)
            if error.status_code == 405:
                allowed = sorted({*allowed, *(error.headers or {}).get("Allow", "").split(", ")} - {""})
            if not allowed:
                return problems.of_refusal(PathNotFound(path=exchange.path[:200]))
            names = ", ".join([*allowed, *(["HEAD"] if "GET" in allowed and "HEAD" not in allowed else [])])
            problem = problems.of_refusal(
                MethodNotAllowed(path=exchange.path[:200], method=exchange.method, allowed=names)
            )
            problem.headers.append((b"allow", names.encode()))
            return problem
        known = problem_of(error)
        if known is None:
            log.error("edge.fault", path=exchange.path, trace_id=exchange.trace_id, exc_info=error)
        return known or problems.fault()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def close(self) -> None:
        """Closes the channels to the services."""
        await self.channels.close()


def create_app(settings: EdgeSettings, contract: Contract | None = None) -> Edge:
    """The ASGI application; refuses to start when two methods claim one path or an annotation fits no request."""
    return Edge(settings, contract)


async def serve_http(
    settings: EdgeSettings,
    stop: asyncio.Event,
    *,
    contract: Contract | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serves HTTP in the running loop until `stop` is set, then lets running requests end. `started` gets the port."""
    listener = _bound(settings.http_address)
    edge = create_app(settings, contract)
    config = Config(
        Forwarded(edge, settings.trusted_proxies), interface="asgi3", http=Protocol, ws="none", lifespan="on",
        access_log=False, log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=20, timeout_keep_alive=30, backlog=2048,
    )  # fmt: skip
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(stop.wait())
    try:
        await server.listening(running)
        port = listener.getsockname()[1]
        log.info("edge.listening", listen=settings.http_address, port=port)
        if started is not None:
            started(port)
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        edge.transcoder.stopping.set()  # else open streams would hold the server until its patience ends
        config.leaving = True
        await server.left(_FAREWELL)
        server.should_exit = True
        waiting.cancel()
        await running


async def face(runtime: Any, stop: asyncio.Event) -> None:
    """The hook that a service's process runs beside its gRPC server."""
    await serve_http(EdgeSettings.of(runtime.settings), stop)


def _bound(address: str) -> socket.socket:
    """A socket of our own, so that a taken port is an OSError here and port 0 can be asked what it became."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process that starts us decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = asyncio.Event()

    def capture_signals(self) -> Any:
        """Leaves signals alone."""
        return nullcontext()

    async def startup(self, sockets: Any = None) -> None:
        """Listens."""
        await super().startup(sockets)
        self._listening.set()

    async def left(self, seconds: float) -> None:
        """Returns when no connection is open any more, or after so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)

    async def listening(self, running: asyncio.Task[None]) -> None:
        """Returns when requests are taken; raises what kept the server from listening."""
        ready = asyncio.create_task(self._listening.wait())
        await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if running.done() or not self.started:
            await running
            raise RuntimeError("the HTTP server stopped before it listened")


def _system_token(settings: EdgeSettings) -> SystemToken:
    signer = Signer(settings.service, settings.keys_dir)
    return lambda tenant_id: signer.token(Principal.system(settings.service, tenant_id))
