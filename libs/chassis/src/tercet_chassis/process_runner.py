"""Starts processes for callers, and takes up those whose runner died: one runner a process at a time, by lease."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from google.protobuf.message import Message
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.boundary import request_hash
from tercet_chassis.context import Context
from tercet_chassis.contract import Method
from tercet_chassis.errors import Cancelled, DeadlineSpent, IdempotencyKeyReused, Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.operations import operation_message
from tercet_chassis.principal import Principal
from tercet_chassis.process import LeaseLost, Process
from tercet_chassis.tables import processes
from tercet_chassis.transaction import Running
from tercet_chassis.waiting import patrol

log = structlog.get_logger(__name__)

ProcessHandler = Callable[[Any, Process], Awaitable[Any]]
LEASE = timedelta(seconds=20)
# How often it is looked for processes whose runner died.
POLL = 2.0
MOST_AT_ONCE = 10
_WATCH = 0.1
_CLAIM = (
    "UPDATE processes SET lease_time = clock_timestamp() + :lease, attempts = attempts + 1 WHERE id IN ("
    " SELECT id FROM processes WHERE state = 'RUNNING' AND (lease_time IS NULL OR lease_time < clock_timestamp())"
    " AND {which} LIMIT :most FOR UPDATE SKIP LOCKED"
    ") RETURNING id, tenant_id, principal, method, request_id, request, attempts"
)
_CLAIM_DUE = text(_CLAIM.format(which="(retry_time IS NULL OR retry_time <= clock_timestamp())"))
_CLAIM_ONE = text(_CLAIM.format(which="id = :id"))


class ProcessStillRuns(Refusal):
    """The caller's time ran out while the process goes on."""

    code = DeadlineSpent.code
    text = "This takes longer than you waited and goes on; repeat with the same Idempotency-Key to get its result."


class ProcessRunner:
    """The processes that run here."""

    def __init__(self, runtime: Running) -> None:
        self._runtime, self._wake = runtime, asyncio.Event()
        self._handlers: dict[str, tuple[Method, ProcessHandler]] = {}
        self._tasks: dict[UUID, asyncio.Task[Message]] = {}
        self._processes: dict[UUID, Process] = {}

    def register(self, method: Method, handler: ProcessHandler) -> None:
        """Makes a process handler known by its method."""
        self._handlers[method.full_name] = (method, handler)

    async def start(self, method: Method, request: Message, context: Context) -> Message:
        """Runs a process for a caller: its result, an operation at once, or the latest step's resource when time runs
        out.
        """
        row, fresh = await self._admit(method, request, context)
        if fresh:
            self._launch(row.id, method, request, context, attempt=1)
        if method.rule.operation:
            return operation_message(row)
        left = context.seconds_left()
        until = None if left is None else time.monotonic() + left * 0.9
        while True:
            task = self._tasks.get(row.id)
            if task is not None:
                return await self._wait(row.id, task, method, until)
            # Another runner has it, or it waits for its next try: then we need not wait for that.
            row = await self._row(row.id)
            if row is None:
                return await self.start(method, request, context)
            if row.state == "DONE":
                return method.response.FromString(bytes(row.response))
            if not await self._claim(_CLAIM_ONE, id=row.id, most=1):
                if until is not None and time.monotonic() > until:
                    raise ProcessStillRuns
                await asyncio.sleep(_WATCH)

    async def _wait(self, id: UUID, task: asyncio.Task[Message], method: Method, until: float | None) -> Message:
        process = self._processes[id]
        done, _ = await asyncio.wait({task}, timeout=None if until is None else max(0.0, until - time.monotonic()))
        if done and not task.cancelled():
            return task.result()
        if isinstance(process.latest, method.response):
            return process.latest
        raise ProcessStillRuns

    def _launch(self, id: UUID, method: Method, request: Message, context: Context, attempt: int) -> None:
        process = self._processes[id] = Process(self._runtime, id, replace(context, deadline=None), attempt)
        task = self._tasks[id] = asyncio.create_task(self._run(process, method, request))
        task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: UUID, task: asyncio.Task[Message]) -> None:
        if self._tasks.get(id) is task:
            del self._tasks[id], self._processes[id]
        # Whoever waits gets the failure from the task; when nobody does, `_run` has logged it.
        _ = task.cancelled() or task.exception()

    async def _admit(self, method: Method, request: Message, context: Context) -> tuple[Any, bool]:
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
        mine = [processes.c[name] == values[name] for name in ("tenant_id", "subject", "method", "request_id")]
        put = insert(processes).values(values).on_conflict_do_nothing(constraint="processes_once").returning(processes)
        while True:
            async with self._runtime.database.connection() as connection:
                made = (await connection.execute(put)).first()
                found = made or (await connection.execute(select(processes).where(*mine))).first()
            # Between the two statements a refused twin may have gone: then it is our turn.
            if found is not None:
                break
        if bytes(found.request_hash) != values["request_hash"]:
            raise IdempotencyKeyReused
        return found, made is not None

    async def _row(self, id: UUID) -> Any:
        async with self._runtime.database.connection() as connection:
            return (await connection.execute(select(processes).where(processes.c.id == id))).first()

    async def _run(self, process: Process, method: Method, request: Message) -> Message:
        beat = asyncio.create_task(self._keep_lease(process, asyncio.current_task()))
        try:
            return await self._guided(process, method, request)
        except LeaseLost:
            log.warning("process.taken_over", method=method.full_name, process_id=str(process.id))
            raise ProcessStillRuns from None
        except Refusal as refusal:
            if refusal.passing:
                await self._later(process)
            raise
        except Exception:
            log.exception("process.failed", method=method.full_name, process_id=str(process.id))
            await self._later(process)
            raise
        finally:
            beat.cancel()

    async def _guided(self, process: Process, method: Method, request: Message) -> Message:
        _, handler = self._handlers[method.full_name]
        try:
            reply: Message = await handler(request, process)
        except Refusal as refusal:
            if refusal.passing:
                raise
            await process.take_back()
            if method.rule.operation:
                await process.end(
                    "CANCELLED" if isinstance(refusal, Cancelled) else "REFUSED",
                    error={"reason": refusal.reason, "message": refusal.message, "metadata": refusal.metadata},
                )
            else:
                # Refusals store nothing: the same key may be tried again when the cause is gone.
                await process.forget()
            raise
        await process.end("DONE", response=reply.SerializeToString(), response_type=reply.DESCRIPTOR.full_name)
        return reply

    async def _later(self, process: Process) -> None:
        delay = timedelta(seconds=min(300, 2 ** min(process.attempt, 9)))
        values = {"lease_time": None, "retry_time": func.clock_timestamp() + delay}
        async with self._runtime.database.connection() as connection:
            await connection.execute(update(processes).where(process.mine).values(**values))
        asyncio.get_running_loop().call_later(delay.total_seconds(), self._wake.set)

    async def _keep_lease(self, process: Process, task: asyncio.Task[Any] | None) -> None:
        values = {"lease_time": func.clock_timestamp() + LEASE}
        between = LEASE.total_seconds() / 4

        async def keep() -> float:
            async with self._runtime.database.connection() as connection:
                await connection.execute(update(processes).where(process.mine).values(**values))
            return between

        # Where that fails, the lease holds for some beats more; if it is lost, the next step notices.
        await asyncio.sleep(between)
        await patrol("process.lease", keep)

    async def run(self) -> None:
        """Picks up processes that nobody runs, until cancelled."""
        await patrol("processes", self._round, self._wake)

    async def _round(self) -> float:
        await self.resume_abandoned()
        return POLL

    async def resume_abandoned(self) -> int:
        """Takes over processes whose lease ended; gives how many."""
        room = MOST_AT_ONCE - len(self._tasks)
        return await self._claim(_CLAIM_DUE, most=room) if room > 0 else 0

    async def _claim(self, claim: Any, **values: Any) -> int:
        async with self._runtime.database.connection() as connection:
            rows = (await connection.execute(claim, {"lease": LEASE, **values})).all()
        for row in rows:
            known = self._handlers.get(row.method)
            if known is None:
                log.error("process.unknown", method=row.method, process_id=str(row.id))
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
        """Stops what runs here and lets the leases go; another runner resumes each from its last step."""
        tasks, held = list(self._tasks.values()), list(self._processes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for process in held:
            async with self._runtime.database.connection() as connection:
                await connection.execute(update(processes).where(process.mine).values(lease_time=None))
