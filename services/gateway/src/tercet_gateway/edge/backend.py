"""One call to a service as bytes: the metadata that the chassis reads, the deadline, the request id."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tercet_chassis.channels import Channels
from tercet_chassis.ids import derived_id, new_id
from tercet_gateway.edge.callers import Caller
from tercet_gateway.edge.refusals import HeaderInvalid
from tercet_gateway.edge.router import Route
from tercet_gateway.edge.settings import EdgeSettings

Incoming = Mapping[bytes, bytes]
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(rb"[0-9]{1,5}(\.[0-9]{1,3})?")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}")


class Backend:
    """Calls of all routes."""

    def __init__(self, settings: EdgeSettings, channels: Channels) -> None:
        self._settings, self._channels = settings, channels

    async def call(self, route: Route, request: bytes, metadata: list[tuple[str, str]], seconds: float) -> bytes:
        """The answer of a unary method; raises AioRpcError."""
        return await self._channels.call(route.service, route.method.wire_path, request, metadata, seconds)

    def stream(self, route: Route, request: bytes, metadata: list[tuple[str, str]]) -> Any:
        """The running call of a server-streaming method: an async iterator that can be cancelled."""
        channel: Any = self._channels.to(route.service)
        return channel.unary_stream(route.method.wire_path)(
            request, metadata=metadata, timeout=self._settings.stream_seconds
        )

    async def download(
        self, service: str, path: str, request: bytes, metadata: list[tuple[str, str]]
    ) -> AsyncIterator[bytes]:
        """The messages of a server stream, for hand-written routes."""
        channel: Any = self._channels.to(service)
        call = channel.unary_stream(path)(request, metadata=metadata, timeout=self._settings.stream_seconds)
        async for message in call:
            yield message

    async def upload(
        self, service: str, path: str, requests: AsyncIterator[bytes], metadata: list[tuple[str, str]]
    ) -> bytes:
        """The answer of a client-streaming method."""
        channel: Any = self._channels.to(service)
        call = channel.stream_unary(path)(requests, metadata=metadata, timeout=self._settings.stream_seconds)
        answer: bytes = await call
        return answer

    def seconds(self, headers: Incoming, rate_class: str) -> float:
        """The deadline: what `Request-Timeout` asks for up to the limit, more for bulk work."""
        bulk = rate_class == "BULK"
        longest = self._settings.bulk_timeout if bulk else self._settings.longest_timeout
        given = headers.get(b"request-timeout")
        if given is None:
            return self._settings.bulk_timeout if bulk else self._settings.timeout
        if not _SECONDS.fullmatch(given) or float(given) <= 0:
            raise HeaderInvalid(header="Request-Timeout", expected="a number of seconds above 0")
        return min(float(given), longest)

    def metadata(self, headers: Incoming, caller: Caller, traceparent: str, request_id: str) -> list[tuple[str, str]]:
        """What goes with a call."""
        pairs = [("traceparent", traceparent), ("tercet-locale", locale_of(headers, caller))]
        if caller.token:
            pairs.append(("authorization", f"Bearer {caller.token}"))
        if request_id:
            pairs.append(("tercet-request-id", request_id))
        return pairs


def request_id(headers: Incoming, caller: Caller, address: str, name: str) -> str:
    """The id by which a service knows a repeated write: derived from the Idempotency-Key, else fresh."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return str(new_id())
    if not _KEY.fullmatch(key):
        raise HeaderInvalid(header="Idempotency-Key", expected="1 to 255 visible ASCII characters")
    # People who have not signed in share a principal; their address keeps one from getting another's answer.
    who = address if caller.anonymous else caller.principal_id
    return str(derived_id(caller.tenant_id, who, name, key.decode("ascii")))


def locale_of(headers: Incoming, caller: Caller) -> str:
    """The first language that the request accepts, else the caller's own."""
    first = headers.get(b"accept-language", b"").decode("latin-1").split(",", 1)[0].split(";", 1)[0].strip()
    return first if _LANGUAGE.fullmatch(first) else caller.locale or "en"
