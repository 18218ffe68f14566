"""The service's database: one pool, and transactions that carry the tenant so that the fence holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

_TENANT = text("SELECT set_config('app.tenant', :tenant, true)")
NOBODY = UUID(int=0)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def async_url(dsn: str) -> str:
    """A plain `postgresql://` address as SQLAlchemy wants it for asyncpg."""
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


class Database:
    """The pool of the app role, which does not own the tables and so is bound by row-level security."""

    def __init__(self, url: str, *, pool_size: int, overflow: int, name: str) -> None:
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=overflow,
            pool_timeout=10,
            pool_recycle=1800,
            # A failed statement is logged; its values may be personal.
            hide_parameters=True,
            # Rows carry much JSON; the standard library's parser took a tenth of intake's time.
            json_serializer=_json,
            json_deserializer=orjson.loads,
            connect_args={
                "server_settings": {"application_name": name, "timezone": "UTC", "jit": "off"},
                "statement_cache_size": 512,
            },
        )

    def session(self) -> AsyncSession:
        """A session on a fresh transaction; the caller begins and closes it."""
        return AsyncSession(self.engine, expire_on_commit=False, autoflush=True)

    @asynccontextmanager
    async def connection(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection inside one transaction, for the chassis's own tables and, with a tenant, fenced ones."""
        async with self.engine.begin() as connection:
            if tenant_id is not None:
                await connection.execute(_TENANT, {"tenant": str(tenant_id)})
            yield connection

    async def close(self) -> None:
        """Ends all connections."""
        await self.engine.dispose()


async def enter_tenant(session: AsyncSession, tenant_id: UUID | None) -> None:
    """Puts the tenant on the session's transaction; nobody's when there is none, so that no row is seen."""
    await session.execute(_TENANT, {"tenant": str(tenant_id or NOBODY)})
