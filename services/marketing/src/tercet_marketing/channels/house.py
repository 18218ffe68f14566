"""What adapters may use of Tercet."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis import Outside
from tercet_chassis.context import Context
from tercet_chassis.principal import Principal
from tercet_chassis.transaction import Running


class TenantsHouse(Outside):
    """A tenant's rows and the other services, for work outside of any request."""

    def __init__(self, runtime: Running, tenant_id: UUID) -> None:
        principal = Principal.system(runtime.settings.service, tenant_id)
        # What is sent is recorded on the send; its bookkeeping needs no audit of its own.
        super().__init__(runtime, Context(principal=principal, method="marketing.channels", audited=False))
