"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.servers import Servers, running_servers

pytest_plugins = ["support.services"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One PostgreSQL and one NATS for the session; each worker of a parallel run has its own."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running
