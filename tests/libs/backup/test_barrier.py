"""No snapshot holds an effect whose cause another one lacks, however hard services work meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest

from support.servers import Servers
from tercet_backup.barrier import GATE_SETTINGS, cut
from tercet_backup.errors import CommitsNotHeld
from tercet_chassis.database import COMMIT_GATE, Database
from tercet_chassis.testing import eventually

# What the first tells the second does, and so on around.
ROUND = ("leads", "sales", "marketing", "service-desk", "gateway")
Connections = dict[str, "asyncpg.Connection[Any]"]


@pytest.fixture
async def houses(servers: Servers) -> AsyncIterator[dict[str, Database]]:
    """Each service's database as the service itself writes to it, with a table of what came by."""
    made = {}
    for name in ROUND:
        connection = await asyncpg.connect(servers.owner_dsn(name))
        await connection.execute("CREATE TABLE cut_trial (number bigint PRIMARY KEY)")
        await connection.close()
        made[name] = Database(servers.app_dsn(name), pool_size=4, overflow=0, name="trial")
    yield made
    for name, database in made.items():
        await database.close()
        connection = await asyncpg.connect(servers.owner_dsn(name))
        await connection.execute("DROP TABLE cut_trial")
        await connection.close()


async def connections(servers: Servers, **settings: str) -> Connections:
    return {name: await asyncpg.connect(servers.owner_dsn(name), server_settings=settings) for name in ROUND}


def longer_than(done: list[int], count: int) -> bool:
    return len(done) > count


async def ended(*groups: Connections) -> None:
    for group in groups:
        for connection in group.values():
            await connection.close()


async def pass_around(houses: dict[str, Database], first: int, done: list[int], stop: asyncio.Event) -> None:
    """Each number goes through all services, in the order of the round: the next begins when the last has committed."""
    number = first
    while not stop.is_set():
        for database in houses.values():
            async with database.begun() as statements:
                await statements.fetch("INSERT INTO cut_trial VALUES ($1)", number)
        done.append(number)
        number += 1


async def test_no_effect_is_without_its_cause(houses: dict[str, Database], servers: Servers) -> None:
    stop, done = asyncio.Event(), list[int]()
    work = [asyncio.create_task(pass_around(houses, first * 1_000_000, done, stop)) for first in range(4)]
    gates, readers = await connections(servers, **GATE_SETTINGS), await connections(servers)
    apart = 0
    try:
        for _ in range(20):
            count = len(done)
            await eventually(partial(longer_than, done, count))
            for reader in readers.values():
                await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            acknowledged = set(done)
            moment = await cut(gates, readers)
            found = {
                name: {row["number"] for row in await reader.fetch("SELECT number FROM cut_trial")}
                for name, reader in readers.items()
            }
            for before, after in itertools.pairwise(ROUND):
                assert found[after] <= found[before], f"{after} knows what {before} never did"
            assert acknowledged <= found[ROUND[-1]], "what was acknowledged before is there"
            assert moment.held_seconds < 5
            apart += found[ROUND[0]] != found[ROUND[-1]]
            for reader in readers.values():
                await reader.execute("COMMIT")
    finally:
        stop.set()
        await asyncio.gather(*work)
        await ended(gates, readers)
    assert apart, "work was under way at some cut, or this proves nothing"


async def test_a_gate_that_cannot_be_shut_is_told_and_holds_nobody_up(
    houses: dict[str, Database], servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tercet_backup.barrier._PAUSE_SECONDS", 0.0)
    gates = await connections(servers, lock_timeout="50ms")
    readers, stuck = await connections(servers), await asyncpg.connect(servers.owner_dsn("sales"))
    try:
        await stuck.execute(f"SELECT pg_advisory_lock_shared({COMMIT_GATE})")
        with pytest.raises(CommitsNotHeld):
            await cut(gates, readers)
        for database in houses.values():
            async with database.begun() as statements:
                await statements.fetch("INSERT INTO cut_trial VALUES (1)")
        await stuck.execute(f"SELECT pg_advisory_unlock_shared({COMMIT_GATE})")
        assert (await cut(gates, readers)).held_seconds < 5
    finally:
        await ended(gates, readers, {"stuck": stuck})
