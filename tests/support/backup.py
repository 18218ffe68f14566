"""Backups in tests: of the session's own databases, whose tables were made from the models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

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


@dataclass(frozen=True)
class Scratch:
    """A database of the test's own, with the roles of a service."""

    owner: str
    app: str


@asynccontextmanager
async def scratch(servers: Servers, service: str) -> AsyncIterator[Scratch]:
    """An empty database as a service is given one."""
    name = f"t{new_id().hex}"
    superuser = await asyncpg.connect(servers.superuser_dsn)
    owner, app = (urlsplit(dsn) for dsn in (servers.owner_dsn(service), servers.app_dsn(service)))
    await superuser.execute(f'CREATE DATABASE "{name}" OWNER "{owner.username}"')
    inside = await asyncpg.connect(servers.superuser_dsn, database=name)
    await inside.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin")
    await inside.execute(f'ALTER SCHEMA public OWNER TO "{owner.username}"')
    await inside.close()
    yield Scratch(owner._replace(path=f"/{name}").geturl(), app._replace(path=f"/{name}").geturl())
    await superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await superuser.close()
