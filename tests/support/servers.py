"""The real servers that tests talk to: one PostgreSQL and one NATS for a test session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tercet_local.nats import Nats
from tercet_local.postgres import THROW_AWAY, Postgres, PostgresInfo


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test session are."""

    postgres: PostgresInfo
    nats_url: str
    nats_monitor_url: str

    def owner_dsn(self, service: str) -> str:
        """The role that owns the service's tables and runs its migrations."""
        return self.postgres.owner_dsn(service)

    def app_dsn(self, service: str) -> str:
        """The role that serves requests, bound by row-level security."""
        return self.postgres.app_dsn(service)

    @property
    def superuser_dsn(self) -> str:
        return self.postgres.superuser_dsn


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """Both servers, empty, until the block ends; their data goes with them."""
    postgres = Postgres(folder, settings=THROW_AWAY)
    nats = Nats(folder)
    try:
        info = postgres.start()
        url = nats.start()
        yield Servers(info, url, nats.monitor_url)
    finally:
        nats.remove()
        postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)
