"""Unary calls that are made of a service in the same moment travel as one (ADR 0028). gRPC takes more for a short call
than the service does; a batch pays it once. A lone call goes as ever, and so does each call of a batch that broke.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
from google.rpc import status_pb2

from tercet.chassis.v1.call_batch_pb2 import CallBatch, CallBatchReplies
from tercet_chassis.errors import InvalidArgument
from tercet_chassis.status import failed_call

PATH = "/tercet.chassis.v1.CallBatch/Run"
MOST_CALLS = 64
# Bytes of a request from which gRPC's work for a call no longer counts.
_LARGE = 32 << 10
# Bytes of replies beyond which those that are ready go in several messages.
_FULL = 1 << 20
_CANCELLED, _LATE, _AWAY = (
    grpc.StatusCode[name].value[0] for name in ("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE")
)
# Seconds that a call of a busy process waits for others at most.
_LINGER = 0.001

Metadata = Sequence[tuple[str, str]]
Answer = Callable[[str, bytes, Mapping[str, str], float], Awaitable[bytes | status_pb2.Status]]


class TooManyCalls(InvalidArgument):
    """A batch has more calls than a service takes at once."""

    text = "A batch has at most {most} calls; send the others in another one."


class _Call:
    """A call that waits for its moment to pass, then for its reply; None for one that is to go alone."""

    __slots__ = ("left", "message", "reply")

    def __init__(self, message: CallBatch.Call, reply: asyncio.Future[bytes | None]) -> None:
        self.message, self.reply, self.left = message, reply, False

    def settle(self, response: bytes | None) -> None:
        """Ends the wait, if anybody still does."""
        if not self.reply.done():
            self.reply.set_result(response)

    def fail(self, status: status_pb2.Status) -> None:
        """Ends the wait with a refusal."""
        if not self.reply.done():
            self.reply.set_exception(failed_call(status))


class Line:
    """The unary calls of this process to one service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel: Any = channel
        self._batches: Any = self._channel.unary_stream(PATH)
        self._alone: dict[str, Any] = {}
        self._waiting: list[_Call] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        # Set while calls wait; lingering, unless they leave with this round of the loop.
        self._leaving: asyncio.Handle | None = None
        self._lingers = False

    async def call(self, path: str, request: bytes, metadata: Metadata, seconds: float) -> bytes:
        """The response's bytes; raises AioRpcError for whatever else a call ends with."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if len(request) >= _LARGE:
            return await self._by_itself(path, request, metadata, seconds)
        message = CallBatch.Call(path=path, metadata=dict(metadata), request=request, timeout_ms=int(seconds * 1000))
        call = _Call(message, loop.create_future())
        self._waiting.append(call)
        self._depart()
        try:
            response = await call.reply
            if response is None:
                response = await self._by_itself(path, request, metadata, began + seconds - loop.time())
            return response
        finally:
            self._under_way -= call.left

    async def _by_itself(self, path: str, request: bytes, metadata: Metadata, seconds: float) -> bytes:
        method = self._alone.get(path)
        if method is None:
            method = self._alone[path] = self._channel.unary_unary(path)
        response: bytes = await method(request, metadata=metadata, timeout=seconds)
        return response

    def _depart(self) -> None:
        # Where as many wait as are away, or hardly any is away, they leave with whoever is served in this round.
        now = self._under_way < 2 or len(self._waiting) >= self._under_way
        loop = asyncio.get_running_loop()
        if self._leaving is None:
            self._lingers = not now
            self._leaving = loop.call_soon(self._leave) if now else loop.call_later(_LINGER, self._leave)
        elif now and self._lingers:
            self._lingers = False
            self._leaving.cancel()
            self._leaving = loop.call_soon(self._leave)

    def _leave(self) -> None:
        calls, self._waiting, self._leaving = self._waiting, [], None
        self._under_way += len(calls)
        for call in calls:
            call.left = True
        if len(calls) == 1:
            calls[0].settle(None)
            return
        for first in range(0, len(calls), MOST_CALLS):
            task = asyncio.create_task(self._run(calls[first : first + MOST_CALLS]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, calls: Sequence[_Call]) -> None:
        batch = CallBatch(calls=[call.message for call in calls])
        seconds = max(call.message.timeout_ms for call in calls) / 1000
        try:
            async for replies in self._batches(batch.SerializeToString(), timeout=seconds):
                for reply in CallBatchReplies.FromString(replies).replies:
                    if not reply.HasField("status"):
                        calls[reply.index].settle(reply.response)
                        continue
                    status = status_pb2.Status.FromString(reply.status)
                    # What may pass is tried again by itself below, as gRPC tries a lone call again.
                    if status.code not in (_CANCELLED, _AWAY):
                        calls[reply.index].fail(status)
        except grpc.aio.AioRpcError as broken:
            if broken.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                for call in calls:
                    call.fail(status_pb2.Status(code=_LATE, message=broken.details() or ""))
        finally:
            # Every write has its key.
            for call in calls:
                call.settle(None)


async def answered(answer: Answer, body: bytes) -> AsyncIterator[bytes]:
    """Runs the calls of a batch beside each other; gives replies as they become ready. Whoever stops listening ends
    what is still running. Refuses a batch that is too large.
    """
    batch = CallBatch.FromString(body)
    if len(batch.calls) > MOST_CALLS:
        raise TooManyCalls(most=str(MOST_CALLS))
    ready: list[CallBatchReplies.Reply] = []
    some = asyncio.Event()

    async def run(index: int, call: CallBatch.Call) -> None:
        seconds = call.timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                end = await answer(call.path, call.request, call.metadata, seconds)
        except TimeoutError:
            end = status_pb2.Status(code=_LATE, message="Deadline Exceeded")
        except asyncio.CancelledError:
            end = status_pb2.Status(code=_CANCELLED, message="The service gave the call up.")
        reply = CallBatchReplies.Reply(index=index)
        if isinstance(end, bytes):
            reply.response = end
        else:
            reply.status = end.SerializeToString()
        ready.append(reply)
        some.set()

    running = [asyncio.create_task(run(index, call)) for index, call in enumerate(batch.calls)]
    try:
        left = len(running)
        while left:
            await some.wait()
            some.clear()
            ended, ready[:] = list(ready), []
            left -= len(ended)
            for replies in _messages(ended):
                yield replies
    finally:
        for task in running:
            task.cancel()


def _messages(replies: Sequence[CallBatchReplies.Reply]) -> list[bytes]:
    if sum(len(reply.response) for reply in replies) < _FULL:
        return [CallBatchReplies(replies=replies).SerializeToString()]
    return [CallBatchReplies(replies=[reply]).SerializeToString() for reply in replies]
