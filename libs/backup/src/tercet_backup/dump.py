"""Writes all databases at one moment into one archive, table by table, while the services go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tercet_backup.archive import ArchiveWriter, TableWriter
from tercet_backup.barrier import GATE_SETTINGS, cut
from tercet_backup.errors import ArchiveNotWritten, BackupRuns, DatabaseLost, DatabaseSilent, NotMigrated, SchemaMoved
from tercet_backup.keys import KeyPrints
from tercet_backup.manifest import Manifest, ServicePart, TablePart

ONE_BACKUP = 7_300_006
# How text looks must not depend on how a database is set.
SETTINGS = {
    "application_name": "tercet-backup",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lock_timeout": "10s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
REVISION_TABLE = "alembic_version"
TABLES = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
GROUP BY c.oid, c.relname ORDER BY c.relname
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_ABOUT = """
SELECT (SELECT version_num FROM alembic_version) AS revision, current_setting('server_version') AS server_version,
  (SELECT coalesce(max(id), 0) FROM outbox) AS outbox_last_id,
  (SELECT count(*) FROM outbox WHERE publish_time IS NULL) AS outbox_unpublished_count,
  (SELECT count(*) FROM inbox) AS inbox_count
"""
# Told of each table: service, table, bytes of text so far.
Told = Callable[[str, str, int], None]
Tables = dict[str, list[str]]


async def dump(
    databases: Mapping[str, str], out: Path, prints: KeyPrints, backup_id: UUID, told: Told = lambda *_: None
) -> Manifest:
    """Writes a new archive from the databases, `service -> address of the tables' owner`; gives what it holds.

    Refused while another backup runs, for a database that is away or empty, and when commits cannot be held for the
    moment that it takes. Nothing is left behind then, nor when it is cancelled.
    """
    try:
        return await _dump(databases, out, prints, backup_id, told)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as lost:
        raise DatabaseLost(f"{type(lost).__name__}: {lost}") from lost
    except OSError as wrong:
        raise ArchiveNotWritten(out, wrong.strerror or str(wrong)) from wrong


async def _dump(databases: Mapping[str, str], out: Path, prints: KeyPrints, backup_id: UUID, told: Told) -> Manifest:
    async with AsyncExitStack() as stack:
        readers, tables = {}, {}
        first = await stack.enter_async_context(_connected(next(iter(databases)), databases, SETTINGS))
        if not await first.fetchval("SELECT pg_try_advisory_lock($1::bigint)", ONE_BACKUP):
            raise BackupRuns
        archive = stack.enter_context(ArchiveWriter(out))
        for service in databases:
            readers[service] = await stack.enter_async_context(_connected(service, databases, SETTINGS))
            tables[service] = await _begin(service, readers[service])
        async with AsyncExitStack() as shut:
            gates = {
                service: await shut.enter_async_context(_connected(service, databases, SETTINGS | GATE_SETTINGS))
                for service in databases
            }
            moment = await cut(gates, readers)
        parts = {}
        for service, reader in readers.items():
            if await _tables(reader) != tables[service]:
                raise SchemaMoved(service)
            parts[service] = await _part(reader)
        tenants = max([await reader.fetchval("SELECT count(*) FROM known_tenants") for reader in readers.values()])
        for service, reader in readers.items():
            for table, columns in tables[service].items():
                if table != REVISION_TABLE:
                    on = partial(told, service, table)
                    writer = TableWriter(archive, service, table)
                    parts[service].tables[table] = await _table(reader, table, columns, writer, on)
            await reader.execute("COMMIT")
        manifest = Manifest(
            backup_id=str(backup_id),
            version=version("tercet-chassis"),
            position_time=moment.position_time,
            end_time=datetime.now(UTC),
            held_seconds=round(moment.held_seconds, 4),
            tenant_count=tenants,
            keys=prints,
            services=parts,
        )
        archive.finish(manifest)
    return manifest


@asynccontextmanager
async def _connected(
    service: str, databases: Mapping[str, str], settings: Mapping[str, str]
) -> AsyncIterator[asyncpg.Connection[Any]]:
    try:
        connection = await asyncpg.connect(databases[service], server_settings=dict(settings))
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as away:
        raise DatabaseSilent(service, f"{type(away).__name__}: {away}") from away
    try:
        yield connection
    finally:
        # Cut, not closed in order: a cancelled COPY must not be read to its end first.
        connection.terminate()


async def _begin(service: str, reader: asyncpg.Connection[Any]) -> Tables:
    """Begins the transaction that will read, without its snapshot, and keeps the tables as they are for it."""
    found = await _tables(reader)
    if REVISION_TABLE not in found:
        raise NotMigrated(service)
    await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    # A lock takes no snapshot. No migration comes between, which a table's own lock would wait for otherwise.
    try:
        await reader.execute(f"LOCK TABLE {', '.join(quoted(table) for table in found)} IN ACCESS SHARE MODE")
    except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError) as migrating:
        raise SchemaMoved(service) from migrating
    return found


async def _tables(reader: asyncpg.Connection[Any]) -> Tables:
    return {row["name"]: list(row["columns"]) for row in await reader.fetch(TABLES)}


async def _part(reader: asyncpg.Connection[Any]) -> ServicePart:
    sequences = {row["sequencename"]: row["last_value"] for row in await reader.fetch(_SEQUENCES)}
    return ServicePart(**dict(await reader.fetchrow(_ABOUT) or {}), sequences=sequences)


async def _table(
    reader: asyncpg.Connection[Any], table: str, columns: list[str], writer: TableWriter, told: Callable[[int], None]
) -> TablePart:
    async def take(data: bytes) -> None:
        await writer.write(data)
        told(writer.bytes)

    said = await reader.copy_from_table(table, columns=columns, output=take)
    told(writer.bytes)
    return await writer.end(columns, int(said.rpartition(" ")[2]))


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'
