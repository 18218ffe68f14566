"""Puts one service's part of an archive into its database, in one transaction: all of it, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tercet_backup.archive import Archive
from tercet_backup.dump import REVISION_TABLE, TABLES, quoted
from tercet_backup.errors import (
    ArchiveDamaged,
    ArchiveDoesNotFit,
    ArchiveOfNewerVersion,
    NotEmpty,
    OtherKeys,
    ServiceMissing,
    ServiceRuns,
    StreamsSilent,
)
from tercet_backup.keys import missing_keys
from tercet_backup.manifest import Manifest, ServicePart
from tercet_backup.settling import settle
from tercet_chassis import migrations
from tercet_chassis.broker import Broker, stream_name
from tercet_chassis.database import async_url
from tercet_chassis.entity import FENCED_SCHEMA
from tercet_chassis.relay import RELAY_LOCK
from tercet_chassis.service import Service
from tercet_chassis.settings import Settings

log = structlog.get_logger(__name__)
_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
_NATS_SECONDS = 30.0
Told = Callable[[str, int], None]


def service_of(name: str) -> Service:
    """The service of that name as it is installed here."""
    found: Service = import_module(f"tercet_{name.replace('-', '_')}.app").service
    return found.assemble()


async def restore(
    archive: Archive,
    settings: Settings,
    *,
    replace: bool = False,
    accept_other_keys: bool = False,
    streams: bool = True,
    told: Told = lambda *_: None,
) -> bool:
    """Restores the service that the settings name; False when that was done from this backup before.

    Refused, with nothing changed, for a part made by a newer version, other keys, a database that holds data unless it
    may be replaced, and while the service runs. The service's stream is emptied, since events of another past may be
    in it; what consumers had not taken yet is published again from the outbox.
    """
    manifest, name = archive.manifest, settings.service
    part = manifest.services.get(name)
    if part is None:
        raise ServiceMissing(name, manifest.services)
    if not accept_other_keys and (
        missing := missing_keys(manifest.keys, name, settings.keys_dir, settings.encryption_keys)
    ):
        raise OtherKeys(name, missing)
    service = service_of(name)
    if part.revision not in migrations.revisions(service):
        raise ArchiveOfNewerVersion(name, part.revision, manifest.version)

    def migrated(connection: Connection, to: str) -> None:
        migrations.upgrade_within(service, settings.database_url, connection, to)

    engine = create_async_engine(async_url(settings.database_owner_url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            # As the service itself would hold it: whoever has it first keeps the other out.
            if not (await connection.execute(_ALONE, {"lock": RELAY_LOCK})).scalar():
                raise ServiceRuns(name)
            if not await _make_room(connection, manifest, name, replace=replace):
                return False
            await connection.run_sync(migrated, part.revision)
            await _fill(connection, archive, name, part, told)
            await settle(connection, manifest)
            await connection.run_sync(migrated, "head")
            if streams:
                await _empty_stream(settings)
            await connection.commit()
            await connection.execute(text("ANALYZE"))
            await connection.commit()
    finally:
        await engine.dispose()
    return True


async def _make_room(connection: AsyncConnection, manifest: Manifest, service: str, *, replace: bool) -> bool:
    """Drops the tables that are there. Refuses to drop a row unless it may; False when they are this backup's."""
    found = (await connection.execute(text(TABLES))).scalars().all()
    if "restores" in found and not replace:
        query = text("SELECT count(*) FROM restores WHERE backup_id = CAST(:id AS uuid)")
        if (await connection.execute(query, {"id": manifest.backup_id})).scalar():
            return False
    for table in found:
        if table == REVISION_TABLE or replace:
            continue
        if (await connection.execute(text(f"SELECT EXISTS (SELECT FROM {quoted(table)})"))).scalar():
            raise NotEmpty(service, table)
    if found:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {FENCED_SCHEMA} CASCADE"))
        await connection.execute(text(f"DROP TABLE {', '.join(map(quoted, found))} CASCADE"))
    return True


async def _fill(connection: AsyncConnection, archive: Archive, service: str, part: ServicePart, told: Told) -> None:
    there = set((await connection.execute(text(TABLES))).scalars()) - {REVISION_TABLE}
    if there != part.tables.keys():
        differing = ", ".join(sorted(there ^ part.tables.keys()))
        raise ArchiveDoesNotFit(service, differing)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    for table, about in part.tables.items():
        columns = await driver.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = ''",
            quoted(table),
        )
        if {row["attname"] for row in columns} != set(about.columns):
            raise ArchiveDoesNotFit(service, f"columns of {table}")
        said = await driver.copy_to_table(table, columns=about.columns, source=_text_of(archive, service, table, told))
        if int(said.rpartition(" ")[2]) != about.rows:
            raise ArchiveDamaged(archive.path, f"{service}/{table}")
    for sequence, value in part.sequences.items():
        await driver.execute(f"SELECT setval('{quoted(sequence)}', {int(value)})")


async def _text_of(archive: Archive, service: str, table: str, told: Told) -> AsyncIterator[bytes]:
    pieces = archive.pieces(service, table)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
        told(table, len(piece))


async def _empty_stream(settings: Settings) -> None:
    broker = Broker(settings.nats_url, "tercet-restore", replicas=1, max_bytes=settings.stream_max_bytes)
    try:
        async with asyncio.timeout(_NATS_SECONDS):
            await broker.connect()
            await broker.jetstream.delete_stream(stream_name(settings.service))
    except NotFoundError:
        log.info("restore.no_stream", stream=stream_name(settings.service))
    except (OSError, TimeoutError, NatsError) as away:
        raise StreamsSilent(repr(away)) from away
    finally:
        await broker.close()
