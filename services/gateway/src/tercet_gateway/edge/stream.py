"""Server-streaming RPCs as server-sent events: a message is an event, quiet is a comment, a problem an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.message import Message

from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.problems import Headers, of_rpc_error

_QUIET_SECONDS = 15.0
_RESUME = "resume_token"
_HEADERS: Headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]


def resume(request: Any, headers: dict[bytes, bytes]) -> None:
    """Goes on where a broken connection ended: browsers send the last event's id, the request has a field for it."""
    last = headers.get(b"last-event-id")
    if last and _RESUME in request.DESCRIPTOR.fields_by_name:
        request.resume_token = last.decode("utf-8", "replace")


async def serve(
    exchange: Exchange, call: Any, kind: type[Message], json: Callable[[Message], bytes], stopping: asyncio.Event
) -> int:
    """Sends the stream until it ends, fails, the caller hangs up or we stop; refused at once, a plain problem."""
    gone = asyncio.ensure_future(_over(exchange, stopping))
    try:
        first = await _next(call, gone)
        if first is None:
            return 499
        await exchange.start(200, _HEADERS)
        # A comment opens the stream, so that the caller knows it stands although nothing has happened yet.
        await exchange.send_body(b": open\n\n", more=True)
        await _pump(exchange, call, first, kind, json, gone)
        return 200
    finally:
        gone.cancel()
        call.cancel()


async def _pump(
    exchange: Exchange,
    call: Any,
    reading: asyncio.Future[Any],
    kind: type[Message],
    json: Callable[[Message], bytes],
    gone: asyncio.Future[None],
) -> None:
    try:
        while True:
            done, _ = await asyncio.wait({reading, gone}, timeout=_QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if gone in done:
                # Without an `end` event: a browser whose stream breaks off comes back by itself and resumes.
                await exchange.send_body(b"")
                return
            if not done:
                await exchange.send_body(b": quiet\n\n", more=True)
                continue
            try:
                wire = reading.result()
            except grpc.aio.AioRpcError as error:
                problem = of_rpc_error(error)
                await exchange.send_body(
                    b"event: problem\ndata: " + problem.body(exchange.path, exchange.trace_id) + b"\n\n"
                )
                return
            if wire is grpc.aio.EOF:
                await exchange.send_body(b"event: end\ndata: {}\n\n")
                return
            await exchange.send_body(_event(kind.FromString(wire), json), more=True)
            reading = asyncio.ensure_future(call.read())
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await reading


async def _over(exchange: Exchange, stopping: asyncio.Event) -> None:
    """Returns when the caller has hung up or the server stops."""
    waits = [asyncio.ensure_future(exchange.disconnected()), asyncio.ensure_future(stopping.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _next(call: Any, gone: asyncio.Future[None]) -> asyncio.Future[Any] | None:
    """The first read, once it has a message, failed, or stayed quiet for a moment; None when the caller hung up."""
    reading: asyncio.Future[Any] = asyncio.ensure_future(call.read())
    done, _ = await asyncio.wait({reading, gone}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    if gone in done:
        reading.cancel()
        return None
    if reading in done:
        reading.result()  # a refusal before anything was sent becomes an ordinary problem response
    return reading


def _event(message: Any, json: Callable[[Message], bytes]) -> bytes:
    token = getattr(message, _RESUME, "")
    head = f"id: {token}\n".encode() if isinstance(token, str) and token and "\n" not in token else b""
    return head + b"data: " + json(message) + b"\n\n"
