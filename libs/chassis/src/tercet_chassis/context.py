"""What is known about the work being done: who asks, by which method, until when, and on whose event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tercet_chassis.errors import DeadlineSpent
from tercet_chassis.principal import Principal

# Whether this task is inside a database transaction: then it must not call other services.
IN_TRANSACTION: ContextVar[bool] = ContextVar("tercet_in_transaction", default=False)

LIVE, IMPORT, REPLAY, SIMULATION = "live", "import", "replay", "simulation"


@dataclass(frozen=True, slots=True)
class EventMeta:
    """What travels beside an event's payload. `version` is the resource's row version, `occur_time` business time."""

    id: UUID
    subject: str
    tenant_id: UUID
    resource_id: UUID
    version: int
    origin: str
    occur_time: datetime
    record_time: datetime
    actor_kind: str
    actor_id: str
    unit_id: UUID | None = None
    identity_id: UUID | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """One piece of work. `permission` is the one its method names; record scopes are those of that permission.

    What is not `audited` only keeps a copy of what was audited where it happened.
    """

    principal: Principal
    method: str
    permission: str = ""
    request_id: str = ""
    deadline: float | None = None
    origin: str = LIVE
    traceparent: str = ""
    event: EventMeta | None = None
    audited: bool = True

    @property
    def tenant_id(self) -> UUID | None:
        """The tenant the work belongs to."""
        return self.principal.tenant_id

    def seconds_left(self) -> float | None:
        """Seconds until the caller stops waiting; None without a deadline. Refuses when they are spent."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineSpent
        return left
