"""What a restored database needs beside its rows, so that its service goes on where it stood at the position."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tercet_backup.manifest import Manifest

# What was published shortly before goes first, as it comes: consumers may not have taken it. What is older they have
# most likely, and their marks say so; it goes in the line of what is told in bulk, behind what people do now.
_RECENT = "10 minutes"
_STATEMENTS = (
    # Streams are not in a backup. All events that are kept are published once more; whoever has one's mark skips it.
    "UPDATE outbox SET publish_time = NULL,"
    f" bulk = bulk OR publish_time < CAST(:position AS timestamptz) - interval '{_RECENT}'"
    " WHERE publish_time IS NOT NULL",
    # Marks are forgotten after thirty days, events that are published now are kept for fourteen: the marks of events
    # that are told once more must outlive them, however old the backup is.
    "UPDATE inbox SET create_time = now() WHERE create_time < now() - interval '14 days'"
    " AND create_time > CAST(:position AS timestamptz) - interval '14 days'",
    # What somebody discarded must not be tried again.
    "INSERT INTO inbox (consumer, event_id) SELECT consumer, event_id FROM dead_letters WHERE state = 'DISCARDED'"
    " ON CONFLICT DO NOTHING",
    # Whoever held these is gone.
    "UPDATE jobs SET lease_time = NULL WHERE lease_time IS NOT NULL",
    "UPDATE processes SET lease_time = NULL WHERE state = 'RUNNING' AND lease_time IS NOT NULL",
)
_RECORD = (
    "INSERT INTO restores (backup_id, position_time) VALUES (CAST(:backup AS uuid), :position)"
    " ON CONFLICT (backup_id) DO UPDATE SET restore_time = now()"
)


async def settle(connection: AsyncConnection, manifest: Manifest) -> None:
    """Has events published anew, work taken up again, and the restore recorded."""
    for statement in _STATEMENTS:
        values = {"position": manifest.position_time} if ":position" in statement else {}
        await connection.execute(text(statement), values)
    await connection.execute(text(_RECORD), {"backup": manifest.backup_id, "position": manifest.position_time})
