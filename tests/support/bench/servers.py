"""What the bench's fixtures give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tercet_local.nats import Nats
from tercet_local.postgres import PostgresInfo

Happenings = Callable[[str], Awaitable[list[Any]]]


@dataclass
class BenchServers:
    """The bench's PostgreSQL and NATS."""

    postgres: PostgresInfo
    nats: Nats
    nats_url: str

    @property
    def owner_url(self) -> str:
        return self.postgres.owner_dsn("sales")

    @property
    def app_url(self) -> str:
        return self.postgres.app_dsn("sales")
