"""Many calls of one method at once: those of one caller that arrive while a transaction runs share the next one.

A busy integration then pays one commit, one look at the rules and one round of queries for a dozen calls; a caller with
one call at a time waits for nobody. When the shared transaction fails, every call of it is run again alone, so that
none suffers for another.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from google.protobuf.message import Message

from tercet_chassis.boundary import as_message, known, remember, run_unit, same
from tercet_chassis.context import Context
from tercet_chassis.contract import Method
from tercet_chassis.errors import IdempotencyKeyReused, Refusal
from tercet_chassis.principal import Principal
from tercet_chassis.transaction import Running, Tx

log = structlog.get_logger(__name__)
GroupHandler = Callable[[Sequence[Any], Tx], Awaitable[Sequence[Any]]]
Outcome = Message | Exception
# Beyond this a group gains little, and whoever came first waits longer.
LARGEST = 20
# Seconds that a group of writes waits for as many calls as there were of late, and that a line is remembered.
LINGER, CALM = 0.006, 0.05


@dataclass(slots=True, eq=False)
class _Call:
    """One call that waits for its reply."""

    body: bytes
    context: Context
    reply: asyncio.Future[Message]
    digest: bytes = b""
    # Empty for what leaves nothing behind that a repetition could find.
    request_id: str = ""

    def settle(self, outcome: Outcome) -> None:
        """Answers, unless the caller has gone."""
        if self.reply.done():
            return
        if isinstance(outcome, Exception):
            self.reply.set_exception(outcome)
        else:
            self.reply.set_result(outcome)


@dataclass(slots=True)
class _Line:
    """The calls of one method by one caller."""

    method: Method
    handler: GroupHandler
    waiting: list[_Call] = field(default_factory=list)
    _wanted: int = 0
    _enough: asyncio.Future[None] | None = None

    def join(self, call: _Call) -> None:
        """Puts a call at the end."""
        self.waiting.append(call)
        if len(self.waiting) >= self._wanted:
            self._wake()

    async def gather(self, wanted: int, seconds: float) -> bool:
        """Waits until so many calls wait, at most so long; whether any does."""
        if len(self.waiting) < wanted:
            loop = asyncio.get_running_loop()
            self._wanted, self._enough = wanted, loop.create_future()
            timer = loop.call_later(seconds, self._wake)
            await self._enough
            timer.cancel()
            self._enough = None
        return bool(self.waiting)

    def _wake(self) -> None:
        if self._enough is not None and not self._enough.done():
            self._enough.set_result(None)


class Groups:
    """Lines of waiting calls; each line has one transaction at a time."""

    def __init__(self, runtime: Running) -> None:
        self._runtime = runtime
        self._lines: dict[tuple[str, Principal], _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, method: Method, handler: GroupHandler, request: Message, context: Context) -> Message:
        """One call's reply; refuses what the call alone would refuse."""
        key = (method.full_name, context.principal)
        call = _Call(request.SerializeToString(deterministic=True), context, asyncio.get_running_loop().create_future())
        if not method.reads:
            call.request_id = context.request_id
        call.digest = hashlib.sha256(call.body).digest()
        line = self._lines.get(key)
        if line is not None:
            line.join(call)
        else:
            self._lines[key] = line = _Line(method, handler, [call])
            task = asyncio.create_task(self._serve(key, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await call.reply

    async def _serve(self, key: tuple[str, Principal], line: _Line) -> None:
        try:
            crowd = 1
            while await line.gather(1, CALM):
                if not line.method.reads:
                    await line.gather(crowd, LINGER)
                group, line.waiting = line.waiting[:LARGEST], line.waiting[LARGEST:]
                await self._answer(line, group)
                # Callers come back with their next calls: as many as of late are worth a moment, one by itself is not.
                crowd = min((crowd + len(group) + len(line.waiting)) // 2, LARGEST)
        finally:
            del self._lines[key]

    async def _answer(self, line: _Line, group: list[_Call]) -> None:
        # A repetition inside the group runs after its twin, whose reply it then finds.
        first: dict[str, _Call] = {}
        alone: list[_Call] = []
        for call in group:
            name = call.request_id or str(id(call))
            (alone.append(call) if name in first else first.update({name: call}))
        together = list(first.values())
        if len(together) > 1:
            try:
                outcomes = await self._together(line, together)
            except Exception as failed:
                # Whatever it was, it is one call's business: each alone meets it, or does not.
                log.info("group.split", method=line.method.full_name, calls=len(together), cause=type(failed).__name__)
                alone = together + alone
            else:
                for call, outcome in zip(together, outcomes, strict=True):
                    call.settle(outcome)
        else:
            alone = together + alone
        for call in alone:
            call.settle(await self._alone(line, call))

    async def _alone(self, line: _Line, call: _Call) -> Outcome:
        async def unit(request: Message, tx: Tx) -> Any:
            (result,) = await line.handler([request], tx)
            if isinstance(result, Refusal):
                raise result
            return result

        try:
            return await run_unit(
                self._runtime, line.method, unit, line.method.request.FromString(call.body), call.context
            )
        except Exception as failed:
            return failed

    async def _together(self, line: _Line, calls: Sequence[_Call]) -> list[Outcome]:
        # The contexts differ in request id and trace only; rows of the group carry the first one's trace.
        context = replace(calls[0].context, request_id="")
        outcomes: dict[_Call, Outcome] = {}
        async with self._runtime.begun(context) as tx:
            await _known(tx, line.method, calls, outcomes)
            fresh = [call for call in calls if call not in outcomes]
            results = await line.handler([line.method.request.FromString(call.body) for call in fresh], tx)
            await tx.settle()
            kept = []
            for call, result in zip(fresh, results, strict=True):
                outcome = outcomes[call] = result if isinstance(result, Refusal) else as_message(tx, result)
                if call.request_id and isinstance(outcome, Message):
                    kept.append((call.request_id, call.digest, outcome.SerializeToString()))
            remember(tx, line.method, kept)
            await tx.finish()
        return [outcomes[call] for call in calls]


async def _known(tx: Tx, method: Method, calls: Sequence[_Call], outcomes: dict[_Call, Outcome]) -> None:
    """Answers calls that were answered before."""
    named = {call.request_id: call for call in calls if call.request_id}
    for request_id, found in (await known(tx, method, list(named)) if named else {}).items():
        call = named[request_id]
        try:
            outcomes[call] = method.response.FromString(same(found, call.digest))
        except IdempotencyKeyReused as reused:
            outcomes[call] = reused
