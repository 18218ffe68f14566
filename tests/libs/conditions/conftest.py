"""The sample records in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import ClauseElement, ColumnElement, Executable, Select, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import SQLCompiler

from support.conditions import RECORDS, SAMPLES
from support.servers import Servers


class Explain(Executable, ClauseElement):
    """EXPLAIN of a query with its parameters bound, as the services send them."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(Explain)
def _explain(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN {compiler.process(element.query, **options)}"


class Database:
    """One connection, driven from plain functions, as hypothesis likes them."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._engine: AsyncEngine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
        self._connection: AsyncConnection = self._runner.run(self._connect())

    async def _connect(self) -> AsyncConnection:
        connection = await self._engine.connect()
        await connection.execute(text("DROP TABLE IF EXISTS condition_records"))
        await connection.execute(CreateTable(RECORDS))
        await connection.execute(insert(RECORDS), SAMPLES)
        await connection.commit()
        return connection

    def all(self, statement: Select[Any] | Executable) -> list[Any]:
        async def fetch() -> list[Any]:
            return list((await self._connection.execute(statement)).all())

        return self._runner.run(fetch())

    def run(self, statement: str) -> None:
        async def execute() -> None:
            await self._connection.exec_driver_sql(statement)
            await self._connection.commit()

        self._runner.run(execute())

    def written(self, expression: ColumnElement[Any]) -> str:
        return str(expression.compile(dialect=self._engine.dialect, compile_kwargs={"literal_binds": True}))

    def holds(self, predicate: ColumnElement[bool]) -> dict[int, bool | None]:
        """What the predicate is, NULL included, of each record."""
        return dict(tuple(row) for row in self.all(select(RECORDS.c.id, predicate)))

    def plan(self, predicate: ColumnElement[bool]) -> str:
        """How rows would be found if reading all of them were out of the question."""

        async def explain() -> str:
            await self._connection.execute(text("SET LOCAL enable_seqscan = off"))
            lines = await self._connection.execute(Explain(select(RECORDS.c.id).where(predicate)))
            plan = "\n".join(line[0] for line in lines)
            await self._connection.rollback()
            return plan

        return self._runner.run(explain())

    def close(self) -> None:
        async def end() -> None:
            await self._connection.close()
            await self._engine.dispose()

        self._runner.run(end())
        self._runner.close()


@pytest.fixture(scope="session")
def database(servers: Servers) -> Iterator[Database]:
    opened = Database(servers.superuser_dsn)
    yield opened
    opened.close()
