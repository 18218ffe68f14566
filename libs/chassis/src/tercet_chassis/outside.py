"""Work behind a transaction: begun once that is committed, in none of its own, with nobody waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from google.protobuf.message import Message
from sqlalchemy.exc import SQLAlchemyError

from tercet_chassis.calls import Calls
from tercet_chassis.context import Context
from tercet_chassis.errors import Refusal

if TYPE_CHECKING:
    from tercet_chassis.transaction import Running, Tx

log = structlog.get_logger(__name__)


class Outside:
    """A tenant's rows and the other services, outside of any transaction and request."""

    def __init__(self, runtime: Running, context: Context) -> None:
        self._runtime, self._context = runtime, context

    @property
    def tenant_id(self) -> UUID | None:
        """Whose work it is."""
        return self._context.tenant_id

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction in the tenant."""
        return self._runtime.transaction(self._context)

    def now(self) -> datetime:
        """Business time."""
        return self._runtime.clock.now()

    async def call(self, service: str, rpc: str, request: Message, *, request_id: str = "") -> Any:
        """Calls another service; the same request id again takes effect once."""
        return await Calls(self._runtime, self._context)(service, rpc, request, request_id=request_id)


class Background:
    """What is under way behind transactions in this process."""

    def __init__(self) -> None:
        self._running: dict[object, asyncio.Task[None]] = {}

    def begin(self, name: str, work: Callable[[], Coroutine[Any, Any, None]], key: object = None) -> None:
        """Begins a piece of work, and not a second one beside it under the same key."""
        key = key or object()
        if key not in self._running:
            task = self._running[key] = asyncio.create_task(_guarded(name, work), name=name)
            task.add_done_callback(lambda _: self._running.pop(key))

    async def idle(self) -> None:
        """Until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def stop(self, seconds: float) -> None:
        """Lets what is under way end for so long, and gives up the rest, which its lease or job has done again."""
        if running := list(self._running.values()):
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _guarded(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except (Refusal, SQLAlchemyError, OSError) as away:
        log.warning("background.interrupted", work=name, cause=type(away).__name__)
    # Whatever it was, nobody else hears of it.
    except Exception:
        log.exception("background.failed", work=name)
