"""Credential -> caller, by the gateway's own PrincipalService; kept by digest for some seconds."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import grpc

from tercet.gateway.v1 import principal_service_pb2 as messages
from tercet.options.v1 import options_pb2
from tercet.type.v1 import reference_pb2
from tercet_gateway.edge.settings import Limit

_PATH = "/tercet.gateway.v1.PrincipalService/ResolvePrincipal"
_MARGIN = 10.0  # a call that begins now must still find the token alive
_FRESH = 15.0  # who was disabled or lost a role is out by then
_MOST = 50_000
_SECONDS = 5.0

# The gateway's own token, for a tenant or for none.
SystemToken = Callable[[UUID | None], str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the services will be told."""

    token: str = ""
    tenant_id: str = ""
    principal_id: str = ""
    kind: str = "ANONYMOUS"
    locale: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)

    @property
    def anonymous(self) -> bool:
        """Whether nobody has signed in."""
        return not self.principal_id


NOBODY = Caller()


class Callers:
    """Resolves credentials; simultaneous requests with one credential ask once."""

    def __init__(
        self,
        channel: Callable[[], grpc.aio.Channel],
        system_token: SystemToken,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._channel, self._system_token, self._clock = channel, system_token, clock
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Caller]] = {}

    async def resolve(self, kind: str, credential: str) -> Caller:
        """The caller that shows a credential of this kind (a field of the request); raises what the service answers."""
        key = hashlib.sha256(f"{kind}:{credential}".encode()).digest()
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, kind, credential))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: bytes, kind: str, credential: str) -> Caller:
        call = self._channel().unary_unary(
            _PATH,
            request_serializer=messages.ResolvePrincipalRequest.SerializeToString,
            response_deserializer=messages.ResolvePrincipalResponse.FromString,
        )
        request = messages.ResolvePrincipalRequest(**{kind: credential})
        answer = await call(
            request, metadata=(("authorization", f"Bearer {self._system_token(None)}"),), timeout=_SECONDS
        )
        caller = Caller(
            token=answer.internal_token,
            tenant_id=answer.tenant_id,
            principal_id=answer.principal_id,
            kind=reference_pb2.Actor.Kind.Name(answer.principal_kind),
            locale=answer.locale,
            limits={
                options_pb2.RateClass.Name(item.rate_class): Limit(item.per_minute, item.burst)
                for item in answer.rate_limits
            },
        )
        until = min(answer.expire_time.ToNanoseconds() / 1e9 - _MARGIN, self._clock() + _FRESH)
        self._known[key] = (until, caller)
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return caller
