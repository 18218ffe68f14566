"""What a running service is made of, and its life: start, ready, drain, stop."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, text

from tercet_chassis import tables, telemetry
from tercet_chassis.audit_seal import Sealer
from tercet_chassis.binding import Bindings
from tercet_chassis.broker import Broker
from tercet_chassis.channels import Channels
from tercet_chassis.clock import Clock
from tercet_chassis.context import IN_TRANSACTION, Context
from tercet_chassis.copies import linked
from tercet_chassis.database import NOBODY, Database
from tercet_chassis.dispatch import Dispatcher
from tercet_chassis.entity import Entity
from tercet_chassis.faults import as_refusals
from tercet_chassis.groups import Groups
from tercet_chassis.instants import as_numbers
from tercet_chassis.jobs import JobRunner
from tercet_chassis.outside import Background, Outside
from tercet_chassis.process_runner import ProcessRunner
from tercet_chassis.readers import Readers
from tercet_chassis.relay import Relay
from tercet_chassis.server import Server
from tercet_chassis.service import SERVICES, Service
from tercet_chassis.settings import Settings
from tercet_chassis.tokens import Signer, Verifier
from tercet_chassis.transaction import Tx
from tercet_chassis.waiting import patrol

log = structlog.get_logger(__name__)
_HOUSEKEEPING = 3600.0
_SWEEPS = (
    "DELETE FROM idempotency WHERE create_time < now() - interval '24 hours'",
    # Longer than the stream keeps events, so that none is taken for new.
    "DELETE FROM inbox WHERE create_time < now() - interval '30 days'",
    "DELETE FROM process_steps s USING processes p"
    " WHERE p.id = s.process_id AND p.end_time < now() - interval '30 days'",
    "DELETE FROM processes WHERE end_time < now() - interval '30 days'",
    # Pieces of uploads that never ended.
    "DELETE FROM file_chunks c WHERE create_time < now() - interval '1 day'"
    " AND NOT EXISTS (SELECT 1 FROM files f WHERE f.tenant_id = c.tenant_id AND f.id = c.file_id)",
)
_WAITING = (
    "SELECT (SELECT count(*) FROM outbox WHERE publish_time IS NULL),"
    " (SELECT count(*) FROM jobs WHERE state = 'WAITING' AND due_time <= $1),"
    " (SELECT count(*) FROM processes WHERE state = 'RUNNING')"
)


class TrigramsBlind(SystemExit):
    """The database's locale hides Chinese from text indexes."""


class Runtime:
    """One running service. Everything in it belongs to one event loop."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service, self.settings = service.assemble(), settings
        # Whoever moves it may have made a job due.
        self.clock = Clock(self.wake_jobs)
        self.database = Database(
            settings.database_url,
            pool_size=settings.pool_size,
            overflow=settings.pool_overflow,
            name=f"tercet-{service.name}",
        )
        self.broker = Broker(
            settings.nats_url,
            f"tercet-{service.name}",
            replicas=settings.stream_replicas,
            max_bytes=settings.stream_max_bytes,
        )
        self.signer = Signer(service.name, settings.keys_dir)
        self.verifier = Verifier(settings.keys_dir)
        self.channels = Channels(settings.peers)
        self.relay = Relay(self)
        self.jobs = JobRunner(self, service.jobs)
        self.processes = ProcessRunner(self)
        self.background = Background()
        self.groups = Groups(self)
        self.readers = Readers(self.database.engine)
        self.row_readers = Readers(self.database.engine, prepare=as_numbers)
        self.dispatcher = Dispatcher(self, service.consumers, SERVICES)
        self.sealer = Sealer(self.database)
        self.server = Server(self, service.methods, self.groups, self.processes)
        self.linked_entities = linked(service.entities)
        self.secret = hashlib.sha256(f"derived|{self.signer.secret}".encode()).digest()
        self.unique_keys = _unique_keys(service.entities)
        self._tasks: list[asyncio.Task[None]] = []
        for bound in service.methods.values():
            if bound.steps is not None:
                self.processes.register(bound.method, bound.steps)

    @property
    def bindings(self) -> Bindings:
        """Entities and their messages."""
        return self.service.bindings

    @asynccontextmanager
    async def begun(self, context: Context) -> AsyncIterator[Tx]:
        """A transaction of the context's tenant that commits when the block ends; the block finishes the unit."""
        inside = IN_TRANSACTION.set(True)
        try:
            with as_refusals(self.unique_keys):
                async with self.database.begun(context.tenant_id or NOBODY) as statements:
                    tx = Tx(self, statements, context)
                    try:
                        yield tx
                    finally:
                        await tx.close()
        finally:
            IN_TRANSACTION.reset(inside)
        tx.committed()

    @asynccontextmanager
    async def transaction(self, context: Context) -> AsyncIterator[Tx]:
        """One unit of work outside a request: for consumers, jobs and process steps."""
        async with self.begun(context) as tx:
            yield tx
            await tx.finish()

    def job_name(self, function: Callable[..., Any]) -> str:
        """The name under which a job function is known; a programming error when it is not."""
        return next(job.name for job in self.service.jobs.values() if job.function is function)

    def wake_relay(self) -> None:
        """There are events to publish."""
        self.relay.wake()

    def wake_jobs(self) -> None:
        """A job may be due."""
        self.jobs.wake()

    def wake_sealer(self) -> None:
        """There are audit rows to seal."""
        self.sealer.waiting.set()

    def arm(self, tenant_id: UUID) -> None:
        """Starts what runs by the clock for a tenant, or puts it near after the clock was."""
        self.background.begin("jobs.arm", lambda: self.jobs.arm(tenant_id))

    def afterwards(self, context: Context, work: Callable[..., Any], arguments: Sequence[Any], key: object) -> None:
        """Begins work behind a transaction that is committed."""
        self.background.begin(context.method, lambda: work(Outside(self, context), *arguments), key)

    async def start(self) -> None:
        """Connects, listens, and takes up what was left: ready when this returns."""
        await self._check_database()
        await self._restore_clock()
        await self.broker.connect()
        await self.broker.ensure_stream(self.settings.service)
        await self.dispatcher.prepare()
        await self.server.start()
        await self.jobs.arm()
        loops = (
            self.relay.run,
            self.dispatcher.run,
            self.jobs.run,
            self.processes.run,
            self.sealer.run,
            self.watch,
            self._housekeeping,
        )
        self._tasks += [asyncio.create_task(loop(), name=loop.__qualname__) for loop in loops]
        await self.server.set_ready(True)
        log.info("service.ready", grpc_port=self.server.port)

    async def stop(self, grace: float = 25.0) -> None:
        """Leaves the balancer, ends running calls, then background work, then connections."""
        end = time.monotonic() + grace
        await self.server.stop(grace)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.processes.drain()
        await self.background.stop(max(1.0, end - time.monotonic()))
        await self.channels.close()
        await self.broker.close()
        await self.readers.close()
        await self.row_readers.close()
        await self.database.close()

    async def _check_database(self) -> None:
        async with self.database.connection() as connection:
            if not (await connection.execute(text("SELECT show_trgm('尚祈科技') <> '{}'"))).scalar():
                raise TrigramsBlind(
                    "the database's LC_CTYPE hides Chinese from text search; create it with LC_CTYPE C.UTF-8"
                )

    async def _restore_clock(self) -> None:
        if not self.settings.development:
            return
        async with self.database.connection() as connection:
            moment = (await connection.execute(select(tables.business_clock.c.virtual_time))).scalar()
        if moment is not None:
            self.clock.advance(moment)

    async def _housekeeping(self) -> None:
        await asyncio.sleep(_HOUSEKEEPING)
        await patrol("housekeeping", self._sweep)

    async def _sweep(self) -> float:
        await self.relay.forget()
        async with self.database.connection() as connection:
            for statement in _SWEEPS:
                await connection.execute(text(statement))
        return _HOUSEKEEPING

    async def backlog(self) -> dict[str, int]:
        """What waits: unpublished events, unhandled ones, due jobs, running processes. Refuses while the database or
        the broker is away.
        """
        with as_refusals(self.unique_keys):
            async with self.database.begun() as statements:
                ((events, due, running),) = await statements.fetch(_WAITING, self.clock.now())
        return {
            "unpublished_events": events,
            "unhandled_events": await self.dispatcher.pending(),
            "due_jobs": due,
            "running_processes": running,
        }

    async def watch(self) -> None:
        """Keeps the gauges of what waits true, until cancelled."""
        await patrol("backlog", self._gauge)

    async def _gauge(self) -> float:
        name, waits = self.settings.service, await self.backlog()
        telemetry.OUTBOX_ROWS.labels(name).set(waits["unpublished_events"])
        telemetry.CONSUMER_ROWS.labels(name).set(waits["unhandled_events"])
        telemetry.JOBS_DUE.labels(name).set(waits["due_jobs"])
        return 10.0


def _unique_keys(entities: list[type[Entity]]) -> dict[str, tuple[str, str]]:
    keys: dict[str, tuple[str, str]] = {}
    for entity in entities:
        table = entity.__table__
        for constraint in table.constraints:
            if constraint.name and "field" in constraint.info:
                keys[str(constraint.name)] = (str(constraint.info["field"]), entity.__name__)
        for index_ in table.indexes:
            if index_.unique and index_.name:
                keys[str(index_.name)] = (str(index_.info.get("field", "id")), entity.__name__)
    return keys
