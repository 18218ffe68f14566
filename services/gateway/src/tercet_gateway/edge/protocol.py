"""HTTP/1.1 as uvicorn speaks it, but for what cannot be read, which is refused with problem details too, and for how
responses are written: head and body at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tercet_gateway.edge.exchange import API, SECURITY
from tercet_gateway.edge.problems import Problem

_WRONG = "This is no HTTP/1.1 request: its address or a header is malformed or too long. Correct it, then repeat it."


class Config(uvicorn.Config):
    """uvicorn's settings, and whether this server is about to go: then each answer asks its caller to hang up, so that
    none sends a request to a connection that is being closed.
    """

    leaving = False


class _Gathered:
    """A transport that writes what comes in one turn of the loop at once: a system call and a packet less a response,
    for the caller too.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Takes a part."""
        if not self._parts:
            self._loop.call_soon(self.flush)  # a stream's head must not wait for its first message
        self._parts.append(data)

    def flush(self) -> None:
        """Writes the parts that are there."""
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Closes the connection behind what was written."""
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins."""
        super().connection_made(transport)
        self._gathered: Any = _Gathered(transport, self.loop)

    def on_headers_complete(self) -> None:
        """Begins a response."""
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self._gathered
            if isinstance(self.config, Config) and self.config.leaving:
                self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Ends a response."""
        self._gathered.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses what the parser gave up on, and hangs up: where the next request would begin is unknown."""
        problem = Problem(400, "HTTP_INVALID", _WRONG)
        body = problem.body("", "")
        headers = [*problem.all_headers(), *SECURITY, *API, (b"content-length", str(len(body)).encode())]
        lines = b"".join(b"%s: %s\r\n" % pair for pair in (*headers, (b"connection", b"close")))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + body)
        self.transport.close()
