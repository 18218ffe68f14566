"""Callers behind proxies: their address and scheme as a trusted proxy forwards them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tercet_gateway.edge.exchange import Receive, Scope, Send

_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


class Forwarded:
    """uvicorn's reading of forwarded headers, for the requests that carry any: it costs 4 µs also where there are
    none.
    """

    def __init__(self, app: Any, trusted: str) -> None:
        self._app = app
        self._read: Any = ProxyHeadersMiddleware(app, trusted_hosts=trusted)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serves one connection's scope."""
        forwarded = any(name in _FORWARDED for name, _ in scope.get("headers", ()))
        served: Awaitable[None] = (self._read if forwarded else self._app)(scope, receive, send)
        return served
