"""Databases of a test's own, with the roles of leads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest

from support.servers import Servers
from tercet_chassis.ids import new_id


@dataclass(frozen=True)
class Database:
    """Where it is, for the tables' owner and for who serves."""

    owner: str
    app: str

    @property
    def role(self) -> str:
        return urlsplit(self.app).username or ""


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
