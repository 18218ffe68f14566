"""Processes: work in named steps, each a transaction of its own or one call, recorded so that it resumes after a crash.

A refusal undoes the steps that name their undoing, in reverse; anything else is tried again later from the step that
failed. Who runs a process holds its lease, and each step proves in its own transaction that the lease is still held: a
runner that was away too long finds another's number and stops without a trace.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.boundary import as_message
from tercet_chassis.calls import Calls
from tercet_chassis.context import Context
from tercet_chassis.contract import message_class
from tercet_chassis.entity import Entity
from tercet_chassis.errors import Cancelled
from tercet_chassis.faults import again_after_races
from tercet_chassis.ids import derived_id
from tercet_chassis.principal import Principal
from tercet_chassis.tables import process_steps, processes
from tercet_chassis.transaction import Running, Tx

StepFunction = Callable[..., Awaitable[Any]]


class LeaseLost(Exception):
    """Another runner has taken the process over; this one must do nothing more."""


class Process:
    """What a process handler works with."""

    def __init__(self, runtime: Running, id: UUID, context: Context, attempt: int) -> None:
        self.runtime, self.id, self.context, self.attempt = runtime, id, context, attempt
        self._sequence = 0
        self._undo: list[tuple[str, StepFunction, tuple[Any, ...]]] = []
        self.latest: Any = None

    @property
    def principal(self) -> Principal:
        """Who asked for it."""
        return self.context.principal

    @property
    def mine(self) -> Any:
        """The condition that this runner still holds the process."""
        running = (processes.c.id == self.id) & (processes.c.state == "RUNNING")
        return running & (processes.c.attempts == self.attempt)

    async def step(self, name: str, function: StepFunction, *arguments: Any, undo: StepFunction | None = None) -> Any:
        """Runs `function(tx, *arguments)` once, in a transaction that also records its result; later runs get the
        record.

        The result is a message, an entity (recorded as its message) or JSON. `undo(tx, *arguments)` takes it back
        when a
        later step is refused.
        """
        if undo is not None:
            self._undo.append((name, undo, arguments))
        self._sequence += 1
        found, result = await self._recorded(name)
        if not found:
            result = await again_after_races(lambda: self._take(name, function, arguments))
        self.latest = result
        return result

    async def _take(self, name: str, function: StepFunction, arguments: tuple[Any, ...]) -> Any:
        async with self.runtime.transaction(self.context) as tx:
            await self._hold(tx)
            result = await function(tx, *arguments)
            await tx.flush()
            if isinstance(result, Entity):
                result = as_message(tx, result)
            await self._record(tx, name, result)
        return result

    async def call(self, name: str, service: str, rpc: str, request: Message, *, timeout: float | None = None) -> Any:
        """Calls another service once; the request id follows from process and step, so a repetition gets the same
        reply.
        """
        self._sequence += 1
        found, result = await self._recorded(name)
        if not found:
            calls = Calls(self.runtime, replace(self.context, deadline=None))
            request_id = str(derived_id(self.id, name))
            result = await calls(service, rpc, request, request_id=request_id, timeout=timeout)
            async with self.runtime.transaction(self.context) as tx:
                await self._hold(tx)
                await self._record(tx, name, result)
        return result

    async def progress(self, done: int, total: int, message: str = "") -> None:
        """Tells how far it is; raises when somebody has cancelled it. Called between steps."""
        async with self.runtime.database.connection() as connection:
            values = {"done_count": done, "total_count": total, "message": message}
            query = update(processes).where(self.mine).values(values).returning(processes.c.cancel_requested)
            row = (await connection.execute(query)).first()
        if row is None:
            raise LeaseLost
        if row.cancel_requested:
            raise Cancelled

    async def take_back(self) -> None:
        """Undoes recorded steps in reverse, each in a transaction that also removes its record."""
        for name, undo, arguments in reversed(self._undo):
            found, _ = await self._recorded(name)
            if found:
                await again_after_races(lambda: self._undone(name, undo, arguments))  # noqa: B023 - awaited at once

    async def _undone(self, name: str, undo: StepFunction, arguments: tuple[Any, ...]) -> None:
        async with self.runtime.transaction(self.context) as tx:
            await self._hold(tx)
            await undo(tx, *arguments)
            step = (process_steps.c.process_id == self.id) & (process_steps.c.name == name)
            await tx.session.execute(delete(process_steps).where(step))

    async def _hold(self, tx: Tx) -> None:
        # This lock stops nobody but a claim, which passes over what is locked.
        query = select(processes.c.id).where(self.mine).with_for_update(read=True, key_share=True)
        if (await tx.session.execute(query)).first() is None:
            raise LeaseLost

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

    async def end(self, state: str, **values: Any) -> None:
        """Writes the end down; raises when another runner has taken over."""
        async with self.runtime.database.connection() as connection:
            ended = {"state": state, "end_time": func.clock_timestamp(), "lease_time": None, **values}
            done = await connection.execute(
                update(processes).where(self.mine).values(**ended).returning(processes.c.id)
            )
            if done.first() is None:
                raise LeaseLost

    async def forget(self) -> None:
        """Removes process and steps, so that the same request may be tried anew."""
        async with self.runtime.database.connection() as connection:
            gone = await connection.execute(delete(processes).where(self.mine).returning(processes.c.id))
            if gone.first() is None:
                raise LeaseLost
            await connection.execute(delete(process_steps).where(process_steps.c.process_id == self.id))


def _encode(result: Any) -> tuple[str, bytes]:
    if isinstance(result, Message):
        return result.DESCRIPTOR.full_name, result.SerializeToString()
    return "json", json.dumps(result, ensure_ascii=False).encode()


def _decode(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind == "json" else message_class(kind).FromString(body)
