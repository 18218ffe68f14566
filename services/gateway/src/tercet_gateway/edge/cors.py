"""Cross-origin requests: only from origins that the settings name; `*` lets every origin in, without credentials."""

from __future__ import annotations

from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.problems import Headers

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ASK = (
    b"Authorization, Content-Type, Accept-Language, Idempotency-Key, If-Match, If-None-Match, Request-Timeout, "
    b"Tercet-Api-Key, Tercet-Tenant, Last-Event-ID, traceparent"
)
_SHOW = b"ETag, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Tercet-Trace-Id"


class Cors:
    """Answers preflights and marks responses."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)
        self._all = b"*" in self._origins

    def headers(self, exchange: Exchange) -> Headers:
        """What a response to this origin carries."""
        if not self._origins:
            return []
        origin = exchange.headers.get(b"origin", b"")
        vary: Headers = [] if self._all else [(b"vary", b"Origin")]
        if not origin or (not self._all and origin not in self._origins):
            return vary
        return [
            (b"access-control-allow-origin", b"*" if self._all else origin),
            (b"access-control-expose-headers", _SHOW),
            *vary,
        ]

    def preflight(self, exchange: Exchange) -> Headers | None:
        """The answer to a preflight, None when the request is none or its origin may not ask."""
        if exchange.method != "OPTIONS" or b"access-control-request-method" not in exchange.headers:
            return None
        allowed = self.headers(exchange)
        if not any(name == b"access-control-allow-origin" for name, _ in allowed):
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ASK),
            (b"access-control-max-age", b"600"),
        ]
