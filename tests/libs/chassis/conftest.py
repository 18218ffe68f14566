"""The bench: a small service on servers of its own, whose NATS tests may kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from support.bench import Bench, bench
from support.bench.contacts.script import SCRIPT
from support.bench.servers import BenchServers, Happenings
from tercet_chassis.testing import Client, RunningService, Together
from tercet_local import ports
from tercet_local.nats import Nats
from tercet_local.postgres import THROW_AWAY, Postgres


@pytest.fixture(scope="session")
def bench_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchServers]:
    folder = tmp_path_factory.mktemp("bench")
    postgres = Postgres(folder, settings=THROW_AWAY)
    nats = Nats(folder, port=ports.pick(), monitor_port=ports.pick())
    try:
        yield BenchServers(postgres.start(), nats, nats.start())
    finally:
        nats.remove()
        postgres.remove()


@pytest.fixture(scope="session")
async def bench_running(
    bench_servers: BenchServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    together = Together(tmp_path_factory.mktemp("bench-service"), bench_servers.nats_url)
    service: Bench = bench()
    yield await together.start(service, bench_servers.owner_url, bench_servers.app_url)
    await together.stop()


@pytest.fixture
async def sut(bench_running: RunningService) -> AsyncIterator[Client]:
    """A client of the bench that may do everything, in a tenant of its own."""
    SCRIPT.clear()
    yield await bench_running.tenant()
    SCRIPT.clear()


@pytest.fixture
def happenings(sut: Client) -> Happenings:
    """The notes and versions that handlers left in this tenant, oldest first, by kind."""

    async def of(kind: str) -> list[Any]:
        async with sut.transaction() as tx:
            query = text("SELECT note, version FROM fenced.happenings WHERE kind = :kind ORDER BY create_time, id")
            return [(row.note, row.version) for row in await tx.session.execute(query, {"kind": kind})]

    return of
