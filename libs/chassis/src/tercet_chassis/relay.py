"""The relay takes committed events from the outbox to the stream, in order, at least once; one a database at a time."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import delete, func, select, text, update

from tercet_chassis.tables import outbox
from tercet_chassis.waiting import woken

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tercet_chassis.host import Host

log = structlog.get_logger(__name__)

BATCH = 500
POLL = 0.25
KEEP = timedelta(days=7)
# JetStream acknowledges before it has synced to disk: after it was away, what it took last is published once more.
UNSURE = timedelta(minutes=2)
_LOCK = 7_300_001
# Commits that follow each other so closely are published together; one after a pause waits for nobody.
GATHER = 0.02
_OLDEST = (
    select(outbox.c.id, outbox.c.subject, outbox.c.payload, outbox.c.headers, outbox.c.event_id)
    .where(outbox.c.publish_time.is_(None))
    .order_by(outbox.c.id)
    .limit(BATCH)
)
_PUBLISHED = text("UPDATE outbox SET publish_time = clock_timestamp() WHERE id = ANY(:ids)")


class Relay:
    """Woken after each commit in this process, and by a short poll for commits elsewhere."""

    def __init__(self, runtime: Host) -> None:
        self._runtime = runtime
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something to publish."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Loses nothing when the database or the broker goes away: it begins anew."""
        while True:
            try:
                await self._lead()
            except Exception as fault:
                log.warning("relay.interrupted", cause=repr(fault))
                await asyncio.sleep(0.5)

    async def _lead(self) -> None:
        # The lock belongs to the connection: when this process dies, another replica's relay takes over. Should two
        # lead for a moment, the stream drops what it has already.
        async with self._runtime.database.engine.connect() as raw:
            connection = await raw.execution_options(isolation_level="AUTOCOMMIT")
            while not (await connection.execute(select(func.pg_try_advisory_lock(_LOCK)))).scalar():
                await asyncio.sleep(1.0)
            try:
                await self._runtime.broker.ensure_stream(self._runtime.settings.service)
                await self._follow(connection)
            finally:
                # Whatever ended it, the lock must not go back to the pool with its connection.
                await connection.invalidate()

    async def _follow(self, connection: AsyncConnection) -> None:
        reconnections = self._runtime.broker.reconnections
        while True:
            self._wake.clear()
            if reconnections != self._runtime.broker.reconnections:
                await self.doubt()
                reconnections = self._runtime.broker.reconnections
            began = time.monotonic()
            # On the connection that holds the lock: whoever has lost it publishes nothing.
            published = await self.publish_once(connection)
            if published == BATCH:
                continue
            if published:
                await asyncio.sleep(began + GATHER - time.monotonic())
            await woken(self._wake, POLL)

    async def publish_once(self, connection: AsyncConnection) -> int:
        """Publishes the oldest unpublished events; gives how many. Raises when the stream did not take them all."""
        rows = (await connection.execute(_OLDEST)).all()
        if not rows:
            return 0
        taken = await self._runtime.broker.publish(
            [(row.subject, row.payload, {**row.headers, "Nats-Msg-Id": str(row.event_id)}) for row in rows]
        )
        done = [row.id for row, ok in zip(rows, taken, strict=True) if ok]
        if done:
            await connection.execute(_PUBLISHED, {"ids": done})
        if len(done) < len(rows):
            raise ConnectionError(f"{len(rows) - len(done)} events were not taken by the stream")
        return len(rows)

    async def doubt(self) -> int:
        """Has what was published last published once more, since the stream may have lost it; gives how many."""
        async with self._runtime.database.connection() as connection:
            recent = outbox.c.publish_time > func.clock_timestamp() - UNSURE
            again = await connection.execute(
                update(outbox).where(recent, outbox.c.create_time > func.now() - KEEP).values(publish_time=None)
            )
        log.info("relay.doubted", events=again.rowcount)
        return int(again.rowcount)

    async def pending(self) -> int:
        """Events that wait to be published."""
        async with self._runtime.database.connection() as connection:
            query = select(func.count()).select_from(outbox).where(outbox.c.publish_time.is_(None))
            return int((await connection.execute(query)).scalar_one())

    async def forget(self) -> None:
        """Removes published events older than a week."""
        async with self._runtime.database.connection() as connection:
            old = (outbox.c.publish_time.is_not(None)) & (outbox.c.create_time < func.now() - KEEP)
            await connection.execute(delete(outbox).where(old))
