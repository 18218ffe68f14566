"""The service's database: one pool, and transactions that carry the tenant so that the fence holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from tercet_chassis import telemetry
from tercet_chassis.faults import first_statement

_TENANT = text("SELECT set_config('app.tenant', :tenant, true)")
_BEGIN = "BEGIN; SELECT set_config('app.tenant', '{}', true)"
# Whoever writes passes this gate together with all others, as the last thing before the commit. A backup shuts it for
# milliseconds in every database at once: then nothing is half told anywhere.
COMMIT_GATE = 7_300_005
_COMMIT = (
    f"SELECT pg_advisory_xact_lock_shared({COMMIT_GATE}) WHERE pg_current_xact_id_if_assigned() IS NOT NULL; COMMIT"
)
NOBODY = UUID(int=0)
# The last is the driver's own confusion, when the server ends a connection in the moment of a statement.
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncpg.InternalClientError)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def async_url(dsn: str) -> str:
    """A plain `postgresql://` address as SQLAlchemy wants it for asyncpg."""
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


class Said(Exception):
    """What the server said, without the values that it quotes."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error.args[0] if error.args else ''}")
        for name in ("sqlstate", "constraint_name", "table_name", "column_name"):
            setattr(self, name, getattr(error, name, None))


class Statements:
    """A connection inside one transaction, for statements in PostgreSQL's own words: they cost a fifth of what they
    cost through a session. Errors are SQLAlchemy's all the same.
    """

    def __init__(self, connection: AsyncConnection, driver: Any) -> None:
        self.connection, self._driver = connection, driver

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement with its parameters $1, $2, …"""
        with telemetry.sql_span(statement), self._errors():
            rows: list[Any] = await self._driver.fetch(statement, *values)
        return rows

    async def run(self, statements: str) -> str:
        """Statements without parameters, in one round trip; gives what the server says of the last one."""
        with telemetry.sql_span(statements), self._errors():
            said: str = await self._driver.execute(statements)
        return said

    async def copy(self, table: str, columns: Sequence[str], records: Sequence[Any]) -> None:
        """COPY as it is; JSON is given as text."""
        with telemetry.sql_span(f"COPY {table}"), self._errors():
            await self._driver.copy_records_to_table(table, records=records, columns=columns)

    async def rollback(self) -> None:
        """Takes everything back; a connection on which that fails is not used again."""
        try:
            if self._driver.is_in_transaction():
                await self._driver.execute("ROLLBACK")
        except _DRIVER_ERRORS:
            await self.connection.invalidate()
        else:
            if self._driver.is_closed():
                await self.connection.invalidate()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except _DRIVER_ERRORS as error:
            kind = IntegrityError if isinstance(error, asyncpg.IntegrityConstraintViolationError) else DBAPIError
            if isinstance(error, asyncpg.InternalClientError):
                self._driver.terminate()
            gone = self._driver.is_closed()
            raise kind(None, None, Said(error), hide_parameters=True, connection_invalidated=gone) from None


class Database:
    """The pool of the app role, which does not own the tables and so is bound by row-level security."""

    def __init__(self, url: str, *, pool_size: int, overflow: int, name: str) -> None:
        options: dict[str, Any] = {
            # Transactions are begun and ended below, with their tenant in the same round trip.
            "isolation_level": "AUTOCOMMIT",
            # A failed statement is logged; its values may be personal.
            "hide_parameters": True,
            # Rows carry much JSON; the standard library's parser took a tenth of intake's time.
            "json_serializer": _json,
            "json_deserializer": orjson.loads,
            "connect_args": {
                "server_settings": {"application_name": name, "timezone": "UTC", "jit": "off"},
                "statement_cache_size": 512,
            },
        }
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=overflow,
            pool_timeout=10,
            pool_recycle=1800,
            # The connection used last has its plans and its catalogue warm.
            pool_use_lifo=True,
            **options,
        )
        self._beyond = create_async_engine(async_url(url), poolclass=NullPool, **options)

    @asynccontextmanager
    async def begun(self, tenant_id: UUID | None = None, *, beyond: bool = False) -> AsyncIterator[Statements]:
        """A transaction that commits when the block ends; without a tenant fenced tables are closed to it. Whoever
        holds one already takes the second from `beyond` the pool: else many who hold one could wait for each other's.
        """
        async with (self._beyond if beyond else self.engine).connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            while driver.is_closed():
                # The server went away meanwhile: another of the pool, or a new one.
                await connection.invalidate()
                driver = (await connection.get_raw_connection()).driver_connection
            statements = Statements(connection, driver)
            try:
                with first_statement():
                    await statements.run(_BEGIN.format(tenant_id) if tenant_id else "BEGIN")
                yield statements
                # The server would take a lone COMMIT after a failed statement for a ROLLBACK, without a word; the
                # gate's statement it refuses.
                await statements.run(_COMMIT)
            except BaseException:
                await statements.rollback()
                raise

    @asynccontextmanager
    async def connection(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection inside one transaction, for the chassis's own tables and, with a tenant, fenced ones."""
        async with self.begun(tenant_id) as statements:
            yield statements.connection

    async def close(self) -> None:
        """Ends all connections."""
        await self.engine.dispose()


async def enter_tenant(session: AsyncSession, tenant_id: UUID | None) -> None:
    """Puts the tenant on the session's transaction; nobody's when there is none, so that no row is seen."""
    await session.execute(_TENANT, {"tenant": str(tenant_id or NOBODY)})
