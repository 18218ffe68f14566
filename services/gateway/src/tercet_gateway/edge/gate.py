"""Who may come in: credential, then rate limit. The same for transcoded and hand-written routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from tercet_gateway.edge.callers import NOBODY, Caller, Callers
from tercet_gateway.edge.contract import Access
from tercet_gateway.edge.limits import Limiter, Standing
from tercet_gateway.edge.refusals import CredentialInvalid, CredentialMissing, HeaderInvalid, RateLimited, TenantUnknown
from tercet_gateway.edge.settings import EdgeSettings, Limit

Incoming = Mapping[bytes, bytes]
_WRONG = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
_FAILURES = Limit(60, 30)  # wrong credentials from one address


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller that was let in, and what the rate limit says of it."""

    caller: Caller
    standing: Standing | None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The RateLimit headers of the response."""
        return self.standing.headers() if self.standing is not None else []


class Gate:
    """Admits callers."""

    def __init__(self, settings: EdgeSettings, callers: Callers, limiter: Limiter) -> None:
        self._settings, self._callers, self._limiter = settings, callers, limiter

    async def admit(self, headers: Incoming, address: str, access: int, rate_class: str) -> Admission:
        """Lets a caller in; refuses a missing or wrong credential and one call too many."""
        caller = await self._caller(headers, address, access)
        limit = caller.limits.get(rate_class) or self._settings.limits[rate_class]
        key = (
            ("anonymous", address, rate_class)
            if caller.anonymous
            else (caller.tenant_id, caller.principal_id, rate_class)
        )
        standing = self._limiter.take(key, limit)
        if standing is not None and standing.wait > 0:
            raise self._limited(rate_class, limit, standing.wait)
        return Admission(caller, standing)

    async def _caller(self, headers: Incoming, address: str, access: int) -> Caller:
        shown = credential(headers)
        if shown is not None:
            try:
                return await self._checked(*shown, address)
            except grpc.aio.AioRpcError as error:
                # An expired token must not keep its owner from signing in again.
                if access != Access.ANYONE or error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    raise
        elif access != Access.ANYONE:
            raise CredentialMissing
        code = headers.get(b"tercet-tenant", b"").decode("latin-1").strip()
        if not code:
            return NOBODY
        try:
            return await self._checked("tenant_code", code, address)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                raise TenantUnknown from error
            raise

    async def _checked(self, kind: str, value: str, address: str) -> Caller:
        wait = self._limiter.full(("wrong", address), _FAILURES)
        if wait > 0:
            raise self._limited("SIGN_IN", _FAILURES, wait)
        try:
            return await self._callers.resolve(kind, value)
        except grpc.aio.AioRpcError as error:
            if error.code() in _WRONG:
                self._limiter.take(("wrong", address), _FAILURES)
            if kind != "tenant_code" and error.code() != grpc.StatusCode.UNAUTHENTICATED and error.code() in _WRONG:
                raise CredentialInvalid from error
            raise

    def _limited(self, rate_class: str, limit: Limit, wait: float) -> RateLimited:
        seconds = max(1, int(-(-wait // 1)))
        return RateLimited(
            rate_class=rate_class, per_minute=limit.per_minute, seconds=seconds, retry_after=float(seconds)
        )


def credential(headers: Incoming) -> tuple[str, str] | None:
    """What the caller shows, by the field that takes it; refuses a form that is neither."""
    key = headers.get(b"tercet-api-key")
    if key:
        return "api_key", key.decode("latin-1").strip()
    given = headers.get(b"authorization")
    if not given:
        return None
    scheme, _, token = given.decode("latin-1").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise HeaderInvalid(header="Authorization", expected="Bearer, a space and an access token or API key")
    return ("api_key" if token.startswith("tk_") else "access_token"), token


def address_of(scope: Mapping[str, Any]) -> str:
    """The caller's address; behind trusted proxies the one that they forward."""
    client = scope.get("client")
    return str(client[0]) if client else ""
