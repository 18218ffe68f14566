"""What the files below the transaction ask of a running service and of the unit that they work in, as types alone, so
that they need to know neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from google.protobuf.message import Message
    from sqlalchemy.ext.asyncio import AsyncSession

    from tercet_chassis.binding import Bindings
    from tercet_chassis.broker import Broker
    from tercet_chassis.bulk import Way
    from tercet_chassis.channels import Channels
    from tercet_chassis.clock import Clock
    from tercet_chassis.consumers import Consumer
    from tercet_chassis.context import Context
    from tercet_chassis.database import Database
    from tercet_chassis.entity import Entity
    from tercet_chassis.invariants import Check
    from tercet_chassis.principal import Principal
    from tercet_chassis.readers import Readers
    from tercet_chassis.settings import Settings
    from tercet_chassis.tokens import Signer, Verifier


class Assembled(Protocol):
    """A service as its slices made it."""

    name: str
    entities: list[type[Entity]]
    consumers: list[Consumer]
    checks: list[Check]

    @property
    def package(self) -> str:
        """Its proto package."""


class Host(Protocol):
    """A running service without its transactions: what it is made of, and what it can be told."""

    settings: Settings
    clock: Clock
    database: Database
    readers: Readers
    row_readers: Readers
    broker: Broker
    channels: Channels
    signer: Signer
    verifier: Verifier
    secret: bytes
    linked_entities: list[type[Entity]]
    unique_keys: dict[str, tuple[str, str]]

    @property
    def service(self) -> Assembled:
        """What it runs."""

    @property
    def bindings(self) -> Bindings:
        """Entities and their messages."""

    def job_name(self, function: Callable[..., Any]) -> str:
        """The name under which a job function is known; a programming error when it is not."""

    def wake_relay(self) -> None:
        """There are events to publish."""

    def wake_jobs(self) -> None:
        """A job may be due."""

    def wake_sealer(self) -> None:
        """There are audit rows to seal."""

    def afterwards(self, context: Context, work: Callable[..., Any], arguments: Sequence[Any], key: object) -> None:
        """Begins work behind a transaction that is committed."""

    def arm(self, tenant_id: UUID) -> None:
        """Starts what runs by the clock for a tenant."""

    async def backlog(self) -> dict[str, int]:
        """What waits, by what it waits for."""


class Reading(Protocol):
    """What is read by: a transaction, or a look."""

    custom_fields: dict[str, dict[str, Any]]

    @property
    def runtime(self) -> Host: ...
    @property
    def context(self) -> Context: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def tenant_id(self) -> UUID: ...
    def now(self) -> datetime: ...
    async def fetch(self, statement: str, *values: Any) -> list[Any]: ...
    async def rows(self, statement: str, *values: Any) -> list[Any]: ...


class Writing(Reading, Protocol):
    """What is written by: a transaction."""

    @property
    def session(self) -> AsyncSession: ...
    def render(self, entity: Entity) -> Message: ...
    def stage_rows(self, way: Way, rows: Sequence[Mapping[str, Any]]) -> None: ...
