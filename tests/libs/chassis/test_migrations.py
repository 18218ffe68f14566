"""Migrations as an upgrade meets them: awaited by who serves, and left alone by who is older than the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest

from support.servers import Servers
from tercet_chassis import migrations
from tercet_chassis.ids import new_id
from tercet_leads.app import service


@dataclass
class Database:
    """A database of the test's own, with the roles of leads."""

    owner: str
    app: str

    async def stand_at(self, revision: str) -> None:
        """Says that another version migrated it."""
        statement = f"UPDATE alembic_version SET version_num = '{revision}'"
        await migrations.with_owner(self.owner, lambda connection: connection.exec_driver_sql(statement))


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    name = f"t{new_id().hex}"
    superuser = await asyncpg.connect(servers.superuser_dsn.replace("+asyncpg", ""))
    owner, app = (urlsplit(dsn) for dsn in (servers.owner_dsn("leads"), servers.app_dsn("leads")))
    await superuser.execute(f'CREATE DATABASE "{name}" OWNER "{owner.username}"')
    inside = await asyncpg.connect(servers.superuser_dsn.replace("+asyncpg", ""), database=name)
    await inside.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin")
    await inside.execute(f'ALTER SCHEMA public OWNER TO "{owner.username}"')
    await inside.close()
    yield Database(owner._replace(path=f"/{name}").geturl(), app._replace(path=f"/{name}").geturl())
    await superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await superuser.close()


async def migrated(database: Database) -> None:
    await asyncio.to_thread(migrations.migrate, service, database.owner, database.app)


async def test_who_serves_waits_until_the_database_is_migrated(database: Database) -> None:
    with pytest.raises(TimeoutError, match="stands at no revision"):
        await migrations.awaited(service, database.app, 0.1)
    waiting = asyncio.create_task(migrations.awaited(service, database.app, 60))
    await migrated(database)
    await waiting
    assert await migrations.current(database.app) == migrations.revisions(service)[0]


async def test_older_code_serves_on_a_newer_schema_and_migrates_nothing(database: Database) -> None:
    await migrated(database)
    await database.stand_at("9999")
    await migrated(database)
    assert await migrations.current(database.owner) == "9999"
    await migrations.awaited(service, database.app, 0.1)


async def test_a_database_out_of_reach_is_said_so() -> None:
    with pytest.raises(TimeoutError, match="does not answer"):
        await migrations.awaited(service, "postgresql://nobody@127.0.0.1:1/nothing", 0.1)
