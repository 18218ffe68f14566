"""The relay takes committed events from the outbox to the stream, in order, at least once; one a database at a time.

What units told in bulk goes in a line of its own, at a pace that leaves the machine to those who write it and the
consumers to what people do meanwhile. A resource may stand in both lines: projections take its newest version.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete, func, select, update

from tercet_chassis.database import Statements
from tercet_chassis.tables import outbox
from tercet_chassis.waiting import patrol, woken

if TYPE_CHECKING:
    from tercet_chassis.host import Host

log = structlog.get_logger(__name__)

BATCH = 500
# What other replicas commit is looked for so often: longer each time in which nothing was found.
POLL, LONGEST_POLL = 0.25, 1.0
KEEP = timedelta(days=7)
# JetStream acknowledges before it has synced to disk: after it was away, what it took last is published once more.
UNSURE = timedelta(minutes=2)
RELAY_LOCK = 7_300_001
# Commits that follow each other so closely are published together; one after a pause waits for nobody.
GATHER = 0.02
# After each batch of what was told in bulk the next one waits so many seconds: while more is being written, and after.
WRITING, WRITTEN = 2.0, 0.25
# With so many waiting it is published as fast as it goes, however much is being written: nobody may fall far behind.
MOST_WAITING = 50_000


# Asked for after each commit, so past SQLAlchemy: a statement costs a fifth.
_OLDEST = (
    "SELECT id, subject, payload, headers, event_id FROM outbox WHERE publish_time IS NULL AND bulk = {} "
    f"ORDER BY id LIMIT {BATCH}"
)
_FIRST, _BULK = _OLDEST.format("false"), _OLDEST.format("true")
_NEWEST = "SELECT max(id) FROM outbox WHERE publish_time IS NULL AND bulk"
_PUBLISHED = "UPDATE outbox SET publish_time = clock_timestamp() WHERE id = ANY($1::bigint[])"


class Relay:
    """Woken after each commit in this process, and by a short poll for commits elsewhere."""

    def __init__(self, runtime: Host) -> None:
        self._runtime = runtime
        self._wake = asyncio.Event()
        # When the next batch of what was told in bulk is due, and the newest that waited at the last one.
        self._bulk_due = 0.0
        self._bulk_newest = 0

    def wake(self) -> None:
        """There is something to publish."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Loses nothing when the database or the broker goes away: it begins anew."""
        await patrol("relay", self._lead)

    async def _lead(self) -> float:
        # The lock belongs to the connection: when this process dies, another replica's relay takes over. Should two
        # lead for a moment, the stream drops what it has already.
        async with self._runtime.database.engine.connect() as raw:
            connection = await raw.execution_options(isolation_level="AUTOCOMMIT")
            while not (await connection.execute(select(func.pg_try_advisory_lock(RELAY_LOCK)))).scalar():
                await asyncio.sleep(1.0)
            try:
                await self._runtime.broker.ensure_stream(self._runtime.settings.service)
                driver = (await connection.get_raw_connection()).driver_connection
                return await self._follow(Statements(connection, driver))
            finally:
                # Whatever ended it, the lock must not go back to the pool with its connection.
                await connection.invalidate()

    async def _follow(self, statements: Statements) -> float:
        reconnections, rest = self._runtime.broker.reconnections, POLL
        while True:
            self._wake.clear()
            if reconnections != self._runtime.broker.reconnections:
                await self.doubt()
                reconnections = self._runtime.broker.reconnections
            began = time.monotonic()
            # On the connection that holds the lock: whoever has lost it publishes nothing.
            published = await self.publish_once(statements)
            looked = began >= self._bulk_due
            bulk = await self._publish_bulk(statements) if looked else 0
            if published == BATCH:
                continue
            if published:
                await asyncio.sleep(began + GATHER - time.monotonic())
            # Where both lines were looked at and empty, longer each time.
            quiet = looked and not bulk
            pause = rest if quiet else min(rest, max(0.0, self._bulk_due - time.monotonic()))
            heard = await woken(self._wake, pause)
            rest = POLL if heard or published or not quiet else min(2 * rest, LONGEST_POLL)

    async def publish_once(self, statements: Statements) -> int:
        """Publishes the oldest unpublished events; gives how many. Raises when the stream did not take them all."""
        return await self._publish(statements, await statements.fetch(_FIRST))

    async def _publish_bulk(self, statements: Statements) -> int:
        rows = await statements.fetch(_BULK)
        await self._publish(statements, rows)
        newest = ((await statements.fetch(_NEWEST))[0][0] or 0) if len(rows) == BATCH else 0
        if newest and newest - rows[-1]["id"] > MOST_WAITING:
            pause = 0.0
        else:
            pause = WRITING if newest > self._bulk_newest else WRITTEN
        self._bulk_due, self._bulk_newest = time.monotonic() + pause, newest
        return len(rows)

    async def _publish(self, statements: Statements, rows: Sequence[Any]) -> int:
        if not rows:
            return 0
        taken = await self._runtime.broker.publish(
            [
                (subject, payload, {**headers, "Nats-Msg-Id": str(event_id)})
                for _, subject, payload, headers, event_id in rows
            ]
        )
        done = [row["id"] for row, ok in zip(rows, taken, strict=True) if ok]
        if done:
            await statements.fetch(_PUBLISHED, done)
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

    async def forget(self) -> None:
        """Removes published events older than a week."""
        async with self._runtime.database.connection() as connection:
            old = (outbox.c.publish_time.is_not(None)) & (outbox.c.create_time < func.now() - KEEP)
            await connection.execute(delete(outbox).where(old))
