"""Processes: work in named steps, each a transaction of its own or one call, recorded so that it resumes after a crash.

A refusal undoes the steps that name their undoing, in reverse; anything else is tried again later from the step that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from google.protobuf.message import Message
from google.rpc import code_pb2
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.boundary import as_message, request_hash
from tercet_chassis.calls import Calls
from tercet_chassis.context import Context
from tercet_chassis.contract import Method, message_class
from tercet_chassis.entity import Entity
from tercet_chassis.errors import Cancelled, DeadlineSpent, IdempotencyKeyReused, Refusal
from tercet_chassis.ids import derived_id, new_id
from tercet_chassis.principal import Principal
from tercet_chassis.tables import process_steps, processes
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

log = structlog.get_logger(__name__)

ProcessHandler = Callable[[Any, "Process"], Awaitable[Any]]
# What may pass by itself: spent deadlines, reached limits, services that do not answer.
_PASSING = frozenset({code_pb2.DEADLINE_EXCEEDED, code_pb2.RESOURCE_EXHAUSTED, code_pb2.UNAVAILABLE})
LEASE = timedelta(seconds=20)
POLL = 1.0
_CLAIM = text(
    "UPDATE processes SET lease_time = clock_timestamp() + :lease, attempts = attempts + 1 WHERE id IN ("
    " SELECT id FROM processes WHERE state = 'RUNNING' AND (lease_time IS NULL OR lease_time < clock_timestamp())"
    " AND (retry_time IS NULL OR retry_time <= clock_timestamp()) LIMIT 10 FOR UPDATE SKIP LOCKED"
    ") RETURNING id, tenant_id, principal, method, request_id, request, attempts"
)


class ProcessStillRuns(Refusal):
    """The caller's time ran out while the process goes on."""

    code = DeadlineSpent.code
    text = "This takes longer than you waited and goes on; repeat with the same Idempotency-Key to get its result."


class Process:
    """What a process handler works with."""

    def __init__(self, runtime: Runtime, id: UUID, context: Context) -> None:
        self.runtime, self.id, self.context = runtime, id, context
        self._sequence = 0
        self._undo: list[tuple[str, Callable[..., Awaitable[Any]], tuple[Any, ...]]] = []
        self.latest: Any = None

    @property
    def principal(self) -> Principal:
        """Who asked for it."""
        return self.context.principal

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Tx]:
        async with self.runtime.transaction(self.context) as tx:
            yield tx

    async def step(
        self,
        name: str,
        function: Callable[..., Awaitable[Any]],
        *arguments: Any,
        undo: Callable[..., Awaitable[Any]] | None = None,
    ) -> Any:
        """Runs `function(tx, *arguments)` once, in a transaction that also records its result; later runs get the record.

        The result is a message, an entity (recorded as its message) or JSON. `undo(tx, *arguments)` takes it back when a later step is refused.
        """
        if undo is not None:
            self._undo.append((name, undo, arguments))
        self._sequence += 1
        found, result = await self._recorded(name)
        if not found:
            async with self._unit() as tx:
                result = await function(tx, *arguments)
                await tx.flush()
                if isinstance(result, Entity):
                    result = as_message(tx, result)
                await self._record(tx, name, result)
        self.latest = result
        return result

    async def call(self, name: str, service: str, rpc: str, request: Message) -> Any:
        """Calls another service once; the request id follows from process and step, so a repetition gets the same reply."""
        self._sequence += 1
        found, result = await self._recorded(name)
        if not found:
            calls = Calls(self.runtime, replace(self.context, deadline=None))
            result = await calls(service, rpc, request, request_id=str(derived_id(self.id, name)))
            async with self._unit() as tx:
                await self._record(tx, name, result)
        return result

    async def progress(self, done: int, total: int, message: str = "") -> None:
        """Tells how far it is; raises when somebody has cancelled it."""
        async with self.runtime.database.connection() as connection:
            query = (
                update(processes)
                .where(processes.c.id == self.id)
                .values(done_count=done, total_count=total, message=message, lease_time=func.clock_timestamp() + LEASE)
                .returning(processes.c.cancel_requested)
            )
            if (await connection.execute(query)).scalar():
                raise Cancelled

    async def take_back(self) -> None:
        """Undoes recorded steps in reverse, each in a transaction that also removes its record."""
        for name, undo, arguments in reversed(self._undo):
            found, _ = await self._recorded(name)
            if found:
                async with self._unit() as tx:
                    await undo(tx, *arguments)
                    mine = (process_steps.c.process_id == self.id) & (process_steps.c.name == name)
                    await tx.session.execute(delete(process_steps).where(mine))

    async def _recorded(self, name: str) -> tuple[bool, Any]:
        async with self.runtime.database.connection() as connection:
            query = select(process_steps.c.kind, process_steps.c.result).where(
                process_steps.c.process_id == self.id, process_steps.c.name == name
            )
            row = (await connection.execute(query)).first()
        return (False, None) if row is None else (True, _decode(row.kind, bytes(row.result)))

    async def _record(self, tx: Tx, name: str, result: Any) -> None:
        kind, body = _encode(result)
        await tx.session.execute(
            insert(process_steps).values(process_id=self.id, name=name, sequence=self._sequence, kind=kind, result=body)
        )


def _encode(result: Any) -> tuple[str, bytes]:
    if isinstance(result, Message):
        return result.DESCRIPTOR.full_name, result.SerializeToString()
    return "json", json.dumps(result, ensure_ascii=False).encode()


def _decode(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind == "json" else message_class(kind).FromString(body)


class ProcessRunner:
    """Starts processes for callers and picks up those whose runner died."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._handlers: dict[str, tuple[Method, ProcessHandler]] = {}
        self._tasks: dict[UUID, asyncio.Task[Message]] = {}

    def register(self, method: Method, handler: ProcessHandler) -> None:
        """Makes a process handler known by its method."""
        self._handlers[method.full_name] = (method, handler)

    async def start(self, method: Method, request: Message, context: Context) -> Message:
        """Runs a process for a caller: its result, an operation at once, or the latest step's resource when time runs out."""
        id, state = await self._admit(method, request, context)
        if isinstance(state, Message):
            return state
        task = self._tasks.get(id) or self._launch(id, method, request, context, attempts=1)
        if method.rule.operation:
            from tercet_chassis.operations import operation_of

            return await operation_of(self._runtime, id)
        left = context.seconds_left()
        done, _ = await asyncio.wait({task}, timeout=left * 0.9 if left else None)
        if done:
            return await task
        interim = getattr(task, "process", None)
        if interim is not None and isinstance(interim.latest, method.response):
            return interim.latest
        raise ProcessStillRuns

    def _launch(
        self, id: UUID, method: Method, request: Message, context: Context, attempts: int
    ) -> asyncio.Task[Message]:
        process = Process(self._runtime, id, replace(context, deadline=None))
        task = asyncio.create_task(self._run(process, method, request, attempts))
        task.process = process  # type: ignore[attr-defined]
        self._tasks[id] = task
        task.add_done_callback(lambda done: (self._tasks.pop(id, None), done.cancelled() or done.exception()))
        return task

    async def _admit(self, method: Method, request: Message, context: Context) -> tuple[UUID, Message | None]:
        id = new_id()
        values = {
            "id": id,
            "tenant_id": context.tenant_id,
            "principal": context.principal.claims(),
            "subject": context.principal.subject,
            "method": method.full_name,
            "request_id": context.request_id or str(id),
            "request_hash": request_hash(request),
            "request": request.SerializeToString(),
            "operation": method.rule.operation,
            "lease_time": func.clock_timestamp() + LEASE,
            "attempts": 1,
        }
        async with self._runtime.database.connection() as connection:
            made = await connection.execute(
                insert(processes)
                .values(values)
                .on_conflict_do_nothing(constraint="processes_once")
                .returning(processes.c.id)
            )
            if made.first() is not None:
                return id, None
            mine = (
                (processes.c.tenant_id == context.tenant_id)
                & (processes.c.subject == values["subject"])
                & (processes.c.method == method.full_name)
                & (processes.c.request_id == values["request_id"])
            )
            row = (await connection.execute(select(processes).where(mine))).one()
        if bytes(row.request_hash) != values["request_hash"]:
            raise IdempotencyKeyReused
        if method.rule.operation:
            from tercet_chassis.operations import operation_of

            return row.id, await operation_of(self._runtime, row.id)
        return row.id, method.response.FromString(bytes(row.response)) if row.state == "DONE" else None

    async def _run(self, process: Process, method: Method, request: Message, attempts: int) -> Message:
        _, handler = self._handlers[method.full_name]
        beat = asyncio.create_task(self._keep_lease(process.id))
        try:
            reply: Message = await handler(request, process)
            await self._end(process.id, "DONE", response=reply.SerializeToString())
            return reply
        except Refusal as refusal:
            if refusal.code in _PASSING:
                await self._later(process.id, attempts)
                raise
            await process.take_back()
            await self._refused(process.id, method, refusal)
            raise
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("process.failed", method=method.full_name, process_id=str(process.id))
            await self._later(process.id, attempts)
            raise
        finally:
            beat.cancel()

    async def _refused(self, id: UUID, method: Method, refusal: Refusal) -> None:
        if method.rule.operation:
            error = {
                "code": getattr(refusal, "remote_code", refusal.code),
                "reason": refusal.reason,
                "message": refusal.message,
                "metadata": refusal.metadata,
                "violations": [[v.field, v.reason, v.message] for v in refusal.violations],
            }
            await self._end(id, "CANCELLED" if isinstance(refusal, Cancelled) else "REFUSED", error=error)
            return
        # Refusals store nothing: the same key may be tried again when the cause is gone.
        async with self._runtime.database.connection() as connection:
            await connection.execute(delete(process_steps).where(process_steps.c.process_id == id))
            await connection.execute(delete(processes).where(processes.c.id == id))

    async def _end(self, id: UUID, state: str, **values: Any) -> None:
        async with self._runtime.database.connection() as connection:
            ended = {"state": state, "end_time": func.clock_timestamp(), "lease_time": None, **values}
            await connection.execute(update(processes).where(processes.c.id == id).values(**ended))

    async def _later(self, id: UUID, attempts: int) -> None:
        delay = timedelta(seconds=min(300, 2 ** min(attempts, 9)))
        async with self._runtime.database.connection() as connection:
            values = {"lease_time": None, "retry_time": func.clock_timestamp() + delay}
            await connection.execute(update(processes).where(processes.c.id == id).values(**values))

    async def _keep_lease(self, id: UUID) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with contextlib.suppress(Exception):
                async with self._runtime.database.connection() as connection:
                    values = {"lease_time": func.clock_timestamp() + LEASE}
                    await connection.execute(update(processes).where(processes.c.id == id).values(**values))

    async def run(self) -> None:
        """Picks up processes that nobody runs, until cancelled."""
        while True:
            try:
                await self.resume_abandoned()
            except asyncio.CancelledError:
                raise
            except Exception as fault:
                log.warning("processes.interrupted", cause=repr(fault))
            await asyncio.sleep(POLL)

    async def resume_abandoned(self) -> int:
        """Takes over processes whose lease ended; gives how many."""
        async with self._runtime.database.connection() as connection:
            rows = (await connection.execute(_CLAIM, {"lease": LEASE})).all()
        for row in rows:
            known = self._handlers.get(row.method)
            if known is None or row.id in self._tasks:
                continue
            method, _ = known
            context = Context(
                principal=Principal.from_claims(row.principal),
                method=method.full_name,
                permission=method.rule.permission,
                request_id=row.request_id,
            )
            self._launch(row.id, method, method.request.FromString(bytes(row.request)), context, row.attempts)
        return len(rows)

    async def drain(self) -> None:
        """Stops what runs here; another process resumes it from its last step."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
