"""Calls to other services: the caller's identity and deadline passed on, refusals read back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message

from tercet_chassis.channels import ServiceUnavailable
from tercet_chassis.context import IN_TRANSACTION, Context
from tercet_chassis.contract import CHASSIS_PACKAGE, Access, Method, methods_of, proto_package
from tercet_chassis.errors import CallInsideTransaction, DeadlineSpent, Refusal
from tercet_chassis.principal import Principal
from tercet_chassis.status import remote_refusal

if TYPE_CHECKING:
    from tercet_chassis.transaction import Running

_DEFAULT_SECONDS = 10.0


@cache
def remote_methods(service: str) -> Mapping[str, Method]:
    """The RPCs of a service by name, those that every service has included."""
    packages = (CHASSIS_PACKAGE, proto_package(service))
    return {method.name: method for package in packages for method in methods_of(package)}


@dataclass(slots=True)
class Parts:
    """What a view gathered: answers by name, and for each one missing the reason."""

    answers: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The answer of that name, or None."""
        return self.answers.get(name)


class Calls:
    """What a view works with: calls on behalf of its caller, within its deadline."""

    def __init__(self, runtime: Running, context: Context) -> None:
        self.runtime, self._context = runtime, context

    @property
    def context(self) -> Context:
        """Who asks and until when."""
        return self._context

    async def __call__(
        self, service: str, rpc: str, request: Message, *, request_id: str = "", timeout: float | None = None
    ) -> Any:
        """Calls an RPC of another service; its refusals come back as they are, its silence as UNAVAILABLE."""
        if IN_TRANSACTION.get():
            raise CallInsideTransaction(f"{service}.{rpc} was called inside a transaction; use a process or a view")
        method = remote_methods(service)[rpc]
        left = self._context.seconds_left()
        seconds = timeout or _DEFAULT_SECONDS
        if left is not None:
            seconds = min(seconds, left * 0.9)
        principal = self._context.principal
        if method.rule.access == Access.SYSTEM:
            # What only services may ask, a service asks for itself, whoever it works for.
            principal = Principal.system(self.runtime.settings.service, principal.tenant_id)
        metadata = [("authorization", f"Bearer {self.runtime.signer.token(principal)}")]
        if request_id:
            metadata.append(("tercet-request-id", request_id))
        if self._context.traceparent:
            metadata.append(("traceparent", self._context.traceparent))
        try:
            body = request.SerializeToString()
            response = await self.runtime.channels.call(service, method.path, body, metadata, seconds)
        except grpc.aio.AioRpcError as error:
            refusal = remote_refusal(error)
            if refusal is not None:
                raise refusal from error
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and left is not None:
                raise DeadlineSpent from error
            raise ServiceUnavailable(service=service, cause=error.code().name.lower(), retry_after=1.0) from error
        return method.response.FromString(response)

    async def gather(self, parts: Mapping[str, Awaitable[Any]]) -> Parts:
        """All calls at once under the one deadline; a part that fails is named in `missing`, the others are given."""
        names = list(parts)
        results = await asyncio.gather(*(parts[name] for name in names), return_exceptions=True)
        gathered = Parts()
        for name, result in zip(names, results, strict=True):
            if isinstance(result, Refusal):
                gathered.missing[name] = result.reason
            elif isinstance(result, BaseException):
                raise result
            else:
                gathered.answers[name] = result
        return gathered
