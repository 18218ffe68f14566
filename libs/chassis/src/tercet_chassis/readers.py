"""Connections that can only read, each standing in one tenant until another one needs it.

A read in a transaction of its own is three round trips through the session's machinery; here it is one, straight to the
driver. Each statement sees what is committed when it begins, as it would in a transaction of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from google.protobuf.message import Message
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tercet_chassis.database import Statements
from tercet_chassis.faults import DatabaseAway, refusal_of

# Of the pool's connections; the others are for what writes.
_MOST = 4
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class ById:
    """Rows in one caller's reach by their ids, the first parameter."""

    text: str
    values: tuple[Any, ...]
    render: Callable[[Any], Message]
    at: int

    def id_of(self, row: Any) -> UUID:
        """The row's id."""
        found: UUID = row[self.at]
        return found


@dataclass(slots=True, eq=False)
class _Reader:
    """A connection and the tenant that it stands in."""

    connection: AsyncConnection
    driver: Any
    statements: Statements
    tenant_id: UUID | None = None

    async def fetch(self, tenant_id: UUID, statement: str, values: Sequence[Any]) -> list[Any]:
        if self.tenant_id != tenant_id:
            self.tenant_id = None
            await self.statements.fetch("SELECT set_config('app.tenant', $1, false)", str(tenant_id))
            self.tenant_id = tenant_id
        return await self.statements.fetch(statement, *values)

    async def end(self) -> None:
        # Never back to the pool: what comes from there stands in no tenant.
        await self.connection.invalidate()
        await self.connection.close()


@dataclass(slots=True, eq=False)
class _Line:
    """Rows that are wanted while a look runs."""

    waiting: list[tuple[UUID, asyncio.Future[Any]]] = field(default_factory=list)


class Readers:
    """The connections that only read, opened as they are needed."""

    def __init__(self, engine: AsyncEngine, prepare: Callable[[Any], Awaitable[None]] | None = None) -> None:
        self._engine, self._prepare = engine, prepare
        self._idle: list[_Reader] = []
        self._open = 0
        self._slots = asyncio.Semaphore(_MOST)
        self._lines: dict[Hashable, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def fetch(self, tenant_id: UUID, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement that changes nothing. A connection that proves dead is replaced once; refuses what
        the database refuses.
        """
        try:
            try:
                return await self._fetch(tenant_id, statement, values)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return await self._fetch(tenant_id, statement, values)
        except Exception as error:
            refusal = refusal_of(error, {})
            if refusal is None:
                raise
            raise refusal from error

    async def _fetch(self, tenant_id: UUID, statement: str, values: Sequence[Any]) -> list[Any]:
        if self._slots.locked():
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._slots.acquire()
            except TimeoutError as busy:
                raise DatabaseAway(retry_after=1.0) from busy
        else:
            await self._slots.acquire()
        try:
            reader = await self._taken(tenant_id)
            try:
                return await reader.fetch(tenant_id, statement, values)
            finally:
                self._idle.append(reader)
        finally:
            self._slots.release()

    async def _taken(self, tenant_id: UUID) -> _Reader:
        """A connection that stands in the tenant if there is one, else a new one while there are few."""
        for reader in [one for one in self._idle if one.driver.is_closed()]:
            self._idle.remove(reader)
            self._open -= 1
            await reader.end()
        for reader in reversed(self._idle):
            if reader.tenant_id == tenant_id:
                self._idle.remove(reader)
                return reader
        if self._open >= _MOST:
            return self._idle.pop(0)
        self._open += 1
        try:
            return await self._opened()
        except BaseException:
            self._open -= 1
            raise

    async def _opened(self) -> _Reader:
        connection = await self._engine.connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        while driver.is_closed():
            # The server went away meanwhile: another of the pool, or a new one.
            await connection.invalidate()
            driver = (await connection.get_raw_connection()).driver_connection
        reader = _Reader(connection, driver, Statements(connection, driver))
        try:
            await reader.statements.run("SET default_transaction_read_only = on")
            await driver.set_type_codec("jsonb", schema="pg_catalog", format="binary", encoder=_jsonb, decoder=_json)
            if self._prepare is not None:
                await self._prepare(driver)
        except BaseException:
            await reader.end()
            raise
        return reader

    async def shared(self, tenant_id: UUID, query: ById, id: UUID) -> Any:
        """The row of an id by a query for many, or None."""
        key = (tenant_id, query)
        line = self._lines.get(key)
        if line is not None:
            wanted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            line.waiting.append((id, wanted))
            return await wanted
        self._lines[key] = line = _Line()
        try:
            rows = await self.fetch(tenant_id, query.text, [id], *query.values)
        finally:
            if line.waiting:
                task = asyncio.create_task(self._serve(key, line))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                del self._lines[key]
        return rows[0] if rows else None

    async def _serve(self, key: tuple[UUID, ById], line: _Line) -> None:
        tenant_id, query = key
        while line.waiting:
            group, line.waiting = line.waiting, []
            try:
                rows = await self.fetch(tenant_id, query.text, list({id for id, _ in group}), *query.values)
            except Exception as failed:
                for _, wanted in group:
                    if not wanted.done():
                        wanted.set_exception(failed)
                continue
            found = {query.id_of(row): row for row in rows}
            for id, wanted in group:
                if not wanted.done():
                    wanted.set_result(found.get(id))
        del self._lines[key]

    async def close(self) -> None:
        """Ends the connections."""
        for task in list(self._tasks):
            task.cancel()
        for reader in self._idle:
            with suppress(DBAPIError, OSError):
                await reader.end()
        self._idle.clear()


def _jsonb(text: str) -> bytes:
    return b"\x01" + text.encode()


def _json(value: bytes) -> Any:
    return orjson.loads(value[1:])
