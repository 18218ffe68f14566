"""What adapters may use of Tercet."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from tercet_chassis import Calls, Tx
from tercet_chassis.context import Context
from tercet_chassis.principal import Principal
from tercet_chassis.transaction import Running


class TenantsHouse:
    """A tenant's rows and the other services, for work outside of any request."""

    def __init__(
        self, runtime: Running, tenant_id: UUID, *, method: str = "marketing.channels", audited: bool = False
    ) -> None:
        self._runtime = runtime
        principal = Principal.system(runtime.settings.service, tenant_id)
        # What is sent is recorded on the send; its bookkeeping needs no audit of its own.
        self._context = Context(principal=principal, method=method, audited=audited)

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction in the tenant."""
        return self._runtime.transaction(self._context)

    def now(self) -> datetime:
        """Business time."""
        return self._runtime.clock.now()

    async def call(self, service: str, rpc: str, request: Message, *, request_id: str) -> Any:
        """Calls another service; the same request id again takes effect once."""
        return await Calls(self._runtime, self._context)(service, rpc, request, request_id=request_id)
