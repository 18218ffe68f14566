"""Backups in tests: of the session's own databases, whose tables were made from the models."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from support.servers import Servers
from tercet_backup.dump import dump
from tercet_backup.keys import prints_of
from tercet_backup.manifest import Manifest
from tercet_chassis.ids import new_id
from tercet_local.services import ALL


async def back_up(servers: Servers, keys: Path, out: Path) -> Manifest:
    """Backs up all five databases of the session."""
    for service in ALL:
        connection = await asyncpg.connect(servers.owner_dsn(service.name))
        # The migrations would have written it.
        await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY)")
        await connection.execute(
            "INSERT INTO alembic_version VALUES ($1) ON CONFLICT DO NOTHING", service.head_revision()
        )
        await connection.close()
    backup_id = new_id()
    databases = {service.name: servers.owner_dsn(service.name) for service in ALL}
    return await dump(databases, out, prints_of(keys, {}, str(backup_id)), backup_id)
